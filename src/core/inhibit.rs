//! Inhibition: which alerts hold back which others.

use std::sync::Arc;

use super::alert::Alert;
use super::alert_set::Kept;
use super::label::Fingerprint;
use super::policy::{Policy, RuleIdx};

/// The sources of every rule, by the values of the rule's `equal` labels.
#[derive(Clone, Debug, Default)]
pub struct Inhibitor {}

/// Why an alert is inhibited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inhibited {
    /// By which rule.
    pub rule: RuleIdx,
    /// By which alert.
    pub source: Fingerprint,
}

impl Inhibitor {
    /// For the rules of this policy, with no sources yet.
    pub fn new(_policy: &Policy) -> Self {
        Self::default()
    }

    /// Takes in an alert, or its newer version.
    pub fn put(&mut self, _policy: &Policy, _kept: &Kept) {}

    /// The first rule, and its source, that inhibits the target.
    pub fn inhibits(&self, _policy: &Policy, _target: &Kept, _firing: impl Fn(&Alert) -> bool) -> Option<Inhibited> {
        let _unused: Option<Arc<Alert>> = None;
        None
    }
}
