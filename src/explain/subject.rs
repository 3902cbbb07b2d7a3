//! What becomes of one alert on each route that it takes: its group, and all that holds it back there.

use std::sync::Arc;

use super::{AlertState, Hold, HoldKind, Taken};
use crate::core::ack::Ack;
use crate::core::alert_set::Kept;
use crate::core::inhibit::Inhibited;
use crate::core::look::{Look, Member};
use crate::core::outbox::{Thread, group_key_hash};
use crate::core::policy::{Route, RouteIdx};
use crate::core::silence::SilenceState;
use crate::core::view::{GroupView, View};
use crate::time::Timestamp;

/// The alert that is asked about.
pub(super) struct Subject<'a> {
    pub(super) view: &'a View,
    pub(super) look: Look<'a>,
    pub(super) now: Timestamp,
    pub(super) kept: &'a Kept,
    pub(super) state: &'a AlertState,
}

impl Subject<'_> {
    pub(super) fn on(&self, index: RouteIdx) -> Taken {
        let route = self.view.policy.route(index);
        let group_labels = route.group_labels(&self.kept.alert.labels);
        let group = self.view.groups.iter().find(|group| group.route == index && group.labels == group_labels);
        let group_key: Arc<str> = match group {
            Some(group) => Arc::clone(&group.key),
            None => Arc::from(route.group_key(&group_labels)),
        };
        let due = group.map_or_else(|| self.now.after(route.group_wait), |group| group.next_flush);
        let next_flush = due.max(self.view.not_before).max(self.now);
        let mut members = self.members(group, next_flush);
        let muted_by = group.map(|group| group.muted_by.clone()).unwrap_or_default();
        self.look.hold_back(next_flush, route, &muted_by, &mut members);
        let ack = self.view.acks.get(&group_key).filter(|ack| ack.holds(self.now));
        let receiver = &self.view.policy.receiver_of(route);
        let threads = receiver.integrations.iter();
        let threads = threads.map(|integration| {
            self.thread(Thread::of(&group_key, &receiver.name, integration), integration, route, &members, next_flush)
        });
        Taken {
            route: index,
            id: Arc::clone(&route.id),
            receiver: Arc::clone(&receiver.name),
            group_hash: group_key_hash(&group_key),
            group_labels,
            members: group.map_or(0, |group| group.members.len()),
            next_flush,
            holds: self.holds(route, group, &members, ack, next_flush),
            threads: threads.collect(),
            group_key,
        }
    }

    /// The alerts of the group at its next flush: those that are in it, and this one if it is not known and fired now.
    fn members(&self, group: Option<&Arc<GroupView>>, at: Timestamp) -> Vec<Member> {
        let in_it = group.into_iter().flat_map(|group| group.members.iter().copied());
        let mut members = self.look.members(at, in_it);
        if *self.state == AlertState::NotKnown {
            let resolved = false;
            members.push(Member { kept: self.kept.clone(), resolved, held_by: None });
        }
        members
    }

    /// All that keeps the alert from being told.
    fn holds(
        &self,
        route: &Route,
        group: Option<&Arc<GroupView>>,
        members: &[Member],
        ack: Option<&Arc<Ack>>,
        next_flush: Timestamp,
    ) -> Vec<Hold> {
        let mut holds = Vec::new();
        if next_flush > self.now {
            holds.push(self.waits(route, group, next_flush));
        }
        holds.extend(self.look.inhibited(next_flush, self.kept).map(|by| self.inhibited(by)));
        holds.extend(self.outside(route, next_flush));
        holds.extend(self.within(route, next_flush));
        holds.extend(self.silenced(next_flush));
        holds.extend(self.at_work());
        if let Some(ack) = ack {
            let at_flush = ack.holds(next_flush) && !members.iter().any(|member| ack.worsens(member));
            holds.push(acknowledged(ack, at_flush));
        }
        holds
    }

    fn waits(&self, route: &Route, group: Option<&Arc<GroupView>>, next_flush: Timestamp) -> Hold {
        let first = group.is_none_or(|group| group.last_flush.is_zero());
        let delayed = next_flush == self.view.not_before && group.is_some_and(|group| group.next_flush < next_flush);
        let (kind, what) = match (delayed, first) {
            (true, _) => (HoldKind::StartDelay, "nobody is told anything yet after the start".to_owned()),
            (false, true) => {
                let wait = route.group_wait.as_secs_f64();
                (
                    HoldKind::GroupWait,
                    format!("a new group waits for more alerts before it is told (group_wait, {wait} s)"),
                )
            }
            (false, false) => {
                let wait = route.group_interval.as_secs_f64();
                (
                    HoldKind::GroupWait,
                    format!("the group is looked at again at its next flush (group_interval, {wait} s)"),
                )
            }
        };
        let instead = "nothing: what is told then is decided then".to_owned();
        Hold { kind, name: String::new(), what, until: Some(next_flush), at_flush: false, instead }
    }

    fn inhibited(&self, by: Inhibited) -> Hold {
        let name = self.view.policy.rule_name(by.rule);
        let source = self.view.alerts.get(by.source).map(|kept| kept.alert.labels.to_string()).unwrap_or_default();
        let what = format!("inhibited by the rule {name}: {source} ({}) fires", by.source);
        let instead =
            format!("the alert {} would have to be over, or not match the sources of the rule {name}", by.source);
        Hold { kind: HoldKind::Inhibition, name, what, until: None, at_flush: true, instead }
    }

    fn outside(&self, route: &Route, next_flush: Timestamp) -> Option<Hold> {
        let at_flush = self.look.intervals(next_flush, route).0;
        let (names, at_flush) = match at_flush {
            Some(names) => (names, true),
            None => (self.look.intervals(self.now, route).0?, false),
        };
        let until = changes(self.asked(at_flush, next_flush), |at| self.look.intervals(at, route).0.is_some());
        let name = names.join(", ");
        let what = format!("outside the active time intervals of the route ({name})");
        let instead = format!("one of the time intervals {name} would have to hold");
        Some(Hold { kind: HoldKind::ActiveTimeInterval, name, what, until, at_flush, instead })
    }

    fn within(&self, route: &Route, next_flush: Timestamp) -> Option<Hold> {
        let mut names = self.look.intervals(next_flush, route).1;
        let at_flush = !names.is_empty();
        if !at_flush {
            names = self.look.intervals(self.now, route).1;
        }
        names.dedup();
        if names.is_empty() {
            return None;
        }
        let until = changes(self.asked(at_flush, next_flush), |at| !self.look.intervals(at, route).1.is_empty());
        let name = names.join(", ");
        let what = format!("within a mute time interval of the route ({name})");
        let instead = format!("none of the time intervals {name} may hold");
        Some(Hold { kind: HoldKind::MuteTimeInterval, name, what, until, at_flush, instead })
    }

    /// The moment of which it is said what holds.
    fn asked(&self, at_flush: bool, next_flush: Timestamp) -> Timestamp {
        if at_flush { next_flush } else { self.now }
    }

    fn silenced(&self, next_flush: Timestamp) -> Vec<Hold> {
        let matching = self.view.silences.values().filter(|silence| silence.matches(&self.kept.alert.labels));
        let holding = matching.filter_map(|silence| {
            let active = |at| silence.state(at) == SilenceState::Active;
            let at_flush = active(next_flush);
            if !at_flush && !active(self.now) {
                return None;
            }
            let (name, by, why) = (silence.id.to_string(), &silence.created_by, &silence.comment);
            let what = format!("silenced by {by}: {why:?}");
            let instead = format!("the silence {name} would have to end, or one of its matchers not match");
            Some(Hold { kind: HoldKind::Silence, name, what, until: Some(silence.ends_at), at_flush, instead })
        });
        holding.collect()
    }

    /// The work orders in progress on the alert's asset.
    pub(super) fn at_work(&self) -> Vec<Hold> {
        let hold = |number: &Arc<str>| {
            let order = self.view.work_orders.get(number);
            let who = order.map(|order| order.assignee.as_str()).filter(|who| !who.is_empty()).unwrap_or("somebody");
            let what = format!("kept back by the work order {number}: {who} is at work on the asset");
            let instead = format!("the work order {number} would have to be held, completed or cancelled");
            let (kind, name) = (HoldKind::WorkOrder, number.to_string());
            Hold { kind, name, what, until: None, at_flush: true, instead }
        };
        self.look.at_work_on(&self.kept.alert.labels).map(hold).collect()
    }
}

/// When something that holds at a moment first does not, to the minute and within eight days.
fn changes(from: Timestamp, holds: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
    const MINUTES: i64 = 8 * 24 * 60;
    let minute = from.secs().div_euclid(60);
    let moments = (1..=MINUTES).map(|later| Timestamp::new((minute + later) * 60, 0));
    moments.into_iter().find(|at| !holds(*at))
}

fn acknowledged(ack: &Ack, at_flush: bool) -> Hold {
    let why = if ack.comment.is_empty() { String::new() } else { format!(": {:?}", ack.comment) };
    let what = format!("{} has taken the group on{why}, so it is not repeated", ack.who);
    let instead = "a new alert would have to join the group, or the acknowledgement end".to_owned();
    let (kind, name) = (HoldKind::Acknowledgement, ack.who.clone());
    Hold { kind, name, what, until: Some(ack.until), at_flush, instead }
}
