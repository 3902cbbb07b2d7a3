//! The fields of a time interval: read from the configuration's strings, and printed as Alertmanager normalises them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::core::quote::Quoted;

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Why a field was refused. The texts are Alertmanager's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// A time of the day is not `HH:MM`.
    #[error("couldn't parse timestamp {0}, invalid format")]
    Time(String),
    /// One of the two times is missing.
    #[error("both start and end times must be provided")]
    TimeMissing,
    /// The times are in the wrong order.
    #[error("start time cannot be equal or greater than end time")]
    TimeOrder,
    /// More than one colon.
    #[error("couldn't parse range {0}, invalid format")]
    Range(String),
    /// Not the full English name of a weekday.
    #[error("{0} is not a valid weekday")]
    Weekday(String),
    /// The weekdays are in the wrong order; the week begins on Sunday.
    #[error("start day cannot be before end day")]
    WeekdayOrder,
    /// A day that no month has.
    #[error("{0} is not a valid day of the month: out of range")]
    Day(i64),
    /// From the month's end to its start.
    #[error("end day must be negative if start day is negative")]
    DaySign,
    /// The days are in the wrong order, in whichever month.
    #[error("end day {end} is always before start day {begin}")]
    DayOrder {
        /// The first day.
        begin: i64,
        /// The last day.
        end: i64,
    },
    /// Neither the English name of a month nor a number.
    #[error("{0} is not a valid month")]
    Month(String),
    /// The months are in the wrong order.
    #[error("end month {end} is before start month {begin}")]
    MonthOrder {
        /// The first month's name, or nothing where the number has none.
        begin: &'static str,
        /// The last month's name, or nothing where the number has none.
        end: &'static str,
    },
    /// The years are in the wrong order.
    #[error("end year {end} is before start year {begin}")]
    YearOrder {
        /// The first year.
        begin: i64,
        /// The last year.
        end: i64,
    },
    /// Not a whole number.
    #[error("strconv.Atoi: parsing {}: {reason}", Quoted(text))]
    Number {
        /// What was found.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The time zone data know no such place.
    #[error("unknown time zone {0}")]
    Location(String),
    /// The name of a place that would lead out of the time zone data.
    #[error("time: invalid location name")]
    LocationName,
}

/// `start_time` and `end_time`: minutes of the day, the first included, the last not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first minute.
    pub start_minute: u16,
    /// The minute after the last.
    pub end_minute: u16,
}

impl TimeRange {
    /// From two times `HH:MM`, of which an absent one is empty.
    ///
    /// # Errors
    /// [`IntervalError`] where one is missing or malformed, or the end is not after the start.
    pub fn parse(start_time: &str, end_time: &str) -> Result<Self, IntervalError> {
        if start_time.is_empty() || end_time.is_empty() {
            return Err(IntervalError::TimeMissing);
        }
        let (start_minute, end_minute) = (minute_of_day(start_time)?, minute_of_day(end_time)?);
        if start_minute >= end_minute {
            return Err(IntervalError::TimeOrder);
        }
        Ok(Self { start_minute, end_minute })
    }

    /// The first minute as `HH:MM`.
    pub fn start_time(self) -> String {
        format!("{:02}:{:02}", self.start_minute / 60, self.start_minute % 60)
    }

    /// The minute after the last as `HH:MM`; `24:00` at midnight.
    pub fn end_time(self) -> String {
        format!("{:02}:{:02}", self.end_minute / 60, self.end_minute % 60)
    }
}

fn minute_of_day(text: &str) -> Result<u16, IntervalError> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let parse = || {
        let &[h1, h0, b':', m1, m0] = text.as_bytes() else { return None };
        let (hour, minute) = (digit(h1)? * 10 + digit(h0)?, digit(m1)? * 10 + digit(m0)?);
        (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some(hour * 60 + minute)
    };
    parse().ok_or_else(|| IntervalError::Time(text.to_owned()))
}

/// Declares a range of numbers with both ends included.
macro_rules! range {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            begin: i64,
            end: i64,
        }

        impl $name {
            /// The first of the range.
            pub fn begin(self) -> i64 {
                self.begin
            }

            /// The last of the range.
            pub fn end(self) -> i64 {
                self.end
            }
        }
    };
}

range! {
    /// An element of `weekdays`: 0 is Sunday.
    WeekdayRange
}
range! {
    /// An element of `days_of_month`: negative days count from the month's end, -1 being its last.
    DayOfMonthRange
}
range! {
    /// An element of `months`: 1 is January. Numbers that are no month are kept and contain nothing.
    MonthRange
}
range! {
    /// An element of `years`.
    YearRange
}

impl FromStr for WeekdayRange {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let (begin, end) =
            both_ends(text, |name| position(&WEEKDAYS, name).ok_or_else(|| IntervalError::Weekday(name.to_owned())))?;
        if begin > end {
            return Err(IntervalError::WeekdayOrder);
        }
        Ok(Self { begin, end })
    }
}

impl FromStr for DayOfMonthRange {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let (begin, end) = both_ends(text, number)?;
        for day in [begin, end] {
            if day == 0 || !(-31..=31).contains(&day) {
                return Err(IntervalError::Day(day));
            }
        }
        if begin < 0 && end > 0 {
            return Err(IntervalError::DaySign);
        }
        // The shortest month decides what is always wrong.
        let in_february = |day: i64| if day < 0 { 28 + day } else { day };
        if in_february(begin) > in_february(end) {
            return Err(IntervalError::DayOrder { begin, end });
        }
        Ok(Self { begin, end })
    }
}

impl FromStr for MonthRange {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let (begin, end) = both_ends(text, |name| match position(&MONTHS, name) {
            Some(index) => Ok(index + 1),
            None => number(name).map_err(|_| IntervalError::Month(name.to_owned())),
        })?;
        if begin > end {
            return Err(IntervalError::MonthOrder { begin: month_name(begin), end: month_name(end) });
        }
        Ok(Self { begin, end })
    }
}

impl FromStr for YearRange {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let (begin, end) = both_ends(text, number)?;
        if begin > end {
            return Err(IntervalError::YearOrder { begin, end });
        }
        Ok(Self { begin, end })
    }
}

impl fmt::Display for WeekdayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A parsed range has only weekdays that have a name.
        let name = |day: i64| usize::try_from(day).ok().and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or("");
        write_range(f, name(self.begin), name(self.end))
    }
}

impl fmt::Display for DayOfMonthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range(f, self.begin, self.end)
    }
}

impl fmt::Display for MonthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range(f, self.begin, self.end)
    }
}

impl fmt::Display for YearRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_range(f, self.begin, self.end)
    }
}

fn write_range<T: fmt::Display + PartialEq>(f: &mut fmt::Formatter<'_>, begin: T, end: T) -> fmt::Result {
    if begin == end { begin.fmt(f) } else { write!(f, "{begin}:{end}") }
}

/// Splits `a` or `a:b`, whose letters may have any case.
fn both_ends(text: &str, member: impl Fn(&str) -> Result<i64, IntervalError>) -> Result<(i64, i64), IntervalError> {
    let text = text.to_lowercase();
    match text.split_once(':') {
        None => member(&text).map(|both| (both, both)),
        Some((_, end)) if end.contains(':') => Err(IntervalError::Range(text)),
        Some((begin, end)) => Ok((member(begin)?, member(end)?)),
    }
}

fn position(names: &[&str], name: &str) -> Option<i64> {
    names.iter().position(|known| *known == name).and_then(|index| i64::try_from(index).ok())
}

fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("")
}

fn number(text: &str) -> Result<i64, IntervalError> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse::<i64>().map_err(|error| {
        let too_big = matches!(error.kind(), PosOverflow | NegOverflow);
        let reason = if too_big { "value out of range" } else { "invalid syntax" };
        IntervalError::Number { text: text.to_owned(), reason }
    })
}

/// `location`: a place with its rules of time, kept once they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    name: Arc<str>,
    zone: TimeZone,
}

impl FromStr for Location {
    type Err = IntervalError;

    /// An IANA name, `Local` for the machine's own zone, `UTC` or nothing.
    fn from_str(name: &str) -> Result<Self, IntervalError> {
        let zone = match name {
            "" | "UTC" => return Ok(Self { name: Arc::from("UTC"), zone: TimeZone::UTC }),
            "Local" => TimeZone::system(),
            name if name.contains("..") || name.starts_with(['/', '\\']) => return Err(IntervalError::LocationName),
            // jiff takes names in any case; Alertmanager reads files, whose names have one.
            name => TimeZone::get(name)
                .ok()
                .filter(|zone| zone.iana_name() == Some(name))
                .ok_or_else(|| IntervalError::Location(name.to_owned()))?,
        };
        Ok(Self { name: Arc::from(name), zone })
    }
}

impl Location {
    /// Its rules of time.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
