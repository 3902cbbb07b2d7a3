//! Renders what people read: titles, texts, mails, bodies, from what a notification says.
//!
//! Two engines behind one facade, [`Templates`]: Handlebars, which Andon ships its own templates in, and Go templates,
//! so that an Alertmanager's configuration works as it stands. The configuration chooses ([`Engine`]); where a text goes
//! (plain text or HTML) is said by whoever renders it.
//!
//! Promised: a template that cannot work is found when the configuration is loaded, as far as that can be known
//! without data; rendering never panics, is bounded in output, depth and work, and says where it failed. Refused: a
//! clock of its own (the context brings the time), files outside those configured, and the network.

mod data;
mod files;
mod go;
mod handlebars;
pub mod order;
mod order_texts;
mod payload;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::time::Timestamp;

pub use self::data::{Context, Engine, Pairs, sorted_pairs};
use self::go::GoTemplates;
use self::handlebars::HandlebarsTemplates;
pub use self::handlebars::Requests;

/// The longest output of a template, in bytes.
pub const MAX_OUTPUT: usize = 1 << 20;
/// The longest template, in bytes.
pub const MAX_SOURCE: usize = 256 << 10;

/// A moment as people read it in a time zone, which is named: `2026-11-22 15:48 CET`.
pub fn local_time(at: Timestamp, time_zone: &str) -> String {
    let zone = handlebars::time_zone(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let shown = jiff::fmt::strtime::format("%Y-%m-%d %H:%M %Z", &at.to_jiff().to_zoned(zone));
    // What is written there can be said of every moment.
    shown.unwrap_or_else(|_| at.to_string())
}

/// Why a template did not load or render, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl TemplateError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Where the output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// As it is.
    Text,
    /// Into a page: values are escaped.
    Html,
}

/// The templates of one configuration. Cheap to clone, and never changed: a reload makes new ones.
#[derive(Clone, Debug)]
pub struct Templates(Loaded);

#[derive(Clone, Debug)]
enum Loaded {
    Go(Arc<GoTemplates>),
    Handlebars(Arc<HandlebarsTemplates>),
}

impl Templates {
    /// Loads the files that `patterns` mean, with the built-in templates beneath them.
    ///
    /// Patterns are Go's, relative to the folder of the configuration file; one that matches nothing is no mistake.
    ///
    /// # Errors
    /// The first file that cannot be read or cannot work, and why.
    pub fn load(engine: Engine, folder: &Path, patterns: &[String]) -> Result<Self, TemplateError> {
        let mut sources = Vec::new();
        for pattern in patterns {
            for path in files::glob(folder, pattern).map_err(TemplateError::new)? {
                sources.push(files::read(&path)?);
            }
        }
        Ok(Self(match engine {
            Engine::Go => {
                let mut templates = GoTemplates::new()?;
                // Go knows a file by its last name.
                let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
                sources.iter().try_for_each(|(path, text)| templates.add_file(&name(path), text))?;
                Loaded::Go(Arc::new(templates))
            }
            Engine::Handlebars => Loaded::Handlebars(Arc::new(HandlebarsTemplates::new(sources)?)),
        }))
    }

    /// The language that the configuration is written in.
    pub fn engine(&self) -> Engine {
        match &self.0 {
            Loaded::Go(_) => Engine::Go,
            Loaded::Handlebars(_) => Engine::Handlebars,
        }
    }

    /// Looks at a text of the configuration: whether it can be rendered at all.
    ///
    /// # Errors
    /// What is wrong in it, and where.
    pub fn check(&self, text: &str) -> Result<(), TemplateError> {
        match &self.0 {
            Loaded::Go(_) => GoTemplates::check(text),
            Loaded::Handlebars(templates) => templates.check(text),
        }
    }

    /// Renders a text of the configuration as plain text.
    ///
    /// # Errors
    /// What went wrong, and where in the template.
    pub fn render_text(&self, text: &str, context: &Context) -> Result<String, TemplateError> {
        self.render(text, Mode::Text, context)
    }

    /// Renders a text of the configuration as HTML: values from the notification are escaped.
    ///
    /// # Errors
    /// What went wrong, and where in the template.
    pub fn render_html(&self, text: &str, context: &Context) -> Result<String, TemplateError> {
        self.render(text, Mode::Html, context)
    }

    /// Renders a value that is templates all the way down. A rendered text that is YAML for anything but a text becomes
    /// that: `{{ len .Alerts }}` a number, a JSON list a list.
    ///
    /// # Errors
    /// That of the first template that fails.
    pub fn render_payload(&self, value: &Value, context: &Context) -> Result<Value, TemplateError> {
        payload::render(value, &mut |text| self.render_text(text, context))
    }

    /// Renders one of the templates that Andon ships, or the file that replaces it, whatever language the configuration
    /// is written in.
    ///
    /// # Errors
    /// What went wrong, and where in the template.
    pub fn render_own(&self, name: &str, html: bool, context: &Context) -> Result<String, TemplateError> {
        let mode = if html { Mode::Html } else { Mode::Text };
        let text = format!("{{{{> {name}}}}}");
        match &self.0 {
            Loaded::Handlebars(templates) => templates.render(&text, mode, context),
            Loaded::Go(_) => HandlebarsTemplates::shipped()?.render(&text, mode, context),
        }
    }

    /// The labels of the route with their templates rendered, as the webhook's body has them; what fails is left out and
    /// told apart.
    pub fn route_labels(&self, context: &Context) -> (Pairs, Vec<TemplateError>) {
        match &self.0 {
            Loaded::Go(templates) => templates.route_labels(context),
            Loaded::Handlebars(templates) => templates.route_labels(context),
        }
    }

    fn render(&self, text: &str, mode: Mode, context: &Context) -> Result<String, TemplateError> {
        // Most URLs and keys are no templates, and a fifth of a storm's processor time went into filling them in. A page is
        // always filled in: Go takes the comments out of it.
        if mode == Mode::Text && !text.contains("{{") && text.len() <= MAX_SOURCE {
            return Ok(text.to_owned());
        }
        match &self.0 {
            Loaded::Go(templates) => templates.render(text, mode, context),
            Loaded::Handlebars(templates) => templates.render(text, mode, context),
        }
    }
}
