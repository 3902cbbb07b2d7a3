//! Reads a checkpoint and the journal after it into one list of changes, and notes what is damaged.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::journal::Found;
use crate::core::change::Change;
use crate::store::checkpoint::Newest;
use crate::store::migrate::{self, Step};
use crate::store::{Seq, record};
use crate::time::Timestamp;

/// How many damaged places are named; more are counted.
const NAMED: usize = 5;

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) changes: Vec<Change>,
    /// The last entry, whole or damaged.
    pub(super) seq: Seq,
    /// When the last good entry was decided.
    pub(super) at: Option<Timestamp>,
    /// The bytes of all entries up to here.
    pub(super) position: u64,
    /// The position of the checkpoint.
    pub(super) checkpoint: u64,
    /// How large the checkpoint is.
    pub(super) checkpoint_bytes: u64,
    /// What was damaged, in words.
    pub(super) damage: Vec<String>,
    /// Checkpoints that cannot be read.
    pub(super) bad_checkpoints: Vec<PathBuf>,
    /// An entry at the very end that was not written to its end, and was never acknowledged.
    pub(super) torn: Option<Seq>,
    steps: &'static [Step],
}

impl Reading {
    /// Starts with the newest good checkpoint.
    pub(super) fn from(newest: Newest, steps: &'static [Step]) -> Self {
        let mut reading = Self { steps, ..Self::default() };
        for (path, what) in newest.bad {
            reading.damage.push(format!("{}: {what}", path.display()));
            reading.bad_checkpoints.push(path);
        }
        if let Some((head, bytes, changes)) = newest.good {
            (reading.seq, reading.at, reading.changes) = (head.seq, Some(head.at), changes);
            (reading.position, reading.checkpoint) = (head.position, head.position);
            reading.checkpoint_bytes = bytes;
        }
        reading
    }

    /// Takes the next entry of the journal.
    pub(super) fn take(&mut self, seq: Seq, found: Found<'_>) -> ControlFlow<()> {
        if let Some(torn) = self.torn.take() {
            self.damaged(format!("the end of entry {} is missing", torn.0));
            self.seq = torn;
        }
        let expected = self.seq.0 + 1;
        if seq.0 > expected {
            self.damaged(format!("the entries {expected} to {} are missing", seq.0 - 1));
        }
        if let Found::Torn = found {
            // So far it is the last one; if it is not, the next call will say so.
            self.torn = Some(seq);
            self.seq = Seq(seq.0 - 1);
            return ControlFlow::Continue(());
        }
        self.seq = seq;
        match (decoded(&found, self.steps), found) {
            (Ok((at, changes)), Found::Whole { position, entry }) => {
                self.at = Some(at);
                self.position = position + entry.len() as u64;
                self.changes.extend(changes);
            }
            (Err(what), _) => self.damaged(format!("entry {}: {what}", seq.0)),
            (Ok(_), _) => {}
        }
        ControlFlow::Continue(())
    }

    /// Compares the end of the journal with the checkpoint, which was never ahead of it. A journal without entries is
    /// one that took another's place.
    pub(super) fn ends_with(&mut self, last: Option<Seq>, checkpoint: Seq) {
        if let Some(last) = last
            && last < checkpoint
        {
            self.damaged(format!("the journal ends at entry {}, before the checkpoint at {}", last.0, checkpoint.0));
        }
    }

    /// Compares the end of the journal with the last entry that is known to have been acknowledged.
    pub(super) fn goes_up_to(&mut self, acknowledged: Result<Option<Seq>, String>) {
        match acknowledged {
            Ok(Some(last)) if last > self.seq => {
                self.damaged(format!("the entries {} to {} at the end are missing", self.seq.0 + 1, last.0));
            }
            Ok(_) => {}
            Err(what) => self.damaged(what),
        }
    }

    fn damaged(&mut self, what: String) {
        match self.damage.len() {
            NAMED => self.damage.push("and more".into()),
            length if length < NAMED => self.damage.push(what),
            _ => {}
        }
    }
}

/// The entry's time and changes, or what is wrong with it.
pub(super) fn decoded(found: &Found<'_>, steps: &[Step]) -> Result<(Timestamp, Vec<Change>), String> {
    match found {
        Found::Whole { entry, .. } => migrate::to_present(entry, steps)
            .and_then(|entry| record::decode_entry(&entry))
            .map_err(|error| error.to_string()),
        Found::Torn => Err("its end is missing".into()),
        Found::Damaged(what) => Err((*what).to_owned()),
    }
}
