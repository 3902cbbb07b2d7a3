//! Changes as JSON, for `andon store export` and `import`: the same fields under the names that the program has for them.
//!
//! The stored form is for the disk; this one is for people, for other programs, and for moving a state from one kind of
//! store to another. A change is an object with one key, its kind. Times are RFC 3339 texts, label sets are objects,
//! fingerprints have 16 hexadecimal digits. What was written is read back to the same; anything else gives an error that
//! names the place.

mod kinds;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::core::change::Change;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::matcher::{Matcher, Op};
use crate::core::outbox::DeliveryId;
use crate::core::silence::SilenceId;
use crate::time::Timestamp;

/// Why a JSON value is not what was expected: the way to it, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotThat {
    /// The keys and numbers that lead to the place, the innermost first.
    way: Vec<String>,
    expected: &'static str,
}

impl NotThat {
    pub(super) fn new(expected: &'static str) -> Self {
        Self { way: Vec::new(), expected }
    }

    pub(super) fn within(mut self, key: impl Into<String>) -> Self {
        self.way.push(key.into());
        self
    }
}

impl std::fmt::Display for NotThat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for key in self.way.iter().rev() {
            write!(f, "{key}: ")?;
        }
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for NotThat {}

/// Something that has a JSON form.
pub(super) trait Json: Sized {
    /// As JSON.
    fn show(&self) -> Value;

    /// From JSON.
    fn read(value: &Value) -> Result<Self, NotThat>;
}

/// A change as a JSON object.
pub fn show_change(change: &Change) -> Value {
    change.show()
}

/// A change from a JSON object.
///
/// # Errors
/// [`NotThat`] names the place.
pub fn read_change(value: &Value) -> Result<Change, NotThat> {
    Change::read(value)
}

/// The field of an object; an absent one reads as `null`.
pub(super) fn field<T: Json>(object: &Map<String, Value>, name: &str) -> Result<T, NotThat> {
    T::read(object.get(name).unwrap_or(&Value::Null)).map_err(|not| not.within(name))
}

fn object(value: &Value) -> Result<&Map<String, Value>, NotThat> {
    value.as_object().ok_or_else(|| NotThat::new("an object"))
}

/// An object without unknown keys, so that nothing of a file is passed over in silence.
pub(super) fn object_of<'a>(value: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>, NotThat> {
    let object = object(value)?;
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(NotThat::new("no such key").within(key.as_str())),
        None => Ok(object),
    }
}

fn text(value: &Value) -> Result<&str, NotThat> {
    value.as_str().ok_or_else(|| NotThat::new("a text"))
}

fn list<T: Json, C: FromIterator<T>>(value: &Value) -> Result<C, NotThat> {
    let items = value.as_array().ok_or_else(|| NotThat::new("a list"))?;
    let item = |(place, item)| T::read(item).map_err(|not: NotThat| not.within(format!("{place}")));
    items.iter().enumerate().map(item).collect()
}

impl Json for u64 {
    fn show(&self) -> Value {
        (*self).into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        value.as_u64().ok_or_else(|| NotThat::new("a whole number"))
    }
}

impl Json for u32 {
    fn show(&self) -> Value {
        (*self).into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        u64::read(value)?.try_into().map_err(|_| NotThat::new("a whole number below 4294967296"))
    }
}

impl Json for f64 {
    fn show(&self) -> Value {
        // Only finite numbers are kept, and each of those has a form.
        (*self).into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        value.as_f64().ok_or_else(|| NotThat::new("a number"))
    }
}

impl Json for bool {
    fn show(&self) -> Value {
        (*self).into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        value.as_bool().ok_or_else(|| NotThat::new("true or false"))
    }
}

impl Json for String {
    fn show(&self) -> Value {
        self.as_str().into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        text(value).map(Self::from)
    }
}

impl Json for Arc<str> {
    fn show(&self) -> Value {
        (&**self).into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        text(value).map(Self::from)
    }
}

impl Json for Fingerprint {
    fn show(&self) -> Value {
        self.to_string().into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        value.as_str().and_then(Self::parse).ok_or_else(|| NotThat::new("16 hexadecimal digits"))
    }
}

impl Json for LabelSet {
    fn show(&self) -> Value {
        self.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let mut pairs = Vec::new();
        for (name, value) in object(value)? {
            pairs.push((name.as_str(), text(value).map_err(|not| not.within(name.as_str()))?));
        }
        Self::new(pairs).map_err(|_| NotThat::new("shorter names and values"))
    }
}

/// A text; a time at the very ends of the years 1 and 9999, which its offset would carry beyond them, is three numbers.
impl Json for Timestamp {
    fn show(&self) -> Value {
        let same = |read: &Self| read == self && read.offset_minutes() == self.offset_minutes();
        let shown = self.to_string();
        match time(&shown).filter(same) {
            Some(_) => shown.into(),
            None => vec![Value::from(self.secs()), self.subsec_nanos().into(), self.offset_minutes().into()].into(),
        }
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let expected = || NotThat::new("a time such as 2026-11-22T14:48:28Z");
        match value {
            Value::String(text) => time(text).ok_or_else(expected),
            Value::Array(parts) => {
                let [seconds, nanos, offset] = parts.as_slice() else { return Err(expected()) };
                let nanos = nanos.as_u64().and_then(|nanos| u32::try_from(nanos).ok());
                let offset = offset.as_i64().and_then(|minutes| i16::try_from(minutes).ok());
                match (seconds.as_i64(), nanos, offset) {
                    (Some(seconds), Some(nanos), Some(offset)) => {
                        Ok(Self::new(seconds, nanos).with_offset_minutes(offset))
                    }
                    _ => Err(expected()),
                }
            }
            _ => Err(expected()),
        }
    }
}

/// A time from its JSON form.
pub fn read_time(value: &Value) -> Option<Timestamp> {
    Timestamp::read(value).ok()
}

fn time(text: &str) -> Option<Timestamp> {
    let (civil, offset) = match text.strip_suffix('Z') {
        Some(civil) => (civil, 0),
        None => {
            let (civil, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = i16::from(hours.parse::<u8>().ok()?) * 60 + i16::from(minutes.parse::<u8>().ok()?);
            (civil, if zone.starts_with('-') { -minutes } else { minutes })
        }
    };
    let civil: jiff::civil::DateTime = civil.parse().ok()?;
    let since = civil.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_nanos();
    let seconds = i64::try_from(since.div_euclid(1_000_000_000)).ok()?;
    let nanos = u32::try_from(since.rem_euclid(1_000_000_000)).ok()?;
    Some(Timestamp::new(seconds - i64::from(offset) * 60, nanos).with_offset_minutes(offset))
}

impl<T: Json> Json for Arc<T> {
    fn show(&self) -> Value {
        T::show(self)
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        T::read(value).map(Self::new)
    }
}

impl<T: Json> Json for Option<T> {
    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::show)
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }
}

impl<T: Json> Json for Vec<T> {
    fn show(&self) -> Value {
        self.iter().map(T::show).collect()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        list(value)
    }
}

impl<T: Json> Json for Arc<[T]> {
    fn show(&self) -> Value {
        self.iter().map(T::show).collect()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        list::<T, Vec<T>>(value).map(Self::from)
    }
}

impl<T: Json + Ord> Json for BTreeSet<T> {
    fn show(&self) -> Value {
        self.iter().map(T::show).collect()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        list(value)
    }
}

/// A list of pairs: keys need not be texts.
impl<K: Json + Ord, V: Json> Json for BTreeMap<K, V> {
    fn show(&self) -> Value {
        self.iter().map(|(key, value)| Value::from(vec![key.show(), value.show()])).collect()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        list::<(K, V), Self>(value)
    }
}

impl<A: Json, B: Json> Json for (A, B) {
    fn show(&self) -> Value {
        vec![self.0.show(), self.1.show()].into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        match value.as_array().map(Vec::as_slice) {
            Some([a, b]) => Ok((A::read(a)?, B::read(b)?)),
            _ => Err(NotThat::new("a pair")),
        }
    }
}

impl Json for Matcher {
    fn show(&self) -> Value {
        vec![self.name.show(), self.op.show(), self.value.show()].into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let Some([name, op, value]) = value.as_array().map(Vec::as_slice) else {
            return Err(NotThat::new("name, operator and value of a matcher"));
        };
        let (name, op, value) = (<Arc<str>>::read(name)?, Op::read(op)?, <Arc<str>>::read(value)?);
        Self::new(name, op, value).map_err(|_| NotThat::new("a pattern that compiles"))
    }
}

impl Json for DeliveryId {
    fn show(&self) -> Value {
        self.0.show()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        u64::read(value).map(Self)
    }
}

impl Json for SilenceId {
    fn show(&self) -> Value {
        self.0.to_string().into()
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let id = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
        id.map(Self).ok_or_else(|| NotThat::new("a UUID"))
    }
}

/// An object with one key.
pub(super) fn one(key: &str, value: Value) -> Value {
    Map::from_iter([(key.to_owned(), value)]).into()
}

/// The one key of an object, and what stands under it.
pub(super) fn only(value: &Value) -> Result<(&str, &Value), NotThat> {
    let mut entries = object(value)?.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Ok((key, value)),
        _ => Err(NotThat::new("an object with one key")),
    }
}
