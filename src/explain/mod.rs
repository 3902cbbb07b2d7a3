//! Why somebody is, or is not, told of an alert: an answer that a person can read at three in the morning.
//!
//! [`explain`] walks the route tree as the engine does, and asks [`Look`], which the engine itself decides with, what
//! would be decided at the next flush of each group. So it claims nothing that the engine does not do; what it adds are
//! names, times, and for each "no" what would have to be different for a "yes".
//!
//! A forecast takes senders to go on sending: what fires now fires at the next flush. Silences and time intervals are
//! those of that moment.

mod json;
mod subject;
#[cfg(test)]
mod tests;
pub mod text;
mod threads;
pub mod walk;

use std::sync::Arc;

use subject::Subject;

use crate::core::alert::Alert;
use crate::core::alert_set::Kept;
use crate::core::dedup::NoNews;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::look::Look;
use crate::core::note::{AttemptEnd, Attempted};
use crate::core::outbox::{DeliveryId, Reason, Thread};
use crate::core::policy::RouteIdx;
use crate::core::view::View;
use crate::time::Timestamp;

/// The answer for one label set.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Of which moment it speaks.
    pub at: Timestamp,
    /// Of which alert.
    pub labels: LabelSet,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Whether it fires.
    pub state: AlertState,
    /// The walk through the route tree, depth first: every route, whether or not it was reached.
    pub steps: Vec<Step>,
    /// What happens on each route that takes it.
    pub taken: Vec<Taken>,
    /// What is to be known about the answer itself: what of the past is not kept any more.
    pub notes: Vec<String>,
}

/// Whether an alert fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertState {
    /// It does.
    Firing {
        /// Since when.
        since: Timestamp,
        /// When it ends unless it is sent again.
        ends_at: Timestamp,
    },
    /// It is over.
    Resolved {
        /// Since when it had fired.
        since: Timestamp,
        /// Since when it is over.
        at: Timestamp,
    },
    /// Nobody sent it: the answer says what would happen if it fired now.
    NotKnown,
}

/// One route of the walk.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which.
    pub route: RouteIdx,
    /// Its id: the matchers on the way to it, with its places among its siblings.
    pub id: Arc<str>,
    /// How deep it stands; 0 is the root.
    pub depth: usize,
    /// Its matchers as written in the configuration's short form.
    pub matchers: String,
    /// Whom it tells.
    pub receiver: Arc<str>,
    /// How the walk went on.
    pub verdict: StepVerdict,
}

/// What the walk did at a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepVerdict {
    /// It matches. It takes the alert itself if none below it does.
    Matched {
        /// Whether it takes the alert.
        takes: bool,
        /// Whether its later siblings are tried as well.
        continues: bool,
    },
    /// This matcher, the first that does not accept the alert, failed on this value; an absent label is an empty one.
    Failed {
        /// As written.
        matcher: String,
        /// The label's value.
        value: String,
    },
    /// The route above does not match, or an earlier sibling that matches does not say `continue`.
    NotReached {
        /// The id of that route.
        because: Arc<str>,
    },
}

/// What happens on a route that takes the alert.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which route.
    pub route: RouteIdx,
    /// Its id.
    pub id: Arc<str>,
    /// Whom it tells.
    pub receiver: Arc<str>,
    /// The key of the group.
    pub group_key: Arc<str>,
    /// The hash of that key: PagerDuty's `dedup_key`, and the group's name in the API.
    pub group_hash: String,
    /// What the alerts of the group share.
    pub group_labels: LabelSet,
    /// How many alerts are in it, this one among them if it is; none if the group would have to be made.
    pub members: usize,
    /// When the group is flushed next; if it would have to be made, when it would be.
    pub next_flush: Timestamp,
    /// What keeps the alert from being told, now and at that flush.
    pub holds: Vec<Hold>,
    /// What each integration of the receiver was told, is owed, and will be told.
    pub threads: Vec<ThreadNow>,
}

/// Something that keeps an alert from being told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The kind of it, in the words of metrics, history and API.
    pub kind: HoldKind,
    /// Its name: of the rule, the silence, the intervals; empty where it has none.
    pub name: String,
    /// A sentence for a person: who, by what, why.
    pub what: String,
    /// Until when, if that is known.
    pub until: Option<Timestamp>,
    /// Whether it holds at the next flush; some only hold now.
    pub at_flush: bool,
    /// What would have to be different.
    pub instead: String,
}

/// The kinds of what keeps an alert from being told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldKind {
    /// The group waits for its first flush, or for the next.
    GroupWait,
    /// Another alert holds it back.
    Inhibition,
    /// No active time interval of the route holds.
    ActiveTimeInterval,
    /// A mute time interval of the route holds.
    MuteTimeInterval,
    /// A silence.
    Silence,
    /// A work order in progress on the alert's asset.
    WorkOrder,
    /// Somebody has taken the group on.
    Acknowledgement,
    /// Nobody is told anything yet after the start (`--dispatch.start-delay`).
    StartDelay,
}

impl HoldKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GroupWait => "group_wait",
            Self::Inhibition => "inhibition",
            Self::ActiveTimeInterval => "active_time_interval",
            Self::MuteTimeInterval => "mute_time_interval",
            Self::Silence => "silence",
            Self::WorkOrder => "work_order",
            Self::Acknowledgement => "acknowledgement",
            Self::StartDelay => "start_delay",
        }
    }
}

/// An integration of the receiver and the group.
#[derive(Clone, Debug)]
pub struct ThreadNow {
    /// Which.
    pub thread: Thread,
    /// What it was last told, if something of it is still open there.
    pub last_told: Option<LastTold>,
    /// What the next flush decides, as things stand.
    pub verdict: Verdict,
    /// At which moment.
    pub verdict_at: Timestamp,
    /// What would have to be different, where the answer is no.
    pub instead: Option<String>,
    /// What keeps the integration from being told anything at all, if something does.
    pub trouble: Option<Trouble>,
    /// What waits to be told and tells this alert.
    pub waiting: Vec<Waiting>,
    /// What could not be told and would have told this alert: when, and what the receiver answered.
    pub dead: Vec<(Timestamp, String)>,
    /// The attempts to tell it that are kept in the history, the oldest first.
    pub attempts: Vec<Attempt>,
}

/// What a thread was last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastTold {
    /// When; nothing if it was not heard and is due again.
    pub at: Option<Timestamp>,
    /// Whether it was told that this alert fires, and not yet that it is over.
    pub open: bool,
}

/// What a flush decides for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is told for this reason; and whether this alert is part of it.
    Told(Reason, bool),
    /// It is told nothing.
    Nothing(NoNews),
    /// What there is to tell is over, and it is not told what is over (`send_resolved: false`).
    NotWanted,
}

/// Why an integration cannot be told anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It waits to be configured: what is missing.
    NotConfigured(Arc<str>),
    /// Every attempt fails.
    Failing {
        /// Since when.
        since: Timestamp,
        /// How many have failed in a row.
        failures: u32,
        /// What the last one met.
        error: Arc<str>,
        /// When it is probed next, if it is only probed any more.
        probed_at: Option<Timestamp>,
    },
}

/// A notification that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Which.
    pub id: DeliveryId,
    /// Why it is sent.
    pub reason: Reason,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// How many attempts failed.
    pub attempts: u32,
    /// When the next one is due.
    pub due_at: Timestamp,
    /// What the last one met, or empty.
    pub last_error: String,
    /// Whether it is being sent, or what it waits for.
    pub stage: Stage,
}

/// Where a notification that waits stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its time.
    Waits,
    /// It waits for this one, an earlier one of its thread, to be told or to give way.
    Behind(DeliveryId),
    /// A worker is sending it.
    InFlight,
    /// The receiver's rate limit keeps it back.
    RateLimited,
}

/// An attempt to tell, from the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended.
    pub at: Timestamp,
    /// The receiver's integration.
    pub thread: Thread,
    /// Whether it was heard.
    pub delivered: bool,
    /// How it ended, and what the receiver answered.
    pub result: String,
}

impl Explanation {
    /// Since when the alert fires, or fired; nothing if it is not known.
    pub fn since(&self) -> Option<Timestamp> {
        match self.state {
            AlertState::Firing { since, .. } | AlertState::Resolved { since, .. } => Some(since),
            AlertState::NotKnown => None,
        }
    }

    /// Adds attempts to tell this alert, in the order in which they are given.
    pub fn add_attempts<'a>(&mut self, attempts: impl Iterator<Item = (Timestamp, &'a Attempted)>) {
        for (at, attempted) in attempts {
            let Attempted { of, number, end, answer } = attempted;
            let delivered = *end == AttemptEnd::Delivered;
            let result = match end {
                AttemptEnd::Delivered if answer.is_empty() => format!("attempt {number}: delivered ({})", of.reason),
                AttemptEnd::Delivered => format!("attempt {number}: delivered ({}): {answer}", of.reason),
                AttemptEnd::Retry => format!("attempt {number} ({}) failed, to be tried again: {answer}", of.reason),
                AttemptEnd::Refused => format!("attempt {number} ({}) refused: {answer}", of.reason),
                AttemptEnd::GivenUp => format!("attempt {number} ({}) failed, given up: {answer}", of.reason),
            };
            let threads = self.taken.iter_mut().flat_map(|taken| taken.threads.iter_mut());
            match threads.into_iter().find(|now| now.thread == of.thread) {
                Some(now) => now.attempts.push(Attempt { at, thread: of.thread.clone(), delivered, result }),
                // It was told by way of rules that are not in force any more.
                None => {
                    let (receiver, kind, when) = (&of.thread.receiver, &of.thread.kind, text::time(at));
                    self.notes.push(format!("{when}, by earlier rules to {receiver} by {kind}: {result}"));
                }
            }
        }
    }
}

/// Explains what happens, at the moment of the view, to the alert with these labels.
pub fn explain(view: &View, labels: &LabelSet, now: Timestamp) -> Explanation {
    let fingerprint = labels.fingerprint();
    let kept = view.alerts.get(fingerprint).filter(|kept| kept.alert.labels == *labels);
    let state = match kept {
        None => AlertState::NotKnown,
        Some(kept) if view.grace.resolved(&kept.alert, now) => {
            AlertState::Resolved { since: kept.alert.starts_at, at: kept.alert.ends_at }
        }
        Some(kept) => AlertState::Firing { since: kept.alert.starts_at, ends_at: kept.alert.ends_at },
    };
    let kept = kept.cloned().unwrap_or_else(|| as_if_it_fired(view, labels, now));
    let look = Look { fires_as_of: Some(now), ..view.look() };
    let subject = Subject { view, look, now, kept: &kept, state: &state };
    let taken = kept.verdict.routes.iter().map(|route| subject.on(*route)).collect();
    let steps = walk::steps(&view.policy, labels, &kept.verdict.routes);
    Explanation { at: now, labels: labels.clone(), fingerprint, state, steps, taken, notes: Vec::new() }
}

/// The alert as it would be if it were sent now, firing.
fn as_if_it_fired(view: &View, labels: &LabelSet, now: Timestamp) -> Kept {
    let alert = Alert {
        labels: labels.clone(),
        annotations: LabelSet::empty(),
        generator_url: Arc::from(""),
        starts_at: now,
        ends_at: now.after(view.policy.resolve_timeout),
        updated_at: now,
        timeout: true,
    };
    let verdict = Arc::new(view.policy.verdict(labels));
    Kept::new(labels.fingerprint(), Arc::new(alert), verdict)
}
