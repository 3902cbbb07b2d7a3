//! Handlebars templates: what Andon ships, and what the plant writes.
//!
//! Files are loaded together into new registries and never change after that. Two registries, since escaping belongs to
//! one: `*.html.hbs` are pages and escape what they print, every other `*.hbs` is text. A name is the path beneath the
//! folder `templates`, without the endings: `notify/email/body`.
//!
//! Promised: strict (a name that does not exist is an error, not nothing), no cycles of partials, bounded in output and
//! work; each file is rendered against a sample when it is loaded. Refused, with a reason: names of partials that are
//! computed, partials and helpers defined inline, `{{{ }}}` in pages, which would let a label write HTML.

mod check;
mod context;
mod helpers;
mod request;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use handlebars::{Handlebars, Output, RenderContext, RenderError, RenderErrorReason, Renderable, Template};
use serde_json::Value;

pub(super) use helpers::time_zone;
pub use request::Requests;

use super::data::{Context, Pairs};
use super::go::GoTemplates;
use super::{MAX_OUTPUT, MAX_SOURCE, Mode, TemplateError};

/// What Andon ships: names as files have them.
const BUILT_IN: [(&str, &str); 17] = [
    ("notify/email/subject.hbs", include_str!("../../../templates/notify/email/subject.hbs")),
    ("notify/email/body.html.hbs", include_str!("../../../templates/notify/email/body.html.hbs")),
    ("notify/email/alert.html.hbs", include_str!("../../../templates/notify/email/alert.html.hbs")),
    ("notify/email/body.hbs", include_str!("../../../templates/notify/email/body.hbs")),
    ("notify/alert.hbs", include_str!("../../../templates/notify/alert.hbs")),
    ("notify/slack/title.hbs", include_str!("../../../templates/notify/slack/title.hbs")),
    ("notify/slack/text.hbs", include_str!("../../../templates/notify/slack/text.hbs")),
    ("notify/pagerduty/summary.hbs", include_str!("../../../templates/notify/pagerduty/summary.hbs")),
    ("notify/pagerduty/details.hbs", include_str!("../../../templates/notify/pagerduty/details.hbs")),
    ("notify/order/subject.hbs", include_str!("../../../templates/notify/order/subject.hbs")),
    ("notify/order/body.hbs", include_str!("../../../templates/notify/order/body.hbs")),
    ("notify/order/body.html.hbs", include_str!("../../../templates/notify/order/body.html.hbs")),
    ("notify/order/digest_subject.hbs", include_str!("../../../templates/notify/order/digest_subject.hbs")),
    ("notify/order/digest.hbs", include_str!("../../../templates/notify/order/digest.hbs")),
    ("notify/order/digest.html.hbs", include_str!("../../../templates/notify/order/digest.html.hbs")),
    ("work_order/title.hbs", include_str!("../../../templates/work_order/title.hbs")),
    ("work_order/description.hbs", include_str!("../../../templates/work_order/description.hbs")),
];

/// Which shipped template stands for which of Alertmanager's default names.
const STANDS_FOR: [(&str, &str); 5] = [
    ("email.default.subject", "notify/email/subject"),
    ("email.default.html", "notify/email/body"),
    ("slack.default.title", "notify/slack/title"),
    ("slack.default.text", "notify/slack/text"),
    ("pagerduty.default.description", "notify/pagerduty/summary"),
];

/// Alertmanager's defaults that are Go templates without a name: those of PagerDuty's details.
const GO_DEFAULTS: [&str; 4] = [
    "{{ .Alerts.Firing | toJson }}",
    "{{ .Alerts.Resolved | toJson }}",
    "{{ .Alerts.Firing | len }}",
    "{{ .Alerts.Resolved | len }}",
];

/// The loaded templates.
pub(super) struct HandlebarsTemplates {
    text: Handlebars<'static>,
    html: Handlebars<'static>,
    /// For the defaults of Alertmanager's configuration, which are Go templates in any engine.
    go: Arc<GoTemplates>,
}

impl std::fmt::Debug for HandlebarsTemplates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlebarsTemplates")
            .field("templates", &self.text.get_templates().len())
            .finish_non_exhaustive()
    }
}

impl HandlebarsTemplates {
    /// Those that Andon ships, alone; loaded once.
    ///
    /// # Errors
    /// Never, as long as what is shipped can work, which a test sees to.
    pub(super) fn shipped() -> Result<&'static Self, TemplateError> {
        static SHIPPED: std::sync::LazyLock<Result<HandlebarsTemplates, TemplateError>> =
            std::sync::LazyLock::new(|| HandlebarsTemplates::new(Vec::new()));
        SHIPPED.as_ref().map_err(Clone::clone)
    }

    /// Loads files over those that Andon ships; a name that is known already is replaced.
    ///
    /// # Errors
    /// What is wrong in the first file that cannot work, and where.
    pub(super) fn new(sources: Vec<(String, String)>) -> Result<Self, TemplateError> {
        let shipped = BUILT_IN.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
        let mut pages = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for (file, source) in shipped.chain(sources) {
            let name = file.rsplit_once("templates/").map_or(&*file, |(_, name)| name);
            let (kind, name) = match (name.strip_suffix(".html.hbs"), name.strip_suffix(".hbs")) {
                (Some(name), _) => (&mut pages, name),
                (None, Some(name)) => (&mut texts, name.strip_suffix(".txt").unwrap_or(name)),
                (None, None) => return Err(TemplateError::new(format!("{file}: a Handlebars file ends in .hbs"))),
            };
            kind.insert(name.to_owned(), (file.clone(), source));
        }
        let mut templates =
            Self { text: registry(Mode::Text), html: registry(Mode::Html), go: Arc::new(GoTemplates::new()?) };
        // A page may use a text, which is escaped there like any value.
        let texts_for_pages = texts.iter().filter(|(name, _)| !pages.contains_key(*name));
        let for_pages: BTreeMap<_, _> = pages.iter().chain(texts_for_pages).collect();
        let needs = register(&mut templates.html, for_pages, Mode::Html)?;
        templates.dry_run(Mode::Html, &needs)?;
        let needs = register(&mut templates.text, texts.iter().collect(), Mode::Text)?;
        templates.dry_run(Mode::Text, &needs)?;
        Ok(templates)
    }

    /// Looks at a text of the configuration and renders it against a sample.
    ///
    /// # Errors
    /// What is wrong in it, and where.
    pub(super) fn check(&self, text: &str) -> Result<(), TemplateError> {
        if is_go_default(text) {
            return Ok(());
        }
        let (template, needs) = compile("", text, Mode::Text)?;
        needs.check_partials("", |name| self.text.has_template(name) || self.html.has_template(name))?;
        let sample = sample::context(&needs);
        let context = context::json(&sample, &as_written(&sample), &self.go);
        // It may be meant for a page, whose partials are pages.
        self.run(&template, Mode::Text, &context).or_else(|_| self.run(&template, Mode::Html, &context)).map(drop)
    }

    /// Renders a text of the configuration for a notification.
    ///
    /// # Errors
    /// What went wrong, and where.
    pub(super) fn render(&self, text: &str, mode: Mode, context: &Context) -> Result<String, TemplateError> {
        let (route_labels, _) = self.route_labels(context);
        self.render_with(text, mode, context, &route_labels)
    }

    fn render_with(
        &self,
        text: &str,
        mode: Mode,
        context: &Context,
        route_labels: &Pairs,
    ) -> Result<String, TemplateError> {
        if let Some(shipped) = stands_for(text)
            && let Some(template) = self.registry(mode).get_template(shipped)
        {
            return self.run(template, mode, &context::json(context, route_labels, &self.go));
        }
        if is_go_default(text) {
            return self.go.render(text, mode, context);
        }
        let (template, needs) = compile("", text, mode)?;
        needs.check_partials("", |name| self.registry(mode).has_template(name))?;
        self.run(&template, mode, &context::json(context, route_labels, &self.go))
    }

    /// The labels of the route with their templates rendered, and what failed.
    pub(super) fn route_labels(&self, context: &Context) -> (Pairs, Vec<TemplateError>) {
        let (mut rendered, mut failed) = (Pairs::new(), Vec::new());
        for (name, template) in &context.data.route_labels {
            match self.render_with(template, Mode::Text, context, &as_written(context)) {
                Ok(shown) => {
                    rendered.insert(name.to_owned(), shown);
                }
                Err(error) => failed.push(TemplateError::new(format!("route label {name}: {error}"))),
            }
        }
        (rendered, failed)
    }

    fn registry(&self, mode: Mode) -> &Handlebars<'static> {
        match mode {
            Mode::Text => &self.text,
            Mode::Html => &self.html,
        }
    }

    /// Renders what no other template includes; the rest is rendered by whoever includes it, with the context it needs.
    fn dry_run(&self, mode: Mode, needs: &check::Needs) -> Result<(), TemplateError> {
        let registry = self.registry(mode);
        let sample = sample::context(needs);
        let context = context::json(&sample, &as_written(&sample), &self.go);
        for (name, template) in registry.get_templates().iter().collect::<BTreeMap<_, _>>() {
            if !needs.includes(name) {
                self.run(template, mode, &context)?;
            }
        }
        Ok(())
    }

    fn run(&self, template: &Template, mode: Mode, context: &Value) -> Result<String, TemplateError> {
        let context = handlebars::Context::from(context.clone());
        let mut out = Capped::default();
        helpers::with_budget(|| {
            template.render(self.registry(mode), &context, &mut RenderContext::new(None), &mut out)
        })
        .map_err(|error| reworded(&error, template.name.as_deref().unwrap_or("")))?;
        Ok(out.0)
    }
}

/// The labels of the route with their templates as they stand: what these templates themselves see of each other.
fn as_written(context: &Context) -> Pairs {
    context.data.route_labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn registry(mode: Mode) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    match mode {
        Mode::Text => registry.register_escape_fn(handlebars::no_escape),
        Mode::Html => registry.register_escape_fn(handlebars::html_escape),
    }
    helpers::register(&mut registry);
    registry
}

type Files<'a> = BTreeMap<&'a String, &'a (String, String)>;

/// Compiles files into a registry and looks at all of them together.
fn register(registry: &mut Handlebars<'static>, files: Files<'_>, mode: Mode) -> Result<check::Needs, TemplateError> {
    let mut all = check::Needs::default();
    let mut partials = BTreeMap::new();
    for (name, (file, source)) in &files {
        // A text that a page uses may have `{{{ }}}`: as a text it prints the same.
        let own = if file.ends_with(".html.hbs") { mode } else { Mode::Text };
        let (template, needs) = compile(file, source, own)?;
        registry.register_template(name, template);
        partials.insert((*name).clone(), (file.clone(), needs.partials.clone()));
        all.add(needs);
    }
    for (file, needed) in partials.values() {
        check::missing(file, needed, |name| files.contains_key(&name.to_owned()))?;
    }
    check::cycles(&partials)?;
    Ok(all)
}

fn compile(file: &str, source: &str, mode: Mode) -> Result<(Template, check::Needs), TemplateError> {
    if source.len() > MAX_SOURCE {
        return Err(TemplateError::new(format!("{file}: {} bytes; {MAX_SOURCE} are allowed", source.len())));
    }
    check::source(file, source)?;
    let mut template = Template::compile_with_name(source, file.to_owned()).map_err(|error| {
        let place = error.pos().map(|(line, column)| format!("{line}:{column}: ")).unwrap_or_default();
        let reason = match error.reason() {
            handlebars::TemplateErrorReason::MismatchingClosedHelper(open, close)
            | handlebars::TemplateErrorReason::MismatchingClosedDecorator(open, close) => {
                format!("{{{{/{close}}}}} stands where {{{{#{open}}}}} must be closed")
            }
            _ => "this is not Handlebars: a name, a helper with its arguments or a block was expected".to_owned(),
        };
        TemplateError::new(format!("{}{place}{reason}", prefix(file)))
    })?;
    let needs = check::template(file, &mut template, mode)?;
    Ok((template, needs))
}

/// `mail.hbs:`, or nothing for a text of the configuration.
fn prefix(file: &str) -> String {
    if file.is_empty() { String::new() } else { format!("{file}:") }
}

/// An error of the engine for people.
fn reworded(error: &RenderError, file: &str) -> TemplateError {
    let file = error.template_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(file);
    let place = match (error.line_no, error.column_no) {
        (Some(line), Some(column)) => format!("{line}:{column}: "),
        _ => String::new(),
    };
    let reason = match error.reason() {
        RenderErrorReason::MissingVariable(Some(path)) => format!(
            "there is no `{path}` here; where it may be absent, ask with {{{{#if {path}}}}} or {{{{default {path} \"-\"}}}}"
        ),
        RenderErrorReason::MissingVariable(None) => "a name is not known here".to_owned(),
        RenderErrorReason::HelperNotFound(name) => format!("there is no helper `{name}`"),
        RenderErrorReason::PartialNotFound(name) => format!("there is no template `{name}`"),
        RenderErrorReason::NestedError(inner) => inner.to_string(),
        RenderErrorReason::IOError(inner) => inner.to_string(),
        other => other.to_string(),
    };
    TemplateError::new(format!("{}{place}{reason}", prefix(file)))
}

fn is_go_default(text: &str) -> bool {
    GO_DEFAULTS.contains(&text) || go_name(text).is_some()
}

/// The name in `{{ template "name" . }}`; Alertmanager writes one of them without the last space.
fn go_name(text: &str) -> Option<&str> {
    text.strip_prefix("{{ template \"")?
        .strip_suffix("}}")?
        .trim_end()
        .strip_suffix("\" .")
        .filter(|name| !name.contains(['"', '{', '}']))
}

fn stands_for(text: &str) -> Option<&'static str> {
    let name = go_name(text)?;
    STANDS_FOR.iter().find(|(default, _)| *default == name).map(|(_, shipped)| *shipped)
}

/// Takes what is written up to the limit of an output.
#[derive(Default)]
struct Capped(String);

impl Output for Capped {
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        if self.0.len() + text.len() > MAX_OUTPUT {
            return Err(std::io::Error::other(format!("the output is longer than {MAX_OUTPUT} bytes")));
        }
        self.0.push_str(text);
        Ok(())
    }
}
