//! Keeps. A store takes the engine's changes and gives them back after a crash.
//!
//! A commit is one journal entry: all changes of all inputs that waited. The trait has the shape that several replicas
//! on one database would need (a fence, foreign changes, ownership of groups); with one process the fence is constant
//! and every group is owned.

mod checkpoint;
#[cfg(test)]
mod conformance;
pub mod export;
mod folder;
pub mod memory;
mod migrate;
pub mod record;
pub mod sled;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::core::change::{Change, GroupId};
use crate::time::Timestamp;

/// An entry's number in the journal, ascending from 1; 0 is before all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Proves that the writer is still the one that may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fence(pub u64);

/// One journal entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// What changed, in order.
    pub changes: Vec<Change>,
}

/// Why a commit was not made; nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer holds a newer fence.
    #[error("another process has taken over the store")]
    Conflict,
    /// The store could not be written or read now; it may work again later.
    #[error("the store does not work: {0}")]
    Unavailable(String),
    /// One commit cannot be that large: smaller ones may be made.
    #[error("a commit of {bytes} bytes is more than the {most} that one may have")]
    TooLarge {
        /// What it would have had, at the least.
        bytes: u64,
        /// What it may have.
        most: u64,
    },
    /// The store was written by a newer version of this program.
    #[error("the store has format {found}, this program knows up to {known}: use the newer program, or another folder")]
    Newer {
        /// What it has.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// Another process has the folder.
    #[error("the storage folder {0} is in use by another process: stop that one, or use another folder")]
    InUse(PathBuf),
    /// The store is damaged and `--storage.strict` forbids to go on from its last good state.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// How much history a store keeps, and when it asks for a checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Entries older than this are dropped.
    pub age: Duration,
    /// The oldest entries are dropped while there are more bytes than this.
    pub size: u64,
    /// A checkpoint is not asked for before this many bytes were committed after the last one.
    pub checkpoint_after: u64,
}

impl Default for Retention {
    /// 30 days and 256 MiB, whichever is less; a checkpoint after 16 MiB.
    fn default() -> Self {
        Self { age: Duration::from_secs(30 * 24 * 3_600), size: 256 << 20, checkpoint_after: 16 << 20 }
    }
}

/// What a store held when it was opened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The state as changes, to be applied in order: the last checkpoint, then the journal after it.
    pub changes: Vec<Change>,
    /// When the last entry was decided: until then nothing is missing. Nothing if the store was empty.
    pub last: Option<Timestamp>,
    /// The number of the last entry.
    pub seq: Seq,
    /// What was found damaged, in words for a person.
    pub damage: Option<String>,
}

/// Reads what was committed, beside whoever commits: the history, and the state of a moment. Keeps no commit waiting for
/// longer than a page takes.
pub trait Past: Send + Sync {
    /// Up to `limit` entries after `seq`, oldest first; what is damaged is left out.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn entries(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The number of the last entry.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn last(&self) -> Result<Seq, StoreError>;

    /// The newest checkpoint that was made at a moment or before: up to which entry, and the state.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn checkpoint_before(&self, at: Timestamp) -> Result<Option<(Seq, Vec<Change>)>, StoreError>;
}

/// A place that keeps changes.
pub trait Store: Send {
    /// The state, as it was last committed. Called at start, and again after a failure.
    ///
    /// # Errors
    /// If the store cannot be read, or must not be.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Makes all changes durable, or none. Returns only when they would survive a power cut. Committing the same
    /// changes twice is harmless. A fence that is less than one already seen is refused.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::TooLarge`] or [`StoreError::Conflict`]; the store is as it was.
    fn commit(&mut self, at: Timestamp, changes: &[Change], fence: Fence) -> Result<Seq, StoreError>;

    /// Up to `limit` entries after `seq`, oldest first: history, replay, and what other replicas wrote.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The way to read what was committed, for others than whoever commits.
    fn past(&self) -> Arc<dyn Past>;

    /// Whether a checkpoint is worth its cost now.
    fn wants_checkpoint(&self) -> bool;

    /// Writes the whole state, as of the last commit, so that a start need not read the journal before it. Drops what
    /// is beyond the retention, but nothing that a start may need.
    ///
    /// # Errors
    /// If it cannot be written; the state is as it was.
    fn checkpoint(&mut self, at: Timestamp, state: &mut dyn Iterator<Item = Change>) -> Result<(), StoreError>;

    /// Whether this process tells for the group.
    fn owns(&self, group: &GroupId) -> bool;

    /// Bytes on disk.
    fn size(&self) -> u64;
}

/// Makes what was created, renamed or removed in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A store of any kind.
pub type BoxedStore = Box<dyn Store>;

impl Store for BoxedStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        (**self).load()
    }

    fn commit(&mut self, at: Timestamp, changes: &[Change], fence: Fence) -> Result<Seq, StoreError> {
        (**self).commit(at, changes, fence)
    }

    fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        (**self).changes_since(seq, limit)
    }

    fn past(&self) -> Arc<dyn Past> {
        (**self).past()
    }

    fn wants_checkpoint(&self) -> bool {
        (**self).wants_checkpoint()
    }

    fn checkpoint(&mut self, at: Timestamp, state: &mut dyn Iterator<Item = Change>) -> Result<(), StoreError> {
        (**self).checkpoint(at, state)
    }

    fn owns(&self, group: &GroupId) -> bool {
        (**self).owns(group)
    }

    fn size(&self) -> u64 {
        (**self).size()
    }
}
