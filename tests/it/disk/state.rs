//! What a store holds, as far as these tests put it there.

use std::collections::BTreeMap;
use std::path::Path;

use andon::core::change::Change;
use andon::store::sled::{Options, SledStore};
use andon::store::{Store as _, StoreError};
use andon::time::Timestamp;

/// Alerts by their label `id`, with whether they are over, and silences by their id, with their end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub alerts: BTreeMap<String, bool>,
    pub silences: BTreeMap<String, Timestamp>,
}

impl State {
    /// Opens the store in this folder, as a start does; also what it found damaged.
    pub fn open(folder: &Path, strict: bool) -> Result<(Self, Option<String>, SledStore), StoreError> {
        let mut options = Options::default();
        (options.ballast, options.strict) = (0, strict);
        let mut store = SledStore::open(folder, options)?;
        let loaded = store.load()?;
        Ok((Self::of(&loaded.changes), loaded.damage, store))
    }

    fn of(changes: &[Change]) -> Self {
        let mut state = Self::default();
        for change in changes {
            match change {
                Change::Alert(alert) => {
                    state.alerts.insert(alert.labels.value("id").to_owned(), alert.ended_explicitly());
                }
                Change::Silence(silence) => drop(state.silences.insert(silence.id.0.to_string(), silence.ends_at)),
                _ => {}
            }
        }
        state
    }
}
