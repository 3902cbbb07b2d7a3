//! The helpers that templates may use, beside Handlebars' own `if unless each with lookup eq ne gt gte lt lte and or not
//! len`.

use std::cell::Cell;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, JsonRender, JsonTruthy, Output, PathAndJson, RenderContext, RenderError,
    RenderErrorReason, ScopedJson,
};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::template::TemplateError;

/// How often bodies of templates may run in one rendering.
const BUDGET: u32 = 500_000;
/// What every body begins with.
pub(super) const TICK: &str = "{{__tick 0}}";

/// Handlebars' own helpers.
const ENGINE: [&str; 16] = [
    "if", "unless", "each", "with", "lookup", "eq", "ne", "gt", "gte", "lt", "lte", "and", "or", "not", "len", "__tick",
];

type Compute = fn(&Args<'_, '_>) -> Result<Value, String>;

const HELPERS: [(&str, Compute); 12] = [
    // {{upper status}}
    ("upper", |args| Ok(args.text(0)?.to_uppercase().into())),
    // {{lower labels.severity}}
    ("lower", |args| Ok(args.text(0)?.to_lowercase().into())),
    // {{default annotations.summary labels.alertname "no text"}}: the first that says something
    ("default", |args| Ok(args.first_true().unwrap_or_default())),
    // {{join groupLabels ", "}}: the items of a list, the values of a map
    ("join", join),
    // {{date startsAt "%d %b %Y %H:%M %Z" tz="Europe/Berlin"}}
    ("date", date),
    // {{duration startsAt now}}: how long it took
    ("duration", duration),
    // <a href="{{safe_url generatorURL}}">: http, https and mailto only
    ("safe_url", |args| Ok(safe_url(&args.text(0)?).into())),
    // {{url_query receiver}}
    ("url_query", |args| {
        let text = args.text(0)?;
        Ok(url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into())
    }),
    // {{truncate annotations.description 80}}
    ("truncate", truncate),
    // {{json alerts}}
    ("json", |args| Ok(args.value(0)?.to_string().into())),
    // {{slack annotations.summary}}: no mention and no link that a label wrote
    ("slack", |args| Ok(slack(&args.text(0)?).into())),
    // {{replace labels.instance ":9100" ""}}
    ("replace", |args| Ok(args.text(0)?.replace(&args.text(1)?, &args.text(2)?).into())),
];

/// Whether there is such a helper.
pub(super) fn known(name: &str) -> bool {
    ENGINE.contains(&name) || HELPERS.iter().any(|(known, _)| *known == name)
}

/// Adds the helpers, and takes away what templates have no use for.
pub(super) fn register(registry: &mut Handlebars<'static>) {
    for (name, compute) in HELPERS {
        registry.register_helper(name, Box::new(Computed { name, compute }));
    }
    registry.register_helper("__tick", Box::new(Tick));
    registry.unregister_helper("log");
    registry.unregister_helper("raw");
}

thread_local! {
    /// What is left of the budget of the rendering that runs on this thread. Helpers are shared by all renderings, and a
    /// rendering never leaves its thread.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Renders with a full budget.
pub(super) fn with_budget<T>(render: impl FnOnce() -> T) -> T {
    LEFT.set(BUDGET);
    render()
}

struct Tick;

impl HelperDef for Tick {
    fn call<'reg: 'rc, 'rc>(
        &self,
        _: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        _: &mut dyn Output,
    ) -> Result<(), RenderError> {
        let left = LEFT.get().checked_sub(1);
        LEFT.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| failed("the template goes round too often"))
    }
}

fn failed(message: impl Into<String>) -> RenderError {
    RenderErrorReason::NestedError(Box::new(TemplateError::new(message))).into()
}

struct Computed {
    name: &'static str,
    compute: Compute,
}

impl HelperDef for Computed {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let computed = (self.compute)(&Args(helper)).map_err(|error| failed(format!("{}: {error}", self.name)))?;
        if computed.as_str().is_some_and(|text| text.len() > super::MAX_OUTPUT) {
            return Err(failed(format!("{}: the text is too long", self.name)));
        }
        Ok(ScopedJson::Derived(computed))
    }
}

/// The arguments of a helper.
struct Args<'a, 'rc>(&'a Helper<'rc>);

impl Args<'_, '_> {
    fn value(&self, place: usize) -> Result<&Value, String> {
        let param = self.0.param(place).ok_or_else(|| format!("argument {} is missing", place + 1))?;
        if param.is_value_missing() {
            let path = param.relative_path().map_or("a name", String::as_str);
            return Err(format!("there is no `{path}` here; {{{{default {path} \"-\"}}}} says what to print then"));
        }
        Ok(param.value())
    }

    fn text(&self, place: usize) -> Result<String, String> {
        self.value(place).map(JsonRender::render)
    }

    fn first_true(&self) -> Option<Value> {
        let mut params = self.0.params().iter().map(PathAndJson::value);
        params.find(|value| value.is_truthy(false)).cloned()
    }
}

fn join(args: &Args<'_, '_>) -> Result<Value, String> {
    let separator = args.text(1)?;
    let texts: Vec<String> = match args.value(0)? {
        Value::Array(items) => items.iter().map(JsonRender::render).collect(),
        Value::Object(entries) => entries.values().map(JsonRender::render).collect(),
        _ => return Err("the first argument must be a list or a map".to_owned()),
    };
    Ok(texts.join(&separator).into())
}

fn timestamp(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| format!("{text:?} is not a time"))
}

fn date(args: &Args<'_, '_>) -> Result<Value, String> {
    let at = timestamp(&args.text(0)?)?;
    let format = if args.0.param(1).is_some() { args.text(1)? } else { "%Y-%m-%d %H:%M:%S %Z".to_owned() };
    let zone = match args.0.hash_get("tz") {
        Some(name) => {
            let name = name.render();
            time_zone(&name).ok_or_else(|| format!("{name:?} is not a time zone"))?
        }
        None => TimeZone::UTC,
    };
    let shown = jiff::fmt::strtime::format(&format, &at.to_zoned(zone)).map_err(|error| error.to_string())?;
    Ok(shown.into())
}

/// By its name, or `Local` for the machine's own, as in the configuration.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    if name == "Local" { Some(TimeZone::system()) } else { TimeZone::get(name).ok() }
}

fn duration(args: &Args<'_, '_>) -> Result<Value, String> {
    let (from, to) = (timestamp(&args.text(0)?)?, timestamp(&args.text(1)?)?);
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    Ok(match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
    .into())
}

/// The link, or nothing that can be clicked.
fn safe_url(link: &str) -> String {
    let scheme = url::Url::parse(link).map(|url| url.scheme().to_owned()).unwrap_or_default();
    if matches!(scheme.as_str(), "http" | "https" | "mailto") { link.trim().to_owned() } else { "#".to_owned() }
}

/// Slack's escapes. In a message to Slack the values are escaped already, and stay as they are.
fn slack(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        match c {
            '&' if !["&amp;", "&lt;", "&gt;"].iter().any(|escaped| rest.starts_with(escaped)) => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

fn truncate(args: &Args<'_, '_>) -> Result<Value, String> {
    let limit = args.value(1)?.as_u64().and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit > 0).ok_or("the second argument must be a number above 0")?;
    let text = args.text(0)?;
    if text.chars().count() <= limit {
        return Ok(text.into());
    }
    let cut: String = text.chars().take(limit - 1).collect();
    Ok(format!("{}…", cut.trim_end()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_for_slack_stays_so() {
        for (text, escaped) in [
            ("<!channel> & co", "&lt;!channel&gt; &amp; co"),
            ("&lt;b&gt; &amp; & &am", "&lt;b&gt; &amp; &amp; &amp;am"),
        ] {
            assert_eq!(slack(text), escaped);
            assert_eq!(slack(escaped), escaped);
        }
    }

    #[test]
    fn only_links_that_open_a_page_or_a_mail() {
        for (link, safe) in [
            ("https://h/a?b=c", "https://h/a?b=c"),
            ("HTTP://h", "HTTP://h"),
            ("mailto:a@b", "mailto:a@b"),
            ("javascript:alert(1)", "#"),
            (" java\nscript:alert(1)", "#"),
            ("data:text/html,x", "#"),
            ("/relative", "#"),
            ("", "#"),
        ] {
            assert_eq!(safe_url(link), safe, "{link:?}");
        }
    }
}
