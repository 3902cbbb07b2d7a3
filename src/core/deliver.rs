//! Rows of the outbox: how they take each other's place, and what follows from an attempt to send.
//!
//! ```text
//!            enqueue                 take_due               Delivered
//! (decision) ───────► waiting, due ───────────► in flight ───────────► gone
//!                        ▲   │                      │ Refused, or tried for too long
//!     Retry: later again │   │ a newer row of the   ├──────────────────────────────► dead letter
//!                        └───┼──── same thread ◄────┘
//!                            ▼
//!                        superseded
//! ```
//!
//! Rows that are told in one message ([`super::together`]) are settled together. What was refused as one message is tried
//! again in two before any of it is a dead letter.
//!
//! Only the first row of a thread is ever due: within a thread order holds. A row that a worker keeps back, since its
//! receiver may not be told so often, is parked: it may be superseded until the worker claims it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::flush::told_order;
use super::label::{Fingerprint, LabelSet};
use super::note::{AttemptEnd, Note, Notified};
use super::order_mail::OrdersBehind;
use super::outbox::{Delivery, DeliveryId, Outcome, Reason, ReceiverData, Thread, Told, ToldAlert};
use super::policy::Integration;
use super::together::{Bundle, halved};
use crate::time::Timestamp;

/// The first wait after a failed attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// By how much each further wait is longer.
const FACTOR: f64 = 1.5;
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How far a wait varies to either side.
const JITTER: f64 = 0.2;
/// How long a row waits for its receiver to be configured before the next look.
pub(super) const NOT_CONFIGURED_WAIT: Duration = Duration::from_secs(60);
/// The longest wait that a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// How long to wait after the `attempts`-th failed attempt (from 1); `jitter` is from 0 to 1, and `asked` is what the
/// receiver asked for.
pub fn wait_after(attempts: u32, jitter: f64, asked: Option<Duration>) -> Duration {
    let steps = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
    let wait = (FIRST_WAIT.as_secs_f64() * FACTOR.powi(steps.min(64))).min(LONGEST_WAIT.as_secs_f64());
    let varied = wait * (1.0 - JITTER + 2.0 * JITTER * jitter.clamp(0.0, 1.0));
    let varied = Duration::try_from_secs_f64(varied).unwrap_or(LONGEST_WAIT);
    varied.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

impl Engine {
    /// Puts a decision into the outbox. What waits in the same thread and was not sent yet gives way to it where one
    /// message can say both; where it cannot, what fired and is over stays two rows, until something else fires: that is
    /// told with what is over. Who has taken it on is told after it.
    #[expect(clippy::too_many_arguments, reason = "these are the parts of a row, and they meet only here")]
    pub(super) fn enqueue(
        &mut self,
        now: Timestamp,
        thread: Thread,
        (episode, sequence): (Timestamp, u32),
        reason: Reason,
        (group_labels, route_labels): (LabelSet, LabelSet),
        (alerts, new): (Vec<ToldAlert>, BTreeSet<Fingerprint>),
        says_both: bool,
        receiver_data: ReceiverData,
    ) {
        self.counters.notified[reason as usize] += 1;
        let id = DeliveryId(self.next_delivery);
        self.next_delivery += 1;
        let alerts = Arc::from(alerts);
        let acknowledged = self.state.acks.get(&thread.group_key).filter(|ack| ack.holds(now)).cloned();
        let mut row = Delivery {
            id,
            thread,
            episode,
            sequence,
            reason,
            decided_at: now,
            group_labels,
            route_labels,
            alerts,
            new,
            attempts: 0,
            due_at: now,
            tried_since: now,
            last_error: String::new(),
            receiver_data,
            acknowledged,
            undelivered_since: now,
            news: None,
            orders: OrdersBehind::default(),
            told_with: None,
            named_after: None,
        };
        let mut acknowledged = None;
        let fires = self.fires_with(&row);
        for older in self.waiting(&row.thread) {
            // An end of what was heard is told before anything fires anew, or that would be taken for more of the same.
            let of_heard = !older.firing() && fires.first().is_none_or(|first| *first > older.id);
            let fires_since = fires.last().is_some_and(|last| *last > older.id);
            let same_news =
                says_both || if of_heard { !fires_since } else { !older.firing() || older.firing() == row.firing() };
            if same_news && takes_place_of(&row, &older, says_both) {
                self.supersede(&older, &mut row);
            } else if same_news && row.reason != Reason::Acknowledged && older.attempts == 0 {
                acknowledged = Some(older);
            }
        }
        let thread = row.thread.clone();
        let firing: Vec<_> = row.alerts.iter().filter(|told| !told.resolved).cloned().collect();
        self.watch_delivery(&row);
        self.state.put_delivery(row, &mut self.log);
        self.note(Note::Enqueued(id));
        if let Some(acknowledged) = acknowledged {
            self.acknowledge_again(&acknowledged, firing);
        }
        self.queue(&thread);
    }

    /// Moves a row that says who has taken a group on behind all that its thread is told before it: of what is not open
    /// yet there is nothing to acknowledge.
    fn acknowledge_again(&mut self, older: &Delivery, alerts: Vec<ToldAlert>) {
        let id = DeliveryId(self.next_delivery);
        self.next_delivery += 1;
        let mut row = Delivery { id, alerts: Arc::from(alerts), ..older.clone() };
        if let Some(told) = self.state.ledger.get(&row.thread).filter(|told| told.episode == row.episode) {
            row.sequence = told.next_sequence;
            let told = Told { next_sequence: row.sequence.saturating_add(1), ..Told::clone(told) };
            self.state.put_told(&row.thread, Some(told), &mut self.log);
        }
        self.supersede(older, &mut row);
        self.watch_delivery(&row);
        self.state.put_delivery(row, &mut self.log);
        self.note(Note::Enqueued(id));
    }

    /// The rows of a thread that no worker is sending, oldest first.
    pub(super) fn waiting(&self, thread: &Thread) -> Vec<Arc<Delivery>> {
        let ids = self.state.queues.get(thread).into_iter().flatten();
        let waiting = ids.filter(|id| !self.state.in_flight.contains(id));
        waiting.filter_map(|id| self.state.outbox.get(id).cloned()).collect()
    }

    /// Those of them that tell alerts after this one.
    pub(super) fn waiting_behind(&self, row: &Delivery) -> impl Iterator<Item = Arc<Delivery>> + use<> {
        let id = row.id;
        let waiting = self.waiting(&row.thread).into_iter();
        waiting.filter(move |later| later.id > id && later.reason != Reason::Acknowledged)
    }

    /// The rows of a thread, with this new one, that say that something fires, oldest first.
    fn fires_with(&self, new: &Delivery) -> Vec<DeliveryId> {
        let queue = self.state.queues.get(&new.thread).into_iter().flatten();
        let rows = queue.filter_map(|id| self.state.outbox.get(id).map(|row| &**row)).chain([new]);
        rows.filter(|row| row.firing() && row.reason != Reason::Acknowledged).map(|row| row.id).collect()
    }

    /// Lets `newer` take the place of a row that was not delivered, with what only that row would have said.
    fn supersede(&mut self, older: &Delivery, newer: &mut Delivery) {
        self.counters.superseded += 1;
        let said: BTreeSet<&LabelSet> = newer.alerts.iter().map(|told| &told.alert.labels).collect();
        // What fires goes on being told only if it counts as told: a thread whose group is gone tells no more than what is
        // over. What is muted by now does not count.
        let ledger = self.state.ledger.get(&newer.thread);
        let counts = |told: &ToldAlert| ledger.is_some_and(|entry| entry.firing.contains(&told.alert.fingerprint()));
        // Who hears of no end would never hear of what only this row tells, and is over.
        let hears_ends = self.integration(&newer.thread).is_none_or(|integration| integration.send_resolved);
        let over = |told: &ToldAlert| {
            let (alert, grace) = (told.alert.fingerprint(), self.state.grace);
            let kept = self.state.alerts.get(alert);
            let gone = kept.is_none_or(|kept| grace.resolved(&kept.alert, newer.decided_at));
            !hears_ends && gone && older.new.contains(&alert)
        };
        let unsaid = older
            .alerts
            .iter()
            .filter(|told| (told.resolved || counts(told) || over(told)) && !said.contains(&told.alert.labels));
        let unsaid: Vec<_> = unsaid.cloned().collect();
        if !unsaid.is_empty() {
            let mut alerts: Vec<_> = newer.alerts.iter().cloned().chain(unsaid).collect();
            alerts.sort_by(|a, b| told_order(&a.alert.labels, &b.alert.labels));
            newer.alerts = Arc::from(alerts);
        }
        if older.reason == Reason::First && newer.firing() {
            newer.reason = Reason::First;
        }
        newer.new.extend(older.new.iter().copied());
        if self.doubtful.contains(&older.id) {
            self.doubtful.insert(newer.id);
        }
        newer.undelivered_since = newer.undelivered_since.min(older.undelivered_since);
        // Or it would be tried, and grow, for ever where news come more often than anything is given up.
        newer.tried_since = newer.tried_since.min(older.tried_since);
        newer.last_error.clone_from(&older.last_error);
        self.note(Note::Superseded(Notified::of(older), newer.id));
        self.due.remove(&(older.due_at, older.id));
        self.circuits.release(older);
        self.state.remove_delivery(older.id, &mut self.log);
    }

    /// A worker keeps a row back: from now on newer states of its thread take its place, as one may have waited to do.
    pub(super) fn park(&mut self, id: DeliveryId) {
        let Some(row) = self.state.outbox.get(&id).cloned() else { return };
        self.state.park(id, &mut self.log);
        self.note(Note::RateLimited(Notified::of(&row)));
        self.circuits.landed(row.id);
        if let Some(mut newer) = self.successor(&row) {
            self.supersede(&row, &mut newer);
            self.state.put_delivery(newer, &mut self.log);
            self.queue(&row.thread);
        }
    }

    /// The row of the same thread that may take this one's place, if one waits.
    fn successor(&self, row: &Delivery) -> Option<Delivery> {
        // Of an order every piece of news is told.
        if row.news.is_some() {
            return None;
        }
        let newer = self.waiting(&row.thread).into_iter().find(|waiting| waiting.id > row.id)?;
        let says_both = self.says_both(&row.thread);
        let same_news = says_both || newer.firing() == row.firing();
        (same_news && takes_place_of(&newer, row, says_both)).then(|| Delivery::clone(&newer))
    }

    /// Lets the first row of a thread be sent when it is due, unless a worker has it.
    pub(super) fn queue(&mut self, thread: &Thread) {
        let first = self.state.queues.get(thread).and_then(|queue| queue.first().copied());
        let Some(row) = first.and_then(|id| self.state.outbox.get(&id)) else { return };
        let with_a_worker = self.state.in_flight.contains(&row.id) || self.state.parked.contains(&row.id);
        if !with_a_worker && !self.circuits.hold(row) {
            self.due.insert((row.due_at, row.id));
        }
    }

    /// Finds anew which rows may be due, after the state was loaded or taken back.
    pub(super) fn queue_all(&mut self) {
        self.due.clear();
        self.circuits.forget_rows();
        self.fallback_due.clear();
        let threads: Vec<_> = self.state.queues.keys().cloned().collect();
        for thread in threads {
            self.queue(&thread);
        }
        for row in self.state.outbox.clone().values() {
            self.watch_delivery(row);
        }
    }

    /// An attempt ended. What is not known any more is ignored.
    pub(super) fn settle(&mut self, now: Timestamp, ids: &[DeliveryId], outcome: &Outcome, jitter: f64) {
        ids.iter().for_each(|id| self.circuits.landed(*id));
        let mut rows: Bundle = ids.iter().filter_map(|id| self.state.outbox.get(id).cloned()).collect();
        rows.sort_by_key(|row| row.id);
        let Some(last) = rows.last().cloned() else { return };
        // What was told in one message is one attempt.
        self.circuits.settled(now, &last, outcome, jitter);
        if matches!(outcome, Outcome::Delivered { .. } | Outcome::Refused { .. }) {
            self.gather_held(&last.thread.integration_key());
        }
        if outcome.is_own_time() || self.circuits.is_alone(&last) {
            rows.iter().for_each(|row| self.circuits.waits_alone(row));
        }
        let too_much = self.is_too_much(&rows, outcome);
        if too_much {
            rows = halved(&rows);
        }
        for row in &rows {
            self.state.land(row.id, &mut self.log);
            match outcome {
                Outcome::Refused { error, .. } if too_much => {
                    let error = format!("told together with {} others: {error}", rows.len() - 1);
                    self.note_attempt(row, AttemptEnd::Retry, &error);
                    self.retry(now, row, row.attempts + 1, error, Duration::ZERO);
                }
                _ => self.settle_row(now, row, outcome, jitter),
            }
        }
        rows.iter().for_each(|row| self.queue(&row.thread));
        if matches!(outcome, Outcome::Retry { .. } | Outcome::PutOff { .. }) {
            self.give_up_held(now, &last);
        }
    }

    fn settle_row(&mut self, now: Timestamp, row: &Arc<Delivery>, outcome: &Outcome, jitter: f64) {
        match outcome {
            Outcome::Delivered { data, answer } => {
                self.note_attempt(row, AttemptEnd::Delivered, answer);
                self.state.remove_delivery(row.id, &mut self.log);
                self.remember(row, data);
                self.clear_undelivered(now, &row.thread, "told after all");
            }
            Outcome::Refused { error, exchange } => {
                self.note_attempt(row, AttemptEnd::Refused, error);
                self.bury(now, row, error.clone(), exchange.clone());
            }
            Outcome::NotConfigured { error } => {
                let waiting = Delivery { tried_since: now, ..Delivery::clone(row) };
                self.retry(now, &waiting, row.attempts, error.clone(), NOT_CONFIGURED_WAIT);
            }
            Outcome::Retry { error, exchange, .. } | Outcome::PutOff { error, exchange, .. }
                if now.since(row.tried_since) >= self.give_up_after(&row.thread) =>
            {
                self.note_attempt(row, AttemptEnd::GivenUp, error);
                let error = format!("given up after {} attempts: {error}", row.attempts + 1);
                self.bury(now, row, error, exchange.clone());
            }
            Outcome::Retry { error, after, .. } | Outcome::PutOff { error, after, .. } => {
                self.note_attempt(row, AttemptEnd::Retry, error);
                // The answer may be what was lost, not the request.
                self.doubtful.insert(row.id);
                let attempts = row.attempts + 1;
                self.retry(now, row, attempts, error.clone(), wait_after(attempts, jitter, *after));
            }
        }
    }

    /// Keeps what a receiver wants to know again for all that is still to be told of the episode: in the ledger, and in
    /// the rows that were decided before it was known.
    fn remember(&mut self, row: &Delivery, data: &ReceiverData) {
        if data.is_empty() {
            return;
        }
        let told = self.state.ledger.get(&row.thread).filter(|told| told.episode == row.episode);
        if let Some(told) = told.map(|told| Told { receiver_data: data.clone(), ..Told::clone(told) }) {
            self.state.put_told(&row.thread, Some(told), &mut self.log);
        }
        for later in self.waiting(&row.thread).iter().filter(|later| later.episode == row.episode) {
            let later = Delivery { receiver_data: data.clone(), ..Delivery::clone(later) };
            self.state.put_delivery(later, &mut self.log);
        }
    }

    /// Lets a row, or what takes its place by now, be sent later.
    fn retry(&mut self, now: Timestamp, row: &Delivery, attempts: u32, error: String, wait: Duration) {
        if let Some(mut newer) = self.successor(row) {
            if self.circuits.is_alone(row) {
                self.circuits.waits_alone(&newer);
            }
            self.supersede(row, &mut newer);
            newer.due_at = now.after(wait);
            (newer.attempts, newer.last_error) = (attempts, error);
            self.watch_delivery(&newer);
            self.state.put_delivery(newer, &mut self.log);
            return;
        }
        let mut later = Delivery::clone(row);
        (later.attempts, later.last_error, later.due_at) = (attempts, error, now.after(wait));
        self.watch_delivery(&later);
        self.state.put_delivery(later, &mut self.log);
    }

    /// How long a notification of the thread is tried.
    pub(super) fn give_up_after(&self, thread: &Thread) -> Duration {
        let receiver = self.state.policy.receivers.iter().find(|receiver| receiver.name == thread.receiver);
        receiver.and_then(|receiver| receiver.rules.give_up_after).unwrap_or(self.options.give_up_after)
    }

    /// Whether the thread's integration can say in one message that an alert fired and is over.
    pub(super) fn says_both(&self, thread: &Thread) -> bool {
        self.integration(thread).is_none_or(|integration| integration.says_both)
    }

    /// The thread's integration in the rules in force, or as it was when they still had it.
    pub(super) fn integration(&self, thread: &Thread) -> Option<&Integration> {
        let key = thread.integration_key();
        self.state.policy.integration(&key).or_else(|| self.state.former.get(&key))
    }
}

/// Whether a row says all that the older one would have said: who has taken a group on is not what fires in it, and who
/// has one word for each does not hear the one with the other.
fn takes_place_of(newer: &Delivery, older: &Delivery, says_both: bool) -> bool {
    match (newer.reason == Reason::Acknowledged, older.reason == Reason::Acknowledged) {
        (newer, older) if newer == older => true,
        (true, _) => false,
        (false, _) => says_both || !newer.firing() || newer.acknowledged.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_obey_the_receiver_within_reason() {
        let ms = |millis| Duration::from_millis(millis);
        let rows = [
            (1, 0.5, None, ms(500)),
            (2, 0.5, None, ms(750)),
            (3, 0.5, None, ms(1125)),
            (1, 0.0, None, ms(400)),
            (1, 1.0, None, ms(600)),
            (100, 0.5, None, ms(60_000)),
            (1, 0.5, Some(ms(30_000)), ms(30_000)),
            (100, 0.5, Some(ms(1)), ms(60_000)),
            (1, 0.5, Some(Duration::MAX), LONGEST_ASKED),
        ];
        for (attempts, jitter, asked, expected) in rows {
            let wait = wait_after(attempts, jitter, asked);
            assert!(wait.abs_diff(expected) < ms(1), "{attempts} {jitter} {asked:?}: {wait:?}");
        }
    }
}
