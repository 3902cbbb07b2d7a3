//! Acknowledgements: somebody has taken a group on, so that it is not told again until it worsens.
//!
//! Decided: an acknowledgement is of a group key, holds until a moment, and ends before it when a firing alert joins
//! that was not acknowledged (a higher severity is one: it stands in a label), when nothing of the group fires any more,
//! when the rules no longer make the group, or when somebody withdraws it. While it holds, repetitions and alerts that
//! fire again are withheld. What nobody was told yet, and what is over, is told all the same.
//!
//! Who can show it is told of it through the outbox: PagerDuty and Slack, where they were told of the group. That it was
//! withdrawn, or that its time was over, is told as well; every other end comes with something to tell, or with nobody to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::alert_set::Kept;
use super::dedup::NoNews;
use super::engine::Engine;
use super::group::{Group, GroupIdx};
use super::label::{Fingerprint, LabelSet};
use super::look::{Member, told};
use super::outbox::{Reason, Thread, Told, ToldAlert};
use super::policy::Integration;
use crate::time::Timestamp;

/// An acknowledgement of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Of which group.
    pub group_key: Arc<str>,
    /// The labels of the group.
    pub group_labels: LabelSet,
    /// Who took it on, as they said.
    pub who: String,
    /// What they said.
    pub comment: String,
    /// Since when.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The alerts that were seen: any other that fires ends it.
    pub known: BTreeSet<Fingerprint>,
}

/// What a client asks for when it acknowledges a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckDraft {
    /// Which group.
    pub group_key: Arc<str>,
    /// Who.
    pub who: String,
    /// Why.
    pub comment: String,
    /// Until when.
    pub until: Timestamp,
}

/// Why a group was not acknowledged, or an acknowledgement not withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckRefused {
    /// There is none with the key.
    #[error("there is no such group")]
    NoGroup,
    /// All of it is over.
    #[error("no alert of the group fires: there is nothing to acknowledge")]
    NothingFires,
    /// It would end before it begins.
    #[error("it would end in the past")]
    Past,
    /// There is nothing to withdraw.
    #[error("the group is not acknowledged")]
    NotAcknowledged,
}

/// Why an acknowledgement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AckEnd {
    /// Somebody withdrew it.
    Withdrawn,
    /// Its time was over.
    RanOut,
    /// An alert fires that was not acknowledged.
    Worsened,
    /// Nothing of the group fires any more.
    Over,
    /// The rules no longer make the group.
    GroupGone,
}

impl AckEnd {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Withdrawn, Self::RanOut, Self::Worsened, Self::Over, Self::GroupGone];

    /// The words in logs, the history and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::RanOut => "its time was over",
            Self::Worsened => "the group worsened",
            Self::Over => "nothing fires any more",
            Self::GroupGone => "the group is gone",
        }
    }
}

impl Ack {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// What it makes of a reason to tell these alerts that fire to a thread that was told what `last` says.
    ///
    /// # Errors
    /// [`NoNews::Acknowledged`] for a repetition, and for alerts that were acknowledged and fire again.
    pub fn allows(
        &self,
        reason: Reason,
        firing: &[&Kept],
        last: Option<&Told>,
        now: Timestamp,
    ) -> Result<Reason, NoNews> {
        // What is only owed an end may never have been heard: another notification took the place of the one that told it.
        let was_told = |alert: &Fingerprint| last.is_some_and(|told| told.firing.contains(alert));
        // What has fired since before it was taken on, and is not known to the thread, was seen by whoever took it on, and
        // by nobody else: it was held back meanwhile, or refused, or its flush is still to come.
        let seen = |kept: &&Kept| {
            let again = kept.alert.starts_at > self.at || was_told(&kept.fingerprint);
            self.known.contains(&kept.fingerprint) && again
        };
        let seen = reason == Reason::Repeat || (reason == Reason::NewAlerts && firing.iter().all(seen));
        if self.holds(now) && seen { Err(NoNews::Acknowledged) } else { Ok(reason) }
    }

    /// Whether a member is one that it does not cover.
    pub fn worsens(&self, member: &Member) -> bool {
        !member.resolved && member.held_by.is_none() && !self.known.contains(&member.kept.fingerprint)
    }
}

/// Whether an integration of this kind can show that somebody has taken a group on.
pub fn is_shown_by(kind: &str) -> bool {
    matches!(kind, "pagerduty" | "slack")
}

impl Engine {
    /// Acknowledges a group, or changes its acknowledgement; what fires now is what was seen.
    pub(super) fn put_ack(&mut self, now: Timestamp, draft: AckDraft) -> Result<Arc<Ack>, AckRefused> {
        if draft.until <= now {
            return Err(AckRefused::Past);
        }
        let groups = self.groups_with(&draft.group_key);
        let Some(group_labels) = groups.first().and_then(|at| self.group(*at)).map(|group| group.id().labels.clone())
        else {
            return Err(AckRefused::NoGroup);
        };
        let mut known = BTreeSet::new();
        let mut fires = false;
        for at in &groups {
            let Some(members) = self.group(*at).map(|group| self.seen(now, group)) else { continue };
            let firing = members.iter().filter(|member| !member.resolved);
            let told = self.told_firing_in(*at);
            for member in firing {
                fires = true;
                if member.held_by.is_none() || told.contains(&member.kept.fingerprint) {
                    known.insert(member.kept.fingerprint);
                }
            }
        }
        if !fires {
            return Err(AckRefused::NothingFires);
        }
        let AckDraft { group_key, who, comment, until } = draft;
        let ack = Arc::new(Ack { group_key, group_labels, who, comment, at: now, until, known });
        self.state.put_ack(Arc::clone(&ack), &mut self.log);
        self.tell_ack(now, &ack.group_key);
        Ok(ack)
    }

    /// Withdraws an acknowledgement.
    pub(super) fn withdraw_ack(&mut self, now: Timestamp, group_key: &str) -> Result<Arc<Ack>, AckRefused> {
        let held = self.state.acks.get(group_key).filter(|ack| ack.holds(now)).cloned();
        let ack = held.ok_or(AckRefused::NotAcknowledged)?;
        self.end_and_tell(now, group_key, AckEnd::Withdrawn);
        Ok(ack)
    }

    /// Ends one while the group goes on: who shows it must not show it any longer. Where the flush has more to say, that
    /// takes the place of this.
    fn end_and_tell(&mut self, now: Timestamp, group_key: &str, why: AckEnd) {
        self.state.end_ack(group_key, why, &mut self.log);
        self.tell_ack(now, group_key);
    }

    /// Before a flush: ends an acknowledgement whose time is over, or that does not cover what the group holds.
    pub(super) fn check_ack(&mut self, now: Timestamp, group_key: &str, members: &[Member]) {
        let Some(ack) = self.state.acks.get(group_key) else { return };
        if !ack.holds(now) {
            self.end_and_tell(now, group_key, AckEnd::RanOut);
        } else if members.iter().any(|member| ack.worsens(member)) {
            self.state.end_ack(group_key, AckEnd::Worsened, &mut self.log);
        }
    }

    /// After a flush: the acknowledgement of a group of which nothing fires any more ends with it.
    pub(super) fn close_ack(&mut self, now: Timestamp, group_key: &str) {
        if !self.state.acks.contains_key(group_key) {
            return;
        }
        let grace = self.state.grace;
        let fires =
            |alert: &Fingerprint| self.state.alerts.get(*alert).is_some_and(|kept| !grace.resolved(&kept.alert, now));
        let groups = self.groups_with(group_key);
        let members = groups.iter().filter_map(|at| self.group(*at)).flat_map(|group| group.members.iter());
        if !members.into_iter().any(fires) {
            self.state.end_ack(group_key, AckEnd::Over, &mut self.log);
        }
    }

    /// Ends what nobody can see any more: acknowledgements whose time is over, and those of groups that are gone.
    pub(super) fn collect_acks(&mut self, now: Timestamp) {
        if self.state.acks.is_empty() {
            return;
        }
        let alive: BTreeSet<_> = self.state.groups.iter().map(|(_, group)| Arc::clone(&group.key)).collect();
        let ended = self.state.acks.values().filter_map(|ack| {
            let why = match (ack.holds(now), alive.contains(&ack.group_key)) {
                (_, false) => AckEnd::GroupGone,
                (false, true) => AckEnd::RanOut,
                (true, true) => return None,
            };
            Some((Arc::clone(&ack.group_key), why))
        });
        let ended: Vec<_> = ended.collect();
        for (group_key, why) in ended {
            // Of a group that is gone nothing is told any more: `tell_ack` finds none.
            self.end_and_tell(now, &group_key, why);
        }
    }

    /// The groups with this key: routes with the same matchers share it.
    fn groups_with(&self, group_key: &str) -> Vec<GroupIdx> {
        self.state.groups.iter().filter(|(_, group)| *group.key == *group_key).map(|(at, _)| at).collect()
    }

    /// The group's alerts, and what holds them back.
    fn seen(&self, now: Timestamp, group: &Group) -> Vec<Member> {
        let look = self.look();
        let mut members = look.members(now, group.members.iter().copied());
        look.hold_back(now, look.policy.route(group.route), &group.stored.muted_by, &mut members);
        members
    }

    /// The threads of a group that were told that something fires, with what they were told.
    fn told_threads(&self, at: GroupIdx) -> Vec<(Integration, Thread, Arc<Told>)> {
        let Some(group) = self.group(at) else { return Vec::new() };
        let policy = &self.state.policy;
        let receiver = policy.receiver_of(policy.route(group.route));
        let told = receiver.integrations.iter().filter_map(|integration| {
            let thread = Thread::of(&group.key, &receiver.name, integration);
            let told = self.state.ledger.get(&thread).filter(|told| !told.firing.is_empty())?;
            Some((integration.clone(), thread, Arc::clone(told)))
        });
        told.collect()
    }

    fn told_firing_in(&self, at: GroupIdx) -> BTreeSet<Fingerprint> {
        let threads = self.told_threads(at);
        threads.iter().flat_map(|(_, _, told)| told.firing.iter().chain(&told.open)).copied().collect()
    }

    /// Tells who can show it, and was told of the group, that it is acknowledged, or is so no more.
    fn tell_ack(&mut self, now: Timestamp, group_key: &str) {
        let acknowledged = self.state.acks.contains_key(group_key);
        for at in self.groups_with(group_key) {
            let Some(members) = self.group(at).map(|group| self.seen(now, group)) else { continue };
            let Some(route_labels) = self.group(at).map(|group| self.route_labels_of(group)) else { continue };
            for (integration, thread, earlier) in self.told_threads(at) {
                // PagerDuty has no word for taking it back.
                if !is_shown_by(integration.kind) || (!acknowledged && integration.kind == "pagerduty") {
                    continue;
                }
                let heard = |member: &Member| !member.resolved && earlier.firing.contains(&member.kept.fingerprint);
                let alerts: Vec<ToldAlert> = told(&members, heard);
                if alerts.is_empty() {
                    continue;
                }
                let mut entry = Told::clone(&earlier);
                entry.next_sequence = entry.next_sequence.saturating_add(1);
                self.state.put_told(&thread, Some(entry), &mut self.log);
                let labels = (earlier.group_labels.clone(), route_labels.clone());
                let (episode, alerts) = ((earlier.episode, earlier.next_sequence), (alerts, BTreeSet::new()));
                let (says_both, data) = (integration.says_both, earlier.receiver_data.clone());
                self.enqueue(now, thread, episode, Reason::Acknowledged, labels, alerts, says_both, data);
            }
        }
    }

    fn route_labels_of(&self, group: &Group) -> LabelSet {
        super::flush::route_labels(self.state.policy.route(group.route))
    }
}
