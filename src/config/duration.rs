//! The two kinds of durations in Alertmanager's configuration.
//!
//! Prometheus' kind (`group_wait`, `resolve_timeout`): whole numbers with units in descending order, or a bare `0`.
//! Go's kind (`timeout` of a receiver): fractions and any order, but no days.

use std::time::Duration;

use crate::core::quote::Quoted;

/// What may stand where [`parse`] reads.
pub const ALLOWED: &str = "a duration such as 30s, 5m, 1h30m or 2d; units in order: y, w, d, h, m, s, ms";
/// What may stand where [`parse_go`] reads.
pub const ALLOWED_GO: &str = "a duration such as 500ms, 30s, 1m30s or 1.5h; units: ns, us, ms, s, m, h";

const SECOND: u64 = 1_000;
const DAY: u64 = 24 * 3600 * SECOND;
/// In milliseconds, the greatest first.
const UNITS: [(&str, u64); 7] =
    [("y", 365 * DAY), ("w", 7 * DAY), ("d", DAY), ("h", 3600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("ms", 1)];

/// Reads a duration of Prometheus.
///
/// # Errors
/// Prometheus' sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    match text {
        "0" => return Ok(Duration::ZERO),
        "" => return Err("empty duration string".into()),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", Quoted(text));
    let (mut rest, mut millis, mut next_unit) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, after) = split_while(after, |c| !c.is_ascii_digit());
        if digits.is_empty() {
            return Err(invalid());
        }
        let number: u64 = digits.parse().map_err(|_| "duration out of range".to_owned())?;
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some(place) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("unknown unit {} in duration {}", Quoted(unit), Quoted(text)));
        };
        if place < next_unit {
            return Err(invalid());
        }
        next_unit = place + 1;
        let of_unit = UNITS.get(place).map_or(0, |(_, of_unit)| *of_unit);
        millis = number
            .checked_mul(of_unit)
            .and_then(|part| millis.checked_add(part))
            .filter(|millis| *millis <= (i64::MAX / 1_000_000).unsigned_abs())
            .ok_or_else(|| "duration out of range".to_owned())?;
        rest = after;
    }
    Ok(Duration::from_millis(millis))
}

/// Writes a duration as Prometheus does: `1h30m`, `5d`, `0s`.
pub fn format(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (name, of_unit) in UNITS {
        // Years, weeks and days only where nothing smaller remains: 7d is 1w, but 10d is 10d.
        let exact = matches!(name, "y" | "w" | "d");
        if exact && millis % of_unit != 0 {
            continue;
        }
        if millis >= of_unit {
            text += &format!("{}{name}", millis / of_unit);
            millis %= of_unit;
        }
    }
    text
}

/// Reads a duration of Go; nothing if it is none, or negative.
pub fn parse_go(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut nanos) = (text, 0_u64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = split_while(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split_while(after, |c| !c.is_ascii_digit() && c != '.');
        let of_unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        nanos = nanos.checked_add(whole.checked_mul(of_unit)?)?.checked_add(fraction_of(fraction, of_unit))?;
        rest = after;
    }
    (nanos <= i64::MAX.unsigned_abs()).then(|| Duration::from_nanos(nanos))
}

/// `0.<digits>` of a unit, cut to whole nanoseconds.
fn fraction_of(digits: &str, of_unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u128, 1_u128);
    for digit in digits.bytes().take(18) {
        value = value * 10 + u128::from(digit.saturating_sub(b'0'));
        scale *= 10;
    }
    u64::try_from(value * u128::from(of_unit) / scale).unwrap_or(0)
}

/// Writes a duration as Go does: `0s`, `1m30s`, `1h0m0s`, `1.5s`, `500ms`.
pub fn format_go(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let seconds = duration.as_secs();
    match nanos {
        0 => "0s".into(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = decimal(nanos % 60_000_000_000, 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{rest}s"),
                (0, _) => format!("{minutes}m{rest}s"),
                _ => format!("{hours}h{minutes}m{rest}s"),
            }
        }
    }
}

/// A quotient with as many decimals as it needs.
fn decimal(value: u128, by: u128) -> String {
    let width = by.ilog10() as usize;
    let fraction = format!("{:0width$}", value % by);
    match fraction.trim_end_matches('0') {
        "" => format!("{}", value / by),
        fraction => format!("{}.{fraction}", value / by),
    }
}

fn split_while(text: &str, mut keep: impl FnMut(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_durations() {
        let rows: &[(&str, Result<&str, &str>)] = &[
            ("0", Ok("0s")),
            ("0s", Ok("0s")),
            ("90m", Ok("1h30m")),
            ("1h30m", Ok("1h30m")),
            ("5d", Ok("5d")),
            ("7d", Ok("1w")),
            ("8d", Ok("8d")),
            ("25h", Ok("25h")),
            ("1y2w3d4h5m6s7ms", Ok("9172h5m6s7ms")),
            ("1500ms", Ok("1s500ms")),
            ("", Err("empty duration string")),
            ("5", Err("not a valid duration string: \"5\"")),
            ("s", Err("not a valid duration string: \"s\"")),
            ("-1s", Err("not a valid duration string: \"-1s\"")),
            ("1m1h", Err("not a valid duration string: \"1m1h\"")),
            ("1s1s", Err("not a valid duration string: \"1s1s\"")),
            ("1.5h", Err("unknown unit \".\" in duration \"1.5h\"")),
            ("300y", Err("duration out of range")),
            ("99999999999999999999s", Err("duration out of range")),
        ];
        for (text, expected) in rows {
            let found = parse(text).map(format);
            assert_eq!(found.as_deref().map_err(String::as_str), *expected, "{text}");
        }
    }

    #[test]
    fn go_durations() {
        let rows = [
            ("0", Some("0s")),
            ("90s", Some("1m30s")),
            ("1h", Some("1h0m0s")),
            ("1.5h", Some("1h30m0s")),
            ("1500ms", Some("1.5s")),
            ("2us", Some("2µs")),
            (".5s", Some("500ms")),
            ("1s1m", Some("1m1s")),
            ("1d", None),
            ("", None),
            (".s", None),
            ("-1s", None),
            ("5", None),
            ("9999999999h", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_go(text).map(format_go).as_deref(), expected, "{text}");
        }
    }
}
