//! Who is told when a receiver could not be: `fallback`.
//!
//! A notification that could not be delivered for as long as its receiver's `fallback` says, or that was refused for
//! good, raises one of Andon's own alerts, which goes to the fallback receiver; the delivery of the thread after all ends
//! it. So it is stored with the decision, told once for each outage of a thread, told as over, and one message holds all
//! threads of an integration that are in trouble. What cannot be told to the fallback receiver goes to *its* fallback;
//! `config` sees to it that this ends.
//!
//! Mails about work orders are notifications too: each order is a thread.
//!
//! What merely waits for its turn (`rate_limit`) is in no trouble.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::label::{Fingerprint, LabelSet};
use super::order_mail::News;
use super::outbox::{Delivery, Thread};
use super::own::{UNDELIVERED, UNDELIVERED_TO, own_annotations, own_labels};
use super::policy::Fallback;
use super::urgency::Urgency;
use super::work_order::WorkOrder;
use crate::time::Timestamp;

/// When one that is late and was not tried yet is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How many alerts a description lists.
const LISTED: usize = 20;

impl Engine {
    /// Notes when the fallback of a row's receiver is to hear of it, if it is not delivered before.
    pub(super) fn watch_delivery(&mut self, row: &Delivery) {
        if let Some(fallback) = self.fallback_of(&row.thread) {
            self.fallback_due.insert((row.undelivered_since.after(fallback.after), row.thread.clone()));
        }
    }

    /// Tells the fallbacks of what could not be delivered for too long.
    pub(super) fn check_fallbacks(&mut self, now: Timestamp) {
        while let Some((at, thread)) = self.fallback_due.first().cloned().filter(|(at, _)| *at <= now) {
            self.fallback_due.remove(&(at, thread.clone()));
            let first = self.state.queues.get(&thread).and_then(|queue| queue.first());
            let Some(row) = first.and_then(|id| self.state.outbox.get(id)).cloned() else { continue };
            let late =
                self.fallback_of(&thread).is_some_and(|fallback| row.undelivered_since.after(fallback.after) <= now);
            let trouble = self.circuits.trouble(&thread.integration_key());
            let why = if row.last_error.is_empty() { trouble } else { Some(Arc::from(row.last_error.as_str())) };
            match (late, why) {
                (true, Some(why)) => self.tell_fallback(now, &row, &why),
                // It only waits for its turn so far, which may be because nobody knows yet that its receiver hangs.
                (true, None) => drop(self.fallback_due.insert((now.after(LOOK_AGAIN), thread))),
                (false, _) => {}
            }
        }
    }

    /// Tells the fallback of the row's receiver, if it has one, that and why it could not be told.
    pub(super) fn tell_fallback(&mut self, now: Timestamp, row: &Delivery, why: &str) {
        if self.fallback_of(&row.thread).is_none() || self.undelivered(&row.thread).is_some() {
            return;
        }
        let (labels, annotations) = (labels(&row.thread, row.urgency()), annotations(now, row, why));
        self.raise(now, labels, annotations);
    }

    /// What was in trouble is over: the thread was told after all, or will not be told any more.
    pub(super) fn clear_undelivered(&mut self, now: Timestamp, thread: &Thread, how: &str) {
        if let Some(fingerprint) = self.undelivered(thread) {
            let summary = format!("{} ({}): {how}", thread.receiver, thread.integration());
            self.lower(now, fingerprint, &summary);
        }
    }

    /// The own alert that says that this thread could not be told, if it fires.
    fn undelivered(&self, thread: &Thread) -> Option<Fingerprint> {
        // They differ in nothing but how urgent the notification was when it got into trouble.
        let mut any = Urgency::ALL.into_iter().map(|urgency| labels(thread, urgency).fingerprint());
        any.find(|fingerprint| self.raised(*fingerprint))
    }

    fn fallback_of(&self, thread: &Thread) -> Option<Fallback> {
        let receiver = self.state.policy.receivers.iter().find(|receiver| receiver.name == thread.receiver)?;
        receiver.rules.fallback
    }
}

/// The labels of the own alert of a thread.
fn labels(thread: &Thread, urgency: Urgency) -> LabelSet {
    let integration = thread.integration();
    own_labels([
        ("alertname", UNDELIVERED),
        (UNDELIVERED_TO, &*thread.receiver),
        ("integration", &*integration),
        ("group_key", &*thread.group_key),
        ("severity", urgency.as_str()),
    ])
}

/// What a row would have told of.
fn subject(row: &Delivery) -> String {
    match &row.news {
        None => {
            let firing = row.alerts.iter().filter(|told| !told.resolved).count();
            let resolved = row.alerts.len() - firing;
            format!("{}: {firing} firing, {resolved} resolved", row.group_labels)
        }
        Some(News::Order(news)) => {
            let WorkOrder { number, priority, title, .. } = &*news.order;
            format!("work order {number}: {} ({}), {title}", news.event.as_str(), priority.as_str())
        }
        Some(News::Digest(digest)) => {
            format!("work orders: the digest of {}", digest.orders.len() + digest.more as usize)
        }
    }
}

fn annotations(now: Timestamp, row: &Delivery, why: &str) -> LabelSet {
    let (receiver, integration, subject) = (&row.thread.receiver, row.thread.integration(), subject(row));
    let summary = format!("{receiver} ({integration}) could not be told of {subject}");
    let minutes = now.since(row.undelivered_since).as_secs() / 60;
    let mut description = format!(
        "Not delivered for {minutes} minutes, since {}, after {} attempts: {why}\n",
        row.undelivered_since, row.attempts
    );
    let mut alerts: Vec<_> = row.alerts.iter().collect();
    alerts.sort_by_key(|told| (told.resolved, Urgency::of(&told.alert.labels)));
    for told in alerts.iter().take(LISTED) {
        let state = if told.resolved { "resolved" } else { "firing" };
        let said = told.alert.annotations.get("summary").unwrap_or_default();
        // Writing to a text does not fail.
        let _ = writeln!(description, "{state}: {} {said}", told.alert.labels);
    }
    if let Some(more) = alerts.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(description, "and {more} more");
    }
    own_annotations([("summary", &*summary), ("description", &*description)])
}
