//! The state that stored changes lead to, as the shortest list of changes.

use std::sync::Arc;

use super::change::Change;
use super::engine::{Engine, Options};
use super::policy::Policy;
use super::restore::StoredGroups;
use crate::time::Timestamp;

impl Engine {
    /// What a checkpoint after these changes would hold. The rules do not matter: nothing is routed, groups stay as
    /// they were stored.
    pub fn condensed(policy: Arc<Policy>, changes: Vec<Change>) -> Vec<Change> {
        let mut engine = Self::new(policy, Options::default(), Timestamp::ZERO);
        let mut groups = StoredGroups::new();
        for change in changes {
            engine.apply(change, &mut groups);
        }
        engine.snapshot().chain(groups.into_values().map(Change::Group)).collect()
    }
}
