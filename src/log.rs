//! The log: one line an event on standard error, as Alertmanager writes it.
//!
//! `time=… level=INFO source=app.rs:71 msg="Listening on" address=127.0.0.1:9093`, or the same keys as a JSON object.
//! Whatever a value holds, a line stays a line: control characters are escaped.

use std::fmt::{self, Write as _};
use std::io;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::time::Clock;

/// Starts the log. Of other crates only warnings are shown, unless `level` is stricter. A second call does nothing.
pub fn start(level: Level, json: bool) {
    let others = level.min(Level::WARN);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).event_format(Lines { json });
    let filter = Targets::new().with_default(others).with_target("andon", level);
    // Only a log that was started before stands in the way, and that one is as good.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}

struct Lines {
    json: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Line { json: self.json, text: String::with_capacity(200) };
        let now = Clock::System.now();
        let mut time = String::with_capacity(30);
        if self.json {
            now.write_nanos(&mut time)
        } else {
            now.write_millis(&mut time)
        }
        line.put("time", &Value::String(time));
        line.put("level", &Value::String(event.metadata().level().to_string()));
        line.put("source", &Value::String(source(event)));
        line.put("msg", &Value::String(fields.message));
        for (name, value) in &fields.others {
            line.put(name, value);
        }
        writeln!(writer, "{}{}", line.text, if self.json { "}" } else { "" })
    }
}

fn source(event: &Event<'_>) -> String {
    let file = event.metadata().file().unwrap_or_default();
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    format!("{name}:{}", event.metadata().line().unwrap_or_default())
}

/// What an event says: its message, and its fields in their order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

struct Line {
    json: bool,
    text: String,
}

impl Line {
    fn put(&mut self, key: &str, value: &Value) {
        let first = self.text.is_empty();
        if self.json {
            self.text.push(if first { '{' } else { ',' });
            self.text.push_str(&Value::from(key).to_string());
            self.text.push(':');
            self.text.push_str(&value.to_string());
            return;
        }
        if !first {
            self.text.push(' ');
        }
        self.text.extend(key.chars().map(|c| if c <= ' ' || c == '=' || c == '"' { '_' } else { c }));
        self.text.push('=');
        match value {
            Value::String(text) => push_logfmt(&mut self.text, text),
            other => self.text.push_str(&other.to_string()),
        }
    }
}

/// As it is, or quoted where a reader of logfmt, or a terminal, would take it for something else.
fn push_logfmt(out: &mut String, text: &str) {
    let plain = |c: char| {
        c > ' '
            && !c.is_control()
            && !c.is_whitespace()
            && !matches!(c, '=' | '"' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.is_empty() && text.chars().all(plain) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' ' | '=' => out.push(c),
            c if plain(c) => out.push(c),
            // Writing into a string does not fail.
            c => drop(write!(out, "\\u{:04x}", u32::from(c))),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: bool, fields: &[(&str, Value)]) -> String {
        let mut line = Line { json, text: String::new() };
        for (key, value) in fields {
            line.put(key, value);
        }
        line.text
    }

    #[test]
    fn logfmt_quotes_what_must_be() {
        for (text, expected) in [
            ("127.0.0.1:9093", "a=127.0.0.1:9093"),
            ("", r#"a="""#),
            ("Listening on", r#"a="Listening on""#),
            ("x=1", r#"a="x=1""#),
            ("say \"a\\b\"", r#"a="say \"a\\b\"""#),
            ("one\ntwo\r\t\u{1b}[31m\u{0}\u{2028}", r#"a="one\ntwo\r\t\u001b[31m\u0000\u2028""#),
            ("Pumpe läuft", "a=\"Pumpe läuft\""),
        ] {
            assert_eq!(line(false, &[("a", text.into())]), expected);
        }
        assert_eq!(line(false, &[("level", "INFO".into()), ("n", 3.into())]), "level=INFO n=3");
    }

    #[test]
    fn json_is_json() {
        let open = line(true, &[("msg", "a\u{1b}\"\n".into()), ("n", 3.into())]);
        assert_eq!(open, r#"{"msg":"a\u001b\"\n","n":3"#);
    }
}
