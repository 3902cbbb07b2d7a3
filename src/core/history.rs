//! The history: what happened, as the journal tells it.
//!
//! An entry of the journal is what one commit stored. [`events`] reads from it what a person would call events: that an
//! alert fired and not that it was stored, that a notification was decided and not that its row was written again. Each
//! event stands on its own, so that any part of the journal can be read without what was before it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ack::{Ack, AckEnd};
use super::alert::Alert;
use super::change::{Actor, Change};
use super::label::{Fingerprint, LabelSet};
use super::matcher::Matcher;
use super::note::{AttemptEnd, Attempted, Flushed, Note, Notified};
use super::outbox::{DeadLetter, Delivery, DeliveryId, group_key_hash};
use super::policy::Policy;
use super::silence::Silence;
use super::work_order::WorkOrder;
use crate::time::Timestamp;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// In which entry of the journal.
    pub seq: u64,
    /// The how manieth change of that entry.
    pub place: u32,
    /// When it was stored.
    pub at: Timestamp,
    /// Who did it, as far as known.
    pub actor: Option<Actor>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// An alert began to fire.
    Fired(Arc<Alert>),
    /// An alert that fires says something else than before.
    Changed(Arc<Alert>),
    /// An alert is over, as its sender says.
    Resolved(Arc<Alert>),
    /// Alerts are over because their time ran out.
    RanOut(Vec<LabelSet>),
    /// A flush found something else than the one before: why nobody is told, what is held back by what.
    Flushed(Flushed),
    /// A notification was decided.
    Enqueued(Arc<Delivery>),
    /// A newer notification took the place of one that was not delivered.
    Superseded(Notified, DeliveryId),
    /// A notification waits because its receiver may not be told so often.
    RateLimited(Notified),
    /// An attempt to send ended.
    Attempted(Attempted),
    /// A notification could not be delivered.
    DeadLettered(Arc<DeadLetter>),
    /// A dead letter was put away, for this reason.
    DeadLetterDiscarded(DeliveryId, String),
    /// A silence was made, changed or ended.
    Silenced(Arc<Silence>),
    /// A group was acknowledged, or its acknowledgement changed.
    Acknowledged(Arc<Ack>),
    /// An acknowledgement of the group with this key ended.
    AckEnded(Arc<str>, AckEnd),
    /// A work order was opened or changed.
    WorkOrder(Arc<WorkOrder>),
    /// A configuration came into force: its hash, and what is different in it.
    Configured(String, String),
}

/// The kinds of event, in the words of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// `alert_fired`
    Fired,
    /// `alert_changed`
    Changed,
    /// `alert_resolved`
    Resolved,
    /// `flushed`
    Flushed,
    /// `held_back`: a flush since which something is held back, or is not any more.
    HeldBack,
    /// `enqueued`
    Enqueued,
    /// `superseded`
    Superseded,
    /// `rate_limited`
    RateLimited,
    /// `attempt_failed`
    AttemptFailed,
    /// `delivered`
    Delivered,
    /// `refused`
    Refused,
    /// `dead_letter`
    DeadLetter,
    /// `silence`
    Silence,
    /// `acknowledgement`
    Acknowledgement,
    /// `work_order`
    WorkOrder,
    /// `configuration`
    Configuration,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Fired,
        Self::Changed,
        Self::Resolved,
        Self::Flushed,
        Self::HeldBack,
        Self::Enqueued,
        Self::Superseded,
        Self::RateLimited,
        Self::AttemptFailed,
        Self::Delivered,
        Self::Refused,
        Self::DeadLetter,
        Self::Silence,
        Self::Acknowledgement,
        Self::WorkOrder,
        Self::Configuration,
    ];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "alert_fired",
            Self::Changed => "alert_changed",
            Self::Resolved => "alert_resolved",
            Self::Flushed => "flushed",
            Self::HeldBack => "held_back",
            Self::Enqueued => "enqueued",
            Self::Superseded => "superseded",
            Self::RateLimited => "rate_limited",
            Self::AttemptFailed => "attempt_failed",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::DeadLetter => "dead_letter",
            Self::Silence => "silence",
            Self::Acknowledgement => "acknowledgement",
            Self::WorkOrder => "work_order",
            Self::Configuration => "configuration",
        }
    }
}

impl Event {
    /// Its kind.
    pub fn kind(&self) -> EventKind {
        match &self.what {
            What::Fired(_) => EventKind::Fired,
            What::Changed(_) => EventKind::Changed,
            What::Resolved(_) | What::RanOut(_) => EventKind::Resolved,
            What::Flushed(flushed) if flushed.held.is_empty() && flushed.released.is_empty() => EventKind::Flushed,
            What::Flushed(_) => EventKind::HeldBack,
            What::Enqueued(_) => EventKind::Enqueued,
            What::Superseded(..) => EventKind::Superseded,
            What::RateLimited(_) => EventKind::RateLimited,
            What::Attempted(attempt) => match attempt.end {
                AttemptEnd::Delivered => EventKind::Delivered,
                AttemptEnd::Retry => EventKind::AttemptFailed,
                AttemptEnd::Refused | AttemptEnd::GivenUp => EventKind::Refused,
            },
            What::DeadLettered(_) | What::DeadLetterDiscarded(..) => EventKind::DeadLetter,
            What::Silenced(_) => EventKind::Silence,
            What::Acknowledged(_) | What::AckEnded(..) => EventKind::Acknowledgement,
            What::WorkOrder(_) => EventKind::WorkOrder,
            What::Configured(..) => EventKind::Configuration,
        }
    }

    /// The label sets of the alerts that it is about, of all of them or of their group.
    pub fn labels(&self) -> Vec<&LabelSet> {
        match &self.what {
            What::Fired(alert) | What::Changed(alert) | What::Resolved(alert) => vec![&alert.labels],
            What::RanOut(alerts) => alerts.iter().collect(),
            What::Flushed(flushed) => {
                let held = flushed.held.iter().map(|held| &held.alert);
                let all: Vec<_> = held.chain(&flushed.released).collect();
                if all.is_empty() { vec![&flushed.group_labels] } else { all }
            }
            What::Enqueued(row) => row.alerts.iter().map(|told| &told.alert.labels).collect(),
            What::Superseded(of, _) | What::RateLimited(of) => of.alerts.iter().collect(),
            What::Attempted(attempt) => attempt.of.alerts.iter().collect(),
            What::DeadLettered(letter) => letter.delivery.alerts.iter().map(|told| &told.alert.labels).collect(),
            What::Acknowledged(ack) => vec![&ack.group_labels],
            What::WorkOrder(order) => order.alerts.values().map(|alert| &alert.labels).collect(),
            What::DeadLetterDiscarded(..) | What::Silenced(_) | What::AckEnded(..) | What::Configured(..) => Vec::new(),
        }
    }

    /// Whom it tells, or was to tell.
    pub fn receiver(&self) -> Option<&str> {
        match &self.what {
            What::Flushed(flushed) => Some(&flushed.receiver),
            What::Enqueued(row) => Some(&row.thread.receiver),
            What::Superseded(of, _) | What::RateLimited(of) => Some(&of.thread.receiver),
            What::Attempted(attempt) => Some(&attempt.of.thread.receiver),
            What::DeadLettered(letter) => Some(&letter.delivery.thread.receiver),
            What::WorkOrder(order) => Some(&order.receiver),
            _ => None,
        }
    }

    /// The key of the group that it is about.
    pub fn group_key(&self) -> Option<&Arc<str>> {
        match &self.what {
            What::Flushed(flushed) => Some(&flushed.group_key),
            What::Enqueued(row) => Some(&row.thread.group_key),
            What::Superseded(of, _) | What::RateLimited(of) => Some(&of.thread.group_key),
            What::Attempted(attempt) => Some(&attempt.of.thread.group_key),
            What::DeadLettered(letter) => Some(&letter.delivery.thread.group_key),
            What::Acknowledged(ack) => Some(&ack.group_key),
            What::AckEnded(key, _) => Some(key),
            _ => None,
        }
    }

    /// The attempt to send, if it is one.
    pub fn attempt(&self) -> Option<&Attempted> {
        match &self.what {
            What::Attempted(attempt) => Some(attempt),
            _ => None,
        }
    }
}

/// Which events are wanted; what is not said is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Not from before.
    pub start: Option<Timestamp>,
    /// Not from after.
    pub end: Option<Timestamp>,
    /// One alert of the event must match all of them. A silence counts if its own matchers say the same as one of these.
    pub matchers: Vec<Matcher>,
    /// About this alert.
    pub alert: Option<Fingerprint>,
    /// Where its labels are known, what its groups are: what was decided about one of them counts as about the alert.
    pub groups: Option<Arc<GroupsOf>>,
    /// Telling this receiver.
    pub receiver: Option<String>,
    /// About the group whose key has this hash.
    pub group: Option<String>,
    /// Of one of these kinds; none for all.
    pub kinds: Vec<EventKind>,
}

impl Wanted {
    /// Whether the event is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        self.start.is_none_or(|start| start <= event.at)
            && self.end.is_none_or(|end| event.at <= end)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind()))
            && self.receiver.as_deref().is_none_or(|receiver| event.receiver() == Some(receiver))
            && self.group.as_deref().is_none_or(|hash| event.group_key().is_some_and(|key| group_key_hash(key) == hash))
            && self.alert.is_none_or(|alert| self.is_about(event, alert))
            && (self.matchers.is_empty() || self.matches(event))
    }

    fn is_about(&self, event: &Event, alert: Fingerprint) -> bool {
        event.labels().iter().any(|labels| labels.fingerprint() == alert)
            || self.groups.as_ref().is_some_and(|groups| groups.decided(&event.what))
    }

    fn matches(&self, event: &Event) -> bool {
        if let What::Silenced(silence) = &event.what {
            return self.matchers.iter().all(|matcher| silence.matchers.contains(matcher));
        }
        let all =
            |labels: &&LabelSet| self.matchers.iter().all(|matcher| matcher.filter_matches(labels.get(&matcher.name)));
        event.labels().iter().any(all)
    }
}

/// The groups that an alert is or was in, found by its labels. What is decided about a group names no alert of it.
#[derive(Clone, Debug)]
pub struct GroupsOf {
    labels: LabelSet,
    /// The keys of its groups under the rules in force.
    own: BTreeSet<String>,
    /// The keys of the groups that it would be in if the other routes took it.
    others: BTreeSet<String>,
}

impl GroupsOf {
    /// Those of the alert with these labels.
    pub fn new(policy: &Policy, labels: &LabelSet) -> Self {
        let taken = policy.walk(labels);
        let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
        for (place, route) in policy.routes.iter().enumerate() {
            let takes = taken.iter().any(|at| at.0 as usize == place);
            let keys = if takes { &mut own } else { &mut others };
            keys.insert(route.group_key(&route.group_labels(labels)));
        }
        Self { labels: labels.clone(), own, others }
    }

    /// Whether this was decided about one of the groups, or is a silence of the alert.
    fn decided(&self, what: &What) -> bool {
        match what {
            What::Flushed(flushed) => self.holds(&flushed.group_key, &flushed.group_labels),
            What::Acknowledged(ack) => self.holds(&ack.group_key, &ack.group_labels),
            What::AckEnded(key, _) => self.own.contains(&**key),
            What::Silenced(silence) => silence.matches(&self.labels),
            _ => false,
        }
    }

    /// Whether it is one of the groups. One of earlier rules is if the alert has its labels.
    fn holds(&self, key: &str, group: &LabelSet) -> bool {
        let shared = || !group.is_empty() && group.iter().all(|(name, value)| self.labels.get(name) == Some(value));
        self.own.contains(key) || (!self.others.contains(key) && shared())
    }
}

/// The events of one entry of the journal, in order.
pub fn events(seq: u64, at: Timestamp, changes: &[Change]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut actor = None;
    for (place, change) in changes.iter().enumerate() {
        if let Change::By(by) = change {
            actor = Some(by.clone());
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| changes.get(before));
        let next = changes.get(place + 1);
        if let Some(what) = what(change, before, next) {
            // An entry is bounded far below what the number can hold.
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            events.push(Event { seq, place, at, actor: actor.clone(), what });
        }
    }
    events
}

/// What a change tells, with its neighbours.
fn what(change: &Change, before: Option<&Change>, next: Option<&Change>) -> Option<What> {
    Some(match change {
        Change::Alert(alert) => match next {
            Some(Change::Noted(Note::Changed(_))) => What::Changed(Arc::clone(alert)),
            _ if alert.ended(alert.updated_at) => What::Resolved(Arc::clone(alert)),
            _ => What::Fired(Arc::clone(alert)),
        },
        Change::Noted(note) => match note {
            Note::RanOut(alerts) => What::RanOut(alerts.clone()),
            Note::Enqueued(_) => match before {
                Some(Change::Outbox(row)) => What::Enqueued(Arc::clone(row)),
                _ => return None,
            },
            Note::Superseded(of, by) => What::Superseded(of.clone(), *by),
            Note::RateLimited(of) => What::RateLimited(of.clone()),
            Note::Attempted(attempt) => What::Attempted(attempt.clone()),
            Note::Flushed(flushed) => What::Flushed(flushed.clone()),
            Note::Changed(_) | Note::ConfigChanged(_) => return None,
        },
        Change::Dead(letter) => What::DeadLettered(Arc::clone(letter)),
        Change::DeadDiscarded { id, reason } => What::DeadLetterDiscarded(*id, reason.clone()),
        Change::Silence(silence) => What::Silenced(Arc::clone(silence)),
        Change::Ack(ack) => What::Acknowledged(Arc::clone(ack)),
        Change::AckGone(key, why) => What::AckEnded(Arc::clone(key), *why),
        Change::WorkOrder(order) => What::WorkOrder(Arc::clone(order)),
        Change::Config { hash, .. } => match next {
            Some(Change::Noted(Note::ConfigChanged(difference))) => What::Configured(hash.clone(), difference.clone()),
            _ => What::Configured(hash.clone(), String::new()),
        },
        _ => return None,
    })
}
