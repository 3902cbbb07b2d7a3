//! Every mistake of a configuration at once, each with its place, in the order in which Alertmanager would meet them.
//!
//! Alertmanager stops at its first mistake. That one is our first too, in its words, so that a reload answers what
//! its users know; the others follow. Its order is: what a value's own reader refuses, in the order of the document and
//! inner before outer; then all that has a wrong type or an unknown name; then what only the whole can tell.

use std::cell::RefCell;
use std::fmt;

use super::node::{Node, Position, Span};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong, in Alertmanager's words where it has any.
    pub sentence: String,
    /// The field: `route.routes[0].receiver`; empty for the document itself.
    pub path: String,
    /// Where it stands; nothing where there is no such place (a file that cannot be read, a missing section).
    pub at: Option<Position>,
    /// The value found there; never a secret.
    pub found: Option<String>,
    /// What may stand there.
    pub allowed: Option<String>,
    stage: Stage,
    span: Span,
}

/// When Alertmanager finds a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// While a value is read: it stops at once.
    Value,
    /// While values get their types: it goes on and reports all of these together.
    Type,
    /// After everything was read.
    Whole,
}

impl ConfigError {
    /// Says what may stand there.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// Says what was found.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// Points at another value than the one that decides the order.
    #[must_use]
    pub fn placed(mut self, node: &Node) -> Self {
        self.at = Some(node.at);
        self.found = Some(node.describe());
        self
    }

    /// Leaves out what was found, for it is a secret.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.found = Some("<secret>".into());
        self
    }
}

/// A field's way from the top of the document: `route.routes[0].receiver`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(String);

impl FieldPath {
    /// The document.
    pub fn top() -> Self {
        Self::default()
    }

    /// A field of this mapping.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        match self.0.is_empty() {
            true => Self(key.to_owned()),
            false => Self(format!("{}.{key}", self.0)),
        }
    }

    /// An element of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Collects mistakes. It is shared by all readers of a document, so it takes them through a shared reference.
#[derive(Debug, Default)]
pub struct Errors {
    list: RefCell<Vec<ConfigError>>,
}

impl Errors {
    /// A mistake that a value's own reader refuses. For a mapping: found when all of its fields have been read.
    pub fn refuse(&self, node: &Node, path: &FieldPath, sentence: impl Into<String>) {
        self.add(refusal(node, path, sentence));
    }

    /// A mistake that only the whole configuration can tell; these keep the order in which they are added.
    pub fn whole(&self, node: Option<&Node>, path: &FieldPath, sentence: impl Into<String>) {
        self.add(on_the_whole(node, path, sentence));
    }

    /// Adds a mistake that [`refusal`], [`mistyped`] or [`on_the_whole`] made.
    pub fn add(&self, error: ConfigError) {
        self.list.borrow_mut().push(error);
    }

    /// Whether nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// All mistakes of the file, in order.
    pub fn finish(self, file: &str) -> ConfigErrors {
        let mut list = self.list.into_inner();
        let types: Vec<u32> = list.iter().filter(|e| e.stage == Stage::Type).map(|e| e.span.last).collect();
        // What has a field of a wrong type is not looked at further by Alertmanager.
        for error in &mut list {
            if error.stage == Stage::Value && types.iter().any(|at| (error.span.first..=error.span.last).contains(at)) {
                error.stage = Stage::Whole;
            }
        }
        list.sort_by_key(|error| (error.stage, if error.stage == Stage::Whole { 0 } else { error.span.last }));
        ConfigErrors { file: file.to_owned(), list }
    }
}

/// See [`Errors::refuse`].
pub fn refusal(node: &Node, path: &FieldPath, sentence: impl Into<String>) -> ConfigError {
    make(Some(node), path, sentence, Stage::Value)
}

/// A value of the wrong type, or a field that does not exist or exists twice. The sentence comes without its line.
pub fn mistyped(node: &Node, path: &FieldPath, sentence: impl Into<String>) -> ConfigError {
    make(Some(node), path, sentence, Stage::Type)
}

/// See [`Errors::whole`].
pub fn on_the_whole(node: Option<&Node>, path: &FieldPath, sentence: impl Into<String>) -> ConfigError {
    make(node, path, sentence, Stage::Whole)
}

fn make(node: Option<&Node>, path: &FieldPath, sentence: impl Into<String>, stage: Stage) -> ConfigError {
    ConfigError {
        sentence: sentence.into(),
        path: path.to_string(),
        at: node.map(|node| node.at),
        found: node.map(Node::describe),
        allowed: None,
        stage,
        span: node.map(|node| node.span).unwrap_or_default(),
    }
}

/// All mistakes of a file; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file's name as given.
    pub file: String,
    /// In the order in which Alertmanager would meet them.
    pub list: Vec<ConfigError>,
}

impl std::error::Error for ConfigErrors {}

impl ConfigErrors {
    /// One mistake about the file as a whole.
    pub fn one(file: &str, at: Option<Position>, sentence: impl Into<String>) -> Self {
        let mut error = make(None, &FieldPath::top(), sentence, Stage::Value);
        error.at = at;
        Self { file: file.to_owned(), list: vec![error] }
    }

    /// What Alertmanager would say, and nothing else.
    pub fn sentence(&self) -> String {
        let Some(first) = self.list.first() else { return String::new() };
        if first.stage != Stage::Type {
            return first.sentence.clone();
        }
        let types = self.list.iter().filter(|error| error.stage == Stage::Type);
        types.fold("yaml: unmarshal errors:".to_owned(), |text, error| {
            text + &format!("\n  line {}: {}", error.at.unwrap_or_default().line, error.sentence)
        })
    }

    /// The place of a mistake and what is wrong there: `routes.yaml:3:5 route.receiver: found …, allowed: …`.
    pub fn place(&self, error: &ConfigError) -> String {
        let mut text = self.file.clone();
        if let Some(Position { line, column }) = error.at {
            text += &format!(":{line}:{column}");
        }
        if !error.path.is_empty() {
            text += &format!(" {}", error.path);
        }
        if let Some(found) = &error.found {
            text += &format!(": found {found}");
        }
        if let Some(allowed) = &error.allowed {
            text += &format!("{} allowed: {allowed}", if error.found.is_some() { ";" } else { ":" });
        }
        text
    }
}

impl fmt::Display for ConfigErrors {
    /// Alertmanager's first sentence; then its place; then the others, each a line with its place below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        let mut told_types = self.list.first().is_some_and(|first| first.stage == Stage::Type);
        for (i, error) in self.list.iter().enumerate() {
            // The first sentence holds all of them already.
            told_types &= error.stage == Stage::Type;
            if i > 0 && !told_types {
                write!(f, "\n{}", error.sentence)?;
            }
            write!(f, "\n  {}", self.place(error))?;
        }
        Ok(())
    }
}
