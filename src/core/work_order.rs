//! Work orders: one open order per key, opened in the commit that decided it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::label::Fingerprint;
use crate::time::Timestamp;

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

/// Where the work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nobody has it yet.
    Open,
    /// Somebody has it.
    Assigned,
    /// It is being done.
    InProgress,
    /// It waits for something.
    OnHold,
    /// It is done.
    Completed,
    /// It will not be done.
    Cancelled,
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
words!(Status { Open = "open", Assigned = "assigned", InProgress = "in_progress", OnHold = "on_hold", Completed = "completed", Cancelled = "cancelled" });
words!(Condition { Active = "active", Cleared = "cleared", Recurred = "recurred" });

/// One work order.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkOrder {
    /// `WO-<year>-` and 8 base32 characters of the hash of key and episode; unique.
    pub number: Arc<str>,
    /// What it is the one open order of: the receiver and the key labels with their values, as text.
    pub key: Arc<str>,
    /// The receiver whose `work_order_configs` opened it.
    pub receiver: Arc<str>,
    /// What kind of work.
    pub kind: Kind,
    /// How urgent.
    pub priority: Priority,
    /// Where the work stands.
    pub status: Status,
    /// Where the failure stands.
    pub condition: Condition,
    /// In one line.
    pub title: String,
    /// In full.
    pub description: String,
    /// The asset's code, or empty.
    pub asset_code: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it is to be done.
    pub due_at: Timestamp,
    /// When the failure began: the start of its first alert.
    pub malfunction_start: Timestamp,
    /// When the failure ended, if it has.
    pub malfunction_end: Option<Timestamp>,
    /// The alerts behind it and whether each still fires.
    pub alerts: BTreeMap<Fingerprint, AlertOnOrder>,
    /// What happened to it, oldest first.
    pub notes: Vec<Note>,
}

/// An alert behind a work order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertOnOrder {
    /// Its labels.
    pub labels: super::label::LabelSet,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// Since when it is over, if it is.
    pub ended_at: Option<Timestamp>,
}

/// One thing that happened to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who, as [`super::change::Actor`] prints.
    pub actor: String,
    /// What.
    pub text: String,
}
