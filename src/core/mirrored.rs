//! What other systems have taken of work orders: kept beside the orders, so that nothing is passed on twice or forgotten
//! over a restart.

use std::sync::Arc;

use super::change::Actor;
use super::engine::Engine;
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

impl Engine {
    /// Keeps what a system has taken, unless the order is not known any more.
    pub(super) fn put_mirrored(&mut self, mirrored: Mirrored) {
        if self.state.work_orders.contains_key(&mirrored.order) {
            self.by(Actor::Mirror { system: mirrored.target.to_string(), person: String::new() });
            self.state.put_mirrored(mirrored, &mut self.log);
        }
    }
}
