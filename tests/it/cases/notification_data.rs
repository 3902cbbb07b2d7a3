//! What templates and webhooks are told: the data of a notification.

use std::sync::Arc;

use andon::core::alert::Alert;
use andon::core::outbox::{Delivery, DeliveryId, Reason, Thread, ToldAlert};
use andon::receivers::body::{Data, write_open_object};
use serde_json::Value;

use super::{Played, instant, labels, list, now, play, same, text};

#[test]
fn template_data() {
    play("alerts.json", &[], |case| {
        if text(case, "what")? != "template_data" {
            return Ok(Played::NotHere);
        }
        // The URL stands without the slash at its end, as the service keeps it.
        let external_url = text(case, "external_url")?.trim_end_matches('/');
        let (data, _) = Data::new(&delivery(case)?, &Arc::from(external_url), 0);
        let mut found = String::new();
        write_open_object(&data, &mut found);
        found.push('}');
        let found: Value = serde_json::from_str(&found).map_err(|error| format!("{error}: {found}"))?;
        let mut expected = case["data"].clone();
        expected["externalURL"] = external_url.into();
        same("the data", &found, &expected)?;
        Ok(Played::Agrees)
    });
}

fn delivery(case: &Value) -> Result<Delivery, String> {
    let thread = Thread {
        group_key: Arc::from("{}:{}"),
        receiver: Arc::from(text(case, "receiver")?),
        kind: Arc::from("webhook"),
        index: 0,
    };
    Ok(Delivery {
        id: DeliveryId(0),
        thread,
        episode: now(),
        sequence: 0,
        reason: Reason::First,
        decided_at: now(),
        group_labels: labels(&case["group_labels"])?,
        route_labels: labels(&case["route_labels"])?,
        alerts: list(case, "alerts").iter().map(told).collect::<Result<_, _>>()?,
        new: Default::default(),
        attempts: 0,
        due_at: now(),
        tried_since: now(),
        last_error: String::new(),
        receiver_data: Default::default(),
        acknowledged: None,
        undelivered_since: now(),
        news: None,
        orders: Default::default(),
        told_with: None,
        named_after: None,
    })
}

/// An alert with an end is over.
fn told(alert: &Value) -> Result<ToldAlert, String> {
    let ends_at = instant(text(alert, "endsAt")?)?;
    let alert = Alert {
        labels: labels(&alert["labels"])?,
        annotations: labels(&alert["annotations"])?,
        generator_url: Arc::from(text(alert, "generatorURL")?),
        starts_at: instant(text(alert, "startsAt")?)?,
        ends_at,
        updated_at: now(),
        timeout: false,
    };
    Ok(ToldAlert { alert: Arc::new(alert), resolved: !ends_at.is_zero() })
}
