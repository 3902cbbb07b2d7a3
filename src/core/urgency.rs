//! How urgent something is, by the label `severity`: the order in which things are told where not all can be at once.

use super::label::LabelSet;
use super::work_order::Priority;

/// The label that says how urgent an alert is.
const SEVERITY: &str = "severity";

/// How urgent; the most urgent is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// `critical`
    Critical,
    /// `warning`
    Warning,
    /// Anything else, and nothing.
    Rest,
}

impl Urgency {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Warning, Self::Rest];

    /// Of an alert with these labels.
    pub fn of(labels: &LabelSet) -> Self {
        match labels.value(SEVERITY) {
            "critical" => Self::Critical,
            "warning" => Self::Warning,
            _ => Self::Rest,
        }
    }

    /// Of news about an order of this priority.
    pub fn of_order(priority: Priority) -> Self {
        match priority {
            Priority::Emergency => Self::Critical,
            Priority::High => Self::Warning,
            Priority::Medium | Priority::Low => Self::Rest,
        }
    }

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Rest => "info",
        }
    }
}
