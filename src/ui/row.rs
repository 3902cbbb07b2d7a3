//! A group and its alerts, as the list shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Sight;
use super::held::{Held, HeldBack, acknowledged, muted};
use super::link;
use super::now::{Found, Wanted, severity};
use super::parts::{AssetLine, Pair, asset, pairs};
use super::words::{When, count, short};
use crate::core::alert_set::Kept;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::outbox::group_key_hash;
use crate::core::view::View;
use crate::core::work_order::{Status, WorkOrder};

/// Labels that are shown beside an alert; the page of the alert has all.
const LABELS: usize = 8;

/// A group.
#[derive(Debug, Serialize)]
pub struct GroupRow {
    hash: String,
    severity: &'static str,
    severity_word: String,
    name: String,
    labels: Vec<Pair>,
    asset: Option<AssetLine>,
    receiver: String,
    receiver_href: String,
    route_labels: Vec<Pair>,
    held: Vec<Held>,
    is_acknowledged: bool,
    next_flush: When,
    flush_is_due: bool,
    count: String,
    alerts: Vec<AlertRow>,
    more: usize,
    href: String,
    silence_href: String,
}

/// An alert of a group.
#[derive(Debug, Serialize)]
pub struct AlertRow {
    fingerprint: String,
    severity: &'static str,
    summary: String,
    name: String,
    since: When,
    labels: Vec<Pair>,
    hidden: usize,
    held: Vec<Held>,
    graph: Option<String>,
    runbook: Option<String>,
    order: Option<OrderLink>,
}

/// The open work order behind an alert.
#[derive(Clone, Debug, Serialize)]
pub struct OrderLink {
    /// Its number.
    pub number: String,
    /// Where it stands.
    pub status: &'static str,
}

/// The open orders by the alerts that stand on them.
pub(super) struct OpenOrders(BTreeMap<Fingerprint, OrderLink>);

impl OpenOrders {
    pub(super) fn of(view: &View) -> Self {
        let open = |status| !matches!(status, Status::Completed | Status::Cancelled);
        let orders = view.work_orders.values().filter(|order| open(order.status));
        let link = |order: &WorkOrder| OrderLink { number: order.number.to_string(), status: order.status.as_str() };
        Self(orders.flat_map(|order| order.alerts.keys().map(move |alert| (*alert, link(order)))).collect())
    }

    pub(super) fn get(&self, alert: Fingerprint) -> Option<OrderLink> {
        self.0.get(&alert).cloned()
    }
}

/// What rows are made from.
pub(super) struct Rows<'a> {
    pub sight: &'a Sight<'a>,
    pub wanted: &'a Wanted,
    pub held: &'a HeldBack<'a>,
    pub orders: OpenOrders,
}

/// The row of a group, with at most `limit` of its alerts after the first `skipped`.
pub(super) fn group_row(rows: &Rows<'_>, found: &Found<'_>, skipped: usize, limit: usize) -> GroupRow {
    let (sight, wanted, group) = (rows.sight, rows.wanted, found.group);
    let route = sight.view.policy.route(group.route);
    let receiver = &sight.view.policy.receiver_of(route).name;
    let hash = group_key_hash(&group.key);
    let first = found.alerts.first().map(|(kept, _)| *kept);
    let labels = pairs(&group.labels, |name, value| wanted.narrowed(name, value));
    let shown = found.alerts.iter().skip(skipped).take(limit);
    GroupRow {
        severity: first.map_or("none", |kept| severity(kept).class()),
        severity_word: first.map(|kept| short(kept.alert.labels.value("severity"))).unwrap_or_default(),
        name: group_name(found),
        labels: labels.into_iter().filter(|pair| pair.name != "alertname").collect(),
        asset: asset(sight, &group.labels),
        receiver: receiver.to_string(),
        receiver_href: wanted.with(|other| other.receiver = receiver.to_string()),
        route_labels: pairs(route.labels.iter().map(|(name, value)| (&**name, &**value)), |_, _| String::new()),
        held: [muted(group), acknowledged(sight, group)].into_iter().flatten().collect(),
        is_acknowledged: sight.view.acks.get(&group.key).is_some_and(|ack| ack.holds(sight.now)),
        next_flush: When::new(group.next_flush, sight.now),
        flush_is_due: group.next_flush <= sight.now,
        count: count(found.alerts.len(), "alert"),
        alerts: shown.map(|(kept, _)| alert_row(rows, kept, &group.labels)).collect(),
        more: found.alerts.len().saturating_sub(skipped + limit),
        href: wanted.with(|other| other.group = hash.clone()),
        silence_href: format!("ui/silences/new{}", link::query(&[("group", &hash)])),
        hash,
    }
}

/// The name that all alerts of the group have, if they have one.
fn group_name(found: &Found<'_>) -> String {
    let mut names = found.alerts.iter().map(|(kept, _)| kept.alert.labels.value("alertname"));
    let first = names.next().unwrap_or_default();
    if first.is_empty() || names.any(|name| name != first) { "Several alerts".into() } else { short(first) }
}

fn alert_row(rows: &Rows<'_>, kept: &Kept, group: &LabelSet) -> AlertRow {
    let alert = &kept.alert;
    let own =
        alert.labels.iter().filter(|(name, _)| group.get(name).is_none() && !matches!(*name, "alertname" | "severity"));
    let mut labels = pairs(own, |name, value| rows.wanted.narrowed(name, value));
    let hidden = labels.len().saturating_sub(LABELS);
    labels.truncate(LABELS);
    AlertRow {
        fingerprint: kept.fingerprint.to_string(),
        severity: severity(kept).class(),
        summary: summary(&alert.annotations),
        name: super::held::name(&alert.labels),
        since: When::new(alert.starts_at, rows.sight.now),
        labels,
        hidden,
        held: rows.held.of(kept),
        graph: link::to_other_site(&alert.generator_url),
        runbook: runbook(&alert.annotations),
        order: rows.orders.get(kept.fingerprint),
    }
}

/// What the alert says in one line.
pub(super) fn summary(annotations: &LabelSet) -> String {
    let said = ["summary", "title", "description", "message"].into_iter().find_map(|name| annotations.get(name));
    said.map(short).unwrap_or_default()
}

/// Where its run book is.
pub(super) fn runbook(annotations: &LabelSet) -> Option<String> {
    ["runbook_url", "runbook"].into_iter().find_map(|name| link::to_other_site(annotations.value(name)))
}
