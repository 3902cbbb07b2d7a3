//! How a text is written: plain where that reads back as the same text, else in quotes, or as a block of lines.

use std::fmt::Write as _;

use crate::config::node::{Untyped, untyped};

/// Beyond this column a line is broken at its next single space.
pub(super) const WIDTH: usize = 80;

/// Which styles can carry a text.
struct Styles {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

/// Writes a key: always on one line.
pub(super) fn key(text: &str, out: &mut String) {
    let styles = styles(text);
    match () {
        () if text.contains('\n') => double_quoted(text, None, out),
        () if !text.is_empty() && reads_back_as_text(text) && styles.plain => out.push_str(text),
        () if reads_back_as_text(text) && styles.single_quoted => single_quoted(text, None, out),
        () => double_quoted(text, None, out),
    }
}

/// Writes a value; `indent` is that of its further lines.
pub(super) fn text(text: &str, indent: usize, out: &mut String) {
    let styles = styles(text);
    match () {
        () if text.contains('\n') && styles.block => block(text, indent, out),
        () if text.contains('\n') || !reads_back_as_text(text) => double_quoted(text, Some(indent), out),
        () if styles.plain => folded(text, indent, out),
        () if styles.single_quoted => single_quoted(text, Some(indent), out),
        () => double_quoted(text, Some(indent), out),
    }
}

/// Writes a text within brackets or braces, where more characters have a meaning.
pub(super) fn flow(text: &str, out: &mut String) {
    let styles = styles(text);
    let has_meaning = |c: char| matches!(c, ',' | '?' | '[' | ']' | '{' | '}' | ':');
    match () {
        () if text.contains('\n') || !reads_back_as_text(text) => double_quoted(text, None, out),
        () if styles.plain && !text.contains(has_meaning) => out.push_str(text),
        () if styles.single_quoted => single_quoted(text, None, out),
        () => double_quoted(text, None, out),
    }
}

/// Whether the bare text would not be taken for a boolean, a number (also of base 60), a date or nothing.
fn reads_back_as_text(text: &str) -> bool {
    let null = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    !null && untyped(text) == Untyped::Text && !is_base_60(text)
}

/// `190:20:30`, which old YAML takes for a number.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let first_is_number =
        first.starts_with(|c: char| c.is_ascii_digit()) && first.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut rest = parts.peekable();
    let mut more = false;
    while let Some(part) = rest.next() {
        more = true;
        let (whole, fraction) = match (rest.peek(), part.split_once('.')) {
            (None, Some((whole, fraction))) => (whole, fraction),
            _ => (part, ""),
        };
        let minutes = matches!(whole.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
        if !minutes || !fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            return false;
        }
    }
    first_is_number && more
}

fn styles(text: &str) -> Styles {
    let (mut indicators, mut special, mut line_breaks) = (false, false, false);
    let (mut break_then_space, mut space_then_break) = (false, false);
    let mut before: Option<char> = None;
    let mut chars = text.chars().peekable();
    indicators |= text.starts_with("---") || text.starts_with("...");
    while let Some(c) = chars.next() {
        let blank_follows = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
        let blank_before = before.is_none_or(|c| matches!(c, ' ' | '\t') || is_break(c));
        indicators |= match c {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                before.is_none()
            }
            '?' | '-' => before.is_none() && blank_follows,
            ':' => blank_follows,
            '#' => blank_before,
            _ => false,
        };
        special |= !is_printable(c);
        line_breaks |= is_break(c);
        break_then_space |= c == ' ' && before.is_some_and(is_break);
        space_then_break |= is_break(c) && before == Some(' ');
        before = Some(c);
    }
    let bounded = |c: char| c == ' ' || is_break(c);
    let bounds = text.starts_with(bounded) || text.ends_with(bounded);
    let carried = !special && !space_then_break;
    Styles {
        plain: carried && !bounds && !line_breaks && !indicators,
        single_quoted: carried && !break_then_space,
        block: carried && !text.ends_with(' '),
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What yaml.v2 writes as it is; notably not tabs, and nothing beyond the basic plane.
fn is_printable(c: char) -> bool {
    // Line separators could be written, but would be read as breaks.
    !is_break(c) && matches!(c, ' '..='~' | '\u{A0}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}') || c == '\n'
}

pub(super) fn column(out: &str) -> usize {
    out.rsplit('\n').next().unwrap_or_default().chars().count()
}

pub(super) fn break_line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Writes the text plainly, broken at single spaces beyond the width.
fn folded(text: &str, indent: usize, out: &mut String) {
    let mut at = column(out);
    let mut after_space = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ' ' && !after_space && at > WIDTH && chars.peek() != Some(&' ') {
            break_line(indent, out);
            at = indent;
        } else {
            out.push(c);
            at += 1;
        }
        after_space = c == ' ';
    }
}

fn single_quoted(text: &str, indent: Option<usize>, out: &mut String) {
    out.push('\'');
    let doubled = text.replace('\'', "''");
    match indent {
        // A break at either end would be lost.
        Some(indent) if !text.starts_with(' ') && !text.ends_with(' ') => folded(&doubled, indent, out),
        _ => out.push_str(&doubled),
    }
    out.push('\'');
}

fn double_quoted(text: &str, indent: Option<usize>, out: &mut String) {
    out.push('"');
    let mut at = column(out);
    let mut after_space = false;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        match indent {
            Some(indent) if c == ' ' && !after_space && at > WIDTH && i > 0 && next.is_some() => {
                break_line(indent, out);
                at = indent;
                if next == Some(' ') {
                    out.push('\\');
                    at += 1;
                }
            }
            _ => {
                let from = out.len();
                escaped(c, out);
                at += out.get(from..).map_or(0, |written| written.chars().count());
            }
        }
        after_space = c == ' ';
    }
    out.push('"');
}

fn escaped(c: char, out: &mut String) {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{B}' => 'v',
        '\u{C}' => 'f',
        '\r' => 'r',
        '\u{1B}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c if is_printable(c) => return out.push(c),
        c => {
            let code = u32::from(c);
            let _infallible = match code {
                0..=0xFF => write!(out, "\\x{code:02X}"),
                0x100..=0xFFFF => write!(out, "\\u{code:04X}"),
                _ => write!(out, "\\U{code:08X}"),
            };
            return;
        }
    };
    out.push('\\');
    out.push(short);
}

/// Writes a literal block: `|`, with a hint of the indent where the text begins with a space or a line break.
fn block(text: &str, indent: usize, out: &mut String) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    let body = text.strip_suffix('\n');
    match body {
        None => out.push('-'),
        Some(body) if body.is_empty() || body.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    for line in body.unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a real Alertmanager printed for receivers of these names.
    #[test]
    fn texts_are_quoted_as_alertmanager_does() {
        let rows = [
            ("d", "d"),
            ("", "\"\""),
            ("yes", "\"yes\""),
            ("0o14", "\"0o14\""),
            ("1:30", "\"1:30\""),
            ("190:20:30", "\"190:20:30\""),
            ("2001-1-1", "\"2001-1-1\""),
            ("~", "\"~\""),
            ("_1", "_1"),
            ("0x", "0x"),
            ("-", "'-'"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("a:", "'a:'"),
            (":a", ":a"),
            ("a #b", "'a #b'"),
            ("a#b", "a#b"),
            ("'a", "'''a'"),
            ("it's \"x\"", "it's \"x\""),
            (" a", "' a'"),
            ("a\nb", "|-\n    a\n    b"),
            ("a\nb\n", "|\n    a\n    b"),
            ("a\n\nb\n\n", "|+\n    a\n\n    b\n"),
            ("\na", "|2-\n\n    a"),
            (" x\ny", "|2-\n     x\n    y"),
            ("trail \nx", "\"trail \\nx\""),
            ("a\tb", "\"a\\tb\""),
            ("é", "é"),
            ("🙂", "\"\\U0001F642\""),
            ("a]", "a]"),
            ("a, b", "a, b"),
            ("?a", "?a"),
            ("?", "'?'"),
            ("...", "'...'"),
            ("--- a", "'--- a'"),
            ("=", "="),
            ("a\u{feff}b", "\"a\\uFEFFb\""),
            ("a\u{a0}b", "a\u{a0}b"),
            ("a\u{7f}b", "\"a\\x7Fb\""),
            ("a\\b", "a\\b"),
            ("x\0y", "\"x\\0y\""),
        ];
        for (value, expected) in rows {
            let mut found = String::new();
            text(value, 4, &mut found);
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn long_lines_break_at_a_single_space() {
        let long = format!("{} {} cc dd", "a".repeat(47), "b".repeat(43));
        for (prefix, expected_start) in [("", ""), ("'", "'''"), ("🙂", "\"\\U0001F642")] {
            let mut found = String::from("- name: ");
            text(&format!("{prefix}{long}"), 4, &mut found);
            let expected = format!("- name: {expected_start}{} {}\n    cc dd", "a".repeat(47), "b".repeat(43));
            assert!(found.starts_with(&expected), "{found}");
        }
    }
}
