//! Checkpoints: the whole state in one file, beside the journal.
//!
//! They are files and not a second tree in the journal's database, for three reasons: a start can go on from one when
//! the database cannot be opened at all; writing tens of megabytes at once would wear the database and fill its cache;
//! and a file is complete or absent, by its rename. Two are kept: what the newest turns out to have lost, the one
//! before it and the journal since then still give.
//!
//! A file is a list of frames: length, CRC-32, and bytes. The first says which entry of the journal the checkpoint
//! stands for; then come entries as in the journal; the last counts them.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::folder::{asked_again, is_lost};
use super::migrate::{self, Step};
use super::record::{self, Reader};
use super::{Seq, StoreError, sync_folder};
use crate::core::change::Change;
use crate::failpoint::{self, Point};
use crate::time::Timestamp;

const MAGIC: &[u8] = b"andon checkpoint ";
const END: &[u8] = b"end ";
const PREFIX: &str = "checkpoint-";
const TEMPORARY: &str = "checkpoint.tmp";
/// An entry of a checkpoint is ended when it has become this long.
const ENTRY: usize = 64 << 10;

/// What a checkpoint stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Head {
    /// It holds the state after this entry.
    pub(super) seq: Seq,
    /// When it was made.
    pub(super) at: Timestamp,
    /// The bytes of all entries up to there, since the journal began.
    pub(super) position: u64,
}

/// Why a checkpoint was not read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It was written by a newer program.
    Newer(u32),
    /// It is not what was written.
    Damaged(String),
    /// The system would not read it, now: it may be as good as ever.
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

/// The checkpoints in the folder, oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(Seq, PathBuf)>> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(seq) = number.and_then(|number| number.parse().ok()) {
            found.push((Seq(seq), file.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a checkpoint. It is there, whole and durable, when this returns; if it fails nothing has changed.
pub(super) fn write(folder: &Path, head: Head, state: &mut dyn Iterator<Item = Change>) -> io::Result<u64> {
    let temporary = folder.join(TEMPORARY);
    let written = write_file(&temporary, head, state).and_then(|bytes| {
        failpoint::reached(Point::CheckpointWritten);
        fs::rename(&temporary, folder.join(format!("{PREFIX}{:020}", head.seq.0)))?;
        failpoint::reached(Point::CheckpointRenamed);
        sync_folder(folder)?;
        Ok(bytes)
    });
    if written.is_err() {
        // What is left is in nobody's way; the next checkpoint overwrites it.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_file(path: &Path, head: Head, state: &mut dyn Iterator<Item = Change>) -> io::Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut frame = MAGIC.to_vec();
    record::put_number(u64::from(record::FORMAT), &mut frame);
    record::put_number(head.seq.0, &mut frame);
    record::put_number(head.position, &mut frame);
    record::begin_entry(head.at, &mut frame);
    put_frame(&frame, &mut file)?;
    let mut frames = 0;
    let mut state = state.peekable();
    while state.peek().is_some() {
        frame.clear();
        record::begin_entry(head.at, &mut frame);
        while frame.len() < ENTRY
            && let Some(change) = state.next()
        {
            record::put_change(&change, &mut frame);
        }
        put_frame(&frame, &mut file)?;
        frames += 1;
    }
    frame.clear();
    frame.extend_from_slice(END);
    record::put_number(frames, &mut frame);
    put_frame(&frame, &mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn put_frame(frame: &[u8], file: &mut impl Write) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(|_| io::Error::other("a change of more than 4 GiB"))?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(&crc32fast::hash(frame).to_le_bytes())?;
    file.write_all(frame)
}

/// Reads a checkpoint whole.
pub(super) fn read(path: &Path, steps: &[Step]) -> Result<(Head, Vec<Change>), Unreadable> {
    let mut frames = Frames::open(path)?;
    let head = take_head(&frames.next()?)?;
    let mut changes = Vec::new();
    let mut count = 0;
    loop {
        let frame = frames.next()?;
        if let Some(end) = frame.strip_prefix(END) {
            if Reader::new(end).number().is_ok_and(|frames| frames == count) && frames.left == 0 {
                return Ok((head, changes));
            }
            return Err(Unreadable::Damaged("it ends in the wrong place".into()));
        }
        let entry = migrate::to_present(&frame, steps).map_err(|error| Unreadable::Damaged(error.to_string()))?;
        let (_, decoded) = record::decode_entry(&entry).map_err(|error| Unreadable::Damaged(error.to_string()))?;
        changes.extend(decoded);
        count += 1;
    }
}

fn take_head(frame: &[u8]) -> Result<Head, Unreadable> {
    let malformed = |error: record::Malformed| Unreadable::Damaged(error.to_string());
    let fields = frame.strip_prefix(MAGIC).ok_or_else(|| Unreadable::Damaged("it is no checkpoint".into()))?;
    let mut fields = Reader::new(fields);
    let format = fields.number().map_err(malformed)?;
    if format > u64::from(record::FORMAT) {
        return Err(Unreadable::Newer(u32::try_from(format).unwrap_or(u32::MAX)));
    }
    let seq = Seq(fields.number().map_err(malformed)?);
    let position = fields.number().map_err(malformed)?;
    let at = record::entry_time(fields.rest()).map_err(malformed)?;
    Ok(Head { seq, at, position })
}

/// Reads frames; never asks for more memory than the file has bytes.
struct Frames {
    file: BufReader<File>,
    left: u64,
}

impl Frames {
    fn open(path: &Path) -> Result<Self, Unreadable> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        Ok(Self { file: BufReader::new(file), left })
    }

    fn next(&mut self) -> Result<Vec<u8>, Unreadable> {
        let mut head = [0; 8];
        self.file.read_exact(&mut head)?;
        let [l0, l1, l2, l3, sum @ ..] = head;
        let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        self.left = self.left.saturating_sub(8);
        if length > self.left {
            return Err(Unreadable::Damaged("it is cut short".into()));
        }
        self.left -= length;
        let mut frame = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut frame)?;
        if frame.len() as u64 != length || crc32fast::hash(&frame) != u32::from_le_bytes(sum) {
            return Err(Unreadable::Damaged("a checksum is wrong".into()));
        }
        Ok(frame)
    }
}

/// Deletes all but the newest `keep`.
pub(super) fn prune(folder: &Path, keep: usize) -> io::Result<()> {
    let all = list(folder)?;
    for (_, path) in all.iter().rev().skip(keep) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The newest checkpoint that can be read, and those newer ones that cannot.
#[derive(Debug, Default)]
pub(super) struct Newest {
    /// What it stands for, its size, and its changes, if there is one.
    pub(super) good: Option<(Head, u64, Vec<Change>)>,
    /// Where they are, and what is wrong with them.
    pub(super) bad: Vec<(PathBuf, String)>,
}

/// Finds the newest good checkpoint. One that the system would not read is no reason to go on from an older one, unless the
/// disk has lost it.
pub(super) fn newest(folder: &Path, steps: &[Step]) -> Result<Newest, StoreError> {
    let unavailable = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", folder.display()));
    let mut newest = Newest::default();
    for (_, path) in list(folder).map_err(unavailable)?.into_iter().rev() {
        let lost = |error: &Unreadable| matches!(error, Unreadable::Io(error) if is_lost(error));
        match asked_again(|| read(&path, steps), lost) {
            Ok((head, changes)) => {
                let bytes = fs::metadata(&path).map_err(unavailable)?.len();
                newest.good = Some((head, bytes, changes));
                break;
            }
            Err(Unreadable::Newer(found)) => {
                return Err(StoreError::Newer { found, known: u32::from(record::FORMAT) });
            }
            Err(Unreadable::Damaged(what)) => newest.bad.push((path, what)),
            Err(Unreadable::Io(error)) if is_lost(&error) => newest.bad.push((path, error.to_string())),
            Err(Unreadable::Io(error)) => {
                return Err(StoreError::Unavailable(format!("{}: {error}", path.display())));
            }
        }
    }
    Ok(newest)
}
