//! What a store holds, as far as these tests put it there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use andon::core::change::Change;
use andon::core::outbox::{Delivery, DeliveryId, Thread, Told};
use andon::store::sled::{Options, SledStore};
use andon::store::{Store as _, StoreError};
use andon::time::Timestamp;

/// Alerts by their label `id`, with whether their sender said when they are over, and silences by their id, with their end;
/// what waits to be told, what was told, and the keys of the groups that somebody has taken on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub alerts: BTreeMap<String, bool>,
    pub silences: BTreeMap<String, Timestamp>,
    pub outbox: BTreeMap<DeliveryId, Arc<Delivery>>,
    pub told: BTreeMap<Thread, Arc<Told>>,
    pub taken_on: BTreeSet<Arc<str>>,
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
                    state.alerts.insert(alert.labels.value("id").to_owned(), !alert.timeout);
                }
                Change::Silence(silence) => drop(state.silences.insert(silence.id.0.to_string(), silence.ends_at)),
                Change::Outbox(row) => drop(state.outbox.insert(row.id, Arc::clone(row))),
                Change::Standing(id, now) => {
                    if let Some(row) = state.outbox.get_mut(id) {
                        *row = Arc::new(Delivery::clone(row).stands(now.clone()));
                    }
                }
                Change::OutboxGone(id) => drop(state.outbox.remove(id)),
                Change::Told(thread, Some(told)) => drop(state.told.insert(thread.clone(), Arc::clone(told))),
                Change::Told(thread, None) => drop(state.told.remove(thread)),
                Change::Ack(ack) => drop(state.taken_on.insert(Arc::clone(&ack.group_key))),
                Change::AckGone(group_key, _) => drop(state.taken_on.remove(group_key)),
                _ => {}
            }
        }
        state
    }
}
