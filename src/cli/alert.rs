//! `andon alert`: the alerts of a running Andon, and one more. Flags and output are those that amtool's users know.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Ask, Server, encoded, text};
use super::wire::{filters, matchers, pairs, table, time};
use super::{Output, say};

/// What `andon alert` can do; without a word it lists.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    query: Query,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List alerts that fire; by default those that nothing holds back.
    Query(Query),
    /// Send an alert, as a test or by hand.
    Add(Add),
}

#[derive(clap::Args)]
struct Query {
    /// Matchers, all of which must match; the first may be only an alertname.
    matchers: Vec<String>,
    /// Those that nothing holds back; so it is if nothing is said.
    #[arg(long, short)]
    active: bool,
    /// Those that an inhibit rule holds back, besides the others asked for.
    #[arg(long, short)]
    inhibited: bool,
    /// Those that a silence holds back.
    #[arg(long, short)]
    silenced: bool,
    /// Those that were not looked at yet.
    #[arg(long, short)]
    unprocessed: bool,
    /// Those whose receiver matches this regular expression.
    #[arg(long, short)]
    receiver: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct Add {
    /// Labels, name=value; the first may be only an alertname.
    #[arg(required = true)]
    labels: Vec<String>,
    /// Annotations, name=value.
    #[arg(long)]
    annotation: Vec<String>,
    /// Since when: 2026-11-22T03:00:00Z; by default now.
    #[arg(long)]
    start: Option<String>,
    /// Until when; by default until the configuration's resolve_timeout is over.
    #[arg(long)]
    end: Option<String>,
    /// Where it comes from.
    #[arg(long, default_value = "")]
    generator_url: String,
    #[command(flatten)]
    server: Server,
}

/// Asks and prints; exit code 1 if nobody answers or Andon refuses.
pub fn run(arguments: &Arguments) -> ExitCode {
    let (server, said) = match &arguments.command {
        None => (&arguments.query.server, query(&arguments.query)),
        Some(Command::Query(arguments)) => (&arguments.server, query(arguments)),
        Some(Command::Add(arguments)) => (&arguments.server, add(arguments)),
    };
    match said {
        Ok(said) => {
            say(&said);
            ExitCode::SUCCESS
        }
        Err(error) => server.failed(&error),
    }
}

fn query(asked: &Query) -> Result<String, String> {
    let nothing = !(asked.active || asked.inhibited || asked.silenced || asked.unprocessed);
    let mut query = filters(&matchers(&asked.matchers)?);
    for (name, value) in [
        ("active", asked.active || nothing),
        ("inhibited", asked.inhibited),
        ("silenced", asked.silenced),
        ("unprocessed", asked.unprocessed),
    ] {
        query.push(format!("{name}={value}"));
    }
    query.extend(asked.receiver.iter().map(|receiver| format!("receiver={}", encoded(receiver))));
    let alerts = asked.server.get(&format!("v2/alerts?{}", query.join("&")))?.body;
    Ok(match asked.server.output {
        Output::Json => format!("{alerts}\n"),
        Output::Text => listed(&alerts),
    })
}

fn listed(alerts: &Value) -> String {
    let head = ["Alertname", "Starts At", "Summary", "State"].map(str::to_owned).to_vec();
    let row = |alert: &Value| {
        let summary = text(&alert["annotations"], "summary");
        let summary = if summary.is_empty() { text(&alert["annotations"], "description") } else { summary };
        let [name, starts_at] = [text(&alert["labels"], "alertname"), text(alert, "startsAt")];
        [name, starts_at, summary, text(&alert["status"], "state")].map(str::to_owned).to_vec()
    };
    let rows = alerts.as_array().into_iter().flatten().map(row);
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn add(new: &Add) -> Result<String, String> {
    let mut words = new.labels.clone();
    if let Some(first) = words.first_mut().filter(|first| !first.contains('=')) {
        *first = format!("alertname={first}");
    }
    let mut alert = json!({"labels": pairs(&words)?, "annotations": pairs(&new.annotation)?});
    for (name, value) in [("startsAt", &new.start), ("endsAt", &new.end)] {
        if let Some(value) = value {
            time(value)?;
            alert[name] = value.as_str().into();
        }
    }
    if !new.generator_url.is_empty() {
        alert["generatorURL"] = new.generator_url.as_str().into();
    }
    let alerts = json!([alert]);
    let ask = Ask { method: Method::POST, path: "v2/alerts", body: Some(&alerts), if_match: None };
    new.server.ask(&ask)?;
    Ok(if new.server.output == Output::Json { format!("{alert}\n") } else { String::new() })
}
