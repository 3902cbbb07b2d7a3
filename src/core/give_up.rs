//! What waits for an integration that fails, and is not tried itself, is given up as well when its time is over.
//!
//! That may be hundreds of thousands of rows at once: an integration that was away for longer than anything is tried. So
//! one batch gives up a part, and the next ticks the rest, at once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::engine::Engine;
use super::outbox::{Delivery, Exchange, IntegrationKey};
use crate::time::Timestamp;

/// How many rows of an integration one batch gives up at most.
const AT_ONCE: usize = 1_000;
/// From this on, a time in which the service was away does not count as one in which anything was tried.
const AWAY: Duration = Duration::from_secs(600);

/// The integrations of which more is given up with the next tick. Not stored: the next attempt that fails begins anew.
pub(super) type GivingUp = BTreeSet<IntegrationKey>;

impl Engine {
    /// The service was away for so long, or the clock leapt over it: nothing was tried, so it is tried for so much longer.
    pub(super) fn was_away(&mut self, time: Duration) {
        if time < AWAY {
            return;
        }
        let rows: Vec<_> = self.state.outbox.values().cloned().collect();
        for row in rows {
            let row = Delivery { tried_since: row.tried_since.after(time), ..Delivery::clone(&row) };
            self.state.put_delivery(row, &mut self.log);
        }
    }

    /// An attempt with this row failed.
    pub(super) fn give_up_held(&mut self, now: Timestamp, failed: &Delivery) {
        let key = failed.thread.integration_key();
        if self.give_up_some(now, &key) {
            self.giving_up.insert(key);
        }
    }

    /// Goes on with what an attempt that failed began.
    pub(super) fn go_on_giving_up(&mut self, now: Timestamp) {
        let before = self.log.weight();
        for key in self.giving_up.clone() {
            if self.log.weight().saturating_sub(before) > self.room {
                return;
            }
            // It is over when nothing is found, and not before: a batch may be taken back.
            if !self.give_up_some(now, &key) {
                self.giving_up.remove(&key);
            }
        }
    }

    /// Says whether there was anything.
    fn give_up_some(&mut self, now: Timestamp, key: &IntegrationKey) -> bool {
        let Some(error) = self.circuits.trouble(key) else { return false };
        // The oldest first, which are those that are late.
        let held = self.circuits.held(key).rev().filter_map(|id| self.state.outbox.get(&id));
        let late = held.filter(|row| now.since(row.tried_since) >= self.give_up_after(&row.thread));
        let late: Vec<_> = late.take(AT_ONCE).cloned().collect();
        let (before, any) = (self.log.weight(), !late.is_empty());
        for row in late {
            let said = format!("given up after {} attempts: {error}", row.attempts);
            self.bury(now, &row, said, Exchange::default());
            self.queue(&row.thread);
            if self.log.weight().saturating_sub(before) > self.room {
                break;
            }
        }
        any
    }
}
