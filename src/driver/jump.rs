//! Whether somebody set the clock, and what of the driver goes with it.

use std::time::Duration;

use super::Driver;
use crate::time::Timestamp;

/// By how much wall clock and monotonic clock may differ between two looks before it counts as set.
const CLOCK_JUMP: Duration = Duration::from_secs(10);

/// A clock that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jump {
    /// By so much.
    Forward(Duration),
    /// By so much.
    Back(Duration),
}

/// Whether the wall clock was set between two looks at it; so much has passed.
pub(super) fn jump(before: Timestamp, now: Timestamp, passed: Duration) -> Option<Jump> {
    let expected = before.after(passed);
    let (forward, back) = (now.since(expected), expected.since(now));
    match forward > CLOCK_JUMP {
        true => Some(Jump::Forward(forward)),
        false => (back > CLOCK_JUMP).then_some(Jump::Back(back)),
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
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

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
}
