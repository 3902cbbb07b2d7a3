//! History: what happened, the latest first, as the journal tells it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Sight;
use super::filter::Filter;
use super::link;
use super::words::{When, short};
use crate::core::history::{Event, EventKind, What};
use crate::core::policy::RouteIdx;
use crate::time::Timestamp;

/// What somebody wants to see: all of it stands in the URL.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Matchers.
    pub filter: Filter,
    /// A receiver, or empty.
    pub receiver: String,
    /// An alert's fingerprint, or empty.
    pub alert: String,
    /// The hash of a group's key, or empty.
    pub group: String,
    /// A kind of event, or empty.
    pub kind: String,
}

impl Wanted {
    fn href(&self, cursor: &str) -> String {
        let query = link::query(&[
            ("filter", &self.filter.text()),
            ("receiver", &self.receiver),
            ("alert", &self.alert),
            ("group", &self.group),
            ("kind", &self.kind),
            ("cursor", cursor),
        ]);
        format!("ui/history{query}")
    }
}

/// The page.
#[derive(Debug, Serialize)]
pub struct History {
    filter: String,
    problem: Option<String>,
    receiver: String,
    alert: String,
    group: String,
    kinds: Vec<Kind>,
    narrowed: bool,
    lines: Vec<Line>,
    older: String,
    newest: String,
}

#[derive(Debug, Serialize)]
struct Kind {
    word: &'static str,
    label: String,
    current: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    at: When,
    time: String,
    kind: String,
    class: &'static str,
    text: String,
    /// What is different in a configuration, line by line.
    diff: String,
    who: String,
    href: String,
}

/// Makes the page of events, each with its sentence; `older` is where the next page begins.
pub fn history(
    sight: &Sight<'_>,
    wanted: &Wanted,
    events: &[(Event, String)],
    older: Option<String>,
    first: bool,
) -> History {
    let kinds = EventKind::ALL.into_iter().map(|kind| Kind {
        word: kind.as_str(),
        label: kind.as_str().replace('_', " "),
        current: wanted.kind == kind.as_str(),
    });
    History {
        filter: wanted.filter.text(),
        problem: wanted.filter.problem().map(str::to_owned),
        receiver: short(&wanted.receiver),
        alert: short(&wanted.alert),
        group: short(&wanted.group),
        kinds: kinds.collect(),
        narrowed: !wanted.href("").ends_with("history"),
        lines: events.iter().map(|(event, text)| line(sight, event, text)).collect(),
        older: older.map(|cursor| wanted.href(&cursor)).unwrap_or_default(),
        newest: if first { String::new() } else { wanted.href("") },
    }
}

fn line(sight: &Sight<'_>, event: &Event, text: &str) -> Line {
    let labels = event.labels();
    let known =
        labels.first().map(|labels| labels.fingerprint()).filter(|alert| sight.view.alerts.get(*alert).is_some());
    let at = When::new(event.at, sight.now);
    let [year, month, day, hour, minute, second] = event.at.with_offset_minutes(0).civil();
    let today = sight.now.with_offset_minutes(0).civil().starts_with(&[year, month, day]);
    let diff = match &event.what {
        What::Configured(_, diff) => shortened(diff),
        _ => String::new(),
    };
    Line {
        time: if today { format!("{hour:02}:{minute:02}:{second:02} UTC") } else { at.at.clone() },
        at,
        kind: event.kind().as_str().replace('_', " "),
        class: class(event.kind()),
        text: short(text),
        diff,
        who: event.actor.as_ref().map(|actor| short(&actor.to_string())).unwrap_or_default(),
        href: known.filter(|_| labels.len() == 1).map(|alert| format!("ui/alerts/{alert}")).unwrap_or_default(),
    }
}

/// The beginning of a text that may have thousands of lines.
fn shortened(text: &str) -> String {
    const LINES: usize = 200;
    let left_out = text.lines().count().saturating_sub(LINES);
    let lines: Vec<String> = text.lines().take(LINES).map(short).collect();
    let more = if left_out > 0 { format!("\n… {left_out} lines more") } else { String::new() };
    lines.join("\n") + &more
}

fn class(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Fired | EventKind::AttemptFailed | EventKind::Refused | EventKind::DeadLetter => "failing",
        EventKind::Resolved | EventKind::Delivered => "good",
        EventKind::HeldBack | EventKind::RateLimited | EventKind::Silence | EventKind::Acknowledgement => "soon",
        _ => "plain",
    }
}

/// How often each route took an alert that began to fire, within a day.
#[derive(Debug, Default)]
pub struct Matched {
    pub(super) counts: BTreeMap<RouteIdx, usize>,
    /// The routes on which an alert ended, which may have begun to fire before.
    pub(super) ended: BTreeSet<RouteIdx>,
    /// Whether more happened than is counted.
    pub(super) cut: bool,
    /// Since when it was counted, where more happened and that is known.
    pub(super) since: Option<Timestamp>,
}

/// Counts the alerts of a day that began to fire, and notes where some ended; `cut` says that these events are not all.
pub fn matched(sight: &Sight<'_>, events: &[Event], cut: bool) -> Matched {
    let since = events.last().map(|event| event.at).filter(|_| cut);
    let policy = &sight.view.policy;
    let (mut counts, mut ended) = (BTreeMap::new(), BTreeSet::new());
    for event in events {
        if let What::Fired(alert) = &event.what {
            policy.walk(&alert.labels).into_iter().for_each(|route| *counts.entry(route).or_default() += 1);
        }
        if event.kind() == EventKind::Resolved {
            ended.extend(event.labels().into_iter().flat_map(|labels| policy.walk(labels)));
        }
    }
    Matched { counts, ended, cut, since }
}
