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

/// Since when a version of an alert holds, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it ends or has ended.
    pub ends_at: Timestamp,
    /// When it was received.
    pub updated_at: Timestamp,
    /// Whether `ends_at` is ours, and not the sender's.
    pub timeout: bool,
}

impl Times {
    /// Alertmanager's merge of a stored version with one that arrived now; `now` decides which of them are resolved.
    ///
    /// Versions that do not overlap in time replace each other. Of overlapping ones the later received counts, with the
    /// earlier start, and an end that a sender gave is not shortened by a timeout.
    #[must_use]
    pub fn merged(stored: Self, arrived: Self, now: Timestamp) -> Self {
        if !stored.overlaps(arrived) {
            return arrived;
        }
        let (newer, older) = if arrived.updated_at < stored.updated_at { (stored, arrived) } else { (arrived, stored) };
        let mut merged = newer;
        merged.starts_at = stored.starts_at.min(arrived.starts_at);
        let longer = older.ends_at > newer.ends_at;
        if longer && if newer.ends_at <= now { older.ends_at <= now } else { !older.timeout } {
            merged.ends_at = older.ends_at;
        }
        merged
    }

    fn overlaps(self, arrived: Self) -> bool {
        let inside = |at: Timestamp| self.starts_at < at && at < self.ends_at;
        inside(arrived.ends_at) || inside(arrived.starts_at)
    }

    /// Whether it differs in nothing but how long it holds.
    pub fn begins_as(self, other: Self) -> bool {
        self.starts_at == other.starts_at
            && self.starts_at.offset_minutes() == other.starts_at.offset_minutes()
            && self.timeout == other.timeout
    }
}

impl Alert {
    /// Its times.
    pub fn times(&self) -> Times {
        let Self { starts_at, ends_at, updated_at, timeout, .. } = *self;
        Times { starts_at, ends_at, updated_at, timeout }
    }

    /// Gives it other times.
    pub fn set_times(&mut self, times: Times) {
        (self.starts_at, self.ends_at) = (times.starts_at, times.ends_at);
        (self.updated_at, self.timeout) = (times.updated_at, times.timeout);
    }

    /// The same alert at other times.
    #[must_use]
    pub fn at(&self, times: Times) -> Self {
        let mut alert = self.clone();
        alert.set_times(times);
        alert
    }

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

    /// A stored version with one that arrived now: as [`Times::merged`], with the texts of the later received where both
    /// overlap.
    #[must_use]
    pub fn merged(stored: &Self, mut arrived: Self, now: Timestamp) -> Self {
        let (was, came) = (stored.times(), arrived.times());
        let times = Times::merged(was, came, now);
        if was.overlaps(came) && came.updated_at < was.updated_at {
            return stored.at(times);
        }
        arrived.set_times(times);
        arrived
    }
}
