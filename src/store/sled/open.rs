//! Opens the journal, whatever state its folder is in.

use super::Options;
use super::journal::{self, Journal, Trouble};
use super::unavailable;
use crate::store::folder::{Ballast, Folder};
use crate::store::{StoreError, checkpoint, record};

/// The folder of sled's files.
const JOURNAL: &str = "journal";

/// Opens the journal of the store, or makes it. One that cannot be opened is set aside, and a new one begun, unless
/// the options are strict; `damage` is told.
pub(super) fn journal(
    folder: &Folder,
    ballast: &mut Ballast,
    options: &Options,
    damage: &mut Vec<String>,
) -> Result<Journal, StoreError> {
    let path = folder.path().join(JOURNAL);
    let known_damage = damage.len();
    let journal = match with_room(ballast, || Journal::open(&path, options.cache)) {
        Ok(journal) => journal,
        Err(trouble @ Trouble::Corrupt(_)) => match without_snapshots(folder, options) {
            Some(journal) => journal,
            None if options.strict => {
                return Err(StoreError::Damaged(format!("{}: {}", path.display(), trouble.text())));
            }
            None => {
                set_aside(folder, &trouble, damage)?;
                Journal::open(&path, options.cache).map_err(|trouble| unavailable(&trouble))?
            }
        },
        Err(trouble) => return Err(unavailable(&trouble)),
    };
    let known = u32::from(record::FORMAT);
    match journal.format().map_err(|trouble| unavailable(&trouble))? {
        Some(found) if found > known => return Err(StoreError::Newer { found, known }),
        Some(found) if found == known => return Ok(journal),
        Some(_) => {}
        None => {
            let checkpoints = checkpoint::list(folder.path()).map_err(|error| unavailable(&error.into()))?;
            let new = journal.last().map_err(|trouble| unavailable(&trouble))?.is_none();
            if new && !checkpoints.is_empty() && damage.len() == known_damage {
                let what = format!("{}: the journal is missing, the last checkpoint is all there is", path.display());
                if options.strict {
                    return Err(StoreError::Damaged(what));
                }
                damage.push(what);
            }
        }
    }
    journal.mark_format().map_err(|trouble| unavailable(&trouble))?;
    Ok(journal)
}

/// Opens once more with the ballast's room, where there was none.
fn with_room<T>(ballast: &mut Ballast, open: impl Fn() -> Result<T, Trouble>) -> Result<T, Trouble> {
    match open() {
        Err(Trouble::Full(_)) => {
            ballast.give_up();
            open()
        }
        other => other,
    }
}

/// Opens without sled's own snapshots: they only spare it reading, and a damaged one keeps it from opening.
fn without_snapshots(folder: &Folder, options: &Options) -> Option<Journal> {
    let path = folder.path().join(JOURNAL);
    if !journal::set_snapshots_aside(&path).unwrap_or(false) {
        return None;
    }
    let journal = Journal::open(&path, options.cache).ok()?;
    tracing::warn!(path = %path.display(), "sled's snapshot was damaged; the journal was read without it");
    Some(journal)
}

/// Sets the journal aside, never to be deleted by us, and says so.
pub(super) fn set_aside(folder: &Folder, trouble: &Trouble, damage: &mut Vec<String>) -> Result<(), StoreError> {
    let aside = folder.set_aside(JOURNAL).map_err(|error| unavailable(&error.into()))?;
    damage.push(format!("the journal cannot be read ({}) and was set aside as {}", trouble.text(), aside.display()));
    Ok(())
}
