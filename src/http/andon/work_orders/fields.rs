//! The members of a body that opens or changes an order: each is taken once, and what is left over is refused.

use serde_json::{Map, Value};

use crate::http::times;
use crate::time::Timestamp;

/// A body being read.
pub struct Fields {
    members: Map<String, Value>,
    known: Vec<&'static str>,
}

type Read<T> = Result<T, String>;

impl Fields {
    /// Of this object.
    pub fn of(members: Map<String, Value>) -> Self {
        Self { members, known: Vec::new() }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name)
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Read<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("{name}: found {}; allowed: a text", short(&other))),
        }
    }

    /// One of these words.
    pub fn word<T: Copy>(&mut self, name: &'static str, all: &[T], word_of: fn(T) -> &'static str) -> Read<Option<T>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let found = all.iter().copied().find(|known| value.as_str() == Some(word_of(*known)));
        let refused = || format!("{name}: found {}; allowed: {}", short(&value), super::listed(all, word_of));
        found.map(Some).ok_or_else(refused)
    }

    /// A time that cannot be taken away.
    pub fn time(&mut self, name: &'static str) -> Read<Option<Timestamp>> {
        match self.nullable_time(name)? {
            Some(None) => Err(format!("{name}: found null; allowed: a time such as 2026-12-01T08:00:00Z")),
            other => Ok(other.flatten()),
        }
    }

    /// A time, or null for none.
    pub fn nullable_time(&mut self, name: &'static str) -> Read<Option<Option<Timestamp>>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let read = match &value {
            Value::Null => return Ok(Some(None)),
            Value::String(text) if !text.is_empty() => times::parse(text).ok(),
            _ => None,
        };
        let refused = || format!("{name}: found {}; allowed: a time such as 2026-12-01T08:00:00Z", short(&value));
        read.map(|at| Some(Some(at))).ok_or_else(refused)
    }

    /// A number of hours, or null for none.
    pub fn hours(&mut self, name: &'static str) -> Read<Option<Option<f64>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match value.as_f64() {
                Some(hours) => Ok(Some(Some(hours))),
                None => Err(format!("{name}: found {}; allowed: a number of hours", short(&value))),
            },
        }
    }

    /// Refuses what nobody asked for.
    pub fn finish(self) -> Read<()> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) if self.known.is_empty() => Err(format!("the body has {name:?}; this takes none")),
            Some(name) => Err(format!("the body has {name:?}; this takes {}", self.known.join(", "))),
        }
    }
}

/// A value as an error shows it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
