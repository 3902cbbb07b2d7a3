//! A state as JSON Lines: a line about the export, one for each thing that is kept, and a line that counts them, so that
//! an export that was cut off is not taken for a whole one.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use super::record::{self, json as form};
use super::{Loaded, Seq};
use crate::core::change::Change;
use crate::time::Timestamp;

/// What an export stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// When the last change was decided: until then nothing is missing.
    pub at: Timestamp,
    /// The number of the last entry of the journal it was made from.
    pub seq: Seq,
}

impl Head {
    /// Of what was loaded.
    pub fn of(loaded: &Loaded) -> Self {
        Self { at: loaded.last.unwrap_or(Timestamp::EPOCH), seq: loaded.seq }
    }
}

/// Writes an export.
///
/// # Errors
/// If it cannot be written.
pub fn write(head: Head, state: &[Change], out: &mut impl Write) -> io::Result<()> {
    let about = json!({"andon_store": record::FORMAT, "at": head.at.to_string(), "entry": head.seq.0});
    writeln!(out, "{about}")?;
    for change in state {
        writeln!(out, "{}", form::show_change(change))?;
    }
    writeln!(out, "{}", json!({"end": state.len()}))?;
    out.flush()
}

/// Reads an export, whole.
///
/// # Errors
/// One line that names the line of the file.
pub fn read(from: impl BufRead) -> Result<(Head, Vec<Change>), String> {
    let mut lines = from.lines().zip(1_u64..).map(|(line, number)| {
        let line = line.map_err(|error| format!("line {number}: {error}"))?;
        let value: Value = serde_json::from_str(&line).map_err(|error| format!("line {number}: {error}"))?;
        Ok::<_, String>((number, value))
    });
    let (_, about) = lines.next().ok_or("it is empty")??;
    let head = head(&about)?;
    let mut changes = Vec::new();
    while let Some(line) = lines.next() {
        let (number, value) = line?;
        if let Some(count) = value.get("end") {
            return match (count.as_u64() == Some(changes.len() as u64), lines.next()) {
                (true, None) => Ok((head, changes)),
                (false, _) => Err(format!("line {number}: {count} were exported, {} are there", changes.len())),
                (true, Some(_)) => Err(format!("line {}: something follows the end", number + 1)),
            };
        }
        changes.push(form::read_change(&value).map_err(|not| format!("line {number}: {not}"))?);
    }
    Err("it was cut off: the line with the end is missing".into())
}

fn head(about: &Value) -> Result<Head, String> {
    let format = about.get("andon_store").and_then(Value::as_u64).ok_or("line 1: this is no export of a store")?;
    if format > u64::from(record::FORMAT) {
        return Err(format!("it has format {format}, this program knows up to {}: use the newer one", record::FORMAT));
    }
    let at = about.get("at").and_then(form::read_time).ok_or("line 1: at: expected a time")?;
    let seq = Seq(about.get("entry").and_then(Value::as_u64).ok_or("line 1: entry: expected a number")?);
    Ok(Head { at, seq })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::samples::{one_of_each, second};

    fn exported() -> String {
        let mut out = Vec::new();
        write(Head { at: second(7), seq: Seq(9) }, &one_of_each(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_exported_is_read_to_the_same() {
        let head = Head { at: second(7), seq: Seq(9) };
        assert_eq!(read(exported().as_bytes()), Ok((head, one_of_each())));
    }

    #[test]
    fn no_part_of_an_export_is_taken_for_the_whole() {
        let whole = exported();
        let lines: Vec<_> = whole.lines().collect();
        for kept in 0..lines.len() {
            assert!(read(lines[..kept].join("\n").as_bytes()).is_err(), "{kept} lines");
        }
        for (text, error) in [
            ("", "it is empty"),
            ("{}", "line 1: this is no export of a store"),
            ("{\"andon_store\":99}", "it has format 99, this program knows up to 1: use the newer one"),
            ("x", "line 1: expected value at line 1 column 1"),
        ] {
            assert_eq!(read(text.as_bytes()), Err(error.into()), "{text}");
        }
        let without = [&lines[..1], &lines[2..]].concat().join("\n");
        assert!(read(without.as_bytes()).unwrap_err().contains("were exported"));
        assert!(read((whole.clone() + "{}").as_bytes()).unwrap_err().ends_with("something follows the end"));
    }
}
