//! Points in time, and the only place that reads a clock.
//!
//! [`Timestamp`] covers the years 1 to 9999 with nanoseconds, since Alertmanager accepts all of them, and keeps the
//! offset a client wrote, since the API answers in it. Everything that decides takes `now` as an argument.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

const NANOS: u32 = 1_000_000_000;

/// An instant with the UTC offset it was written in. Comparing looks at the instant alone.
#[derive(Clone, Copy)]
pub struct Timestamp {
    secs: i64,
    nanos: u32,
    offset_minutes: i16,
}

impl Timestamp {
    /// 0001-01-01T00:00:00Z, which stands for "not set" on the wire.
    pub const ZERO: Self = Self { secs: -62_135_596_800, nanos: 0, offset_minutes: 0 };
    /// The last second of the year 9999.
    pub const MAX: Self = Self { secs: 253_402_300_799, nanos: 999_999_999, offset_minutes: 0 };
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self { secs: 0, nanos: 0, offset_minutes: 0 };

    /// Seconds since 1970 and nanoseconds within the second; clamped to the years 1 to 9999.
    pub fn new(secs: i64, nanos: u32) -> Self {
        let secs = secs.saturating_add(i64::from(nanos / NANOS));
        let at = Self { secs, nanos: nanos % NANOS, offset_minutes: 0 };
        at.clamp(Self::ZERO, Self::MAX)
    }

    /// The same instant, to be shown at this offset from UTC.
    pub fn with_offset_minutes(self, offset_minutes: i16) -> Self {
        Self { offset_minutes, ..self }
    }

    /// Whole seconds since 1970.
    pub fn secs(self) -> i64 {
        self.secs
    }

    /// Nanoseconds within the second.
    pub fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// Minutes east of UTC in which the instant is shown.
    pub fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }

    /// Whether this is the zero time, that is "not set".
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The instant `by` later, in UTC; stops at the year 9999.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let secs = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        Self::new(self.secs.saturating_add(secs), self.nanos + by.subsec_nanos())
            .with_offset_minutes(self.offset_minutes)
    }

    /// The instant `by` earlier; stops at the year 1.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        let secs = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        let (borrow, nanos) = match self.nanos.checked_sub(by.subsec_nanos()) {
            Some(nanos) => (0, nanos),
            None => (1, self.nanos + NANOS - by.subsec_nanos()),
        };
        Self::new(self.secs.saturating_sub(secs).saturating_sub(borrow), nanos).with_offset_minutes(self.offset_minutes)
    }

    /// How much later this is than `earlier`; nothing if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        let secs = u64::try_from(self.secs - earlier.secs).unwrap_or(0);
        if self.nanos >= earlier.nanos {
            Duration::new(secs, self.nanos - earlier.nanos)
        } else {
            Duration::new(secs - 1, self.nanos + NANOS - earlier.nanos)
        }
    }

    /// Seconds since 1970 with their fraction, as metrics have it.
    pub fn as_secs_f64(self) -> f64 {
        self.secs as f64 + f64::from(self.nanos) / f64::from(NANOS)
    }

    /// Year, month, day, hour, minute and second at the instant's own offset.
    ///
    /// jiff stops a day before the end of 9999, Alertmanager does not; the algorithm is H. Hinnant's `civil_from_days`.
    pub fn civil(self) -> [u32; 6] {
        let secs = (self.secs + i64::from(self.offset_minutes) * 60).clamp(Self::ZERO.secs, Self::MAX.secs);
        let (days, second) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        let from_march_0000 = days + 719_468;
        let (era, day_of_era) = (from_march_0000.div_euclid(146_097), from_march_0000.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        // All are small and not negative: the years are 1 to 9999.
        [year, month, day, second / 3_600, second / 60 % 60, second % 60].map(|part| part as u32)
    }

    /// As jiff has it, for calendars and time zones; the last day of 9999 is beyond it and becomes its greatest.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::new(self.secs, self.nanos as i32).unwrap_or(jiff::Timestamp::MAX)
    }

    /// From jiff's form, in UTC.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        let nanos = at.as_nanosecond().rem_euclid(i128::from(NANOS));
        Self::new(at.as_nanosecond().div_euclid(i128::from(NANOS)) as i64, nanos as u32)
    }

    /// `2026-11-22T14:48:28.986Z`: always three digits, cut and not rounded, as API v2 answers.
    pub fn write_millis(self, out: &mut String) {
        self.write_seconds(out);
        out.push('.');
        push_padded(out, self.nanos / 1_000_000, 3);
        self.write_zone(out);
    }

    /// `2026-11-22T14:48:28.98664923Z`: nanoseconds without trailing zeros, as in notifications.
    pub fn write_nanos(self, out: &mut String) {
        self.write_seconds(out);
        if self.nanos > 0 {
            out.push('.');
            push_padded(out, self.nanos, 9);
            out.truncate(out.trim_end_matches('0').len());
        }
        self.write_zone(out);
    }

    fn write_seconds(self, out: &mut String) {
        let [year, month, day, hour, minute, second] = self.civil();
        let mut text = *b"0000-00-00T00:00:00";
        let parts = [(year, 4), (month, 7), (day, 10), (hour, 13), (minute, 16), (second, 19)];
        for (number, end) in parts {
            let (mut rest, digits) = (number, if end == 4 { 4 } else { 2 });
            for place in text.iter_mut().take(end).rev().take(digits) {
                *place = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        // These are digits and separators.
        out.push_str(std::str::from_utf8(&text).unwrap_or_default());
    }

    fn write_zone(self, out: &mut String) {
        if self.offset_minutes == 0 {
            out.push('Z');
            return;
        }
        out.push(if self.offset_minutes < 0 { '-' } else { '+' });
        let minutes = u32::from(self.offset_minutes.unsigned_abs());
        push_padded(out, minutes / 60, 2);
        out.push(':');
        push_padded(out, minutes % 60, 2);
    }
}

fn push_padded(out: &mut String, number: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        out.push(char::from(b'0' + digit as u8));
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.secs, self.nanos).cmp(&(other.secs, other.nanos))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(35);
        self.write_nanos(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where the time comes from: the system, or tokio's clock, which a test may pause and move on.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// `epoch` plus what tokio's clock says has passed since `started`.
    Virtual {
        /// What the clock showed at `started`.
        epoch: Timestamp,
        /// When the clock was made.
        started: tokio::time::Instant,
    },
}

impl Clock {
    /// The present moment, in UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Timestamp::EPOCH.after(since)
            }
            Self::Virtual { epoch, started } => epoch.after(started.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(at: Timestamp) -> (String, String) {
        let (mut millis, mut nanos) = (String::new(), String::new());
        at.write_millis(&mut millis);
        at.write_nanos(&mut nanos);
        (millis, nanos)
    }

    #[test]
    fn both_wire_forms() {
        let at = Timestamp::new(1_795_359_600, 123_456_780);
        assert_eq!(shown(at), ("2026-11-22T15:00:00.123Z".into(), "2026-11-22T15:00:00.12345678Z".into()));
        let india = at.with_offset_minutes(330);
        assert_eq!(shown(india), ("2026-11-22T20:30:00.123+05:30".into(), "2026-11-22T20:30:00.12345678+05:30".into()));
        assert_eq!(shown(Timestamp::ZERO), ("0001-01-01T00:00:00.000Z".into(), "0001-01-01T00:00:00Z".into()));
        assert_eq!(shown(Timestamp::MAX).1, "9999-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn arithmetic_carries_and_clamps() {
        let at = Timestamp::new(10, 500_000_000);
        let by = Duration::from_millis(1_700);
        assert_eq!(at.after(by), Timestamp::new(12, 200_000_000));
        assert_eq!(at.after(by).before(by), at);
        assert_eq!(at.after(by).since(at), by);
        assert_eq!(at.since(at.after(by)), Duration::ZERO);
        assert_eq!(Timestamp::MAX.after(by), Timestamp::MAX);
        assert_eq!(Timestamp::ZERO.before(by), Timestamp::ZERO);
        assert_eq!(Timestamp::from_jiff(at.to_jiff()), at);
    }
}
