//! The classic grammar: lenient about values, strict about names.

use super::{MatcherError, Op, Parts, Read};

/// Reads a list: one brace at either end is taken off, commas outside of quotes separate.
pub(super) fn matchers(input: &str) -> Read {
    let input = input.strip_prefix('{').unwrap_or(input);
    let input = input.strip_suffix('}').unwrap_or(input);
    let mut read = Vec::new();
    for piece in pieces(input) {
        match parts(piece) {
            Ok(parts) => read.push(parts),
            Err(error) => return (read, Some(error)),
        }
    }
    (read, None)
}

/// Reads a single matcher.
pub(super) fn matcher(input: &str) -> Read {
    match parts(input) {
        Ok(parts) => (vec![parts], None),
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// Splits at the commas that do not stand between unescaped quotes. An empty last piece does not count.
fn pieces(input: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let mut pieces: Vec<&str> = input
        .split(|c| {
            match c {
                ',' if !quoted => return true,
                // A comma between quotes leaves an escape open.
                ',' => {}
                '"' if escaped => escaped = false,
                '"' => quoted = !quoted,
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
            false
        })
        .collect();
    if let Some(last) = pieces.pop().map(str::trim).filter(|last| !last.is_empty()) {
        pieces.push(last);
    }
    pieces
}

fn parts(input: &str) -> Result<Parts, MatcherError> {
    let format = || MatcherError::Format(input.to_owned());
    let rest = input.trim_start_matches(is_space);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let name_end = rest.find(|c| !is_name(c)).ok_or_else(format)?;
    let (name, rest) = rest.split_at_checked(name_end).ok_or_else(format)?;
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format());
    }
    let rest = rest.trim_start_matches(is_space);
    let (op, rest) = [Op::Regex, Op::Equal, Op::NotEqual, Op::NotRegex]
        .into_iter()
        .find_map(|op| rest.strip_prefix(op.as_str()).map(|rest| (op, rest)))
        .ok_or_else(format)?;
    let value = unescape(rest.trim_matches(is_space))?;
    Ok(Parts { name: name.to_owned(), op, value })
}

/// What `\s` means to Go.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

fn unescape(raw: &str) -> Result<String, MatcherError> {
    let quote = || MatcherError::Quote(raw.to_owned());
    let (rest, mut open) = match raw.strip_prefix('"') {
        Some(rest) => (rest, true),
        None => (raw, false),
    };
    let mut value = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            '"' if open && chars.as_str().is_empty() => open = false,
            '"' => return Err(quote()),
            c => value.push(c),
        }
    }
    if open { Err(quote()) } else { Ok(value) }
}
