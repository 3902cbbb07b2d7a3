//! One run of a template: what its functions may see, and how much work they may do.
//!
//! A template is written by whoever writes the configuration, and must not take the router down: work is counted in
//! steps, values and texts have a size, lists and dicts a depth. What exceeds a limit ends the run with an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gotmpl::{FuncMap, TemplateError, Value};

use super::functions::{Arity, FUNCTIONS};
use super::time::GoTime;
use super::value::entries;
use super::{GoTemplates, access};
use crate::template::data::Pairs;
use crate::template::{MAX_OUTPUT, Mode};

/// Steps of one run: calls, and the size of what they handle.
const MAX_STEPS: u64 = 5_000_000;
/// The size of a list or dict with all that is in it, in bytes, roughly.
const MAX_WEIGHT: usize = 16 << 20;
/// How deeply lists and dicts may be nested.
const MAX_DEPTH: usize = 32;
/// How deeply route labels may refer to each other.
const MAX_ROUTE_LABELS: usize = 8;
/// The name of the function that counts the templates entered.
pub(super) const TICK: &str = "__tick";

/// Why a function did not give a value.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was called and failed: Go says `error calling name: …`.
    Called(String),
    /// The wrong number of arguments, which Go reports of the name alone.
    Arguments(String),
    /// An argument that it cannot take.
    Argument(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Called(message) | Self::Arguments(message) | Self::Argument(message)) = self;
        f.write_str(message)
    }
}

/// What the functions of one run share.
#[derive(Clone)]
pub(super) struct Run {
    templates: Arc<GoTemplates>,
    dot: Value,
    route_labels: Arc<Pairs>,
    now: GoTime,
    steps: Arc<AtomicU64>,
    /// The route labels being rendered, the outermost first.
    path: Vec<String>,
}

impl Run {
    /// A run with nothing done yet.
    pub(super) fn new(templates: Arc<GoTemplates>, dot: Value, route_labels: Arc<Pairs>, now: GoTime) -> Self {
        Self { templates, dot, route_labels, now, steps: Arc::default(), path: Vec::new() }
    }

    /// The time of the run.
    pub(super) fn now(&self) -> &GoTime {
        &self.now
    }

    /// Counts work of this size.
    pub(super) fn charge(&self, size: usize) -> Result<(), Failure> {
        let steps = 1 + size as u64 / 64;
        if self.steps.fetch_add(steps, Ordering::Relaxed) > MAX_STEPS {
            return Err(Failure::Called("the template does too much work".to_owned()));
        }
        Ok(())
    }

    /// Refuses a text that is longer than an output may be.
    pub(super) fn fits(&self, length: usize) -> Result<(), Failure> {
        if length > MAX_OUTPUT {
            return Err(Failure::Called(format!("the text is longer than {MAX_OUTPUT} bytes")));
        }
        Ok(())
    }

    /// Gives back a list or dict that is neither too large nor too deep.
    pub(super) fn weighed(&self, made: Value) -> Result<Value, Failure> {
        let mut left = MAX_WEIGHT;
        if !weigh(&made, MAX_DEPTH, &mut left) {
            return Err(Failure::Called("the list or dict grows too large".to_owned()));
        }
        self.charge(MAX_WEIGHT - left)?;
        Ok(made)
    }

    /// Renders a label of the route, which may use others.
    pub(super) fn route_label(&self, name: &str) -> Result<String, Failure> {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        if self.path.iter().any(|open| open == name) {
            return Err(Failure::Called(format!("route label cycle detected: {}", path.join(" -> "))));
        }
        if path.len() > MAX_ROUTE_LABELS {
            return Err(Failure::Called("route labels refer to each other too deeply".to_owned()));
        }
        let Some(template) = self.route_labels.get(name) else { return Ok(String::new()) };
        let run = Self { path, ..self.clone() };
        self.templates.run(template, Mode::Text, run).map_err(|error| Failure::Called(error.to_string()))
    }

    /// The dot of the run.
    pub(super) fn dot(&self) -> &Value {
        &self.dot
    }

    /// The functions as the engine takes them: the first argument says where the call stands.
    pub(super) fn functions(&self) -> FuncMap {
        let mut functions = FuncMap::new();
        let own = FUNCTIONS.iter().map(|(name, arity, function)| (*name, arity, *function));
        for (name, arity, function) in own.chain([(access::GET, &Arity::AtLeast(2), access::get as _)]) {
            let run = self.clone();
            let call = move |args: &[Value]| {
                let (site, args) =
                    args.split_first().map_or(("", args), |(site, rest)| (site.as_str().unwrap_or(""), rest));
                check_arity(name, arity, args.len())
                    .and_then(|()| run.charge(args.iter().map(shallow).sum()))
                    .and_then(|()| function(&run, args))
                    .and_then(|result| run.fits(length(&result)).map(|()| result))
                    .map_err(|failure| located(failure, name, site))
            };
            functions.insert(name.to_owned(), Arc::new(call));
        }
        let run = self.clone();
        let tick = move |_: &[Value]| run.charge(0).map(|()| Value::Nil).map_err(|failure| located(failure, "", ""));
        functions.insert(TICK.to_owned(), Arc::new(tick));
        functions
    }
}

fn check_arity(name: &str, arity: &Arity, got: usize) -> Result<(), Failure> {
    let wanted = match arity {
        Arity::Exactly(wanted) if got != *wanted => wanted.to_string(),
        Arity::AtLeast(wanted) if got < *wanted => format!("at least {wanted}"),
        _ => return Ok(()),
    };
    Err(Failure::Arguments(format!("wrong number of args for {name}: want {wanted} got {got}")))
}

/// A failure with the place in the template, in Go's words.
fn located(failure: Failure, name: &str, site: &str) -> TemplateError {
    TemplateError::Exec(match failure {
        Failure::Called(message) if name.is_empty() || name.starts_with("__") => format!("{site}: {message}"),
        Failure::Called(message) => format!("{site}: error calling {name}: {message}"),
        Failure::Argument(message) => format!("{site}: {message}"),
        Failure::Arguments(message) => match site.split_once(" at <") {
            Some((place, _)) if !name.starts_with("__") => format!("{place} at <{name}>: {message}"),
            _ => format!("{site}: {message}"),
        },
    })
}

fn length(value: &Value) -> usize {
    match value {
        Value::String(text) | Value::Safe { s: text, .. } => text.len(),
        _ => 0,
    }
}

/// The size of a value without what is in it.
fn shallow(value: &Value) -> usize {
    match value {
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        other => length(other),
    }
}

/// Takes the size of a value off what is left; whether there was enough, and the value is not too deep.
fn weigh(value: &Value, depth: usize, left: &mut usize) -> bool {
    let enough = left.checked_sub(16 + length(value));
    *left = enough.unwrap_or(0);
    enough.is_some()
        && match value {
            Value::List(items) => depth > 0 && items.iter().all(|item| weigh(item, depth - 1, left)),
            Value::Map(_) => depth > 0 && entries(value).all(|(_, item)| weigh(item, depth - 1, left)),
            _ => true,
        }
}
