//! What people do with dead letters: send them again, or put them away with a reason.
//!
//! A letter that is sent again tells how its alerts are by now, and keeps its notification id. What is stale is never
//! told: where its thread has something newer to tell, or was told something newer, the letter is not sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::engine::Engine;
use super::note::{Note, Notified};
use super::outbox::{DeadLetter, Delivery, DeliveryId, Thread, Told, ToldAlert};
use crate::time::Timestamp;

/// How many dead letters are kept.
const MOST: usize = 10_000;

/// What to do with a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterCommand {
    /// Send it again.
    Replay,
    /// Put it away, for this reason.
    Discard(String),
}

/// What was done with a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterDone {
    /// It waits to be sent under this id of an outbox row.
    Waits(DeliveryId),
    /// Something newer of its thread waits to be sent already; the letter is put away.
    Superseded,
    /// It is put away.
    Discarded,
}

/// Why a dead letter stays what it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeadLetterRefused {
    /// There is none of this id.
    #[error("there is no dead letter {}", .0.0)]
    Unknown(DeliveryId),
    /// Its integration is not in the configuration any more.
    #[error("the configuration has no {kind}[{index}] in a receiver {receiver:?} any more: it can only be discarded")]
    ReceiverGone {
        /// The receiver.
        receiver: Arc<str>,
        /// The integration's kind.
        kind: Arc<str>,
        /// Its place among those of its kind.
        index: u32,
    },
    /// Its thread was told something newer since.
    #[error("something newer was told at {at}: what this letter says is out of date, so it can only be discarded")]
    OutOfDate {
        /// When.
        at: Timestamp,
    },
}

impl Engine {
    pub(super) fn command_dead_letter(
        &mut self,
        now: Timestamp,
        id: DeliveryId,
        command: DeadLetterCommand,
    ) -> Result<DeadLetterDone, DeadLetterRefused> {
        let letter = self.state.dead_letters.get(&id).cloned().ok_or(DeadLetterRefused::Unknown(id))?;
        match command {
            DeadLetterCommand::Replay => self.replay(now, &letter),
            DeadLetterCommand::Discard(reason) => {
                self.put_away(now, &letter, reason);
                Ok(DeadLetterDone::Discarded)
            }
        }
    }

    fn put_away(&mut self, now: Timestamp, letter: &DeadLetter, reason: String) {
        let thread = &letter.delivery.thread;
        // Of an order there may be several: each piece of news is one.
        if self.state.letters_of(thread).len() == 1 {
            self.clear_undelivered(now, thread, &format!("put away: {reason}"));
        }
        self.state.discard_dead_letter(letter.delivery.id, reason, &mut self.log);
    }

    /// Puts the oldest away where there are too many: a receiver that refuses everything must not fill the memory.
    pub(super) fn limit_dead_letters(&mut self, now: Timestamp) {
        while self.state.dead_letters.len() > MOST {
            let Some(oldest) = self.state.dead_letters.values().next().cloned() else { return };
            self.put_away(now, &oldest, format!("more than {MOST} dead letters, this was the oldest"));
        }
    }

    fn replay(&mut self, now: Timestamp, letter: &DeadLetter) -> Result<DeadLetterDone, DeadLetterRefused> {
        let row = &letter.delivery;
        let Thread { receiver, kind, index, .. } = &row.thread;
        if self.state.policy.integration(&row.thread.integration_key()).is_none() {
            let (receiver, kind) = (Arc::clone(receiver), Arc::clone(kind));
            return Err(DeadLetterRefused::ReceiverGone { receiver, kind, index: *index });
        }
        if row.news.is_some() {
            // Each piece of news of an order stands for itself, however late.
            self.state.forget_dead_letter(row.id, &mut self.log);
            return Ok(DeadLetterDone::Waits(self.enqueue_again(now, row, Arc::clone(&row.alerts))));
        }
        let told = self.state.ledger.get(&row.thread).cloned();
        let newer =
            |told: &&Arc<Told>| (told.episode, told.next_sequence) > (row.episode, row.sequence.saturating_add(1));
        if let Some(newest) = self.state.queues.get(&row.thread).and_then(|queue| queue.last().copied()) {
            self.state.forget_dead_letter(row.id, &mut self.log);
            self.note(Note::Superseded(Notified::of(row), newest));
            return Ok(DeadLetterDone::Superseded);
        }
        if let Some(told) = told.as_ref().filter(newer) {
            return Err(DeadLetterRefused::OutOfDate { at: told.at.max(told.episode) });
        }
        self.state.forget_dead_letter(row.id, &mut self.log);
        let alerts = self.as_they_are(now, row);
        self.tell_again(now, row, told.as_deref(), &alerts);
        Ok(DeadLetterDone::Waits(self.enqueue_again(now, row, alerts)))
    }

    fn enqueue_again(&mut self, now: Timestamp, row: &Delivery, alerts: Arc<[ToldAlert]>) -> DeliveryId {
        let id = DeliveryId(self.next_delivery);
        self.next_delivery += 1;
        let (attempts, last_error) = (0, String::new());
        let again = Delivery {
            id,
            alerts,
            attempts,
            last_error,
            decided_at: now,
            due_at: now,
            tried_since: now,
            undelivered_since: now,
            told_with: None,
            ..row.clone()
        };
        if row.attempts > 1 {
            self.doubtful.insert(id);
        }
        self.watch_delivery(&again);
        self.state.put_delivery(again, &mut self.log);
        self.note(Note::Enqueued(id));
        self.queue(&row.thread);
        id
    }

    /// The letter's alerts as they are by now; one that is forgotten is over.
    fn as_they_are(&self, now: Timestamp, row: &Delivery) -> Arc<[ToldAlert]> {
        let by_now = |told: &ToldAlert| match self.state.alerts.get(told.alert.fingerprint()) {
            Some(kept) => {
                ToldAlert { alert: Arc::clone(&kept.alert), resolved: self.state.grace.resolved(&kept.alert, now) }
            }
            None => ToldAlert { resolved: told.resolved || told.alert.ended(now), ..told.clone() },
        };
        row.alerts.iter().map(by_now).collect()
    }

    /// Notes in the ledger what a letter tells that had been taken back when it died.
    fn tell_again(&mut self, now: Timestamp, row: &Delivery, told: Option<&Told>, alerts: &[ToldAlert]) {
        let of = |resolved| alerts.iter().filter(move |told| told.resolved == resolved);
        let firing: BTreeSet<_> = of(false).map(|told| told.alert.fingerprint()).collect();
        let resolved: BTreeSet<_> = of(true).map(|told| told.alert.fingerprint()).collect();
        let mut entry = told.cloned().unwrap_or_else(|| Told::without(row));
        entry.at = now;
        entry.firing.retain(|alert| !resolved.contains(alert));
        entry.open.retain(|alert| !resolved.contains(alert));
        entry.firing.extend(firing.iter().copied());
        if self.options.resolved_while_muted {
            entry.open.extend(firing);
        }
        entry.resolved.extend(resolved);
        let over = entry.firing.is_empty() && entry.open.is_empty();
        self.state.put_told(&row.thread, (!over).then_some(entry), &mut self.log);
    }
}
