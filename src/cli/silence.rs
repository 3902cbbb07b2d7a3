//! `andon silence`: the silences of a running Andon. Flags and output are those that amtool's users know.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Ask, Server, encoded, text};
use super::wire::{filters, length, matchers, matchers_json, millis, pairs, table, time};
use super::{Output, say};
use crate::core::matcher::{Matcher, Op, list_string};
use crate::time::{Clock, Timestamp};

/// What `andon silence` can do; without a word it lists.
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
    /// List silences; by default those that hold or will.
    Query(Query),
    /// Make a silence; prints its id.
    Add(Add),
    /// Change when silences begin and end, or why.
    Update(Update),
    /// End silences.
    Expire(Ids),
    /// Make silences from what `silence query --output json` printed, here or for Alertmanager.
    Import(Import),
    /// Say how many alerts a silence with these matchers would mute now.
    Preview(Preview),
}

#[derive(clap::Args)]
struct Query {
    /// Matchers that the silences have to have.
    matchers: Vec<String>,
    /// Those that have ended, in place of the others.
    #[arg(long)]
    expired: bool,
    /// Those that end within this time, or with --expired ended within it.
    #[arg(long)]
    within: Option<String>,
    /// Those that this person made.
    #[arg(long, alias = "createdBy", value_name = "NAME")]
    created_by: Option<String>,
    /// The one with this id.
    #[arg(long)]
    id: Option<String>,
    /// Only ids.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct Add {
    /// Matchers, all of which must match; the first may be only an alertname.
    #[arg(required = true)]
    matchers: Vec<String>,
    /// Why.
    #[arg(long, short)]
    comment: String,
    /// Who; by default whoever asks.
    #[arg(long, short)]
    author: Option<String>,
    /// For how long.
    #[arg(long, short, default_value = "1h")]
    duration: String,
    /// From when: 2026-11-22T03:00:00Z; by default from now on.
    #[arg(long)]
    start: Option<String>,
    /// Until when, in place of a duration.
    #[arg(long)]
    end: Option<String>,
    /// Annotations, name=value.
    #[arg(long)]
    annotation: Vec<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct Update {
    /// Their ids.
    #[arg(required = true)]
    ids: Vec<String>,
    /// For how long, counted from when it begins.
    #[arg(long, short)]
    duration: Option<String>,
    /// From when.
    #[arg(long)]
    start: Option<String>,
    /// Until when, in place of a duration.
    #[arg(long)]
    end: Option<String>,
    /// Why.
    #[arg(long, short)]
    comment: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct Ids {
    /// Their ids.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct Import {
    /// The silences as JSON; by default from standard input.
    file: Option<PathBuf>,
    /// Make new ones, whatever ids the file has.
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
struct Preview {
    /// Matchers, all of which must match; the first may be only an alertname.
    #[arg(required = true)]
    matchers: Vec<String>,
    #[command(flatten)]
    server: Server,
}

/// Asks and prints; exit code 1 if nobody answers or Andon refuses.
pub fn run(arguments: &Arguments) -> ExitCode {
    let (server, said) = match &arguments.command {
        None => (&arguments.query.server, query(&arguments.query)),
        Some(Command::Query(asked)) => (&asked.server, query(asked)),
        Some(Command::Add(asked)) => (&asked.server, add(asked)),
        Some(Command::Update(asked)) => (&asked.server, update(asked)),
        Some(Command::Expire(asked)) => (&asked.server, expire(asked)),
        Some(Command::Import(asked)) => (&asked.server, import(asked)),
        Some(Command::Preview(asked)) => (&asked.server, preview(asked)),
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
    let filters = filters(&matchers(&asked.matchers)?);
    let silences = asked.server.get(&format!("v2/silences?{}", filters.join("&")))?.body;
    let now = Clock::System.now();
    let within = asked.within.as_deref().map(length).transpose()?;
    let wanted = |silence: &&Value| {
        let ends_at = time(text(silence, "endsAt")).unwrap_or(Timestamp::MAX);
        let soon = within.is_none_or(|within| match asked.expired {
            true => now.since(ends_at) <= within,
            false => ends_at <= now.after(within),
        });
        let expired = text(&silence["status"], "state") == "expired";
        expired == asked.expired
            && soon
            && asked.created_by.as_deref().is_none_or(|by| silence["createdBy"] == by)
            && asked.id.as_deref().is_none_or(|id| silence["id"] == id)
    };
    let mut found: Vec<&Value> = silences.as_array().into_iter().flatten().filter(wanted).collect();
    found.sort_by_key(|silence| text(silence, "endsAt").to_owned());
    Ok(match asked.server.output {
        Output::Text if asked.quiet => found.iter().map(|silence| format!("{}\n", text(silence, "id"))).collect(),
        Output::Text => listed(&found),
        Output::Json if asked.quiet => {
            format!("{}\n", found.iter().map(|silence| silence["id"].clone()).collect::<Value>())
        }
        Output::Json => format!("{}\n", found.into_iter().cloned().collect::<Value>()),
    })
}

fn listed(silences: &[&Value]) -> String {
    let head = ["ID", "Matchers", "Ends At", "Created By", "Comment"].map(str::to_owned).to_vec();
    let row = |silence: &&Value| {
        let [id, ends_at] = [text(silence, "id"), text(silence, "endsAt")].map(str::to_owned);
        let [by, comment] = [text(silence, "createdBy"), text(silence, "comment")].map(str::to_owned);
        vec![id, matchers_of(silence), ends_at, by, comment]
    };
    table(&std::iter::once(head).chain(silences.iter().map(row)).collect::<Vec<_>>())
}

/// The matchers of a silence as they are typed; what is no matcher, as it is.
fn matchers_of(silence: &Value) -> String {
    let one = |matcher: &Value| {
        let is_equal = matcher["isEqual"].as_bool().unwrap_or(true);
        let op = Op::of(matcher["isRegex"].as_bool().unwrap_or_default(), is_equal);
        Matcher::new(text(matcher, "name"), op, text(matcher, "value")).ok()
    };
    let all = silence["matchers"].as_array().into_iter().flatten().map(one).collect::<Option<Vec<_>>>();
    all.map_or_else(|| silence["matchers"].to_string(), |matchers| list_string(&matchers))
}

/// Stores a silence and gives its id.
fn put(server: &Server, silence: &Value) -> Result<String, String> {
    let ask = Ask { method: Method::POST, path: "v2/silences", body: Some(silence), if_match: None };
    Ok(text(&server.ask(&ask)?.body, "silenceID").to_owned())
}

fn ids_said(ids: &[String], output: Output) -> String {
    match output {
        Output::Json => format!("{}\n", json!({"silenceIDs": ids})),
        Output::Text => ids.iter().map(|id| format!("{id}\n")).collect(),
    }
}

fn add(new: &Add) -> Result<String, String> {
    let starts_at = new.start.as_deref().map(time).transpose()?.unwrap_or_else(|| Clock::System.now());
    let ends_at = match &new.end {
        Some(end) => time(end)?,
        None => starts_at.after(length(&new.duration)?),
    };
    let author = new.server.named(new.author.as_deref())?;
    let silence = json!({
        "matchers": matchers_json(&matchers(&new.matchers)?), "startsAt": millis(starts_at), "endsAt": millis(ends_at),
        "createdBy": author, "comment": new.comment, "annotations": pairs(&new.annotation)?,
    });
    let id = put(&new.server, &silence)?;
    Ok(ids_said(&[id], new.server.output))
}

fn update(asked: &Update) -> Result<String, String> {
    let mut ids = Vec::new();
    for id in &asked.ids {
        let mut silence = asked.server.get(&format!("v2/silence/{}", encoded(id)))?.body;
        if let Some(start) = &asked.start {
            silence["startsAt"] = millis(time(start)?).into();
        }
        if let Some(duration) = &asked.duration {
            let starts_at = time(text(&silence, "startsAt"))?;
            silence["endsAt"] = millis(starts_at.after(length(duration)?)).into();
        }
        if let Some(end) = &asked.end {
            silence["endsAt"] = millis(time(end)?).into();
        }
        if let Some(comment) = &asked.comment {
            silence["comment"] = comment.as_str().into();
        }
        ids.push(put(&asked.server, &silence)?);
    }
    Ok(ids_said(&ids, asked.server.output))
}

fn expire(asked: &Ids) -> Result<String, String> {
    for id in &asked.ids {
        let path = format!("v2/silence/{}", encoded(id));
        let ask = Ask { method: Method::DELETE, path: &path, body: None, if_match: None };
        asked.server.ask(&ask).map_err(|error| format!("{id}: {error}"))?;
    }
    Ok(if asked.server.output == Output::Json { ids_said(&asked.ids, Output::Json) } else { String::new() })
}

fn import(asked: &Import) -> Result<String, String> {
    let mut text = String::new();
    let read = match &asked.file {
        Some(file) => std::fs::read_to_string(file).map(|read| text = read),
        None => std::io::stdin().read_to_string(&mut text).map(drop),
    };
    let named = |error: &dyn std::fmt::Display| {
        let name = asked.file.as_ref().map_or_else(|| "standard input".into(), |file| file.display().to_string());
        format!("{name}: {error}")
    };
    read.map_err(|error| named(&error))?;
    let silences: Vec<Value> = serde_json::from_str(&text).map_err(|error| named(&error))?;
    let mut ids = Vec::new();
    for mut silence in silences {
        if asked.force {
            silence["id"] = "".into();
        }
        let stored = put(&asked.server, &silence).or_else(|error| {
            // It is unknown here: it becomes a new one.
            let known = !error.starts_with("404") || silence["id"].as_str().is_none_or(str::is_empty);
            silence["id"] = "".into();
            if known { Err(error) } else { put(&asked.server, &silence) }
        });
        ids.push(stored.map_err(|error| format!("{}: {error}; {} were imported", matchers_of(&silence), ids.len()))?);
    }
    Ok(ids_said(&ids, asked.server.output))
}

fn preview(asked: &Preview) -> Result<String, String> {
    let query = filters(&matchers(&asked.matchers)?).join("&");
    let alerts = asked.server.get(&format!("v2/alerts?{query}"))?.body;
    let alerts: Vec<&Value> = alerts.as_array().into_iter().flatten().collect();
    let silenced = |alert: &&&Value| alert["status"]["silencedBy"].as_array().is_some_and(|by| !by.is_empty());
    let already = alerts.iter().filter(silenced).count();
    Ok(match asked.server.output {
        Output::Json => {
            let labels: Value = alerts.iter().map(|alert| alert["labels"].clone()).collect();
            format!("{}\n", json!({"alerts": alerts.len(), "alreadySilenced": already, "labels": labels}))
        }
        Output::Text => {
            let named = alerts.iter().map(|alert| format!("  {}\n", alert["labels"]));
            format!("it would mute {} alerts now; {already} of them are silenced already\n", alerts.len())
                + &named.collect::<String>()
        }
    })
}
