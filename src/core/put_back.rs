//! The clock was put back: what was to happen so and so long from now still does.
//!
//! Timers are moments of the wall clock, so that they survive a restart. A clock that is put back by an hour would make
//! every page of that hour an hour late. What a sender or a person wrote (ends of alerts and silences, due times of work
//! orders) is a moment of the true time and stays as it is, and so does when something was told: nothing is repeated early.

use std::sync::Arc;
use std::time::Duration;

use super::alert::Alert;
use super::change::{Change, StoredGroup};
use super::engine::Engine;
use super::outbox::Delivery;
use crate::time::Timestamp;

impl Engine {
    /// What is not stored follows at once, and once, whether the store takes the rest or not: which outage it is that
    /// goes on, and when a receiver is tried again.
    pub fn clock_put_back(&mut self, by: Duration) {
        let grace = &mut self.state.grace;
        grace.from = grace.from.before(by);
        // An outage that goes on ends with the next commit.
        if grace.until < Timestamp::MAX {
            grace.until = grace.until.before(by);
        }
        self.circuits.put_back(by);
        self.refused_orphans.values_mut().for_each(|not_before| *not_before = not_before.before(by));
    }

    pub(super) fn put_back(&mut self, now: Timestamp, by: Duration) {
        let groups: Vec<_> = self.state.groups.iter().map(|(at, group)| (at, Arc::clone(&group.stored))).collect();
        for (at, stored) in groups {
            let (next_flush, last_flush) = (stored.next_flush.before(by), stored.last_flush.min(now));
            let stored = StoredGroup { next_flush, last_flush, ..StoredGroup::clone(&stored) };
            self.state.update_group(at, stored, true, &mut self.log);
        }
        let rows: Vec<_> = self.state.outbox.values().cloned().collect();
        for row in rows {
            let (due_at, tried_since) = (row.due_at.before(by), row.tried_since.before(by));
            let undelivered_since = row.undelivered_since.before(by);
            let row = Delivery { due_at, tried_since, undelivered_since, ..Delivery::clone(&row) };
            self.state.put_delivery(row, &mut self.log);
        }
        self.date_alerts_back(now);
        self.next_gc = self.next_gc.min(now.after(self.options.gc_interval));
        self.next_orphan_check = if self.next_orphan_check < Timestamp::MAX { now } else { Timestamp::MAX };
        self.state.last_seen.iter_mut().for_each(|last| *last = (*last).min(now));
        self.queue_all();
    }

    /// What was received at a moment that is to come would win over what is received until then, as the newer.
    fn date_alerts_back(&mut self, now: Timestamp) {
        let ahead: Vec<_> = self.state.alerts.iter().filter(|kept| kept.alert.updated_at > now).cloned().collect();
        for kept in ahead {
            let change =
                Change::Refreshed { fingerprint: kept.fingerprint, ends_at: kept.alert.ends_at, updated_at: now };
            let alert = Arc::new(Alert { updated_at: now, ..Alert::clone(&kept.alert) });
            self.state.put_alert(kept.newer(alert), change, &mut self.log);
        }
    }
}
