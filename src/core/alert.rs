//! An alert, and how two versions of one alert become one.

use std::sync::Arc;

use super::label::{Fingerprint, LabelSet};
use crate::time::Timestamp;

/// One version of an alert. Its identity is its label set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What the alert is; never empty.
    pub labels: LabelSet,
    /// What is said about it.
    pub annotations: LabelSet,
    /// Where it comes from, or empty.
    pub generator_url: Arc<str>,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it ends or has ended; never the zero time.
    pub ends_at: Timestamp,
    /// When this version was received.
    pub updated_at: Timestamp,
    /// Whether `ends_at` is ours (`resolve_timeout`), and not the sender's.
    pub timeout: bool,
}

impl Alert {
    /// About how many bytes it takes where it is stored.
    pub fn weight(&self) -> usize {
        self.text() + 48
    }

    /// How many of these bytes are its texts.
    pub fn text(&self) -> usize {
        self.labels.packed().len() + self.annotations.packed().len() + self.generator_url.len()
    }

    /// The fingerprint of the labels; computed anew at each call.
    pub fn fingerprint(&self) -> Fingerprint {
        self.labels.fingerprint()
    }

    /// Whether the alert has ended at `now` by its own times. The grace after an outage is the engine's business.
    pub fn ended(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    /// Whether the sender itself said that the alert is over, rather than letting it run out.
    pub fn ended_explicitly(&self) -> bool {
        self.ends_at <= self.updated_at
    }

    /// Alertmanager's merge of a stored version with one that arrived now; `now` decides which of them are resolved.
    ///
    /// Versions that do not overlap in time replace each other. Of overlapping ones the later received counts, with the
    /// earlier start, and an end that a sender gave is not shortened by a timeout.
    #[must_use]
    pub fn merged(stored: &Self, arrived: Self, now: Timestamp) -> Self {
        let inside = |at: Timestamp| stored.starts_at < at && at < stored.ends_at;
        if !inside(arrived.ends_at) && !inside(arrived.starts_at) {
            return arrived;
        }
        let (newer, older) =
            if arrived.updated_at < stored.updated_at { (stored, &arrived) } else { (&arrived, stored) };
        let mut merged = newer.clone();
        merged.starts_at = stored.starts_at.min(arrived.starts_at);
        if newer.ended(now) {
            if older.ended(now) && older.ends_at > newer.ends_at {
                merged.ends_at = older.ends_at;
            }
        } else if older.ends_at > newer.ends_at && !older.timeout {
            merged.ends_at = older.ends_at;
        }
        merged
    }
}
