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
        let untried = one["lastSuccess"].is_null() && one["lastErrorAt"].is_null();
        let state = match (one["configured"].as_bool(), text(one, "status")) {
            (Some(false), _) => format!("not configured: {}", text(one, "missing")),
            (_, "") => "configured".to_owned(),
            // Of what nobody has spoken to nothing is known.
            (_, "healthy") if untried && one["waiting"] != 0 => "being told".to_owned(),
            (_, "healthy") if untried => "not tried yet".to_owned(),
            (_, state) => state.to_owned(),
        };
        out += &row(text(one, "receiver"), &integration, &state);
    }
    out
}

fn tried(integrations: &Value) -> String {
    let mut out = String::new();
    for one in integrations.as_array().into_iter().flatten() {
        let took = &one["milliseconds"];
        let end = match text(one, "status") {
            "would be tried again" => format!("failed (took {took} ms); a real notification would be tried again"),
            "not configured" => "not configured".to_owned(),
            other => format!("{other} in {took} ms"),
        };
        // Writing into a string does not fail.
        let _ = writeln!(out, "{}: {end}", text(one, "integration"));
        let error = text(one, "error");
        // Where nobody was reached, mail says in place of an answer why.
        let answer = Some(text(one, "answer")).filter(|answer| *answer != error).unwrap_or_default();
        for (name, said) in [("error", error), ("request", text(one, "request")), ("answer", answer)] {
            if !said.is_empty() {
                let _ = writeln!(out, "  {name}:");
                said.lines().for_each(|line| out += &format!("    {line}\n"));
            }
        }
        for note in items(one, "notes") {
            let _ = writeln!(out, "  note: {}", note.as_str().unwrap_or_default());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_say_what_is_known() {
        let one = |fields: Value| {
            let mut one = json!({"receiver": "r", "integration": "email", "index": 0, "configured": true,
                "status": "healthy", "waiting": 0, "lastSuccess": null, "lastErrorAt": null});
            let (Value::Object(all), Value::Object(fields)) = (&mut one, fields) else { panic!("these are objects") };
            all.extend(fields);
            list(&json!([one])).lines().last().unwrap_or_default().rsplit("  ").next().unwrap_or_default().to_owned()
        };
        assert_eq!(one(json!({})), "not tried yet");
        assert_eq!(one(json!({"waiting": 1})), "being told");
        assert_eq!(one(json!({"lastSuccess": "2026-11-22T03:00:00Z"})), "healthy");
        assert_eq!(one(json!({"lastErrorAt": "2026-11-22T03:00:00Z", "status": "failing"})), "failing");
        assert_eq!(one(json!({"configured": false, "missing": "a key"})), "not configured: a key");
    }

    #[test]
    fn a_trial_says_how_it_ended_and_what_it_was_about() {
        let refused = "dial tcp: connection refused";
        let mail = json!([{"integration": "email[0]", "status": "would be tried again", "milliseconds": 0,
            "error": refused, "request": "Subject: a\r\n\r\nb\r\n", "answer": refused, "notes": []}]);
        let expected = "email[0]: failed (took 0 ms); a real notification would be tried again\n  error:\n    dial tcp: \
                        connection refused\n  request:\n    Subject: a\n    \n    b\n";
        assert_eq!(tried(&mail), expected);
        let told =
            json!([{"integration": "slack[0]", "status": "delivered", "milliseconds": 12, "answer": "200\u{7}"}]);
        let expected = "slack[0]: delivered in 12 ms\n  answer:\n    (control characters in it: see --output json)\n";
        assert_eq!(tried(&told), expected);
    }
}
