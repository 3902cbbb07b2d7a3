//! Reads the times that API v2 takes: RFC 3339 and the shorter forms that Alertmanager's framework tries after it.
//!
//! The offset a client wrote is kept, since the API answers in it. Seconds run to 59: a leap second is refused, as Go does.

use std::fmt::{self, Write as _};

use crate::time::Timestamp;

/// Reads one time. The empty text is the epoch.
///
/// # Errors
/// Go's sentence for a time that is none of the forms.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    if text.is_empty() {
        return Ok(Timestamp::EPOCH);
    }
    read(text).ok_or_else(|| why(text))
}

/// What is wrong with it, as Go says it of the last form tried, which is the date alone.
fn why(text: &str) -> String {
    let whole = QuotedAscii(text);
    let missing = |at: usize, part: &str| {
        let rest = QuotedAscii(text.get(at..).unwrap_or_default());
        format!("parsing time {whole} as \"2006-01-02\": cannot parse {rest} as \"{part}\"")
    };
    let mut rest = Cursor(text.as_bytes());
    let Some(year) = rest.digits(4) else { return missing(0, "2006") };
    let mut numbers = [year, 1, 1];
    for (number, (at, part)) in numbers.iter_mut().skip(1).zip([(4, "01"), (7, "02")]) {
        if rest.0.first() != Some(&b'-') {
            return missing(at, "-");
        }
        rest.skip();
        match rest.digits(2) {
            Some(found) if part == "01" && !(1..=12).contains(&found) => {
                return format!("parsing time {whole}: month out of range");
            }
            Some(found) => *number = found,
            None => return missing(at + 1, part),
        }
    }
    match text.get(10..).unwrap_or_default() {
        "" => format!("parsing time {whole}: day out of range"),
        extra => format!("parsing time {whole}: extra text: {}", QuotedAscii(extra)),
    }
}

/// Shows a text as Go's `time` does: in quotes, and of what is not ASCII each byte.
struct QuotedAscii<'a>(&'a str);

impl fmt::Display for QuotedAscii<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                0x20..0x7F => f.write_char(char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_char('"')
    }
}

fn read(text: &str) -> Option<Timestamp> {
    let mut rest = Cursor(text.as_bytes());
    let date = (rest.digits(4)?, rest.after(b'-')?, rest.after(b'-')?);
    let separator = match rest.0 {
        [] => return stamp(date, (0, 0, 0), 0, 0),
        [separator @ (b'T' | b' '), ..] => *separator,
        _ => return None,
    };
    rest.skip();
    let (hour, minute) = (rest.hour()?, rest.after(b':')?);
    if separator == b'T' && matches!(rest.0, [] | [b'Z']) {
        return stamp(date, (hour, minute, 0), 0, 0);
    }
    let time = (hour, minute, rest.after(b':')?);
    let (nanos, digits) = rest.fraction()?;
    let offset = match separator {
        b'T' => rest.zone(digits)?,
        _ => rest.0.is_empty().then_some(0)?,
    };
    stamp(date, time, nanos, offset)
}

fn stamp(date: (u32, u32, u32), time: (u32, u32, u32), nanos: u32, offset_minutes: i16) -> Option<Timestamp> {
    let ((year, month, day), (hour, minute, second)) = (date, time);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let secs = days_from_civil(year, month, day) * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    Some(Timestamp::new(secs - i64::from(offset_minutes) * 60, nanos).with_offset_minutes(offset_minutes))
}

/// Days since 1970 (H. Hinnant's algorithm).
fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn skip(&mut self) {
        self.0 = self.0.get(1..).unwrap_or_default();
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
    }

    /// A separator and two digits.
    fn after(&mut self, separator: u8) -> Option<u32> {
        (self.0.first() == Some(&separator)).then(|| self.skip())?;
        self.digits(2)
    }

    /// The hour, for which one digit will do.
    fn hour(&mut self) -> Option<u32> {
        let digits = if matches!(self.0, [_, b':', ..]) { 1 } else { 2 };
        self.digits(digits)
    }

    /// A decimal mark and digits, as nanoseconds, and how many digits there were; zeros where there is no mark.
    fn fraction(&mut self) -> Option<(u32, usize)> {
        if !matches!(self.0.first(), Some(b'.' | b',')) {
            return Some((0, 0));
        }
        self.skip();
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        let nanos = padded.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
        (length > 0).then_some((nanos, length))
    }

    /// Minutes east of UTC. Nothing at all is UTC; the colon may lack only behind milliseconds or microseconds. The
    /// bounds are Go's.
    fn zone(&mut self, fraction_digits: usize) -> Option<i16> {
        let (sign, rest) = match self.0 {
            [] | [b'Z'] => return Some(0),
            [b'+', rest @ ..] => (1, rest),
            [b'-', rest @ ..] => (-1, rest),
            _ => return None,
        };
        self.0 = rest;
        let hours = self.digits(2)?;
        let no_colon = self.0.len() == 2 && matches!(fraction_digits, 3 | 6);
        let minutes = if no_colon { self.digits(2)? } else { self.after(b':')? };
        if !self.0.is_empty() || hours > 24 || minutes > 60 {
            return None;
        }
        i16::try_from(hours * 60 + minutes).ok().map(|minutes| sign * minutes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_alertmanager_takes() {
        let rows = [
            ("", "1970-01-01T00:00:00Z"),
            ("2026-11-22T15:00:00Z", "2026-11-22T15:00:00Z"),
            ("2026-11-22T15:00:00.123456789+05:30", "2026-11-22T15:00:00.123456789+05:30"),
            ("2026-11-22T15:00:00,5Z", "2026-11-22T15:00:00.5Z"),
            ("2026-11-22T15:00:00.000+0100", "2026-11-22T15:00:00+01:00"),
            ("2026-11-22T15:00:00.1234567891234-08:00", "2026-11-22T15:00:00.123456789-08:00"),
            ("2026-11-22T15:00:00", "2026-11-22T15:00:00Z"),
            ("2026-11-22T15:00:00.25", "2026-11-22T15:00:00.25Z"),
            ("2026-11-22T15:00Z", "2026-11-22T15:00:00Z"),
            ("2026-11-22T15:00", "2026-11-22T15:00:00Z"),
            ("2026-11-22 15:00:00", "2026-11-22T15:00:00Z"),
            ("2026-11-22 15:00:00.5", "2026-11-22T15:00:00.5Z"),
            ("2026-11-22T5:00:00Z", "2026-11-22T05:00:00Z"),
            ("2026-11-22T15:00:00+24:00", "2026-11-22T15:00:00+24:00"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text).map(|at| at.to_string()).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_alertmanager_refuses() {
        let rows = [
            "foo",
            "2026-11-22t15:00:00Z",
            "2026-11-22T15:00:00z",
            "2026-11-22 15:00:00Z",
            "2026-11-22T15:00:00+0000",
            "2026-11-22T15:00:60Z",
            "2026-11-22T24:00:00Z",
            "2026-02-29",
            "2026-13-01",
            "2026-11-00",
            "10000-01-01T00:00:00Z",
            "2026-11-22T15:00:00.Z",
            "2026-11-22T15:00:00+25:00",
            "2026-11-22T15:00:00.5+0100",
            "2026-11-22T15:00+01:00",
            "2026-11-22T15:00:00Zx",
            "2026-1-2",
            "\u{2028}",
        ];
        for text in rows {
            assert!(parse(text).is_err(), "{text:?}");
        }
        for (text, rest, part) in [
            ("2026", "", "-"),
            ("2026-1-2", "1-2", "01"),
            ("20260102T030405Z", "0102T030405Z", "-"),
            ("2026-01x", "x", "-"),
            ("2026-01-2T00:00:00Z", "2T00:00:00Z", "02"),
            ("10000-01-01", "0-01-01", "-"),
        ] {
            let sentence = format!("parsing time \"{text}\" as \"2006-01-02\": cannot parse \"{rest}\" as \"{part}\"");
            assert_eq!(parse(text), Err(sentence));
        }
        let sentence = r#"parsing time "\xc3\xa9\x01\"" as "2006-01-02": cannot parse "\xc3\xa9\x01\"" as "2006""#;
        assert_eq!(parse("é\u{1}\""), Err(sentence.into()));
        assert_eq!(parse("2026-13"), Err(r#"parsing time "2026-13": month out of range"#.into()));
        let sentence = r#"parsing time "2026-02-30T00:00:00Z": extra text: "T00:00:00Z""#;
        assert_eq!(parse("2026-02-30T00:00:00Z"), Err(sentence.into()));
        let sentence = r#"parsing time "foo" as "2006-01-02": cannot parse "foo" as "2006""#;
        assert_eq!(parse("foo"), Err(sentence.into()));
        assert_eq!(parse("2026-13-01"), Err(r#"parsing time "2026-13-01": month out of range"#.into()));
        assert_eq!(parse("2026-02-30"), Err(r#"parsing time "2026-02-30": day out of range"#.into()));
        let sentence = r#"parsing time "2026-11-22T15:00+01:00": extra text: "T15:00+01:00""#;
        assert_eq!(parse("2026-11-22T15:00+01:00"), Err(sentence.into()));
    }
}
