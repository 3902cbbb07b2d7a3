//! What the journal keeps beside the state: events that no change of state tells.
//!
//! A note changes nothing and is never needed to start. Most of the history follows from the changes themselves; a note
//! stands where that is not so: that a row was decided and not only written anew, how an attempt ended, what a flush
//! found, what held alerts back. What holds back is noted when that changes, not at every flush.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change::Change;
use super::dedup::NoNews;
use super::engine::Engine;
use super::flush::HeldBack;
use super::group::GroupIdx;
use super::label::{Fingerprint, LabelSet};
use super::look::{HeldBy, Member};
use super::outbox::{Delivery, DeliveryId, Exchange, Reason, Thread};
use crate::time::Timestamp;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// The alert of the change before this one fired before as well, and says something else now.
    Changed(Fingerprint),
    /// These alerts are over because their time ran out.
    RanOut(Vec<LabelSet>),
    /// The row of the change before this one is a new decision.
    Enqueued(DeliveryId),
    /// A newer row took the place of one that was not delivered.
    Superseded(Notified, DeliveryId),
    /// An attempt to send ended.
    Attempted(Attempted),
    /// The receiver may not be told so often: a row waits.
    RateLimited(Notified),
    /// A flush found something else than the one before.
    Flushed(Flushed),
    /// What is different in the configuration, line by line.
    ConfigChanged(String),
}

impl Note {
    /// About how many bytes it takes where it is stored.
    pub fn weight(&self) -> usize {
        let all = |labels: &[LabelSet]| labels.iter().map(|labels| labels.packed().len() + 2).sum::<usize>();
        match self {
            Self::RanOut(alerts) => all(alerts),
            Self::Superseded(of, _) | Self::RateLimited(of) => all(&of.alerts),
            Self::Attempted(attempt) => all(&attempt.of.alerts) + attempt.answer.len(),
            Self::Flushed(flushed) => {
                let held = flushed.held.iter().map(|held| held.alert.packed().len() + 64);
                held.sum::<usize>() + all(&flushed.released)
            }
            Self::ConfigChanged(difference) => difference.len(),
            Self::Changed(_) | Self::Enqueued(_) => 0,
        }
    }
}

/// A notification, as far as the history tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// Its row.
    pub id: DeliveryId,
    /// Whom it tells.
    pub thread: Thread,
    /// The labels of its group.
    pub group_labels: LabelSet,
    /// Why it is sent.
    pub reason: Reason,
    /// The alerts it tells.
    pub alerts: Vec<LabelSet>,
}

/// How an attempt to send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// What was sent.
    pub of: Notified,
    /// The how manieth attempt, from 1.
    pub number: u32,
    /// How it ended.
    pub end: AttemptEnd,
    /// What the receiver answered, without secrets: where it took it the beginning, else what went wrong.
    pub answer: String,
}

/// How an attempt to send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptEnd {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Retry,
    /// The receiver refused it for good.
    Refused,
    /// It was tried for too long.
    GivenUp,
}

/// An attempt as the worker that made it remembers it. Not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When it ended.
    pub at: Timestamp,
    /// What was sent.
    pub id: DeliveryId,
    /// The how manieth attempt with it, from 1.
    pub number: u32,
    /// What it was about: the labels of its group, or of its first alert.
    pub about: LabelSet,
    /// How it ended, as the worker knows it: that it is given up the engine decides.
    pub end: AttemptEnd,
    /// What went wrong, or empty.
    pub error: String,
    /// What was said and heard.
    pub exchange: Exchange,
}

/// What a flush found, where it is not what the one before found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// The key of the group.
    pub group_key: Arc<str>,
    /// Its labels.
    pub group_labels: LabelSet,
    /// Whom it tells.
    pub receiver: Arc<str>,
    /// For each integration.
    pub verdicts: Vec<FlushVerdict>,
    /// What is held back since this flush, and by what.
    pub held: Vec<Held>,
    /// What is held back no more.
    pub released: Vec<LabelSet>,
}

/// What a flush meant for an integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlushVerdict {
    /// Its kind.
    pub kind: Arc<str>,
    /// Its place among those of its kind.
    pub index: u32,
    /// Why it is told, if it is.
    pub told: Option<Reason>,
    /// Why it is not, if it is not.
    pub withheld: Option<NoNews>,
}

/// An alert that is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub alert: LabelSet,
    /// By what kind of thing.
    pub by: HeldBack,
    /// Its name: the rule's, the intervals', the silence's id.
    pub name: Arc<str>,
    /// The source alert, the author of the silence, or who has the work order; else empty.
    pub who: Arc<str>,
}

/// What the last flush of a group found. Not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    verdicts: Vec<FlushVerdict>,
    held: BTreeMap<Fingerprint, HeldBy>,
}

impl AttemptEnd {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Refused => "refused",
            Self::GivenUp => "given up",
        }
    }
}

impl Notified {
    /// What the history tells of a row.
    pub fn of(row: &Delivery) -> Self {
        let alerts = row.alerts.iter().map(|told| told.alert.labels.clone()).collect();
        let (id, thread, group_labels) = (row.id, row.thread.clone(), row.group_labels.clone());
        Self { id, thread, group_labels, reason: row.reason, alerts }
    }
}

impl Engine {
    pub(super) fn note(&mut self, note: Note) {
        self.log.changes.push(Change::Noted(note));
    }

    /// Notes how an attempt ended.
    pub(super) fn note_attempt(&mut self, row: &Delivery, end: AttemptEnd, answer: &str) {
        let (of, number) = (Notified::of(row), row.attempts.saturating_add(1));
        self.note(Note::Attempted(Attempted { of, number, end, answer: answer.to_owned() }));
    }

    /// Notes what a flush found, if it is not what the one before found.
    pub(super) fn note_flush(
        &mut self,
        at: GroupIdx,
        receiver: &Arc<str>,
        verdicts: Vec<FlushVerdict>,
        members: &[Member],
    ) {
        let Some(group) = self.group(at) else { return };
        let ran_out = members.iter().filter(|member| {
            let first = member.kept.verdict.routes.first() == Some(&group.route);
            first && member.resolved && !member.kept.alert.ended_explicitly()
        });
        let ran_out: Vec<_> = ran_out.map(|member| member.kept.alert.labels.clone()).collect();
        let firing = members.iter().filter(|member| !member.resolved);
        let held = firing.filter_map(|member| Some((member.kept.fingerprint, member.held_by.clone()?))).collect();
        let found = Found { verdicts, held };
        let (before, group_key) = (group.found.clone(), Arc::clone(&group.key));
        let group_labels = group.id().labels.clone();
        if !ran_out.is_empty() {
            self.note(Note::RanOut(ran_out));
        }
        let before_held = before.as_ref().map(|before| &before.held);
        let known = |alert: &Fingerprint, by: &HeldBy| before_held.is_some_and(|held| held.get(alert) == Some(by));
        let new = found.held.iter().filter(|(alert, by)| !known(alert, by));
        let held: Vec<_> = new.filter_map(|(alert, by)| self.held(*alert, by)).collect();
        let gone = before_held.into_iter().flatten().map(|(alert, _)| *alert);
        let gone = gone.filter(|alert| !found.held.contains_key(alert));
        let released: Vec<_> =
            gone.filter_map(|alert| Some(self.state.alerts.get(alert)?.alert.labels.clone())).collect();
        // That somebody is told, the outbox says.
        let withheld = found.verdicts.iter().any(|verdict| verdict.withheld.is_some());
        let other = before.as_ref().is_none_or(|before| before.verdicts != found.verdicts);
        if (withheld && other) || !held.is_empty() || !released.is_empty() {
            let (verdicts, receiver) = (found.verdicts.clone(), Arc::clone(receiver));
            self.note(Note::Flushed(Flushed { group_key, group_labels, receiver, verdicts, held, released }));
        }
        self.state.found(at, found, &mut self.log);
    }

    fn held(&self, alert: Fingerprint, by: &HeldBy) -> Option<Held> {
        let labels = |alert: Fingerprint| self.state.alerts.get(alert).map(|kept| kept.alert.labels.clone());
        let (name, who) = match by {
            HeldBy::Inhibition(by) => {
                let source = labels(by.source).map(|source| source.to_string()).unwrap_or_default();
                (self.state.policy.rule_name(by.rule), source)
            }
            HeldBy::OutsideOf(names) | HeldBy::Within(names) => (names.join(", "), String::new()),
            HeldBy::Silence(id) => {
                let author = self.state.silences.get(id).map(|silence| silence.created_by.clone());
                (id.to_string(), author.unwrap_or_default())
            }
            HeldBy::WorkOrder(number) => {
                let assignee = self.state.work_orders.get(number).map(|order| order.assignee.clone());
                (number.to_string(), assignee.unwrap_or_default())
            }
        };
        Some(Held { alert: labels(alert)?, by: by.kind(), name: name.into(), who: who.into() })
    }
}

/// What is different in a text, line by line: `- ` before what went and `+ ` before what came.
pub fn line_diff(before: &str, after: &str) -> String {
    const MOST: usize = 1_500;
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let old = old.get(start..old.len() - end).unwrap_or_default();
    let new = new.get(start..new.len() - end).unwrap_or_default();
    if old.len() > MOST || new.len() > MOST {
        return format!("{} lines went and {} came from line {} on\n", old.len(), new.len(), start + 1);
    }
    let mut out = String::new();
    let mut say = |sign: char, line: &str| {
        out.push(sign);
        out.push(' ');
        out.push_str(line);
        out.push('\n');
    };
    let common = longest_common(old, new);
    let (mut i, mut j) = (0, 0);
    for (a, b) in common.into_iter().chain([(old.len(), new.len())]) {
        old.get(i..a).unwrap_or_default().iter().for_each(|line| say('-', line));
        new.get(j..b).unwrap_or_default().iter().for_each(|line| say('+', line));
        (i, j) = (a + 1, b + 1);
    }
    out
}

/// The places of the longest common subsequence.
fn longest_common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut length = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            length[i * width + j] = if old[i] == new[j] {
                length[(i + 1) * width + j + 1] + 1
            } else {
                length[(i + 1) * width + j].max(length[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut common) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            common.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if length[(i + 1) * width + j] >= length[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_line_by_line() {
        for (before, after, expected) in [
            ("a\nb\nc\n", "a\nb\nc\n", ""),
            ("a\nb\nc\n", "a\nx\nc\n", "- b\n+ x\n"),
            ("a\nc\n", "a\nb\nc\nd\n", "+ b\n+ d\n"),
            ("", "a\n", "+ a\n"),
            ("a\nb\na\n", "b\na\nb\n", "- a\n+ b\n"),
        ] {
            assert_eq!(line_diff(before, after), expected, "{before:?} {after:?}");
        }
        let long = |mark: &str| (0..3_000).map(|line| format!("{mark}{line}\n")).collect::<String>();
        assert_eq!(line_diff(&long("a"), &long("b")), "3000 lines went and 3000 came from line 1 on\n");
    }
}
