//! Reads the fields of a mapping, one by one, and complains about the rest.
//!
//! A field that is absent, or present and null, leaves the default, as in Go's yaml.v2. A field of a wrong type is
//! complained about and then taken for absent: the caller goes on, so that every mistake is found in one go.

use std::collections::HashSet;
use std::time::Duration;

use super::duration;
use super::error::{Errors, FieldPath, mistyped, refusal};
use super::node::{Node, Untyped, Value};

/// The fields of one mapping. End with [`Fields::finish`], or unknown fields go unnoticed.
#[must_use = "finish() complains about unknown fields"]
pub struct Fields<'n, 'e> {
    /// The mapping.
    pub node: &'n Node,
    /// Where it is.
    pub path: FieldPath,
    /// Where complaints go.
    pub errors: &'e Errors,
    type_name: &'static str,
    entries: Vec<Entry<'n>>,
    known: Vec<&'static str>,
}

struct Entry<'n> {
    key: &'n Node,
    value: &'n Node,
    taken: bool,
}

impl<'n, 'e> Fields<'n, 'e> {
    /// Looks into a mapping; null is an empty one. `type_name` is Go's name of the type, for messages: `config.plain`.
    pub fn of(node: &'n Node, path: FieldPath, type_name: &'static str, errors: &'e Errors) -> Self {
        let mut fields = Self { node, path, errors, type_name, entries: Vec::new(), known: Vec::new() };
        match &node.value {
            Value::Null => {}
            Value::Mapping(entries) => entries.iter().for_each(|(key, value)| fields.enter(key, value)),
            _ => mismatch(node, &fields.path, type_name, "a mapping", errors),
        }
        fields.refuse_duplicates();
        fields
    }

    fn enter(&mut self, key: &'n Node, value: &'n Node) {
        match key.text().is_some() || key.is_null() {
            true => self.entries.push(Entry { key, value, taken: false }),
            false => mismatch(key, &self.path, "string", "a name", self.errors),
        }
    }

    fn refuse_duplicates(&mut self) {
        let mut seen = HashSet::new();
        for entry in &mut self.entries {
            let name = entry.key.text().unwrap_or_default();
            if !seen.insert(name) {
                entry.taken = true;
                let sentence = format!("field {name} already set in type {}", self.type_name);
                let error = mistyped(entry.key, &self.path.key(name), sentence);
                self.errors.add(error.found("the same field again").allowed("each field once"));
            }
        }
    }

    /// The path of a field.
    pub fn at(&self, key: &str) -> FieldPath {
        self.path.key(key)
    }

    /// Whether a field stands there, whatever it holds.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key.text() == Some(key))
    }

    /// The value of a field, be it null; nothing if absent.
    pub fn raw(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        let entry = self.entries.iter_mut().find(|entry| !entry.taken && entry.key.text() == Some(key))?;
        entry.taken = true;
        Some(entry.value)
    }

    /// The value of a field that is there and not null.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.raw(key).filter(|node| !node.is_null())
    }

    /// A text. Numbers and booleans count as what was written.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        let node = self.take(key)?;
        text_of(node, &self.at(key), self.errors).map(str::to_owned)
    }

    /// A text, empty where absent.
    pub fn text(&mut self, key: &'static str) -> String {
        self.string(key).unwrap_or_default()
    }

    /// A boolean of YAML 1.1.
    pub fn bool(&mut self, key: &'static str) -> Option<bool> {
        self.flag(key).map(|(value, _)| value)
    }

    /// A boolean with its node.
    pub fn flag(&mut self, key: &'static str) -> Option<(bool, &'n Node)> {
        let node = self.take(key)?;
        if let Some(Untyped::Bool(value)) = node.untyped() {
            return Some((value, node));
        }
        mismatch(node, &self.at(key), "bool", "true or false", self.errors);
        None
    }

    /// A whole number within limits; `type_name` is Go's: `int`, `uint64`.
    pub fn integer(
        &mut self,
        key: &'static str,
        type_name: &str,
        within: std::ops::RangeInclusive<i128>,
    ) -> Option<i128> {
        let node = self.take(key)?;
        let value = match node.untyped() {
            Some(Untyped::Integer(value)) => Some(value),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "yaml.v2 cuts the fraction off; out of range saturates"
            )]
            Some(Untyped::Float(value)) if value.is_finite() => Some(value as i128),
            _ => None,
        };
        let value = value.filter(|value| within.contains(value));
        if value.is_none() {
            let allowed = format!("a whole number from {} to {}", within.start(), within.end());
            mismatch(node, &self.at(key), type_name, &allowed, self.errors);
        }
        value
    }

    /// A number.
    pub fn float(&mut self, key: &'static str) -> Option<f64> {
        let node = self.take(key)?;
        match node.untyped() {
            Some(Untyped::Float(value)) => return Some(value),
            #[expect(clippy::cast_precision_loss, reason = "what a number in a file means")]
            Some(Untyped::Integer(value)) => return Some(value as f64),
            _ => mismatch(node, &self.at(key), "float64", "a number", self.errors),
        }
        None
    }

    /// A duration as Prometheus writes it: `1h30m`, `5d`, `0`.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let node = self.take(key)?;
        let path = self.at(key);
        let text = text_of(node, &path, self.errors)?;
        duration::parse(text)
            .map_err(|reason| self.errors.add(refusal(node, &path, reason).allowed(duration::ALLOWED)))
            .ok()
    }

    /// The elements of a list, null ones among them. An absent list is nothing, an empty one is empty.
    pub fn list(&mut self, key: &'static str, type_name: &str) -> Option<Vec<(FieldPath, &'n Node)>> {
        let node = self.take(key)?;
        let path = self.at(key);
        match &node.value {
            Value::Sequence(items) => Some(items.iter().enumerate().map(|(i, item)| (path.index(i), item)).collect()),
            _ => {
                mismatch(node, &path, type_name, "a list", self.errors);
                None
            }
        }
    }

    /// A list of texts, with their nodes. A null element is an empty text.
    pub fn strings(&mut self, key: &'static str) -> Option<Vec<(String, &'n Node)>> {
        let items = self.list(key, "[]string")?;
        let read = |(path, node): (FieldPath, &'n Node)| {
            let text = if node.is_null() { Some("") } else { text_of(node, &path, self.errors) };
            text.map(|text| (text.to_owned(), node))
        };
        Some(items.into_iter().filter_map(read).collect())
    }

    /// A mapping from text to anything, duplicates refused.
    pub fn map(&mut self, key: &'static str, type_name: &str) -> Option<Vec<(String, &'n Node)>> {
        let node = self.take(key)?;
        Some(entries_of(node, &self.at(key), type_name, self.errors))
    }

    /// A mapping from text to text, duplicates refused; a null value is an empty text.
    pub fn string_map(&mut self, key: &'static str) -> Option<Vec<(String, String, &'n Node)>> {
        let entries = self.map(key, "map[string]string")?;
        let path = self.at(key);
        let read = |(name, node): (String, &'n Node)| {
            let text = if node.is_null() { Some("") } else { text_of(node, &path.key(&name), self.errors) };
            text.map(|text| (name, text.to_owned(), node))
        };
        Some(entries.into_iter().filter_map(read).collect())
    }

    /// The fields of a mapping within this one; nothing if absent or null.
    pub fn section(&mut self, key: &'static str, type_name: &'static str) -> Option<Fields<'n, 'e>> {
        let node = self.take(key)?;
        Some(Fields::of(node, self.at(key), type_name, self.errors))
    }

    /// Takes fields that are known and mean nothing here.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        for key in keys {
            self.raw(key);
        }
    }

    /// Complains about this mapping as a whole; its fields come first.
    pub fn refuse(&self, sentence: impl Into<String>) {
        self.errors.refuse(self.node, &self.path, sentence);
    }

    /// Complains about a field after all of them have been read: Alertmanager finds it together with the mapping.
    pub fn refuse_field(&self, key: &str, sentence: impl Into<String>, allowed: &str) {
        let mut error = refusal(self.node, &self.at(key), sentence).allowed(allowed);
        if let Some(entry) = self.entries.iter().find(|entry| entry.key.text() == Some(key)) {
            error = error.placed(entry.value);
        }
        self.errors.add(error);
    }

    /// Complains about every field that nobody asked for.
    pub fn finish(self) {
        let mut known = self.known;
        known.sort_unstable();
        known.dedup();
        for entry in self.entries.iter().filter(|entry| !entry.taken) {
            let name = entry.key.text().unwrap_or_default();
            let sentence = format!("field {name} not found in type {}", self.type_name);
            let error = mistyped(entry.key, &self.path.key(name), sentence);
            self.errors.add(error.found("an unknown field").allowed(known.join(", ")));
        }
    }
}

/// The entries of a mapping from text to anything; duplicates and other keys are refused, null is empty.
pub fn entries_of<'n>(node: &'n Node, path: &FieldPath, type_name: &str, errors: &Errors) -> Vec<(String, &'n Node)> {
    let Value::Mapping(entries) = &node.value else {
        if !node.is_null() {
            mismatch(node, path, type_name, "a mapping", errors);
        }
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let mut read = Vec::new();
    for (key, value) in entries {
        // A key that is nothing is an empty text.
        let Some(name) = key.text().or(key.is_null().then_some("")) else {
            mismatch(key, path, "string", "a name", errors);
            continue;
        };
        match seen.insert(name) {
            true => read.push((name.to_owned(), value)),
            false => errors.add(
                mistyped(key, &path.key(name), format!("key {name:?} already set in map"))
                    .found("the same key again")
                    .allowed("each key once"),
            ),
        }
    }
    read
}

/// The text of a scalar; complains about other values.
pub fn text_of<'n>(node: &'n Node, path: &FieldPath, errors: &Errors) -> Option<&'n str> {
    if node.text().is_none() {
        mismatch(node, path, "string", "a text", errors);
    }
    node.text()
}

/// Complains about a value's type in yaml.v2's words.
pub fn mismatch(node: &Node, path: &FieldPath, type_name: &str, allowed: &str, errors: &Errors) {
    let shown = match node.text() {
        Some(text) if text.len() > 10 => format!(" `{}...`", text.chars().take(7).collect::<String>()),
        Some(text) => format!(" `{text}`"),
        None if node.is_null() => " ``".to_owned(),
        None => String::new(),
    };
    let sentence = format!("cannot unmarshal {}{shown} into {type_name}", node.tag());
    errors.add(mistyped(node, path, sentence).allowed(allowed));
}
