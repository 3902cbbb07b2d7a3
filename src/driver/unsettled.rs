//! What workers reported while nothing could be stored.
//!
//! It is kept and tried again with each commit. A disk that is full for hours must not keep anybody from being told what
//! is stored already: an attempt that failed meanwhile is made again, without being counted.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::outbox::{DeliveryId, Outcome};
use crate::time::Timestamp;

/// How long an attempt that failed while nothing could be stored waits for the next one, unless its receiver asks for more.
const AGAIN: Duration = Duration::from_secs(10);
/// What a receiver asks for is obeyed up to this.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A row, how an attempt with it ended, and a number from 0 to 1 for the next one's time.
pub(super) type Report = (DeliveryId, Outcome, f64);

/// Reports that are not stored.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    reports: Vec<Report>,
    /// When those that failed are tried again.
    again_at: BTreeMap<DeliveryId, Timestamp>,
}

impl Unsettled {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// The clock was put back.
    pub(super) fn put_back(&mut self, by: Duration) {
        self.again_at.values_mut().for_each(|at| *at = at.before(by));
    }

    /// Takes them out, to be part of a commit.
    pub(super) fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// That commit failed: they are kept. Gives the rows that a worker should try again now.
    pub(super) fn keep(&mut self, reports: Vec<Report>, now: Timestamp) -> Vec<DeliveryId> {
        let before = std::mem::take(&mut self.again_at);
        for (delivery, outcome, _) in &reports {
            if let Outcome::Retry { after, .. } | Outcome::PutOff { after, .. } = outcome {
                let wait = after.unwrap_or_default().clamp(AGAIN, LONGEST);
                let at = before.get(delivery).copied().unwrap_or(now.after(wait));
                self.again_at.insert(*delivery, at);
            }
        }
        self.reports = reports;
        let again: Vec<_> = self.again_at.iter().filter(|(_, at)| **at <= now).map(|(delivery, _)| *delivery).collect();
        self.again_at.retain(|_, at| *at > now);
        self.reports.retain(|(delivery, ..)| !again.contains(delivery));
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_made_again_in_ten_seconds_or_when_its_receiver_asks() {
        let began = Timestamp::new(1_800_000_000, 0);
        let report = |id: u64, after: Option<u64>| {
            let after = after.map(Duration::from_secs);
            let outcome = Outcome::Retry { error: "no".into(), after, exchange: Default::default() };
            (DeliveryId(id), outcome, 0.5)
        };
        let told = (DeliveryId(4), Outcome::delivered(), 0.5);
        let mut unsettled = Unsettled::default();
        let mut reports = vec![report(1, None), report(2, Some(600)), report(3, Some(999_999)), told];
        let mut again = Vec::new();
        for second in 0..=3_600 {
            let now = began.after(Duration::from_secs(second));
            again.extend(unsettled.keep(reports, now).into_iter().map(|delivery| (second, delivery.0)));
            reports = unsettled.take();
        }
        assert_eq!(again, [(10, 1), (600, 2), (3_600, 3)]);
        assert_eq!(reports.iter().map(|(delivery, ..)| delivery.0).collect::<Vec<_>>(), [4]);
    }
}
