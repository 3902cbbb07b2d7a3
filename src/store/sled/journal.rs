//! The journal on sled: entries in order, durable when they are acknowledged.
//!
//! sled's own flush hands the pages to the kernel and no further, so each commit ends with an fdatasync of sled's file.
//! An error of sled is for good until it is opened anew, and a damaged file makes it panic: every call goes through
//! [`guarded`], its end is one of them ([`Guarded`]), and whoever owns the journal drops it after an error.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::frame::{self, Mark};
use super::guard::{Guarded, guarded};
use super::key::Key;
use super::squeeze;
use crate::failpoint::{self, Point};
use crate::store::folder::{asked_again, is_lost};
use crate::store::record::{self, Reader};
use crate::store::{Seq, sync_folder};

/// What of its files sled cannot do without, unless the beginning of its log was written over. Its snapshots spare it
/// reading, and a damaged one keeps it from opening.
pub(super) const NEEDED: [&str; 2] = ["conf", "db"];

/// Why sled did not do it.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// There is no room on the disk.
    Full(String),
    /// The system would not read or write.
    Io(String),
    /// What sled reads makes no sense.
    Corrupt(String),
}

impl Trouble {
    /// What happened.
    pub(super) fn text(&self) -> &str {
        let (Self::Full(text) | Self::Io(text) | Self::Corrupt(text)) = self;
        text
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full(format!("the disk is full ({})", error.kind()))
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Self::Corrupt(error.to_string()),
            _ => Self::Io(error.to_string()),
        }
    }
}

impl From<::sled::Error> for Trouble {
    fn from(error: ::sled::Error) -> Self {
        match error {
            ::sled::Error::Io(error) => error.into(),
            other => Self::Corrupt(other.to_string()),
        }
    }
}

/// One entry as it was found.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// All of it.
    Whole {
        /// The bytes of all entries before it.
        position: u64,
        /// The entry.
        entry: &'a [u8],
    },
    /// Its first parts and not the others: it was never acknowledged.
    Torn,
    /// Not what was written.
    Damaged(&'static str),
}

/// An open journal.
pub(super) struct Journal {
    db: Guarded<::sled::Db>,
    /// sled's file, to be synced.
    file: File,
}

impl Journal {
    /// Opens the journal in this folder, or makes it.
    pub(super) fn open(folder: &Path, cache: u64) -> Result<Self, Trouble> {
        let data = folder.join("db");
        if !folder.try_exists()? {
            make(folder, cache)?;
        } else if !data.try_exists()? {
            return Err(Trouble::Corrupt(format!("{} is missing", data.display())));
        }
        // What the kernel still holds from before must not be lost after we have built on it.
        File::open(&data)?.sync_all()?;
        remove_half_snapshots(folder)?;
        keep_snapshot(folder)?;
        sync_folder(folder)?;
        let db = open_sled(folder, cache)?;
        // A new snapshot is in the place of the old one now.
        sync_folder(folder)?;
        let file = File::options().write(true).open(&data)?;
        Ok(Self { db, file })
    }

    /// The newest format of anything in the journal; nothing in a new one.
    pub(super) fn format(&self) -> Result<Option<u32>, Trouble> {
        // A mark that cannot be read is put right again; entries say their format themselves.
        Ok(self.number(Key::Format)?.and_then(|number| u32::try_from(number).ok()))
    }

    /// Marks the journal with the present format.
    pub(super) fn mark_format(&self) -> Result<(), Trouble> {
        self.set_number(Key::Format, u64::from(record::FORMAT))
    }

    /// How often the journal was opened.
    pub(super) fn openings(&self) -> Result<u64, Trouble> {
        self.number(Key::Openings).map(Option::unwrap_or_default)
    }

    /// Writes down how often the journal was opened.
    pub(super) fn set_openings(&self, openings: u64) -> Result<(), Trouble> {
        self.set_number(Key::Openings, openings)
    }

    fn number(&self, key: Key) -> Result<Option<u64>, Trouble> {
        guarded(|| {
            let Some(value) = self.db.get(key.to_bytes())? else { return Ok(None) };
            Ok(frame::unseal(key, &value).ok().and_then(|(_, share)| Reader::new(share).number().ok()))
        })
    }

    fn set_number(&self, key: Key, number: u64) -> Result<(), Trouble> {
        guarded(|| {
            let mut share = Vec::new();
            record::put_number(number, &mut share);
            self.db.insert(key.to_bytes(), frame::seal(key, Mark::ALONE, &share))?;
            self.sync()
        })
    }

    /// Appends an entry, which `body` holds with its position before it, as it stands or squeezed. It is durable when this
    /// returns.
    ///
    /// The parts need no batch of sled's: an entry without its last part does not count.
    pub(super) fn append(&self, seq: Seq, body: &[u8], squeezed: bool) -> Result<(), Trouble> {
        guarded(|| {
            for (key, value) in frame::parts(seq, body, squeezed) {
                self.db.insert(key.to_bytes(), value)?;
            }
            failpoint::reached(Point::JournalWritten);
            self.sync()
        })
    }

    fn sync(&self) -> Result<(), Trouble> {
        self.db.flush()?;
        failpoint::reached(Point::JournalFlushed);
        self.file.sync_data()?;
        failpoint::reached(Point::JournalSynced);
        Ok(())
    }

    /// The number of the last entry of which there is anything.
    pub(super) fn last(&self) -> Result<Option<Seq>, Trouble> {
        guarded(|| {
            let Some(last) = self.db.range(Key::first_of(Seq(0)).to_bytes()..).next_back() else { return Ok(None) };
            match Key::parse(&last?.0) {
                Some(Key::Part { seq, .. }) => Ok(Some(seq)),
                _ => Err(Trouble::Corrupt("a key that is not ours".into())),
            }
        })
    }

    /// Shows all entries after `after`, in order, until `visit` breaks.
    pub(super) fn scan(
        &self,
        after: Seq,
        mut visit: impl FnMut(Seq, Found<'_>) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        guarded(|| {
            let from = Key::first_of(Seq(after.0.saturating_add(1)));
            let mut gathered = Gathered::default();
            for pair in self.db.range(from.to_bytes()..) {
                let (key, value) = pair?;
                let Some(Key::Part { seq, part }) = Key::parse(&key) else {
                    return Err(Trouble::Corrupt("a key that is not ours".into()));
                };
                if seq != gathered.seq {
                    if gathered.show(&mut visit).is_break() {
                        return Ok(());
                    }
                    gathered.begin(seq);
                }
                gathered.add(part, &value);
            }
            let _the_end = gathered.show(&mut visit);
            Ok(())
        })
    }

    /// Removes the entries from `first` to `last`, both included.
    pub(super) fn remove(&self, first: Seq, last: Seq) -> Result<(), Trouble> {
        const AT_ONCE: usize = 1_024;
        guarded(|| {
            let to = Key::Part { seq: last, part: u32::MAX }.to_bytes();
            loop {
                let mut batch = ::sled::Batch::default();
                let mut count = 0;
                for key in self.db.range(Key::first_of(first).to_bytes()..=to).keys().take(AT_ONCE) {
                    batch.remove(key?);
                    count += 1;
                }
                if count > 0 {
                    self.db.apply_batch(batch)?;
                }
                if count < AT_ONCE {
                    return self.sync();
                }
            }
        })
    }
}

/// The parts of one entry, as they come.
#[derive(Default)]
struct Gathered {
    seq: Seq,
    body: Vec<u8>,
    /// What a squeezed body is expanded into; kept for the next.
    expanded: Vec<u8>,
    parts: u64,
    ended: bool,
    squeezed: bool,
    damage: Option<&'static str>,
}

impl Gathered {
    fn begin(&mut self, seq: Seq) {
        self.body.clear();
        (self.seq, self.parts, self.ended, self.squeezed, self.damage) = (seq, 0, false, false, None);
    }

    fn add(&mut self, part: u32, value: &[u8]) {
        let in_order = u64::from(part) == self.parts && !self.ended;
        self.parts = u64::from(part) + 1;
        match frame::unseal(Key::Part { seq: self.seq, part }, value) {
            Ok(_) if !in_order => self.damage = Some("a part is missing"),
            Ok((mark, share)) => {
                (self.ended, self.squeezed) = (mark.last, mark.squeezed);
                self.body.extend_from_slice(share);
            }
            Err(what) => self.damage = Some(what),
        }
    }

    fn show(&mut self, visit: &mut impl FnMut(Seq, Found<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.parts == 0 {
            return ControlFlow::Continue(());
        }
        let mut body = &self.body;
        if self.squeezed && self.ended && self.damage.is_none() {
            self.expanded.clear();
            self.damage = squeeze::expand(body, &mut self.expanded).err();
            body = &self.expanded;
        }
        let found = match self.damage {
            Some(what) => Found::Damaged(what),
            None if !self.ended => Found::Torn,
            None => {
                let mut body = Reader::new(body);
                match body.number() {
                    Ok(position) => Found::Whole { position, entry: body.rest() },
                    Err(_) => Found::Damaged("no position"),
                }
            }
        };
        visit(self.seq, found)
    }
}

/// Makes an empty journal, under another name first: a power cut on the way leaves none, and not a part of one.
fn make(folder: &Path, cache: u64) -> Result<(), Trouble> {
    let making = folder.with_extension("new");
    if making.exists() {
        fs::remove_dir_all(&making)?;
    }
    open_sled(&making, cache)?.close()?;
    for name in NEEDED {
        File::open(making.join(name))?.sync_all()?;
    }
    sync_folder(&making)?;
    fs::rename(&making, folder)?;
    sync_folder(folder.parent().unwrap_or(folder))?;
    Ok(())
}

/// Opens sled, which may still hold its own lock for a moment after it was closed in this process.
fn open_sled(folder: &Path, cache: u64) -> Result<Guarded<::sled::Db>, Trouble> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let started = Instant::now();
    loop {
        let config = ::sled::Config::new().path(folder).cache_capacity(cache).flush_every_ms(Some(500));
        let opened = guarded(|| Ok(Guarded::new(config.mode(::sled::Mode::HighThroughput).open()?)));
        match opened {
            // Nobody else has it: the folder's own lock is ours.
            Err(Trouble::Io(text)) if text.contains("could not acquire lock") && started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// A copy of sled's snapshot, under a name that sled does not look for.
const KEPT: &str = "kept.snap";

/// Copies sled's snapshot before sled is opened, or puts the copy back where there is none. When it is opened, sled removes
/// the old one for a new one and syncs neither name. A power cut may leave none of both, and from a log whose beginning was
/// written over by then nothing is found without one.
fn keep_snapshot(folder: &Path) -> Result<(), Trouble> {
    let kept = folder.join(KEPT);
    let names = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_snapshot =
        |path: &&PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("snap."));
    let (from, to) = match names.iter().filter(is_snapshot).max() {
        Some(newest) => (newest.clone(), kept),
        None if kept.exists() => (kept, folder.join("snap.0000000000000000")),
        None => return Ok(()),
    };
    let snapshot = match asked_again(|| fs::read(&from), is_lost) {
        Err(error) if is_lost(&error) => return Err(Trouble::Corrupt(format!("{}: {error}", from.display()))),
        read => read?,
    };
    let mut copy = File::create(to)?;
    copy.write_all(&snapshot)?;
    Ok(copy.sync_all()?)
}

/// A snapshot that sled was writing when it was killed would be taken for its newest one.
fn remove_half_snapshots(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let file = file?;
        if file.file_name().to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}
