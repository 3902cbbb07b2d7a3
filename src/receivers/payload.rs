//! Bodies that the configuration writes: `payload`.
//!
//! Every text, keys too, is a template. What it renders to is read as YAML 1.1: a number, a truth value, nothing, a list
//! or a mapping is sent as such; what is a text, or no YAML, is sent as it was rendered. The texts within a list or a
//! mapping so read are not read again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::SendError;
use super::body::Data;
use super::render;
use crate::config::node::{self, Node, Untyped};
use crate::config::yaml;
use crate::json::write_string;

/// The body: one JSON document and a line feed.
///
/// # Errors
/// What is wrong with a template.
pub fn body(payload: &Value, data: &Data) -> Result<String, SendError> {
    let mut out = String::new();
    write_value(payload, data, &mut out)?;
    out.push('\n');
    Ok(out)
}

fn write_value(value: &Value, data: &Data, out: &mut String) -> Result<(), SendError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => write_float(float, out),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_rendered(&render(text, data)?, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, out);
                write_value(item, data, out)?;
            }
            out.push(']');
        }
        Value::Object(entries) => {
            // Sorted after rendering, and by bytes, as Go sorts the keys of a map.
            let mut rendered = BTreeMap::new();
            for (key, value) in entries {
                rendered.insert(render(key, data)?, value);
            }
            out.push('{');
            for (i, (key, value)) in rendered.into_iter().enumerate() {
                separate(i, out);
                write_string(out, &key, true);
                out.push(':');
                write_value(value, data, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_rendered(text: &str, out: &mut String) {
    match yaml::read(text) {
        Ok(None) => out.push_str("null"),
        Ok(Some(node)) if node.text().is_none() => write_node(&node, out),
        Ok(Some(node)) => {
            let before = out.len();
            if !write_scalar(&node, out) {
                out.truncate(before);
                write_string(out, text, true);
            }
        }
        Err(_) => write_string(out, text, true),
    }
}

fn write_node(node: &Node, out: &mut String) {
    match &node.value {
        node::Value::Null => out.push_str("null"),
        node::Value::Scalar { text, .. } => {
            if !write_scalar(node, out) {
                write_string(out, text, true);
            }
        }
        node::Value::Sequence(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, out);
                write_node(item, out);
            }
            out.push(']');
        }
        node::Value::Mapping(entries) => {
            // Keys that are no texts are left out; of equal ones the last counts.
            let texts = entries.iter().filter(|(key, _)| key.tag() == "!!str");
            let sorted: BTreeMap<_, _> = texts.filter_map(|(key, value)| Some((key.text()?, value))).collect();
            out.push('{');
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                separate(i, out);
                write_string(out, key, true);
                out.push(':');
                write_node(value, out);
            }
            out.push('}');
        }
    }
}

/// Writes a scalar that is no text; says whether it did.
fn write_scalar(node: &Node, out: &mut String) -> bool {
    match node.untyped() {
        Some(Untyped::Bool(flag)) => out.push_str(if flag { "true" } else { "false" }),
        Some(Untyped::Integer(number)) if i64::try_from(number).is_ok() || u64::try_from(number).is_ok() => {
            out.push_str(&number.to_string());
        }
        Some(Untyped::Integer(number)) => write_float(number as f64, out),
        Some(Untyped::Float(float)) if float.is_finite() => write_float(float, out),
        // JSON has no infinity, and dates are texts.
        Some(Untyped::Float(_) | Untyped::Timestamp | Untyped::Text) | None => return false,
    }
    true
}

/// A number as Go's `encoding/json` writes it: with an exponent below 1e-6 and from 1e21.
fn write_float(float: f64, out: &mut String) {
    let size = float.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{float:e}");
        out.push_str(&if size < 1.0 { text } else { text.replace('e', "e+") });
    } else {
        out.push_str(&float.to_string());
    }
}

fn separate(place: usize, out: &mut String) {
    if place > 0 {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::test_support::{delivery, told};

    #[test]
    fn texts_become_what_they_read_as() {
        let (data, _) = Data::new(&delivery(vec![told(&[("a", "1")], &[], false)]), &"".into(), 0);
        // As Alertmanager 0.33.1 sent them.
        let rows = [
            ("5", "5"),
            ("yes", "true"),
            ("no", "false"),
            ("", "null"),
            ("~", "null"),
            (r#""5""#, r#""\"5\"""#),
            ("a: b", r#"{"a":"b"}"#),
            ("[1, 2]", "[1,2]"),
            ("text", r#""text""#),
            ("2020-01-01", r#""2020-01-01""#),
            ("0x10", "16"),
            ("010", "8"),
            ("100000000000000000000000", "1e+23"),
            ("{", r#""{""#),
            ("1e3", "1000"),
            ("1.50", "1.5"),
            ("0.0000001", "1e-7"),
            ("<&>", r#""\u003c\u0026\u003e""#),
        ];
        for (text, expected) in rows {
            assert_eq!(body(&Value::from(text), &data), Ok(format!("{expected}\n")), "{text:?}");
        }
        // Untyped texts within, keys that are no texts, and hostile nesting.
        let deep = "[".repeat(100_000);
        let rows = [
            ("{b: yes, a: \"yes\", 1: x}", r#"{"a":"yes","b":true}"#.to_owned()),
            (".inf", r#"".inf""#.to_owned()),
            (&deep, format!("\"{deep}\"")),
        ];
        for (text, expected) in rows {
            assert_eq!(body(&Value::from(text), &data), Ok(format!("{expected}\n")));
        }
    }

    #[test]
    fn other_values_pass_and_keys_are_sorted() {
        let (data, _) = Data::new(&delivery(vec![told(&[("a", "1")], &[], false)]), &"".into(), 0);
        let payload = serde_json::json!({"z": null, "k<": "<&>", "f": 1.0, "g": 2.5, "b": true, "lst": ["1", "no", {"deep": "1"}]});
        let expected = r#"{"b":true,"f":1,"g":2.5,"k\u003c":"\u003c\u0026\u003e","lst":[1,false,{"deep":1}],"z":null}"#;
        assert_eq!(body(&payload, &data), Ok(format!("{expected}\n")));
    }
}
