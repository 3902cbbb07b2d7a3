//! A flush: what of a group is held back, what is news to whom, and the rows and work orders that follow.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::change::StoredGroup;
use super::cut::{cut, shorten};
use super::dedup::NoNews;
use super::engine::Engine;
use super::group::GroupIdx;
use super::label::{Fingerprint, LabelSet};
use super::look::{self, HeldBy, Look, Member, News};
use super::note::FlushVerdict;
use super::outbox::{Reason, Thread, Told};
use super::policy::{Integration, Route};
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
    /// Somebody is at work on its asset: a work order is in progress.
    WorkOrder,
}

impl HeldBack {
    /// All of them, in the order they are looked at.
    pub const ALL: [Self; 5] =
        [Self::Inhibition, Self::ActiveTimeInterval, Self::MuteTimeInterval, Self::Silence, Self::WorkOrder];

    /// The word in metrics, logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inhibition => "inhibition",
            Self::ActiveTimeInterval => "active_time_interval",
            Self::MuteTimeInterval => "mute_time_interval",
            Self::Silence => "silence",
            Self::WorkOrder => "work_order",
        }
    }
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
        self.flushed.push(at);
        let Some(group) = self.group(at) else { return };
        let policy = Arc::clone(&self.state.policy);
        let (group_route, route) = (group.route, policy.route(group.route));
        let (key, stored) = (Arc::clone(&group.key), Arc::clone(&group.stored));
        let look = self.look();
        let mut members = look.members(now, group.members.iter().copied());
        let muted_by = look.hold_back(now, route, &stored.muted_by, &mut members);
        for by in members.iter().filter_map(|member| member.held_by.as_ref()) {
            self.counters.suppressed[by.kind() as usize] += 1;
        }
        let before = self.log.changes.len();
        self.check_ack(now, &key, &members);
        let kept_back = |member: &&Member| matches!(member.held_by, Some(HeldBy::WorkOrder(_))) && !member.resolved;
        for member in members.iter().filter(kept_back) {
            self.note_kept_back(now, &member.kept.alert);
        }
        let tick = if now.since(stored.next_flush) < LATE { stored.next_flush } else { now };
        let flush = Flush { tick, key, labels: stored.id.labels.clone(), route, members: &members };
        let receiver = policy.receiver_of(route);
        let mut verdicts = Vec::with_capacity(receiver.integrations.len());
        for integration in &receiver.integrations {
            let verdict = self.tell(&flush, &receiver.name, integration);
            let (kind, index) = (Arc::from(integration.kind), integration.index);
            verdicts.push(FlushVerdict { kind, index, told: verdict.ok(), withheld: verdict.err() });
        }
        if !policy.is_own(group_route) {
            let mut alerts = look::told(&members, |_| true);
            shorten(&mut alerts, self.row_most);
            let unmuted: BTreeSet<&LabelSet> = flush.unmuted().collect();
            self.update_orders(now, receiver, &alerts, |alert| unmuted.contains(&alert.labels));
        }
        let quiet = self.log.changes.len() == before && muted_by == stored.muted_by;
        self.note_flush(at, &receiver.name, verdicts, &members);
        for member in members.iter().filter(|member| member.resolved) {
            self.state.leave(at, member.kept.fingerprint, &mut self.log);
        }
        if self.group(at).is_some_and(|group| group.members.is_empty()) {
            self.state.remove_group(at, &mut self.log);
            self.close_ack(now, &flush.key);
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

    /// What decisions look at.
    pub(super) fn look(&self) -> Look<'_> {
        let state = &self.state;
        Look {
            policy: &state.policy,
            alerts: &state.alerts,
            inhibitor: &state.inhibitor,
            silences: &state.silences,
            acks: &state.acks,
            at_work: &state.at_work,
            ledger: &state.ledger,
            grace: state.grace,
            fires_as_of: None,
            resolved_while_muted: self.options.resolved_while_muted,
        }
    }

    /// Decides what one integration is told, and says why, or why not.
    fn tell(&mut self, flush: &Flush<'_>, receiver: &Arc<str>, integration: &Integration) -> Result<Reason, NoNews> {
        let thread = Thread::of(&flush.key, receiver, integration);
        let news = self.look().news(flush.tick, &thread, integration, flush.route, flush.members);
        let News { reason, alerts, firing, resolved } = news?;
        let told = self.state.ledger.get(&thread).cloned();
        let passes = self.options.resolved_while_muted && integration.send_resolved;
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
        let sent = cut(sent, self.row_most);
        entry.record(flush.tick, firing, resolved, passes);
        let over = entry.firing.is_empty() && entry.open.is_empty();
        self.state.put_told(&thread, (!over).then_some(entry), &mut self.log);
        if !sent.is_empty() {
            let (labels, says_both) = (flush.labels.clone(), integration.says_both);
            let (episode, labels) = ((episode, sequence), (labels, route_labels));
            self.enqueue(flush.tick, thread, episode, reason, labels, (sent, new), says_both, data);
        }
        Ok(reason)
    }
}

impl Flush<'_> {
    /// Which alerts nothing holds back.
    fn unmuted(&self) -> impl Iterator<Item = &LabelSet> {
        self.members.iter().filter(|member| member.held_by.is_none()).map(|member| &member.kept.alert.labels)
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

/// Where an alert stands in a notification: by `job`, then `instance` (those without the label last), then label set.
/// The labels that count first are looked for once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TellRank<'a> {
    first: [(bool, &'a str); 2],
    labels: &'a LabelSet,
}

impl<'a> TellRank<'a> {
    /// Of an alert with these labels.
    pub fn of(labels: &'a LabelSet) -> Self {
        let by = |name| labels.get(name).map_or((true, ""), |value| (false, value));
        Self { first: [by("job"), by("instance")], labels }
    }
}

impl Ord for TellRank<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.first.cmp(&other.first).then_with(|| self.labels.order(other.labels))
    }
}

impl PartialOrd for TellRank<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of alerts in a notification.
pub fn told_order(a: &LabelSet, b: &LabelSet) -> Ordering {
    TellRank::of(a).cmp(&TellRank::of(b))
}

/// The labels of a route, as they are told.
pub fn route_labels(route: &Route) -> LabelSet {
    // What is too long for a label set is left out: `config` refuses it.
    LabelSet::new(route.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .unwrap_or_else(|_| LabelSet::empty())
}
