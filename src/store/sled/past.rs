//! The journal as readers beside the driver see it: page by page, without keeping a commit waiting.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use super::journal::{Journal, Trouble};
use super::{reading, unavailable};
use crate::core::change::Change;
use crate::store::checkpoint::Unreadable;
use crate::store::migrate::Step;
use crate::store::{Entry, Past, Seq, StoreError, checkpoint};
use crate::time::Timestamp;

/// The journal that is open now, shared with whoever reads it.
///
/// sled is closed and opened anew after an error, which needs it for itself: a reader holds it for one page, and whoever
/// closes it waits for that.
#[derive(Clone)]
pub(super) struct Beside {
    journal: Arc<RwLock<Option<Arc<Journal>>>>,
    folder: PathBuf,
    steps: &'static [Step],
}

impl Beside {
    pub(super) fn new(folder: PathBuf, steps: &'static [Step]) -> Self {
        Self { journal: Arc::default(), folder, steps }
    }

    pub(super) fn open(&self, journal: &Arc<Journal>) {
        *self.journal.write() = Some(Arc::clone(journal));
    }

    pub(super) fn close(&self) {
        *self.journal.write() = None;
    }

    fn with<T>(&self, read: impl FnOnce(&Journal) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let journal = self.journal.read();
        let closed = || StoreError::Unavailable("the journal is closed after an error".into());
        read(journal.as_ref().ok_or_else(closed)?).map_err(|trouble| unavailable(&trouble))
    }
}

impl Past for Beside {
    fn entries(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        if limit == 0 {
            return Ok(entries);
        }
        self.with(|journal| {
            journal.scan(after, |seq, found| {
                match reading::decoded(&found, self.steps) {
                    Ok((at, changes)) => entries.push(Entry { seq, at, changes }),
                    Err(what) => tracing::warn!(seq = seq.0, what, "an entry of the history is damaged and left out"),
                }
                if entries.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        })?;
        Ok(entries)
    }

    fn last(&self) -> Result<Seq, StoreError> {
        self.with(Journal::last).map(Option::unwrap_or_default)
    }

    fn checkpoint_before(&self, at: Timestamp) -> Result<Option<(Seq, Vec<Change>)>, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        for (_, path) in checkpoint::list(&self.folder).map_err(unavailable)?.into_iter().rev() {
            match checkpoint::read(&path, self.steps) {
                Ok((head, changes)) if head.at <= at => return Ok(Some((head.seq, changes))),
                Err(Unreadable::Io(error)) if error.kind() != ErrorKind::NotFound => return Err(unavailable(error)),
                // One that is damaged, or that a newer one just took the place of, is not there.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }
}
