//! Rows that are told together: what is too much to be told one by one goes out as one message.
//!
//! That is so where too much waits for an integration's turn (its worker asks with [`Input::Together`]), and where an
//! integration that failed for long answers again: what waited for it is no longer news, and a thousand stale pages say
//! less than one. Which rows belong together is stored with each of them, before any attempt. So an attempt that is made
//! again, also after a crash, says the same and has the same id, unless a newer state took a row's place meanwhile. Each
//! row stays a row: it is settled as if it had been told alone, and its thread goes on from there.
//!
//! A message may be too much for its receiver: too long, or spoilt by one row of it. So where it is refused, or fails a
//! second time, it is told in two halves, each of which is a message of its own from then on. In the end that is one row,
//! which is tried and refused like any other.
//!
//! Critical ones are told alone, and so is news of orders, and who has taken a group on.
//!
//! [`Input::Together`]: super::engine::Input::Together

use std::collections::BTreeMap;
use std::sync::Arc;

use super::engine::Engine;
use super::outbox::{Delivery, DeliveryId, IntegrationKey, Outcome, Reason};
use super::urgency::Urgency;

/// Rows for one attempt; more than one are told in one message. Never empty.
pub type Bundle = Vec<Arc<Delivery>>;

/// So many rows are still told one after the other.
pub const FEW: usize = 10;
/// How many rows one message stands for at most.
pub const MOST: usize = 10_000;

/// Whether a row may be told together with others of its integration.
pub fn may_join(row: &Delivery) -> bool {
    row.news.is_none() && row.reason != Reason::Acknowledged && row.urgency() != Urgency::Critical
}

/// The rows of one message as two messages. A half of one row has a name as well: it does not join others again.
pub(super) fn halved(rows: &[Arc<Delivery>]) -> Bundle {
    let halves = rows.chunks(rows.len().div_ceil(2).max(1));
    let named = halves.flat_map(|half| half.iter().map(|row| (half.first().map(|first| first.id), row)));
    named.map(|(told_with, row)| Arc::new(Delivery { told_with, ..Delivery::clone(row) })).collect()
}

impl Engine {
    /// From now on these rows belong together.
    pub(super) fn gather(&mut self, ids: &[DeliveryId]) {
        let rows: Vec<_> = ids.iter().filter_map(|id| self.state.outbox.get(id).cloned()).collect();
        let Some(first) = rows.iter().map(|row| row.id).min().filter(|_| rows.len() > 1) else { return };
        for row in rows.iter().filter(|row| row.told_with != Some(first)) {
            let row = Delivery { told_with: Some(first), ..Delivery::clone(row) };
            self.state.put_delivery(row, &mut self.log);
        }
    }

    /// An integration that failed answers: what waited for it is told together, if it is much.
    pub(super) fn gather_held(&mut self, key: &IntegrationKey) {
        // What waits for its turn only is told one by one.
        if !self.circuits.has_failed(key) {
            return;
        }
        // Those that belong together already may have been heard, and must not get another name.
        let joins = |id: &DeliveryId| {
            let row = self.state.outbox.get(id);
            row.is_some_and(|row| row.told_with.is_none() && may_join(row) && self.has_digest(row))
        };
        let held: Vec<_> = self.circuits.held(key).filter(joins).take(MOST).collect();
        if held.len() > FEW {
            self.gather(&held);
        }
    }

    /// A row that was just taken, with those that are told together with it; they are taken as well.
    pub(super) fn bundle(&mut self, row: &Arc<Delivery>) -> Bundle {
        let mut bundle = vec![self.handed_out(row)];
        let digest = row.told_with.filter(|_| self.has_digest(row));
        let others = digest.and_then(|digest| self.state.digests.get(&digest).cloned()).unwrap_or_default();
        let key = row.thread.integration_key();
        for other in others.iter().filter(|id| **id != row.id).filter_map(|id| self.state.outbox.get(id).cloned()) {
            let waits = other.thread.integration_key() == key
                && self.state.queues.get(&other.thread).and_then(|queue| queue.first()) == Some(&other.id)
                && !self.state.parked.contains(&other.id);
            if waits && Arc::make_mut(&mut self.state.in_flight).insert(other.id) {
                self.due.remove(&(other.due_at, other.id));
                self.circuits.release(&other);
                bundle.push(self.handed_out(&other));
            }
        }
        bundle.sort_by_key(|row| row.id);
        bundle
    }

    /// Like [`Engine::claim`] for several; those that belong together in one.
    pub fn claim_bundles(&mut self, ids: impl IntoIterator<Item = DeliveryId>) -> Vec<Bundle> {
        let (mut alone, mut together) = (Vec::new(), BTreeMap::<_, Bundle>::new());
        for row in ids.into_iter().filter_map(|id| self.claim(id)).collect::<Vec<_>>() {
            match row.told_with.filter(|_| self.has_digest(&row)) {
                Some(digest) => together.entry((digest, row.thread.integration_key())).or_default().push(row),
                None => alone.push(vec![row]),
            }
        }
        alone.extend(together.into_values());
        for first in alone.iter().filter_map(|bundle| bundle.first()) {
            self.circuits.took(&first.thread.integration_key(), first.id);
        }
        alone
    }

    /// Whether rows whose attempt in one message ended so are to be told in two from now on.
    pub(super) fn is_too_much(&mut self, rows: &[Arc<Delivery>], outcome: &Outcome) -> bool {
        let [first, _, ..] = rows else { return false };
        let message = first.told_with.unwrap_or(first.id);
        let attempts = rows.iter().map(|row| row.attempts).max().unwrap_or_default();
        let too_much = match outcome {
            Outcome::Refused { .. } => true,
            // A report that could not be stored comes again, and finds as many attempts as before.
            Outcome::Retry { .. } => self.failed_together.get(&message).is_some_and(|before| *before < attempts),
            Outcome::Delivered { .. } | Outcome::NotConfigured { .. } | Outcome::PutOff { .. } => false,
        };
        if too_much {
            // One of the halves keeps the name.
            self.failed_together.remove(&message);
        } else if matches!(outcome, Outcome::Retry { .. }) {
            self.failed_together.insert(message, attempts);
        }
        too_much
    }

    fn has_digest(&self, row: &Delivery) -> bool {
        self.integration(&row.thread).is_some_and(|integration| integration.digest)
    }
}
