//! Looks whether a text is a Go template, as far as Alertmanager looks when it loads a file: in a templated URL and in a
//! responder's type, and there without the functions that it offers when it sends.
//!
//! Found: actions and comments that are not closed, texts that are not, unknown functions, blocks that do not match.
//! Everything else shows when the template is used.

use crate::core::quote::Quoted;

/// Words that begin a block, which `end` closes.
const OPENING: [&str; 5] = ["if", "range", "with", "block", "define"];
const OTHER_WORDS: [&str; 9] = ["else", "end", "template", "break", "continue", "true", "false", "nil", "."];
const FUNCTIONS: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

/// Looks at a text.
///
/// # Errors
/// Go's sentence: `template: :1: unclosed action`.
pub fn check(text: &str) -> Result<(), String> {
    let mut open = 0_usize;
    let mut rest = text;
    while let Some((before, action)) = rest.split_once("{{") {
        let line = |rest: &str| 1 + text.split_at(text.len() - rest.len()).0.matches('\n').count();
        let refuse = |reason: &str| Err(format!("template: :{}: {reason}", line(action)));
        let _ = before;
        let trimmed = action.strip_prefix("- ").unwrap_or(action);
        if let Some(comment) = trimmed.trim_start().strip_prefix("/*") {
            let Some((_, after)) = comment.split_once("*/") else { return refuse("unclosed comment") };
            match after.strip_prefix(" -").unwrap_or(after).strip_prefix("}}") {
                Some(after) => rest = after,
                None => return refuse("comment ends before closing delimiter"),
            }
            continue;
        }
        let (words, after) = match scan(trimmed) {
            Ok(scanned) => scanned,
            Err(reason) => return refuse(reason),
        };
        rest = after;
        match words.first().copied() {
            None => return refuse("missing value for command"),
            Some("end") if open == 0 => return refuse("unexpected {{end}}"),
            Some("else") if open == 0 => return refuse("unexpected {{else}}"),
            Some("end") => open -= 1,
            Some(word) if OPENING.contains(&word) => open += 1,
            Some(_) => {}
        }
        let known = |word: &str| OPENING.contains(&word) || OTHER_WORDS.contains(&word) || FUNCTIONS.contains(&word);
        if let Some(unknown) = words.iter().find(|word| is_name(word) && !known(word)) {
            return refuse(&format!("function {} not defined", Quoted(unknown)));
        }
    }
    match open {
        0 => Ok(()),
        _ => Err(format!("template: :{}: unexpected EOF", 1 + text.matches('\n').count())),
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words of an action up to its end, fields, variables, texts and numbers among them, and what follows the action.
fn scan(action: &str) -> Result<(Vec<&str>, &str), &'static str> {
    let mut words = Vec::new();
    let mut rest = action;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("}}").or_else(|| rest.strip_prefix("-}}")) {
            return Ok((words, after));
        }
        let Some(first) = rest.chars().next() else { return Err("unclosed action") };
        let length = match first {
            '"' | '\'' | '`' => quoted(rest, first)?,
            '.' | '$' => 1 + word(rest.get(1..).unwrap_or_default()),
            c if c.is_alphanumeric() || c == '_' => word(rest),
            c => c.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after;
    }
}

fn word(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || "_.".contains(c))).unwrap_or(text.len())
}

/// The length of a text in quotes.
fn quoted(text: &str, quote: char) -> Result<usize, &'static str> {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            '\n' if quote != '`' => break,
            c if c == quote => return Ok(i + c.len_utf8()),
            _ => {}
        }
    }
    Err(match quote {
        '`' => "unterminated raw quoted string",
        '\'' => "unterminated character constant",
        _ => "unterminated quoted string",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_says_of_templates() {
        let rows: &[(&str, Result<(), &str>)] = &[
            ("plain", Ok(())),
            ("{{ .GroupLabels.alertname }}", Ok(())),
            ("{{- if eq .Status \"}}\" -}}x{{ else }}y{{ end }}", Ok(())),
            ("{{ printf \"%s\" $x.y | urlquery }}", Ok(())),
            ("{{/* valid comment */}}team", Ok(())),
            ("{{/* invalid comment }}team", Err("template: :1: unclosed comment")),
            ("http://x/{{ .Invalid", Err("template: :1: unclosed action")),
            ("a\n{{ toUpper .A }}", Err("template: :2: function \"toUpper\" not defined")),
            ("{{ end }}", Err("template: :1: unexpected {{end}}")),
            ("{{ if .A }}", Err("template: :1: unexpected EOF")),
            ("{{ \"a }}", Err("template: :1: unterminated quoted string")),
            ("{{}}", Err("template: :1: missing value for command")),
        ];
        for (text, expected) in rows {
            assert_eq!(check(text).as_ref().map_err(String::as_str).copied(), *expected, "{text}");
        }
    }
}
