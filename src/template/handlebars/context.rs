//! What Handlebars templates see: Alertmanager's names as its webhook writes them, and the plant's.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::label::LabelSet;
use crate::core::notification::AlertData;
use crate::template::Mode;
use crate::template::data::{Context, Pairs};
use crate::template::go::GoTemplates;

/// The context of a notification; `route_labels` are those already rendered.
///
/// Beside the webhook's keys: `firing` and `resolved` (the alerts of that status), `subject` (Alertmanager's),
/// `alertsURL` (the page of these alerts), `asset` (null where unknown), `workOrder` (null
/// where there is none) and `workOrders`, `now`, `timeZone` (for `date`); in mails about orders `orderMail` and `digest`.
pub(super) fn json(context: &Context, route_labels: &Pairs, go: &Arc<GoTemplates>) -> Value {
    let data = &context.data;
    let alerts: Vec<Value> = data.alerts.iter().map(alert).collect();
    let with_status =
        |status: &str| alerts.iter().filter(|alert| alert["status"] == status).cloned().collect::<Vec<_>>();
    // Both are Andon's own templates of a few fields; a notification without a subject is told all the same.
    let own = |name: &str| {
        let text = format!("{{{{ template \"{name}\" . }}}}");
        go.render(&text, Mode::Text, context).unwrap_or_default()
    };
    json!({
        "receiver": data.receiver,
        "status": data.status,
        "firing": with_status("firing"),
        "resolved": with_status("resolved"),
        "notification_reason": data.reason,
        "groupLabels": labels(&data.group_labels),
        "commonLabels": labels(&data.common_labels),
        "commonAnnotations": labels(&data.common_annotations),
        "routeLabels": pairs(Some(route_labels)),
        "externalURL": &*data.external_url,
        "subject": own("__subject").trim_end(),
        "alertsURL": own("__alertmanagerURL"),
        "asset": pairs(context.asset.as_ref()),
        "workOrder": context.work_orders.first(),
        "workOrders": context.work_orders,
        "orderMail": context.order_mail,
        "digest": context.digest,
        "now": context.now.to_string(),
        "timeZone": &*context.time_zone,
        "alerts": alerts,
    })
}

fn alert(alert: &AlertData) -> Value {
    json!({
        "status": alert.status,
        "labels": labels(&alert.labels),
        "annotations": labels(&alert.annotations),
        "startsAt": alert.starts_at.to_string(),
        "endsAt": alert.ends_at.to_string(),
        "generatorURL": &*alert.generator_url,
        "fingerprint": alert.fingerprint.to_string(),
    })
}

fn labels(labels: &LabelSet) -> Value {
    let labels = labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(labels.collect::<Map<_, _>>())
}

fn pairs(pairs: Option<&Pairs>) -> Value {
    let Some(pairs) = pairs else { return Value::Null };
    Value::Object(pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
}
