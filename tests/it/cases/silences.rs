//! Silences: what is refused, what they match, where they stand, and which changes keep the id.

use std::sync::Arc;

use andon::core::change::{Actor, Change};
use andon::core::engine::{Engine, Input, Options, Output};
use andon::core::label::LabelSet;
use andon::core::matcher::{Matcher, Mode, Op};
use andon::core::silence::{Silence, SilenceDraft, SilenceId};
use andon::http::silence_body::{PostedMatcher, PostedSilence, validate};
use andon::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Played, Verdict, flag, labels, list, mode, now, op, play, policy, relative, same, text};

#[test]
fn silences() {
    play("silences.json", &[], |case| match text(case, "what")? {
        "validate_matcher" => validate_matcher(case),
        "validate" => validate_silence(case),
        "matches" => matches(case),
        "state_query" => {
            let state = silence(&case["silence"], Vec::new())?.state(now());
            let asked = list(case, "states").iter().any(|asked| asked == state.as_str());
            same("the verdict", &asked, &flag(case, "kept")?)?;
            Ok(Played::Agrees)
        }
        _ => can_update_in_place(case),
    });
}

/// A matcher alone; a second one sees to it that the silence may not match everything.
fn validate_matcher(case: &Value) -> Verdict {
    // JSON has no text that is no Unicode, and no operator that there is not.
    let (Some(matcher), true) = (posted(case)?, is_text(case)) else { return Ok(Played::NotHere) };
    let other = PostedMatcher { name: "x".into(), value: "y".into(), op: Op::Equal };
    let found = refused(vec![matcher, other], mode(text(case, "mode")?)?);
    let prefix = "invalid silence: invalid label matcher 0 in set 0: ";
    let expected = case["error"].as_str().map(|error| format!("{prefix}{error}"));
    same("the error", &found, &expected)?;
    Ok(Played::Agrees)
}

/// What of the whole silence stands behind the API's own checks of times and of an empty list.
fn validate_silence(case: &Value) -> Verdict {
    let error = case["error"].as_str();
    let sets = list(&case["silence"], "matcher_sets");
    let matchers = sets.first().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if matchers.is_empty() || error.is_some_and(|error| !error.contains("matcher")) {
        return Ok(Played::NotHere);
    }
    let matchers = matchers.iter().map(|matcher| posted(matcher)?.ok_or_else(|| "an unknown operator".to_owned()));
    let found = refused(matchers.collect::<Result<_, _>>()?, mode(text(case, "mode")?)?);
    same("the error", &found, &error.map(|error| format!("invalid silence: {error}")))?;
    Ok(Played::Agrees)
}

fn refused(matchers: Vec<PostedMatcher>, mode: Mode) -> Option<String> {
    let posted = PostedSilence {
        id: String::new(),
        matchers,
        starts_at: now(),
        ends_at: Timestamp::MAX,
        created_by: String::new(),
        comment: String::new(),
        annotations: LabelSet::empty(),
    };
    validate(&posted, mode, now()).err()
}

fn posted(matcher: &Value) -> Result<Option<PostedMatcher>, String> {
    let (name, value) = (text(matcher, "name")?.into(), text(matcher, "pattern")?.into());
    Ok(op(text(matcher, "type")?).ok().map(|op| PostedMatcher { name, value, op }))
}

fn is_text(case: &Value) -> bool {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    case["pattern"].as_str().map(hex).as_deref() == case["pattern_hex"].as_str()
}

fn matches(case: &Value) -> Verdict {
    // The API makes silences of one set only.
    let [set] = list(&case["silence"], "matcher_sets") else { return Ok(Played::NotHere) };
    let matchers = set.as_array().ok_or("the set is no list")?.iter().map(|matcher| {
        let (name, op) = (text(matcher, "name")?, op(text(matcher, "type")?)?);
        Matcher::new(name, op, text(matcher, "pattern")?).map_err(|error| error.to_string())
    });
    let silence = silence(&case["silence"], matchers.collect::<Result<_, String>>()?)?;
    same("the match", &silence.matches(&labels(&case["labels"])?), &flag(case, "matches")?)?;
    Ok(Played::Agrees)
}

/// Whether the engine keeps the id. What it refuses altogether keeps nothing.
fn can_update_in_place(case: &Value) -> Verdict {
    let matcher = Matcher::new("a", Op::Equal, "b").map_err(|error| error.to_string())?;
    let old = silence(&case["old"], vec![matcher])?;
    let new = silence(&case["new"], old.matchers.clone())?;
    let policy = Arc::new(policy("route: {receiver: r}\nreceivers: [{name: r}]\n")?);
    let stored = vec![Change::Silence(Arc::new(old.clone()))];
    let mut engine = Engine::restore(policy, Options::default(), stored, None, now());
    let draft = SilenceDraft {
        id: Some(old.id),
        fresh_id: SilenceId(Uuid::from_u128(2)),
        matchers: new.matchers,
        starts_at: new.starts_at,
        ends_at: new.ends_at,
        created_by: new.created_by,
        comment: new.comment,
        annotations: new.annotations,
    };
    let output = engine.handle(now(), Input::Silence(Actor::Clock, draft));
    same("the verdict", &(output == Output::Silence(Ok(old.id))), &flag(case, "in_place")?)?;
    Ok(Played::Agrees)
}

fn silence(case: &Value, matchers: Vec<Matcher>) -> Result<Silence, String> {
    Ok(Silence {
        id: SilenceId(Uuid::from_u128(1)),
        matchers,
        starts_at: relative(&case["starts_at_rel_s"])?,
        ends_at: relative(&case["ends_at_rel_s"])?,
        updated_at: relative(&case["updated_at_rel_s"])?,
        created_by: text(case, "created_by")?.into(),
        comment: text(case, "comment")?.into(),
        annotations: LabelSet::empty(),
    })
}
