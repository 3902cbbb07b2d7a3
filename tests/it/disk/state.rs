//! What a store holds, as far as these tests put it there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use andon::core::alert::Alert;
use andon::core::change::{Change, GroupId, StoredGroup};
use andon::core::outbox::{Delivery, DeliveryId, Thread, Told};
use andon::core::silence::Silence;
use andon::store::sled::{Options, SledStore};
use andon::store::{Store as _, StoreError};

/// Alerts by their label `id`, silences by their id, and groups; what waits to be told, what was told, and the keys of the
/// groups that somebody has taken on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub alerts: BTreeMap<String, Arc<Alert>>,
    pub silences: BTreeMap<String, Arc<Silence>>,
    pub groups: BTreeMap<GroupId, Arc<StoredGroup>>,
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

    /// Whether the sender of the alert said that it is over.
    pub fn is_over(&self, id: &str) -> bool {
        self.alerts.get(id).is_some_and(|alert| !alert.timeout)
    }

    fn of(changes: &[Change]) -> Self {
        let mut state = Self::default();
        for change in changes {
            match change {
                Change::Alert(alert) => {
                    state.alerts.insert(alert.labels.value("id").to_owned(), Arc::clone(alert));
                }
                Change::Refreshed { fingerprint, ends_at, updated_at } => {
                    let known = state.alerts.values_mut().find(|alert| alert.fingerprint() == *fingerprint);
                    if let Some(alert) = known.map(Arc::make_mut) {
                        (alert.ends_at, alert.updated_at) = (*ends_at, *updated_at);
                    }
                }
                Change::Silence(silence) => {
                    state.silences.insert(silence.id.0.to_string(), Arc::clone(silence));
                }
                Change::Group(group) => drop(state.groups.insert(group.id.clone(), Arc::clone(group))),
                Change::GroupTimer { id, next_flush, last_flush } => {
                    if let Some(group) = state.groups.get_mut(id).map(Arc::make_mut) {
                        (group.next_flush, group.last_flush) = (*next_flush, *last_flush);
                    }
                }
                Change::GroupGone(id) => drop(state.groups.remove(id)),
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
