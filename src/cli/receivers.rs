//! `andon receivers`: whom a running Andon can tell, and a try.

use std::fmt::Write as _;
use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::api::{Ask, Server, encoded, items, text};
use super::{Output, say};

/// What `andon receivers` can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the receivers' integrations and what they lack.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Send one test notification to each integration of a receiver, and print what came back.
    Test {
        /// The receiver's name.
        name: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Asks and prints; exit code 1 if there is no answer, no such receiver, or one of its integrations was not reached.
pub fn run(command: &Command) -> ExitCode {
    let (server, method, path, print): (_, _, _, fn(&Value) -> String) = match command {
        Command::List { server } => (server, Method::GET, "receivers".to_owned(), list),
        Command::Test { name, server } => (server, Method::POST, format!("receivers/{}/test", encoded(name)), tried),
    };
    match server.ask(&Ask { method, path: &path, body: None, if_match: None }) {
        Ok(answer) => {
            say(&match server.output {
                Output::Json => format!("{}\n", answer.body),
                Output::Text => print(&answer.body),
            });
            let mut ends = answer.body.as_array().into_iter().flatten();
            let failed = matches!(command, Command::Test { .. }) && ends.any(|one| text(one, "status") != "delivered");
            if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => server.failed(&error),
    }
}

fn list(integrations: &Value) -> String {
    let row = |receiver: &str, integration: &str, state: &str| format!("{receiver:<24}  {integration:<14}  {state}\n");
    let mut out = row("RECEIVER", "INTEGRATION", "STATE");
    for one in integrations.as_array().into_iter().flatten() {
        let integration = format!("{}[{}]", text(one, "integration"), one["index"]);
        let state = match (one["configured"].as_bool(), text(one, "status")) {
            (Some(false), _) => format!("not configured: {}", text(one, "missing")),
            (_, "") => "configured".to_owned(),
            (_, state) => state.to_owned(),
        };
        out += &row(text(one, "receiver"), &integration, &state);
    }
    out
}

fn tried(integrations: &Value) -> String {
    let mut out = String::new();
    for one in integrations.as_array().into_iter().flatten() {
        // Writing into a string does not fail.
        let _ = writeln!(out, "{}: {} in {} ms", text(one, "integration"), text(one, "status"), one["milliseconds"]);
        for (name, said) in
            [("error", text(one, "error")), ("said", text(one, "request")), ("heard", text(one, "answer"))]
        {
            if !said.is_empty() {
                let _ = writeln!(
                    out,
                    "  {name}:\n{}",
                    said.lines().map(|line| format!("    {line}\n")).collect::<String>()
                );
            }
        }
        for note in items(one, "notes") {
            let _ = writeln!(out, "  note: {}", note.as_str().unwrap_or_default());
        }
    }
    out
}
