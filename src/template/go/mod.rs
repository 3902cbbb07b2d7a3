//! Go templates, as Alertmanager's configuration files have them.
//!
//! gotmpl parses and executes; this folder alone knows it. What Alertmanager adds to Go's templates stands here: its
//! types ([`value`]), methods ([`access`]), functions ([`functions`]) and default templates (`defaults.tmpl`).
//! Promised: a template that is accepted by Alertmanager gives the same text, a template that it refuses when it loads
//! is refused with the same words, and no template can end or occupy the process (see [`call`]).

mod access;
mod blocks;
mod call;
mod compare;
mod functions;
mod layout;
mod numbers;
mod print;
mod printf;
mod rewrite;
mod time;
mod value;
mod words;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use gotmpl::TemplateError as GoError;
use gotmpl::parse::Parser;

use self::call::Run;
use self::rewrite::{Rewritten, Source, rewrite, rewrite_definition};
use self::time::GoTime;
use super::data::{Context, Pairs};
use super::{MAX_OUTPUT, MAX_SOURCE, Mode, TemplateError};

/// How often `range` may go round in one run.
const MAX_ITERATIONS: u64 = 1_000_000;
/// The name under which a text of the configuration is run.
const INLINE: &str = "\u{0}inline";

const DEFAULTS: &str = include_str!("defaults.tmpl");
const EMAIL_DEFAULTS: &str = include_str!("email.tmpl");

/// The named templates: Andon's for Alertmanager's default names, and those of the configured files.
#[derive(Clone, Debug)]
pub(super) struct GoTemplates {
    named: BTreeMap<String, Rewritten>,
}

impl GoTemplates {
    /// The default templates alone.
    ///
    /// # Errors
    /// Never: a test loads them.
    pub(super) fn new() -> Result<Self, TemplateError> {
        let mut templates = Self { named: BTreeMap::new() };
        templates.add_file("default.tmpl", DEFAULTS)?;
        templates.add_file("email.tmpl", EMAIL_DEFAULTS)?;
        Ok(templates)
    }

    /// Adds the templates of a file; a name that is known already is redefined.
    ///
    /// # Errors
    /// Go's text of what is wrong in it.
    pub(super) fn add_file(&mut self, file: &str, text: &str) -> Result<(), TemplateError> {
        let (main, named) = parse(Source { file, text })?;
        self.define(file.to_owned(), main);
        for (name, template) in named {
            self.define(name, template);
        }
        Ok(())
    }

    /// As in Go, a body of white space does not replace one that says something.
    fn define(&mut self, name: String, template: Rewritten) {
        if !template.tree.is_empty_tree() || !self.named.contains_key(&name) {
            self.named.insert(name, template);
        }
    }

    /// Parses a text of the configuration without running it.
    ///
    /// # Errors
    /// Go's text of what is wrong in it.
    pub(super) fn check(text: &str) -> Result<(), TemplateError> {
        parse(Source { file: "", text }).map(|_| ())
    }

    /// Renders a text of the configuration for a notification.
    ///
    /// # Errors
    /// What went wrong, and where in the template.
    pub(super) fn render(self: &Arc<Self>, text: &str, mode: Mode, context: &Context) -> Result<String, TemplateError> {
        let (route_labels, _) = self.route_labels(context);
        self.run(text, mode, self.start(context, &route_labels))
    }

    /// The labels of the route with their templates rendered, and what failed: that label is left out.
    pub(super) fn route_labels(self: &Arc<Self>, context: &Context) -> (Pairs, Vec<TemplateError>) {
        let (mut rendered, mut failed) = (Pairs::new(), Vec::new());
        if context.data.route_labels.is_empty() {
            return (rendered, failed);
        }
        let run = self.start(context, &Pairs::new());
        for (name, _) in &context.data.route_labels {
            match run.route_label(name) {
                Ok(shown) => {
                    rendered.insert(name.to_owned(), shown);
                }
                Err(error) => failed.push(TemplateError::new(format!("route label {name}: {error}"))),
            }
        }
        (rendered, failed)
    }

    fn start(self: &Arc<Self>, context: &Context, route_labels: &Pairs) -> Run {
        let raw = context.data.route_labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Run::new(self.clone(), value::dot(context, route_labels), Arc::new(raw), GoTime::from(context.now))
    }

    /// Runs a text of the configuration.
    fn run(&self, text: &str, mode: Mode, run: Run) -> Result<String, TemplateError> {
        if text.is_empty() {
            return Ok(String::new());
        }
        let (main, named) = parse(Source { file: "", text })?;
        let mut needed: BTreeMap<&str, &Rewritten> = BTreeMap::new();
        let mut open = vec![(INLINE, &main)];
        while let Some((name, template)) = open.pop() {
            if needed.insert(name, template).is_none() {
                let found = template.calls.iter().filter_map(|called| {
                    let own = named.iter().rev().find(|(name, _)| name == called).map(|(_, template)| template);
                    let template = own.or_else(|| self.named.get(called))?;
                    Some((called.as_str(), template))
                });
                open.extend(found.filter(|(name, _)| !needed.contains_key(name)));
            }
        }
        let mut out = Capped::default();
        let done = match mode {
            Mode::Text => run_text(&needed, &run, &mut out),
            Mode::Html => run_html(&needed, &run, &mut out),
        };
        match done {
            Ok(()) => Ok(out.text),
            Err(_) if out.full => Err(TemplateError::new(format!("the output is longer than {MAX_OUTPUT} bytes"))),
            Err(error) => Err(shown(&error, "")),
        }
    }
}

const START: &str = "{{template \"\u{0}inline\" .}}";

fn run_text(needed: &BTreeMap<&str, &Rewritten>, run: &Run, out: &mut Capped) -> Result<(), GoError> {
    let template = gotmpl::Template::new("").max_range_iters(MAX_ITERATIONS).funcs(run.functions()).parse(START)?;
    let add = |template: gotmpl::Template, (name, body): (&&str, &&Rewritten)| {
        template.add_parse_tree(name, body.tree.clone())
    };
    needed.iter().fold(template, add).execute_fmt(out, run.dot())
}

fn run_html(needed: &BTreeMap<&str, &Rewritten>, run: &Run, out: &mut Capped) -> Result<(), GoError> {
    let template =
        gotmpl::html::Template::new("").max_range_iters(MAX_ITERATIONS).funcs(run.functions()).parse(START)?;
    let template =
        needed.iter().try_fold(template, |template, (name, body)| template.add_parse_tree(name, body.tree.clone()))?;
    template.execute_fmt(out, run.dot())
}

/// Parses a file or a text: its own body, and what it defines.
fn parse(source: Source<'_>) -> Result<(Rewritten, Vec<(String, Rewritten)>), TemplateError> {
    let Source { file, text } = source;
    if text.len() > MAX_SOURCE {
        return Err(TemplateError::new(format!("template: {file}: longer than {MAX_SOURCE} bytes")));
    }
    let parser = Parser::with_name(Some(file), text, "{{", "}}").map_err(|error| shown(&error, file))?;
    // Only a text whose actions are all closed has blocks to count.
    blocks::check(text).map_err(|(line, message)| TemplateError::new(format!("template: {file}:{line}: {message}")))?;
    let (main, definitions) = parser.parse().map_err(|error| shown(&error, file))?;
    let main = rewrite(source, file, main).map_err(TemplateError::new)?;
    let mut named: Vec<(String, Rewritten)> = Vec::new();
    for definition in definitions {
        let (name, line) = (definition.name.to_string(), definition.pos.line);
        let rewritten = rewrite_definition(source, definition).map_err(TemplateError::new)?;
        let twice = named.iter().any(|(known, other)| *known == name && !other.tree.is_empty_tree());
        if twice && !rewritten.tree.is_empty_tree() {
            let message = format!("template: {file}:{line}: multiple definition of template {name:?}");
            return Err(TemplateError::new(message));
        }
        if !twice {
            named.push((name, rewritten));
        }
    }
    Ok((main, named))
}

/// An error of the engine in Go's words, as far as they are known.
fn shown(error: &GoError, file: &str) -> TemplateError {
    TemplateError::new(match error {
        GoError::Lex { line, message, .. } | GoError::Parse { line, message, .. } => {
            format!("template: {file}:{line}: {message}")
        }
        GoError::Exec(message) if message.starts_with("template: ") => message.clone(),
        GoError::Exec(message) => format!("template: {file}: {message}"),
        GoError::UndefinedTemplate(name) => format!("template: {file}: template {name:?} not defined"),
        GoError::RecursionLimit => format!("template: {file}: templates call each other too deeply"),
        GoError::RangeIterLimit => format!("template: {file}: range goes round too often"),
        other => format!("template: {file}: {other}"),
    })
}

/// Takes what is written up to the limit of an output.
#[derive(Default)]
struct Capped {
    text: String,
    full: bool,
}

impl fmt::Write for Capped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > MAX_OUTPUT {
            self.full = true;
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}
