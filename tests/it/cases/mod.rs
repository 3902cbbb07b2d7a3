//! Facts about Alertmanager, played against Andon: what it accepts, what it answers, what it says of a mistake.
//!
//! The facts are JSON files in the folder that the environment variable `ANDON_CASES` names; without it nothing is
//! played, and each test says so. A file is an object with a list `cases`, each with an `id`. For a further file add a
//! module here with one test that calls [`play`].

mod alerts;
mod config;
mod config_values;
mod dedup;
mod fingerprints;
mod inhibit;
mod label_names;
mod matcher_semantics;
mod matchers_all_modes;
mod matchers_parse;
mod misc;
mod muted_groups;
mod notification_data;
mod receivers_filter;
mod routing;
mod silences;
mod time_intervals;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use andon::config::{Config, Options};
use andon::core::label::LabelSet;
use andon::core::matcher::{Matcher, Mode, Op};
use andon::core::policy::Policy;
use andon::time::Timestamp;
use serde_json::Value;

/// What came of a case.
pub(crate) enum Played {
    /// It agrees.
    Agrees,
    /// It speaks of something that this player does not play: another plays it, or nobody can.
    NotHere,
}

/// How a case disagrees, in words; a case that cannot be understood disagrees too.
pub(crate) type Verdict = Result<Played, String>;

/// Plays all cases of a file and reports every one that disagrees at once. `different` lists, by id, those that are
/// different on purpose; they must indeed be different.
pub(crate) fn play(file: &str, different: &[&str], player: impl Fn(&Value) -> Verdict) {
    let Some(folder) = std::env::var_os("ANDON_CASES") else {
        println!("skipped: {file} is played where ANDON_CASES names a folder that has it");
        return;
    };
    let path = Path::new(&folder).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let whole: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases = whole["cases"].as_array().unwrap_or_else(|| panic!("{} has no list of cases", path.display()));
    let (mut agree, mut not_here, mut wrong) = (0, 0, Vec::new());
    for case in cases {
        let id = case["id"].as_str().unwrap_or("a case without an id");
        match (player(case), different.contains(&id)) {
            (Ok(Played::Agrees), false) => agree += 1,
            (Ok(Played::NotHere), _) => not_here += 1,
            (Ok(Played::Agrees), true) => wrong.push(format!("{id}: agrees, and was said to be different on purpose")),
            (Err(_), true) => {}
            (Err(message), false) => wrong.push(format!("{id}: {message}")),
        }
    }
    println!("{file}: {agree} agree, {} disagree, {not_here} are not played here", wrong.len());
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
    assert!(agree > 0, "{file}: nothing was played");
}

/// Agreement of two values.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, should be {expected:?}")) }
}

/// A text of the case, or of a part of it.
pub(crate) fn text<'a>(case: &'a Value, key: &str) -> Result<&'a str, String> {
    case[key].as_str().ok_or_else(|| format!("the case has no text {key}"))
}

/// A verdict of the case.
pub(crate) fn flag(case: &Value, key: &str) -> Result<bool, String> {
    case[key].as_bool().ok_or_else(|| format!("the case has no verdict {key}"))
}

/// A list of the case; an absent one is empty.
pub(crate) fn list<'a>(case: &'a Value, key: &str) -> &'a [Value] {
    case[key].as_array().map_or(&[], Vec::as_slice)
}

/// A mode by the names the files have for it.
pub(crate) fn mode(name: &str) -> Result<Mode, String> {
    match name {
        "default" => Ok(Mode::Fallback),
        "classic" => Ok(Mode::Classic),
        "utf8" | "utf8-strict" => Ok(Mode::Utf8Strict),
        other => Err(format!("there is no mode {other}")),
    }
}

/// An operator as it is written, or as silences are stored.
pub(crate) fn op(name: &str) -> Result<Op, String> {
    match name {
        "=" | "EQUAL" => Ok(Op::Equal),
        "!=" | "NOT_EQUAL" => Ok(Op::NotEqual),
        "=~" | "REGEXP" => Ok(Op::Regex),
        "!~" | "NOT_REGEXP" => Ok(Op::NotRegex),
        other => Err(format!("there is no operator {other}")),
    }
}

/// The rules of a configuration that is part of a case.
pub(crate) fn policy(yaml: &str) -> Result<Policy, String> {
    let options = Options { unsendable: true, ..Options::default() };
    let config = Config::parse(yaml, "alertmanager.yml", Path::new(""), &options);
    config.map(|config| Arc::unwrap_or_clone(config.policy)).map_err(|errors| errors.to_string())
}

/// The instant that relative times count from.
pub(crate) fn now() -> Timestamp {
    Timestamp::new(1_795_359_600, 0)
}

/// The instant so many seconds after [`now`]; the zero time for what is not set.
pub(crate) fn relative(seconds: &Value) -> Result<Timestamp, String> {
    if seconds.is_null() {
        return Ok(Timestamp::ZERO);
    }
    let seconds = seconds.as_i64().ok_or_else(|| format!("{seconds} is no number of seconds"))?;
    let by = Duration::from_secs(seconds.unsigned_abs());
    Ok(if seconds < 0 { now().before(by) } else { now().after(by) })
}

/// The label set of an object; an absent one is empty.
pub(crate) fn labels(object: &Value) -> Result<LabelSet, String> {
    if object.is_null() {
        return Ok(LabelSet::empty());
    }
    let object = object.as_object().ok_or("the labels are no object")?;
    let pair = |(name, value): (&'_ String, &Value)| value.as_str().map(|value| (name.clone(), value.to_owned()));
    let pairs: Option<Vec<_>> = object.iter().map(pair).collect();
    let pairs = pairs.ok_or("a label is no text")?;
    LabelSet::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).map_err(|error| error.to_string())
}

/// An instant in RFC 3339.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map(Timestamp::from_jiff).map_err(|error| format!("{text}: {error}"))
}

/// Compares what a parser of matchers made of an input with a case's `ok`, `error` and `matchers`.
pub(crate) fn same_matchers(found: Result<Vec<Matcher>, String>, expected: &Value) -> Result<(), String> {
    let found = match found {
        Err(error) => return same("the error", &Some(error.as_str()), &expected["error"].as_str()),
        Ok(found) if !flag(expected, "ok")? => return Err(format!("was read as {found:?}, should be {expected}")),
        Ok(found) => found,
    };
    let show = |matcher: &Matcher| {
        let Matcher { name, op, value, .. } = matcher;
        (name.to_string(), op.as_str().to_owned(), value.to_string(), matcher.to_string())
    };
    let expected = list(expected, "matchers").iter().map(|matcher| {
        let part = |key| text(matcher, key).map(str::to_owned);
        Ok((part("name")?, part("op")?, part("value")?, part("string")?))
    });
    same("the list", &found.iter().map(show).collect::<Vec<_>>(), &expected.collect::<Result<Vec<_>, String>>()?)
}
