//! Fields and methods: what stands after a point in a template.

use gotmpl::Value;

use super::call::{Failure, Run};
use super::functions::{string, strings};
use super::time::{self, GoTime};
use super::value::{self, Kind, duration, kv, list, nanoseconds, pairs_of, text, type_name};

/// The function that field chains become: its arguments are the base, the number of names, the names, and the
/// arguments of the last of them.
pub(super) const GET: &str = "__get";

/// Follows a chain of names.
pub(super) fn get(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let (Some(base), Some(Value::Int(count))) = (args.first(), args.get(1)) else {
        return Err(Failure::Argument("a field chain without names".to_owned()));
    };
    let count = usize::try_from(*count).unwrap_or(0);
    let names = args.iter().skip(2).take(count);
    let arguments = args.get(2 + count..).unwrap_or_default();
    let mut found = base.clone();
    for (place, name) in names.enumerate() {
        let name = name.as_str().unwrap_or_default();
        let arguments = if place + 1 == count { arguments } else { &[] };
        found = member(&found, name, arguments)?;
    }
    Ok(found)
}

fn member(base: &Value, name: &str, args: &[Value]) -> Result<Value, Failure> {
    if let Some(called) = method(base, name, args)? {
        return Ok(called);
    }
    let field = match (Kind::of(base), base) {
        (Some(Kind::Kv | Kind::NilKv), Value::Map(map)) => Some(map.get(name).cloned().unwrap_or_else(|| text(""))),
        (Some(Kind::Data | Kind::Alert | Kind::Pair), Value::Map(map)) => map.get(name).cloned(),
        (None, Value::Map(map)) => Some(map.get(name).cloned().unwrap_or(Value::Nil)),
        (None, Value::Nil) => {
            return Err(Failure::Argument(format!("nil pointer evaluating interface {{}}.{name}")));
        }
        _ => None,
    };
    match field {
        Some(_) if !args.is_empty() => Err(Failure::Argument(format!("{name} is not a method but has arguments"))),
        Some(field) => Ok(field),
        None => Err(Failure::Argument(format!("can't evaluate field {name} in type {}", type_name(base)))),
    }
}

/// The result of a method; nothing if the value has no such method.
fn method(base: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Failure> {
    let expected = match (Kind::of(base), base) {
        (Some(Kind::Kv | Kind::NilKv), _) => kv_method(base, name, args)?,
        (Some(Kind::Time), _) => time_method(base, name, args)?,
        (Some(Kind::Duration), _) => duration_method(base, name, args)?,
        (Some(Kind::Month | Kind::Weekday), _) if name == "String" => Some((0, text(&value::show(base)))),
        (Some(Kind::NoPairs), _) => list_method(&[], name, args)?,
        (None, Value::List(items)) => list_method(items, name, args)?,
        _ => None,
    };
    let Some((takes, result)) = expected else { return Ok(None) };
    if takes != args.len() {
        return Err(Failure::Arguments(format!("wrong number of args for {name}: want {takes} got {}", args.len())));
    }
    Ok(Some(result))
}

/// How many arguments a method takes, and its result.
type Method = Result<Option<(usize, Value)>, Failure>;

fn kv_method(base: &Value, name: &str, args: &[Value]) -> Method {
    Ok(Some(match name {
        "SortedPairs" => (0, value::sorted(base)),
        "Names" => (0, column(&value::sorted(base), "Name")),
        "Values" => (0, column(&value::sorted(base), "Value")),
        "String" => (0, text(&value::show(base))),
        "Remove" if args.len() == 1 => {
            let names = strings(args, 0)?;
            let mut kept = pairs_of(base);
            kept.retain(|name, _| !names.contains(name));
            (1, kv(value::pairs(&kept)))
        }
        "Remove" => (1, Value::Nil),
        _ => return Ok(None),
    }))
}

fn column(pairs: &Value, field: &str) -> Value {
    let Value::List(pairs) = pairs else { return list([]) };
    list(pairs.iter().filter_map(|pair| pair.field(field).cloned()))
}

/// The methods of `Alerts`, `Pairs` and lists of texts; an empty list has all of them.
fn list_method(items: &[Value], name: &str, args: &[Value]) -> Method {
    let all = |kind| items.iter().all(|item| Kind::of(item) == kind);
    let with_status = |status: &str| {
        let told = items.iter().filter(|item| item.field("Status").and_then(Value::as_str) == Some(status));
        list(told.cloned())
    };
    Ok(Some(match name {
        "Firing" if all(Some(Kind::Alert)) => (0, with_status("firing")),
        "Resolved" if all(Some(Kind::Alert)) => (0, with_status("resolved")),
        "Names" if all(Some(Kind::Pair)) => (0, column(&list(items.iter().cloned()), "Name")),
        "Values" if all(Some(Kind::Pair)) => (0, column(&list(items.iter().cloned()), "Value")),
        "Join" if items.iter().all(|item| item.as_str().is_some()) => {
            let separator = if args.len() == 1 { string(args, 0)? } else { "".into() };
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            (1, text(&texts.join(&separator)))
        }
        _ => return Ok(None),
    }))
}

fn time_method(base: &Value, name: &str, args: &[Value]) -> Method {
    let at = GoTime::from_value(base).unwrap_or_default();
    let other = || {
        let other = args.first().and_then(GoTime::from_value);
        other.ok_or_else(|| Failure::Argument(format!("{name} needs a time.Time")))
    };
    if matches!(name, "Sub" | "Before" | "After" | "Equal" | "Compare" | "Add" | "Format" | "Truncate" | "Round")
        && args.len() != 1
    {
        return Ok(Some((1, Value::Nil)));
    }
    Ok(Some(match name {
        "Format" => (1, text(&at.format(&string(args, 0)?))),
        "Sub" => {
            let passed = at.unix_nanos() - other()?.unix_nanos();
            let limit = if passed < 0 { i64::MIN } else { i64::MAX };
            (1, duration(i64::try_from(passed).unwrap_or(limit)))
        }
        "Add" => (1, at.moved(duration_arg(args, name)?).to_value()),
        "AddDate" if args.len() == 3 => {
            let number = |place: usize| args.get(place).and_then(Value::as_int);
            let moved = number(0).zip(number(1)).zip(number(2));
            let moved = moved.and_then(|((years, months), days)| at.on_other_date(years, months, days));
            (3, moved.ok_or_else(|| Failure::Argument("AddDate needs three integers".to_owned()))?.to_value())
        }
        "AddDate" => (3, Value::Nil),
        // Both count from year 1, as Go does.
        "Truncate" | "Round" => {
            let since = at.unix_nanos() - GoTime::default().unix_nanos();
            let by = rounding(since, duration_arg(args, name)?, name == "Round") - since;
            (1, at.moved(i64::try_from(by).unwrap_or(0)).to_value())
        }
        "Before" => (1, Value::Bool(at.unix_nanos() < other()?.unix_nanos())),
        "After" => (1, Value::Bool(at.unix_nanos() > other()?.unix_nanos())),
        "Equal" => (1, Value::Bool(at.unix_nanos() == other()?.unix_nanos())),
        "Compare" => (1, Value::Int(at.unix_nanos().cmp(&other()?.unix_nanos()) as i64)),
        "IsZero" => (0, Value::Bool(at.unix_nanos() == GoTime::default().unix_nanos())),
        "UTC" => (0, at.utc().to_value()),
        "Local" => (0, at.in_zone("Local").unwrap_or(at).to_value()),
        "String" => (0, text(&at.to_string())),
        _ => return Ok(at.part(name).map(|part| (0, part))),
    }))
}

/// An argument that must be a duration, for which a plain number will do.
fn duration_arg(args: &[Value], method: &str) -> Result<i64, Failure> {
    let by = args.first().and_then(|by| nanoseconds(by).or_else(|| by.as_int()));
    by.ok_or_else(|| Failure::Argument(format!("{method} needs a time.Duration")))
}

/// A multiple of `by`: the one before, or the nearest, half of it away from zero.
fn rounding(number: i128, by: i64, nearest: bool) -> i128 {
    if by <= 0 {
        return number;
    }
    let by = i128::from(by);
    let rest = number % by;
    if nearest && rest.abs() * 2 >= by { number - rest + by * number.signum() } else { number - rest }
}

fn duration_method(base: &Value, name: &str, args: &[Value]) -> Method {
    let nanoseconds = nanoseconds(base).unwrap_or_default();
    let number = nanoseconds as f64;
    Ok(Some(match name {
        "Round" | "Truncate" if args.len() == 1 => {
            let rounded = rounding(nanoseconds.into(), duration_arg(args, name)?, name == "Round");
            (1, duration(i64::try_from(rounded).unwrap_or(nanoseconds)))
        }
        "Round" | "Truncate" => (1, Value::Nil),
        "Hours" => (0, Value::Float(number / 3.6e12)),
        "Minutes" => (0, Value::Float(number / 6e10)),
        "Seconds" => (0, Value::Float(number / 1e9)),
        "Milliseconds" => (0, Value::Int(nanoseconds / 1_000_000)),
        "Microseconds" => (0, Value::Int(nanoseconds / 1_000)),
        "Nanoseconds" => (0, Value::Int(nanoseconds)),
        "Abs" => (0, duration(nanoseconds.saturating_abs())),
        "String" => (0, text(&time::duration_text(nanoseconds))),
        _ => return Ok(None),
    }))
}
