//! `andon dead-letter`: what a running Andon could not tell, and what to do about it.

use std::fmt::Write as _;
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Ask, Server, encoded, items, text};
use super::{Output, say};

/// What `andon dead-letter` can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List dead letters, the newest first.
    List {
        /// Only those of this receiver.
        #[arg(long)]
        receiver: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Show one, with what the last attempt said and heard.
    Show {
        /// Its id, as the list has it.
        id: u64,
        #[command(flatten)]
        server: Server,
    },
    /// Send one again, or all of a receiver, with their alerts as they are by now.
    Replay {
        /// Its id, as the list has it.
        #[arg(required_unless_present = "receiver", conflicts_with = "receiver")]
        id: Option<u64>,
        /// All of this receiver.
        #[arg(long)]
        receiver: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Put one away.
    Discard {
        /// Its id, as the list has it.
        id: u64,
        /// Why, for the history.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Asks and prints; exit code 1 if there is no answer, no such letter, or Andon refuses.
pub fn run(command: &Command) -> ExitCode {
    let (server, method, path, body, print): (_, _, _, _, fn(&Value) -> String) = match command {
        Command::List { receiver, server } => {
            let query = receiver.as_ref().map(|receiver| format!("?receiver={}", encoded(receiver)));
            (server, Method::GET, format!("dead-letters{}", query.unwrap_or_default()), None, list)
        }
        Command::Show { id, server } => (server, Method::GET, format!("dead-letters/{id}"), None, show),
        Command::Replay { id: Some(id), server, .. } => {
            (server, Method::POST, format!("dead-letters/{id}/replay"), None, done)
        }
        Command::Replay { id: None, receiver, server } => {
            let receiver = encoded(receiver.as_deref().unwrap_or_default());
            (server, Method::POST, format!("dead-letters/replay?receiver={receiver}"), None, replayed)
        }
        Command::Discard { id, reason, server } => {
            (server, Method::POST, format!("dead-letters/{id}/discard"), Some(json!({ "reason": reason })), done)
        }
    };
    match server.ask(&Ask { method, path: &path, body: body.as_ref(), if_match: None }) {
        Ok(answer) => {
            say(&match server.output {
                Output::Json => format!("{}\n", answer.body),
                Output::Text => print(&answer.body),
            });
            // What stays a dead letter is no success.
            if items(&answer.body, "refused").next().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => server.failed(&error),
    }
}

fn row([id, receiver, integration, at, error]: [&str; 5]) -> String {
    format!("{id:<8}  {receiver:<20}  {integration:<14}  {at:<24}  {error}\n")
}

fn list(letters: &Value) -> String {
    let mut out = row(["ID", "RECEIVER", "INTEGRATION", "DEAD SINCE", "ERROR"]);
    for letter in letters.as_array().into_iter().flatten() {
        let id = letter["id"].to_string();
        let integration = format!("{}[{}]", text(letter, "integration"), letter["index"]);
        let error = text(letter, "error").replace('\n', " ");
        out += &row([&id, text(letter, "receiver"), &integration, text(letter, "deadAt"), &error]);
    }
    out
}

fn show(letter: &Value) -> String {
    let mut out = format!("dead letter {}\n", letter["id"]);
    for (name, key) in [
        ("receiver", "receiver"),
        ("integration", "integration"),
        ("group", "groupKey"),
        ("reason", "reason"),
        ("decided", "decidedAt"),
        ("dead since", "deadAt"),
        ("error", "error"),
    ] {
        // Writing into a string does not fail.
        let _ = writeln!(out, "  {name:<13} {}", text(letter, key));
    }
    let _ = writeln!(out, "  {:<13} {}", "attempts", letter["attempts"]);
    for alert in items(letter, "alerts") {
        let _ =
            writeln!(out, "\nalert {} since {}\n  {}", text(alert, "status"), text(alert, "startsAt"), alert["labels"]);
    }
    for (name, key) in [("said", "request"), ("heard", "answer")] {
        let _ = writeln!(out, "\n{name}\n{}", indented(text(letter, key)));
    }
    out
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn done(answer: &Value) -> String {
    format!("{}\n", text(answer, "result"))
}

fn replayed(answer: &Value) -> String {
    let mut out = format!("{} wait to be sent\n", answer["replayed"]);
    for refused in items(answer, "refused") {
        let _ = writeln!(out, "dead letter {} stays: {}", refused["id"], text(refused, "error"));
    }
    out
}
