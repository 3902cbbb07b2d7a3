//! Silences: who is not to be told of what, until when.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::label::LabelSet;
use super::matcher::Matcher;
use super::matcher::index::MatcherIndex;
use crate::time::Timestamp;

/// A silence's id: a UUID, written in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SilenceId(pub Uuid);

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A silence as it stands now.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// All of them must match for an alert to be silenced; in the order they were given.
    pub matchers: Vec<Matcher>,
    /// From when it holds.
    pub starts_at: Timestamp,
    /// Until when it holds.
    pub ends_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who made it, as they said.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free-form, often empty.
    pub annotations: LabelSet,
}

impl Silence {
    /// Where it stands at `now`: it holds from its start, and no longer at its very end.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now >= self.ends_at {
            SilenceState::Expired
        } else {
            SilenceState::Active
        }
    }

    /// When it was made, or, if it was changed before it began, when it was last changed then: none begins before it is
    /// made.
    fn made_at(&self) -> Timestamp {
        self.starts_at.min(self.updated_at)
    }

    /// About how many bytes its patterns take.
    pub fn memory(&self) -> usize {
        self.matchers.iter().map(Matcher::memory).sum()
    }

    /// Whether all matchers match; an absent label is an empty one.
    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels.value(&matcher.name)))
    }
}

/// What a client asks for when it makes or changes a silence.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceDraft {
    /// The silence to change; a new one where absent.
    pub id: Option<SilenceId>,
    /// An id to use if a new silence is made: randomness comes from outside.
    pub fresh_id: SilenceId,
    /// At least one, compiled and valid.
    pub matchers: Vec<Matcher>,
    /// From when; the zero time and the past mean now.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free-form.
    pub annotations: LabelSet,
}

/// Why a silence was not made. The texts are Alertmanager's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceRefused {
    /// There is none with the id.
    #[error("silence not found")]
    NotFound,
    /// `--silences.max-silences`
    #[error("exceeded maximum number of silences: {count} (limit: {limit})")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Its times make no sense.
    #[error("{0}")]
    Invalid(String),
}

/// Where a silence stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    /// It will begin.
    Pending,
    /// It holds.
    Active,
    /// It has ended.
    Expired,
}

impl SilenceState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

/// All silences that are kept, by id.
#[derive(Clone, Default)]
pub struct Silences {
    by_id: BTreeMap<SilenceId, Arc<Silence>>,
    /// Made when it is first needed after a change; the silences in the order in which they were made, in which
    /// Alertmanager names them.
    index: OnceLock<(MatcherIndex, Vec<Arc<Silence>>)>,
    /// About how many bytes the patterns of all take.
    memory: usize,
}

impl Silences {
    /// Puts a silence in; gives back the one it replaces.
    pub fn insert(&mut self, id: SilenceId, silence: Arc<Silence>) -> Option<Arc<Silence>> {
        self.index.take();
        self.memory += silence.memory();
        let old = self.by_id.insert(id, silence);
        self.memory -= old.as_ref().map_or(0, |old| old.memory());
        old
    }

    /// Takes a silence out.
    pub fn remove(&mut self, id: &SilenceId) -> Option<Arc<Silence>> {
        self.index.take();
        let old = self.by_id.remove(id)?;
        self.memory -= old.memory();
        Some(old)
    }

    /// About how many bytes the patterns of all of them take.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// The silences that hold at `now` and match, the one that was made first at first.
    pub fn silencing(&self, labels: &LabelSet, now: Timestamp) -> impl Iterator<Item = &Arc<Silence>> {
        let (index, silences) = self.index.get_or_init(|| {
            let mut silences: Vec<_> = self.by_id.values().cloned().collect();
            silences.sort_by_key(|silence| silence.made_at());
            (MatcherIndex::new(silences.iter().map(|silence| silence.matchers.as_slice())), silences)
        });
        let candidates = index.candidates(labels).into_iter().filter_map(|place| silences.get(place as usize));
        candidates.filter(move |silence| silence.state(now) == SilenceState::Active && silence.matches(labels))
    }
}

impl Deref for Silences {
    type Target = BTreeMap<SilenceId, Arc<Silence>>;

    fn deref(&self) -> &Self::Target {
        &self.by_id
    }
}

impl fmt::Debug for Silences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.by_id, f)
    }
}
