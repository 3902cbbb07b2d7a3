//! `andon replay`: what a store's journal holds, played against a configuration file, beside what really was.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::wire::{length, millis, table, time};
use super::{Output, say};
use crate::core::change::Change;
use crate::core::engine::{Engine, Options};
use crate::core::label::LabelSet;
use crate::core::matcher::Mode;
use crate::core::policy::Policy;
use crate::core::replay::{Compared, Played, Replay, Told, Was, compare};
use crate::reload;
use crate::store::sled::Copied;
use crate::store::{Past, Seq};
use crate::time::{Clock, Timestamp};

/// How many entries of the journal are read at once.
const PAGE: usize = 64;

/// A state that is made from more changes than this is made short on the way.
const CONDENSED_AT: usize = 500_000;

/// What to play.
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration to play it against.
    file: PathBuf,
    /// The folder of the store: of an Andon that is stopped, or a copy. It is read through a copy and not changed.
    #[arg(long = "storage.path", default_value = "data/")]
    path: PathBuf,
    /// From when: 2026-11-22T03:00:00Z; by default from where the journal begins.
    #[arg(long, conflicts_with = "since")]
    start: Option<String>,
    /// From so long ago: 24h, 7d.
    #[arg(long)]
    since: Option<String>,
    /// Until when; by default up to the end of the journal.
    #[arg(long)]
    end: Option<String>,
    /// How many differences are printed; 0 for all. JSON has all.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Tell resolved as Alertmanager does, not where something mutes it by then.
    #[arg(long = "notify.resolved-while-muted", value_enum, default_value = "send")]
    resolved_while_muted: WhileMuted,
    /// text or json.
    #[arg(long, short, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum WhileMuted {
    Send,
    Withhold,
}

/// What came of it.
struct Report {
    from: Timestamp,
    until: Timestamp,
    was: Vec<Told>,
    would: Vec<Told>,
    played: Played,
    notes: Vec<String>,
}

/// Plays and prints. Exit code 0 if the same would be told, 1 if something else would, 2 if it could not be played.
pub fn run(arguments: &Arguments) -> ExitCode {
    let report = match played(arguments) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("andon: error: {error}");
            return ExitCode::from(2);
        }
    };
    let mut counts: Counts = Counts::new();
    for (place, told) in [&report.was, &report.would].into_iter().enumerate() {
        for told in told {
            let to = (told.to.receiver.to_string(), format!("{}[{}]", told.to.kind, told.to.index));
            counts.entry(to).or_default()[place] += 1;
        }
    }
    let Report { from, until, played, notes, .. } = &report;
    let compared = compare(report.was.clone(), report.would.clone());
    let same = compared.moved.is_empty() && compared.only_was.is_empty() && compared.only_would.is_empty();
    say(&match arguments.output {
        Output::Text => text(arguments, (*from, *until), played, notes, &counts, &compared),
        Output::Json => format!("{}\n", document((*from, *until), played, notes, &counts, &compared)),
    });
    if same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// For each integration how often it was told, and how often it would be.
type Counts = std::collections::BTreeMap<(String, String), [u64; 2]>;

fn played(arguments: &Arguments) -> Result<Report, String> {
    let (config, _) = reload::load(&arguments.file, Mode::Fallback).map_err(|errors| errors.to_string())?;
    let start = match (&arguments.start, &arguments.since) {
        (Some(start), _) => Some(time(start)?),
        (None, Some(since)) => Some(Clock::System.now().before(length(since)?)),
        (None, None) => None,
    };
    let end = arguments.end.as_deref().map(time).transpose()?.unwrap_or(Timestamp::MAX);
    let copy = Copied::of(&arguments.path).map_err(|error| error.to_string())?;
    let past = copy.past().ok_or("the copy of the store is closed")?;
    let resolved_while_muted = arguments.resolved_while_muted == WhileMuted::Send;
    let options = Options { resolved_while_muted, ..Options::default() };
    play(&*past, config.policy, options, start, end).map_err(|error| format!("{}: {error}", arguments.path.display()))
}

/// Where the playing begins: the state of a moment, and the entry after which the journal goes on.
struct Begin {
    state: Vec<Change>,
    after: Seq,
    at: Timestamp,
    notes: Vec<String>,
}

fn begin(past: &dyn Past, policy: &Arc<Policy>, start: Option<Timestamp>) -> Result<Begin, String> {
    let failed = |error: crate::store::StoreError| error.to_string();
    let Some(first) = past.entries(Seq(0), 1).map_err(failed)?.into_iter().next() else {
        return Err("the journal is empty: there is nothing to play".into());
    };
    let at = start.unwrap_or(first.at);
    let checkpoint = past.checkpoint_before(at).map_err(failed)?;
    let whole = checkpoint.is_some() || first.seq <= Seq(1);
    let (mut after, mut state) = checkpoint.unwrap_or_default();
    let mut room = CONDENSED_AT;
    if start.is_some() {
        'journal: loop {
            let entries = past.entries(after, PAGE).map_err(failed)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if entry.at >= at {
                    break 'journal;
                }
                after = entry.seq;
                state.extend(entry.changes.into_iter().filter(|change| !matches!(change, Change::Noted(_))));
            }
            if state.len() > room {
                state = Engine::condensed(Arc::clone(policy), state);
                room = CONDENSED_AT.max(2 * state.len());
            }
        }
    }
    let mut notes = Vec::new();
    if !whole {
        notes
            .push(format!("the journal begins at {}: what fired before is known once it fires anew", millis(first.at)));
    }
    Ok(Begin { state, after, at, notes })
}

fn play(
    past: &dyn Past,
    policy: Arc<Policy>,
    options: Options,
    start: Option<Timestamp>,
    end: Timestamp,
) -> Result<Report, String> {
    let Begin { state, mut after, at: from, notes } = begin(past, &policy, start)?;
    let mut replay = Replay::new(policy, options, state, from);
    let (mut was, mut last) = (Was::default(), from);
    'journal: loop {
        let entries = past.entries(after, PAGE).map_err(|error| error.to_string())?;
        let Some(newest) = entries.last() else { break };
        after = newest.seq;
        for entry in entries {
            if entry.at > end {
                break 'journal;
            }
            replay.entry(entry.at, &entry.changes);
            was.entry(&entry.changes);
            last = last.max(entry.at);
        }
    }
    let (would, played) = replay.finish(last);
    Ok(Report { from, until: last, was: was.told(), would, played, notes })
}

/// What was not played, in words.
fn left_out(played: &Played) -> Vec<String> {
    let left = [
        (played.orders, "changes that people and other systems made to work orders"),
        (played.reloads, "configurations that came into force: these rules hold throughout"),
        (played.unknown_alerts, "times an alert was sent again that had begun before the journal does"),
        (played.unknown_acks, "acknowledgements of groups that these rules do not make"),
    ];
    left.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}

fn text(
    arguments: &Arguments,
    (from, until): (Timestamp, Timestamp),
    played: &Played,
    notes: &[String],
    counts: &Counts,
    compared: &Compared,
) -> String {
    let file: &Path = &arguments.file;
    let mut out = format!(
        "{} to {} against {}: alerts sent {} times, {} changes of silences, {} acknowledgements\n",
        millis(from),
        millis(until),
        file.display(),
        played.alerts,
        played.silences,
        played.acks
    );
    // Writing into a string does not fail.
    notes.iter().for_each(|note| out += &format!("note: {note}\n"));
    left_out(played).iter().for_each(|left| out += &format!("not played: {left}\n"));
    let head = ["RECEIVER", "INTEGRATION", "WAS TOLD", "WOULD BE TOLD"].map(str::to_owned).to_vec();
    let rows = counts.iter().map(|((receiver, integration), [was, would])| {
        vec![receiver.clone(), integration.clone(), was.to_string(), would.to_string()]
    });
    out.push('\n');
    out += &table(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    let _ = writeln!(
        out,
        "\n{} the same, {} at another time, {} only then (-), {} only with these rules (+)",
        compared.same,
        compared.moved.len(),
        compared.only_was.len(),
        compared.only_would.len()
    );
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    lines.extend(compared.only_was.iter().map(|told| (told.at, line('-', told, ""))));
    lines.extend(compared.only_would.iter().map(|told| (told.at, line('+', told, ""))));
    lines.extend(compared.moved.iter().map(|(then, now)| {
        let moved = format!(", would be at {}", millis(now.at));
        (then.at, line('~', then, &moved))
    }));
    lines.sort();
    let most = if arguments.limit == 0 { lines.len() } else { arguments.limit };
    lines.iter().take(most).for_each(|(_, line)| out.push_str(line));
    if lines.len() > most {
        let _ = writeln!(out, "and {} more: --limit 0 prints all", lines.len() - most);
    }
    out
}

fn line(sign: char, told: &Told, moved: &str) -> String {
    let about = if told.group.is_empty() { told.firing.first().or(told.resolved.first()) } else { Some(&told.group) };
    let about = about.map(LabelSet::to_string).unwrap_or_default().replace(char::is_control, "\u{fffd}");
    format!(
        "{sign} {}{moved}  {} by {}[{}]  {}: {} firing, {} over  {about}\n",
        millis(told.at),
        told.to.receiver,
        told.to.kind,
        told.to.index,
        told.reason,
        told.firing.len(),
        told.resolved.len(),
    )
}

fn document(
    (from, until): (Timestamp, Timestamp),
    played: &Played,
    notes: &[String],
    counts: &Counts,
    compared: &Compared,
) -> Value {
    let receivers = counts.iter().map(|((receiver, integration), [was, would])| {
        json!({"receiver": receiver, "integration": integration, "was": was, "would": would})
    });
    let moved = compared.moved.iter().map(|(then, now)| {
        let mut one = notification(then);
        one["wouldBeAt"] = millis(now.at).into();
        one
    });
    json!({
        "from": millis(from), "until": millis(until), "notes": notes,
        "played": {"alerts": played.alerts, "silences": played.silences, "acknowledgements": played.acks},
        "notPlayed": left_out(played),
        "receivers": receivers.collect::<Value>(),
        "same": compared.same,
        "moved": moved.collect::<Value>(),
        "onlyThen": compared.only_was.iter().map(notification).collect::<Value>(),
        "onlyNow": compared.only_would.iter().map(notification).collect::<Value>(),
    })
}

fn notification(told: &Told) -> Value {
    let pairs = |labels: &LabelSet| -> Value {
        labels
            .iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "at": millis(told.at), "receiver": &*told.to.receiver, "integration": &*told.to.kind, "index": told.to.index,
        "reason": told.reason.as_str(), "groupLabels": pairs(&told.group),
        "firing": told.firing.iter().map(pairs).collect::<Value>(),
        "resolved": told.resolved.iter().map(pairs).collect::<Value>(),
    })
}
