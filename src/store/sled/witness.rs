//! The number of the last entry that was acknowledged, beside the journal.
//!
//! Where the end of the journal's file is damaged, sled takes what it cannot read for something that was never finished
//! and drops it without a word. This file knows better. It is written after each commit and not synced: after a kill it
//! is exact; after a power cut it may name an older entry, never one that is not on the disk. It has two places that take
//! turns, so that a number that was not written to its end leaves the one before it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::store::folder::{asked_again, is_lost};
use crate::store::{Seq, StoreError, sync_folder};

const NAME: &str = "acknowledged";
const MAKING: &str = "acknowledged.tmp";
/// A number and its CRC-32.
const LENGTH: usize = 12;
/// Where each of the two stands.
const PLACES: [u64; 2] = [0, LENGTH as u64];

/// The file, open; nothing where it could not be made.
pub(super) struct Witness {
    file: Option<File>,
    /// What was noted last since it was opened.
    noted: Option<Seq>,
}

impl Witness {
    /// Takes up the file in this folder, or makes it. What cannot be written now costs only this.
    pub(super) fn of(folder: &Path) -> Self {
        let opened = open(folder);
        if let Err(error) = &opened {
            tracing::warn!(%error, "the number of the last entry cannot be noted");
        }
        Self { file: opened.ok(), noted: None }
    }

    /// The entry was acknowledged.
    pub(super) fn note(&mut self, seq: Seq) {
        let Some(file) = &self.file else { return };
        // The other place may name an entry that was lost: it counts no more once something is written after it.
        let goes_on = self.noted.is_some_and(|noted| noted.0 + 1 == seq.0);
        let turn = usize::from(seq.0 % 2 == 1);
        let places = if goes_on { &PLACES[turn..=turn] } else { &PLACES[..] };
        self.noted = Some(seq);
        if let Err(error) = places.iter().try_for_each(|place| file.write_all_at(&sealed(seq), *place)) {
            tracing::warn!(%error, "the number of the last entry cannot be noted any more");
            self.file = None;
        }
    }
}

fn open(folder: &Path) -> io::Result<File> {
    let path = folder.join(NAME);
    if !path.try_exists()? {
        make(folder, &path)?;
    }
    File::options().write(true).open(&path)
}

/// Makes the file, under another name first: neither a power cut nor a full disk leaves a part of one.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let making = folder.join(MAKING);
    let file = File::create(&making)?;
    for place in PLACES {
        file.write_all_at(&sealed(Seq(0)), place)?;
    }
    file.sync_all()?;
    fs::rename(making, path)?;
    sync_folder(folder)
}

fn sealed(seq: Seq) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let number = seq.0.to_le_bytes();
    bytes[..8].copy_from_slice(&number);
    bytes[8..].copy_from_slice(&crc32fast::hash(&number).to_le_bytes());
    bytes
}

/// The last entry that was acknowledged, as far as is known; or in what way the file is damaged.
pub(super) fn last(folder: &Path) -> Result<Result<Option<Seq>, String>, StoreError> {
    let path = folder.join(NAME);
    let bytes = match asked_again(|| fs::read(&path), is_lost) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(None)),
        Err(error) if is_lost(&error) => return Ok(Err(format!("{}: {error}", path.display()))),
        read => read.map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?,
    };
    if bytes.len() < PLACES.len() * LENGTH {
        return Ok(Err(format!("{}: it is cut short", path.display())));
    }
    let numbers = bytes.chunks_exact(LENGTH).filter_map(|place| {
        let seq = Seq(u64::from_le_bytes(*place.first_chunk()?));
        (place == sealed(seq)).then_some(seq)
    });
    Ok(match numbers.max() {
        Some(seq) => Ok(Some(seq)),
        None => Err(format!("{}: both checksums are wrong", path.display())),
    })
}
