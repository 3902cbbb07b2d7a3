//! Deliveries: how each way of telling somebody fares, what waits, and what could not be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Sight;
use super::attempts::{Attempt, Attempts};
use super::held::{group_name, name};
use super::link::encoded;
use super::parts::{Pager, paged};
use super::words::{When, count, short, thousands};
use crate::core::circuit::Faring;
use crate::core::note::Heard;
use crate::core::outbox::{DeadLetter, Delivery, IntegrationKey, Thread};

/// Dead letters on one page.
const PER_PAGE: usize = 20;
/// How much of requests and answers the page has at most, in bytes; the API has the others.
const EXCHANGES: usize = 512 << 10;
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
    /// As it stands in a link.
    link: String,
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
    probed: Option<When>,
    waiting: String,
    limited: String,
    attempts: Vec<Attempt>,
    queue: Vec<Waiting>,
    more: usize,
    /// When it was last told anything, since the start.
    told: Option<When>,
    last_error: Option<(When, String)>,
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

/// What workers remember of an integration's last attempts, the latest first.
pub type Remembered<'a> = &'a dyn Fn(&IntegrationKey) -> Vec<Arc<Heard>>;

/// Makes the page.
pub fn deliveries(
    sight: &Sight<'_>,
    configured: &[Configured],
    attempts: &Attempts,
    remembered: Remembered<'_>,
    page: usize,
) -> Deliveries {
    let mut queues: BTreeMap<(&str, &str, u32), Vec<&Arc<Delivery>>> = BTreeMap::new();
    for row in sight.view.outbox.values() {
        queues.entry(place(&row.thread)).or_default().push(row);
    }
    let (mut receivers, mut room): (Vec<Receiver>, usize) = (Vec::new(), EXCHANGES);
    for shown in configured.iter().filter(|shown| shown.used) {
        let queue = queues.remove(&(&*shown.receiver, &*shown.kind, shown.index)).unwrap_or_default();
        let key = key(shown);
        let mut attempts = attempts.shown(sight, &key, &remembered(&key));
        attempts.iter_mut().for_each(|attempt| attempt.fit(&mut room));
        let integration = Integration { attempts, ..integration(sight, shown, &queue) };
        match receivers.last_mut().filter(|last| last.name == shown.receiver) {
            Some(last) => last.integrations.push(integration),
            None => {
                let (name, link) = (shown.receiver.clone(), encoded(&shown.receiver));
                receivers.push(Receiver { name, link, integrations: vec![integration] });
            }
        }
    }
    let letters: Vec<_> = sight.view.dead_letters.values().rev().collect();
    let dead_count = count(letters.len(), "dead letter");
    let (letters, pager) = paged(letters, PER_PAGE, page, |page| format!("ui/deliveries?page={page}"));
    Deliveries { receivers, dead: letters.into_iter().map(|letter| dead(sight, letter)).collect(), dead_count, pager }
}

fn key(shown: &Configured) -> IntegrationKey {
    IntegrationKey {
        receiver: Arc::from(shown.receiver.as_str()),
        kind: Arc::from(shown.kind.as_str()),
        index: shown.index,
    }
}

fn place(thread: &Thread) -> (&str, &str, u32) {
    (&thread.receiver, &thread.kind, thread.index)
}

fn integration(sight: &Sight<'_>, shown: &Configured, queue: &[&Arc<Delivery>]) -> Integration {
    let view = sight.view;
    let own = (&*shown.receiver, &*shown.kind, shown.index);
    let unknown = Faring::default();
    let faring = view.faring.get(&key(shown)).unwrap_or(&unknown);
    let dead = view.dead_letters.values().filter(|letter| place(&letter.delivery.thread) == own).count();
    let limited = queue.iter().filter(|row| view.parked.contains(&row.id)).count();
    let when = |at| When::new(at, sight.now);
    let error = faring.last_error.as_ref().map(|(at, error)| (when(*at), short(error)));
    let failing = || {
        let error = error.as_ref().map_or("", |(_, error)| error.as_str());
        format!("{} failed in a row: {error}", count(faring.failures as usize, "attempt"))
    };
    let (state, word, why) = match &shown.missing {
        Some(missing) => ("waits", "not configured", missing.clone()),
        None if faring.failing_since.is_some() => ("failing", "failing", failing()),
        None if dead > 0 => ("failing", "refuses", format!("{} above", count(dead, "dead letter"))),
        None if limited > 0 => ("slow", "limited", "It may be told no more often; what waits is merged.".into()),
        // How it fares nobody knows yet; what waits is under way to it for the first time.
        None if faring.last_success.is_none() && faring.last_error.is_none() => {
            ("none", if queue.is_empty() { "not tried yet" } else { "being told" }, String::new())
        }
        None => ("good", "healthy", String::new()),
    };
    let waiting = |row: &&Arc<Delivery>| Waiting {
        about: about(row),
        reason: row.reason.as_str(),
        decided: when(row.decided_at),
        attempts: row.attempts,
        due: when(row.due_at),
        due_now: row.due_at <= sight.now,
        error: short(&row.last_error),
    };
    let number = |number: usize, one| if number == 0 { String::new() } else { count(number, one) };
    Integration {
        name: format!("{}[{}]", shown.kind, shown.index),
        state,
        word,
        why,
        since: faring.failing_since.filter(|_| state == "failing").map(when),
        probed: faring.probed_at.map(|at| when(at.max(sight.now))),
        waiting: number(queue.len(), "notification"),
        limited: if limited == 0 { String::new() } else { thousands(limited) },
        attempts: Vec::new(),
        queue: queue.iter().take(NAMED).map(waiting).collect(),
        more: queue.len().saturating_sub(NAMED),
        told: faring.last_success.map(when),
        last_error: error.filter(|_| state != "failing" && shown.missing.is_none()),
        threads: thousands(view.ledger.keys().filter(|thread| place(thread) == own).count()),
    }
}

/// What a notification is about.
fn about(row: &Delivery) -> String {
    if row.group_labels.is_empty() {
        return row.alerts.first().map_or_else(String::new, |told| name(&told.alert.labels));
    }
    group_name(&row.group_labels)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::engine::Input;
    use crate::core::matcher::Mode;
    use crate::core::tests::play::{World, policy};

    #[test]
    fn what_nobody_has_spoken_to_is_not_called_healthy() {
        let mut world = World::new(policy());
        let shown = Configured { receiver: "hook".into(), kind: "webhook".into(), index: 0, used: true, missing: None };
        let word = |world: &mut World| {
            let (view, assets) = (world.engine.view(), BTreeMap::new());
            let sight = Sight { view: &view, now: world.now, mode: Mode::Fallback, assets: &assets };
            let page = deliveries(&sight, std::slice::from_ref(&shown), &Attempts::of(&[]), &|_| Vec::new(), 1);
            page.receivers[0].integrations[0].word
        };
        assert_eq!(word(&mut world), "not tried yet");
        world.post(&["Disk a"], true);
        world.now = world.engine.next_deadline();
        world.engine.handle(world.now, Input::Tick);
        world.engine.committed();
        assert_eq!(world.engine.take_due(world.now).len(), 1);
        assert_eq!(word(&mut world), "being told");
    }
}
