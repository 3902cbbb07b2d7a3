//! Times, ages and texts as people read them.

use std::time::Duration;

use serde::Serialize;

use crate::time::Timestamp;

/// The longest text of a list in characters; pages of one thing show it in full.
pub const SHORT: usize = 240;

/// A moment: for machines, in full, and as a distance from now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct When {
    /// `2026-11-22T15:00:00Z`
    pub iso: String,
    /// `22 Nov 15:00 UTC`
    pub at: String,
    /// `5 min`
    pub away: String,
}

impl When {
    /// A moment, seen from `now`.
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let utc = at.with_offset_minutes(0);
        let away = now.since(at).max(at.since(now));
        Self { iso: utc.to_string(), at: exact(utc, now), away: length(away) }
    }
}

/// `22 Nov 15:00 UTC`, with the year where it is not this one.
fn exact(at: Timestamp, now: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [year, month, day, hour, minute, _] = at.civil();
    let month = (month as usize).checked_sub(1).and_then(|place| MONTHS.get(place)).copied().unwrap_or("?");
    let year = if year == now.civil()[0] { String::new() } else { format!(" {year}") };
    format!("{day} {month}{year} {hour:02}:{minute:02} UTC")
}

/// A length of time in its two greatest units: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`, `3 y 12 d`.
pub fn length(duration: Duration) -> String {
    /// On the average, in seconds.
    const YEAR: u64 = 31_557_600;
    const TWO_YEARS: u64 = 2 * YEAR;
    let secs = duration.as_secs();
    let two = |great: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{great} {unit}"),
        small => format!("{great} {unit} {small} {small_unit}"),
    };
    match secs {
        0..60 => format!("{secs} s"),
        60..3_600 => format!("{} min", secs / 60),
        3_600..86_400 => two(secs / 3_600, "h", secs / 60 % 60, "min"),
        86_400..TWO_YEARS => two(secs / 86_400, "d", secs / 3_600 % 24, "h"),
        _ => two(secs / YEAR, "y", secs % YEAR / 86_400, "d"),
    }
}

/// The text, or its beginning and an ellipsis.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// `1 alert`, `2 alerts`.
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", thousands(number)) }
}

/// `10 000`: with thin spaces between groups of three digits.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202F}');
        }
        text.push(digit);
    }
    text
}

/// How bad it is: a place in the order of lists, and a class that gives it a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody has to act at once.
    Critical,
    /// Somebody has to act.
    Warning,
    /// Worth knowing.
    Info,
    /// Not said.
    None,
}

impl Severity {
    /// From the label `severity`, in the words that are in use.
    pub fn of(label: &str) -> Self {
        match label.to_ascii_lowercase().as_str() {
            "critical" | "crit" | "emergency" | "fatal" | "page" | "disaster" | "p1" => Self::Critical,
            "warning" | "warn" | "error" | "high" | "major" | "medium" | "p2" | "p3" => Self::Warning,
            "info" | "information" | "notice" | "low" | "minor" | "debug" | "p4" => Self::Info,
            _ => Self::None,
        }
    }

    /// The class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::None => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units() {
        let rows = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (12_000, "3 h 20 min"),
            (86_400, "1 d"),
            (187_200, "2 d 4 h"),
            (63_000_000, "729 d 4 h"),
            (63_115_200, "2 y"),
            (30_676_284_000, "972 y 26 d"),
        ];
        for (secs, expected) in rows {
            assert_eq!(length(Duration::from_secs(secs)), expected);
        }
    }

    #[test]
    fn moments_are_the_same_ahead_and_behind() {
        let now = Timestamp::new(1_795_359_600, 0);
        let shown = |at: Timestamp| {
            let when = When::new(at, now);
            (when.at, when.away)
        };
        assert_eq!(shown(now.before(Duration::from_secs(300))), ("22 Nov 14:55 UTC".into(), "5 min".into()));
        assert_eq!(shown(now.after(Duration::from_secs(300))), ("22 Nov 15:05 UTC".into(), "5 min".into()));
        assert_eq!(shown(Timestamp::EPOCH).0, "1 Jan 1970 00:00 UTC");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(short("ab"), "ab");
        assert_eq!(short(&"é".repeat(SHORT)), "é".repeat(SHORT));
        assert_eq!(short(&"é".repeat(SHORT + 1)), format!("{}…", "é".repeat(SHORT)));
        assert_eq!((count(1, "alert"), count(12_345, "alert")), ("1 alert".into(), "12\u{202F}345 alerts".into()));
        assert_eq!(thousands(1_000_000), "1\u{202F}000\u{202F}000");
    }
}
