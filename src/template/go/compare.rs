//! The comparisons of templates, which know Go's kinds: durations and months compare as the integers they are.

use std::cmp::Ordering;

use gotmpl::Value;

use super::call::{Failure, Run};
use super::time::GoTime;
use super::value::{Kind, ordinal};

/// What Go compares by.
enum Basic<'a> {
    Nil,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    Time(i128),
    /// No basic kind.
    Other,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Nil => Basic::Nil,
        Value::Bool(truth) => Basic::Bool(*truth),
        Value::Int(number) => Basic::Int(i128::from(*number)),
        Value::Uint(number) => Basic::Int(i128::from(*number)),
        Value::Float(number) => Basic::Float(*number),
        Value::String(text) | Value::Safe { s: text, .. } => Basic::Text(text),
        other => match (ordinal(other), Kind::of(other)) {
            (Some(number), _) => Basic::Int(i128::from(number)),
            (None, Some(Kind::Time)) => Basic::Time(GoTime::from_value(other).unwrap_or_default().unix_nanos()),
            _ => Basic::Other,
        },
    }
}

fn failed(message: &str) -> Failure {
    Failure::Called(message.to_owned())
}

/// `eq`: whether the first is one of the others.
pub(super) fn eq(_: &Run, args: &[Value]) -> Result<Value, Failure> {
    let Some((first, others)) = args.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err(failed("missing argument for comparison"));
    };
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// Whether two are equal.
pub(super) fn equal(left: &Value, right: &Value) -> Result<bool, Failure> {
    match (basic(left), basic(right)) {
        (Basic::Nil, Basic::Nil) => Ok(true),
        (Basic::Nil, _) | (_, Basic::Nil) => Ok(false),
        (Basic::Bool(a), Basic::Bool(b)) => Ok(a == b),
        (Basic::Int(a), Basic::Int(b)) | (Basic::Time(a), Basic::Time(b)) => Ok(a == b),
        // As in Go, to the bit.
        (Basic::Float(a), Basic::Float(b)) => Ok(a.partial_cmp(&b) == Some(Ordering::Equal)),
        (Basic::Text(a), Basic::Text(b)) => Ok(a == b),
        (Basic::Other, Basic::Other) => Err(failed("non-comparable type")),
        _ => Err(failed("incompatible types for comparison")),
    }
}

/// `lt` and the like.
pub(super) fn ordered(args: &[Value], holds: fn(Ordering) -> bool) -> Result<Value, Failure> {
    let [left, right] = args else { return Err(failed("missing argument for comparison")) };
    let order = match (basic(left), basic(right)) {
        (Basic::Int(a), Basic::Int(b)) => Some(a.cmp(&b)),
        (Basic::Float(a), Basic::Float(b)) => a.partial_cmp(&b),
        (Basic::Text(a), Basic::Text(b)) => Some(a.cmp(b)),
        (Basic::Bool(_) | Basic::Nil | Basic::Time(_) | Basic::Other, _) => {
            return Err(failed("invalid type for comparison"));
        }
        _ => return Err(failed("incompatible types for comparison")),
    };
    Ok(Value::Bool(order.is_some_and(holds)))
}
