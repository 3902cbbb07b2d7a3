//! Alertmanager's template functions, and the builtins that must know its types.
//!
//! Each takes the arguments as the template gave them. What a function says when it fails is Go's text, since people
//! search for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use gotmpl::{SafeKind, Value};

use super::call::{Failure, Run};
use super::time::GoTime;
use super::value::{self, Kind, entries, list, nanoseconds, ordinal, text, type_name};
use super::{compare, layout, printf, words};
use crate::core::matcher::pattern::Searcher;

/// How many arguments a function takes.
pub(super) enum Arity {
    /// Just so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

use Arity::{AtLeast, Exactly};

/// A function of templates.
pub(super) type Function = fn(&Run, &[Value]) -> Result<Value, Failure>;

/// All functions that templates may call, beside the engine's own ([`ENGINE`]).
pub(super) const FUNCTIONS: [(&str, Arity, Function); 40] = [
    ("toUpper", Exactly(1), |_, args| Ok(text(&words::upper(&string(args, 0)?)))),
    ("toLower", Exactly(1), |_, args| Ok(text(&words::lower(&string(args, 0)?)))),
    ("title", Exactly(1), |_, args| Ok(text(&words::title(&string(args, 0)?)))),
    ("trimSpace", Exactly(1), |_, args| Ok(text(string(args, 0)?.trim()))),
    ("join", Exactly(2), |_, args| Ok(text(&strings(args, 1)?.join(&string(args, 0)?)))),
    ("match", Exactly(2), |_, args| Ok(Value::Bool(regex(&string(args, 0)?)?.is_match(&string(args, 1)?)))),
    ("reReplaceAll", Exactly(3), replace),
    ("safeHtml", Exactly(1), |_, args| safe(SafeKind::Html, args)),
    ("safeUrl", Exactly(1), |_, args| safe(SafeKind::Url, args)),
    ("urlUnescape", Exactly(1), |_, args| words::query_unescape(&string(args, 0)?).map(|s| text(&s)).map_err(call)),
    ("stringSlice", AtLeast(0), |_, args| {
        let strings = (0..args.len()).map(|place| string(args, place));
        Ok(list(strings.collect::<Result<Vec<_>, _>>()?.iter().map(|item| text(item))))
    }),
    ("list", AtLeast(0), |run, args| run.weighed(list(args.iter().cloned()))),
    ("append", AtLeast(1), append),
    ("dict", AtLeast(0), dict),
    ("toJson", Exactly(1), |_, args| {
        let mut json = String::new();
        value::json(arg(args, 0), &mut json);
        Ok(text(&json))
    }),
    ("date", Exactly(2), |_, args| Ok(text(&time(args, 1)?.format(&string(args, 0)?)))),
    ("tz", Exactly(2), |_, args| {
        let zone = string(args, 0)?;
        let at = time(args, 1)?.in_zone(&zone).ok_or_else(|| call(format!("unknown time zone {zone}")))?;
        Ok(at.to_value())
    }),
    ("now", Exactly(0), |run, _| {
        let now = run.now();
        Ok(now.in_zone("Local").unwrap_or_else(|| now.clone()).to_value())
    }),
    ("since", Exactly(1), |run, args| {
        let passed = run.now().unix_nanos() - time(args, 0)?.unix_nanos();
        let limit = if passed < 0 { i64::MIN } else { i64::MAX };
        Ok(value::duration(i64::try_from(passed).unwrap_or(limit)))
    }),
    ("humanizeDuration", Exactly(1), humanize),
    ("toDate", Exactly(2), |_, args| {
        let parsed = layout::parse(&string(args, 0)?, &string(args, 1)?);
        Ok(parsed.unwrap_or_default().to_value())
    }),
    ("mustToDate", Exactly(2), |_, args| {
        let parsed = layout::parse(&string(args, 0)?, &string(args, 1)?).map_err(call)?;
        Ok(parsed.to_value())
    }),
    ("base64encode", Exactly(1), |_, args| Ok(text(&URL_SAFE.encode(&*string(args, 0)?)))),
    ("base64decode", Exactly(1), decode),
    ("routeLabels", Exactly(1), |run, args| run.route_label(&string(args, 0)?).map(|shown| text(&shown))),
    ("len", Exactly(1), length),
    ("index", AtLeast(1), index),
    ("slice", AtLeast(1), slice),
    ("printf", AtLeast(1), printf::printf),
    ("print", AtLeast(0), printf::print),
    ("println", AtLeast(0), printf::println),
    ("eq", AtLeast(1), compare::eq),
    ("ne", Exactly(2), |_, args| compare::equal(arg(args, 0), arg(args, 1)).map(|same| Value::Bool(!same))),
    ("lt", Exactly(2), |_, args| compare::ordered(args, std::cmp::Ordering::is_lt)),
    ("le", Exactly(2), |_, args| compare::ordered(args, std::cmp::Ordering::is_le)),
    ("gt", Exactly(2), |_, args| compare::ordered(args, std::cmp::Ordering::is_gt)),
    ("ge", Exactly(2), |_, args| compare::ordered(args, std::cmp::Ordering::is_ge)),
    // What the rewritten templates call: see `rewrite`.
    (SHOW, Exactly(1), |_, args| Ok(printable(arg(args, 0)))),
    (TRUTH, Exactly(1), |_, args| Ok(testable(arg(args, 0)))),
    (ITEMS, Exactly(1), |_, args| items(arg(args, 0))),
];

/// Turns what Go prints in its own way into a text.
pub(super) const SHOW: &str = "__show";
/// Turns an empty KV into something that the engine takes for false.
pub(super) const TRUTH: &str = "__truth";
/// Turns a value into what `range` runs over.
pub(super) const ITEMS: &str = "__items";
/// The engine's own functions that stay as they are.
pub(super) const ENGINE: [&str; 7] = ["and", "or", "not", "html", "js", "urlquery", "call"];

fn call(message: impl Into<String>) -> Failure {
    Failure::Called(message.into())
}

const NIL: Value = Value::Nil;

/// An argument; the arity was checked before, so that nil is never met here.
fn arg(args: &[Value], place: usize) -> &Value {
    args.get(place).unwrap_or(&NIL)
}

/// An argument that must be a text.
pub(super) fn string(args: &[Value], place: usize) -> Result<std::sync::Arc<str>, Failure> {
    match arg(args, place) {
        Value::String(text) | Value::Safe { s: text, .. } => Ok(text.clone()),
        other => Err(Failure::Argument(format!("expected string; found {}", value::show(other)))),
    }
}

/// An argument that must be a list of texts.
pub(super) fn strings(args: &[Value], place: usize) -> Result<Vec<String>, Failure> {
    let wrong = |found: &Value| {
        let shown = if let Value::String(text) = found { format!("{text:?}") } else { value::show(found) };
        Failure::Argument(format!("can't handle {shown} for arg of type []string"))
    };
    match arg(args, place) {
        Value::List(items) => {
            items.iter().map(|item| item.as_str().map(ToOwned::to_owned).ok_or_else(|| wrong(item))).collect()
        }
        other => Err(wrong(other)),
    }
}

fn time(args: &[Value], place: usize) -> Result<GoTime, Failure> {
    let found = arg(args, place);
    GoTime::from_value(found)
        .ok_or_else(|| Failure::Argument(format!("wrong type for value; expected time.Time; got {}", type_name(found))))
}

fn regex(pattern: &str) -> Result<Searcher, Failure> {
    Searcher::compile(pattern).map_err(|error| call(error.to_string()))
}

fn replace(run: &Run, args: &[Value]) -> Result<Value, Failure> {
    let (pattern, replacement, subject) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    // An empty match at each place must not grow a large text many times over unseen.
    let fits = |length: usize| run.fits(length);
    Ok(text(&regex(&pattern)?.replace_all(&subject, &replacement, fits)?))
}

fn safe(kind: SafeKind, args: &[Value]) -> Result<Value, Failure> {
    Ok(Value::Safe { kind, s: string(args, 0)? })
}

fn append(run: &Run, args: &[Value]) -> Result<Value, Failure> {
    let (first, rest) = args.split_first().unwrap_or((&NIL, &[]));
    let Value::List(items) = first else {
        return Err(Failure::Argument(format!("can't handle {} for arg of type []interface {{}}", value::show(first))));
    };
    run.weighed(list(items.iter().chain(rest).cloned()))
}

fn dict(run: &Run, args: &[Value]) -> Result<Value, Failure> {
    if !args.len().is_multiple_of(2) {
        return Err(call("dict requires an even number of arguments"));
    }
    let mut map = std::collections::BTreeMap::new();
    for pair in args.chunks_exact(2) {
        let Value::String(key) = arg(pair, 0) else {
            return Err(call("dict keys must be strings"));
        };
        if &**key == value::TAG {
            return Err(call("this key is not allowed"));
        }
        map.insert(key.clone(), arg(pair, 1).clone());
    }
    run.weighed(Value::from(map))
}

fn humanize(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let found = arg(args, 0);
    let seconds = match (nanoseconds(found), found) {
        (Some(nanoseconds), _) => nanoseconds as f64 / 1e9,
        (None, Value::String(number)) => {
            let wrong = |_| call(format!("strconv.ParseFloat: parsing {number:?}: invalid syntax"));
            number.parse::<f64>().map_err(wrong)?
        }
        (None, other) => {
            other.as_float().ok_or_else(|| call(format!("can't convert {} to float", type_name(other))))?
        }
    };
    Ok(text(&words::humanize_seconds(seconds)))
}

fn decode(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let encoded = string(args, 0)?;
    let bytes = URL_SAFE.decode(&*encoded).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => encoded.len(),
        };
        // Go names the first byte outside the alphabet.
        let outside = encoded.bytes().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=')));
        call(format!("illegal base64 data at input byte {}", outside.unwrap_or(at)))
    })?;
    Ok(text(&String::from_utf8_lossy(&bytes)))
}

fn length(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let found = arg(args, 0);
    let length = match (Kind::of(found), found) {
        (None | Some(Kind::Kv | Kind::NilKv | Kind::NoPairs), Value::Map(_)) => Some(entries(found).count()),
        (Some(_), _) => None,
        (None, Value::Safe { s, .. }) => Some(s.len()),
        (None, other) => other.len(),
    };
    let length = length.ok_or_else(|| match found {
        Value::Nil => call("len of nil pointer"),
        other => call(format!("len of type {}", type_name(other))),
    })?;
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let (first, indexes) = args.split_first().unwrap_or((&NIL, &[]));
    let mut found = first.clone();
    for index in indexes {
        found = match (Kind::of(&found), &found, index) {
            (Some(Kind::Kv | Kind::NilKv), Value::Map(map), Value::String(key)) => {
                map.get(key).filter(|_| &**key != value::TAG).cloned().unwrap_or_else(|| text(""))
            }
            (Some(_), other, _) => return Err(call(format!("can't index item of type {}", type_name(other)))),
            (None, other, index) => other.index(index).map_err(|error| match error {
                gotmpl::TemplateError::Exec(message) => call(message),
                other => call(other.to_string()),
            })?,
        };
    }
    Ok(found)
}

fn slice(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let bound = |place: usize| match args.get(place) {
        None => Ok(None),
        Some(Value::Int(bound)) => Ok(Some(*bound)),
        Some(other) => Err(call(format!("cannot index slice/array with type {}", type_name(other)))),
    };
    let plain = match arg(args, 0) {
        // Of a text bytes are cut; half a character becomes U+FFFD, as it would where it is printed.
        Value::String(found) | Value::Safe { s: found, .. } => {
            if args.len() > 3 {
                return Err(call("cannot 3-index slice a string"));
            }
            let place = |bound: Option<i64>, default: usize| match bound {
                None => Ok(default),
                Some(bound) => usize::try_from(bound).ok().filter(|bound| *bound <= found.len()).ok_or(bound),
            };
            let wrong = |bound: i64| call(format!("index out of range: {bound}"));
            let from = place(bound(1)?, 0).map_err(wrong)?;
            let to = place(bound(2)?, found.len()).map_err(wrong)?;
            let Some(cut) = found.as_bytes().get(from..to) else {
                return Err(call(format!("invalid slice index: {from} > {to}")));
            };
            return Ok(text(&String::from_utf8_lossy(cut)));
        }
        Value::List(items) if args.len() == 4 => {
            let most = bound(3)?.and_then(|most| usize::try_from(most).ok()).filter(|most| *most <= items.len());
            let most = most.ok_or_else(|| call("index out of range"))?;
            list(items.iter().take(most).cloned())
        }
        _ if args.len() > 4 => return Err(call("too many slice indexes")),
        other => other.clone(),
    };
    plain.slice(bound(1)?, bound(2)?).map_err(|error| match error {
        gotmpl::TemplateError::Exec(message) => call(message.trim_start_matches("slice: ").to_owned()),
        other => call(other.to_string()),
    })
}

fn printable(found: &Value) -> Value {
    match found {
        Value::Map(_) | Value::List(_) | Value::Float(_) => text(&value::show(found)),
        other => other.clone(),
    }
}

fn testable(found: &Value) -> Value {
    match Kind::of(found) {
        Some(Kind::Kv | Kind::NilKv | Kind::NoPairs) if entries(found).next().is_none() => text(""),
        Some(Kind::Duration | Kind::Month | Kind::Weekday) if ordinal(found) == Some(0) => Value::Int(0),
        _ => found.clone(),
    }
}

fn items(found: &Value) -> Result<Value, Failure> {
    match (Kind::of(found), found) {
        (Some(Kind::Kv | Kind::NilKv), _) => {
            let map: std::collections::BTreeMap<std::sync::Arc<str>, Value> =
                entries(found).map(|(key, value)| (key.into(), value.clone())).collect();
            Ok(Value::from(map))
        }
        (Some(Kind::NoPairs), _) => Ok(Value::Nil),
        // What `or` and `and` make of an empty KV.
        (None, Value::String(empty)) if empty.is_empty() => Ok(Value::Nil),
        (None, Value::List(_) | Value::Map(_) | Value::Int(_) | Value::Uint(_) | Value::Nil) => Ok(found.clone()),
        _ => Err(Failure::Argument(format!("range can't iterate over {}", value::show(found)))),
    }
}
