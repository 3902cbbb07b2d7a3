//! What other systems have taken of work orders: kept beside the orders, so that nothing is passed on twice or forgotten
//! over a restart.

use std::sync::Arc;
use std::time::Duration;

use super::change::Actor;
use super::engine::Engine;
use super::view::View;
use crate::time::Timestamp;

/// The order's number, and the system.
pub type MirroredKey = (Arc<str>, Arc<str>);

/// What one system has taken of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// The order's number.
    pub order: Arc<str>,
    /// The system: `database`, or the name of a CMMS.
    pub target: Arc<str>,
    /// The revision that it has; 0 for none.
    pub revision: u64,
    /// What it calls the order; empty while that is not known.
    pub external_id: Arc<str>,
    /// Where the work stood there when it was last looked at, in its own word; or empty.
    pub external_status: Arc<str>,
    /// Why a newer revision could not be passed on; empty if nothing is wrong.
    pub error: String,
    /// When this was last changed.
    pub at: Timestamp,
}

/// How far a system is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Orders of which it has an older state, or none.
    pub orders: usize,
    /// The age of the oldest change that it lacks.
    pub age: Duration,
}

impl View {
    /// How far a system is behind with work orders at `now`.
    pub fn mirror_lag(&self, system: &str, now: Timestamp) -> Lag {
        let system: Arc<str> = Arc::from(system);
        let (mut orders, mut oldest) = (0, now);
        for order in self.work_orders.values() {
            let known = self.mirrored.get(&(Arc::clone(&order.number), Arc::clone(&system)));
            let revision = known.map_or(0, |known| known.revision);
            if revision < order.revision {
                orders += 1;
                oldest = oldest.min(order.since(revision).map(|entry| entry.at).next().unwrap_or(order.updated_at));
            }
        }
        Lag { orders, age: now.since(oldest) }
    }
}

impl Engine {
    /// Keeps what a system has taken, unless the order is not known any more.
    pub(super) fn put_mirrored(&mut self, mirrored: Mirrored) {
        if self.state.work_orders.contains_key(&mirrored.order) {
            self.by(Actor::Mirror { system: mirrored.target.to_string(), person: String::new() });
            self.state.put_mirrored(mirrored, &mut self.log);
        }
    }
}
