//! Media types, read as Go's `mime` reads them: `Content-Type`, which must be JSON, and `Accept`, which must allow it.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::reply::FrameworkError;
use crate::core::quote::Quoted;

/// The media type of a body must be JSON. A request without any body is let through: the handler says what it lacks.
pub fn check_content_type(headers: &HeaderMap, has_body: bool) -> Result<(), FrameworkError> {
    if !has_body {
        return Ok(());
    }
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).map(String::from_utf8_lossy).unwrap_or_default();
    let given = if given.is_empty() { "application/octet-stream" } else { &*given };
    let malformed = |given: &str, why: &str| {
        let message = format!("parsing Content-Type header from {} failed, because {why}", Quoted(given));
        FrameworkError::new(400, message)
    };
    let media_type = parse(given).map_err(|why| malformed(given, &format!("mime: {why}")))?;
    let quoted = Quoted(&media_type);
    match &*media_type {
        "application/json" => Ok(()),
        // These two allow JSON, and nothing reads what they name: so says Alertmanager.
        "application/*" | "*/*" => Err(FrameworkError::new(500, format!("no consumer registered for {media_type}"))),
        other if !other.contains('/') => {
            Err(malformed(other, &format!("mediatype: malformed: {quoted} has no subtype")))
        }
        _ => {
            let message = format!("unsupported media type {quoted}, only [application/json] are allowed");
            Err(FrameworkError::new(415, message))
        }
    }
}

/// Whether the client takes JSON.
pub fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    ranges.peek().is_none()
        || ranges.flat_map(|value| value.split(',')).any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            !refused && matches!(&*media_type, "application/json" | "application/*" | "*/json" | "*/*")
        })
}

/// The media type in small letters; its parameters are only looked at.
fn parse(given: &str) -> Result<String, &'static str> {
    const PARAMETER: &str = "invalid media parameter";
    let (base, mut rest) = given.find(';').and_then(|at| given.split_at_checked(at)).unwrap_or((given, ""));
    let media_type = base.trim().to_lowercase();
    let (kind, after) = token(&media_type);
    if kind.is_empty() {
        return Err("no media type");
    }
    if !after.is_empty() {
        let subtype = after.strip_prefix('/').ok_or("expected slash after first token")?;
        match token(subtype) {
            ("", _) => return Err("expected token after slash"),
            (_, "") => {}
            _ => return Err("unexpected content after media subtype"),
        }
    }
    let mut known: Vec<(String, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() || rest.trim() == ";" {
            return Ok(media_type);
        }
        let (name, value, after) = parameter(rest).ok_or(PARAMETER)?;
        if known.iter().any(|(other, found)| *other == name && *found != value) {
            return Err("duplicate parameter name");
        }
        known.push((name, value));
        rest = after;
    }
}

/// `; name=value`
fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = token(text.strip_prefix(';')?.trim_start());
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let Some(quoted) = rest.strip_prefix('"') else {
        let (value, after) = token(rest);
        return (!name.is_empty() && !value.is_empty()).then(|| (name.to_lowercase(), value.to_owned(), after));
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '"' if !escaped => return (!name.is_empty()).then(|| (name.to_lowercase(), value, &quoted[at + 1..])),
            '\\' if !escaped => escaped = true,
            c => {
                value.push(c);
                escaped = false;
            }
        }
    }
    None
}

/// The characters that a name or a plain value is made of.
fn token(text: &str) -> (&str, &str) {
    let is_part = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(given: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, given.parse().unwrap());
        match check_content_type(&headers, true) {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{} {}", error.code, error.message),
        }
    }

    #[test]
    fn content_types_as_alertmanager_takes_them() {
        let failed =
            |given: &str, why: &str| format!("400 parsing Content-Type header from {given} failed, because {why}");
        for given in [
            "application/json",
            "APPLICATION/JSON ; Charset=utf-8",
            "application/json; a=\"b;\\\"c\"; d=e;",
            "application/json; a=b; a=b",
        ] {
            assert_eq!(checked(given), "ok", "{given}");
        }
        for (given, expected) in [
            ("", "415 unsupported media type \"application/octet-stream\", only [application/json] are allowed".into()),
            ("text/Plain;a=b", "415 unsupported media type \"text/plain\", only [application/json] are allowed".into()),
            ("*/*", "500 no consumer registered for */*".into()),
            ("json; a=b", failed("\"json\"", "mediatype: malformed: \"json\" has no subtype")),
            ("/json", failed("\"/json\"", "mime: no media type")),
            ("a b/c", failed("\"a b/c\"", "mime: expected slash after first token")),
            ("a/", failed("\"a/\"", "mime: expected token after slash")),
            ("application/json, x", failed("\"application/json, x\"", "mime: unexpected content after media subtype")),
            ("application/json; a b=c", failed("\"application/json; a b=c\"", "mime: invalid media parameter")),
            ("application/json;a=\"b", failed("\"application/json;a=\\\"b\"", "mime: invalid media parameter")),
            ("application/json;a=b;A=c", failed("\"application/json;a=b;A=c\"", "mime: duplicate parameter name")),
        ] {
            assert_eq!(checked(given), expected);
        }
    }
}
