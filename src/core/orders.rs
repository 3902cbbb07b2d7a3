//! Which work orders a flush opens, and which it lets alerts change; how orders are numbered, stored and forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::alert::Alert;
use super::asset::{Asset, SparePart};
use super::engine::{Engine, OrderCounters};
use super::label::LabelSet;
use super::order_alerts::{escalated, joined, recovered, reopened};
use super::order_text::{Occasion, OrderText};
use super::outbox::ToldAlert;
use super::policy::{Receiver, WorkOrderRule};
use super::state::State;
use super::work_order::edit::By;
use super::work_order::{Condition, Kind, OrderEvent, Priority, Status, WorkOrder};
use crate::time::Timestamp;

/// The longest title in characters, as the plant's table has it.
const LONGEST_TITLE: usize = 255;
/// The label with which an alert names the order that it is about.
const NAMED_ORDER: &str = "work_order_number";

impl Engine {
    /// Opens an order for each key that has none and that an alert which nothing holds back fires for; notes further
    /// alerts and recoveries on the orders that are there. A recovery is noted whatever mutes the alert.
    pub(super) fn update_orders(
        &mut self,
        now: Timestamp,
        receiver: &Receiver,
        alerts: &[ToldAlert],
        unmuted: impl Fn(&Alert) -> bool,
    ) {
        let mut put = BTreeMap::new();
        for rule in &receiver.work_orders {
            // What fires comes first: a failure that goes on under other labels has not recovered in between.
            let firing = alerts.iter().filter(|told| !told.resolved);
            for told in firing.chain(alerts.iter().filter(|told| told.resolved)) {
                let told_now = told.resolved || unmuted(&told.alert);
                let changed = match self.overdue_order(rule, &told.alert.labels) {
                    Some(order) => self.say_overdue(now, &order, told, told_now),
                    None => self.say_failing(now, receiver, rule, told, told_now),
                };
                let Some(order) = changed else { continue };
                match put.get(&order.number) {
                    Some(at) if is_one_of_many(&order) => self.put_order_instead(*at, order),
                    _ => {
                        put.insert(Arc::clone(&order.number), self.log.changes.len());
                        self.put_order(now, order);
                    }
                }
            }
        }
    }

    /// The order that an alert is about that says that maintenance is overdue: the one it names, or the open preventive
    /// one of its asset. Never one that the alert itself has opened.
    fn overdue_order(&self, rule: &WorkOrderRule, labels: &LabelSet) -> Option<Arc<WorkOrder>> {
        if let Some(named) = self.state.work_orders.get(labels.value(NAMED_ORDER)) {
            return Some(Arc::clone(named));
        }
        if rule.kind != Kind::Preventive {
            return None;
        }
        let key = order_key(rule, labels);
        if self.state.latest_order(&key).is_some_and(|own| own.status.is_open() || own.is_failing()) {
            return None;
        }
        let of_asset = self.state.open_orders_on(labels.value("asset_code"));
        of_asset.filter(|order| order.kind == Kind::Preventive).max_by_key(|order| order.opened_at).cloned()
    }

    /// An overdue order is escalated, and never makes another one; of one that is closed nobody is told.
    fn say_overdue(&self, now: Timestamp, order: &WorkOrder, told: &ToldAlert, told_now: bool) -> Option<WorkOrder> {
        match told.resolved {
            true => recovered(now, order, &told.alert, self.state.policy.orders.fleeting),
            false if told_now && order.status.is_open() => escalated(now, order, &told.alert),
            false => None,
        }
    }

    fn say_failing(
        &self,
        now: Timestamp,
        receiver: &Receiver,
        rule: &WorkOrderRule,
        told: &ToldAlert,
        told_now: bool,
    ) -> Option<WorkOrder> {
        let (key, alert) = (order_key(rule, &told.alert.labels), &told.alert);
        let orders = &self.state.policy.orders;
        match self.state.latest_order(&key) {
            Some(order) if told.resolved => recovered(now, order, alert, orders.fleeting),
            // A failure that goes on after its order was closed is known: it opens no other one.
            Some(order) if order.status.is_open() || order.is_failing() => joined(now, order, alert),
            Some(order) if told_now && now.since(quiet_since(order)) <= orders.reopen_within => {
                let urgency = orders.urgency(rule, alert, Some(&order.asset));
                Some(reopened(now, order, alert, urgency.due_after))
            }
            _ if told.resolved || !told_now => None,
            latest => {
                // Later than the one before it, whose number it must not get either.
                let after = latest.map_or(Timestamp::ZERO, |latest| latest.opened_at.after(Duration::from_nanos(1)));
                Some(self.open_order(now, now.max(after), receiver, rule, key, alert))
            }
        }
    }

    /// Stores an order that was changed, under its next revision: the one way in which orders change.
    pub(super) fn put_order(&mut self, now: Timestamp, mut order: WorkOrder) -> Arc<WorkOrder> {
        let before = self.state.work_orders.get(&order.number).cloned();
        order.revision = order.revision.saturating_add(1);
        order.updated_at = now;
        let order = self.state.put_order(order, &mut self.log);
        self.counters.orders.count(before.as_deref(), &order);
        order
    }

    /// Stores an order that was changed again in one flush, in place of that change and under its revision. An order that
    /// thousands of alerts join at once would else be stored as often, each time with all of them.
    fn put_order_instead(&mut self, at: usize, mut order: WorkOrder) {
        let before = self.state.work_orders.get(&order.number).cloned();
        self.counters.orders.count(before.as_deref(), &order);
        let revision = order.revision;
        let new = order.history.iter_mut().rev().take_while(|entry| entry.revision > revision);
        new.for_each(|entry| entry.revision = revision);
        self.state.put_order_instead(at, order, &mut self.log);
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
        opened_at: Timestamp,
        receiver: &Receiver,
        rule: &WorkOrderRule,
        key: Arc<str>,
        alert: &Alert,
    ) -> WorkOrder {
        let labels = &alert.labels;
        let known = self.state.known_asset(labels.value("asset_code"));
        let asset = asset_of(labels, known.map(|known| &known.asset));
        let urgency = self.state.policy.orders.urgency(rule, alert, Some(&asset));
        let mut order = WorkOrder::opened(order_number(&self.state, &key, opened_at), key, opened_at);
        let texts = self.texts(now, receiver, rule, alert, &asset);
        let title = texts.title.unwrap_or_else(|| default_title(labels));
        order.receiver = Arc::clone(&receiver.name);
        order.kind = rule.kind;
        order.priority = urgency.priority;
        order.condition = Some(Condition::Active);
        order.title = title.chars().take(LONGEST_TITLE).collect();
        order.description = texts.description.unwrap_or_else(|| default_description(alert));
        order.asset = asset;
        order.parts = known.map(|known| known.parts.clone()).unwrap_or_default();
        order.due_at = now.after(urgency.due_after);
        let by = By { why: &urgency.because.join("; "), ..By::clock(now) };
        order.record(by, OrderEvent::Opened, format!("opened for {labels}"));
        for failed in &texts.failed {
            order.note(By::clock(now), format!("a template failed, a built-in text stands in its place: {failed}"));
        }
        order.note_missing_parts(By::clock(now));
        order.add(alert);
        order
    }

    /// The texts of a new order, as far as they are not built in.
    fn texts(
        &self,
        now: Timestamp,
        receiver: &Receiver,
        rule: &WorkOrderRule,
        alert: &Alert,
        asset: &Asset,
    ) -> OrderText {
        let Some(texts) = &self.state.policy.order_texts else {
            let (title, description) = (rule.title.clone(), rule.description.clone());
            return OrderText { title, description, failed: Vec::new() };
        };
        let told = ToldAlert { alert: Arc::new(alert.clone()), resolved: false };
        texts.fill_in(Occasion { receiver: &receiver.name, rule, told: &told, asset, now })
    }
}

/// Whether all that changed is that an alert came or went: nobody is told of that by itself.
fn is_one_of_many(order: &WorkOrder) -> bool {
    order.since(order.revision).all(|entry| matches!(entry.event, OrderEvent::AlertJoined | OrderEvent::AlertRecovered))
}

impl OrderCounters {
    /// Counts what a change made of an order.
    fn count(&mut self, before: Option<&WorkOrder>, order: &WorkOrder) {
        for entry in order.since(before.map_or(0, |before| before.revision)) {
            match entry.event {
                OrderEvent::Opened => self.opened += 1,
                OrderEvent::Reopened => self.reopened += 1,
                OrderEvent::Cancelled => self.cancelled += 1,
                OrderEvent::Completed => {
                    self.completed += 1;
                    let began = order.malfunction_start.unwrap_or(order.opened_at);
                    add(&mut self.repaired, order.actual_end.unwrap_or(entry.at).since(began));
                }
                _ => {}
            }
        }
        if let (Some(at), None) = (order.acknowledged_at, before.and_then(|before| before.acknowledged_at)) {
            add(&mut self.acknowledged, at.since(order.opened_at));
        }
    }
}

fn add((count, seconds): &mut (u64, u64), took: Duration) {
    *count += 1;
    *seconds = seconds.saturating_add(took.as_secs());
}

/// Since when nothing has been wrong and nothing was to be done.
fn quiet_since(order: &WorkOrder) -> Timestamp {
    order.closed_at.max(order.malfunction_end).unwrap_or(order.opened_at)
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
    key_of(&rule.key_labels, labels)
}

/// These labels with their values, as text.
pub(super) fn key_of(names: &[Arc<str>], labels: &LabelSet) -> Arc<str> {
    let key = labels.filtered(|name| names.iter().any(|label| **label == *name));
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
            kept_back: BTreeMap::new(),
        }
    }
}

impl WorkOrder {
    /// Names the parts that are not in stock, and when they would come.
    pub(super) fn note_missing_parts(&mut self, by: By<'_>) {
        let missing: Vec<_> = self.parts.iter().filter(|part| !part.is_in_stock()).map(missing_part).collect();
        if !missing.is_empty() {
            self.note(by, missing.join("\n"));
        }
    }
}

/// `out of stock: Bearing (SP-7), 1 of 2, lead time 14 days`
fn missing_part(part: &SparePart) -> String {
    let (name, number, have, need) = (&part.name, &part.number, part.in_stock, part.needed);
    let lead_time = part.lead_time_days.map_or("unknown".to_owned(), |days| format!("{days} days"));
    format!("out of stock: {name} ({number}), {have} of {need}, lead time {lead_time}")
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
