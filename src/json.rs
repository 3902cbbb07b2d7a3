//! JSON text written by hand, byte for byte as Go's `encoding/json` writes it.
//!
//! Bodies and answers are compared with Alertmanager's bytes: the order of keys and the escapes are part of the wire.

use crate::core::label::LabelSet;

/// Whether the byte may begin what is escaped. Most texts have none of them. 0xE2 begins U+2028 and U+2029.
fn is_special(byte: u8) -> bool {
    matches!(byte, 0..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xE2)
}

/// Appends `text` as a JSON string, quotes included.
///
/// `html_escape` writes `<`, `>` and `&` as `\u003c`, `\u003e` and `\u0026`, as Go does unless told otherwise. The line
/// separators U+2028 and U+2029 are escaped either way; DEL is not.
pub fn write_string(out: &mut String, text: &str, html_escape: bool) {
    out.push('"');
    // Without a way out of this loop it takes many bytes at a time.
    if !text.bytes().fold(false, |any, byte| any | is_special(byte)) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let plain = text.bytes().position(is_special).unwrap_or(text.len());
    let mut plain_from = 0;
    // What is special begins a character.
    for (at, c) in text.get(plain..).unwrap_or_default().char_indices().map(|(at, c)| (plain + at, c)) {
        let short = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' | '>' | '&' if html_escape => "",
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push_str(text.get(plain_from..at).unwrap_or_default());
        if short.is_empty() {
            out.push_str("\\u");
            let code = u32::from(c);
            out.extend((0..4).rev().filter_map(|place| char::from_digit(code >> (4 * place) & 0xF, 16)));
        } else {
            out.push_str(short);
        }
        plain_from = at + c.len_utf8();
    }
    out.push_str(text.get(plain_from..).unwrap_or_default());
    out.push('"');
}

/// Appends a label set as a JSON object; the names are in bytewise order, as Go sorts the keys of a map.
pub fn write_labels(out: &mut String, labels: &LabelSet, html_escape: bool) {
    out.push('{');
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, name, html_escape);
        out.push(':');
        write_string(out, value, html_escape);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_does() {
        let rows = [
            ("", r#""""#, r#""""#),
            ("plain é ☃ 😀", r#""plain é ☃ 😀""#, r#""plain é ☃ 😀""#),
            ("q\" b\\ s/", r#""q\" b\\ s/""#, r#""q\" b\\ s/""#),
            ("a\nb\rc\td\u{8}e\u{c}f", r#""a\nb\rc\td\be\ff""#, r#""a\nb\rc\td\be\ff""#),
            ("\0\u{1}\u{1f}\u{7f}", "\"\\u0000\\u0001\\u001f\u{7f}\"", "\"\\u0000\\u0001\\u001f\u{7f}\""),
            ("<a href=\"x\">&</a>", r#""\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e""#, r#""<a href=\"x\">&</a>""#),
            (
                "\u{2027}\u{2028}\u{2029}\u{202a}",
                "\"\u{2027}\\u2028\\u2029\u{202a}\"",
                "\"\u{2027}\\u2028\\u2029\u{202a}\"",
            ),
        ];
        for (text, escaped, plain) in rows {
            for (html_escape, expected) in [(true, escaped), (false, plain)] {
                let mut out = String::from("x");
                write_string(&mut out, text, html_escape);
                assert_eq!(out, format!("x{expected}"), "{text:?}, html_escape {html_escape}");
                assert_eq!(serde_json::from_str::<String>(&out[1..]).ok().as_deref(), Some(text));
            }
        }
    }

    #[test]
    fn labels_are_an_object_in_order() {
        let labels = LabelSet::new([("b", "2"), ("a", "<"), ("empty", "")]).unwrap();
        let mut out = String::new();
        write_labels(&mut out, &labels, true);
        write_labels(&mut out, &LabelSet::empty(), true);
        assert_eq!(out, r#"{"a":"\u003c","b":"2","empty":""}{}"#);
    }
}
