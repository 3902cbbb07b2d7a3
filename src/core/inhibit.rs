//! Inhibition: which alerts hold back which others.
//!
//! For every rule the sources are kept by the values of the rule's `equal` labels. Of several sources with the same
//! values Alertmanager names the one that was indexed; this one names the same as long as it fires, and falls back to
//! another that does. A target that is itself a source of the rule is held back only by a source that is not itself a
//! target, so that two alerts never hold back each other, nor one itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::alert::Alert;
use super::alert_set::Kept;
use super::label::{Fingerprint, LabelSet};
use super::policy::{InhibitRule, Policy, RuleIdx};

/// The sources of every rule, by the values of the rule's `equal` labels.
#[derive(Clone, Debug, Default)]
pub struct Inhibitor {
    rules: Vec<BTreeMap<LabelSet, Sources>>,
}

#[derive(Clone, Debug)]
struct Sources {
    /// The one to name first.
    named: Fingerprint,
    all: BTreeMap<Fingerprint, Source>,
}

#[derive(Clone, Debug)]
struct Source {
    alert: Arc<Alert>,
    is_target: bool,
}

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
    pub fn new(policy: &Policy) -> Self {
        Self { rules: vec![BTreeMap::new(); policy.inhibit_rules.len()] }
    }

    /// Takes in an alert, or its newer version.
    pub fn put(&mut self, policy: &Policy, kept: &Kept) {
        for rule in &kept.verdict.source_of {
            let (Some(sources), Some(equal)) = (self.rules.get_mut(rule.0 as usize), equal_values(policy, *rule, kept))
            else {
                continue;
            };
            let is_target = kept.verdict.target_of.contains(rule);
            let source = Source { alert: Arc::clone(&kept.alert), is_target };
            let new = || Sources { named: kept.fingerprint, all: BTreeMap::new() };
            let sources = sources.entry(equal).or_insert_with(new);
            sources.all.insert(kept.fingerprint, source);
            let named_ends = sources.all.get(&sources.named).map(|named| named.alert.ends_at);
            if named_ends.is_none_or(|ends| ends <= kept.alert.ends_at) {
                sources.named = kept.fingerprint;
            }
        }
    }

    /// Takes out an alert that is no longer kept.
    pub fn remove(&mut self, policy: &Policy, kept: &Kept) {
        for rule in &kept.verdict.source_of {
            let (Some(sources), Some(equal)) = (self.rules.get_mut(rule.0 as usize), equal_values(policy, *rule, kept))
            else {
                continue;
            };
            if let Some(same) = sources.get_mut(&equal) {
                same.all.remove(&kept.fingerprint);
                if same.all.is_empty() {
                    sources.remove(&equal);
                }
            }
        }
    }

    /// The first rule, and its source, that inhibits the target.
    pub fn inhibits(&self, policy: &Policy, target: &Kept, firing: impl Fn(&Alert) -> bool) -> Option<Inhibited> {
        target.verdict.target_of.iter().find_map(|rule| {
            let sources = self.rules.get(rule.0 as usize)?.get(&equal_values(policy, *rule, target)?)?;
            let is_source = target.verdict.source_of.contains(rule);
            let holds = |source: &Source| !(is_source && source.is_target) && firing(&source.alert);
            let named = sources.all.get_key_value(&sources.named).filter(|(_, source)| holds(source));
            let (source, _) = named.or_else(|| sources.all.iter().find(|(_, source)| holds(source)))?;
            Some(Inhibited { rule: *rule, source: *source })
        })
    }

    /// All alerts that are a source of some rule.
    pub fn sources(&self) -> BTreeSet<Fingerprint> {
        self.rules.iter().flat_map(BTreeMap::values).flat_map(|sources| sources.all.keys().copied()).collect()
    }
}

/// The alert's values of the rule's `equal` labels; an absent label is an empty one, so it is left out like those.
fn equal_values(policy: &Policy, rule: RuleIdx, kept: &Kept) -> Option<LabelSet> {
    let rule: &InhibitRule = policy.inhibit_rules.get(rule.0 as usize)?;
    let equal = &rule.equal;
    Some(kept.alert.labels.filtered(|name| equal.iter().any(|label| **label == *name)))
}
