//! Dead letters in the state, and which thread has which.

use std::sync::Arc;

use super::{Log, State, Undo};
use crate::core::change::Change;
use crate::core::outbox::{DeadLetter, DeliveryId, Thread};

impl State {
    pub(in crate::core) fn put_dead_letter(&mut self, letter: DeadLetter, log: &mut Log) {
        let (id, letter) = (letter.delivery.id, Arc::new(letter));
        log.changes.push(Change::Dead(Arc::clone(&letter)));
        log.undo.push(Undo::Dead(id, self.set_dead_letter(id, Some(letter))));
    }

    pub(in crate::core) fn forget_dead_letter(&mut self, id: DeliveryId, log: &mut Log) {
        if let Some(old) = self.set_dead_letter(id, None) {
            log.changes.push(Change::DeadGone(id));
            log.undo.push(Undo::Dead(id, Some(old)));
        }
    }

    /// Somebody put it away, and said why.
    pub(in crate::core) fn discard_dead_letter(&mut self, id: DeliveryId, reason: String, log: &mut Log) {
        if let Some(old) = self.set_dead_letter(id, None) {
            log.changes.push(Change::DeadDiscarded { id, reason });
            log.undo.push(Undo::Dead(id, Some(old)));
        }
    }

    /// The dead letters of a thread: one, but of an order each piece of news is one. What is dead may be much, and is not
    /// looked through for it.
    pub(in crate::core) fn letters_of(&self, thread: &Thread) -> Vec<DeliveryId> {
        self.letters_of.get(thread).into_iter().flatten().copied().collect()
    }

    pub(in crate::core) fn set_dead_letter(
        &mut self,
        id: DeliveryId,
        letter: Option<Arc<DeadLetter>>,
    ) -> Option<Arc<DeadLetter>> {
        let letters = Arc::make_mut(&mut self.dead_letters);
        let thread = letter.as_ref().map(|letter| letter.delivery.thread.clone());
        let old = match letter {
            Some(letter) => letters.insert(id, letter),
            None => letters.remove(&id),
        };
        if let Some(old) = &old
            && let Some(of_thread) = self.letters_of.get_mut(&old.delivery.thread)
        {
            of_thread.remove(&id);
            if of_thread.is_empty() {
                self.letters_of.remove(&old.delivery.thread);
            }
        }
        if let Some(thread) = thread {
            self.letters_of.entry(thread).or_default().insert(id);
        }
        old
    }
}
