//! The sample that every template is rendered against when it is loaded: one alert that fires, one that is over, every
//! label present that the templates use.

use serde_json::{Value, json};

use crate::core::label::{Fingerprint, LabelSet};
use crate::core::notification::{AlertData, Data};
use crate::core::outbox::Reason;
use crate::template::data::{Context, Pairs};
use crate::time::Timestamp;

use super::check::Needs;

const LABELS: [(&str, &str); 5] = [
    ("alertname", "CriticalAssetOffline"),
    ("asset_code", "PUMP-001"),
    ("component", "business"),
    ("severity", "critical"),
    ("status", "failed"),
];
const ANNOTATIONS: [(&str, &str); 2] =
    [("description", "PUMP-001 has been offline for 5 minutes"), ("summary", "Critical asset PUMP-001 is offline")];
const ASSET: [(&str, &str); 5] = [
    ("asset_code", "PUMP-001"),
    ("criticality", "critical"),
    ("location", "line-1/station-2"),
    ("name", "Cooling water pump"),
    ("supervisor", "supervisor@plant.example"),
];

/// A context with all that the templates need.
pub(super) fn context(needs: &Needs) -> Context {
    let began = Timestamp::new(1_795_358_908, 0);
    let labels = set(&LABELS, needs);
    let annotations = set(&ANNOTATIONS, needs);
    let alert = |status, ends_at| AlertData {
        status,
        labels: labels.clone(),
        annotations: annotations.clone(),
        starts_at: began,
        ends_at,
        generator_url: "http://prometheus.example:9090/graph?g0.expr=up".into(),
        fingerprint: Fingerprint(1),
    };
    let data = Data {
        receiver: "sample".to_owned(),
        status: "firing",
        alerts: vec![alert("firing", Timestamp::ZERO), alert("resolved", Timestamp::new(1_795_359_508, 0))],
        reason: Reason::First.as_str(),
        group_labels: labels.clone(),
        common_labels: labels.clone(),
        common_annotations: annotations.clone(),
        route_labels: set(&[], needs),
        external_url: "http://andon.example:9093".into(),
    };
    let asset = Some(pairs(&ASSET, needs));
    let now = Timestamp::new(1_795_359_208, 0);
    let (order_mail, digest) = (Some(order_mail()), Some(digest()));
    Context { data, asset, work_orders: vec![work_order()], order_mail, digest, now, time_zone: "Europe/Berlin".into() }
}

/// A work order with all that one can have.
fn work_order() -> Value {
    json!({
        "number": "WO-2026-ABCDEFGH", "title": "CriticalAssetOffline: Cooling water pump (PUMP-001)",
        "description": "PUMP-001 has been offline for 5 minutes", "kind": "corrective", "priority": "emergency",
        "status": "assigned", "condition": "cleared", "assignee": "ana@plant.example",
        "opened": "2026-11-22T14:48:28Z", "due": "2026-11-22T18:48:28Z", "overdue": false,
        "malfunctionStart": "2026-11-22T14:48:28Z", "malfunctionEnd": "2026-11-22T14:58:28Z",
        "url": "http://andon.example:9093/ui/work-orders/WO-2026-ABCDEFGH",
        "asset": {
            "code": "PUMP-001", "name": "Cooling water pump", "kind": "pump", "location": "line-1/station-2",
            "criticality": "critical",
        },
        "parts": [
            {"number": "SP-7", "name": "Bearing", "needed": 2, "inStock": 1, "isInStock": false,
             "stockLocation": "A3", "leadTimeDays": 14},
            {"number": "SP-8", "name": "Seal", "needed": 1, "inStock": 4, "isInStock": true, "stockLocation": "A4",
             "leadTimeDays": null},
        ],
        "notes": [{"at": "2026-11-22T14:52:00Z", "who": "ana@plant.example (mail)", "text": "on my way"}],
        "history": [{"at": "2026-11-22T14:48:28Z", "who": "clock", "text": "opened", "why": ""}],
    })
}

/// What a mail about it says beside it.
fn order_mail() -> Value {
    json!({
        "headline": "recovered", "color": "#2e7d32", "verify": true,
        "wrong": ["Critical asset PUMP-001 is offline. PUMP-001 has been offline for 5 minutes"],
        "todo": ["Look whether the breaker is out."], "told": ["on-call (pagerduty)"],
        "actions": [
            {"label": "Complete", "url": "http://andon.example:9093/mail/token", "main": true},
            {"label": "Assign to me", "url": "http://andon.example:9093/mail/token", "main": false},
        ],
        "expires": "2026-11-29T14:58:28Z",
    })
}

fn digest() -> Value {
    let order = |overdue: bool, recovered: bool| {
        json!({
            "number": "WO-2026-ABCDEFGH", "title": "CriticalAssetOffline: Cooling water pump", "priority": "high",
            "status": "open", "open": true, "overdue": overdue, "recovered": recovered, "asset": "PUMP-001",
            "assetName": "Cooling water pump", "assignee": "ana", "opened": "2026-11-22T14:48:28Z",
            "due": "2026-11-22T18:48:28Z", "url": "http://andon.example:9093/ui/work-orders/WO-2026-ABCDEFGH",
        })
    };
    json!({
        "at": "2026-11-23T05:30:00Z", "since": "2026-11-22T05:30:00Z", "open": 2, "overdue": 1, "recovered": 1,
        "closed": 0, "more": 1,
        "lines": [{"line": "line-1", "orders": [order(true, false), order(false, true)]}],
    })
}

fn pairs(own: &[(&str, &str)], needs: &Needs) -> Pairs {
    let needed = needs.names.iter().map(|name| (name.clone(), "sample".to_owned()));
    needed.chain(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
}

fn set(own: &[(&str, &str)], needs: &Needs) -> LabelSet {
    let pairs = pairs(own, needs);
    // Names are parts of templates, which are shorter than a set can hold; should one not fit, the sample goes without.
    let all = LabelSet::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.unwrap_or_else(|_| LabelSet::empty())
}
