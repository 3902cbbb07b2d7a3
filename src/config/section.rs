//! Reads a section by its table, and prints it again.
//!
//! What Go's yaml.v2 does is done here: a key that is there and null empties its field, whatever the preset says. A value
//! that cannot be read is complained about and leaves its field as it was; the section then counts as broken, and its rules
//! are not looked at, since they would only say the same again.

mod read;

pub(in crate::config) use self::read::clean;

use std::path::PathBuf;
use std::time::Duration;

use self::read::Reading;
use super::duration;
use super::environment;
use super::error::{Errors, FieldPath};
use super::global::Context;
use super::node::Node;
use super::print::{Map, Printed};
use super::schema::{Field, Kind, Preset, Schema};
use super::secret::Secret;
use super::settings::SecretSource;
use super::value;

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// Nothing.
    Nothing,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A text that is not shown.
    Secret(Secret),
    /// A duration.
    Duration(Duration),
    /// A list.
    List(Vec<Datum>),
    /// A mapping, as written; printed in yaml.v2's order.
    Map(Vec<(String, Datum)>),
    /// A section.
    Section(Box<Section>),
}

static NOTHING: Datum = Datum::Nothing;

/// A section that was read: all its fields, presets filled in.
#[derive(Clone, Debug)]
pub struct Section {
    schema: &'static Schema,
    data: Vec<Datum>,
    sound: bool,
    /// Fields that could not be read.
    broken: Vec<&'static str>,
}

impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.schema, other.schema) && self.data == other.data
    }
}

impl Section {
    /// A section in which nothing is said.
    pub fn empty(schema: &'static Schema) -> Self {
        let data = schema.fields.iter().map(preset).collect();
        Self { schema, data, sound: true, broken: Vec::new() }
    }

    /// Reads a section, its rules included. What is wrong is complained about; the rest is read all the same.
    pub fn read(schema: &'static Schema, node: &Node, path: FieldPath, context: &Context, errors: &Errors) -> Self {
        Reading { context, errors }.section(schema, node, path)
    }

    /// Whether all its fields could be read.
    pub fn is_sound(&self) -> bool {
        self.sound
    }

    /// Whether a field is there and could not be read, which was complained about.
    pub fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(&name)
    }

    /// What a field holds; nothing for a field that the table does not have.
    pub fn get(&self, name: &str) -> &Datum {
        self.place(name).and_then(|place| self.data.get(place)).unwrap_or(&NOTHING)
    }

    /// Puts something into a field.
    pub fn set(&mut self, name: &str, datum: Datum) {
        if let Some(slot) = self.place(name).and_then(|place| self.data.get_mut(place)) {
            *slot = datum;
        }
    }

    /// Takes a field over from another section where nothing is said here.
    pub fn inherit(&mut self, name: &str, from: &Section, their_name: &str) {
        if !self.has(name) {
            self.set(name, from.get(their_name).clone());
        }
    }

    /// Whether a field holds anything.
    pub fn has(&self, name: &str) -> bool {
        let field = self.place(name).and_then(|place| self.schema.fields.get(place));
        field.is_some_and(|field| !is_empty(field.kind, self.get(name)))
    }

    /// A text, secret or not; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Datum::Text(text) => text,
            Datum::Secret(secret) => secret.reveal(),
            _ => "",
        }
    }

    /// Whether a boolean is true.
    pub fn flag(&self, name: &str) -> bool {
        self.optional_flag(name) == Some(true)
    }

    /// A boolean, if it is set.
    pub fn optional_flag(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Datum::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A duration; zero where there is none.
    pub fn duration(&self, name: &str) -> Duration {
        match self.get(name) {
            Datum::Duration(duration) => *duration,
            _ => Duration::ZERO,
        }
    }

    /// A whole number that is not negative; zero where there is none.
    pub fn unsigned(&self, name: &str) -> u64 {
        match self.get(name) {
            Datum::Integer(number) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        }
    }

    /// The elements of a list.
    pub fn list(&self, name: &str) -> &[Datum] {
        match self.get(name) {
            Datum::List(items) => items,
            _ => &[],
        }
    }

    /// The sections of a list.
    pub fn sections(&self, name: &str) -> impl Iterator<Item = &Section> {
        self.list(name).iter().filter_map(|item| match item {
            Datum::Section(section) => Some(section.as_ref()),
            _ => None,
        })
    }

    /// The entries of a mapping.
    pub fn map(&self, name: &str) -> &[(String, Datum)] {
        match self.get(name) {
            Datum::Map(entries) => entries,
            _ => &[],
        }
    }

    /// All fields with what they hold.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Datum)> {
        self.schema.fields.iter().map(|field| field.name).zip(&self.data)
    }

    /// A section within this one.
    pub fn section(&self, name: &str) -> Option<&Section> {
        match self.get(name) {
            Datum::Section(section) => Some(section),
            _ => None,
        }
    }

    /// A section within this one, to be changed.
    pub fn section_mut(&mut self, name: &str) -> Option<&mut Section> {
        let place = self.place(name)?;
        match self.data.get_mut(place)? {
            Datum::Section(section) => Some(section),
            _ => None,
        }
    }

    /// A secret that stands in one field or in the file that another one names; the file counts more, as everywhere in
    /// Alertmanager where both may be inherited.
    pub fn source(&self, inline: &str, file: &str) -> Option<SecretSource> {
        let path = self.text(file);
        if !path.is_empty() {
            return Some(SecretSource::File(PathBuf::from(path)));
        }
        self.has(inline).then(|| value::secret_source(self.text(inline)))
    }

    /// As `config.original` shows it: in the table's order, secrets hidden.
    pub fn printed(&self) -> Printed {
        let mut map = Map::new();
        for (field, datum) in self.schema.fields.iter().zip(&self.data) {
            if field.always_printed || !is_empty(field.kind, datum) {
                map.put(field.name, printed(field.kind, datum));
            }
        }
        map.done()
    }

    /// The section as Alertmanager could have it: where Andon's own keys say nothing.
    pub fn without_own(&self) -> Self {
        let mut section = self.clone();
        for (field, datum) in section.schema.fields.iter().zip(&mut section.data).filter(|(field, _)| field.own) {
            *datum = preset(field);
        }
        section
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.schema.fields.iter().position(|field| field.name == name)
    }
}

fn preset(field: &Field) -> Datum {
    match field.preset {
        Preset::Empty => empty(field.kind),
        Preset::True => Datum::Bool(true),
        Preset::Present => match field.kind {
            Kind::OptionalSection(schema) => Datum::Section(Box::new(Section::empty(schema))),
            kind => empty(kind),
        },
        Preset::Seconds(seconds) => Datum::Duration(Duration::from_secs(u64::from(seconds))),
        Preset::Text(text) => match field.kind {
            Kind::TextOrSection(schema) => text_section(schema, text),
            _ => Datum::Text(text.to_owned()),
        },
    }
}

/// A section that is written as the text of its first field.
fn text_section(schema: &'static Schema, text: &str) -> Datum {
    let mut section = Section::empty(schema);
    if let Some(first) = schema.fields.first() {
        section.set(first.name, Datum::Text(text.to_owned()));
    }
    Datum::Section(Box::new(section))
}

/// What Go's zero value of the kind is.
fn empty(kind: Kind) -> Datum {
    match kind {
        Kind::Text | Kind::HostPort | Kind::Path | Kind::PathBesideConfig | Kind::TlsVersion => {
            Datum::Text(String::new())
        }
        Kind::Secret | Kind::SecretTemplateUrl => Datum::Secret(Secret::default()),
        Kind::Bool => Datum::Bool(false),
        Kind::Integer | Kind::Unsigned => Datum::Integer(0),
        Kind::GoDuration | Kind::GoDurationText | Kind::Duration => Datum::Duration(Duration::ZERO),
        Kind::Section(schema) | Kind::TextOrSection(schema) => Datum::Section(Box::new(Section::empty(schema))),
        _ => Datum::Nothing,
    }
}

fn is_empty(kind: Kind, datum: &Datum) -> bool {
    match datum {
        Datum::Nothing => true,
        // Of any shape: what is there is there, even an empty list.
        Datum::List(_) | Datum::Map(_) if matches!(kind, Kind::Free) => false,
        Datum::List(items) => items.is_empty(),
        Datum::Map(entries) => entries.is_empty(),
        Datum::Section(section) if matches!(kind, Kind::Section(_) | Kind::TextOrSection(_)) => {
            let mut fields = section.schema.fields.iter().zip(&section.data);
            fields.all(|(field, datum)| is_empty(field.kind, datum))
        }
        _ => *datum == empty(kind),
    }
}

fn printed(kind: Kind, datum: &Datum) -> Printed {
    match datum {
        Datum::Nothing => Printed::Null,
        Datum::Bool(value) => Printed::Bool(*value),
        Datum::Integer(number) => Printed::number(number),
        Datum::Float(number) => Printed::number(number),
        // What is shown must load where the variables are not set.
        Datum::Text(text) if matches!(kind, Kind::HostPort) => Printed::text(value::host_port_named(text)),
        Datum::Text(text) if matches!(kind, Kind::Url) => Printed::text(environment::replaced(text)),
        Datum::Text(text) if matches!(kind, Kind::ProxyUrl) => Printed::text(value::without_password(text)),
        Datum::Text(text) => Printed::text(text.as_str()),
        Datum::Secret(secret) if secret.reveal().is_empty() => Printed::text(""),
        Datum::Secret(_) => Printed::secret(),
        Datum::Duration(duration) if matches!(kind, Kind::Duration) => Printed::text(duration::format(*duration)),
        Datum::Duration(duration) => Printed::text(duration::format_go(*duration)),
        Datum::List(items) => Printed::List(items.iter().map(|item| printed(kind, item)).collect()),
        Datum::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|(left, _), (right, _)| value::natural_order(left, right));
            Printed::Map(entries.into_iter().map(|(key, datum)| (key.clone(), printed(kind, datum))).collect())
        }
        Datum::Section(section) => section.printed(),
    }
}
