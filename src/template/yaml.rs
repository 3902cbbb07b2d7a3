//! A rendered text read as YAML 1.1, as Alertmanager reads the values of payloads and details.
//!
//! Only what JSON can say comes out. Whatever does not parse, or is no value that JSON has (keys that are not texts, a
//! second document, an alias), gives nothing, and the caller sends the text as it is.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// How deeply lists and maps may be nested.
const MAX_DEPTH: usize = 64;

/// The value of a document; nothing if it is not one.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    if !matches!(reader.next()?, Event::StreamStart) {
        return None;
    }
    match reader.next()? {
        // An empty text is null.
        Event::StreamEnd => return Some(Value::Null),
        Event::DocumentStart(..) => {}
        _ => return None,
    }
    let first = reader.next()?;
    let value = reader.value(first, MAX_DEPTH)?;
    // What follows the first document is not read, as in Go; but what follows must be one.
    matches!(reader.next()?, Event::DocumentEnd).then_some(value)
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            match self.parser.next_event()?.ok()?.0 {
                Event::Comment(..) => {}
                event => return Some(event),
            }
        }
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        match event {
            Event::Scalar(text, style, _, tag) => scalar(text, style, tag.as_deref()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Some(Value::Array(items)),
                        event => items.push(self.value(event, depth)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut map = Map::new();
                loop {
                    let key = match self.next()? {
                        Event::MappingEnd => return Some(Value::Object(map)),
                        event => self.value(event, depth)?,
                    };
                    let event = self.next()?;
                    let value = self.value(event, depth)?;
                    // A key that is not a text cannot stand in JSON: Alertmanager leaves it out.
                    if let Value::String(key) = key
                        && map.insert(key, value).is_some()
                    {
                        return None;
                    }
                }
            }
            _ => None,
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Option<Value> {
    match tag.and_then(Tag::core_suffix) {
        Some("str") => return Some(Value::String(text.into_owned())),
        Some("int" | "float" | "bool" | "null") | None => {}
        Some(_) => return None,
    }
    if style != ScalarStyle::Plain {
        return Some(Value::String(text.into_owned()));
    }
    plain(&text)
}

/// What a plain scalar is in YAML 1.1; nothing for what JSON cannot say.
fn plain(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return None,
        _ if [".inf", ".Inf", ".INF"].contains(&text.trim_start_matches(['+', '-'])) => return None,
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    })
}

/// Integers with Go's prefixes and underscores, and floats.
fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.replace('_', "");
    let (negative, size) = match digits.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let lower = size.to_ascii_lowercase();
    let (radix, rest) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, &*lower),
    };
    if !rest.starts_with(['+', '-'])
        && let Ok(size) = u64::from_str_radix(rest, radix)
    {
        if !negative {
            return Some(size.into());
        }
        if let Ok(signed) = i64::try_from(-i128::from(size)) {
            return Some(signed.into());
        }
    }
    float(&digits).and_then(Number::from_f64)
}

/// A float in YAML's form: digits, a point, an exponent.
fn float(text: &str) -> Option<f64> {
    let size = text.trim_start_matches(['+', '-']);
    let well_formed = text.len() - size.len() <= 1
        && size.contains(|c: char| c.is_ascii_digit())
        && size.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if well_formed { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_1_1() {
        for (text, json) in [
            ("", "null"),
            ("2", "2"),
            ("yes", "true"),
            ("Off", "false"),
            ("\"5\"", "\"5\""),
            ("a: b", r#"{"a":"b"}"#),
            ("{a: [1, 0x10, 010, 1_000, 1.5, -3, 1e3], 5: x}", r#"{"a":[1,16,8,1000,1.5,-3,1000.0]}"#),
            ("- x\n- 'no'\n# comment\n- no\n", r#"["x","no",false]"#),
            ("!!str 12", "\"12\""),
            ("1.2.3", "\"1.2.3\""),
            ("-", r#"[null]"#),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(parse(text).map(|value| value.to_string()).as_deref(), Some(json), "{text}");
        }
    }

    #[test]
    fn what_json_cannot_say() {
        for text in ["a: b: c", "[1", "&a [*a]", "{a: 1, a: 2}", ".inf", "\"open"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
