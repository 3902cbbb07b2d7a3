//! What matchers accept, how they read, and what the API's filters make of them.

use andon::core::matcher::{Matcher, Mode, Op, parse_matcher};
use serde_json::Value;

use super::{Played, Verdict, flag, labels, list, op, play, same, text};

#[test]
fn matcher_semantics() {
    play("matcher_semantics.json", &[], |case| match text(case, "what")? {
        "match" => {
            let matcher = matcher("label", text(case, "op")?, text(case, "pattern")?)?;
            same("the match", &matcher.matches(text(case, "value")?), &flag(case, "match")?)?;
            Ok(Played::Agrees)
        }
        "string" => {
            let matcher = matcher(text(case, "name")?, text(case, "op")?, text(case, "value")?)?;
            same("the string", &matcher.to_string().as_str(), &text(case, "string")?)?;
            Ok(Played::Agrees)
        }
        "to_json" | "from_json" => flags(case),
        "filter_labels" => {
            let (labels, matcher) = (labels(&case["labels"])?, parsed(text(case, "matcher")?)?);
            let found = matcher.filter_matches(labels.get(&matcher.name));
            same("the match", &found, &flag(case, "match")?)?;
            Ok(Played::Agrees)
        }
        "silence_filter" => silence_filter(case),
        "receivers_match" => receivers_match(case),
        _ => Ok(Played::NotHere),
    });
}

fn matcher(name: &str, operator: &str, value: &str) -> Result<Matcher, String> {
    Matcher::new(name, op(operator)?, value).map_err(|error| error.to_string())
}

fn parsed(text: &str) -> Result<Matcher, String> {
    parse_matcher(Mode::Fallback, text).map_err(|error| error.to_string())
}

/// The two flags that stand for an operator in JSON; without `isEqual` it is meant to be true.
fn flags(case: &Value) -> Verdict {
    let json = &case["json"];
    let (is_regex, is_equal) = (flag(json, "isRegex")?, json["isEqual"].as_bool().unwrap_or(true));
    let op = op(text(case, "op")?)?;
    same("the operator", &Op::of(is_regex, is_equal), &op)?;
    same("the flags", &(op.is_regex(), op.is_equal()), &(is_regex, is_equal))?;
    Ok(Played::Agrees)
}

/// A filter of silences asks for a matcher that reads the same.
fn silence_filter(case: &Value) -> Verdict {
    let matchers = list(case, "silence_matchers").iter();
    let matchers = matchers.map(|one| matcher(text(one, "name")?, text(one, "type")?, text(one, "value")?));
    let matchers = matchers.collect::<Result<Vec<_>, _>>()?;
    let filters = list(case, "filter").iter().map(|filter| parsed(filter.as_str().unwrap_or_default()));
    let filters = filters.collect::<Result<Vec<_>, _>>()?;
    let found = filters.iter().all(|filter| matchers.contains(filter));
    same("the match", &found, &flag(case, "match")?)?;
    Ok(Played::Agrees)
}

/// One of the receivers must meet the matcher; a receiver that is unknown meets none.
fn receivers_match(case: &Value) -> Verdict {
    let matcher = parsed(text(case, "matcher")?)?;
    let known = list(case, "receivers").iter().filter_map(|name| case["receiver_labels"].get(name.as_str()?));
    let sets = known.map(labels).collect::<Result<Vec<_>, _>>()?;
    let found = sets.iter().any(|labels| matcher.filter_matches(labels.get(&matcher.name)));
    same("the match", &found, &flag(case, "match")?)?;
    Ok(Played::Agrees)
}
