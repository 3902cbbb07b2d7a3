//! Time intervals: when somebody is told, or not.
//!
//! A [`TimeInterval`] is parsed once, field by field ([`fields`]), with Alertmanager's error texts, and then asked for
//! an instant. Time zone data are read only while a [`Location`] is parsed; asking needs no clock and no file.

pub mod fields;

#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub use fields::{DayOfMonthRange, IntervalError, Location, MonthRange, TimeRange, WeekdayRange, YearRange};

use crate::time::Timestamp;

/// One time interval; a named one has several.
///
/// It contains an instant if every field does. An absent field contains all instants, a list contains those of its
/// elements, and so a list without elements contains none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeInterval {
    /// `times`: parts of the day.
    pub times: Option<Vec<TimeRange>>,
    /// `weekdays`
    pub weekdays: Option<Vec<WeekdayRange>>,
    /// `days_of_month`
    pub days_of_month: Option<Vec<DayOfMonthRange>>,
    /// `months`
    pub months: Option<Vec<MonthRange>>,
    /// `years`
    pub years: Option<Vec<YearRange>>,
    /// `location`: whose calendar and clock the fields speak of; UTC where absent.
    pub location: Option<Location>,
}

impl TimeInterval {
    /// Whether the instant lies in the interval.
    pub fn contains(&self, at: Timestamp) -> bool {
        let local = match &self.location {
            Some(location) => location.zone().to_datetime(at.to_jiff()),
            None => TimeZone::UTC.to_datetime(at.to_jiff()),
        };
        holds(self.times.as_deref(), |range| range.contains(local))
            && holds(self.weekdays.as_deref(), |range| range.contains(local))
            && holds(self.days_of_month.as_deref(), |range| range.contains(local))
            && holds(self.months.as_deref(), |range| range.contains(local))
            && holds(self.years.as_deref(), |range| range.contains(local))
    }
}

fn holds<T>(ranges: Option<&[T]>, contains: impl Fn(&T) -> bool) -> bool {
    ranges.is_none_or(|ranges| ranges.iter().any(contains))
}

/// A field's view of a moment on the wall clock of the interval's location.
trait Contains {
    fn contains(&self, local: DateTime) -> bool;
}

impl Contains for TimeRange {
    fn contains(&self, local: DateTime) -> bool {
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        (i32::from(self.start_minute)..i32::from(self.end_minute)).contains(&minute)
    }
}

impl Contains for WeekdayRange {
    fn contains(&self, local: DateTime) -> bool {
        let weekday = i64::from(local.weekday().to_sunday_zero_offset());
        (self.begin()..=self.end()).contains(&weekday)
    }
}

impl Contains for DayOfMonthRange {
    /// Days that are counted from the end become days of this very month; a range that begins after the month's end is
    /// void, and one that reaches beyond the month is cut off.
    fn contains(&self, local: DateTime) -> bool {
        let last = i64::from(local.date().days_in_month());
        let from_start = |day: i64| if day < 0 { last + day + 1 } else { day };
        let (begin, end) = (from_start(self.begin()), from_start(self.end()));
        begin <= last && (begin..=end).contains(&i64::from(local.day()))
    }
}

impl Contains for MonthRange {
    fn contains(&self, local: DateTime) -> bool {
        (self.begin()..=self.end()).contains(&i64::from(local.month()))
    }
}

impl Contains for YearRange {
    fn contains(&self, local: DateTime) -> bool {
        (self.begin()..=self.end()).contains(&i64::from(local.year()))
    }
}
