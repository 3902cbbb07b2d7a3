//! When a checkpoint is written; and that one which cannot be written is left alone for a while.
//!
//! To write one is to serialise everything that there is, while the driver does nothing else: tried again with each commit it would
//! keep every page waiting, on a disk that has room for entries and not for the whole state.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Driver;
use crate::store::StoreError;
use crate::time::Timestamp;

/// How long after one that could not be written none is tried; twice as long after the next, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// When the next may be tried.
pub(super) struct Checkpoints {
    not_before: Timestamp,
    /// How long the pause is after the next that fails.
    pause: Duration,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { not_before: Timestamp::ZERO, pause: FIRST_PAUSE }
    }
}

impl Checkpoints {
    /// The clock was put back.
    pub(super) fn put_back(&mut self, by: Duration) {
        self.not_before = self.not_before.before(by);
    }

    /// One could not be written; says for how long none is tried.
    fn failed(&mut self, now: Timestamp) -> Duration {
        let pause = self.pause;
        (self.not_before, self.pause) = (now.after(pause), LONGEST_PAUSE.min(2 * pause));
        pause
    }
}

impl Driver {
    pub(super) fn checkpoint_if_wanted(&mut self, now: Timestamp) {
        if now < self.checkpoints.not_before || !self.store.wants_checkpoint() {
            return;
        }
        let written = self.store.checkpoint(now, &mut self.engine.snapshot());
        match written {
            Ok(()) => {
                self.checkpoints = Checkpoints::default();
                if self.health.checkpoint_trouble.swap(None).is_some() {
                    tracing::info!("A checkpoint could be written again");
                }
            }
            Err(error) => self.no_checkpoint(now, &error),
        }
    }

    fn no_checkpoint(&mut self, now: Timestamp, error: &StoreError) {
        self.health.checkpoint_failures.fetch_add(1, Ordering::Relaxed);
        self.health.checkpoint_trouble.store(Some(Arc::new(error.to_string())));
        let again_in_seconds = self.checkpoints.failed(now).as_secs();
        tracing::error!(%error, again_in_seconds, "No checkpoint could be written; the journal goes on");
    }
}
