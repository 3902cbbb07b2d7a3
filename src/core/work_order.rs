//! Work orders: one open order per key, opened in the commit that decided it.
//!
//! An order has a revision, which rises with every stored change, and a history that says of each what happened, who did
//! it, when and why. Where the work may go stands in [`status`]. Not here: when alerts open, change and close an order.

pub mod edit;
pub mod history;
pub mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::asset::{Asset, SparePart};
use super::change::Actor;
use super::label::{Fingerprint, LabelSet};
use crate::time::Timestamp;

pub use history::{HistoryEntry, OrderEvent};
pub use status::Status;

/// What kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something broke.
    Corrective,
    /// By plan.
    Preventive,
    /// Something is going to break.
    Predictive,
    /// Somebody should look.
    Inspection,
}

/// How urgent, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// At once.
    Emergency,
    /// Today.
    High,
    /// This week.
    Medium,
    /// This month.
    Low,
}

/// Where the failure behind the order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// An alert of it fires.
    Active,
    /// None fires any more.
    Cleared,
    /// None had fired for a while, and one does again.
    Recurred,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ }) => {
        impl $type {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the API, the configuration and the plant's database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// From that word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(Kind { Corrective = "corrective", Preventive = "preventive", Predictive = "predictive", Inspection = "inspection" });
words!(Priority { Emergency = "emergency", High = "high", Medium = "medium", Low = "low" });
words!(OrderEvent {
    Opened = "opened",
    Reopened = "reopened",
    AlertJoined = "alert_joined",
    AlertRecovered = "alert_recovered",
    Recovered = "recovered",
    Recurred = "recurred",
    Escalated = "escalated",
    OverdueAssignee = "overdue_assignee",
    OverdueSupervisor = "overdue_supervisor",
    OverdueManager = "overdue_manager",
    Acknowledged = "acknowledged",
    Assigned = "assigned",
    Started = "started",
    Held = "held",
    Completed = "completed",
    Cancelled = "cancelled",
    Noted = "noted",
    Changed = "changed",
    Linked = "linked",
    PageSuppressed = "page_suppressed"
});
words!(Status { Open = "open", Assigned = "assigned", InProgress = "in_progress", OnHold = "on_hold", Completed = "completed", Cancelled = "cancelled" });
words!(Condition { Active = "active", Cleared = "cleared", Recurred = "recurred" });

/// One work order.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkOrder {
    /// `WO-<year>-` and 8 base32 characters of the hash of key and episode; unique.
    pub number: Arc<str>,
    /// What it is the one open order of: the key labels with their values, as text; or what whoever opened it named.
    pub key: Arc<str>,
    /// Rises with every stored change, from 1.
    pub revision: u64,
    /// The receiver whose `work_order_configs` opened it; empty where it was opened by hand.
    pub receiver: Arc<str>,
    /// What kind of work.
    pub kind: Kind,
    /// How urgent.
    pub priority: Priority,
    /// Where the work stands.
    pub status: Status,
    /// Where the failure stands; nothing where no alert is behind it.
    pub condition: Option<Condition>,
    /// In one line.
    pub title: String,
    /// In full.
    pub description: String,
    /// What it is about; the code is empty where no asset is named.
    pub asset: Asset,
    /// The parts that the work takes, as the stock was when it was opened.
    pub parts: Vec<SparePart>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it is to be done.
    pub due_at: Timestamp,
    /// When the failure began: the start of its first alert.
    pub malfunction_start: Option<Timestamp>,
    /// When the failure ended, if it has.
    pub malfunction_end: Option<Timestamp>,
    /// When the work is planned to begin.
    pub scheduled_start: Option<Timestamp>,
    /// When the work is planned to end.
    pub scheduled_end: Option<Timestamp>,
    /// When somebody first said that they had seen it, took it or began.
    pub acknowledged_at: Option<Timestamp>,
    /// When the work began.
    pub actual_start: Option<Timestamp>,
    /// When the work ended.
    pub actual_end: Option<Timestamp>,
    /// Since when it is completed or cancelled, if it is.
    pub closed_at: Option<Timestamp>,
    /// Who has it; empty for nobody.
    pub assignee: String,
    /// How long the work is thought to take.
    pub estimated_hours: Option<f64>,
    /// How long the work took.
    pub actual_hours: Option<f64>,
    /// The alerts behind it and whether each still fires.
    pub alerts: BTreeMap<Fingerprint, AlertOnOrder>,
    /// What people, and Andon on its own, noted; oldest first.
    pub notes: Vec<Note>,
    /// What happened to it, oldest first. Of a very long one the beginning is kept, and the end.
    pub history: Vec<HistoryEntry>,
    /// Which steps of the escalation ladder were taken for the present due time.
    pub ladder: BTreeSet<LadderStep>,
    /// What other systems call it, by their names: `postgres`, `atlas`, …
    pub external: BTreeMap<Arc<str>, Arc<str>>,
    /// Alerts about the asset that nobody was told of, since this order was in progress, and since when each fires.
    pub kept_back: BTreeMap<Fingerprint, Timestamp>,
}

impl WorkOrder {
    /// Whether it is to be done, and was to be done before `now`.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status.is_open() && self.due_at < now
    }

    /// About how many bytes it takes where it is stored.
    pub fn weight(&self) -> usize {
        let alerts = self.alerts.values();
        let alerts: usize =
            alerts.map(|alert| alert.labels.packed().len() + alert.annotations.packed().len() + 64).sum();
        let notes: usize = self.notes.iter().map(|note| note.text.len() + 64).sum();
        alerts + notes + 128 * self.history.len() + self.description.len() + 512
    }

    /// Whether an alert of the failure fires.
    pub fn is_failing(&self) -> bool {
        matches!(self.condition, Some(Condition::Active | Condition::Recurred))
    }

    /// The entries that this version has and one of that revision had not.
    pub fn since(&self, revision: u64) -> impl Iterator<Item = &HistoryEntry> {
        self.history.iter().filter(move |entry| entry.revision > revision)
    }

    /// What the API calls its `ETag`.
    pub fn etag(&self) -> String {
        format!("\"{}-{}\"", self.number, self.revision)
    }
}

/// A step of the escalation ladder: whom an overdue order is brought before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LadderStep {
    /// Whoever has it.
    Assignee,
    /// The supervisor.
    Supervisor,
    /// The manager.
    Manager,
}

words!(LadderStep { Assignee = "assignee", Supervisor = "supervisor", Manager = "manager" });

/// An alert behind a work order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertOnOrder {
    /// Its labels.
    pub labels: LabelSet,
    /// What is said about it.
    pub annotations: LabelSet,
    /// Where it comes from, or empty.
    pub generator_url: Arc<str>,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// Since when it is over, if it is.
    pub ended_at: Option<Timestamp>,
    /// Whether it only says that the order is overdue: where the failure stands does not follow from it.
    pub escalates: bool,
}

/// A note on an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub text: String,
}
