//! Deliveries: how each way of telling somebody fares, what waits, and what could not be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Sight;
use super::held::name;
use super::parts::{Pager, paged};
use super::words::{When, count, short, thousands};
use crate::core::outbox::{DeadLetter, Delivery, Thread};

/// Dead letters on one page.
const PER_PAGE: usize = 20;
/// Waiting notifications that are named for each integration.
const NAMED: usize = 5;

/// An integration of the configuration.
#[derive(Clone, Debug)]
pub struct Configured {
    /// Its receiver's name.
    pub receiver: String,
    /// Its kind.
    pub kind: String,
    /// Its place among those of its kind.
    pub index: u32,
    /// Whether a route reaches the receiver.
    pub used: bool,
    /// What it lacks to be able to send.
    pub missing: Option<String>,
}

/// The page.
#[derive(Debug, Serialize)]
pub struct Deliveries {
    receivers: Vec<Receiver>,
    dead: Vec<Dead>,
    dead_count: String,
    pager: Pager,
}

#[derive(Debug, Serialize)]
struct Receiver {
    name: String,
    integrations: Vec<Integration>,
}

#[derive(Debug, Serialize)]
struct Integration {
    name: String,
    /// The class: `good`, `failing`, `waits`, `none`.
    state: &'static str,
    word: &'static str,
    why: String,
    since: Option<When>,
    waiting: String,
    queue: Vec<Waiting>,
    more: usize,
    told: Option<When>,
    threads: String,
}

/// A notification that waits.
#[derive(Debug, Serialize)]
struct Waiting {
    about: String,
    reason: &'static str,
    decided: When,
    attempts: u32,
    due: When,
    due_now: bool,
    error: String,
}

/// A notification that could not be delivered.
#[derive(Debug, Serialize)]
struct Dead {
    id: u64,
    receiver: String,
    integration: String,
    about: String,
    reason: &'static str,
    firing: bool,
    at: When,
    decided: When,
    attempts: u32,
    error: String,
    request: String,
    answer: String,
    alerts: String,
}

/// Makes the page.
pub fn deliveries(sight: &Sight<'_>, configured: &[Configured], page: usize) -> Deliveries {
    let mut queues: BTreeMap<(&str, &str, u32), Vec<&Arc<Delivery>>> = BTreeMap::new();
    for row in sight.view.outbox.values() {
        queues.entry(place(&row.thread)).or_default().push(row);
    }
    let mut receivers: Vec<Receiver> = Vec::new();
    for shown in configured.iter().filter(|shown| shown.used) {
        let queue = queues.remove(&(&*shown.receiver, &*shown.kind, shown.index)).unwrap_or_default();
        let integration = integration(sight, shown, &queue);
        match receivers.last_mut().filter(|last| last.name == shown.receiver) {
            Some(last) => last.integrations.push(integration),
            None => receivers.push(Receiver { name: shown.receiver.clone(), integrations: vec![integration] }),
        }
    }
    let letters: Vec<_> = sight.view.dead_letters.values().rev().collect();
    let dead_count = count(letters.len(), "dead letter");
    let (letters, pager) = paged(letters, PER_PAGE, page, |page| format!("ui/deliveries?page={page}"));
    Deliveries { receivers, dead: letters.into_iter().map(|letter| dead(sight, letter)).collect(), dead_count, pager }
}

fn place(thread: &Thread) -> (&str, &str, u32) {
    (&thread.receiver, &thread.kind, thread.index)
}

fn integration(sight: &Sight<'_>, shown: &Configured, queue: &[&Arc<Delivery>]) -> Integration {
    let own = (&*shown.receiver, &*shown.kind, shown.index);
    let threads: Vec<_> = sight.view.ledger.iter().filter(|(thread, _)| place(thread) == own).collect();
    let told = threads.iter().map(|(_, told)| told.at).max();
    let dead = sight.view.dead_letters.values().filter(|letter| place(&letter.delivery.thread) == own).count();
    let failing = queue.iter().filter(|row| row.attempts > 0).min_by_key(|row| row.decided_at);
    let (state, word, why, since) = match (&shown.missing, failing) {
        (Some(missing), _) => ("waits", "not configured", missing.clone(), None),
        (None, Some(row)) => ("failing", "failing", short(&row.last_error), Some(When::new(row.decided_at, sight.now))),
        (None, None) if dead > 0 => ("failing", "refuses", format!("{} here", count(dead, "dead letter")), None),
        (None, None) if queue.is_empty() => ("good", "healthy", String::new(), None),
        (None, None) => ("slow", "sending", String::new(), None),
    };
    let waiting = |row: &&Arc<Delivery>| Waiting {
        about: about(row),
        reason: row.reason.as_str(),
        decided: When::new(row.decided_at, sight.now),
        attempts: row.attempts,
        due: When::new(row.due_at, sight.now),
        due_now: row.due_at <= sight.now,
        error: short(&row.last_error),
    };
    Integration {
        name: format!("{}[{}]", shown.kind, shown.index),
        state,
        word,
        why,
        since,
        waiting: if queue.is_empty() { String::new() } else { count(queue.len(), "notification") },
        queue: queue.iter().take(NAMED).map(waiting).collect(),
        more: queue.len().saturating_sub(NAMED),
        told: told.map(|at| When::new(at, sight.now)),
        threads: thousands(threads.len()),
    }
}

/// What a notification is about.
fn about(row: &Delivery) -> String {
    if row.group_labels.is_empty() {
        return row.alerts.first().map_or_else(String::new, |told| name(&told.alert.labels));
    }
    name(&row.group_labels)
}

fn dead(sight: &Sight<'_>, letter: &Arc<DeadLetter>) -> Dead {
    let row = &letter.delivery;
    Dead {
        id: row.id.0,
        receiver: row.thread.receiver.to_string(),
        integration: format!("{}[{}]", row.thread.kind, row.thread.index),
        about: about(row),
        reason: row.reason.as_str(),
        firing: row.firing(),
        at: When::new(letter.at, sight.now),
        decided: When::new(row.decided_at, sight.now),
        attempts: row.attempts,
        error: short(&letter.error),
        request: letter.exchange.request.clone(),
        answer: letter.exchange.answer.clone(),
        alerts: count(row.alerts.len(), "alert"),
    }
}
