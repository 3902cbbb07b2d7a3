//! Which work orders a flush opens, and what it notes on those that are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::alert::Alert;
use super::change::Actor;
use super::engine::Engine;
use super::label::LabelSet;
use super::outbox::ToldAlert;
use super::policy::{Receiver, WorkOrderRule};
use super::work_order::{AlertOnOrder, Condition, Note, Status, WorkOrder};
use crate::time::Timestamp;

/// The longest title in characters, as the plant's table has it.
const LONGEST_TITLE: usize = 255;

impl Engine {
    /// Opens an order for each key that has none and that an alert which nothing holds back fires for; notes further
    /// alerts and recoveries on the orders that are open. A recovery is noted whatever mutes the alert.
    pub(super) fn update_orders(
        &mut self,
        now: Timestamp,
        receiver: &Receiver,
        alerts: &[ToldAlert],
        unmuted: impl Fn(&Alert) -> bool,
    ) {
        for rule in &receiver.work_orders {
            // What fires comes first: a failure that goes on under other labels has not recovered in between.
            let firing = alerts.iter().filter(|told| !told.resolved);
            for told in firing.chain(alerts.iter().filter(|told| told.resolved)) {
                let key = order_key(rule, &told.alert.labels);
                let open =
                    self.state.open_orders.get(&key).and_then(|number| self.state.work_orders.get(number)).cloned();
                let changed = match open {
                    Some(order) if told.resolved => recovered(now, &order, &told.alert),
                    Some(order) => joined(now, &order, &told.alert),
                    None if told.resolved || !unmuted(&told.alert) => None,
                    None => Some(opened(now, receiver, rule, key, &told.alert)),
                };
                if let Some(order) = changed {
                    self.state.put_order(order, &mut self.log);
                }
            }
        }
    }
}

/// What the order is the only open one of: the rule's key labels with their values, as text.
fn order_key(rule: &WorkOrderRule, labels: &LabelSet) -> Arc<str> {
    let key = labels.filtered(|name| rule.key_labels.iter().any(|label| **label == *name));
    Arc::from(key.to_string())
}

/// `WO-<year>-` and 8 base32 characters (RFC 4648) of SHA-256 over the key and the moment of opening.
fn order_number(key: &str, opened_at: Timestamp) -> Arc<str> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::new().chain_update(key).chain_update([0]).chain_update(opened_at.to_string()).finalize();
    let bits = hash.iter().take(5).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let digit = |place: u32| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize]);
    let digits: String = (0..8).rev().map(digit).collect();
    Arc::from(format!("WO-{}-{digits}", opened_at.civil()[0]))
}

fn opened(now: Timestamp, receiver: &Receiver, rule: &WorkOrderRule, key: Arc<str>, alert: &Alert) -> WorkOrder {
    let labels = &alert.labels;
    let title = rule.title.clone().unwrap_or_else(|| default_title(labels));
    let description = rule.description.clone().unwrap_or_else(|| default_description(alert));
    let mut order = WorkOrder {
        number: order_number(&key, now),
        key,
        receiver: Arc::clone(&receiver.name),
        kind: rule.kind,
        priority: rule.priority,
        status: Status::Open,
        condition: Condition::Active,
        title: title.chars().take(LONGEST_TITLE).collect(),
        description,
        asset_code: labels.value("asset_code").to_owned(),
        opened_at: now,
        updated_at: now,
        due_at: now.after(rule.due_after),
        malfunction_start: alert.starts_at,
        malfunction_end: None,
        alerts: BTreeMap::new(),
        notes: Vec::new(),
    };
    order.note(now, format!("opened for {labels}"));
    order.add(alert);
    order
}

/// A firing alert of an open order: new to it, or firing again.
fn joined(now: Timestamp, order: &WorkOrder, alert: &Alert) -> Option<WorkOrder> {
    let known = order.alerts.get(&alert.fingerprint());
    if known.is_some_and(|known| known.ended_at.is_none()) {
        return None;
    }
    let mut changed = order.clone();
    let verb = if known.is_some() { "fires again" } else { "fires as well" };
    changed.note(now, format!("{} {verb}", alert.labels));
    if changed.condition == Condition::Cleared {
        changed.condition = Condition::Recurred;
        changed.malfunction_end = None;
    }
    changed.add(alert);
    Some(changed)
}

/// An alert of an open order is over.
fn recovered(now: Timestamp, order: &WorkOrder, alert: &Alert) -> Option<WorkOrder> {
    let known = order.alerts.get(&alert.fingerprint()).filter(|known| known.ended_at.is_none())?.clone();
    let mut changed = order.clone();
    changed.alerts.insert(alert.fingerprint(), AlertOnOrder { ended_at: Some(alert.ends_at), ..known });
    changed.note(now, format!("{} recovered", alert.labels));
    if changed.alerts.values().all(|alert| alert.ended_at.is_some()) {
        changed.condition = Condition::Cleared;
        changed.malfunction_end = changed.alerts.values().filter_map(|alert| alert.ended_at).max();
        changed.note(now, "all alerts recovered: verify and close".into());
    }
    Some(changed)
}

impl WorkOrder {
    fn note(&mut self, now: Timestamp, text: String) {
        self.updated_at = now;
        self.notes.push(Note { at: now, actor: Actor::Clock.to_string(), text });
    }

    fn add(&mut self, alert: &Alert) {
        let entry = AlertOnOrder { labels: alert.labels.clone(), starts_at: alert.starts_at, ended_at: None };
        self.malfunction_start = self.malfunction_start.min(alert.starts_at);
        self.alerts.insert(alert.fingerprint(), entry);
    }
}

/// `CriticalAssetOffline: Pump 1 (PUMP-001)`, as far as the labels are there.
fn default_title(labels: &LabelSet) -> String {
    let (alertname, name, code) = (labels.value("alertname"), labels.value("asset_name"), labels.value("asset_code"));
    match (name, code) {
        ("", "") => alertname.to_owned(),
        ("", asset) | (asset, "") => format!("{alertname}: {asset}"),
        (name, code) => format!("{alertname}: {name} ({code})"),
    }
}

fn default_description(alert: &Alert) -> String {
    let said = ["summary", "description"].into_iter().filter_map(|name| alert.annotations.get(name));
    let labels = alert.labels.iter().map(|(name, value)| format!("{name} = {value}"));
    let lines: Vec<_> = said.map(str::to_owned).chain(labels).collect();
    lines.join("\n")
}
