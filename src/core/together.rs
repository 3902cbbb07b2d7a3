//! Rows that are told together: what is too much to be told one by one goes out as one message.
//!
//! That is so where too much waits for an integration's turn (its worker asks with [`Input::Together`]), and where an
//! integration that failed for long answers again: what waited for it is no longer news, and a thousand stale pages say
//! less than one. Which rows belong together is stored with each of them, before any attempt. So an attempt that is made
//! again, also after a crash, says the same and has the same id, unless a newer state took a row's place meanwhile. Each
//! row stays a row: it is settled as if it had been told alone, and its thread goes on from there.
//!
//! Critical ones are told alone, and so is news of orders, and who has taken a group on.
//!
//! [`Input::Together`]: super::engine::Input::Together

use std::collections::BTreeMap;
use std::sync::Arc;

use super::engine::Engine;
use super::outbox::{Delivery, DeliveryId, IntegrationKey, Reason};
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

    /// Whether no other row of the row's message is with a worker: the attempt with all of them has ended.
    pub(super) fn is_last_of_bundle(&self, row: &Delivery) -> bool {
        let others = row.told_with.and_then(|digest| self.state.digests.get(&digest));
        // They are settled in ascending order.
        !others.is_some_and(|others| others.iter().rev().any(|id| self.state.in_flight.contains(id)))
    }

    fn has_digest(&self, row: &Delivery) -> bool {
        self.integration(&row.thread).is_some_and(|integration| integration.digest)
    }
}
