//! Time intervals: when somebody is told, or not.

/// One time interval; a named one has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeInterval {}

impl TimeInterval {
    /// Whether the instant lies within.
    pub fn contains(&self, _at: crate::time::Timestamp) -> bool {
        false
    }
}
