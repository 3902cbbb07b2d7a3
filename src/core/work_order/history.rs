//! What happened to an order: one entry for each thing, with who, when and why.

use crate::core::change::Actor;
use crate::time::Timestamp;

/// A thing that happens to an order. Mails, mirrors and metrics go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderEvent {
    /// It was opened.
    Opened,
    /// It was completed or cancelled, and is open again.
    Reopened,
    /// A further alert of the same failure fires.
    AlertJoined,
    /// An alert of it is over, others fire on.
    AlertRecovered,
    /// All its alerts are over: verify and close.
    Recovered,
    /// All its alerts had been over, and one fires again.
    Recurred,
    /// It became more urgent: its maintenance is overdue elsewhere.
    Escalated,
    /// Overdue: its assignee is reminded.
    OverdueAssignee,
    /// Still overdue: the supervisor is told.
    OverdueSupervisor,
    /// Still overdue: the manager is told.
    OverdueManager,
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody has it now, or nobody any more.
    Assigned,
    /// Somebody has begun, or has taken it up again.
    Started,
    /// It waits for something.
    Held,
    /// It is done.
    Completed,
    /// It will not be done.
    Cancelled,
    /// Somebody noted something.
    Noted,
    /// A field was changed.
    Changed,
    /// Another system knows it now under a name of its own.
    Linked,
    /// A notification about its asset was kept back, since somebody is at work there.
    PageSuppressed,
}

/// One entry of an order's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The revision that it belongs to.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What happened.
    pub event: OrderEvent,
    /// What exactly, in words.
    pub text: String,
    /// Why, in the words of whoever did it; or empty.
    pub why: String,
}
