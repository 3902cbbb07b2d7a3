//! What workers reported while nothing could be stored.
//!
//! It is kept and tried again with each commit. A disk that is full for hours must not keep anybody from being told what
//! is stored already: an attempt that failed meanwhile is made again, without being counted.

use std::time::Duration;

use crate::core::outbox::{DeliveryId, Outcome};
use crate::time::Timestamp;

/// How long an attempt that failed while nothing could be stored waits for the next one.
const AGAIN: Duration = Duration::from_secs(10);

/// A row, how an attempt with it ended, and a number from 0 to 1 for the next one's time.
pub(super) type Report = (DeliveryId, Outcome, f64);

/// Reports that are not stored.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    reports: Vec<Report>,
    /// When those that failed are tried again.
    again_at: Option<Timestamp>,
}

impl Unsettled {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Takes them out, to be part of a commit.
    pub(super) fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// That commit failed: they are kept. Gives the rows that a worker should try again now.
    pub(super) fn keep(&mut self, reports: Vec<Report>, now: Timestamp) -> Vec<DeliveryId> {
        let failed = |(_, outcome, _): &Report| matches!(outcome, Outcome::Retry { .. });
        self.reports = reports;
        let waits = self.reports.iter().any(failed);
        match self.again_at {
            Some(at) if at <= now => {
                self.again_at = None;
                let again = self.reports.extract_if(.., |report| failed(report));
                again.map(|(delivery, ..)| delivery).collect()
            }
            Some(_) if waits => Vec::new(),
            _ => {
                self.again_at = waits.then(|| now.after(AGAIN));
                Vec::new()
            }
        }
    }
}
