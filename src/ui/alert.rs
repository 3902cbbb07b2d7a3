//! One alert: everything that is known of it, and why it is or is not told.

use serde::Serialize;

use super::Sight;
use super::held::{Held, HeldBack, acknowledged, muted, name};
use super::link;
use super::now::severity;
use super::parts::{AssetLine, Pair, asset};
use super::row::{OpenOrders, OrderLink, runbook, summary};
use super::words::When;
use crate::core::alert_set::Kept;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::outbox::group_key_hash;
use crate::core::view::GroupView;
use crate::explain::explain;

/// The page.
#[derive(Debug, Serialize)]
pub struct AlertPage {
    fingerprint: String,
    name: String,
    severity: &'static str,
    severity_word: String,
    summary: String,
    resolved: bool,
    asset: Option<AssetLine>,
    labels: Vec<Pair>,
    annotations: Vec<Pair>,
    since: When,
    ends: When,
    ends_by_timeout: bool,
    updated: When,
    held: Vec<Held>,
    groups: Vec<InGroup>,
    graph: Option<String>,
    runbook: Option<String>,
    order: Option<OrderLink>,
    /// Who is told, and why: a sentence for each way of telling; and the whole walk.
    why: Vec<String>,
    walk: String,
}

/// A group that the alert is in, and whom it was told to.
#[derive(Debug, Serialize)]
struct InGroup {
    labels: String,
    receiver: String,
    href: String,
    held: Vec<Held>,
    next_flush: When,
    flush_is_due: bool,
    told: Vec<Told>,
}

/// What one integration was told last.
#[derive(Debug, Serialize)]
struct Told {
    integration: String,
    /// Whether that named the alert as firing.
    firing: bool,
    at: Option<When>,
}

/// The page of the alert with this fingerprint, if it is kept.
pub fn alert(sight: &Sight<'_>, fingerprint: Fingerprint) -> Option<AlertPage> {
    let kept = sight.view.alerts.get(fingerprint)?;
    let alert = &kept.alert;
    let explained = explain(sight.view, &alert.labels, sight.now);
    let groups = sight.view.groups.iter().filter(|group| group.members.binary_search(&fingerprint).is_ok());
    Some(AlertPage {
        fingerprint: fingerprint.to_string(),
        name: name(&alert.labels),
        severity: severity(kept).class(),
        severity_word: super::words::short(alert.labels.value("severity")),
        summary: summary(&alert.annotations),
        resolved: sight.view.grace.resolved(alert, sight.now),
        asset: asset(sight, &alert.labels),
        labels: whole(&alert.labels),
        annotations: whole(&alert.annotations),
        since: When::new(alert.starts_at, sight.now),
        ends: When::new(alert.ends_at, sight.now),
        ends_by_timeout: alert.timeout,
        updated: When::new(alert.updated_at, sight.now),
        held: HeldBack::new(sight).of(kept),
        groups: groups.map(|group| in_group(sight, group, kept)).collect(),
        graph: link::to_other_site(&alert.generator_url),
        runbook: runbook(&alert.annotations),
        order: OpenOrders::of(sight.view).get(fingerprint),
        why: explained.summary(),
        walk: explained.to_string(),
    })
}

/// All pairs, uncut.
fn whole(labels: &LabelSet) -> Vec<Pair> {
    let pair = |(name, value): (&str, &str)| Pair { name: name.into(), value: value.into(), href: String::new() };
    labels.iter().map(pair).collect()
}

fn in_group(sight: &Sight<'_>, group: &GroupView, kept: &Kept) -> InGroup {
    let route = sight.view.policy.route(group.route);
    let receiver = sight.view.policy.receiver_of(route);
    let told = receiver.integrations.iter().map(|integration| {
        let thread = crate::core::outbox::Thread {
            group_key: std::sync::Arc::clone(&group.key),
            receiver: std::sync::Arc::clone(&receiver.name),
            kind: integration.kind.into(),
            index: integration.index,
        };
        let last = sight.view.ledger.get(&thread);
        Told {
            integration: format!("{}[{}]", integration.kind, integration.index),
            firing: last.is_some_and(|told| told.firing.contains(&kept.fingerprint)),
            at: last.map(|told| When::new(told.at, sight.now)),
        }
    });
    InGroup {
        labels: super::words::short(&group.labels.to_string()),
        receiver: receiver.name.to_string(),
        href: link::query(&[("group", &group_key_hash(&group.key))]),
        held: [muted(group), acknowledged(sight, group)].into_iter().flatten().collect(),
        next_flush: When::new(group.next_flush, sight.now),
        flush_is_due: group.next_flush <= sight.now,
        told: told.collect(),
    }
}
