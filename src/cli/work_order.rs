//! `andon work-order`: the work orders of a running Andon, as its API tells them.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::{Output, say};

const TIMEOUT: Duration = Duration::from_secs(30);

/// What `andon work-order` can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List all work orders, the newest first.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Show one work order with its alerts and notes.
    Show {
        /// Its number: WO-2026-ABCDEFGH.
        number: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Which Andon to ask, and how to answer.
#[derive(clap::Args)]
pub struct Server {
    /// Where Andon is reached, with its route prefix.
    #[arg(long, default_value = "http://localhost:9093")]
    url: String,
    /// text or json.
    #[arg(long, default_value = "text")]
    output: Output,
}

/// Asks and prints; exit code 1 if there is no answer or no such order.
pub fn run(command: &Command) -> ExitCode {
    let (server, path) = match command {
        Command::List { server } => (server, "work-orders".to_owned()),
        Command::Show { number, server } => (server, format!("work-orders/{}", encoded(number))),
    };
    let url = format!("{}/api/andon/v1/{path}", server.url.trim_end_matches('/'));
    match get(&url) {
        Ok(answer) => {
            say(&match (server.output, command) {
                (Output::Json, _) => format!("{answer}\n"),
                (Output::Text, Command::List { .. }) => list(&answer),
                (Output::Text, Command::Show { .. }) => show(&answer),
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("andon: error: {url}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn get(url: &str) -> Result<Value, String> {
    // Only a provider that was installed before stands in the way, and that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|error| causes(&error))?;
        let answer = client.get(url).send().await.map_err(|error| causes(&error.without_url()))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| causes(&error.without_url()))?;
        if !status.is_success() {
            return Err(format!("{status}: {}", body.trim()));
        }
        serde_json::from_str(&body).map_err(|error| format!("the answer is not JSON: {error}"))
    })
}

/// An error with what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// One segment of a path.
fn encoded(number: &str) -> String {
    number.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn list(orders: &Value) -> String {
    let mut out = row(["NUMBER", "STATUS", "PRIORITY", "DUE", "ASSET", "TITLE"]);
    for order in orders.as_array().into_iter().flatten() {
        out += &row(["number", "status", "priority", "dueAt", "assetCode", "title"].map(|key| text(order, key)));
    }
    out
}

fn row([number, status, priority, due, asset, title]: [&str; 6]) -> String {
    format!("{number:<18}  {status:<12}  {priority:<10}  {due:<24}  {asset:<12}  {title}\n")
}

fn show(order: &Value) -> String {
    let mut out = format!("{}  {}\n", text(order, "number"), text(order, "title"));
    for (name, key) in [
        ("status", "status"),
        ("condition", "condition"),
        ("type", "type"),
        ("priority", "priority"),
        ("asset", "assetCode"),
        ("opened", "openedAt"),
        ("due", "dueAt"),
        ("failed since", "malfunctionStart"),
        ("recovered", "malfunctionEnd"),
        ("receiver", "receiver"),
    ] {
        let _ = writeln!(out, "  {name:<13} {}", text(order, key));
    }
    let _ = writeln!(out, "\n{}", text(order, "description"));
    let of = |key: &str| order.get(key).and_then(Value::as_array).into_iter().flatten();
    for alert in of("alerts") {
        let ended = text(alert, "endedAt");
        let until = if ended.is_empty() { "now" } else { ended };
        let _ = writeln!(out, "\nalert {} to {until}\n  {}", text(alert, "startsAt"), alert["labels"]);
    }
    for note in of("notes") {
        let _ = writeln!(out, "\nnote {} by {}\n  {}", text(note, "at"), text(note, "actor"), text(note, "text"));
    }
    out
}

/// A text field, without what would move a terminal's cursor; empty where there is none.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    let text = object.get(key).and_then(Value::as_str).unwrap_or_default();
    if text.chars().any(|c| c.is_control() && c != '\n') {
        "(control characters in it: see --output json)"
    } else {
        text
    }
}
