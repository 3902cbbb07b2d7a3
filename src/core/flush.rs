//! A flush: what of a group is held back, what is news to whom, and the rows and work orders that follow.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::alert_set::Kept;
use super::change::StoredGroup;
use super::dedup::{self, Wants};
use super::engine::Engine;
use super::group::GroupIdx;
use super::label::{Fingerprint, LabelSet};
use super::outbox::{Reason, Thread, Told, ToldAlert};
use super::policy::{Integration, Policy, Route};
use super::silence::{Silence, SilenceState};
use crate::time::Timestamp;

/// A flush that is later than this is not late any more but of another time.
const LATE: Duration = Duration::from_secs(1);

/// What holds an alert back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldBack {
    /// Another alert does.
    Inhibition,
    /// No active time interval of its route holds.
    ActiveTimeInterval,
    /// A mute time interval of its route holds.
    MuteTimeInterval,
    /// A silence does.
    Silence,
}

impl HeldBack {
    /// All of them, in the order they are looked at.
    pub const ALL: [Self; 4] = [Self::Inhibition, Self::ActiveTimeInterval, Self::MuteTimeInterval, Self::Silence];

    /// The word in metrics, logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inhibition => "inhibition",
            Self::ActiveTimeInterval => "active_time_interval",
            Self::MuteTimeInterval => "mute_time_interval",
            Self::Silence => "silence",
        }
    }
}

/// An alert of the group at the moment of the flush.
struct Member {
    kept: Kept,
    resolved: bool,
    held_back: Option<HeldBack>,
}

/// What all integrations of a flush share.
struct Flush<'a> {
    /// The moment for which the flush was due: what is counted from flush to flush does not drift.
    tick: Timestamp,
    key: Arc<str>,
    labels: LabelSet,
    route: &'a Route,
    members: &'a [Member],
}

impl Engine {
    pub(super) fn flush(&mut self, now: Timestamp, at: GroupIdx) {
        self.counters.flushes += 1;
        let Some(group) = self.group(at) else { return };
        let policy = Arc::clone(&self.state.policy);
        let route = policy.route(group.route);
        let (key, stored) = (Arc::clone(&group.key), Arc::clone(&group.stored));
        let mut members = self.members(now, at);
        let muted_by = self.hold_back(now, &policy, route, &stored, &mut members);
        for member in &members {
            if let Some(reason) = member.held_back {
                self.counters.suppressed[reason as usize] += 1;
            }
        }
        let before = self.log.changes.len();
        let tick = if now.since(stored.next_flush) < LATE { stored.next_flush } else { now };
        let flush = Flush { tick, key, labels: stored.id.labels.clone(), route, members: &members };
        let receiver = policy.receiver_of(route);
        for integration in &receiver.integrations {
            self.tell(&flush, &receiver.name, integration);
        }
        self.update_orders(now, receiver, &flush.told(|_| true), |alert| flush.unmuted(alert));
        let quiet = self.log.changes.len() == before && muted_by == stored.muted_by;
        for member in members.iter().filter(|member| member.resolved) {
            self.state.leave(at, member.kept.fingerprint, &mut self.log);
        }
        if self.group(at).is_some_and(|group| group.members.is_empty()) {
            self.state.remove_group(at, &mut self.log);
            return;
        }
        let (id, created_at) = (stored.id.clone(), stored.created_at);
        let next_flush = tick.after(route.group_interval);
        self.state.update_group(
            at,
            StoredGroup { id, created_at, next_flush, last_flush: now, muted_by },
            quiet,
            &mut self.log,
        );
    }

    /// The group's alerts in the order in which they are told.
    fn members(&self, now: Timestamp, at: GroupIdx) -> Vec<Member> {
        let fingerprints = self.group(at).into_iter().flat_map(|group| group.members.iter());
        let kept = fingerprints.filter_map(|fingerprint| self.state.alerts.get(*fingerprint));
        let member = |kept: &Kept| {
            let resolved = self.state.grace.resolved(&kept.alert, now);
            Member { kept: kept.clone(), resolved, held_back: None }
        };
        let mut members: Vec<_> = kept.map(member).collect();
        members.sort_by(|a, b| told_order(&a.kept.alert.labels, &b.kept.alert.labels));
        members
    }

    /// Notes what holds the alerts back, stage by stage; gives the time intervals that mute the group.
    fn hold_back(
        &self,
        now: Timestamp,
        policy: &Policy,
        route: &Route,
        stored: &StoredGroup,
        members: &mut [Member],
    ) -> Vec<Arc<str>> {
        let grace = self.state.grace;
        for member in members.iter_mut() {
            let firing = |source: &super::alert::Alert| !grace.resolved(source, now);
            let inhibited = self.state.inhibitor.inhibits(policy, &member.kept, firing);
            member.held_back = inhibited.map(|_| HeldBack::Inhibition);
        }
        if members.iter().all(|member| member.held_back.is_some()) {
            // The stages of time were not reached: what they said last stands.
            return stored.muted_by.clone();
        }
        let holds = |name: &Arc<str>| {
            let intervals = policy.intervals.get(name).into_iter().flatten();
            intervals.filter(|interval| interval.contains(now)).count()
        };
        let active = &route.active_time_intervals;
        if !active.is_empty() && active.iter().all(|name| holds(name) == 0) {
            hold(members, HeldBack::ActiveTimeInterval);
            return active.clone();
        }
        // A name stands once for each of its intervals that holds, as Alertmanager shows it.
        let repeated = |name: &Arc<str>| std::iter::repeat_n(Arc::clone(name), holds(name));
        let muted_by: Vec<_> = route.mute_time_intervals.iter().flat_map(repeated).collect();
        if !muted_by.is_empty() {
            hold(members, HeldBack::MuteTimeInterval);
            return muted_by;
        }
        let active = |silence: &&Arc<Silence>| silence.state(now) == SilenceState::Active;
        let silences: Vec<_> = self.state.silences.values().filter(active).collect();
        for member in members.iter_mut().filter(|member| member.held_back.is_none()) {
            let silenced = silences.iter().any(|silence| silence.matches(&member.kept.alert.labels));
            member.held_back = silenced.then_some(HeldBack::Silence);
        }
        muted_by
    }

    /// Decides what one integration is told.
    fn tell(&mut self, flush: &Flush<'_>, receiver: &Arc<str>, integration: &Integration) {
        let thread = Thread {
            group_key: Arc::clone(&flush.key),
            receiver: Arc::clone(receiver),
            kind: Arc::from(integration.kind),
            index: integration.index,
        };
        let told = self.state.ledger.get(&thread).cloned();
        // What was told firing is told resolved, whatever mutes it now.
        let passes = self.options.resolved_while_muted && integration.send_resolved;
        let owed = |alert: Fingerprint| passes && told.as_ref().is_some_and(|told| told.open.contains(&alert));
        let heard = |member: &Member| member.held_back.is_none() || (member.resolved && owed(member.kept.fingerprint));
        let alerts = flush.told(heard);
        if alerts.is_empty() {
            return;
        }
        let firing = fingerprints(&alerts, false);
        let resolved = fingerprints(&alerts, true);
        let wants = Wants { send_resolved: integration.send_resolved, repeat_interval: flush.route.repeat_interval };
        let Ok(reason) = dedup::news(told.as_deref(), &firing, &resolved, wants, flush.tick) else { return };
        let route_labels = route_labels(flush.route);
        let mut entry = match told.as_deref() {
            Some(told) if !told.firing.is_empty() || reason != Reason::First => told.clone(),
            earlier => Told {
                episode: flush.tick,
                next_sequence: 0,
                at: flush.tick,
                firing: BTreeSet::new(),
                resolved: BTreeSet::new(),
                open: earlier.map(|told| told.open.clone()).unwrap_or_default(),
                group_labels: flush.labels.clone(),
                route_labels: route_labels.clone(),
                receiver_data: Default::default(),
            },
        };
        let (episode, sequence, data) = (entry.episode, entry.next_sequence, entry.receiver_data.clone());
        let known = |alert: &Fingerprint| entry.firing.contains(alert) || entry.open.contains(alert);
        let new = firing.iter().copied().filter(|alert| !known(alert)).collect();
        let sent: Vec<_> = alerts.into_iter().filter(|alert| integration.send_resolved || !alert.resolved).collect();
        entry.record(flush.tick, firing, resolved, passes);
        let over = entry.firing.is_empty() && entry.open.is_empty();
        self.state.put_told(&thread, (!over).then_some(entry), &mut self.log);
        if !sent.is_empty() {
            let (labels, says_both) = (flush.labels.clone(), integration.says_both);
            let (episode, labels) = ((episode, sequence), (labels, route_labels));
            self.enqueue(flush.tick, thread, episode, reason, labels, (sent, new), says_both, data);
        }
    }
}

impl Flush<'_> {
    fn told(&self, heard: impl Fn(&Member) -> bool) -> Vec<ToldAlert> {
        let told = |member: &Member| ToldAlert { alert: Arc::clone(&member.kept.alert), resolved: member.resolved };
        self.members.iter().filter(|member| heard(member)).map(told).collect()
    }

    fn unmuted(&self, alert: &super::alert::Alert) -> bool {
        let same = |member: &&Member| member.kept.alert.labels == alert.labels;
        self.members.iter().find(same).is_some_and(|member| member.held_back.is_none())
    }
}

impl Told {
    /// Notes that a notification was decided that tells these alerts.
    pub(super) fn record(
        &mut self,
        now: Timestamp,
        firing: BTreeSet<Fingerprint>,
        resolved: BTreeSet<Fingerprint>,
        owes: bool,
    ) {
        self.at = now;
        self.next_sequence = self.next_sequence.saturating_add(1);
        if owes {
            self.open.extend(firing.iter().copied());
            self.open.retain(|alert| !resolved.contains(alert));
        }
        self.firing = firing;
        self.resolved = resolved;
    }
}

/// The order of alerts in a notification: by `job`, then `instance` (those without the label last), then label set.
pub fn told_order(a: &LabelSet, b: &LabelSet) -> Ordering {
    let by = |name: &str| match (a.get(name), b.get(name)) {
        (Some(x), Some(y)) => x.cmp(y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    by("job").then_with(|| by("instance")).then_with(|| a.order(b))
}

/// The labels of a route, as they are told.
pub fn route_labels(route: &Route) -> LabelSet {
    // What is too long for a label set is left out: `config` refuses it.
    LabelSet::new(route.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .unwrap_or_else(|_| LabelSet::empty())
}

fn hold(members: &mut [Member], reason: HeldBack) {
    for member in members.iter_mut().filter(|member| member.held_back.is_none()) {
        member.held_back = Some(reason);
    }
}

pub(super) fn fingerprints(alerts: &[ToldAlert], resolved: bool) -> BTreeSet<Fingerprint> {
    alerts.iter().filter(|told| told.resolved == resolved).map(|told| told.alert.fingerprint()).collect()
}
