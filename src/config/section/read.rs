//! Reads the values of a section by their kinds.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::super::error::{Errors, FieldPath, refusal};
use super::super::fields::{Fields, entries_of, mismatch, text_of};
use super::super::global::Context;
use super::super::node::{Node, Untyped, Value};
use super::super::schema::{Kind, Schema};
use super::super::secret::Secret;
use super::super::{duration, environment, value};
use super::{Datum, Section, empty, text_section};

/// What reading needs besides the node: where files are looked for, where complaints go.
#[derive(Clone, Copy)]
pub(super) struct Reading<'e> {
    pub(super) context: &'e Context,
    pub(super) errors: &'e Errors,
}

impl Reading<'_> {
    pub(super) fn section(self, schema: &'static Schema, node: &Node, path: FieldPath) -> Section {
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
                None => {
                    section.sound = false;
                    section.broken.push(field.name);
                }
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
            Kind::HostPort => (self.host_port(text).map(Datum::Text), value::ALLOWED_HOST_PORT),
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

    fn host_port(self, text: String) -> Result<String, String> {
        let read = value::host_port(&text);
        // It stays as it is written, and so as what it waits for.
        let forgiven = self.context.forgiving && environment::reference(&text).is_some();
        if forgiven { Ok(text) } else { read }
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
pub(in crate::config) fn clean(path: &Path) -> String {
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
