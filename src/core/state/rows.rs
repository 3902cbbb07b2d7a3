//! The rows of the outbox: what waits in which thread and in which digest, and which of them a worker has.

use std::sync::Arc;

use super::{Log, State, Undo};
use crate::core::change::Change;
use crate::core::outbox::{Delivery, DeliveryId, Thread};

impl State {
    pub(in crate::core) fn put_delivery(&mut self, delivery: Delivery, log: &mut Log) {
        let (id, delivery) = (delivery.id, Arc::new(delivery));
        let same = self.outbox.get(&id).is_some_and(|old| old.says_what(&delivery));
        log.changes.push(match same {
            true => Change::Standing(id, delivery.standing()),
            false => Change::Outbox(Arc::clone(&delivery)),
        });
        let parked = self.parked.contains(&id);
        let old = self.set_delivery(id, Some(delivery));
        log.undo.push(Undo::Delivery(id, old, parked));
    }

    /// Puts a row into another thread; whoever has it keeps it.
    pub(in crate::core) fn move_delivery(&mut self, row: Delivery, log: &mut Log) {
        let (id, parked) = (row.id, self.parked.contains(&row.id));
        self.remove_delivery(id, log);
        self.put_delivery(row, log);
        if parked {
            Arc::make_mut(&mut self.parked).insert(id);
        }
    }

    pub(in crate::core) fn remove_delivery(&mut self, id: DeliveryId, log: &mut Log) {
        let parked = self.parked.contains(&id);
        if let Some(old) = self.set_delivery(id, None) {
            log.changes.push(Change::OutboxGone(id));
            log.undo.push(Undo::Delivery(id, Some(old), parked));
        }
    }

    /// Notes that no worker has the row any more.
    pub(in crate::core) fn land(&mut self, id: DeliveryId, log: &mut Log) {
        if Arc::make_mut(&mut self.in_flight).remove(&id) {
            log.undo.push(Undo::InFlight(id));
        }
    }

    /// Notes that the worker that has the row does not send it yet.
    pub(in crate::core) fn park(&mut self, id: DeliveryId, log: &mut Log) {
        if Arc::make_mut(&mut self.in_flight).remove(&id) {
            Arc::make_mut(&mut self.parked).insert(id);
            log.undo.push(Undo::Parked(id));
        }
    }

    pub(in crate::core) fn set_delivery(
        &mut self,
        id: DeliveryId,
        row: Option<Arc<Delivery>>,
    ) -> Option<Arc<Delivery>> {
        match row {
            Some(row) => {
                self.queue_up(&row.thread, id);
                let digest = row.told_with;
                let old = self.outbox.insert(id, row);
                self.take_out_of_digest(old.as_deref());
                if let Some(digest) = digest {
                    self.digests.entry(digest).or_default().insert(id);
                }
                old
            }
            None => {
                let old = self.outbox.remove(&id)?;
                self.take_out_of_digest(Some(&old));
                Arc::make_mut(&mut self.parked).remove(&id);
                if let Some(queue) = self.queues.get_mut(&old.thread) {
                    queue.retain(|waiting| *waiting != id);
                    if queue.is_empty() {
                        self.queues.remove(&old.thread);
                    }
                }
                Some(old)
            }
        }
    }

    /// Most threads have one row, and there may be a million: a vector takes as much as they need.
    fn queue_up(&mut self, thread: &Thread, id: DeliveryId) {
        let Some(queue) = self.queues.get_mut(thread) else {
            self.queues.insert(thread.clone(), vec![id]);
            return;
        };
        if let Err(place) = queue.binary_search(&id) {
            queue.insert(place, id);
        }
    }

    fn take_out_of_digest(&mut self, row: Option<&Delivery>) {
        let Some((id, digest)) = row.and_then(|row| Some((row.id, row.told_with?))) else { return };
        if let Some(rows) = self.digests.get_mut(&digest) {
            rows.remove(&id);
            if rows.is_empty() {
                self.digests.remove(&digest);
            }
        }
    }
}
