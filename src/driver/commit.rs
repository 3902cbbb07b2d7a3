//! One commit: what must be stored now, what may wait, and what is done where the store will not take it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Driver, aside};
use crate::core::change::Change;
use crate::core::engine::ROOM;
use crate::store::{Fence, StoreError};
use crate::time::Timestamp;

/// How long a refresh may wait to be stored.
pub(super) const LAZY: Duration = Duration::from_secs(1);
/// How often it is looked how large the store is: that asks the file system for each of its files.
const SIZED: Duration = Duration::from_secs(1);
/// How long a failing store is left alone.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(1);

impl Driver {
    /// Stores what must not wait, with what may; or only notes what may wait, unless it has waited long enough.
    /// So many reports and requests are part of it.
    pub(super) fn commit(&mut self, now: Timestamp, taken: usize) -> Result<(), StoreError> {
        if !self.failing {
            self.last_good = now;
        }
        // A store that fails is asked each time: what may wait would pile up, and a refresh that is refused comes again.
        let may_wait = |change: &Change| match self.failing {
            false => change.is_lazy(),
            true => matches!(change, Change::By(_)),
        };
        let urgent = !self.engine.pending().iter().all(may_wait);
        let overdue = self.lazy_since.after(LAZY) <= now;
        if !urgent {
            let mut later = self.engine.committed();
            later.retain(|change| !matches!(change, Change::By(_)));
            self.lazy.append(&mut later);
            if self.lazy.is_empty() {
                return Ok(());
            }
            self.lazy_since = self.lazy_since.min(now);
            if !overdue || (self.failing && now < self.retry_at) {
                return Ok(());
            }
        }
        aside(|| self.store_all(now, taken))
    }

    /// Stores what must not wait, and what may.
    fn store_all(&mut self, now: Timestamp, taken: usize) -> Result<(), StoreError> {
        let lazy = self.lazy.len();
        if lazy > 0 {
            self.lazy.extend_from_slice(self.engine.pending());
        }
        let changes = if lazy > 0 { &self.lazy } else { self.engine.pending() };
        let (started, count) = (std::time::Instant::now(), changes.len());
        let result = self.store.commit(now, changes, Fence::default());
        if let Err(error @ StoreError::TooLarge { .. }) = &result
            && self.comes_smaller(now, taken, error)
        {
            self.lazy.truncate(lazy);
            self.engine.rolled_back();
            return result.map(drop);
        }
        self.note(started.elapsed(), count, &result);
        match result {
            Ok(_) => {
                let committed = self.engine.committed();
                if committed.iter().any(|change| matches!(change, Change::WorkOrder(_))) {
                    self.health.orders.send_modify(|changes| *changes = changes.wrapping_add(1));
                }
                self.lazy.clear();
                self.lazy_since = Timestamp::MAX;
                self.recovered(now);
                self.widen(now);
                self.checkpoint_if_wanted(now);
                Ok(())
            }
            Err(error) => {
                self.lazy.truncate(lazy);
                self.engine.rolled_back();
                self.engine.suspend(self.last_good, now);
                self.retry_at = now.after(STORE_RETRY);
                Err(error)
            }
        }
    }

    /// A commit was too large: says whether the next one is smaller. Of several things it takes fewer; a notification that is
    /// too large by itself is cut; and a group of which nothing can be stored waits.
    fn comes_smaller(&mut self, now: Timestamp, taken: usize, error: &StoreError) -> bool {
        let (bytes, flushed) = (self.engine.pending_bytes(), self.engine.flushed());
        self.narrow = true;
        if taken + flushed > 1 {
            tracing::warn!(%error, "It is made of smaller ones");
            self.room = self.room.min(bytes) / 2;
            self.engine.make_room(self.room);
            return true;
        }
        if flushed == 0 {
            return false;
        }
        if self.engine.cut_notifications(bytes) {
            tracing::error!(%error, "A notification is too large to be stored: it is cut");
        } else if let Some(group) = self.engine.set_aside(now) {
            tracing::error!(%error, %group, "A group cannot be told, since nothing of it can be stored: it waits");
        }
        true
    }

    /// Once nothing is left of what was too large, a commit may have what it may have.
    pub(super) fn widen(&mut self, now: Timestamp) {
        if !self.narrow || !self.unsettled.is_empty() || self.kept.is_some() || self.engine.next_deadline() <= now {
            return;
        }
        (self.room, self.narrow) = (ROOM, false);
        self.engine.make_room(ROOM);
    }

    fn note(&mut self, took: Duration, changes: usize, result: &Result<crate::store::Seq, StoreError>) {
        let health = &self.health;
        match result {
            Ok(_) => {
                health.commits.fetch_add(1, Ordering::Relaxed);
                let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                health.commit_nanos.fetch_add(nanos, Ordering::Relaxed);
                health.changes.fetch_add(changes as u64, Ordering::Relaxed);
                if self.sized_at.elapsed() >= SIZED {
                    self.sized_at = std::time::Instant::now();
                    health.store_bytes.store(self.store.size(), Ordering::Relaxed);
                }
            }
            Err(error) => {
                health.commit_failures.fetch_add(1, Ordering::Relaxed);
                if !self.failing {
                    tracing::error!(%error, "The store cannot be written: alerts are refused until it can");
                }
                self.failing = true;
                health.trouble.store(Some(Arc::new(error.to_string())));
            }
        }
    }

    /// After a commit that went well.
    pub(super) fn recovered(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("The store can be written again");
            self.health.trouble.store(None);
            self.engine.resume(now);
        }
        self.last_good = now;
    }
}
