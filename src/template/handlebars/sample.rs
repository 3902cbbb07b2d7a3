//! The sample that every template is rendered against when it is loaded: one alert that fires, one that is over, every
//! label present that the templates use.

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
const WORK_ORDER: [(&str, &str); 6] = [
    ("due", "2026-11-22T18:48:28Z"),
    ("kind", "corrective"),
    ("number", "WO-2026-ABCDEFGH"),
    ("priority", "emergency"),
    ("status", "open"),
    ("title", "CriticalAssetOffline: PUMP-001"),
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
    Context { data, asset, work_order: Some(pairs(&WORK_ORDER, needs)), now: Timestamp::new(1_795_359_208, 0) }
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
