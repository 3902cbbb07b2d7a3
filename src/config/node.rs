//! The YAML document as a tree in which every value knows where it stands.
//!
//! Scalars keep their text: what it means is for the field that reads it to say, so `receiver: 5` is the text `5`. The
//! rules by which an untyped scalar gets a type are those of YAML 1.1 as Go's yaml.v2 has them, because Alertmanager's
//! files are written for that.

use std::sync::Arc;

/// A place in a file; both count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// A value of the document.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins. For a value that an alias repeats: where the original stands.
    pub at: Position,
    /// What it is.
    pub value: Value,
    /// When it began and ended while the document was read: the order in which Alertmanager meets mistakes.
    pub(super) span: Span,
}

/// The first and the last event of a node, numbered through the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// What a value of the document is.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing: an empty plain scalar, `~` or `null`.
    Null,
    /// A text that was not resolved to a type.
    Scalar {
        /// As written, escapes done.
        text: Arc<str>,
        /// Whether it may be something else than a string.
        style: Style,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values as written, merge keys done, duplicates kept for the reader to refuse.
    Mapping(Vec<(Node, Node)>),
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Bare: may be a number or a boolean.
    Plain,
    /// In quotes, as a block, or tagged as a string: always a string.
    Quoted,
}

/// What a scalar is when no field says what it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Untyped {
    /// `true`, `yes`, `on`, …
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A date or a date with a time.
    Timestamp,
    /// Everything else.
    Text,
}

impl Node {
    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What a scalar is by itself; nothing for other values.
    pub fn untyped(&self) -> Option<Untyped> {
        match &self.value {
            Value::Scalar { text, style: Style::Plain } => Some(untyped(text)),
            Value::Scalar { style: Style::Quoted, .. } => Some(Untyped::Text),
            _ => None,
        }
    }

    /// YAML's short name of the value's type, as Alertmanager's messages have it: `!!str`, `!!seq`.
    pub fn tag(&self) -> &'static str {
        match &self.value {
            Value::Null => "!!null",
            Value::Sequence(_) => "!!seq",
            Value::Mapping(_) => "!!map",
            Value::Scalar { .. } => match self.untyped() {
                Some(Untyped::Bool(_)) => "!!bool",
                Some(Untyped::Integer(_)) => "!!int",
                Some(Untyped::Float(_)) => "!!float",
                Some(Untyped::Timestamp) => "!!timestamp",
                _ => "!!str",
            },
        }
    }

    /// The value in a few words, for messages.
    pub fn describe(&self) -> String {
        const SHOWN: usize = 80;
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Sequence(items) => format!("a list of {}", items.len()),
            Value::Mapping(entries) => format!("a mapping of {}", entries.len()),
            Value::Scalar { text, .. } if text.chars().count() > SHOWN => {
                format!("{:?}…", text.chars().take(SHOWN).collect::<String>())
            }
            Value::Scalar { text, .. } => format!("{text:?}"),
        }
    }
}

/// The type of a plain scalar that no field asks for in particular.
pub fn untyped(text: &str) -> Untyped {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Untyped::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Untyped::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Untyped::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Untyped::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Untyped::Float(f64::NAN),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => number(text),
        _ => Untyped::Text,
    }
}

fn number(text: &str) -> Untyped {
    if is_timestamp(text) {
        return Untyped::Timestamp;
    }
    let plain = text.replace('_', "");
    integer(&plain).map(Untyped::Integer).or_else(|| float(&plain).map(Untyped::Float)).unwrap_or(Untyped::Text)
}

/// A whole number as Go reads it with base 0: decimal, or with one of the prefixes `0x`, `0b`, `0o` and `0`.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', _, ..] => (16, lower.get(2..)?),
        [b'0', b'b', _, ..] => (2, lower.get(2..)?),
        [b'0', b'o', _, ..] => (8, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_number = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let is_number = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    (is_number && exponent_is_number).then(|| text.parse().ok()).flatten()
}

/// `2001-12-14`, `2001-1-1`, or such a date with a time after `T`, `t` or a space. Of the time only the start is looked at.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = text.split_once(['T', 't', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let within = |part: &str, digits: std::ops::RangeInclusive<usize>, most: u32| {
        let only_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        only_digits && digits.contains(&part.len()) && part.parse::<u32>().is_ok_and(|number| number <= most)
    };
    within(year, 4..=4, 9999)
        && within(month, 1..=2, 12)
        && within(day, 1..=2, 31)
        && time.is_none_or(|time| time.starts_with(|c: char| c.is_ascii_digit()) && time.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untyped_scalars_get_the_types_of_yaml_1_1() {
        let rows = [
            ("yes", Untyped::Bool(true)),
            ("N", Untyped::Bool(false)),
            ("5", Untyped::Integer(5)),
            ("-0x1F", Untyped::Integer(-31)),
            ("010", Untyped::Integer(8)),
            ("1_000", Untyped::Integer(1000)),
            ("18446744073709551615", Untyped::Integer(18_446_744_073_709_551_615)),
            ("18446744073709551616", Untyped::Float(18_446_744_073_709_551_616.0)),
            ("1.50", Untyped::Float(1.5)),
            ("1e3", Untyped::Float(1000.0)),
            ("-.inf", Untyped::Float(f64::NEG_INFINITY)),
            ("2001-12-14", Untyped::Timestamp),
            ("2001-1-1", Untyped::Timestamp),
            ("2001-12-14t21:59:43.10-05:00", Untyped::Timestamp),
            ("2001-13-14", Untyped::Text),
            ("1h", Untyped::Text),
            (".", Untyped::Text),
            ("+", Untyped::Text),
            ("", Untyped::Text),
            ("0x", Untyped::Text),
            ("--1", Untyped::Text),
            ("nan", Untyped::Text),
        ];
        for (text, expected) in rows {
            assert_eq!(untyped(text), expected, "{text}");
        }
    }
}
