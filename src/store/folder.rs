//! The folder of a store: held by one process, with room kept for the day when the disk is full.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{StoreError, sync_folder};

/// How long to wait for whoever holds the folder.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long to wait before the disk is asked again for what it did not give.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A folder that this process holds.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as it is open; the system unlocks it when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder if there is none, and takes hold of it.
    pub(super) fn hold(path: &Path) -> Result<Self, StoreError> {
        let unavailable = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        make(path).map_err(unavailable)?;
        let lock = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock).map_err(unavailable)?;
        // A process that is just ending, or a child of ours that is just starting, may hold it for a moment.
        let started = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => sleep(Duration::from_millis(5)),
                Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(path.to_owned())),
                Err(TryLockError::Error(error)) => return Err(unavailable(error)),
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of all files in it and in the folders directly in it, but for the ballast.
    pub(super) fn size(&self) -> u64 {
        let own = files(&self.path).filter(|(path, _)| !path.ends_with("ballast"));
        own.map(|(path, bytes)| if path.is_dir() { files(&path).map(|(_, bytes)| bytes).sum() } else { bytes }).sum()
    }

    /// Renames something in the folder to a name that is not taken, which is returned.
    pub(super) fn set_aside(&self, name: &str) -> io::Result<PathBuf> {
        let from = self.path.join(name);
        let mut number = 1;
        let to = loop {
            let to = self.path.join(format!("{name}.damaged-{number}"));
            if !to.exists() {
                break to;
            }
            number += 1;
        };
        fs::rename(from, &to)?;
        sync_folder(&self.path)?;
        Ok(to)
    }
}

/// Whether the disk itself says that it cannot give what stands there (EIO). All else may be otherwise the next time.
pub(super) fn is_lost(error: &io::Error) -> bool {
    error.raw_os_error() == Some(5)
}

/// Reads, and asks twice more for what the disk has lost, if it says so: it may be the trouble of a moment.
pub(super) fn asked_again<T, E>(read: impl Fn() -> Result<T, E>, lost: impl Fn(&E) -> bool) -> Result<T, E> {
    for _ in 0..2 {
        match read() {
            Err(error) if lost(&error) => sleep(ASK_AGAIN),
            read => return read,
        }
    }
    read()
}

/// Makes a folder, and those above it that are missing: each is durable before there is anything in it.
fn make(path: &Path) -> io::Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let above: Vec<_> = path.ancestors().skip(1).take_while(missing).collect();
    for folder in above.into_iter().rev().chain([path]) {
        match fs::create_dir(folder) {
            Err(error) if !folder.is_dir() => return Err(error),
            _ => sync_folder(parent(folder))?,
        }
    }
    Ok(())
}

/// What a folder is in; of one that is named by a single word that is where the process runs.
fn parent(folder: &Path) -> &Path {
    let parent = folder.parent().unwrap_or(folder);
    if parent.as_os_str().is_empty() { Path::new(".") } else { parent }
}

fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|file| Some((file.path(), file.metadata().ok()?.len())))
}

/// Empty files beside the ballast: a disk may have room and yet have no more files, and sled needs some to be opened.
const SPARES: [&str; 4] = ["ballast.1", "ballast.2", "ballast.3", "ballast.4"];

/// Files that hold room: sled cannot be opened on a full disk, so they are given up first.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    size: u64,
    stands: bool,
}

impl Ballast {
    /// Takes up the ballast that is there, or makes it. That there is no room for it is not an error yet: the first
    /// commit will say so.
    pub(super) fn of(folder: &Folder, size: u64) -> Self {
        let path = folder.path().join("ballast");
        let mut ballast = Self { path, size, stands: size == 0 };
        if let Err(error) = ballast.restore() {
            tracing::warn!(%error, path = %ballast.path.display(), "no room for the ballast");
        }
        ballast
    }

    /// Whether the room is kept.
    pub(super) fn stands(&self) -> bool {
        self.stands
    }

    /// Frees the room.
    pub(super) fn give_up(&mut self) {
        if self.size > 0 && fs::remove_file(&self.path).is_ok() {
            tracing::warn!(path = %self.path.display(), "the disk is full: the ballast was given up");
        }
        for spare in self.spares() {
            // One that is not there holds nothing.
            let _ = fs::remove_file(spare);
        }
        self.stands = self.size == 0;
    }

    fn spares(&self) -> impl Iterator<Item = PathBuf> {
        SPARES.iter().map(|name| self.path.with_file_name(name))
    }

    /// Takes up the room again, if there is so much.
    pub(super) fn restore(&mut self) -> io::Result<()> {
        if self.stands {
            return Ok(());
        }
        let whole = fs::metadata(&self.path).is_ok_and(|found| found.is_file() && found.len() >= self.size);
        let filled = if whole { Ok(()) } else { self.fill() };
        if filled.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        let missing = |path: &PathBuf| !path.exists();
        let filled =
            filled.and_then(|()| self.spares().filter(missing).try_for_each(|path| File::create(path).map(drop)));
        self.stands = filled.is_ok();
        filled
    }

    /// Not zeros: some file systems would store nothing for them.
    fn fill(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        let block = [0xA5; 64 << 10];
        let mut left = self.size;
        while left > 0 {
            let length = left.min(block.len() as u64);
            file.write_all(block.get(..length as usize).unwrap_or(&block))?;
            left -= length;
        }
        file.sync_all()
    }
}
