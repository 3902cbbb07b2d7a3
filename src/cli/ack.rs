//! `andon ack`: take a group of alerts on, or give it back.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::api::{Ask, Server, encoded, text};
use super::wire::filters_of;
use super::{Output, say};

/// What to take on.
#[derive(clap::Args)]
pub struct Arguments {
    /// The hash of the group, or matchers of which all must match an alert of it (the first may be only an alertname);
    /// none lists the groups.
    group: Vec<String>,
    /// Until when: a time as 2026-11-22T15:00:00Z, or a duration as 2h.
    #[arg(long, default_value = "2h")]
    until: String,
    /// Why.
    #[arg(long, default_value = "")]
    comment: String,
    /// Who takes it on; by default whoever asks.
    #[arg(long)]
    who: Option<String>,
    /// Give it back.
    #[arg(long)]
    withdraw: bool,
    #[command(flatten)]
    server: Server,
}

/// Asks and prints; exit code 1 if nothing was done.
pub fn run(arguments: &Arguments) -> ExitCode {
    match done(arguments) {
        Ok(said) => {
            say(&said);
            ExitCode::SUCCESS
        }
        Err(error) => arguments.server.failed(&error),
    }
}

fn done(arguments: &Arguments) -> Result<String, String> {
    let json = arguments.server.output == Output::Json;
    if arguments.group.is_empty() {
        let groups = arguments.server.get("groups")?.body;
        return Ok(if json { format!("{groups}\n") } else { listed(&groups) });
    }
    let mut said = String::new();
    for hash in hashes(arguments)? {
        let path = format!("groups/{}/ack", encoded(&hash));
        let method = if arguments.withdraw { reqwest::Method::DELETE } else { reqwest::Method::POST };
        let body = match arguments.withdraw {
            true => None,
            false => {
                let who = arguments.server.named(arguments.who.as_deref())?;
                Some(json!({"who": who, "until": arguments.until, "comment": arguments.comment}))
            }
        };
        let ack = arguments.server.ask(&Ask { method, path: &path, body: body.as_ref(), if_match: None })?.body;
        said += &match (json, arguments.withdraw) {
            (true, _) => format!("{ack}\n"),
            (false, true) => format!("{}: given back\n", text(&ack, "key")),
            (false, false) => format!("{}: {} until {}\n", text(&ack, "key"), text(&ack, "who"), text(&ack, "until")),
        };
    }
    Ok(said)
}

/// The groups that are meant.
fn hashes(arguments: &Arguments) -> Result<Vec<String>, String> {
    let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let [one] = &*arguments.group
        && is_hash(one)
    {
        return Ok(vec![one.clone()]);
    }
    let filters = filters_of(&arguments.group);
    let groups = arguments.server.get(&format!("groups?{}", filters.join("&")))?.body;
    let hashes = groups.as_array().into_iter().flatten().map(|group| text(group, "hash").to_owned());
    let mut hashes: Vec<String> = hashes.collect();
    hashes.sort();
    hashes.dedup();
    if hashes.is_empty() { Err("no group has such an alert".into()) } else { Ok(hashes) }
}

fn listed(groups: &Value) -> String {
    let mut out = String::new();
    for group in groups.as_array().into_iter().flatten() {
        let ack = group.get("acknowledged").filter(|ack| !ack.is_null());
        let by = ack.map(|ack| format!("  taken on by {} until {}", text(ack, "who"), text(ack, "until")));
        let (hash, firing) = (text(group, "hash"), group.get("firing").and_then(Value::as_u64).unwrap_or_default());
        out += &format!(
            "{hash}  {:<16}  {firing:>5} firing  {}{}\n",
            text(group, "receiver"),
            text(group, "key"),
            by.unwrap_or_default()
        );
    }
    out
}
