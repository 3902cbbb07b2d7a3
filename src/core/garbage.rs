//! What is forgotten, and when: nothing that is held by a group, waits to be told, or is owed to anybody.

use std::collections::BTreeSet;

use super::alert_set::Kept;
use super::engine::Engine;
use crate::time::Timestamp;

impl Engine {
    /// Forgets alerts that are over, that no group and no waiting notification holds and that are owed to nobody (or
    /// for too long), silences beyond the retention, and what was told long ago.
    pub(super) fn collect_garbage(&mut self, now: Timestamp) {
        let grouped = self.state.groups.iter().flat_map(|(_, group)| group.members.iter().copied());
        let waiting = self.state.outbox.values().flat_map(|row| row.alerts.iter());
        let held: BTreeSet<_> = grouped.chain(waiting.map(|told| told.alert.fingerprint())).collect();
        let owed: BTreeSet<_> = self.state.ledger.values().flat_map(|told| told.open.iter().copied()).collect();
        let grace = self.state.grace;
        let over = self.state.alerts.iter().filter(|kept| grace.resolved(&kept.alert, now));
        let owed = |kept: &Kept| {
            owed.contains(&kept.fingerprint) && kept.alert.ends_at.after(self.options.give_up_after) > now
        };
        let over = over.filter(|kept| !held.contains(&kept.fingerprint) && !owed(kept));
        let over: Vec<_> = over.map(|kept| kept.fingerprint).collect();
        for fingerprint in over {
            self.state.forget_alert(fingerprint, &mut self.log);
        }
        let expired = |at: Timestamp| at.after(self.options.retention) < now;
        let old = self.state.silences.values().filter(|silence| expired(silence.ends_at));
        let old: Vec<_> = old.map(|silence| silence.id).collect();
        for id in old {
            self.state.forget_silence(id, &mut self.log);
        }
        self.forget_told(now);
        self.failed_together.retain(|message, _| self.state.digests.contains_key(message));
        self.settle_lost_alerts(now);
        self.forget_old_orders(now);
        self.collect_acks(now);
    }
}
