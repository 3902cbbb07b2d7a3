//! Values that the configuration writes, as JSON byte for byte as Go's `encoding/json` writes them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::json::write_string;

/// Appends a value; the keys of objects are sorted by bytes.
pub fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => write_float(float, out),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_string(out, text, true),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, out);
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let sorted: BTreeMap<_, _> = entries.iter().collect();
            out.push('{');
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                separate(i, out);
                write_string(out, key, true);
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
    }
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
    use crate::receivers::notice::Notice;
    use crate::receivers::test_support::{context, delivery, told};

    /// What a payload of the configuration is sent as.
    fn sent(payload: &Value) -> String {
        let context = context();
        let (mut notice, _) = Notice::new(&delivery(vec![told(&[("a", "1")], &[], false)]), &context, 0);
        let mut out = String::new();
        write_value(&notice.value("payload", payload).unwrap(), &mut out);
        out
    }

    #[test]
    fn texts_become_what_they_read_as() {
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
            ("{{ .Alerts | len }}", "1"),
            ("{{ .Status }}", r#""firing""#),
        ];
        for (text, expected) in rows {
            assert_eq!(sent(&Value::from(text)), expected, "{text:?}");
        }
        // Untyped texts within, keys that are no texts, and hostile nesting.
        let deep = "[".repeat(100_000);
        let rows = [
            ("{b: yes, a: \"yes\", 1: x}", r#"{"a":"yes","b":true}"#.to_owned()),
            (".inf", r#"".inf""#.to_owned()),
            (&deep, format!("\"{deep}\"")),
        ];
        for (text, expected) in rows {
            assert_eq!(sent(&Value::from(text)), expected);
        }
    }

    #[test]
    fn other_values_pass_and_keys_are_sorted() {
        let payload = serde_json::json!({"z": null, "k<": "<&>", "f": 1.0, "g": 2.5, "b": true, "lst": ["1", "no", {"deep": "1"}]});
        let expected = r#"{"b":true,"f":1,"g":2.5,"k\u003c":"\u003c\u0026\u003e","lst":[1,false,{"deep":1}],"z":null}"#;
        assert_eq!(sent(&payload), expected);
    }
}
