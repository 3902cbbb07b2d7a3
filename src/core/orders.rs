//! Which work orders a flush opens, and what it notes on those that are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::alert::Alert;
use super::asset::Asset;
use super::engine::Engine;
use super::label::LabelSet;
use super::outbox::ToldAlert;
use super::policy::{Receiver, WorkOrderRule};
use super::state::State;
use super::work_order::edit::By;
use super::work_order::{AlertOnOrder, Condition, Kind, OrderEvent, Priority, Status, WorkOrder};
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
                let open = self.state.latest_order(&key).filter(|order| order.status.is_open()).cloned();
                let changed = match open {
                    Some(order) if told.resolved => recovered(now, &order, &told.alert),
                    Some(order) => joined(now, &order, &told.alert),
                    None if told.resolved || !unmuted(&told.alert) => None,
                    None => Some(self.open_order(now, receiver, rule, key, &told.alert)),
                };
                if let Some(order) = changed {
                    self.put_order(now, order);
                }
            }
        }
    }

    /// Stores an order that was changed, under its next revision: the one way in which orders change.
    pub(super) fn put_order(&mut self, now: Timestamp, mut order: WorkOrder) -> Arc<WorkOrder> {
        order.revision = order.revision.saturating_add(1);
        order.updated_at = now;
        self.state.put_order(order, &mut self.log)
    }

    /// Forgets orders that were closed long ago and whose alerts are over.
    pub(super) fn forget_old_orders(&mut self, now: Timestamp) {
        let kept_for = self.state.policy.orders.retention;
        let old = |order: &&Arc<WorkOrder>| {
            let over = order.alerts.values().all(|alert| alert.ended_at.is_some());
            over && order.closed_at.is_some_and(|closed| closed.after(kept_for) < now)
        };
        let old: Vec<_> = self.state.work_orders.values().filter(old).map(|order| Arc::clone(&order.number)).collect();
        for number in old {
            self.state.forget_order(&number, &mut self.log);
        }
    }

    fn open_order(
        &self,
        now: Timestamp,
        receiver: &Receiver,
        rule: &WorkOrderRule,
        key: Arc<str>,
        alert: &Alert,
    ) -> WorkOrder {
        let labels = &alert.labels;
        let known = self.state.known_asset(labels.value("asset_code"));
        let mut order = WorkOrder::opened(order_number(&self.state, &key, now), key, now);
        let title = rule.title.clone().unwrap_or_else(|| default_title(labels));
        order.receiver = Arc::clone(&receiver.name);
        order.kind = rule.kind;
        order.priority = rule.priority;
        order.condition = Some(Condition::Active);
        order.title = title.chars().take(LONGEST_TITLE).collect();
        order.description = rule.description.clone().unwrap_or_else(|| default_description(alert));
        order.asset = asset_of(labels, known.map(|known| &known.asset));
        order.parts = known.map(|known| known.parts.clone()).unwrap_or_default();
        order.due_at = now.after(rule.due_after.unwrap_or_else(|| self.state.policy.orders.due_after(rule.priority)));
        order.record(By::clock(now), OrderEvent::Opened, format!("opened for {labels}"));
        order.add(alert);
        order
    }
}

/// What the labels say of the asset, completed by what is known of it.
fn asset_of(labels: &LabelSet, known: Option<&Asset>) -> Asset {
    let said = |label: &str, known: Option<&String>| match labels.value(label) {
        "" => known.cloned().unwrap_or_default(),
        value => value.to_owned(),
    };
    Asset {
        code: labels.value("asset_code").to_owned(),
        name: said("asset_name", known.map(|asset| &asset.name)),
        kind: said("type", known.map(|asset| &asset.kind)),
        location_line: said("location_line", known.map(|asset| &asset.location_line)),
        location_station: said("location_station", known.map(|asset| &asset.location_station)),
        criticality: said("criticality", known.map(|asset| &asset.criticality)),
    }
}

/// What the order is the only open one of: the rule's key labels with their values, as text.
fn order_key(rule: &WorkOrderRule, labels: &LabelSet) -> Arc<str> {
    let key = labels.filtered(|name| rule.key_labels.iter().any(|label| **label == *name));
    Arc::from(key.to_string())
}

/// `WO-<year>-` and 8 base32 characters (RFC 4648) of SHA-256 over the key and the moment of opening; a number that is
/// taken is not given again.
pub(super) fn order_number(state: &State, key: &str, opened_at: Timestamp) -> Arc<str> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut hash = Sha256::new().chain_update(key).chain_update([0]).chain_update(opened_at.to_string());
    loop {
        let digest = hash.finalize();
        let bits = digest.iter().take(5).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let digit = |place: u32| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize]);
        let digits: String = (0..8).rev().map(digit).collect();
        let number = format!("WO-{}-{digits}", opened_at.civil()[0]);
        if !state.work_orders.contains_key(number.as_str()) {
            return Arc::from(number);
        }
        hash = Sha256::new().chain_update(digest);
    }
}

/// A firing alert of an open order: new to it, or firing again.
fn joined(now: Timestamp, order: &WorkOrder, alert: &Alert) -> Option<WorkOrder> {
    let known = order.alerts.get(&alert.fingerprint());
    if known.is_some_and(|known| known.ended_at.is_none()) {
        return None;
    }
    let mut changed = order.clone();
    let verb = if known.is_some() { "fires again" } else { "fires as well" };
    let event = if changed.condition == Some(Condition::Cleared) {
        changed.condition = Some(Condition::Recurred);
        changed.malfunction_end = None;
        OrderEvent::Recurred
    } else {
        OrderEvent::AlertJoined
    };
    changed.record(By::clock(now), event, format!("{} {verb}", alert.labels));
    changed.add(alert);
    Some(changed)
}

/// An alert of an open order is over.
fn recovered(now: Timestamp, order: &WorkOrder, alert: &Alert) -> Option<WorkOrder> {
    let known = order.alerts.get(&alert.fingerprint()).filter(|known| known.ended_at.is_none())?.clone();
    let mut changed = order.clone();
    changed.alerts.insert(alert.fingerprint(), AlertOnOrder { ended_at: Some(alert.ends_at), ..known });
    let by = By::clock(now);
    changed.record(by, OrderEvent::AlertRecovered, format!("{} recovered", alert.labels));
    if changed.alerts.values().all(|alert| alert.ended_at.is_some()) {
        changed.condition = Some(Condition::Cleared);
        changed.malfunction_end = changed.alerts.values().filter_map(|alert| alert.ended_at).max();
        changed.record(by, OrderEvent::Recovered, "all alerts recovered: verify and close");
    }
    Some(changed)
}

impl WorkOrder {
    /// An order that says nothing yet. It is at revision 0 until it is stored.
    pub(super) fn opened(number: Arc<str>, key: Arc<str>, now: Timestamp) -> Self {
        Self {
            number,
            key,
            revision: 0,
            receiver: Arc::from(""),
            kind: Kind::Corrective,
            priority: Priority::Medium,
            status: Status::Open,
            condition: None,
            title: String::new(),
            description: String::new(),
            asset: Asset::default(),
            parts: Vec::new(),
            opened_at: now,
            updated_at: now,
            due_at: now,
            malfunction_start: None,
            malfunction_end: None,
            scheduled_start: None,
            scheduled_end: None,
            acknowledged_at: None,
            actual_start: None,
            actual_end: None,
            closed_at: None,
            assignee: String::new(),
            estimated_hours: None,
            actual_hours: None,
            alerts: BTreeMap::new(),
            notes: Vec::new(),
            history: Vec::new(),
            ladder: Default::default(),
            external: BTreeMap::new(),
        }
    }

    fn add(&mut self, alert: &Alert) {
        let entry = AlertOnOrder {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            generator_url: Arc::clone(&alert.generator_url),
            starts_at: alert.starts_at,
            ended_at: None,
        };
        self.malfunction_start = self.malfunction_start.into_iter().chain([alert.starts_at]).min();
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
