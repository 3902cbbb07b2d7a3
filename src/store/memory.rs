//! A store in memory, and one that fails on demand: for tests, simulations and replays.
//!
//! [`Memory`] keeps the same promises as the store on disk, except that it ends with the process. Its clones share
//! what is kept, so that a test opens the store again by cloning it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::record::encode_entry;
use super::{Entry, Fence, Loaded, Past, Retention, Seq, Store, StoreError};
use crate::core::change::{Change, GroupId};
use crate::time::Timestamp;

/// A store that ends with the process.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    retention: Retention,
    /// How many bytes one commit may have.
    most: Option<u64>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each with the bytes that it would take on disk.
    entries: Vec<(Entry, u64)>,
    checkpoint: Option<Entry>,
    last: Seq,
    fence: u64,
    tail_bytes: u64,
}

impl Memory {
    /// An empty store that keeps history as `retention` says.
    pub fn new(retention: Retention) -> Self {
        Self { retention, most: None, kept: Arc::default() }
    }

    /// The same, but of commits that have at most so many bytes.
    #[must_use]
    pub fn with_most(self, most: u64) -> Self {
        Self { most: Some(most), ..self }
    }
}

impl Past for Memory {
    fn entries(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.changes_since(after, limit)
    }

    fn last(&self) -> Result<Seq, StoreError> {
        Ok(self.kept.lock().last)
    }

    fn checkpoint_before(&self, at: Timestamp) -> Result<Option<(Seq, Vec<Change>)>, StoreError> {
        let kept = self.kept.lock();
        let checkpoint = kept.checkpoint.as_ref().filter(|checkpoint| checkpoint.at <= at);
        Ok(checkpoint.map(|checkpoint| (checkpoint.seq, checkpoint.changes.clone())))
    }
}

impl Store for Memory {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let kept = self.kept.lock();
        let mut loaded = Loaded { seq: kept.last, ..Loaded::default() };
        let start = kept.checkpoint.as_ref().map_or(Seq(0), |checkpoint| checkpoint.seq);
        let tail = kept.entries.iter().map(|(entry, _)| entry).filter(|entry| entry.seq > start);
        for entry in kept.checkpoint.iter().chain(tail) {
            loaded.last = Some(entry.at);
            loaded.changes.extend(entry.changes.iter().cloned());
        }
        Ok(loaded)
    }

    fn commit(&mut self, at: Timestamp, changes: &[Change], fence: Fence) -> Result<Seq, StoreError> {
        let mut bytes = Vec::new();
        encode_entry(at, changes, &mut bytes);
        if let Some(most) = self.most.filter(|most| bytes.len() as u64 > *most) {
            return Err(StoreError::TooLarge { bytes: bytes.len() as u64, most });
        }
        let mut kept = self.kept.lock();
        if fence.0 < kept.fence {
            return Err(StoreError::Conflict);
        }
        kept.fence = fence.0;
        let seq = Seq(kept.last.0 + 1);
        kept.last = seq;
        kept.tail_bytes += bytes.len() as u64;
        kept.entries.push((Entry { seq, at, changes: changes.to_vec() }, bytes.len() as u64));
        Ok(seq)
    }

    fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let kept = self.kept.lock();
        let after = kept.entries.iter().map(|(entry, _)| entry).filter(|entry| entry.seq > seq);
        Ok(after.take(limit).cloned().collect())
    }

    fn past(&self) -> Arc<dyn Past> {
        Arc::new(self.clone())
    }

    fn wants_checkpoint(&self) -> bool {
        self.kept.lock().tail_bytes >= self.retention.checkpoint_after
    }

    fn checkpoint(&mut self, at: Timestamp, state: &mut dyn Iterator<Item = Change>) -> Result<(), StoreError> {
        let changes = state.collect();
        let mut kept = self.kept.lock();
        let seq = kept.last;
        kept.checkpoint = Some(Entry { seq, at, changes });
        kept.tail_bytes = 0;
        let mut size: u64 = kept.entries.iter().map(|(_, bytes)| bytes).sum();
        let oldest = at.before(self.retention.age);
        let beyond = |(entry, bytes): &&(Entry, u64)| {
            let beyond = entry.seq <= seq && (size > self.retention.size || entry.at < oldest);
            size = size.saturating_sub(*bytes);
            beyond
        };
        let dropped = kept.entries.iter().take_while(beyond).count();
        kept.entries.drain(..dropped);
        Ok(())
    }

    fn owns(&self, _group: &GroupId) -> bool {
        true
    }

    fn size(&self) -> u64 {
        self.kept.lock().entries.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// When a [`Faulty`] store fails. Clones share the plan, so that a test keeps one and the store has the other.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<FaultPlan>>);

#[derive(Debug, Default)]
struct FaultPlan {
    operations: u64,
    fail_at: Option<u64>,
    fail_all: bool,
    fail_checkpoints: bool,
}

impl Faults {
    /// The N-th operation from the start fails, counted from 1, and those after it work again.
    pub fn fail_at(&self, operation: u64) {
        self.0.lock().fail_at = Some(operation);
    }

    /// All operations fail from now on (or no more), as with a full disk.
    pub fn fail_all(&self, fail: bool) {
        self.0.lock().fail_all = fail;
    }

    /// All checkpoints fail from now on (or no more), as on a disk that has room for entries and not for the whole state.
    pub fn fail_checkpoints(&self, fail: bool) {
        self.0.lock().fail_checkpoints = fail;
    }

    /// How many operations there have been.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    fn meet(&self) -> Result<(), StoreError> {
        let mut plan = self.0.lock();
        plan.operations += 1;
        if plan.fail_all || plan.fail_at == Some(plan.operations) {
            return Err(StoreError::Unavailable(format!("operation {} fails as planned", plan.operations)));
        }
        Ok(())
    }
}

/// A store whose operations fail as planned: without having done anything.
pub struct Faulty<S> {
    inner: S,
    faults: Faults,
}

impl<S: Store> Faulty<S> {
    /// Puts the plan before the store.
    pub fn new(inner: S, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

impl<S: Store> Store for Faulty<S> {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.faults.meet()?;
        self.inner.load()
    }

    fn commit(&mut self, at: Timestamp, changes: &[Change], fence: Fence) -> Result<Seq, StoreError> {
        self.faults.meet()?;
        self.inner.commit(at, changes, fence)
    }

    fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.faults.meet()?;
        self.inner.changes_since(seq, limit)
    }

    fn past(&self) -> Arc<dyn Past> {
        self.inner.past()
    }

    fn wants_checkpoint(&self) -> bool {
        self.inner.wants_checkpoint()
    }

    fn checkpoint(&mut self, at: Timestamp, state: &mut dyn Iterator<Item = Change>) -> Result<(), StoreError> {
        self.faults.meet()?;
        if self.faults.0.lock().fail_checkpoints {
            return Err(StoreError::Unavailable("no room for a checkpoint, as planned".into()));
        }
        self.inner.checkpoint(at, state)
    }

    fn owns(&self, group: &GroupId) -> bool {
        self.inner.owns(group)
    }

    fn size(&self) -> u64 {
        self.inner.size()
    }
}
