//! Receivers that the rules had before: renamed (`was`), or removed.
//!
//! What was told under a former name is owed under the present one: ledger, rows and dead letters move to it, at a reload
//! as at a start. An integration that the rules have no more is told what is over as long as its settings are still known,
//! which is until the next restart; after that what it was told firing is an **orphan**: nobody can tell it, so it is
//! listed, until it has been over for so long that the alert is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::engine::Engine;
use super::outbox::{DeadLetter, Delivery, IntegrationKey, Thread, Told};
use super::policy::{Integration, Policy};
use super::view::View;

impl Policy {
    /// The integration with this key.
    pub fn integration(&self, key: &IntegrationKey) -> Option<&Integration> {
        let receiver = self.receivers.iter().find(|receiver| receiver.name == key.receiver)?;
        receiver
            .integrations
            .iter()
            .find(|integration| *integration.kind == *key.kind && integration.index == key.index)
    }

    /// The present names of receivers by those that they had before.
    fn present_names(&self) -> BTreeMap<Arc<str>, Arc<str>> {
        let names = |receiver: &super::policy::Receiver| {
            let name = Arc::clone(&receiver.name);
            receiver.rules.was.clone().into_iter().map(move |was| (was, Arc::clone(&name)))
        };
        self.receivers.iter().flat_map(names).collect()
    }
}

/// Remembers the integrations that the next rules do not have: they can still be told.
pub(super) fn remember(former: &mut BTreeMap<IntegrationKey, Integration>, before: &Policy, next: &Policy) {
    for receiver in &before.receivers {
        for integration in &receiver.integrations {
            let (kind, index) = (Arc::from(integration.kind), integration.index);
            former.insert(IntegrationKey { receiver: Arc::clone(&receiver.name), kind, index }, integration.clone());
        }
    }
    former.retain(|key, _| next.integration(key).is_none());
}

impl Engine {
    /// Moves what was told, what waits and what is dead from former names of receivers to the present ones, and how these
    /// fare.
    pub(super) fn adopt_names(&mut self) {
        let names = self.state.policy.present_names();
        if names.is_empty() {
            return;
        }
        let present = |thread: &Thread| {
            let receiver = Arc::clone(names.get(&thread.receiver)?);
            Some(Thread { receiver, ..thread.clone() })
        };
        let told: Vec<_> = self.state.ledger.iter().map(|(thread, told)| (thread.clone(), Arc::clone(told))).collect();
        for (thread, told) in told {
            let Some(to) = present(&thread) else { continue };
            let told = match self.state.ledger.get(&to) {
                Some(known) => both(known, &told),
                None => Told::clone(&told),
            };
            self.state.put_told(&thread, None, &mut self.log);
            self.state.put_told(&to, Some(told), &mut self.log);
        }
        // What may have been heard under an id is told under that id again.
        let renamed = |row: &Delivery| {
            let named_after = Some(row.named_after.as_ref().unwrap_or(&row.thread.receiver).clone());
            Some(Delivery { thread: present(&row.thread)?, named_after, ..row.clone() })
        };
        let rows: Vec<_> = self.state.outbox.values().cloned().collect();
        for row in rows {
            let Some(renamed) = renamed(&row) else { continue };
            self.state.move_delivery(renamed, &mut self.log);
        }
        let letters: Vec<_> = self.state.dead_letters.values().cloned().collect();
        for letter in letters {
            let Some(delivery) = renamed(&letter.delivery) else { continue };
            self.state.put_dead_letter(DeadLetter { delivery, ..DeadLetter::clone(&letter) }, &mut self.log);
        }
        self.circuits.rename(|key| {
            let receiver = Arc::clone(names.get(&key.receiver)?);
            Some(IntegrationKey { receiver, ..key.clone() })
        });
    }
}

impl View {
    /// The threads that were told of something that is not told as over yet, and that nobody can tell: their integration
    /// is not in the rules, and its settings are not known.
    pub fn orphaned(&self) -> impl Iterator<Item = (&Thread, &Arc<Told>)> {
        let unknown = |thread: &Thread| {
            let key = thread.integration_key();
            self.policy.integration(&key).is_none() && !self.former.contains_key(&key)
        };
        self.ledger.iter().filter(move |(thread, told)| !told.open.is_empty() && unknown(thread))
    }
}

/// What two threads of the same group were told, as one: the one that was told last stands, and everything is owed.
fn both(a: &Told, b: &Told) -> Told {
    let (later, earlier) = if a.at >= b.at { (a, b) } else { (b, a) };
    let open: BTreeSet<_> = later.open.union(&earlier.open).copied().collect();
    Told { open, next_sequence: later.next_sequence.max(earlier.next_sequence), ..later.clone() }
}
