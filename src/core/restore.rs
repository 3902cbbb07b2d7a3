//! The state from what is stored; other rules for the state that is there; threads whose group is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::alert::Alert;
use super::alert_set::Kept;
use super::change::{Change, GroupId, StoredGroup};
use super::engine::{Engine, Options};
use super::label::Fingerprint;
use super::look::fingerprints;
use super::note::{Note, line_diff};
use super::outbox::{Delivery, Reason, Thread, Told, ToldAlert};
use super::policy::{Policy, RouteIdx};
use super::state::State;
use super::view::Grace;
use crate::time::Timestamp;

pub(super) type StoredGroups = BTreeMap<GroupId, Arc<StoredGroup>>;

/// How often threads whose group is gone are looked at.
const ORPHAN_INTERVAL: Duration = Duration::from_secs(5);

/// The alerts that stood in a group before other rules came, by the ids of the routes that there were.
struct Pending(BTreeMap<Arc<str>, BTreeSet<Fingerprint>>);

impl Pending {
    fn of(state: &State) -> Self {
        let mut by_route: BTreeMap<_, BTreeSet<Fingerprint>> =
            state.policy.routes.iter().map(|route| (Arc::clone(&route.id), BTreeSet::new())).collect();
        for (_, group) in state.groups.iter() {
            if let Some(members) = by_route.get_mut(&group.id().route_id) {
                members.extend(group.members.iter().copied());
            }
        }
        Self(by_route)
    }

    /// Whether what is over is still to be told by a route: it stood in a group of it, or, where there was no such route,
    /// in any.
    fn has(&self, route: &str, alert: Fingerprint) -> bool {
        match self.0.get(route) {
            Some(members) => members.contains(&alert),
            None => self.0.values().any(|members| members.contains(&alert)),
        }
    }
}

impl Engine {
    /// The engine as it was when the last of `changes` was stored, at `last`. What ran out since then is not taken for
    /// over until senders have had time to send again. Groups that were due meanwhile are due now.
    pub fn restore(
        policy: Arc<Policy>,
        options: Options,
        changes: Vec<Change>,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let mut engine = Self::new(policy, options, now);
        let mut groups = StoredGroups::new();
        for change in changes {
            engine.apply(change, &mut groups);
        }
        if let Some(last) = last {
            engine.state.grace = Grace { from: last, until: now.after(engine.options.resend_grace) };
        }
        engine.adopt_names();
        // Names that receivers were given while we were away are the only news to the store.
        let renamed = std::mem::take(&mut engine.log).changes;
        engine.regroup(now, groups);
        engine.watch_anew(now);
        engine.reopen_circuits(now);
        engine.queue_all();
        engine.doubtful = engine.state.outbox.iter().map(|(id, _)| *id).collect();
        engine.stored_orphan_check = engine.next_orphan_check;
        engine.log = Default::default();
        engine.log.changes = renamed;
        engine
    }

    /// The whole state as changes: what a checkpoint holds. Only between batches.
    pub fn snapshot(&self) -> impl Iterator<Item = Change> + '_ {
        let state = &self.state;
        let alerts = state.alerts.iter().map(|kept| Change::Alert(Arc::clone(&kept.alert)));
        let groups = state.groups.iter().map(|(_, group)| Change::Group(Arc::clone(&group.stored)));
        let silences = state.silences.values().cloned().map(Change::Silence);
        let told = state.ledger.iter().map(|(thread, told)| Change::Told(thread.clone(), Some(Arc::clone(told))));
        let rows = state.outbox.values().cloned().map(Change::Outbox);
        let dead = state.dead_letters.values().cloned().map(Change::Dead);
        let orders = state.work_orders.values().cloned().map(Change::WorkOrder);
        let mirrored = state.mirrored.values().cloned().map(Change::Mirrored);
        let orders = orders.chain(mirrored);
        let acks = state.acks.values().cloned().map(Change::Ack);
        let digested = state.digested.map(Change::Digested);
        let orders = orders.chain(digested);
        alerts.chain(groups).chain(silences).chain(told).chain(rows).chain(dead).chain(orders).chain(acks)
    }

    pub(super) fn apply(&mut self, change: Change, groups: &mut StoredGroups) {
        let state = &mut self.state;
        match change {
            Change::By(_) | Change::Noted(_) => {}
            Change::Config { text, .. } => state.config_text = text.into(),
            Change::Alert(mut alert) => {
                if let Some(alert) = Arc::get_mut(&mut alert) {
                    alert.generator_url = state.urls.get(&alert.generator_url);
                }
                let verdict = state.verdict(&alert.labels);
                drop(state.judge(Kept::new(alert.fingerprint(), alert, verdict)));
            }
            Change::Refreshed { fingerprint, ends_at, updated_at } => {
                if let Some(kept) = state.alerts.get(fingerprint) {
                    let alert = Alert { ends_at, updated_at, ..Alert::clone(&kept.alert) };
                    drop(state.judge(kept.newer(Arc::new(alert))));
                }
            }
            Change::AlertGone(fingerprint) => {
                drop(state.drop_alert(fingerprint));
            }
            Change::Group(stored) => drop(groups.insert(stored.id.clone(), stored)),
            Change::GroupTimer { id, next_flush, last_flush } => {
                if let Some(group) = groups.get_mut(&id) {
                    let group = Arc::make_mut(group);
                    (group.next_flush, group.last_flush) = (next_flush, last_flush);
                }
            }
            Change::GroupGone(id) => drop(groups.remove(&id)),
            Change::Silence(silence) => drop(Arc::make_mut(&mut state.silences).insert(silence.id, silence)),
            Change::SilenceGone(id) => drop(Arc::make_mut(&mut state.silences).remove(&id)),
            Change::Told(thread, Some(told)) => drop(state.ledger.insert(thread, told)),
            Change::Told(thread, None) => drop(state.ledger.remove(&thread)),
            Change::Outbox(row) => {
                self.next_delivery = self.next_delivery.max(row.id.0.saturating_add(1));
                state.set_delivery(row.id, Some(row));
            }
            Change::Standing(id, now) => {
                if let Some(row) = state.outbox.get(&id).map(|row| Delivery::clone(row).stands(now)) {
                    state.set_delivery(id, Some(Arc::new(row)));
                }
            }
            Change::OutboxGone(id) => {
                self.next_delivery = self.next_delivery.max(id.0.saturating_add(1));
                state.set_delivery(id, None);
            }
            Change::Dead(letter) => {
                self.next_delivery = self.next_delivery.max(letter.delivery.id.0.saturating_add(1));
                state.set_dead_letter(letter.delivery.id, Some(letter));
            }
            Change::DeadGone(id) | Change::DeadDiscarded { id, .. } => {
                drop(state.set_dead_letter(id, None));
            }
            Change::Mirrored(mirrored) => drop(state.set_mirrored(mirrored)),
            Change::WorkOrder(order) => drop(state.set_order(&Arc::clone(&order.number), Some(order))),
            Change::Digested(at) => state.digested = Some(at),
            Change::Ack(ack) => drop(Arc::make_mut(&mut state.acks).insert(Arc::clone(&ack.group_key), ack)),
            Change::AckGone(group_key, _) => drop(Arc::make_mut(&mut state.acks).remove(&group_key)),
            Change::WorkOrderGone(number) => {
                state.set_order(&number, None);
                state.drop_mirrored(&number);
            }
        }
    }

    /// Puts other rules in force: every alert is routed anew. Groups keep what muted them; their timers begin anew, and
    /// a group whose first alert has waited long enough is flushed at once, as Alertmanager does. What was told stands
    /// in the ledger, so nobody is told twice; and what is over is in its group again where a receiver that is back was
    /// told that it fires.
    pub(super) fn reload(&mut self, now: Timestamp, policy: Arc<Policy>, hash: String, text: String) {
        let before: Vec<_> = self.state.groups.iter().map(|(_, group)| Arc::clone(&group.stored)).collect();
        let pending = Pending::of(&self.state);
        self.lower_what_is_nobodys(now, &policy);
        self.state.put_policy(policy, &mut self.log);
        self.adopt_names();
        self.note_config(hash, text);
        let all: Vec<_> = self.state.alerts.iter().cloned().collect();
        for mut kept in all {
            kept.verdict = self.state.verdict(&kept.alert.labels);
            let (fingerprint, alert, verdict) = (kept.fingerprint, Arc::clone(&kept.alert), Arc::clone(&kept.verdict));
            drop(self.state.judge(kept));
            // Alertmanager groups anew what is over as well, as long as it is kept.
            let all = !self.options.resolved_while_muted;
            let fires = !self.state.grace.resolved(&alert, now);
            for route in &verdict.routes {
                let pends = || pending.has(&self.state.policy.route(*route).id, fingerprint);
                if all || fires || pends() || self.told_firing(&alert, *route) {
                    self.join(now, *route, fingerprint, &alert);
                }
            }
        }
        self.keep_mutes(&before);
        self.collect_acks(now);
        self.find_orphans(now);
        self.watch_anew(now);
        self.queue_all();
        self.settle_lost_alerts(now);
        let policy = Arc::clone(&self.state.policy);
        self.circuits.retain(|key| policy.receivers.iter().any(|receiver| receiver.name == key.receiver));
        self.try_at_once(now);
    }

    /// Notes the configuration that is in force from now on, and what is different in it.
    fn note_config(&mut self, hash: String, text: String) {
        let difference = line_diff(&self.state.config_text, &text);
        self.state.put_config(hash, text, &mut self.log);
        self.note(Note::ConfigChanged(difference));
    }

    /// Groups that are there again keep what muted them; for the others it is noted that they are gone.
    fn keep_mutes(&mut self, before: &[Arc<StoredGroup>]) {
        let now_there: BTreeMap<_, _> = self.state.groups.iter().map(|(at, group)| (group.id().clone(), at)).collect();
        for old in before {
            let Some(at) = now_there.get(&old.id) else {
                self.log.changes.push(Change::GroupGone(old.id.clone()));
                continue;
            };
            let Some(group) = self.group(*at).filter(|_| !old.muted_by.is_empty()) else { continue };
            let mut stored = StoredGroup::clone(&group.stored);
            stored.muted_by.clone_from(&old.muted_by);
            self.state.update_group(*at, stored, false, &mut self.log);
        }
    }

    /// Puts the alerts that were loaded into their groups: those that fire, and those that are over and were not told
    /// so yet. A group that was stored keeps its timer.
    fn regroup(&mut self, now: Timestamp, stored: StoredGroups) {
        let all: Vec<_> = self.state.alerts.iter().cloned().collect();
        for kept in &all {
            for route in &kept.verdict.routes {
                let rules = self.state.policy.route(*route);
                let labels = rules.group_labels(&kept.alert.labels);
                let known = stored.get(&GroupId { route_id: Arc::clone(&rules.id), labels: labels.clone() });
                let over = self.state.grace.resolved(&kept.alert, now);
                let flushed = known.map_or(Timestamp::ZERO, |group| group.last_flush);
                // What was over before the group was made is of an earlier one, which has told it.
                let latest = kept.alert.ends_at.max(kept.alert.updated_at);
                let untold = known.is_some_and(|group| latest > flushed && latest >= group.created_at);
                if over && !untold && !self.told_firing(&kept.alert, *route) {
                    continue;
                }
                if let (None, Some(known)) = (self.state.groups.find(*route, labels.packed()), known) {
                    self.state.add_group(*route, StoredGroup::clone(known), &mut self.log);
                }
                self.join(now, *route, kept.fingerprint, &kept.alert);
            }
        }
        self.find_orphans(now);
    }

    /// Whether some thread of the alert's group on a route was told that it fires, and not yet that it is over. What another
    /// receiver is owed is no reason to tell this one again.
    fn told_firing(&self, alert: &Alert, route: RouteIdx) -> bool {
        let route = self.state.policy.route(route);
        let group_key: Arc<str> = Arc::from(route.group_key(&route.group_labels(&alert.labels)));
        let receiver = Arc::clone(&self.state.policy.receiver_of(route).name);
        let from = Thread { group_key, receiver, kind: Arc::from(""), index: 0 };
        let same = |thread: &Thread| thread.group_key == from.group_key && thread.receiver == from.receiver;
        let mut threads = self.state.ledger.from(&from).take_while(|(thread, _)| same(thread));
        let fingerprint = alert.fingerprint();
        threads.any(|(_, told)| told.fires(fingerprint))
    }

    /// Begins to look after threads that were told of alerts whose group the rules no longer make.
    fn find_orphans(&mut self, now: Timestamp) {
        self.refused_orphans.clear();
        let any = self.options.resolved_while_muted && !self.orphans().is_empty();
        self.next_orphan_check = if any { now } else { Timestamp::MAX };
    }

    /// Forgets what threads were told that have no group and are owed nothing: from then on what fires again is told as
    /// new. It is as long after as Alertmanager forgets what it told: twice `repeat_interval`, at most the retention.
    pub(super) fn forget_told(&mut self, now: Timestamp) {
        let longest = self.state.policy.routes.iter().map(|route| route.repeat_interval).max().unwrap_or_default();
        let counts = longest.saturating_mul(2).min(self.options.retention);
        let old = |told: &Told| told.open.is_empty() && told.at.after(counts) < now;
        if !self.state.ledger.values().any(|told| old(told)) {
            return;
        }
        let threads = self.without_group(old).into_iter().map(|(thread, _)| thread);
        let threads: Vec<_> = threads.filter(|thread| !self.state.queues.contains_key(thread)).collect();
        for thread in threads {
            self.state.put_told(&thread, None, &mut self.log);
        }
    }

    fn orphans(&self) -> Vec<(Thread, Arc<Told>)> {
        self.without_group(|told| !told.open.is_empty())
    }

    /// The threads whose group, or integration, the rules no longer make, of those entries.
    fn without_group(&self, which: impl Fn(&Told) -> bool) -> Vec<(Thread, Arc<Told>)> {
        let policy = &self.state.policy;
        let alive: BTreeSet<_> = self
            .state
            .groups
            .iter()
            .map(|(_, group)| (Arc::clone(&group.key), Arc::clone(&policy.receiver_of(policy.route(group.route)).name)))
            .collect();
        let orphan = |thread: &Thread| {
            let grouped = alive.contains(&(Arc::clone(&thread.group_key), Arc::clone(&thread.receiver)));
            !grouped || policy.integration(&thread.integration_key()).is_none()
        };
        let found = self.state.ledger.iter().filter(|(thread, told)| which(told) && orphan(thread));
        found.map(|(thread, told)| (thread.clone(), Arc::clone(told))).collect()
    }

    /// Tells those threads what is over. What nobody can be told stands, until its alerts are forgotten.
    pub(super) fn check_orphans(&mut self, now: Timestamp) {
        let orphans = self.orphans();
        self.next_orphan_check = if orphans.is_empty() { Timestamp::MAX } else { now.after(ORPHAN_INTERVAL) };
        self.refused_orphans.retain(|_, not_before| *not_before > now);
        for (thread, told) in orphans {
            if self.refused_orphans.contains_key(&thread) {
                continue;
            }
            let grace = self.state.grace;
            let kept: Vec<_> = told.open.iter().map(|alert| (*alert, self.state.alerts.get(*alert))).collect();
            let forgotten = kept.iter().filter(|(_, kept)| kept.is_none()).map(|(alert, _)| *alert);
            let forgotten: BTreeSet<_> = forgotten.collect();
            let over = kept.into_iter().filter_map(|(_, kept)| kept).filter(|kept| grace.resolved(&kept.alert, now));
            let told_alert = |kept: &Kept| ToldAlert { alert: Arc::clone(&kept.alert), resolved: true };
            let mut over: Vec<_> = over.map(told_alert).collect();
            over.sort_by(|a, b| super::flush::told_order(&a.alert.labels, &b.alert.labels));
            let resolved = fingerprints(&over, true);
            let settled = |alert: &Fingerprint| resolved.contains(alert) || forgotten.contains(alert);
            let mut entry = Told::clone(&told);
            entry.firing.retain(|alert| !settled(alert));
            entry.open.retain(|alert| !settled(alert));
            entry.next_sequence = entry.next_sequence.saturating_add(1);
            let done = entry.open.is_empty();
            let says_both = self.integration(&thread).map(|integration| integration.says_both);
            if says_both.is_none() && forgotten.len() < told.open.len() {
                continue;
            }
            // A message that can only say that all is over waits for the last alert.
            if entry.open == told.open || (says_both == Some(false) && !done) {
                continue;
            }
            self.state.put_told(&thread, (!done).then_some(entry), &mut self.log);
            if let (Some(says_both), false) = (says_both, over.is_empty()) {
                let reason = if done { Reason::AllResolved } else { Reason::SomeResolved };
                let labels = (told.group_labels.clone(), told.route_labels.clone());
                let (episode, alerts) = ((told.episode, told.next_sequence), (over, BTreeSet::new()));
                self.enqueue(now, thread, episode, reason, labels, alerts, says_both, told.receiver_data.clone());
            }
        }
    }
}
