//! JSON objects and lists as Andon's own API writes them: times are RFC 3339 in UTC with milliseconds.

use crate::core::label::LabelSet;
use crate::json::{write_labels, write_string};
use crate::time::Timestamp;

/// A list of written items.
pub fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(","))
}

/// An object being written.
pub struct Object(String);

impl Object {
    /// Without any member.
    pub fn new() -> Self {
        Self("{".into())
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_string(&mut self.0, key, false);
        self.0.push(':');
    }

    /// A member that is written already.
    pub fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(value);
    }

    /// A text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        write_string(&mut self.0, value, false);
    }

    /// A whole number.
    pub fn number(&mut self, key: &str, number: u64) {
        self.raw(key, &number.to_string());
    }

    /// Yes or no.
    pub fn flag(&mut self, key: &str, flag: bool) {
        self.raw(key, if flag { "true" } else { "false" });
    }

    /// A number of hours, or null.
    pub fn hours(&mut self, key: &str, hours: Option<f64>) {
        // What is kept is finite, and written as JSON writes numbers.
        self.raw(key, &hours.map_or_else(|| "null".to_owned(), |hours| hours.to_string()));
    }

    /// A moment, or null.
    pub fn time(&mut self, key: &str, at: Option<Timestamp>) {
        self.key(key);
        match at {
            None => self.0.push_str("null"),
            Some(at) => {
                self.0.push('"');
                at.with_offset_minutes(0).write_millis(&mut self.0);
                self.0.push('"');
            }
        }
    }

    /// Labels or annotations.
    pub fn labels(&mut self, key: &str, labels: &LabelSet) {
        self.key(key);
        write_labels(&mut self.0, labels, false);
    }

    /// The whole.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
