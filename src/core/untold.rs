//! What could not be told: the dead letter it becomes, and what its thread counts as not told from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::change::{GroupId, StoredGroup};
use super::engine::Engine;
use super::label::Fingerprint;
use super::outbox::{DeadLetter, Delivery, Exchange, Reason, Told, ToldAlert};
use super::policy::RouteIdx;
use crate::time::Timestamp;

/// After how long a refusal is tried anew for a thread whose group is gone; the others wait for their next flush.
const REFUSED_ORPHAN_WAIT: Duration = Duration::from_secs(300);

impl Engine {
    /// A notification cannot be delivered: it becomes a dead letter, the only one of its thread, and what it told
    /// counts as not told, so that the next flush of the group tries anew.
    pub(super) fn bury(&mut self, now: Timestamp, row: &Arc<Delivery>, error: String, exchange: Exchange) {
        self.circuits.release(row);
        self.state.remove_delivery(row.id, &mut self.log);
        if row.news.is_none() {
            for earlier in self.state.letters_of(&row.thread) {
                self.state.forget_dead_letter(earlier, &mut self.log);
            }
        }
        let mut delivery = Delivery::clone(row);
        delivery.attempts += 1;
        delivery.last_error.clone_from(&error);
        self.tell_fallback(now, &delivery, &error);
        self.state.put_dead_letter(DeadLetter { delivery, at: now, error, exchange }, &mut self.log);
        self.limit_dead_letters(now);
        // That somebody has taken it on is no state that a flush would tell anew.
        if row.reason != Reason::Acknowledged && row.news.is_none() {
            self.untell(now, row);
        }
    }

    /// Takes back from the ledger what a row would have told. What was to be told resolved is told firing still, and what
    /// an earlier attempt may have told firing stays owed: better told over twice than never. Of what a later row tells
    /// there is nothing to take back.
    fn untell(&mut self, now: Timestamp, row: &Delivery) {
        let later = self.leave_to_later_rows(row);
        let owed = self.owed_again(now, row, &later);
        let mut told = self.told_to_thread_of(row);
        let told_by_it = |alert: &Fingerprint| row.new.contains(alert) && !later.contains(alert);
        told.firing.retain(|alert| !told_by_it(alert));
        if !self.doubtful.contains(&row.id) {
            told.open.retain(|alert| !told_by_it(alert));
        }
        // A repetition that was not heard is due again at the next flush; where more is to be told, that is what counts.
        if self.waiting_behind(row).next().is_none() {
            told.at = Timestamp::ZERO;
        }
        told.resolved.retain(|alert| !owed.contains(alert));
        told.firing.extend(owed.iter().copied());
        if self.options.resolved_while_muted {
            told.open.extend(owed);
        }
        let over = told.firing.is_empty() && told.open.is_empty();
        self.state.put_told(&row.thread, (!over).then_some(told), &mut self.log);
    }

    /// The alerts whose end is owed still: the row did not tell it, and no later row does. They go back into their group,
    /// so that the next flush tells it, unless they ended too long ago to be tried anew.
    fn owed_again(&mut self, now: Timestamp, row: &Delivery, later: &BTreeSet<Fingerprint>) -> Vec<Fingerprint> {
        let resolved = row.alerts.iter().filter(|told| told.resolved).map(|told| told.alert.fingerprint());
        let resolved = resolved.filter(|alert| !later.contains(alert));
        let (mut owed, mut orphaned) = (Vec::new(), false);
        for alert in resolved {
            let ended = self.state.alerts.get(alert).map(|kept| kept.alert.ends_at);
            if ended.is_none_or(|ended| ended.after(self.options.give_up_after) <= now) {
                continue;
            }
            let grouped = self.rejoin(now, row, alert);
            orphaned |= !grouped;
            if grouped || self.options.resolved_while_muted {
                owed.push(alert);
            }
        }
        if orphaned && self.options.resolved_while_muted {
            let not_before = now.after(REFUSED_ORPHAN_WAIT);
            self.refused_orphans.insert(row.thread.clone(), not_before);
            self.next_orphan_check = self.next_orphan_check.min(not_before);
        }
        owed
    }

    /// What the thread of a row was told, or nothing under the number of the row or of one that waits behind it: what waits
    /// has its number already, maybe in a later episode, and what is told anew comes after it.
    fn told_to_thread_of(&self, row: &Delivery) -> Told {
        if let Some(told) = self.state.ledger.get(&row.thread) {
            return Told::clone(told);
        }
        let number = |row: &Delivery| (row.episode, row.sequence);
        let waiting = self.waiting(&row.thread);
        let last = waiting.iter().map(|later| &**later).chain([row]).max_by_key(|row| number(row));
        Told::without(last.unwrap_or(row))
    }

    /// What the rows that wait behind this one, which is not told, say of its alerts themselves. What this one would have
    /// told first is new in the one that does; what this one would have ended is not new to whoever has it open.
    fn leave_to_later_rows(&mut self, row: &Delivery) -> BTreeSet<Fingerprint> {
        let says = |told: &ToldAlert| (told.alert.fingerprint(), told.resolved);
        let ends: BTreeMap<_, _> = row.alerts.iter().map(says).collect();
        let doubtful = self.doubtful.contains(&row.id);
        let mut left = BTreeSet::new();
        for later in self.waiting_behind(row).collect::<Vec<_>>() {
            let (mut new, mut doubts) = (later.new.clone(), false);
            for (alert, over) in later.alerts.iter().map(says) {
                // What is muted by now may be new in a row that does not tell it.
                let (ended, is_new) = (ends.get(&alert).copied(), row.new.contains(&alert));
                if (ended.is_none() && !is_new) || !left.insert(alert) || over {
                    continue;
                }
                if is_new {
                    doubts |= doubtful;
                    new.insert(alert);
                } else if ended == Some(true) {
                    // Whoever did hear of the end has it open no more.
                    doubts |= doubtful;
                    if !doubtful {
                        new.remove(&alert);
                    }
                }
            }
            if doubts {
                self.doubtful.insert(later.id);
            }
            if new != later.new {
                self.state.put_delivery(Delivery { new, ..Delivery::clone(&later) }, &mut self.log);
            }
        }
        left
    }

    /// Puts an alert that is over back into the group of the row, making it anew if need be. Says whether it could.
    fn rejoin(&mut self, now: Timestamp, row: &Delivery, alert: Fingerprint) -> bool {
        let Some(kept) = self.state.alerts.get(alert).cloned() else { return false };
        let policy = Arc::clone(&self.state.policy);
        let ours = |index: &RouteIdx| {
            let route = policy.route(*index);
            let labels = route.group_labels(&kept.alert.labels);
            let same = policy.receiver_of(route).name == row.thread.receiver;
            (same && route.group_key(&labels) == *row.thread.group_key).then_some((*index, labels))
        };
        let Some((index, labels)) = kept.verdict.routes.iter().find_map(ours) else { return false };
        let group = self.state.groups.find(index, labels.packed()).unwrap_or_else(|| {
            let route = policy.route(index);
            let id = GroupId { route_id: Arc::clone(&route.id), labels };
            let (next_flush, muted_by) = (now.after(route.group_interval), Vec::new());
            let stored = StoredGroup { id, created_at: now, next_flush, last_flush: now, muted_by };
            self.state.add_group(index, stored, &mut self.log)
        });
        self.state.join(group, alert, &mut self.log);
        true
    }
}
