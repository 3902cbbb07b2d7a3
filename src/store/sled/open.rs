//! Opens the journal, whatever state its folder is in.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::Options;
use super::journal::{Journal, NEEDED, Trouble};
use super::unavailable;
use crate::store::folder::{Ballast, Folder, asked_again, is_lost};
use crate::store::{StoreError, checkpoint, record};

/// The folder of sled's files.
const JOURNAL: &str = "journal";

/// Why a journal was not opened.
enum NotOpened {
    /// sled would not.
    Trouble(Trouble),
    /// We will not.
    Refused(StoreError),
}

impl From<Trouble> for NotOpened {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<NotOpened> for StoreError {
    fn from(not: NotOpened) -> Self {
        match not {
            NotOpened::Trouble(trouble) => unavailable(&trouble),
            NotOpened::Refused(error) => error,
        }
    }
}

/// Opens the journal of the store, or makes it.
///
/// One that cannot be opened is set aside, unless the options are strict, and `damage` is told. sled repairs what it
/// opens by dropping what it cannot read, so the repair is tried on a copy.
pub(super) fn journal(
    folder: &Folder,
    ballast: &mut Ballast,
    options: &Options,
    damage: &mut Vec<String>,
) -> Result<Journal, StoreError> {
    let path = folder.path().join(JOURNAL);
    let mut opened = attempt(folder, options, damage);
    if let Err(NotOpened::Trouble(Trouble::Full(_))) = opened {
        ballast.give_up();
        opened = attempt(folder, options, damage);
    }
    let trouble = match opened {
        Err(NotOpened::Trouble(trouble @ (Trouble::Corrupt(_) | Trouble::Io(_)))) => trouble,
        other => return Ok(other?),
    };
    // sled says that a file is damaged where the system would not read it, which may be as good as ever, and the other way
    // round.
    let lost = NEEDED.map(|name| is_lost_there(&path.join(name))).into_iter().collect::<Result<Vec<_>, _>>()?;
    if matches!(trouble, Trouble::Io(_)) && !lost.contains(&true) {
        return Err(unavailable(&trouble));
    }
    if options.strict {
        return Err(StoreError::Damaged(format!("{}: {}", path.display(), trouble.text())));
    }
    let aside = set_aside(folder, &trouble, damage)?;
    let again = copy_needed(&aside, &path).map_err(Trouble::from).map_err(NotOpened::from);
    match again.and_then(|()| attempt(folder, options, damage)) {
        Ok(journal) => Ok(journal),
        Err(NotOpened::Refused(error)) => Err(error),
        Err(NotOpened::Trouble(_)) => {
            // This is our copy; what was found stands aside.
            fs::remove_dir_all(&path).map_err(|error| unavailable(&error.into()))?;
            Ok(attempt(folder, options, damage)?)
        }
    }
}

fn attempt(folder: &Folder, options: &Options, damage: &mut Vec<String>) -> Result<Journal, NotOpened> {
    let path = folder.path().join(JOURNAL);
    let new = !path.try_exists().map_err(Trouble::from)?;
    let mut journal = Journal::open(&path, options.cache)?;
    let known = u32::from(record::FORMAT);
    let format = journal.format()?;
    if let Some(found) = format
        && found > known
    {
        return Err(NotOpened::Refused(StoreError::Newer { found, known }));
    }
    if !new {
        journal = proved(journal, &path, options.cache)?;
    }
    match format {
        Some(found) if found == known => return Ok(journal),
        Some(_) => {}
        None => {
            let checkpoints = checkpoint::list(folder.path()).map_err(Trouble::from)?;
            if journal.last()?.is_none() && !checkpoints.is_empty() && damage.is_empty() {
                let what = format!("{}: the journal is missing, the last checkpoint is all there is", path.display());
                if options.strict {
                    return Err(NotOpened::Refused(StoreError::Damaged(what)));
                }
                damage.push(what);
            }
        }
    }
    journal.mark_format()?;
    Ok(journal)
}

/// Proves that what is written now is found at the next start. sled opens some damaged files and works with them, but
/// then stops reading before what it has written since.
fn proved(journal: Journal, path: &Path, cache: u64) -> Result<Journal, Trouble> {
    let openings = journal.openings()?.saturating_add(1);
    journal.set_openings(openings)?;
    drop(journal);
    let journal = Journal::open(path, cache)?;
    if journal.openings()? == openings {
        return Ok(journal);
    }
    Err(Trouble::Corrupt("what is written to it is not found again".into()))
}

/// Sets the journal aside, never to be deleted by us, and says so.
pub(super) fn set_aside(folder: &Folder, trouble: &Trouble, damage: &mut Vec<String>) -> Result<PathBuf, StoreError> {
    let aside = folder.set_aside(JOURNAL).map_err(|error| unavailable(&error.into()))?;
    damage.push(format!("the journal cannot be read ({}) and was set aside as {}", trouble.text(), aside.display()));
    Ok(aside)
}

/// Reads a file, if it is there, and says whether the disk has lost it.
fn is_lost_there(path: &Path) -> Result<bool, StoreError> {
    let read = || File::open(path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
    match asked_again(read, is_lost) {
        Err(error) if is_lost(&error) => Ok(true),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Unavailable(format!("{}: {error}", path.display())))
        }
        _ => Ok(false),
    }
}

fn copy_needed(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for name in NEEDED {
        fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}
