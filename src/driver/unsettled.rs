//! What workers reported while nothing could be stored.
//!
//! It is kept and tried again with each commit. A disk that is full for hours must not keep anybody from being told what
//! is stored already: an attempt that failed meanwhile is made again, without being counted.

use std::collections::VecDeque;
use std::time::Duration;

use crate::core::engine::Input;
use crate::core::outbox::{DeliveryId, Outcome};
use crate::time::Timestamp;

/// How long an attempt that failed while nothing could be stored waits for the next one, unless its receiver asks for more.
const AGAIN: Duration = Duration::from_secs(10);
/// What a receiver asks for is obeyed up to this.
const LONGEST: Duration = Duration::from_secs(3_600);

/// How an attempt ended, with a row or with several in one message: it is stored, or made again, as one.
#[derive(Debug)]
pub(super) struct Report {
    deliveries: Vec<DeliveryId>,
    outcome: Outcome,
    /// From 0 to 1, for the next attempt's time.
    jitter: f64,
    /// When one that failed is made again if it still cannot be stored.
    again_at: Option<Timestamp>,
}

impl Report {
    /// One that just came.
    pub(super) fn new(deliveries: Vec<DeliveryId>, outcome: Outcome, jitter: f64) -> Self {
        Self { deliveries, outcome, jitter, again_at: None }
    }

    /// What the engine is told.
    pub(super) fn input(&self) -> Input {
        Input::Settled(self.deliveries.clone(), self.outcome.clone(), self.jitter)
    }
}

/// Reports that are not stored.
#[derive(Debug, Default)]
pub(super) struct Unsettled(VecDeque<Report>);

impl Unsettled {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The clock was put back.
    pub(super) fn put_back(&mut self, by: Duration) {
        for report in &mut self.0 {
            report.again_at = report.again_at.map(|at| at.before(by));
        }
    }

    /// Takes the first of them out, to be part of a commit.
    pub(super) fn take(&mut self) -> Option<Report> {
        self.0.pop_front()
    }

    /// That commit failed: what was taken out is kept, before what was not. Gives the rows that a worker should try again now.
    pub(super) fn keep(&mut self, reports: Vec<Report>, now: Timestamp) -> Vec<DeliveryId> {
        for report in reports.into_iter().rev() {
            self.0.push_front(report);
        }
        for report in &mut self.0 {
            if let Outcome::Retry { after, .. } | Outcome::PutOff { after, .. } = &report.outcome {
                let wait = after.unwrap_or_default().clamp(AGAIN, LONGEST);
                report.again_at.get_or_insert(now.after(wait));
            }
        }
        let all = std::mem::take(&mut self.0).into_iter();
        let (again, kept): (VecDeque<_>, _) = all.partition(|report| report.again_at.is_some_and(|at| at <= now));
        self.0 = kept;
        again.into_iter().flat_map(|report| report.deliveries).collect()
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
            Report::new(vec![DeliveryId(id), DeliveryId(10 * id)], outcome, 0.5)
        };
        let told = Report::new(vec![DeliveryId(4)], Outcome::delivered(), 0.5);
        let mut unsettled = Unsettled::default();
        let mut reports = vec![report(1, None), report(2, Some(600)), report(3, Some(999_999)), told];
        let mut again = Vec::new();
        for second in 0..=3_600 {
            let now = began.after(Duration::from_secs(second));
            again.extend(unsettled.keep(reports, now).into_iter().map(|delivery| (second, delivery.0)));
            reports = std::iter::from_fn(|| unsettled.take()).collect();
        }
        assert_eq!(again, [(10, 1), (10, 10), (600, 2), (600, 20), (3_600, 3), (3_600, 30)]);
        assert_eq!(reports.iter().flat_map(|report| &report.deliveries).collect::<Vec<_>>(), [&DeliveryId(4)]);
    }
}
