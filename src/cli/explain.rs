//! `andon explain`: why somebody is, or is not, told of an alert.

use std::process::ExitCode;

use super::api::{Server, encoded, items};
use super::wire::filters_of;
use super::{Output, say};
use crate::core::label::Fingerprint;

/// What to explain.
#[derive(clap::Args)]
pub struct Arguments {
    /// An alert's fingerprint; or matchers, of which all must match: 'severity="critical"' 'team=~"a|b"'. The first may be
    /// only an alertname.
    #[arg(required_unless_present = "labels")]
    alert: Vec<String>,
    /// A label set that need not fire: 'alertname="Down",team="x"'.
    #[arg(long, conflicts_with = "alert")]
    labels: Option<String>,
    /// A moment of the past, answered from the history: 2026-11-22T03:00:00Z.
    #[arg(long)]
    at: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Asks and prints; exit code 1 if there is no answer or no such alert.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut query: Vec<String> = match (&arguments.labels, &*arguments.alert) {
        (Some(labels), _) => vec![format!("labels={}", encoded(labels))],
        (None, [one]) if Fingerprint::parse(one).is_some() => vec![format!("alert={one}")],
        (None, matchers) => filters_of(matchers),
    };
    query.extend(arguments.at.iter().map(|at| format!("at={}", encoded(at))));
    let answer = match arguments.server.get(&format!("explain?{}", query.join("&"))) {
        Ok(answer) => answer.body,
        Err(error) => return arguments.server.failed(&error),
    };
    if arguments.server.output == Output::Json {
        say(&format!("{answer}\n"));
        return ExitCode::SUCCESS;
    }
    let text = |one: &serde_json::Value| one.get("text").and_then(|text| text.as_str()).unwrap_or_default().to_owned();
    let Some(matched) = answer.get("matched").and_then(serde_json::Value::as_u64) else {
        say(&text(&answer));
        return ExitCode::SUCCESS;
    };
    let texts: Vec<String> = items(&answer, "explanations").map(text).collect();
    say(&texts.join("\n"));
    if matched > texts.len() as u64 || matched == 0 {
        say(&format!("{matched} alerts match; {} are explained\n", texts.len()));
    }
    if matched == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
