//! What a flush sees: the alerts of a group, what holds them back and by what, and what that is to each thread.
//!
//! Pure over a state that somebody else holds: the engine decides with it, and an explanation of a view says with it what
//! the engine would decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ack::Ack;
use super::alert::Alert;
use super::alert_set::{AlertSet, Kept};
use super::dedup::{self, NoNews, Wants};
use super::flush::{HeldBack, told_order};
use super::inhibit::{Inhibited, Inhibitor};
use super::label::{Fingerprint, LabelSet};
use super::outbox::{Reason, Thread, Told, ToldAlert};
use super::policy::{Integration, Policy, Route};
use super::shared_map::SharedMap;
use super::silence::{SilenceId, Silences};
use super::view::Grace;
use crate::time::Timestamp;

/// By what an alert is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// An inhibit rule and the alert that is its source.
    Inhibition(Inhibited),
    /// None of these time intervals holds, and one of them has to.
    OutsideOf(Arc<[Arc<str>]>),
    /// These time intervals hold; each stands once for each of its intervals that does.
    Within(Arc<[Arc<str>]>),
    /// A silence: the first that matches, in order of id.
    Silence(SilenceId),
    /// A work order in progress on the alert's asset: the first, in order of number.
    WorkOrder(Arc<str>),
}

impl HeldBy {
    /// The kind of it.
    pub fn kind(&self) -> HeldBack {
        match self {
            Self::Inhibition(_) => HeldBack::Inhibition,
            Self::OutsideOf(_) => HeldBack::ActiveTimeInterval,
            Self::Within(_) => HeldBack::MuteTimeInterval,
            Self::Silence(_) => HeldBack::Silence,
            Self::WorkOrder(_) => HeldBack::WorkOrder,
        }
    }
}

/// An alert of a group at one moment.
#[derive(Clone, Debug)]
pub struct Member {
    /// The alert.
    pub kept: Kept,
    /// Whether it is over.
    pub resolved: bool,
    /// What holds it back.
    pub held_by: Option<HeldBy>,
}

/// What is to be told to a thread.
#[derive(Clone, Debug)]
pub struct News {
    /// Why.
    pub reason: Reason,
    /// What, in the order in which it is told.
    pub alerts: Vec<ToldAlert>,
    /// Those of them that fire.
    pub firing: BTreeSet<Fingerprint>,
    /// Those of them that are over.
    pub resolved: BTreeSet<Fingerprint>,
}

/// The numbers of the work orders that are in progress, by the code of their asset.
pub type AtWork = BTreeMap<String, BTreeSet<Arc<str>>>;

/// The state that is looked at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The rules in force.
    pub policy: &'a Policy,
    /// The alerts.
    pub alerts: &'a AlertSet,
    /// The sources of the inhibit rules.
    pub inhibitor: &'a Inhibitor,
    /// The silences.
    pub silences: &'a Silences,
    /// The acknowledgements by group key.
    pub acks: &'a BTreeMap<Arc<str>, Arc<Ack>>,
    /// The work orders in progress, by the code of their asset.
    pub at_work: &'a AtWork,
    /// What every thread was last told.
    pub ledger: &'a SharedMap<Thread, Arc<Told>>,
    /// When alerts may run out.
    pub grace: Grace,
    /// As of which moment alerts fire; where there is none, as of the moment that is asked for. A forecast takes senders
    /// to go on sending.
    pub fires_as_of: Option<Timestamp>,
    /// Whether what was told firing is told resolved although something mutes it by then.
    pub resolved_while_muted: bool,
}

impl Look<'_> {
    /// These alerts in the order in which they are told.
    pub fn members(&self, now: Timestamp, alerts: impl Iterator<Item = Fingerprint>) -> Vec<Member> {
        let kept = alerts.filter_map(|fingerprint| self.alerts.get(fingerprint));
        let member = |kept: &Kept| {
            let resolved = self.grace.resolved(&kept.alert, self.fires_as_of.unwrap_or(now));
            Member { kept: kept.clone(), resolved, held_by: None }
        };
        let mut members: Vec<_> = kept.map(member).collect();
        members.sort_by(|a, b| told_order(&a.kept.alert.labels, &b.kept.alert.labels));
        members
    }

    /// Notes what holds the alerts back, stage by stage; gives the time intervals that mute the group. `muted_by` is what
    /// muted it before.
    pub fn hold_back(
        &self,
        now: Timestamp,
        route: &Route,
        muted_by: &[Arc<str>],
        members: &mut [Member],
    ) -> Vec<Arc<str>> {
        for member in members.iter_mut() {
            member.held_by = self.inhibited(now, &member.kept).map(HeldBy::Inhibition);
        }
        if members.iter().all(|member| member.held_by.is_some()) {
            // The stages of time were not reached: what they said last stands.
            return muted_by.to_vec();
        }
        let (outside, within) = self.intervals(now, route);
        if let Some(names) = outside {
            hold(members, &HeldBy::OutsideOf(names.clone().into()));
            return names;
        }
        if !within.is_empty() {
            hold(members, &HeldBy::Within(within.clone().into()));
            return within;
        }
        for member in members.iter_mut().filter(|member| member.held_by.is_none()) {
            let silence = self.silences.silencing(&member.kept.alert.labels, now).next();
            member.held_by = silence.map(|silence| HeldBy::Silence(silence.id));
        }
        for member in members.iter_mut().filter(|member| member.held_by.is_none()) {
            let order = self.at_work_on(&member.kept.alert.labels).next();
            member.held_by = order.map(|number| HeldBy::WorkOrder(Arc::clone(number)));
        }
        within
    }

    /// The orders in progress on the asset of these labels, if they keep notifications about it back.
    pub fn at_work_on(&self, labels: &LabelSet) -> impl Iterator<Item = &Arc<str>> {
        let numbers = self.at_work.get(labels.value("asset_code")).filter(|_| self.policy.orders.suppress_pages);
        numbers.into_iter().flatten()
    }

    /// What inhibits an alert.
    pub fn inhibited(&self, now: Timestamp, kept: &Kept) -> Option<Inhibited> {
        let as_of = self.fires_as_of.unwrap_or(now);
        let firing = |source: &Alert| !self.grace.resolved(source, as_of);
        self.inhibitor.inhibits(self.policy, self.alerts, kept, firing)
    }

    /// The active time intervals of a route, if none of them holds; and its mute time intervals that hold, each once for
    /// each of its intervals that does, as Alertmanager shows it.
    pub fn intervals(&self, now: Timestamp, route: &Route) -> (Option<Vec<Arc<str>>>, Vec<Arc<str>>) {
        let holds = |name: &Arc<str>| {
            let intervals = self.policy.intervals.get(name).into_iter().flatten();
            intervals.filter(|interval| interval.contains(now)).count()
        };
        let active = &route.active_time_intervals;
        let outside = !active.is_empty() && active.iter().all(|name| holds(name) == 0);
        let repeated = |name: &Arc<str>| std::iter::repeat_n(Arc::clone(name), holds(name));
        (outside.then(|| active.clone()), route.mute_time_intervals.iter().flat_map(repeated).collect())
    }

    /// Whether what a group holds is news to a thread, and what of it is told. `tick` is the moment for which the flush
    /// was due.
    ///
    /// # Errors
    /// Why nothing is told.
    pub fn news(
        &self,
        tick: Timestamp,
        thread: &Thread,
        integration: &Integration,
        route: &Route,
        members: &[Member],
    ) -> Result<News, NoNews> {
        let last = self.ledger.get(thread);
        // What was told firing is told resolved, whatever mutes it now.
        let passes = self.resolved_while_muted && integration.send_resolved;
        let owed = |alert: Fingerprint| passes && last.is_some_and(|told| told.open.contains(&alert));
        let heard = |member: &Member| member.held_by.is_none() || (member.resolved && owed(member.kept.fingerprint));
        let alerts = told(members, heard);
        if alerts.is_empty() {
            return Err(NoNews::HeldBack);
        }
        let (firing, resolved) = (fingerprints(&alerts, false), fingerprints(&alerts, true));
        let wants = Wants { send_resolved: integration.send_resolved, repeat_interval: route.repeat_interval };
        let reason = dedup::news(last.map(|told| &**told), &firing, &resolved, wants, tick)?;
        let ack = self.acks.get(&thread.group_key);
        // What is over, and was told firing, is told whoever has taken the group on.
        let told_firing = |alert: &Fingerprint| last.is_some_and(|told| told.fires(*alert));
        let ends = integration.send_resolved && resolved.iter().any(told_firing);
        let reason = match ack.filter(|ack| !members.iter().any(|member| ack.worsens(member))) {
            Some(ack) => {
                let fires = members.iter().map(|member| &member.kept).filter(|kept| firing.contains(&kept.fingerprint));
                match ack.allows(reason, &fires.collect::<Vec<_>>(), last.map(|told| &**told), tick) {
                    Err(_) if ends => Reason::SomeResolved,
                    verdict => verdict?,
                }
            }
            None => reason,
        };
        Ok(News { reason, alerts, firing, resolved })
    }
}

/// The members that are heard, as they are told.
pub fn told(members: &[Member], heard: impl Fn(&Member) -> bool) -> Vec<ToldAlert> {
    let told = |member: &Member| ToldAlert { alert: Arc::clone(&member.kept.alert), resolved: member.resolved };
    members.iter().filter(|member| heard(member)).map(told).collect()
}

/// The alerts that are over, or those that are not.
pub fn fingerprints(alerts: &[ToldAlert], resolved: bool) -> BTreeSet<Fingerprint> {
    alerts.iter().filter(|told| told.resolved == resolved).map(|told| told.alert.fingerprint()).collect()
}

fn hold(members: &mut [Member], by: &HeldBy) {
    for member in members.iter_mut().filter(|member| member.held_by.is_none()) {
        member.held_by = Some(by.clone());
    }
}
