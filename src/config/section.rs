//! Reads a section by its table, and prints it again.
//!
//! What Go's yaml.v2 does is done here: a key that is there and null empties its field, whatever the preset says. A value
//! that cannot be read is complained about and leaves its field as it was; the section then counts as broken, and its rules
//! are not looked at, since they would only say the same again.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::duration;
use super::error::{Errors, FieldPath, refusal};
use super::fields::{Fields, entries_of, mismatch, text_of};
use super::global::Context;
use super::node::{Node, Untyped, Value};
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
}

impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.schema, other.schema) && self.data == other.data
    }
}

/// What reading needs besides the node: where files are looked for, where complaints go.
#[derive(Clone, Copy)]
struct Reading<'e> {
    context: &'e Context,
    errors: &'e Errors,
}

impl Section {
    /// A section in which nothing is said.
    pub fn empty(schema: &'static Schema) -> Self {
        let data = schema.fields.iter().map(preset).collect();
        Self { schema, data, sound: true }
    }

    /// Reads a section, its rules included. What is wrong is complained about; the rest is read all the same.
    pub fn read(schema: &'static Schema, node: &Node, path: FieldPath, context: &Context, errors: &Errors) -> Self {
        Reading { context, errors }.section(schema, node, path)
    }

    /// Whether all its fields could be read.
    pub fn is_sound(&self) -> bool {
        self.sound
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
        Datum::List(items) => items.is_empty(),
        Datum::Map(entries) => entries.is_empty(),
        Datum::Section(section) if matches!(kind, Kind::Section(_) | Kind::TextOrSection(_)) => {
            let mut fields = section.schema.fields.iter().zip(&section.data);
            fields.all(|(field, datum)| is_empty(field.kind, datum))
        }
        _ => *datum == empty(kind),
    }
}

impl Reading<'_> {
    fn section(self, schema: &'static Schema, node: &Node, path: FieldPath) -> Section {
        let mut section = Section::empty(schema);
        section.sound = matches!(node.value, Value::Mapping(_) | Value::Null);
        let mut fields = Fields::of(node, path, schema.go_type, self.errors);
        for (field, slot) in schema.fields.iter().zip(&mut section.data) {
            let Some(node) = fields.raw(field.name) else { continue };
            if node.is_null() {
                *slot = empty(field.kind);
                continue;
            }
            match self.value(field.kind, node, &fields.at(field.name)) {
                Some(datum) => {
                    section.sound &= !matches!(&datum, Datum::Section(inner) if !inner.sound);
                    *slot = datum;
                }
                None => section.sound = false,
            }
        }
        let mut sentences = Vec::new();
        if section.sound {
            (schema.settle)(&mut section, &mut sentences);
        }
        section.sound &= sentences.is_empty();
        for sentence in sentences {
            fields.refuse(sentence);
        }
        fields.finish();
        section
    }

    /// Reads a value that is not null; nothing if it cannot be, which was then complained about.
    fn value(self, kind: Kind, node: &Node, path: &FieldPath) -> Option<Datum> {
        match kind {
            Kind::Text => self.text(node, path).map(Datum::Text),
            Kind::Secret | Kind::OptionalSecret => self.text(node, path).map(|text| Datum::Secret(Secret::new(text))),
            Kind::Path => self.text(node, path).map(Datum::Text),
            Kind::PathBesideConfig => self.path_beside_config(node, path),
            Kind::PathsBesideConfig => self.list(node, path, "[]string", |item, at| self.path_beside_config(item, at)),
            Kind::Url
            | Kind::SecretUrl
            | Kind::SecretTemplateUrl
            | Kind::ProxyUrl
            | Kind::HostPort
            | Kind::TlsVersion => self.checked(kind, node, path),
            Kind::Bool | Kind::OptionalBool => match node.untyped() {
                Some(Untyped::Bool(value)) => Some(Datum::Bool(value)),
                _ => self.mismatch(node, path, "bool", "true or false"),
            },
            Kind::Integer => self.integer(node, path, "int64", i128::from(i64::MIN), i128::from(i64::MAX)),
            Kind::Unsigned => self.integer(node, path, "uint64", 0, i128::from(u64::MAX)),
            Kind::GoDuration => self.go_duration(node, path),
            Kind::GoDurationText => self.go_duration_text(node, path),
            Kind::Duration => self.duration(node, path),
            Kind::Texts => self.list(node, path, "[]string", |item, at| self.text(item, at).map(Datum::Text)),
            Kind::Secrets => self.list(node, path, "[]config.Secret", |item, at| self.value(Kind::Secret, item, at)),
            Kind::TextMap => self.map(node, path, "map[string]string", Kind::Text),
            Kind::SecretsMap => self.map(node, path, "config.ProxyHeader", Kind::Secrets),
            Kind::SectionMap(schema) => self.map(node, path, "config.Headers", Kind::OptionalSection(schema)),
            Kind::Free => Some(free(node)),
            Kind::FreeMap => match &node.value {
                Value::Mapping(_) => {
                    let entries = entries_of(node, path, "map[string]interface {}", self.errors);
                    Some(Datum::Map(entries.into_iter().map(|(key, node)| (key, free(node))).collect()))
                }
                _ => self.mismatch(node, path, "map[string]interface {}", "a mapping"),
            },
            Kind::Section(schema) | Kind::OptionalSection(schema) => {
                Some(Datum::Section(Box::new(self.section(schema, node, path.clone()))))
            }
            Kind::TextOrSection(schema) => match node.text() {
                Some(text) => Some(text_section(schema, text)),
                None => Some(Datum::Section(Box::new(self.section(schema, node, path.clone())))),
            },
            Kind::Sections(schema) => {
                let type_name = format!("[]{}", schema.go_type);
                self.list(node, path, &type_name, |item, at| {
                    let section = self.section(schema, item, at.clone());
                    section.sound.then(|| Datum::Section(Box::new(section)))
                })
            }
        }
    }

    fn text(self, node: &Node, path: &FieldPath) -> Option<String> {
        if node.is_null() {
            return Some(String::new());
        }
        text_of(node, path, self.errors).map(str::to_owned)
    }

    fn path_beside_config(self, node: &Node, path: &FieldPath) -> Option<Datum> {
        let text = self.text(node, path)?;
        let joined = match text.is_empty() || Path::new(&text).is_absolute() {
            true => text,
            false => clean(&self.context.base_dir.join(&text)),
        };
        Some(Datum::Text(joined))
    }

    /// A text that has to have a form.
    fn checked(self, kind: Kind, node: &Node, path: &FieldPath) -> Option<Datum> {
        let text = self.text(node, path)?;
        let secret = |text: String| Datum::Secret(Secret::new(text));
        let (read, allowed) = match kind {
            Kind::SecretUrl => (value::secret_url(&text).map(secret), value::ALLOWED_URL),
            Kind::SecretTemplateUrl => (value::secret_template_url(&text).map(secret), value::ALLOWED_TEMPLATE_URL),
            Kind::ProxyUrl => (value::any_url(&text).map(Datum::Text), "a URL"),
            Kind::HostPort => (value::host_port(&text).map(Datum::Text), "host:port"),
            Kind::TlsVersion => (value::tls_version(&text).map(Datum::Text), "TLS10, TLS11, TLS12 or TLS13"),
            _ => (value::http_url(&text).map(Datum::Text), value::ALLOWED_URL),
        };
        let hide = matches!(kind, Kind::SecretUrl | Kind::SecretTemplateUrl | Kind::ProxyUrl);
        read.map_err(|sentence| {
            let error = refusal(node, path, sentence).allowed(allowed);
            self.errors.add(if hide { error.hidden() } else { error });
        })
        .ok()
    }

    fn integer(self, node: &Node, path: &FieldPath, go: &str, least: i128, greatest: i128) -> Option<Datum> {
        let number = match node.untyped() {
            Some(Untyped::Integer(number)) => Some(number),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "yaml.v2 cuts fractions off; what is beyond is refused"
            )]
            Some(Untyped::Float(number)) if number.is_finite() => Some(number as i128),
            _ => None,
        };
        match number.filter(|number| (least..=greatest).contains(number)) {
            Some(number) => Some(Datum::Integer(number)),
            None => self.mismatch(node, path, go, &format!("a whole number from {least} to {greatest}")),
        }
    }

    fn go_duration(self, node: &Node, path: &FieldPath) -> Option<Datum> {
        let duration = match node.untyped() {
            Some(Untyped::Integer(nanos)) => u64::try_from(nanos).ok().map(Duration::from_nanos),
            _ => node.text().and_then(duration::parse_go),
        };
        match duration {
            Some(duration) => Some(Datum::Duration(duration)),
            None => self.mismatch(node, path, "time.Duration", duration::ALLOWED_GO),
        }
    }

    fn go_duration_text(self, node: &Node, path: &FieldPath) -> Option<Datum> {
        let text = self.text(node, path)?;
        let read = duration::parse_go(&text).map(Datum::Duration);
        if read.is_none() {
            let error = refusal(node, path, value::go_duration_refusal(&text));
            self.errors.add(error.allowed(duration::ALLOWED_GO));
        }
        read
    }

    fn duration(self, node: &Node, path: &FieldPath) -> Option<Datum> {
        let text = self.text(node, path)?;
        let refuse = |sentence| self.errors.add(refusal(node, path, sentence).allowed(duration::ALLOWED));
        duration::parse(&text).map(Datum::Duration).map_err(refuse).ok()
    }

    fn list(
        self,
        node: &Node,
        path: &FieldPath,
        go_type: &str,
        read: impl Fn(&Node, &FieldPath) -> Option<Datum>,
    ) -> Option<Datum> {
        let Value::Sequence(items) = &node.value else {
            return self.mismatch(node, path, go_type, "a list");
        };
        let read: Vec<_> = items.iter().enumerate().map(|(i, item)| read(item, &path.index(i))).collect();
        // Every element is read first, so that all mistakes are found.
        read.into_iter().collect::<Option<Vec<_>>>().map(Datum::List)
    }

    fn map(self, node: &Node, path: &FieldPath, go_type: &str, kind: Kind) -> Option<Datum> {
        if !matches!(node.value, Value::Mapping(_)) {
            return self.mismatch(node, path, go_type, "a mapping");
        }
        let read = |(key, node): (String, &Node)| {
            let datum = if node.is_null() { Some(empty(kind)) } else { self.value(kind, node, &path.key(&key)) };
            datum.map(|datum| (key, datum))
        };
        let read: Vec<_> = entries_of(node, path, go_type, self.errors).into_iter().map(read).collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(Datum::Map)
    }

    fn mismatch(self, node: &Node, path: &FieldPath, go_type: &str, allowed: &str) -> Option<Datum> {
        mismatch(node, path, go_type, allowed, self.errors);
        None
    }
}

/// A path without its dots, as Go's `filepath.Join` makes it.
fn clean(path: &Path) -> String {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if cleaned.file_name().is_some_and(|name| name != "..") => {
                cleaned.pop();
            }
            part => cleaned.push(part),
        }
    }
    cleaned.to_string_lossy().into_owned()
}

/// A value of any kind, typed by YAML 1.1; a date stays the text that it is.
fn free(node: &Node) -> Datum {
    match &node.value {
        Value::Null => Datum::Nothing,
        Value::Sequence(items) => Datum::List(items.iter().map(free).collect()),
        Value::Mapping(entries) => {
            // A key that YAML 1.1 takes for a boolean or a number is never sent, so it is not kept.
            let is_text = |key: &Node| matches!(key.untyped(), Some(Untyped::Text | Untyped::Timestamp));
            let kept = entries.iter().filter(|(key, _)| is_text(key));
            Datum::Map(kept.map(|(key, value)| (key.text().unwrap_or_default().to_owned(), free(value))).collect())
        }
        Value::Scalar { text, .. } => match node.untyped() {
            Some(Untyped::Bool(value)) => Datum::Bool(value),
            Some(Untyped::Integer(value)) => Datum::Integer(value),
            Some(Untyped::Float(value)) => Datum::Float(value),
            _ => Datum::Text(text.to_string()),
        },
    }
}

fn printed(kind: Kind, datum: &Datum) -> Printed {
    match datum {
        Datum::Nothing => Printed::Null,
        Datum::Bool(value) => Printed::Bool(*value),
        Datum::Integer(number) => Printed::number(number),
        Datum::Float(number) => Printed::number(number),
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
