//! What people and other systems ask of work orders, and why it may be refused.

use std::sync::Arc;

use super::work_order::{Kind, Priority, Status};
use crate::time::Timestamp;

/// A wish about a work order.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderCommand {
    /// Open one by hand.
    Create(Box<OrderDraft>),
    /// Change one.
    Change {
        /// Which one.
        number: Arc<str>,
        /// The revision that the change is meant for; nothing for whatever it is now.
        if_match: Option<u64>,
        /// What is to happen.
        action: OrderAction,
        /// Why; or empty.
        why: String,
    },
}

/// An order as somebody wants it opened.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderDraft {
    /// The number that it has elsewhere; empty for one of Andon's own.
    pub number: String,
    /// Refused while another order with this key is open; empty for a key of its own.
    pub key: String,
    /// What kind of work.
    pub kind: Kind,
    /// How urgent.
    pub priority: Priority,
    /// In one line; never empty.
    pub title: String,
    /// In full, or empty.
    pub description: String,
    /// The asset's code, or empty. Where assets are known it is one of them.
    pub asset_code: String,
    /// When it is to be done; nothing for what the priority says.
    pub due_at: Option<Timestamp>,
    /// When the work is planned to begin.
    pub scheduled_start: Option<Timestamp>,
    /// When the work is planned to end.
    pub scheduled_end: Option<Timestamp>,
    /// Who has it; or empty.
    pub assignee: String,
    /// How long the work is thought to take.
    pub estimated_hours: Option<f64>,
    /// A first note; or empty.
    pub note: String,
}

impl Default for OrderDraft {
    /// A corrective one of medium priority that says nothing yet.
    fn default() -> Self {
        Self {
            number: String::new(),
            key: String::new(),
            kind: Kind::Corrective,
            priority: Priority::Medium,
            title: String::new(),
            description: String::new(),
            asset_code: String::new(),
            due_at: None,
            scheduled_start: None,
            scheduled_end: None,
            assignee: String::new(),
            estimated_hours: None,
            note: String::new(),
        }
    }
}

/// What is to happen to an order.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderAction {
    /// Note that somebody has seen it.
    Acknowledge,
    /// Give it to somebody; an empty text takes it away from whoever has it.
    Assign(String),
    /// Begin, or take it up again.
    Start,
    /// Let it wait.
    Hold,
    /// It is done.
    Complete,
    /// It will not be done.
    Cancel,
    /// It is to be done after all.
    Reopen,
    /// Note something.
    Note(String),
    /// Change fields, all at once or none.
    Edit(Box<OrderEdit>),
    /// Another system knows it under a name of its own: the system, and the name.
    Link(Arc<str>, Arc<str>),
}

/// New values of fields; what is absent stays. Within, nothing takes the value away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderEdit {
    /// Where the work stands. From a mirror it may lie several steps away.
    pub status: Option<Status>,
    /// Who has it; empty for nobody.
    pub assignee: Option<String>,
    /// What kind of work.
    pub kind: Option<Kind>,
    /// How urgent. The due time stays unless it is given as well.
    pub priority: Option<Priority>,
    /// In one line.
    pub title: Option<String>,
    /// In full.
    pub description: Option<String>,
    /// When it is to be done.
    pub due_at: Option<Timestamp>,
    /// When the work is planned to begin.
    pub scheduled_start: Option<Option<Timestamp>>,
    /// When the work is planned to end.
    pub scheduled_end: Option<Option<Timestamp>>,
    /// When the work began.
    pub actual_start: Option<Option<Timestamp>>,
    /// When the work ended.
    pub actual_end: Option<Option<Timestamp>>,
    /// How long the work is thought to take.
    pub estimated_hours: Option<Option<f64>>,
    /// How long the work took.
    pub actual_hours: Option<Option<f64>>,
    /// To be added to the notes.
    pub note: Option<String>,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// There is no such order.
    #[error("there is no work order {0:?}")]
    NotFound(Arc<str>),
    /// It was changed since.
    #[error(
        "work order {number} was changed meanwhile: it is at revision {found}, the change was meant for {expected}"
    )]
    Stale {
        /// Which order.
        number: Arc<str>,
        /// What the change was meant for.
        expected: u64,
        /// What it is at.
        found: u64,
    },
    /// The state machine has no such step.
    #[error("work order {number} is {}: it cannot become {}; possible: {}", .from.as_str(), .to.as_str(), words(.from.next()))]
    Impossible {
        /// Which order.
        number: Arc<str>,
        /// Where it stands.
        from: Status,
        /// Where it was to go.
        to: Status,
    },
    /// Another order is open for the same key, or newer.
    #[error("work order {other} is the one of the same key: change that one")]
    Another {
        /// The other order.
        other: Arc<str>,
    },
    /// A value that cannot be.
    #[error("{field}: {problem}; allowed: {allowed}")]
    Invalid {
        /// The field, as the API names it.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What it may be.
        allowed: String,
    },
}

/// The words of these, with commas between them.
pub fn words(statuses: &[Status]) -> String {
    let words: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
    words.join(", ")
}
