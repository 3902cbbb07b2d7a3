//! A store that is looked at through a copy: a start may repair, and whoever only looks must not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Options, SledStore};
use crate::store::folder::Folder;
use crate::store::{Loaded, Past, Store, StoreError, checkpoint};

/// Where the copy stands, within the store's folder.
const COPY: &str = "copy.tmp";
/// What is copied besides checkpoints.
const PARTS: [&str; 2] = ["journal", "acknowledged"];

/// A copy of a store; it goes with this value. The store itself is held meanwhile.
pub struct Copied {
    store: Option<SledStore>,
    place: PathBuf,
    _held: Folder,
}

impl Copied {
    /// Copies the store in this folder.
    ///
    /// # Errors
    /// If there is none, if another process has it, or if there is no room for the copy.
    pub fn of(path: &Path) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let is_store = path.join("journal").exists() || checkpoint::list(path).is_ok_and(|found| !found.is_empty());
        if !is_store {
            return Err(StoreError::Unavailable(format!("there is no store in {}", path.display())));
        }
        let held = Folder::hold(path)?;
        let place = path.join(COPY);
        let mut copied = Self { store: None, place: place.clone(), _held: held };
        if place.exists() {
            fs::remove_dir_all(&place).map_err(unavailable)?;
        }
        fs::create_dir(&place).map_err(unavailable)?;
        let checkpoints = checkpoint::list(path).map_err(unavailable)?.into_iter().map(|(_, path)| path);
        let parts = PARTS.iter().map(|name| path.join(name)).filter(|part| part.exists());
        for part in parts.chain(checkpoints) {
            copy(&part, &place).map_err(unavailable)?;
        }
        let options = Options { ballast: 0, ..Options::default() };
        copied.store = Some(SledStore::open(&place, options)?);
        Ok(copied)
    }

    /// The state, with what is damaged.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&mut self) -> Result<Loaded, StoreError> {
        let Some(store) = &mut self.store else { return Err(StoreError::Unavailable("the copy is closed".into())) };
        let mut loaded = store.load()?;
        // What is said is said of the store, not of its copy.
        let copy = format!("{COPY}{}", std::path::MAIN_SEPARATOR);
        loaded.damage = loaded.damage.map(|damage| damage.replace(&copy, ""));
        Ok(loaded)
    }
}

impl Copied {
    /// The journal and the checkpoints, as readers see them; nothing once the copy is closed.
    pub fn past(&self) -> Option<Arc<dyn Past>> {
        self.store.as_ref().map(Store::past)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.store = None;
        // What stays is in nobody's way: the next copy takes its place.
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// Copies a file, or a folder with all that is in it, into a folder.
fn copy(from: &Path, into: &Path) -> std::io::Result<()> {
    let to = into.join(from.file_name().unwrap_or_default());
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir(&to)?;
    for entry in fs::read_dir(from)? {
        copy(&entry?.path(), &to)?;
    }
    Ok(())
}
