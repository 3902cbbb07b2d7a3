//! Go's time layouts: a text in which parts of the reference time stand for themselves.

use super::time::{DAYS, GoTime, MONTHS, seconds};
use crate::time::Timestamp;

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Piece<'a> {
    Literal(&'a str),
    LongYear,
    ShortYear,
    LongMonth,
    ShortMonth,
    Month,
    ZeroMonth,
    LongWeekday,
    ShortWeekday,
    Day,
    SpaceDay,
    ZeroDay,
    SpaceYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    UpperPm,
    LowerPm,
    ZoneName,
    /// `Z07:00` and its kin.
    Offset {
        z: bool,
        minutes: bool,
        colon: bool,
    },
    /// `.000` and `.999`, or with a comma.
    Fraction {
        separator: char,
        digits: usize,
        trim: bool,
    },
}

/// What each part of the reference time stands for; the longer of two that begin alike comes first.
const PARTS: [(&str, Piece<'static>); 33] = [
    ("January", Piece::LongMonth),
    ("Jan", Piece::ShortMonth),
    ("Monday", Piece::LongWeekday),
    ("Mon", Piece::ShortWeekday),
    ("MST", Piece::ZoneName),
    ("002", Piece::ZeroYearDay),
    ("01", Piece::ZeroMonth),
    ("02", Piece::ZeroDay),
    ("03", Piece::ZeroHour12),
    ("04", Piece::ZeroMinute),
    ("05", Piece::ZeroSecond),
    ("06", Piece::ShortYear),
    ("15", Piece::Hour),
    ("1", Piece::Month),
    ("2006", Piece::LongYear),
    ("2", Piece::Day),
    ("__2", Piece::SpaceYearDay),
    ("_2", Piece::SpaceDay),
    ("3", Piece::Hour12),
    ("4", Piece::Minute),
    ("5", Piece::Second),
    ("PM", Piece::UpperPm),
    ("pm", Piece::LowerPm),
    ("-070000", Piece::Offset { z: false, minutes: true, colon: false }),
    ("-07:00:00", Piece::Offset { z: false, minutes: true, colon: true }),
    ("-0700", Piece::Offset { z: false, minutes: true, colon: false }),
    ("-07:00", Piece::Offset { z: false, minutes: true, colon: true }),
    ("-07", Piece::Offset { z: false, minutes: false, colon: false }),
    ("Z070000", Piece::Offset { z: true, minutes: true, colon: false }),
    ("Z07:00:00", Piece::Offset { z: true, minutes: true, colon: true }),
    ("Z0700", Piece::Offset { z: true, minutes: true, colon: false }),
    ("Z07:00", Piece::Offset { z: true, minutes: true, colon: true }),
    ("Z07", Piece::Offset { z: true, minutes: false, colon: false }),
];

/// The parts of a layout in order.
pub(super) fn pieces(layout: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut literal, mut at) = (0, 0);
    while at < layout.len() {
        let rest = layout.get(at..).unwrap_or("");
        let found = part(rest).filter(|(text, _)| !is_word(text, rest));
        let (length, piece) = match found {
            Some((text, piece)) => (text.len(), piece),
            None => match fraction(rest) {
                Some(found) => found,
                None => {
                    at += rest.chars().next().map_or(1, char::len_utf8);
                    continue;
                }
            },
        };
        if literal < at {
            pieces.push(Piece::Literal(layout.get(literal..at).unwrap_or("")));
        }
        pieces.push(piece);
        at += length;
        literal = at;
    }
    if literal < at {
        pieces.push(Piece::Literal(layout.get(literal..).unwrap_or("")));
    }
    pieces
}

fn part(rest: &str) -> Option<(&'static str, Piece<'static>)> {
    // `_2006` is an underscore and a year.
    if rest.starts_with("_2006") {
        return None;
    }
    PARTS.iter().find(|(text, _)| rest.starts_with(text)).copied()
}

/// Whether `Jan` or `Mon` is only the beginning of a longer word, as in `Month`.
fn is_word(text: &str, rest: &str) -> bool {
    matches!(text, "Jan" | "Mon")
        && rest.get(text.len()..).and_then(|rest| rest.chars().next()).is_some_and(|c| c.is_ascii_lowercase())
}

fn fraction(rest: &str) -> Option<(usize, Piece<'static>)> {
    let separator = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest.chars().nth(1).filter(|c| matches!(c, '0' | '9'))?;
    let after = rest.get(1..)?.trim_start_matches(digit);
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = rest.len() - 1 - after.len();
    Some((digits + 1, Piece::Fraction { separator, digits, trim: digit == '9' }))
}

/// Go's `time.Parse`: a text in a layout, in UTC where the layout has no zone.
pub(super) fn parse(layout: &str, value: &str) -> Result<GoTime, String> {
    let mut parsed = Parsed { year: 1, month: 1, day: 1, ..Parsed::default() };
    let mut rest = value;
    for piece in pieces(layout) {
        let before = rest;
        if !parsed.take(piece, &mut rest) {
            let element = element(piece);
            return Err(format!("parsing time {value:?} as {layout:?}: cannot parse {before:?} as {element:?}"));
        }
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {value:?}: extra text: {rest:?}"));
    }
    parsed.finish().ok_or_else(|| format!("parsing time {value:?}: day out of range"))
}

fn element<'a>(piece: Piece<'a>) -> &'a str {
    match piece {
        Piece::Literal(text) => text,
        Piece::Fraction { .. } => ".000",
        other => PARTS.iter().find(|(_, known)| *known == other).map_or("", |(text, _)| text),
    }
}

#[derive(Default)]
struct Parsed {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    /// Whether the text says that it is the afternoon.
    pm: Option<bool>,
    offset: Option<i32>,
    zone: String,
}

impl Parsed {
    /// Takes the beginning of the text for a part of the layout.
    fn take(&mut self, piece: Piece<'_>, rest: &mut &str) -> bool {
        use Piece::*;
        match piece {
            Literal(text) => strip(rest, text),
            LongYear => digits(rest, 4, 4).map(|year| self.year = year.into()).is_some(),
            ShortYear => {
                let year = digits(rest, 2, 2).map(i64::from);
                year.map(|year| self.year = year + if year >= 69 { 1900 } else { 2000 }).is_some()
            }
            LongMonth | ShortMonth => {
                name(rest, &MONTHS, piece == ShortMonth).map(|index| self.month = index + 1).is_some()
            }
            Month => number(rest, 1, 1..=12, &mut self.month),
            ZeroMonth => number(rest, 2, 1..=12, &mut self.month),
            LongWeekday | ShortWeekday => name(rest, &DAYS, piece == ShortWeekday).is_some(),
            SpaceDay => {
                *rest = rest.strip_prefix(' ').unwrap_or(rest);
                number(rest, 1, 1..=31, &mut self.day)
            }
            Day => number(rest, 1, 1..=31, &mut self.day),
            ZeroDay => number(rest, 2, 1..=31, &mut self.day),
            SpaceYearDay | ZeroYearDay => digits(rest, 3, 3).is_some(),
            Hour => number(rest, 2, 0..=23, &mut self.hour),
            Hour12 => number(rest, 1, 0..=12, &mut self.hour),
            ZeroHour12 => number(rest, 2, 0..=12, &mut self.hour),
            Minute => number(rest, 1, 0..=59, &mut self.minute),
            ZeroMinute => number(rest, 2, 0..=59, &mut self.minute),
            Second => number(rest, 1, 0..=59, &mut self.second) && self.take_fraction(rest),
            ZeroSecond => number(rest, 2, 0..=59, &mut self.second) && self.take_fraction(rest),
            UpperPm | LowerPm => {
                let (am, pm) = if piece == UpperPm { ("AM", "PM") } else { ("am", "pm") };
                self.pm = if strip(rest, pm) { Some(true) } else { strip(rest, am).then_some(false) };
                self.pm.is_some()
            }
            ZoneName => {
                let length = rest.bytes().take_while(u8::is_ascii_uppercase).count();
                self.zone = rest.get(..length).unwrap_or("").to_owned();
                *rest = rest.get(length..).unwrap_or("");
                (3..=5).contains(&length)
            }
            Offset { z, minutes, colon } => self.take_offset(rest, z, minutes, colon),
            // The seconds before have taken it.
            Fraction { .. } => true,
        }
    }

    /// A fraction may follow the seconds even where the layout has none.
    fn take_fraction(&mut self, rest: &mut &str) -> bool {
        let Some(after) = rest.strip_prefix(['.', ',']) else { return true };
        let length = after.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return true;
        }
        let nanos = format!("{:0<9.9}", after.get(..length).unwrap_or(""));
        self.nanos = nanos.parse().unwrap_or(0);
        *rest = after.get(length..).unwrap_or("");
        true
    }

    fn take_offset(&mut self, rest: &mut &str, z: bool, minutes: bool, colon: bool) -> bool {
        if z && strip(rest, "Z") {
            self.offset = Some(0);
            return true;
        }
        let sign = if strip(rest, "-") {
            -1
        } else if strip(rest, "+") {
            1
        } else {
            return false;
        };
        let (mut hour, mut minute) = (0, 0);
        let whole = number(rest, 2, 0..=24, &mut hour)
            && (!minutes || ((!colon || strip(rest, ":")) && number(rest, 2, 0..=59, &mut minute)));
        self.offset = i32::try_from(hour * 3600 + minute * 60).ok().map(|size| sign * size);
        whole
    }

    fn finish(self) -> Option<GoTime> {
        let hour = match self.pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let time_of_day = i64::from(hour * 3600 + self.minute * 60 + self.second);
        let offset = self.offset.unwrap_or(0);
        let secs = seconds(self.year, self.month, self.day, time_of_day)? - i64::from(offset);
        let zone = if offset == 0 && self.zone.is_empty() { "UTC".to_owned() } else { self.zone };
        // A year 0 lies before the first that Andon knows.
        let at = Timestamp::new(secs, self.nanos);
        Some(GoTime { secs: at.secs(), nanos: at.subsec_nanos(), offset, zone })
    }
}

fn strip(rest: &mut &str, text: &str) -> bool {
    let after = rest.strip_prefix(text);
    *rest = after.unwrap_or(rest);
    after.is_some()
}

/// A number of `least` to `most` digits.
fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    let number = rest.get(..length)?.parse().ok()?;
    *rest = rest.get(length..)?;
    Some(number)
}

fn number(rest: &mut &str, least: usize, range: std::ops::RangeInclusive<u32>, to: &mut u32) -> bool {
    match digits(rest, least, 2).filter(|number| range.contains(number)) {
        Some(number) => {
            *to = number;
            true
        }
        None => false,
    }
}

fn name(rest: &mut &str, names: &[&str], short: bool) -> Option<u32> {
    let found = names.iter().enumerate().find_map(|(index, name)| {
        let name = if short { name.get(..3)? } else { name };
        rest.get(..name.len()).filter(|text| text.eq_ignore_ascii_case(name)).map(|text| (index, text.len()))
    });
    let (index, length) = found?;
    *rest = rest.get(length..)?;
    u32::try_from(index).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_it_formats() {
        for (layout, value) in [
            ("2006-01-02", "2024-03-15"),
            ("2006-01-02T15:04:05Z07:00", "2026-11-22T14:48:28.5+01:00"),
            ("Jan _2, 2006 at 3:04pm (MST)", "Feb  3, 2013 at 7:54pm (PST)"),
            ("Mon, 02 Jan 2006 15:04:05 -0700", "Sun, 22 Nov 2026 14:48:28 -0330"),
        ] {
            let at = parse(layout, value).unwrap_or_else(|error| panic!("{error}"));
            let layout = layout.replace("05Z", "05.9Z");
            assert_eq!(at.format(&layout), value);
        }
    }

    #[test]
    fn refuses_with_gos_words() {
        for (layout, value, error) in [
            (
                "2006-01-02",
                "not-a-date",
                r#"parsing time "not-a-date" as "2006-01-02": cannot parse "not-a-date" as "2006""#,
            ),
            ("2006-01-02", "2024-02-30", r#"parsing time "2024-02-30": day out of range"#),
            ("2006", "2024 ", r#"parsing time "2024 ": extra text: " ""#),
        ] {
            assert_eq!(parse(layout, value).err().as_deref(), Some(error));
        }
    }
}
