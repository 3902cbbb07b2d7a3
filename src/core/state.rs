//! The state, changed only through a log that can take everything back.
//!
//! Deciding changes the state at once, so that the next input of the same batch sees it; what is to be stored and how
//! to undo it go to the [`Log`]. When the commit fails, [`State::undo`] leaves the state as it was.

mod letters;
mod orders;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ack::{Ack, AckEnd};
use super::alert::Times;
use super::alert_set::{AlertSet, Kept, Verdict};
use super::asset::Assets;
use super::change::{Change, StoredGroup};
use super::group::{Group, GroupIdx, Groups};
use super::inhibit::Inhibitor;
use super::label::Fingerprint;
use super::look::AtWork;
use super::mirrored::{Mirrored, MirroredKey};
use super::note::Found;
use super::outbox::{DeadLetter, Delivery, DeliveryId, IntegrationKey, Thread, Told};
use super::per_name::PerName;
use super::policy::{Integration, Policy, RouteIdx};
use super::rule_index::RuleIndex;
use super::shared_map::SharedMap;
use super::silence::{Silence, SilenceId, Silences};
use super::texts::Texts;
use super::urgency::Urgency;
use super::view::Grace;
use super::work_order::WorkOrder;
use crate::time::Timestamp;

/// What was decided and not committed yet.
#[derive(Debug, Default)]
pub struct Log {
    /// To be stored, in order.
    pub changes: Vec<Change>,
    undo: Vec<Undo>,
    /// How many of the changes have been weighed, and what they weigh.
    weighed: (usize, usize),
}

impl Log {
    /// Makes room for so many steps, so that a log does not grow by doubling and copying itself.
    pub fn expects(&mut self, steps: usize) {
        self.changes.reserve(steps);
        self.undo.reserve(steps);
    }

    /// Puts another change in the place of one.
    fn replace(&mut self, at: usize, change: Change) {
        if let Some(place) = self.changes.get_mut(at) {
            *place = change;
        }
        if at < self.weighed.0 {
            self.weighed = (0, 0);
        }
    }

    /// About how many bytes the changes take where they are stored.
    pub fn weight(&mut self) -> usize {
        let (count, weight) = self.weighed;
        let more: usize = self.changes.iter().skip(count).map(Change::weight).sum();
        self.weighed = (self.changes.len(), weight + more);
        weight + more
    }
}

#[derive(Debug)]
enum Undo {
    Alert(Fingerprint, Option<Kept>),
    Refreshed(Fingerprint, Times),
    Added(GroupIdx),
    Removed(GroupIdx, Box<Group>),
    Updated(GroupIdx, Arc<StoredGroup>),
    Found(GroupIdx, Option<Arc<Found>>),
    Joined(GroupIdx, Fingerprint),
    Left(GroupIdx, Fingerprint),
    Silence(SilenceId, Option<Arc<Silence>>),
    Told(Thread, Option<Arc<Told>>),
    /// What the row was, and whether a worker kept it.
    Delivery(DeliveryId, Option<Arc<Delivery>>, bool),
    InFlight(DeliveryId),
    Parked(DeliveryId),
    Dead(DeliveryId, Option<Arc<DeadLetter>>),
    Order(Arc<str>, Option<Arc<WorkOrder>>),
    Ack(Arc<str>, Option<Arc<Ack>>),
    Config(Arc<str>),
    Mirrored(MirroredKey, Option<Arc<Mirrored>>),
    Policy(Box<UnderPolicy>),
    Digested(Option<Timestamp>),
}

/// The rules that were in force, and what stood under them.
#[derive(Debug)]
struct UnderPolicy {
    policy: Arc<Policy>,
    rules: RuleIndex,
    alerts: AlertSet,
    groups: Groups,
    inhibitor: Inhibitor,
    last_seen: Vec<Timestamp>,
    former: Arc<BTreeMap<IntegrationKey, Integration>>,
}

/// Everything the engine knows.
#[derive(Debug)]
pub struct State {
    /// The rules in force.
    pub policy: Arc<Policy>,
    /// When alerts may run out.
    pub grace: Grace,
    /// The text of the configuration in force, as far as known, without secrets; for the history.
    pub(super) config_text: Arc<str>,
    pub(super) alerts: AlertSet,
    pub(super) groups: Groups,
    pub(super) silences: Arc<Silences>,
    pub(super) ledger: SharedMap<Thread, Arc<Told>>,
    pub(super) outbox: SharedMap<DeliveryId, Arc<Delivery>>,
    pub(super) dead_letters: Arc<BTreeMap<DeliveryId, Arc<DeadLetter>>>,
    pub(super) work_orders: Arc<BTreeMap<Arc<str>, Arc<WorkOrder>>>,
    /// By group key.
    pub(super) acks: Arc<BTreeMap<Arc<str>, Arc<Ack>>>,
    pub(super) mirrored: Arc<BTreeMap<MirroredKey, Arc<Mirrored>>>,
    /// When a digest of the work orders was last decided.
    pub(super) digested: Option<Timestamp>,
    /// Follows from the rest.
    pub(super) inhibitor: Inhibitor,
    /// Rows that a worker has. Not stored: after a crash they are sent again.
    pub(super) in_flight: Arc<BTreeSet<DeliveryId>>,
    /// Rows that a worker keeps until its receiver may be told: they may still be replaced. Not stored either.
    pub(super) parked: Arc<BTreeSet<DeliveryId>>,
    /// The dead letters of each thread. Follows from them.
    letters_of: BTreeMap<Thread, BTreeSet<DeliveryId>>,
    /// The rows of each thread, oldest first. Follows from the outbox.
    pub(super) queues: BTreeMap<Thread, Vec<DeliveryId>>,
    /// The rows of each message that stands for several. Follows from the outbox.
    pub(super) digests: BTreeMap<DeliveryId, BTreeSet<DeliveryId>>,
    /// The orders of each key, the oldest first; only the last may be open. Follows from the orders.
    orders_of: BTreeMap<Arc<str>, BTreeSet<(Timestamp, Arc<str>)>>,
    /// The open orders of each asset. Follows from the orders.
    orders_on: BTreeMap<String, BTreeSet<Arc<str>>>,
    /// The orders in progress. Follows from the orders.
    pub(super) at_work: Arc<AtWork>,
    /// When the next step of each overdue order's ladder is due. Follows from the orders and the rules.
    pub(super) order_timers: BTreeSet<(Timestamp, Arc<str>)>,
    /// What another system says of the plant's assets. Not stored: that system is asked again.
    pub(super) assets: Arc<Assets>,
    /// Integrations that the rules have no more, and whose settings are still known. Not stored.
    pub(super) former: Arc<BTreeMap<IntegrationKey, Integration>>,
    /// When the alert of each watchdog last came. Follows from the alerts.
    pub(super) last_seen: Vec<Timestamp>,
    /// Over the rules in force.
    rules: RuleIndex,
    /// Kept where alerts of a name are limited. Follows from the alerts.
    pub(super) per_name: Option<PerName>,
    verdicts: BTreeSet<Arc<Verdict>>,
    /// Where alerts come from.
    pub(super) urls: Texts,
}

impl State {
    /// Nothing yet, under these rules.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            grace: Grace::NONE,
            inhibitor: Inhibitor::default(),
            rules: RuleIndex::of(&policy),
            policy,
            config_text: Arc::default(),
            alerts: AlertSet::default(),
            groups: Groups::default(),
            silences: Arc::default(),
            ledger: SharedMap::default(),
            outbox: SharedMap::default(),
            dead_letters: Arc::default(),
            work_orders: Arc::default(),
            acks: Arc::default(),
            mirrored: Arc::default(),
            digested: None,
            in_flight: Arc::default(),
            parked: Arc::default(),
            letters_of: BTreeMap::new(),
            queues: BTreeMap::new(),
            digests: BTreeMap::new(),
            orders_of: BTreeMap::new(),
            orders_on: BTreeMap::new(),
            at_work: Arc::default(),
            order_timers: BTreeSet::new(),
            assets: Arc::default(),
            former: Arc::default(),
            last_seen: Vec::new(),
            per_name: None,
            verdicts: BTreeSet::new(),
            urls: Texts::default(),
        }
    }

    /// What follows from the alert's labels; shared by all alerts of which the same is true.
    pub(super) fn verdict(&mut self, labels: &super::label::LabelSet) -> Arc<Verdict> {
        let verdict = self.rules.verdict(&self.policy, labels);
        if let Some(known) = self.verdicts.get(&verdict) {
            return Arc::clone(known);
        }
        let verdict = Arc::new(verdict);
        self.verdicts.insert(Arc::clone(&verdict));
        verdict
    }

    pub(super) fn put_alert(&mut self, kept: Kept, change: Change, log: &mut Log) {
        let fingerprint = kept.fingerprint;
        let old = self.judge(kept);
        log.undo.push(Undo::Alert(fingerprint, old));
        log.changes.push(change);
    }

    /// An alert of which nothing is new but how long it holds.
    pub(super) fn refresh_alert(&mut self, fingerprint: Fingerprint, times: Times, log: &mut Log) {
        let change = Change::Refreshed { fingerprint, ends_at: times.ends_at, updated_at: times.updated_at };
        if self.per_name.is_some() {
            if let Some(newer) = self.alerts.get(fingerprint).map(|kept| kept.newer(Arc::new(kept.alert.at(times)))) {
                self.put_alert(newer, change, log);
            }
            return;
        }
        let Some(before) = self.alerts.set_times(fingerprint, times) else { return };
        if let Some(kept) = self.alerts.get(fingerprint) {
            self.inhibitor.put(&self.policy, &self.alerts, kept);
        }
        log.undo.push(Undo::Refreshed(fingerprint, before));
        log.changes.push(change);
    }

    pub(super) fn forget_alert(&mut self, fingerprint: Fingerprint, log: &mut Log) {
        if let Some(old) = self.drop_alert(fingerprint) {
            log.undo.push(Undo::Alert(fingerprint, Some(old)));
            log.changes.push(Change::AlertGone(fingerprint));
        }
    }

    pub(super) fn add_group(&mut self, route: RouteIdx, stored: StoredGroup, log: &mut Log) -> GroupIdx {
        let key = Arc::from(self.policy.route(route).group_key(&stored.id.labels));
        let stored = Arc::new(stored);
        log.changes.push(Change::Group(Arc::clone(&stored)));
        let at = self.groups.add(route, key, stored);
        log.undo.push(Undo::Added(at));
        at
    }

    pub(super) fn remove_group(&mut self, at: GroupIdx, log: &mut Log) {
        if let Some(group) = self.groups.take(at) {
            log.changes.push(Change::GroupGone(group.id().clone()));
            log.undo.push(Undo::Removed(at, Box::new(group)));
        }
    }

    pub(super) fn update_group(&mut self, at: GroupIdx, stored: StoredGroup, only_timer: bool, log: &mut Log) {
        let stored = Arc::new(stored);
        let change = if only_timer {
            let (id, next_flush, last_flush) = (stored.id.clone(), stored.next_flush, stored.last_flush);
            Change::GroupTimer { id, next_flush, last_flush }
        } else {
            Change::Group(Arc::clone(&stored))
        };
        if let Some(old) = self.groups.update(at, stored) {
            log.changes.push(change);
            log.undo.push(Undo::Updated(at, old));
        }
    }

    pub(super) fn found(&mut self, at: GroupIdx, found: Found, log: &mut Log) {
        let before = self.groups.set_found(at, Some(Arc::new(found)));
        log.undo.push(Undo::Found(at, before));
    }

    pub(super) fn join(&mut self, at: GroupIdx, alert: Fingerprint, log: &mut Log) {
        if self.groups.join(at, alert) {
            if self.alerts.get(alert).is_some_and(|kept| Urgency::of(&kept.alert.labels) == Urgency::Critical) {
                self.groups.mark_urgent(at);
            }
            log.undo.push(Undo::Joined(at, alert));
        }
    }

    pub(super) fn leave(&mut self, at: GroupIdx, alert: Fingerprint, log: &mut Log) {
        if self.groups.leave(at, alert) {
            log.undo.push(Undo::Left(at, alert));
        }
    }

    pub(super) fn put_silence(&mut self, silence: Silence, log: &mut Log) {
        let silence = Arc::new(silence);
        log.changes.push(Change::Silence(Arc::clone(&silence)));
        let id = silence.id;
        log.undo.push(Undo::Silence(id, Arc::make_mut(&mut self.silences).insert(id, silence)));
    }

    pub(super) fn forget_silence(&mut self, id: SilenceId, log: &mut Log) {
        if let Some(old) = Arc::make_mut(&mut self.silences).remove(&id) {
            log.changes.push(Change::SilenceGone(id));
            log.undo.push(Undo::Silence(id, Some(old)));
        }
    }

    pub(super) fn put_told(&mut self, thread: &Thread, told: Option<Told>, log: &mut Log) {
        let told = told.map(Arc::new);
        let ledger = &mut self.ledger;
        let old = match &told {
            Some(told) => ledger.insert(thread.clone(), Arc::clone(told)),
            None => ledger.remove(thread),
        };
        if old.is_some() || told.is_some() {
            log.changes.push(Change::Told(thread.clone(), told));
            log.undo.push(Undo::Told(thread.clone(), old));
        }
    }

    pub(super) fn put_ack(&mut self, ack: Arc<Ack>, log: &mut Log) {
        let key = Arc::clone(&ack.group_key);
        log.changes.push(Change::Ack(Arc::clone(&ack)));
        log.undo.push(Undo::Ack(Arc::clone(&key), Arc::make_mut(&mut self.acks).insert(key, ack)));
    }

    pub(super) fn end_ack(&mut self, group_key: &str, why: AckEnd, log: &mut Log) {
        if let Some(old) = Arc::make_mut(&mut self.acks).remove(group_key) {
            log.changes.push(Change::AckGone(Arc::clone(&old.group_key), why));
            log.undo.push(Undo::Ack(Arc::clone(&old.group_key), Some(old)));
        }
    }

    pub(super) fn put_config(&mut self, hash: String, text: String, log: &mut Log) {
        let old = std::mem::replace(&mut self.config_text, text.as_str().into());
        log.undo.push(Undo::Config(old));
        log.changes.push(Change::Config { hash, text });
    }

    /// Puts other rules in force. Groups and verdicts are the caller's to make anew.
    pub(super) fn put_policy(&mut self, policy: Arc<Policy>, log: &mut Log) {
        let former = Arc::clone(&self.former);
        super::former::remember(Arc::make_mut(&mut self.former), &self.policy, &policy);
        let rules = std::mem::replace(&mut self.rules, RuleIndex::of(&policy));
        let old = std::mem::replace(&mut self.policy, policy);
        let groups = std::mem::take(&mut self.groups);
        let inhibitor = std::mem::take(&mut self.inhibitor);
        self.verdicts.clear();
        self.time_orders();
        let (alerts, last_seen) = (self.alerts.clone(), self.last_seen.clone());
        let before = UnderPolicy { policy: old, rules, alerts, groups, inhibitor, last_seen, former };
        log.undo.push(Undo::Policy(Box::new(before)));
    }

    /// Keeps an alert, or its newer version, or the same under the verdict of new rules; gives back what it replaces.
    pub(super) fn judge(&mut self, kept: Kept) -> Option<Kept> {
        self.inhibitor.put(&self.policy, &self.alerts, &kept);
        let new = self.per_name.is_some().then(|| kept.clone());
        let old = self.alerts.insert(kept);
        if let (Some(per_name), Some(new)) = (&mut self.per_name, new) {
            if let Some(old) = &old {
                per_name.remove(old.fingerprint, &old.alert);
            }
            per_name.put(new.fingerprint, &new.alert);
        }
        old
    }

    /// Keeps an alert no longer; gives it back.
    pub(super) fn drop_alert(&mut self, fingerprint: Fingerprint) -> Option<Kept> {
        let old = self.alerts.remove(fingerprint)?;
        self.inhibitor.remove(&self.policy, &old);
        if let Some(per_name) = &mut self.per_name {
            per_name.remove(fingerprint, &old.alert);
        }
        Some(old)
    }

    /// Takes everything back that the log holds.
    pub fn undo(&mut self, log: Log) {
        for step in log.undo.into_iter().rev() {
            self.undo_step(step);
        }
    }

    fn undo_step(&mut self, step: Undo) {
        match step {
            Undo::Alert(fingerprint, old) => self.undo_alert(fingerprint, old),
            Undo::Refreshed(fingerprint, times) => {
                let old = self.alerts.get(fingerprint).map(|kept| kept.newer(Arc::new(kept.alert.at(times))));
                self.undo_alert(fingerprint, old);
            }
            Undo::Added(at) => drop(self.groups.take(at)),
            Undo::Removed(at, group) => self.groups.put_back(at, *group),
            Undo::Updated(at, stored) => drop(self.groups.update(at, stored)),
            Undo::Found(at, found) => drop(self.groups.set_found(at, found)),
            Undo::Joined(at, alert) => drop(self.groups.leave(at, alert)),
            Undo::Left(at, alert) => drop(self.groups.join(at, alert)),
            Undo::Silence(id, old) => {
                let silences = Arc::make_mut(&mut self.silences);
                drop(match old {
                    Some(old) => silences.insert(id, old),
                    None => silences.remove(&id),
                });
            }
            Undo::Told(thread, old) => drop(match old {
                Some(old) => self.ledger.insert(thread, old),
                None => self.ledger.remove(&thread),
            }),
            Undo::Delivery(id, old, parked) => {
                drop(self.set_delivery(id, old));
                if parked {
                    Arc::make_mut(&mut self.parked).insert(id);
                }
            }
            Undo::InFlight(id) => drop(Arc::make_mut(&mut self.in_flight).insert(id)),
            Undo::Parked(id) => {
                Arc::make_mut(&mut self.parked).remove(&id);
                Arc::make_mut(&mut self.in_flight).insert(id);
            }
            Undo::Dead(id, old) => drop(self.set_dead_letter(id, old)),
            Undo::Mirrored(key, old) => set(Arc::make_mut(&mut self.mirrored), key, old),
            Undo::Digested(old) => self.digested = old,
            Undo::Order(number, old) => drop(self.set_order(&number, old)),
            Undo::Config(old) => self.config_text = old,
            Undo::Ack(key, old) => set(Arc::make_mut(&mut self.acks), key, old),
            Undo::Policy(old) => {
                let UnderPolicy { policy, rules, alerts, groups, inhibitor, last_seen, former } = *old;
                (self.policy, self.rules, self.alerts, self.groups) = (policy, rules, alerts, groups);
                (self.inhibitor, self.last_seen, self.former) = (inhibitor, last_seen, former);
                self.verdicts.clear();
                self.time_orders();
            }
        }
    }

    fn undo_alert(&mut self, fingerprint: Fingerprint, old: Option<Kept>) {
        drop(self.drop_alert(fingerprint));
        if let Some(old) = old {
            drop(self.judge(old));
        }
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
