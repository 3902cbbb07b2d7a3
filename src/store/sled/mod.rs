//! The store on disk: a journal on sled, checkpoints beside it.
//!
//! Promised: what `commit` acknowledged survives a kill and a power cut. A commit that fails leaves the store as it
//! was: sled is closed and opened anew, and what may have reached the disk unacknowledged is removed. What is damaged
//! is reported and set aside, never deleted; the state is then the one that the good entries lead to: changes are
//! absolute, so the entries after a damaged one still count. A full disk is survived by giving up a file that held
//! room; nothing is committed until that room is back.
//!
//! In the folder: `lock`, `ballast`, `acknowledged`, `journal/` (sled's), and up to two `checkpoint-…`. Only this module
//! knows sled.

mod copied;
mod frame;
mod guard;
mod journal;
mod key;
mod open;
mod past;
mod reading;
mod squeeze;
#[cfg(test)]
mod tests;
mod witness;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use self::copied::Copied;
use self::journal::{Found, Journal, Trouble};
use self::past::Beside;
use self::reading::Reading;
use self::squeeze::Squeezer;
use self::witness::Witness;
use super::checkpoint::{self, Head};
use super::folder::{Ballast, Folder};
use super::migrate::{self, Step};
use super::record::{self, encode_entry};
use super::{Entry, Fence, Loaded, Past, Retention, Seq, Store, StoreError};
use crate::core::change::{Change, GroupId};
use crate::time::Timestamp;

/// How much of the room that a commit took is kept for the next.
const ROOM: usize = 256 << 10;
/// How many checkpoints are kept.
const CHECKPOINTS: usize = 2;

/// How a store is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether a damaged store is refused (`--storage.strict`).
    pub strict: bool,
    /// How much history is kept.
    pub retention: Retention,
    /// How many bytes of the disk are held back for the day when it is full; 0 for none.
    pub ballast: u64,
    /// How many bytes of pages sled keeps in memory.
    pub cache: u64,
    /// How many bytes one commit may have, before they are squeezed.
    pub most: u64,
    /// The changes of form that there have been.
    pub(crate) steps: &'static [Step],
}

impl Default for Options {
    /// Not strict, 16 MiB of ballast, 1 MiB of cache: what was appended is not read again before the next start. A commit has
    /// at most 2 GiB: it is in memory several times, and one change must fit a frame of a checkpoint.
    fn default() -> Self {
        let retention = Retention::default();
        let (ballast, cache, most) = (16 << 20, 1 << 20, 2 << 30);
        Self { strict: false, retention, ballast, cache, most, steps: migrate::STEPS }
    }
}

/// The store on disk.
pub struct SledStore {
    options: Options,
    /// Nothing after an error, until it is opened anew.
    journal: Option<Arc<Journal>>,
    /// The same, for readers.
    beside: Beside,
    ballast: Ballast,
    /// Knows which entry was the last one.
    witness: Witness,
    /// When there was last no room for the ballast.
    no_room_at: Option<Timestamp>,
    /// What opening found damaged.
    damage: Vec<String>,
    /// What is in the folder; nothing before the first load.
    state: Option<State>,
    /// A commit's bytes; kept for the next.
    body: Vec<u8>,
    squeezer: Squeezer,
    /// Last, so that the folder is held until sled has been closed.
    folder: Folder,
}

/// Where the store stands.
#[derive(Clone, Copy, Debug)]
struct State {
    /// The last entry.
    last: Seq,
    /// The bytes of all entries there have been.
    position: u64,
    /// The position of the last checkpoint.
    checkpoint: u64,
    /// How large that checkpoint is.
    checkpoint_bytes: u64,
    /// Whether a checkpoint is due for another reason than the journal's length.
    checkpoint_due: bool,
    /// When the last checkpoint was made, or the first commit after the start.
    checkpoint_at: Option<Timestamp>,
    /// The greatest fence that was seen.
    fence: Fence,
}

/// After how long a checkpoint is due although the journal is short: what is too old goes with it.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(24 * 3_600);

impl SledStore {
    /// Opens the store in this folder, or makes one.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Newer`], [`StoreError::Damaged`] if the options are strict, or
    /// [`StoreError::Unavailable`].
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let folder = Folder::hold(path)?;
        let mut ballast = Ballast::of(&folder, options.ballast);
        let mut damage = Vec::new();
        let journal = open::journal(&folder, &mut ballast, &options, &mut damage)?;
        let (journal, witness) = (Arc::new(journal), Witness::of(folder.path()));
        let (body, squeezer) = (Vec::new(), Squeezer::default());
        let beside = Beside::new(folder.path().to_owned(), options.steps);
        beside.open(&journal);
        let journal = Some(journal);
        let (no_room_at, state) = (None, None);
        Ok(Self { options, journal, beside, ballast, witness, no_room_at, damage, state, body, squeezer, folder })
    }

    /// The journal, opened anew after an error.
    fn opened(&mut self) -> Result<&Journal, StoreError> {
        if self.journal.is_none() {
            let found = self.damage.len();
            let journal = open::journal(&self.folder, &mut self.ballast, &self.options, &mut self.damage)?;
            if let Some(state) = &mut self.state {
                // What was not acknowledged may have reached the disk all the same.
                let from = Seq(state.last.0 + 1);
                journal.remove(from, Seq(u64::MAX)).map_err(|trouble| unavailable(&trouble))?;
                // A journal that was set aside has taken its entries along: whoever has the state writes it down.
                state.checkpoint_due |= self.damage.len() > found;
            }
            let journal = Arc::new(journal);
            self.beside.open(&journal);
            self.journal = Some(journal);
        }
        self.journal.as_deref().ok_or_else(|| StoreError::Unavailable("the journal is closed".into()))
    }

    /// Closes sled after an error, since it will not work again until it is opened anew.
    fn failed(&mut self, trouble: &Trouble) -> StoreError {
        self.beside.close();
        self.journal = None;
        if let Trouble::Full(_) = trouble {
            self.ballast.give_up();
        }
        unavailable(trouble)
    }

    /// Sees to it that the ballast stands before anything is written. Tries at most once a second.
    fn keep_room(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.ballast.stands() {
            return Ok(());
        }
        let waits = self.no_room_at.is_some_and(|at| at <= now && now.since(at).as_secs() < 1);
        if !waits && self.ballast.restore().is_ok() {
            self.no_room_at = None;
            return Ok(());
        }
        if !waits {
            self.no_room_at = Some(now);
        }
        Err(StoreError::Unavailable(format!("the disk is full: {}", self.folder.path().display())))
    }

    /// Reads the newest good checkpoint and the journal after it.
    fn read(&mut self) -> Result<(Reading, Option<Trouble>), StoreError> {
        self.opened()?;
        let newest = checkpoint::newest(self.folder.path(), self.options.steps)?;
        let mut reading = Reading::from(newest, self.options.steps);
        let Some(journal) = &self.journal else { return Err(StoreError::Unavailable("the journal is closed".into())) };
        let after = reading.seq;
        let scanned = journal.scan(after, |seq, found| reading.take(seq, found));
        let ended = scanned.and_then(|()| journal.last()).map(|last| reading.ends_with(last, after));
        reading.goes_up_to(witness::last(self.folder.path())?);
        match ended {
            Ok(()) => Ok((reading, None)),
            Err(trouble @ Trouble::Corrupt(_)) => Ok((reading, Some(trouble))),
            Err(trouble) => Err(self.failed(&trouble)),
        }
    }

    /// Writes down what could still be read, and begins a new journal in place of one that cannot be read to its end.
    fn salvage(&mut self, reading: &Reading, trouble: &Trouble) -> Result<(), StoreError> {
        let head = Head { seq: reading.seq, at: reading.at.unwrap_or(Timestamp::ZERO), position: reading.position };
        checkpoint::write(self.folder.path(), head, &mut reading.changes.iter().cloned())
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.failed(trouble);
        open::set_aside(&self.folder, trouble, &mut self.damage)?;
        self.opened().map(|_| ())
    }

    /// What cannot be dropped now goes with the next checkpoint.
    fn drop_what_is_old(&mut self, at: Timestamp) {
        if let Err(trouble) = self.drop_history(at) {
            let error = self.failed(&trouble);
            tracing::warn!(%error, "old history could not be dropped");
        }
    }

    fn drop_history(&mut self, at: Timestamp) -> Result<(), Trouble> {
        let (Some(journal), Some(state)) = (&self.journal, &self.state) else { return Ok(()) };
        let needed_after = checkpoint::list(self.folder.path())?.first().map_or(Seq(0), |(seq, _)| *seq);
        let Retention { age, size, .. } = self.options.retention;
        let oldest = at.before(age);
        let mut dropped = None;
        journal.scan(Seq(0), |seq, found| {
            let beyond = seq <= needed_after
                && match found {
                    Found::Whole { position, entry } => {
                        state.position.saturating_sub(position) > size
                            || record::entry_time(entry).is_ok_and(|decided_at| decided_at < oldest)
                    }
                    Found::Torn | Found::Damaged(_) => true,
                };
            if !beyond {
                return ControlFlow::Break(());
            }
            dropped = Some(seq);
            ControlFlow::Continue(())
        })?;
        dropped.map_or(Ok(()), |last| journal.remove(Seq(0), last))
    }
}

impl Store for SledStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let (mut reading, trouble) = self.read()?;
        if self.options.strict {
            let trouble = trouble.iter().map(|trouble| trouble.text().to_owned());
            let damaged: Vec<_> = self.damage.iter().chain(&reading.damage).cloned().chain(trouble).collect();
            if !damaged.is_empty() {
                return Err(StoreError::Damaged(damaged.join("; ")));
            }
        }
        if let Some(trouble) = &trouble {
            self.salvage(&reading, trouble)?;
        }
        if let (Some(torn), Some(journal)) = (reading.torn, &self.journal) {
            journal.remove(torn, torn).map_err(|trouble| unavailable(&trouble))?;
        }
        for path in &reading.bad_checkpoints {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                self.folder.set_aside(name).map_err(|error| StoreError::Unavailable(error.to_string()))?;
            }
        }
        let damaged: Vec<_> = self.damage.iter().chain(&reading.damage).cloned().collect();
        for what in &damaged {
            tracing::error!(what, "the store is damaged");
        }
        self.state = Some(State {
            last: reading.seq,
            position: reading.position,
            checkpoint: reading.checkpoint,
            checkpoint_bytes: reading.checkpoint_bytes,
            checkpoint_due: !damaged.is_empty(),
            checkpoint_at: None,
            fence: self.state.map_or(Fence(0), |state| state.fence),
        });
        let damage = (!damaged.is_empty()).then(|| damaged.join("; "));
        Ok(Loaded { changes: std::mem::take(&mut reading.changes), last: reading.at, seq: reading.seq, damage })
    }

    fn commit(&mut self, at: Timestamp, changes: &[Change], fence: Fence) -> Result<Seq, StoreError> {
        let state = self.known()?;
        if fence.0 < state.fence.0 {
            return Err(StoreError::Conflict);
        }
        let most = self.options.most;
        // What is refused in any case is not built first: it may be as large as the memory.
        let least: u64 = changes.iter().map(|change| change.least() as u64).sum();
        if least > most {
            return Err(StoreError::TooLarge { bytes: least, most });
        }
        self.keep_room(at)?;
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        record::put_number(state.position, &mut body);
        let head = body.len();
        encode_entry(at, changes, &mut body);
        let seq = Seq(state.last.0 + 1);
        let length = (body.len() - head) as u64;
        if length > most {
            return Err(StoreError::TooLarge { bytes: length, most });
        }
        self.opened()?;
        let Some(journal) = &self.journal else { return Err(StoreError::Unavailable("the journal is closed".into())) };
        let squeezed = self.squeezer.squeeze(&body);
        let appended = journal.append(seq, squeezed.unwrap_or(&body), squeezed.is_some());
        self.squeezer.shrink(ROOM);
        body.clear();
        body.shrink_to(ROOM);
        self.body = body;
        appended.map_err(|trouble| self.failed(&trouble))?;
        self.witness.note(seq);
        // One that was made by a clock that was put back since does not keep the next away for as long.
        let checkpoint_at = state.checkpoint_at.map_or(at, |made_at| made_at.min(at));
        let old = at.since(checkpoint_at) >= CHECKPOINT_INTERVAL;
        let checkpoint_due = old || self.state.is_some_and(|state| state.checkpoint_due);
        let (checkpoint_at, position) = (Some(checkpoint_at), state.position + length);
        self.state = Some(State { last: seq, position, fence, checkpoint_due, checkpoint_at, ..state });
        Ok(seq)
    }

    fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.beside.entries(seq, limit)
    }

    fn past(&self) -> Arc<dyn Past> {
        Arc::new(self.beside.clone())
    }

    fn wants_checkpoint(&self) -> bool {
        let Some(state) = &self.state else { return false };
        let Retention { size, checkpoint_after, .. } = self.options.retention;
        let worth = checkpoint_after.max(size.min(4 * state.checkpoint_bytes));
        state.checkpoint_due || state.position - state.checkpoint >= worth
    }

    fn checkpoint(&mut self, at: Timestamp, state: &mut dyn Iterator<Item = Change>) -> Result<(), StoreError> {
        let known = self.known()?;
        self.keep_room(at)?;
        let folder = self.folder.path();
        let head = Head { seq: known.last, at, position: known.position };
        let written = checkpoint::write(folder, head, state).and_then(|bytes| {
            checkpoint::prune(folder, CHECKPOINTS)?;
            Ok(bytes)
        });
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(error) => {
                // The journal goes on without one, so it must not keep what the checkpoints that there are have behind them.
                self.drop_what_is_old(at);
                return Err(StoreError::Unavailable(format!("no checkpoint: {error}")));
            }
        };
        let (checkpoint, checkpoint_bytes, checkpoint_due) = (known.position, bytes, false);
        let checkpoint_at = Some(at);
        self.state = Some(State { checkpoint, checkpoint_bytes, checkpoint_due, checkpoint_at, ..known });
        self.drop_what_is_old(at);
        Ok(())
    }

    fn owns(&self, _group: &GroupId) -> bool {
        true
    }

    fn size(&self) -> u64 {
        self.folder.size()
    }
}

impl SledStore {
    /// Where the store stands; loads it for whoever commits without having loaded.
    fn known(&mut self) -> Result<State, StoreError> {
        if self.state.is_none() {
            self.load()?;
        }
        self.state.ok_or_else(|| StoreError::Unavailable("the store was not loaded".into()))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.beside.close();
        self.journal = None;
    }
}

fn unavailable(trouble: &Trouble) -> StoreError {
    StoreError::Unavailable(trouble.text().to_owned())
}
