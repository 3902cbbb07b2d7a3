//! Rows that wait until their receiver may be told: the most urgent first, and of these the one that came first.
//!
//! A room belongs to a bucket of tokens; it is there only while somebody waits. A thread waits once: a newer state of it
//! takes the place of the older one, and keeps that one's turn among those as urgent as itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::digest;
use crate::core::outbox::{Delivery, Thread};
use crate::core::together::{MOST, may_join};
use crate::core::urgency::Urgency;
use crate::receivers::limit::Limit;

/// Whose turn it is: the smallest is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    urgency: Urgency,
    /// The place of the thread's first row among all that came.
    came: u64,
}

/// Those that wait for one bucket.
pub struct Room {
    /// The bucket.
    pub limit: Arc<Limit>,
    /// When it has a token again.
    pub opens_at: Instant,
    rows: BTreeMap<Turn, Arc<Delivery>>,
    turns: BTreeMap<Thread, Turn>,
    came: u64,
}

impl Room {
    /// An empty room.
    pub fn new(limit: Arc<Limit>, opens_at: Instant) -> Self {
        Self { limit, opens_at, rows: BTreeMap::new(), turns: BTreeMap::new(), came: 0 }
    }

    /// Lets a row wait. Says whether its thread did not wait before.
    pub fn put(&mut self, row: Arc<Delivery>) -> bool {
        let before = self.turns.get(&row.thread).copied();
        if let Some(turn) = before {
            self.rows.remove(&turn);
        }
        self.came += 1;
        let turn = Turn { urgency: row.urgency(), came: before.map_or(self.came, |turn| turn.came) };
        self.turns.insert(row.thread.clone(), turn);
        self.rows.insert(turn, row);
        before.is_none()
    }

    /// Lets the next row out.
    pub fn pop(&mut self) -> Option<Arc<Delivery>> {
        let (_, row) = self.rows.pop_first()?;
        self.turns.remove(&row.thread);
        Some(row)
    }

    /// Lets out all that is to be told together with `first`, which left: what was in one message with it, or where it is
    /// too much to be told one by one, all that may join.
    pub fn overflow(&mut self, first: &Delivery) -> Vec<Arc<Delivery>> {
        let key = first.thread.integration_key();
        // What was in one message may have been heard, or have been too much with others: it keeps to itself.
        let same = |row: &Delivery| row.told_with == first.told_with && row.thread.integration_key() == key;
        let joining = self.rows.iter().filter(|(_, row)| may_join(row) && same(row)).map(|(turn, _)| *turn);
        let joining: Vec<Turn> = joining.take(MOST).collect();
        let overflow = || may_join(first) && digest::is_overflow(joining.len() + 1, self.limit.each());
        if first.told_with.is_none() && !overflow() {
            return Vec::new();
        }
        let out = joining.iter().filter_map(|turn| self.rows.remove(turn)).collect::<Vec<_>>();
        for row in &out {
            self.turns.remove(&row.thread);
        }
        out
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::config::settings::{Per, RateLimit};
    use crate::core::outbox::DeliveryId;
    use crate::receivers::test_support::{delivery, told};

    fn row(id: u64, thread: &str, severities: &[&str]) -> Arc<Delivery> {
        let alerts = severities.iter().map(|severity| told(&[("a", "1"), ("severity", severity)], &[], false));
        let mut row = delivery(alerts.collect());
        (row.id, row.thread.group_key) = (DeliveryId(id), thread.into());
        Arc::new(row)
    }

    #[test]
    fn the_most_urgent_is_next_then_the_oldest_and_a_thread_waits_once() {
        let one = NonZeroU32::MIN;
        let limit = Limit::new(RateLimit { tokens: one, per: Per::Second, burst: one });
        let mut room = Room::new(Arc::new(limit), Instant::now());
        let arrivals = [
            (1, "a", &["info"][..], true),
            (2, "b", &["warning"], true),
            (3, "c", &["info", "critical"], true),
            (4, "d", &["warning", "page"], true),
            (5, "e", &["critical"], true),
            // The newer state of a thread keeps its turn, or moves up with what became urgent.
            (6, "b", &["warning"], false),
            (7, "a", &["critical"], false),
            (8, "f", &[""], true),
        ];
        for (id, thread, severities, new) in arrivals {
            assert_eq!(room.put(row(id, thread, severities)), new, "{id}");
        }
        let out: Vec<u64> = std::iter::from_fn(|| room.pop()).map(|row| row.id.0).collect();
        assert_eq!(out, [7, 3, 5, 6, 4, 8]);
        assert!(room.is_empty() && room.turns.is_empty());
    }
}
