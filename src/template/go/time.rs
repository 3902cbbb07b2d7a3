//! Go's `time.Time` and `time.Duration` as templates use them: layouts, zones, printing.

use std::fmt;

use gotmpl::Value;

use super::value::{Kind, numbered, tagged, text};
use crate::time::Timestamp;

/// An instant with the zone it is shown in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GoTime {
    /// Seconds since 1970.
    pub(super) secs: i64,
    /// Nanoseconds within the second.
    pub(super) nanos: u32,
    /// Seconds east of UTC.
    pub(super) offset: i32,
    /// The zone's abbreviation; empty where only the offset is known.
    pub(super) zone: String,
}

impl Default for GoTime {
    /// Go's zero time.
    fn default() -> Self {
        Self::from(Timestamp::ZERO)
    }
}

impl From<Timestamp> for GoTime {
    fn from(at: Timestamp) -> Self {
        let offset = i32::from(at.offset_minutes()) * 60;
        let zone = if offset == 0 { "UTC".to_owned() } else { String::new() };
        Self { secs: at.secs(), nanos: at.subsec_nanos(), offset, zone }
    }
}

/// The parts of an instant on the calendar of its zone.
struct Civil {
    year: i64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    /// 0 is Sunday.
    weekday: usize,
    /// From 1.
    yearday: u16,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl GoTime {
    /// As the engine holds it.
    pub(super) fn to_value(&self) -> Value {
        let number = |number: i64| Value::Int(number);
        tagged(
            Kind::Time,
            [
                ("secs".to_owned(), number(self.secs)),
                ("nanos".to_owned(), number(i64::from(self.nanos))),
                ("offset".to_owned(), number(i64::from(self.offset))),
                ("zone".to_owned(), text(&self.zone)),
            ],
        )
    }

    /// From what the engine holds.
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        if Kind::of(value) != Some(Kind::Time) {
            return None;
        }
        let number = |name| value.field(name).and_then(Value::as_int);
        Some(Self {
            secs: number("secs")?,
            nanos: number("nanos")?.try_into().ok()?,
            offset: number("offset")?.try_into().ok()?,
            zone: value.field("zone")?.as_str()?.to_owned(),
        })
    }

    /// The same instant in UTC.
    pub(super) fn utc(&self) -> Self {
        Self { offset: 0, zone: "UTC".to_owned(), ..self.clone() }
    }

    /// The same instant in a zone of the IANA database; nothing if there is no such zone.
    pub(super) fn in_zone(&self, name: &str) -> Option<Self> {
        match name {
            "" | "UTC" => return Some(self.utc()),
            _ => {}
        }
        let zone = if name == "Local" { jiff::tz::TimeZone::system() } else { jiff::tz::TimeZone::get(name).ok()? };
        let info = Timestamp::new(self.secs, self.nanos).to_jiff();
        let info = zone.to_offset_info(info);
        Some(Self { offset: info.offset().seconds(), zone: info.abbreviation().to_owned(), ..self.clone() })
    }

    /// Nanoseconds since 1970.
    pub(super) fn unix_nanos(&self) -> i128 {
        i128::from(self.secs) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// Later or earlier by so many nanoseconds.
    pub(super) fn moved(&self, by: i64) -> Self {
        let at = self.unix_nanos() + i128::from(by);
        let secs = i64::try_from(at.div_euclid(1_000_000_000)).unwrap_or(self.secs);
        // The remainder is below 1e9.
        let nanos = at.rem_euclid(1_000_000_000) as u32;
        Self { secs, nanos, ..self.clone() }
    }

    /// So many years, months and days later; a day that a month has not falls into the next, as in Go.
    pub(super) fn on_other_date(&self, years: i64, months: i64, days: i64) -> Option<Self> {
        let civil = self.civil();
        let local = self.secs.checked_add(i64::from(self.offset))?;
        let month = (i64::from(civil.month) - 1).checked_add(months)?;
        let year = civil.year.checked_add(years)?.checked_add(month.div_euclid(12))?;
        let first = seconds(year.clamp(-9_999, 9_999), u32::try_from(month.rem_euclid(12) + 1).ok()?, 1, 0)?;
        let days = days.clamp(-10_000_000, 10_000_000) + i64::from(civil.day) - 1;
        let secs = first + days * 86_400 + local.rem_euclid(86_400) - i64::from(self.offset);
        Some(Self { secs, ..self.clone() })
    }

    fn civil(&self) -> Civil {
        let local = self.secs.saturating_add(i64::from(self.offset));
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let [year, month, day, hour, minute, second_of] =
            Timestamp::new(days.saturating_mul(86_400).saturating_add(second), 0).civil();
        let first_of_year = days_from_civil(i64::from(year));
        Civil {
            year: i64::from(year),
            month: month as u8,
            day: day as u8,
            hour: hour as u8,
            minute: minute as u8,
            second: second_of as u8,
            // 1970 began on a Thursday.
            weekday: (days + 4).rem_euclid(7) as usize,
            yearday: u16::try_from(days - first_of_year + 1).unwrap_or(1),
        }
    }

    /// A part of the calendar by the name of Go's method.
    pub(super) fn part(&self, method: &str) -> Option<Value> {
        let civil = self.civil();
        Some(match method {
            "Year" => Value::Int(civil.year),
            "Month" => numbered(Kind::Month, civil.month.into()),
            "Day" => Value::Int(civil.day.into()),
            "Hour" => Value::Int(civil.hour.into()),
            "Minute" => Value::Int(civil.minute.into()),
            "Second" => Value::Int(civil.second.into()),
            "Nanosecond" => Value::Int(self.nanos.into()),
            "Weekday" => numbered(Kind::Weekday, i64::try_from(civil.weekday).unwrap_or(0)),
            // Of other zones only the abbreviation is known here.
            "Location" if self.zone.is_empty() || self.zone == "UTC" => text(&self.zone),
            "IsDST" if self.zone.is_empty() || self.zone == "UTC" => Value::Bool(false),
            "YearDay" => Value::Int(civil.yearday.into()),
            "Unix" => Value::Int(self.secs),
            "UnixMilli" => Value::Int(i64::try_from(self.unix_nanos() / 1_000_000).unwrap_or(i64::MAX)),
            "UnixMicro" => Value::Int(i64::try_from(self.unix_nanos() / 1_000).unwrap_or(i64::MAX)),
            "UnixNano" => Value::Int(i64::try_from(self.unix_nanos()).unwrap_or(i64::MAX)),
            _ => return None,
        })
    }

    /// Go's `Format`.
    pub(super) fn format(&self, layout: &str) -> String {
        let civil = self.civil();
        let mut out = String::new();
        for piece in super::layout::pieces(layout) {
            self.write_piece(&civil, piece, &mut out);
        }
        out
    }

    fn write_piece(&self, civil: &Civil, piece: super::layout::Piece<'_>, out: &mut String) {
        use super::layout::Piece::*;
        let hour12 = if civil.hour.is_multiple_of(12) { 12 } else { civil.hour % 12 };
        let weekday = DAYS.get(civil.weekday).copied().unwrap_or_default();
        match piece {
            Literal(literal) => out.push_str(literal),
            LongYear => out.push_str(&format!("{:04}", civil.year)),
            ShortYear => out.push_str(&format!("{:02}", civil.year.rem_euclid(100))),
            LongMonth => out.push_str(month(civil.month)),
            ShortMonth => out.push_str(&month(civil.month)[..3]),
            Month => out.push_str(&civil.month.to_string()),
            ZeroMonth => out.push_str(&format!("{:02}", civil.month)),
            LongWeekday => out.push_str(weekday),
            ShortWeekday => out.push_str(weekday.get(..3).unwrap_or(weekday)),
            Day => out.push_str(&civil.day.to_string()),
            SpaceDay => out.push_str(&format!("{:2}", civil.day)),
            ZeroDay => out.push_str(&format!("{:02}", civil.day)),
            SpaceYearDay => out.push_str(&format!("{:3}", civil.yearday)),
            ZeroYearDay => out.push_str(&format!("{:03}", civil.yearday)),
            Hour => out.push_str(&format!("{:02}", civil.hour)),
            Hour12 => out.push_str(&hour12.to_string()),
            ZeroHour12 => out.push_str(&format!("{hour12:02}")),
            Minute => out.push_str(&civil.minute.to_string()),
            ZeroMinute => out.push_str(&format!("{:02}", civil.minute)),
            Second => out.push_str(&civil.second.to_string()),
            ZeroSecond => out.push_str(&format!("{:02}", civil.second)),
            UpperPm => out.push_str(if civil.hour >= 12 { "PM" } else { "AM" }),
            LowerPm => out.push_str(if civil.hour >= 12 { "pm" } else { "am" }),
            ZoneName if self.zone.is_empty() => write_offset(self.offset, true, "", out),
            ZoneName => out.push_str(&self.zone),
            Offset { z, .. } if z && self.offset == 0 => out.push('Z'),
            Offset { minutes, colon, .. } => write_offset(self.offset, minutes, if colon { ":" } else { "" }, out),
            Fraction { separator, digits, trim } => {
                let nanos = format!("{:09}", self.nanos);
                let mut shown = &nanos[..digits.min(9)];
                if trim {
                    shown = shown.trim_end_matches('0');
                    if shown.is_empty() {
                        return;
                    }
                }
                out.push(separator);
                out.push_str(shown);
            }
        }
    }

    /// As it stands in JSON.
    pub(super) fn rfc3339(&self) -> String {
        self.format("2006-01-02T15:04:05.999999999Z07:00")
    }
}

impl fmt::Display for GoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

/// The English name of a month, from 1.
pub(super) fn month_name(number: i64) -> &'static str {
    month(u8::try_from(number).unwrap_or(0))
}

/// The English name of a weekday; Sunday is 0.
pub(super) fn weekday_name(number: i64) -> &'static str {
    usize::try_from(number).ok().and_then(|number| DAYS.get(number)).copied().unwrap_or_default()
}

fn month(number: u8) -> &'static str {
    // The number is 1 to 12; whatever else it were, December is a month with more than three letters.
    MONTHS.get(usize::from(number).saturating_sub(1)).copied().unwrap_or("December")
}

fn write_offset(offset: i32, minutes: bool, separator: &str, out: &mut String) {
    out.push(if offset < 0 { '-' } else { '+' });
    let size = offset.unsigned_abs();
    out.push_str(&format!("{:02}", size / 3600));
    if minutes {
        out.push_str(&format!("{separator}{:02}", size / 60 % 60));
    }
}

/// Days from 1970 to the first of January of a year.
fn days_from_civil(year: i64) -> i64 {
    let before = year - 1;
    365 * (year - 1970) + (before.div_euclid(4) - 492) - (before.div_euclid(100) - 19) + (before.div_euclid(400) - 4)
}

/// Seconds since 1970 of a date and a time of day in UTC; nothing if there is no such day.
pub(super) fn seconds(year: i64, month: u32, day: u32, time_of_day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    if day == 0 || day > *lengths.get(index)? {
        return None;
    }
    let days = days_from_civil(year) + lengths.iter().take(index).map(|days| i64::from(*days)).sum::<i64>();
    Some((days + i64::from(day) - 1) * 86_400 + time_of_day)
}

/// A duration as Go prints it: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn duration_text(nanoseconds: i64) -> String {
    let size = nanoseconds.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let fraction = |unit: u64, name: &str| {
        let digits = unit.ilog10() as usize;
        let rest = format!("{:0digits$}", size % unit);
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() || unit == 1 { String::new() } else { format!(".{rest}") };
        format!("{}{point}{name}", size / unit)
    };
    let shown = match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{size}ns"),
        1_000..1_000_000 => fraction(1_000, "µs"),
        1_000_000..1_000_000_000 => fraction(1_000_000, "ms"),
        _ => {
            let (secs, nanos) = (size / 1_000_000_000, size % 1_000_000_000);
            let rest = format!("{nanos:09}");
            let rest = rest.trim_end_matches('0');
            let point = if rest.is_empty() { String::new() } else { format!(".{rest}") };
            let seconds = format!("{}{point}s", secs % 60);
            match (secs / 3600, secs / 60 % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_in_go() {
        for (nanoseconds, shown) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (10_000_000, "10ms"),
            (90_500_000_000, "1m30.5s"),
            (-3_600_000_000_000, "-1h0m0s"),
        ] {
            assert_eq!(duration_text(nanoseconds), shown);
        }
    }

    #[test]
    fn layouts() {
        let at = GoTime { secs: 1_795_358_908, nanos: 986_649_230, offset: 0, zone: "UTC".into() };
        for (layout, shown) in [
            ("Mon Jan _2 3:04PM 2006 .000 Z07:00 MST", "Sun Nov 22 2:48PM 2026 .986 Z UTC"),
            ("2006-01-02T15:04:05.999999999Z07:00", "2026-11-22T14:48:28.98664923Z"),
            ("Monday, 02-Jan-06 15:04:05 -0700", "Sunday, 22-Nov-26 14:48:28 +0000"),
            ("002 __2 pm 1/2 03:4:5,99", "326 326 pm 11/22 02:48:28,98"),
        ] {
            assert_eq!(at.format(layout), shown, "{layout}");
        }
        assert_eq!(
            at.in_zone("Europe/Berlin").map(|at| at.to_string()).as_deref(),
            Some("2026-11-22 15:48:28.98664923 +0100 CET")
        );
        // An offset that no zone was named for.
        let east = GoTime { offset: 7_200, zone: String::new(), ..at.clone() };
        assert_eq!(east.to_string(), "2026-11-22 16:48:28.98664923 +0200 +0200");
        assert_eq!(GoTime::default().to_string(), "0001-01-01 00:00:00 +0000 UTC");
        assert_eq!(at.in_zone("Nowhere/Land"), None);
    }

    #[test]
    fn days_are_counted_right() {
        assert_eq!(seconds(1970, 1, 1, 0), Some(0));
        assert_eq!(seconds(2026, 11, 22, 14 * 3600 + 48 * 60 + 28), Some(1_795_358_908));
        assert_eq!(seconds(1, 1, 1, 0), Some(Timestamp::ZERO.secs()));
        assert_eq!(seconds(2023, 2, 29, 0), None);
        assert!(seconds(2024, 2, 29, 0).is_some());
    }
}
