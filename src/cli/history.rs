//! `andon history`: what happened, as a running Andon tells it from its journal.

use std::process::ExitCode;

use super::api::{Server, encoded, items, text};
use super::wire::filters_of;
use super::{Output, say};

/// Which part of the history.
#[derive(clap::Args)]
pub struct Arguments {
    /// Matchers, all of which an alert of the event must match; the first may be only an alertname.
    filter: Vec<String>,
    /// Not from before: 2026-11-22T03:00:00Z.
    #[arg(long)]
    start: Option<String>,
    /// Not from after.
    #[arg(long)]
    end: Option<String>,
    /// About this alert, by its fingerprint.
    #[arg(long)]
    alert: Option<String>,
    /// Telling this receiver.
    #[arg(long)]
    receiver: Option<String>,
    /// About the group with this hash.
    #[arg(long)]
    group: Option<String>,
    /// alert_fired, alert_resolved, held_back, enqueued, delivered …; several with commas between them.
    #[arg(long)]
    kind: Option<String>,
    /// How many, the newest ones; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    server: Server,
}

/// Asks and prints, the oldest first; with `--output json` an event on each line.
pub fn run(arguments: &Arguments) -> ExitCode {
    match read(arguments) {
        Ok(events) => {
            for event in events.iter().rev() {
                say(&match arguments.server.output {
                    Output::Json => format!("{event}\n"),
                    Output::Text => line(event),
                });
            }
            ExitCode::SUCCESS
        }
        Err(error) => arguments.server.failed(&error),
    }
}

fn line(event: &serde_json::Value) -> String {
    let actor = text(event, "actor");
    let by = if actor.is_empty() || actor == "clock" { String::new() } else { format!("  [{actor}]") };
    format!("{}  {:<15}  {}{by}\n", text(event, "at"), text(event, "kind"), text(event, "text"))
}

/// The events, the newest first, page by page.
fn read(arguments: &Arguments) -> Result<Vec<serde_json::Value>, String> {
    const PAGE: usize = 1_000;
    let wanted = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    let mut query = filters_of(&arguments.filter);
    for (name, value) in [
        ("start", &arguments.start),
        ("end", &arguments.end),
        ("alert", &arguments.alert),
        ("receiver", &arguments.receiver),
        ("group", &arguments.group),
        ("kind", &arguments.kind),
    ] {
        query.extend(value.iter().map(|value| format!("{name}={}", encoded(value))));
    }
    let (mut events, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = query.clone();
        query.push(format!("limit={}", wanted.saturating_sub(events.len()).clamp(1, PAGE)));
        query.extend(cursor.iter().map(|cursor| format!("cursor={}", encoded(cursor))));
        let page = arguments.server.get(&format!("history?{}", query.join("&")))?.body;
        events.extend(items(&page, "events").cloned());
        cursor = page.get("next").and_then(|next| next.as_str()).map(str::to_owned);
        if cursor.is_none() || events.len() >= wanted {
            return Ok(events);
        }
    }
}
