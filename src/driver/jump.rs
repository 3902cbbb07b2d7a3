//! Whether somebody set the clock, and what of the driver goes with it.

use std::time::Duration;

use tokio::time::Instant;

use super::Driver;
use crate::time::Timestamp;

/// By how much wall clock and monotonic clock may differ between two looks before it counts as set.
const CLOCK_JUMP: Duration = Duration::from_secs(10);
/// For how long it adds up by how much the wall clock falls behind.
const ADDS_UP: Duration = Duration::from_secs(60);

/// A clock that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jump {
    /// By so much.
    Forward(Duration),
    /// By so much.
    Back(Duration),
}

/// Whether the wall clock was set between two looks at it; so much has passed.
fn jump(before: Timestamp, now: Timestamp, passed: Duration) -> Option<Jump> {
    let expected = before.after(passed);
    let (forward, back) = (now.since(expected), expected.since(now));
    match forward > CLOCK_JUMP {
        true => Some(Jump::Forward(forward)),
        false => (back > CLOCK_JUMP).then_some(Jump::Back(back)),
    }
}

/// What both clocks showed when they were looked at.
pub(super) struct Looks {
    /// The last time.
    last: (Timestamp, Instant),
    /// Some looks ago. A clock that stands still falls behind by a little with each, where many come in between.
    earlier: (Timestamp, Instant),
}

impl Looks {
    /// The first look.
    pub(super) fn new(now: Timestamp) -> Self {
        let look = (now, Instant::now());
        Self { last: look, earlier: look }
    }

    /// One more: what the wall clock showed the last time, and whether it was set since.
    pub(super) fn look(&mut self, now: Timestamp) -> (Timestamp, Option<Jump>) {
        let instant = Instant::now();
        let (before, at) = std::mem::replace(&mut self.last, (now, instant));
        let (earlier, earlier_at) = self.earlier;
        let passed = instant.duration_since(earlier_at);
        let slow = || jump(earlier, now, passed).filter(|jump| matches!(jump, Jump::Back(_)));
        let jump = jump(before, now, instant.duration_since(at)).or_else(slow);
        if jump.is_some() || passed >= ADDS_UP {
            self.earlier = self.last;
        }
        (before, jump)
    }

    /// What the wall clock shows now unless it was set since the last look.
    pub(super) fn expected(&self) -> Timestamp {
        let (now, instant) = self.last;
        now.after(instant.elapsed())
    }
}

impl Driver {
    /// The driver's own moments are of the clock that was wrong as well: an outage that goes on began earlier, and ends no
    /// later.
    pub(super) fn put_own_times_back(&mut self, by: Duration) {
        self.last_good = self.last_good.before(by);
        self.retry_at = self.retry_at.before(by);
        self.checkpoints.put_back(by);
        if self.lazy_since < Timestamp::MAX {
            self.lazy_since = self.lazy_since.before(by);
        }
        self.unsettled.put_back(by);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::core::engine::Options;
    use crate::core::outbox::Outcome;
    use crate::core::testing;
    use crate::driver::handle::Request;
    use crate::driver::tests::{SECOND, alert, clock, sender};
    use crate::store::memory::Memory;
    use crate::time::Clock;

    #[test]
    fn a_clock_that_was_set_is_noticed_in_both_directions() {
        let now = Timestamp::new(1_800_000_000, 0);
        let minute = 60 * SECOND;
        let rows = [
            (now.after(minute), minute, None),
            (now.after(minute + 9 * SECOND), minute, None),
            (now.after(minute).before(9 * SECOND), minute, None),
            (now.after(61 * minute), minute, Some(Jump::Forward(60 * minute))),
            (now.after(minute).before(24 * 60 * minute), minute, Some(Jump::Back(24 * 60 * minute))),
            (now, 3600 * SECOND, Some(Jump::Back(3600 * SECOND))),
            (now.before(11 * SECOND), Duration::ZERO, Some(Jump::Back(11 * SECOND))),
        ];
        for (then, passed, expected) in rows {
            assert_eq!(jump(now, then, passed), expected, "{then} after {passed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stands_still_is_noticed_however_often_it_is_looked_at() {
        let now = Timestamp::new(1_800_000_000, 0);
        for every in [SECOND / 10, SECOND, 5 * SECOND, 30 * SECOND] {
            let (mut looks, started, mut lost) = (Looks::new(now), Instant::now(), Duration::ZERO);
            while started.elapsed() < 300 * SECOND {
                tokio::time::advance(every).await;
                match looks.look(now) {
                    (before, Some(Jump::Back(by))) if before == now => lost += by,
                    (_, other) => assert_eq!(other, None),
                }
                assert!(started.elapsed() - lost <= CLOCK_JUMP, "{every:?}: {lost:?} of {:?}", started.elapsed());
            }
            // It goes on, a little slowly, as one that is made to.
            for second in 1..=3600 {
                tokio::time::advance(SECOND).await;
                let (_, jump) = looks.look(now.after(second * SECOND - second * SECOND / 1000));
                assert_eq!(jump, None, "{every:?}");
            }
        }
    }

    /// Prometheus sends again meanwhile, so that the clocks are looked at often.
    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stands_still_makes_no_page_late() {
        let clock = clock();
        let Clock::Virtual { epoch, started } = clock else { unreachable!("the test's clock is one") };
        let (workers, mut rows) = mpsc::unbounded_channel();
        let (store, policy) = (Box::new(Memory::default()), Arc::new(testing::policy()));
        let (mut driver, _handle, _) = Driver::load(store, policy, Options::default(), clock, workers).unwrap();
        let (mut told, mut passed) = (Vec::new(), Duration::ZERO);
        while passed < 1_200 * SECOND {
            let batch = alert("Disk", 240 * SECOND, driver.clock);
            driver.round(Some(Request::Alerts { actor: sender(), batch, done: oneshot::channel().0 })).unwrap();
            tokio::time::advance(3 * SECOND).await;
            passed += 3 * SECOND;
            driver.clock = Clock::Virtual { epoch: epoch.before(passed), started };
            driver.round(None).unwrap();
            while let Ok(bundle) = rows.try_recv() {
                told.push(passed.as_secs());
                let deliveries = bundle.iter().map(|row| row.id).collect();
                let settled = Request::Settled { deliveries, outcome: Outcome::delivered(), jitter: 0.5 };
                driver.round(Some(settled)).unwrap();
            }
        }
        assert!(matches!(told[..], [30..=42]), "once, after thirty seconds: {told:?}");
    }
}
