//! Loads a configuration: from a file or a text to a [`Config`], or to every mistake at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::assets::Asset;
use super::document::Document;
use super::error::{ConfigErrors, Errors, FieldPath};
use super::global::Context;
use super::node::Node;
use super::settings::{Cmms, PlantDatabase, ReceiverConfig};
use super::yaml;
use crate::core::matcher::Mode;
use crate::core::policy::{Policy, ReceiverIdx};

/// What decides how a file is read, besides the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which grammar matchers and names of labels follow.
    pub mode: Mode,
    /// Whether a route may reach a kind of integration that Andon cannot send to: for tools that only look at a file.
    pub unsendable: bool,
    /// Whether an address that the environment has and that is none counts as one that is not set: for a service, which
    /// has others to tell.
    pub forgiving: bool,
}

/// Which engine the templates of a configuration are written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemplateEngine {
    /// Alertmanager's: Go templates.
    #[default]
    Go,
    /// Andon's own: `template_engine: handlebars`.
    Handlebars,
}

/// A configuration that is without mistakes, resolved.
#[derive(Clone)]
pub struct Config {
    /// What the engine has to know.
    pub policy: Arc<Policy>,
    /// How to send; in the order of the policy's receivers.
    pub receivers: Vec<ReceiverConfig>,
    /// The receivers that a route reaches.
    pub used: BTreeSet<ReceiverIdx>,
    /// Patterns of template files, relative ones put beside the configuration file.
    pub templates: Vec<String>,
    /// What the templates are written for.
    pub template_engine: TemplateEngine,
    /// The plant's assets, by code; empty where no file of assets is named.
    pub assets: BTreeMap<Arc<str>, Asset>,
    /// The plant's database, if one is named.
    pub plant_database: Option<PlantDatabase>,
    /// The maintenance systems that work orders are passed on to.
    pub cmms: Vec<Cmms>,
    /// The time zone that people read times in: `time_zone`, else that of the digest, else UTC.
    pub time_zone: Arc<str>,
    /// What `/api/v2/status` shows: as Alertmanager prints it, loadable by amtool, secrets hidden, Andon's own keys left
    /// out and shorthands expanded.
    pub original: String,
    /// The whole configuration as written, Andon's own keys included, secrets hidden.
    pub redacted: String,
    /// The text of the file. It may hold secrets, so it goes nowhere but into a hash.
    pub source: Source,
    /// The SHA-256 of the text, in hexadecimal digits.
    pub sha256: String,
    /// What is allowed and probably not meant; each with its place.
    pub warnings: Vec<String>,
}

/// The text of a configuration file; not shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    /// Its bytes, for hashes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.redacted)
    }
}

impl Config {
    /// Loads a file.
    ///
    /// # Errors
    /// Every mistake that was found, or that the file cannot be read.
    pub fn load(path: &Path, options: &Options) -> Result<Self, ConfigErrors> {
        let name = path.to_string_lossy();
        let text = read_limited(path).map_err(|reason| ConfigErrors::one(&name, None, reason))?;
        Self::parse(&text, &name, path.parent().unwrap_or(Path::new("")), options)
    }

    /// Loads a text. `file_name` is for messages; paths in the text are relative to `base_dir`.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn parse(text: &str, file_name: &str, base_dir: &Path, options: &Options) -> Result<Self, ConfigErrors> {
        let root = yaml::read(text).map_err(|yaml::Unreadable { at, reason }| {
            ConfigErrors::one(file_name, Some(at), format!("yaml: line {}: {reason}", at.line))
        })?;
        let root = root.filter(|root| !root.is_null());
        let Some(root) = root else {
            return Err(ConfigErrors::one(file_name, None, "no route provided in config"));
        };
        let errors = Errors::default();
        let scope = Scope {
            errors: &errors,
            mode: options.mode,
            unsendable: options.unsendable,
            context: Context { base_dir: base_dir.to_owned(), forgiving: options.forgiving },
            file: file_name,
            warnings: RefCell::default(),
        };
        let config = Document::read(&root, &scope).resolve(&scope, text);
        let warnings = scope.warnings.into_inner();
        if !errors.is_empty() {
            return Err(errors.finish(file_name));
        }
        Ok(Self { warnings, sha256: hexadecimal(&Sha256::digest(text)), ..config })
    }

    /// For [`Document::resolve`], which knows the rest.
    pub(super) fn source(text: &str) -> Source {
        Source(text.to_owned())
    }
}

/// What the readers of all sections share.
pub(super) struct Scope<'e> {
    pub(super) errors: &'e Errors,
    pub(super) mode: Mode,
    pub(super) unsendable: bool,
    pub(super) context: Context,
    file: &'e str,
    warnings: RefCell<Vec<String>>,
}

impl Scope<'_> {
    /// Notes what is allowed and probably not meant.
    pub(super) fn warn(&self, node: &Node, path: &FieldPath, warning: &str) {
        let (line, column) = (node.at.line, node.at.column);
        self.warnings.borrow_mut().push(format!("{}:{line}:{column} {path}: {warning}", self.file));
    }
}

/// Reads a file that must not be larger than a configuration may be.
pub(super) fn read_limited(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(|error| format!("open {}: {error}", path.display()))?;
    let mut text = Vec::new();
    // One byte more tells that there is more; the reader of the document then refuses it by its size.
    let limit = u64::try_from(yaml::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut text).map_err(|error| format!("read {}: {error}", path.display()))?;
    String::from_utf8(text).map_err(|_| format!("{}: yaml: invalid UTF-8", path.display()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
