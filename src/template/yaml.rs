//! A rendered text read as YAML 1.1, as Alertmanager reads the values of payloads and details.
//!
//! Only what JSON can say comes out. Whatever does not parse, or is a number that JSON lacks, gives nothing, and the
//! caller sends the text as it is.

use serde_json::{Map, Number, Value};

use crate::config::node::{self, Node, Untyped};
use crate::config::yaml;

/// The value of a document; nothing if it is not one.
pub(super) fn parse(text: &str) -> Option<Value> {
    match yaml::read(text).ok()? {
        None => Some(Value::Null),
        Some(node) => value(&node),
    }
}

fn value(node: &Node) -> Option<Value> {
    Some(match &node.value {
        node::Value::Null => Value::Null,
        node::Value::Scalar { text, .. } => match node.untyped() {
            Some(Untyped::Bool(truth)) => Value::Bool(truth),
            Some(Untyped::Integer(number)) => Value::Number(integer(number)?),
            Some(Untyped::Float(number)) => Value::Number(Number::from_f64(number)?),
            _ => Value::String(text.to_string()),
        },
        node::Value::Sequence(items) => Value::Array(items.iter().map(value).collect::<Option<_>>()?),
        node::Value::Mapping(entries) => {
            // A key that is not a text cannot stand in JSON: Alertmanager leaves it out.
            let texts = entries.iter().filter(|(key, _)| key.tag() == "!!str");
            let entries = texts.map(|(key, item)| Some((key.text()?.to_owned(), value(item)?)));
            Value::Object(entries.collect::<Option<Map<_, _>>>()?)
        }
    })
}

fn integer(number: i128) -> Option<Number> {
    let signed = i64::try_from(number).map(Number::from);
    signed.or_else(|_| u64::try_from(number).map(Number::from)).ok().or_else(|| Number::from_f64(number as f64))
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
            ("{a: 1, a: 2}", r#"{"a":2}"#),
            ("-", r#"[null]"#),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(parse(text).map(|value| value.to_string()).as_deref(), Some(json), "{text}");
        }
    }

    #[test]
    fn what_json_cannot_say() {
        for text in ["a: b: c", "[1", "&a [*a]", ".inf", "\"open"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
