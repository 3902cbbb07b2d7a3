//! The words with which the tables of sections are written: a section is a list of fields in Alertmanager's order.
//!
//! One table drives everything that is the same for all sections: which keys are allowed, what a value must look like,
//! what holds where nothing is said, what is hidden, and how the section is printed for `config.original`. What needs
//! more than a table (rules between fields, inheritance from `global`) is code beside the table.

use super::section::Section;

/// A section of the configuration.
#[derive(Debug)]
pub struct Schema {
    /// Go's name of the type, as Alertmanager's messages have it: `webhook.plain`.
    pub go_type: &'static str,
    /// The keys, in the order in which they are printed.
    pub fields: &'static [Field],
    /// The rules between the fields.
    pub settle: Settle,
}

/// Completes a section whose fields have been read, and adds a sentence for each rule that it breaks, in the order in
/// which Alertmanager looks at them.
pub type Settle = fn(&mut Section, &mut Vec<String>);

/// A section without rules between its fields.
pub fn no_rules(_: &mut Section, _: &mut Vec<String>) {}

/// One key of a section.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What its value must look like.
    pub kind: Kind,
    /// What holds where the key is absent.
    pub preset: Preset,
    /// Whether it is printed where it holds nothing.
    pub always_printed: bool,
    /// Whether it is Andon's own, and no part of what Alertmanager would print.
    pub own: bool,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any scalar, as it is written; may be a template.
    Text,
    /// Like [`Kind::Text`], printed as `<secret>`.
    Secret,
    /// Like [`Kind::Secret`], where an empty text is not the same as none.
    OptionalSecret,
    /// An HTTP URL.
    Url,
    /// An HTTP URL, printed as `<secret>`, which may stand in place of the URL as well.
    SecretUrl,
    /// An HTTP URL or a template that makes one, printed as `<secret>`.
    SecretTemplateUrl,
    /// A URL of any kind, whose password is printed as `xxxxx`.
    ProxyUrl,
    /// Host and port.
    HostPort,
    /// `TLS10` to `TLS13`.
    TlsVersion,
    /// A file, taken as it is written.
    Path,
    /// A file, relative to the folder of the configuration file.
    PathBesideConfig,
    /// Files, relative to the folder of the configuration file.
    PathsBesideConfig,
    /// A boolean.
    Bool,
    /// A boolean, where `false` is not the same as nothing.
    OptionalBool,
    /// A whole number, maybe negative.
    Integer,
    /// A whole number.
    Unsigned,
    /// Go's duration (`1m30s`), or a whole number of nanoseconds.
    GoDuration,
    /// Go's duration, as a text only.
    GoDurationText,
    /// Prometheus' duration (`1d`).
    Duration,
    /// A list of texts.
    Texts,
    /// A list of texts, each printed as `<secret>`.
    Secrets,
    /// Texts by name.
    TextMap,
    /// Lists of secrets by name.
    SecretsMap,
    /// Anything.
    Free,
    /// Anything by name.
    FreeMap,
    /// A section that is always there, maybe empty.
    Section(&'static Schema),
    /// A section that may be absent.
    OptionalSection(&'static Schema),
    /// A text, which stands for the first field of the section, or the section.
    TextOrSection(&'static Schema),
    /// A list of sections.
    Sections(&'static Schema),
    /// Sections by name.
    SectionMap(&'static Schema),
}

/// What holds where a key is absent.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// The empty value of the kind.
    Empty,
    /// This text; of a [`Kind::TextOrSection`] the first field.
    Text(&'static str),
    /// Yes.
    True,
    /// An optional section that is there, with the presets of its own fields.
    Present,
    /// So many seconds.
    Seconds(u32),
}

impl Field {
    /// A field of a kind that is empty where the key is absent, and then not printed.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, preset: Preset::Empty, always_printed: false, own: false }
    }

    /// The same field, printed even where it holds nothing.
    #[must_use]
    pub const fn always(self) -> Self {
        Self { always_printed: true, ..self }
    }

    /// The same field as one of Andon's own.
    #[must_use]
    pub const fn own(self) -> Self {
        Self { own: true, ..self }
    }

    /// The same field with something that holds where the key is absent.
    #[must_use]
    pub const fn or(self, preset: Preset) -> Self {
        Self { preset, ..self }
    }
}

/// A text or a template.
pub const fn text(name: &'static str) -> Field {
    Field::new(name, Kind::Text)
}

/// A text or a template, with what holds where the key is absent.
pub const fn text_or(name: &'static str, preset: &'static str) -> Field {
    Field::new(name, Kind::Text).or(Preset::Text(preset))
}

/// A secret.
pub const fn secret(name: &'static str) -> Field {
    Field::new(name, Kind::Secret)
}

/// A file, taken as it is written.
pub const fn path(name: &'static str) -> Field {
    Field::new(name, Kind::Path)
}

/// A boolean that is printed where it is true.
pub const fn flag(name: &'static str) -> Field {
    Field::new(name, Kind::Bool)
}

/// An HTTP URL.
pub const fn url(name: &'static str) -> Field {
    Field::new(name, Kind::Url)
}

/// An HTTP URL that is a secret.
pub const fn secret_url(name: &'static str) -> Field {
    Field::new(name, Kind::SecretUrl)
}

/// Go's duration for one attempt to send; always printed.
pub const fn timeout() -> Field {
    Field::new("timeout", Kind::GoDuration).always()
}
