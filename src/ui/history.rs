//! History: what happened, the latest first, as the journal tells it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Sight;
use super::deliveries::Configured;
use super::filter::Filter;
use super::link;
use super::words::{When, short};
use crate::core::history::{Event, EventKind, What};
use crate::core::note::AttemptEnd;
use crate::core::policy::RouteIdx;

/// Attempts that are shown for each integration.
const ATTEMPTS: usize = 3;

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
    let [_, _, _, hour, minute, second] = event.at.with_offset_minutes(0).civil();
    Line {
        at: When::new(event.at, sight.now),
        time: format!("{hour:02}:{minute:02}:{second:02}"),
        kind: event.kind().as_str().replace('_', " "),
        class: class(event.kind()),
        text: short(text),
        who: event.actor.as_ref().map(|actor| short(&actor.to_string())).unwrap_or_default(),
        href: known.filter(|_| labels.len() == 1).map(|alert| format!("ui/alerts/{alert}")).unwrap_or_default(),
    }
}

fn class(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Fired | EventKind::AttemptFailed | EventKind::Refused | EventKind::DeadLetter => "failing",
        EventKind::Resolved | EventKind::Delivered => "good",
        EventKind::HeldBack | EventKind::RateLimited | EventKind::Silence | EventKind::Acknowledgement => "soon",
        _ => "plain",
    }
}

/// An attempt to tell, on the page of deliveries.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    at: When,
    about: String,
    word: &'static str,
    class: &'static str,
    number: u32,
    answer: String,
}

/// Attempts by receiver, kind and place of the integration.
pub type Attempts = BTreeMap<(String, String, u32), Vec<Attempt>>;

/// The last attempts of each integration, of events that come the latest first.
pub fn attempts(sight: &Sight<'_>, events: &[Event]) -> Attempts {
    let mut attempts = Attempts::new();
    for event in events {
        let What::Attempted(attempted) = &event.what else { continue };
        let thread = &attempted.of.thread;
        let key = (thread.receiver.to_string(), thread.kind.to_string(), thread.index);
        let known = attempts.entry(key).or_default();
        if known.len() == ATTEMPTS {
            continue;
        }
        let (word, class) = match attempted.end {
            AttemptEnd::Delivered => ("told", "good"),
            AttemptEnd::Retry => ("failed", "soon"),
            AttemptEnd::Refused => ("refused", "failing"),
            AttemptEnd::GivenUp => ("given up", "failing"),
        };
        let labels = attempted.of.alerts.first().unwrap_or(&attempted.of.group_labels);
        known.push(Attempt {
            at: When::new(event.at, sight.now),
            about: super::held::name(labels),
            word,
            class,
            number: attempted.number,
            answer: short(&attempted.answer),
        });
    }
    attempts
}

/// The attempts of an integration.
pub(super) fn of_integration(attempts: &Attempts, shown: &Configured) -> Vec<Attempt> {
    attempts.get(&(shown.receiver.clone(), shown.kind.clone(), shown.index)).cloned().unwrap_or_default()
}

/// How often each route took an alert that began to fire.
pub fn matched(sight: &Sight<'_>, events: &[Event]) -> BTreeMap<RouteIdx, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        let What::Fired(alert) = &event.what else { continue };
        for route in sight.view.policy.walk(&alert.labels) {
            *counts.entry(route).or_default() += 1;
        }
    }
    counts
}
