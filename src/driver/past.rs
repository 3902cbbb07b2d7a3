//! What was: the history, read from the journal beside the driver, and the state as it was at a moment.
//!
//! Promised: a reader works on its own, a page at a time, and neither a commit nor a delivery waits for it. At most
//! [`READERS`] read at once; the others wait for their turn. What is read for one page of the history is bounded by
//! [`BUDGET`], however much is kept and however little of it is wanted.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::handle::{Handle, Unavailable};
use crate::config::{Config, Options as ConfigOptions};
use crate::core::change::Change;
use crate::core::engine::{Engine, Options};
use crate::core::history::{Event, Wanted, events};
use crate::core::policy::Policy;
use crate::core::view::View;
use crate::store::{Entry, Past, Seq, StoreError};
use crate::time::Timestamp;

/// How many read the journal at once.
const READERS: usize = 2;
/// How many entries are read at once, at most: fewer where they are large.
const PAGE: u64 = 64;
/// How many changes are read at once, about.
const CHANGES: usize = 8_192;
/// How many changes are read for one page of the history, about. A page that found less than was
/// wanted says where to read on.
const BUDGET: usize = 100_000;

/// A state that is rebuilt from more changes than this is made short on the way.
const CONDENSED_AT: usize = 500_000;

/// The journal, for readers.
#[derive(Clone)]
pub(super) struct Reading {
    past: Arc<dyn Past>,
    turn: Arc<Semaphore>,
}

/// Where a page of the history ends: an entry, and a place in it.
pub type Cursor = (Seq, u32);

/// Which part of the history is read.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    /// What is wanted.
    pub wanted: Wanted,
    /// How many events at most; at least one.
    pub limit: usize,
    /// Where an earlier page ended.
    pub after: Option<Cursor>,
    /// Whether the oldest come first; else the newest do.
    pub oldest_first: bool,
}

/// A page of the history.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// The events, in the order that was asked for. May be fewer than were asked for, even none, although there are more.
    pub events: Vec<Event>,
    /// Where the next page begins, if there may be more.
    pub next: Option<Cursor>,
}

/// The state of a moment, rebuilt from the journal.
#[derive(Clone)]
pub struct ViewThen {
    /// As it was.
    pub view: Arc<View>,
    /// What is to be known about it: what is not kept any more.
    pub notes: Vec<String>,
}

impl Reading {
    pub(super) fn new(past: Arc<dyn Past>) -> Self {
        Self { past, turn: Arc::new(Semaphore::new(READERS)) }
    }

    /// Reads off the runtime's own threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Past) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let stopped = |_| Unavailable("the reader of the history stopped".into());
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| stopped(()))?;
        let past = Arc::clone(&self.past);
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(&*past)
        });
        reading.await.map_err(|_| stopped(()))?.map_err(|error| Unavailable(error.to_string()))
    }
}

impl Handle {
    /// Reads a page of the history.
    ///
    /// # Errors
    /// [`Unavailable`] if the journal cannot be read now.
    pub async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, Unavailable> {
        self.reading.read(move |past| page(past, &query)).await
    }

    /// The state as it was at a moment. `now` are the rules to go on with where those of that moment are not known.
    ///
    /// # Errors
    /// [`Unavailable`] if the journal cannot be read now.
    pub async fn view_then(&self, at: Timestamp, now: Arc<View>) -> Result<ViewThen, Unavailable> {
        self.reading.read(move |past| then(past, at, &now)).await
    }
}

fn page(past: &dyn Past, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
    if query.oldest_first { forwards(past, query) } else { backwards(past, query) }
}

fn forwards(past: &dyn Past, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
    let mut page = HistoryPage::default();
    let mut after = match (query.after, query.wanted.start) {
        (Some((seq, _)), _) => Seq(seq.0.saturating_sub(1)),
        (None, Some(start)) => before_time(past, start)?,
        (None, None) => Seq(0),
    };
    let mut portion = Portion::default();
    loop {
        let entries = past.entries(after, portion.entries())?;
        let Some(last) = entries.last() else { return Ok(page) };
        after = last.seq;
        portion.was(&entries);
        for entry in &entries {
            if query.wanted.end.is_some_and(|end| entry.at > end) {
                return Ok(page);
            }
            let new = |event: &Event| query.after.is_none_or(|after| (Seq(event.seq), event.place) > after);
            if add(&mut page, entry_events(entry).into_iter().filter(new), query) {
                return Ok(page);
            }
        }
        if portion.read > BUDGET {
            page.next = Some((after, u32::MAX));
            return Ok(page);
        }
    }
}

fn backwards(past: &dyn Past, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
    let mut page = HistoryPage::default();
    let mut end = match query.after {
        Some((seq, _)) => seq.0,
        None => past.last()?.0,
    };
    if let (None, Some(until)) = (query.after, query.wanted.end) {
        // One entry may be of the very moment; what is too new is left out.
        end = end.min(before_time(past, until)?.0.saturating_add(PAGE));
    }
    let mut portion = Portion::default();
    while end > 0 {
        let begin = end.saturating_sub(portion.entries() as u64);
        let entries = past.entries(Seq(begin), portion.entries())?;
        portion.was(&entries);
        for entry in entries.iter().rev().filter(|entry| entry.seq.0 <= end) {
            if query.wanted.start.is_some_and(|start| entry.at < start) {
                return Ok(page);
            }
            let new = |event: &Event| query.after.is_none_or(|after| (Seq(event.seq), event.place) < after);
            if add(&mut page, entry_events(entry).into_iter().rev().filter(new), query) {
                return Ok(page);
            }
        }
        // Before the oldest entry there is nothing.
        if entries.first().is_none_or(|first| first.seq.0 > begin + 1) && begin > 0 {
            let kept = past.entries(Seq(0), 1)?.first().map_or(u64::MAX, |first| first.seq.0);
            if kept > begin {
                return Ok(page);
            }
        }
        end = begin;
        if portion.read > BUDGET && end > 0 {
            page.next = Some((Seq(end), u32::MAX));
            return Ok(page);
        }
    }
    Ok(page)
}

/// How much is read at once, which follows from how large the entries are, and how much was read.
struct Portion {
    entries: u64,
    read: usize,
}

impl Default for Portion {
    fn default() -> Self {
        Self { entries: 8, read: 0 }
    }
}

impl Portion {
    fn entries(&self) -> usize {
        // At most a page.
        self.entries as usize
    }

    /// So much was read at once.
    fn was(&mut self, entries: &[Entry]) {
        let changes: usize = entries.iter().map(|entry| entry.changes.len()).sum();
        self.read += changes + entries.len();
        self.entries = if changes > CHANGES { self.entries / 2 } else { self.entries * 2 }.clamp(1, PAGE);
    }
}

fn entry_events(entry: &Entry) -> Vec<Event> {
    events(entry.seq.0, entry.at, &entry.changes)
}

/// Adds what is wanted; says whether the page is full.
fn add(page: &mut HistoryPage, events: impl Iterator<Item = Event>, query: &HistoryQuery) -> bool {
    for event in events.filter(|event| query.wanted.wants(event)) {
        if page.events.len() >= query.limit.max(1) {
            page.next = page.events.last().map(|last| (Seq(last.seq), last.place));
            return true;
        }
        page.events.push(event);
    }
    false
}

/// The last entry from before a moment; entries are in order of time, but for a clock that was set back.
fn before_time(past: &dyn Past, at: Timestamp) -> Result<Seq, StoreError> {
    let Some(first) = past.entries(Seq(0), 1)?.into_iter().next() else { return Ok(Seq(0)) };
    let (mut low, mut high) = (first.seq.0.saturating_sub(1), past.last()?.0);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let earlier = past.entries(Seq(middle - 1), 1)?.first().is_some_and(|entry| entry.at < at);
        if earlier { low = middle } else { high = middle - 1 }
    }
    Ok(Seq(low))
}

fn then(past: &dyn Past, at: Timestamp, now: &View) -> Result<ViewThen, StoreError> {
    let mut notes = Vec::new();
    let checkpoint = past.checkpoint_before(at)?;
    let whole = checkpoint.is_some();
    let (mut after, mut changes) = checkpoint.unwrap_or_default();
    let (mut text, mut first) = (None, None);
    let (from, mut room) = (after, CONDENSED_AT);
    'journal: loop {
        let entries = past.entries(after, PAGE as usize)?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in entries {
            if entry.at > at {
                break 'journal;
            }
            first.get_or_insert((entry.seq, entry.at));
            for change in entry.changes {
                match change {
                    Change::Config { text: newer, .. } => text = Some(newer),
                    Change::By(_) | Change::Noted(_) => {}
                    other => changes.push(other),
                }
            }
        }
        if changes.len() > room {
            changes = Engine::condensed(Arc::clone(&now.policy), changes);
            room = CONDENSED_AT.max(2 * changes.len());
        }
    }
    match first {
        Some((seq, from)) if !whole && seq > Seq(1) => {
            notes.push(format!("the history begins at {from}: what was stored before is not kept any more"));
        }
        None if !whole => notes.push("nothing of that time is kept".to_owned()),
        _ => {}
    }
    let text = match text {
        Some(text) => Some(text),
        None => configuration_before(past, from)?,
    };
    let policy = match text {
        Some(text) if *text == *now.configuration => Some(Arc::clone(&now.policy)),
        Some(text) => parsed(&text),
        None => None,
    };
    let policy = match policy {
        Some(policy) => policy,
        None => {
            notes.push("the rules are those in force now".to_owned());
            Arc::clone(&now.policy)
        }
    };
    let options = Options { resolved_while_muted: now.resolved_while_muted, ..Options::default() };
    let view = Engine::restore(policy, options, changes, None, at).view();
    Ok(ViewThen { view: Arc::new(view), notes })
}

/// The configuration that the last entry up to this one says, of those that have one.
fn configuration_before(past: &dyn Past, seq: Seq) -> Result<Option<String>, StoreError> {
    let first = past.entries(Seq(0), 1)?.first().map_or(u64::MAX, |first| first.seq.0);
    let mut end = seq.0;
    while end >= first {
        let begin = end.saturating_sub(PAGE);
        let entries = past.entries(Seq(begin), PAGE as usize)?;
        for entry in entries.into_iter().rev().filter(|entry| entry.seq.0 <= end) {
            let text = entry.changes.into_iter().rev().find_map(|change| match change {
                Change::Config { text, .. } => Some(text),
                _ => None,
            });
            if text.is_some() {
                return Ok(text);
            }
        }
        end = begin;
    }
    Ok(None)
}

/// The rules of a configuration as the journal keeps it: without its secrets.
fn parsed(text: &str) -> Option<Arc<Policy>> {
    let config = Config::parse(text, "history", std::path::Path::new("."), &ConfigOptions::default());
    config.ok().map(|config| config.policy)
}
