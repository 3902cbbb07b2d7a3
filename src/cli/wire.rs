//! What commands over the API that Alertmanager has need alike: matchers, times and durations as people type them, and as
//! the wire has them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::api::encoded;
use crate::config::duration;
use crate::core::matcher::{Matcher, Mode, parse_matcher};
use crate::http::times;
use crate::time::Timestamp;

/// Matchers, of which the first may be only the value of `alertname`, as amtool takes them.
///
/// # Errors
/// What is wrong with the first that is none.
pub fn matchers(words: &[String]) -> Result<Vec<Matcher>, String> {
    let read = |word: String| parse_matcher(Mode::Fallback, &word).map_err(|error| error.to_string());
    with_name(words).map(read).collect()
}

/// The words as filters of a query, the first as [`matchers`] takes it. Andon says which of them is none.
pub fn filters_of(words: &[String]) -> Vec<String> {
    with_name(words).map(|word| format!("filter={}", encoded(&word))).collect()
}

fn with_name(words: &[String]) -> impl Iterator<Item = String> {
    words.iter().enumerate().map(|(place, word)| match place == 0 && is_name(word) {
        true => format!("alertname={word:?}"),
        false => word.clone(),
    })
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && !word.contains(['=', '~', '!', '{', '}', ','])
}

/// The matchers of a query, each a `filter`.
pub fn filters(matchers: &[Matcher]) -> Vec<String> {
    matchers.iter().map(|matcher| format!("filter={}", encoded(&matcher.to_string()))).collect()
}

/// The matchers of a silence.
pub fn matchers_json(matchers: &[Matcher]) -> Value {
    let one = |matcher: &Matcher| {
        json!({"name": &*matcher.name, "value": &*matcher.value, "isRegex": matcher.op.is_regex(),
            "isEqual": matcher.op.is_equal()})
    };
    matchers.iter().map(one).collect()
}

/// Pairs written `name=value`, the value in quotes or not.
///
/// # Errors
/// The first that is none.
pub fn pairs(words: &[String]) -> Result<Map<String, Value>, String> {
    let pair = |word: &String| {
        let (name, value) = word.split_once('=').ok_or_else(|| format!("{word:?} is not name=value"))?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        Ok((name.to_owned(), value.into()))
    };
    words.iter().map(pair).collect()
}

/// A moment: `2026-11-22T03:00:00Z`.
///
/// # Errors
/// What is wrong with it.
pub fn time(text: &str) -> Result<Timestamp, String> {
    times::parse(text).map_err(|error| format!("{text:?} is no time as 2026-11-22T03:00:00Z: {error}"))
}

/// A length of time: `2h`, `1h30m`.
///
/// # Errors
/// What is wrong with it.
pub fn length(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| format!("{error}: a duration is 30m, 2h, 1d12h"))
}

/// A time on the wire.
pub fn millis(at: Timestamp) -> String {
    let mut out = String::new();
    at.with_offset_minutes(0).write_millis(&mut out);
    out
}

/// Rows of a table, the first its head, in columns as wide as they must be.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            // A line break would break the table.
            format!("{:<width$}", cell.replace(['\n', '\r'], " "))
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_as_amtool_reads_them() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            matchers(&words).map(|read| read.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(read(&["Disk full"]).unwrap(), [r#"alertname="Disk full""#]);
        assert_eq!(read(&["a=b", "c=~d.*", "e!=f"]).unwrap(), [r#"a="b""#, r#"c=~"d.*""#, r#"e!="f""#]);
        assert!(read(&["a=b", "c"]).is_err());
        assert!(read(&["a=~("]).is_err());
        let one = matchers_json(&matchers(&["a!~b".into()]).unwrap());
        assert_eq!(one, json!([{"name": "a", "value": "b", "isRegex": true, "isEqual": false}]));
    }

    #[test]
    fn tables_have_columns() {
        let rows = [vec!["A".to_owned(), "B".to_owned()], vec!["long".to_owned(), "x\ny".to_owned()]];
        assert_eq!(table(&rows), "A     B\nlong  x y\n");
    }
}
