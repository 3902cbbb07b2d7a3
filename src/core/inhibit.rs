//! Inhibition: which alerts hold back which others.
//!
//! For every rule the sources stand together that have the same values of the rule's `equal` labels, found by a hash of
//! these; whether the values are the same is then seen in the alerts. Of several sources with the same values Alertmanager names the one that was indexed; this one names the same as long as it fires, and falls back to
//! another that does. A target that is itself a source of the rule is held back only by a source that is not itself a
//! target, so that two alerts never hold back each other, nor one itself.

use super::alert::Alert;
use super::alert_set::{AlertSet, Kept};
use super::label::{Fingerprint, LabelSet};
use super::policy::{Policy, RuleIdx};
use super::shared_map::SharedMap;

/// The sources of every rule. What is not here of an alert is in the [`AlertSet`] beside it.
#[derive(Clone, Debug, Default)]
pub struct Inhibitor {
    sources: SharedMap<Place, ()>,
}

/// A source of a rule, or the note which of the sources with its values is the one to name first. Without a note that
/// is the first source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// A hash of the values of the rule's `equal` labels.
    equal: u64,
    rule: RuleIdx,
    /// A source, and not the note, which stands before all of them.
    is_source: bool,
    alert: Fingerprint,
    /// Whether the source is a target of the same rule.
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
    /// Takes in an alert, or its newer version. `alerts` may already hold it or not.
    pub fn put(&mut self, policy: &Policy, alerts: &AlertSet, kept: &Kept) {
        for rule in &kept.verdict.source_of {
            let Some(place) = place(policy, *rule, kept) else { continue };
            let first = self.places(place).next();
            if first == Some(place) {
                // It is named as it is, and stays so: a refresh changes nothing.
                continue;
            }
            self.sources.insert(place, ());
            let Some(named) = first.map(|first| first.alert) else { continue };
            let ends = if named == kept.fingerprint {
                Some(kept.alert.ends_at)
            } else {
                self.find(place, named).and_then(|_| alerts.get(named)).map(|named| named.alert.ends_at)
            };
            let takes_over = ends.is_none_or(|ends| ends <= kept.alert.ends_at);
            self.name(place, if takes_over { kept.fingerprint } else { named });
        }
    }

    /// Takes out an alert that is no longer kept.
    pub fn remove(&mut self, policy: &Policy, kept: &Kept) {
        for rule in &kept.verdict.source_of {
            let Some(place) = place(policy, *rule, kept) else { continue };
            let Some(named) = self.named(place) else { continue };
            if self.sources.remove(&place).is_some() {
                // Who was named stays so until another source comes.
                self.name(place, named);
            }
        }
    }

    /// The first rule, and its source, that inhibits the target.
    pub fn inhibits(
        &self,
        policy: &Policy,
        alerts: &AlertSet,
        target: &Kept,
        firing: impl Fn(&Alert) -> bool,
    ) -> Option<Inhibited> {
        target.verdict.target_of.iter().find_map(|rule| {
            let at = place(policy, *rule, target)?;
            let equal = &policy.inhibit_rules.get(rule.0 as usize)?.equal;
            let is_source = target.verdict.source_of.contains(rule);
            let labels = &target.alert.labels;
            let same = |source: &LabelSet| equal.iter().all(|name| source.value(name) == labels.value(name));
            let holds = |source: &Place| {
                let alert = alerts.get(source.alert).map(|kept| &kept.alert);
                !(is_source && source.is_target) && alert.is_some_and(|alert| firing(alert) && same(&alert.labels))
            };
            let mut places = self.places(at);
            let first = places.next()?;
            let named = if first.is_source { Some(first) } else { self.find(at, first.alert) };
            let source = named.filter(holds).or_else(|| places.find(|source| holds(source)))?;
            Some(Inhibited { rule: *rule, source: source.alert })
        })
    }

    /// The sources with the values of this place, and before them the note, if there is one.
    fn places(&self, at: Place) -> impl Iterator<Item = Place> {
        let first = Place { is_source: false, alert: Fingerprint(0), is_target: false, ..at };
        let from = self.sources.from(&first).map(|(place, ())| *place);
        from.take_while(move |place| (place.equal, place.rule) == (at.equal, at.rule))
    }

    fn find(&self, at: Place, alert: Fingerprint) -> Option<Place> {
        let either = [false, true].map(|is_target| Place { is_source: true, alert, is_target, ..at });
        either.into_iter().find(|place| self.sources.get(place).is_some())
    }

    /// The one to name first of the sources with the values of this place; nothing if there are none.
    fn named(&self, at: Place) -> Option<Fingerprint> {
        self.places(at).next().map(|place| place.alert)
    }

    /// Notes who is to be named first.
    fn name(&mut self, at: Place, alert: Fingerprint) {
        let (note, first) = {
            let mut places = self.places(at);
            let first = places.next();
            let note = first.filter(|place| !place.is_source);
            (note, if note.is_some() { places.next() } else { first })
        };
        if note.is_some_and(|note| first.is_none() || note.alert != alert) {
            note.and_then(|note| self.sources.remove(&note));
        }
        if first.is_some_and(|first| first.alert != alert) {
            self.sources.insert(Place { is_source: false, alert, is_target: false, ..at }, ());
        }
    }
}

/// Where the alert stands among the sources of the rule, or would if it were one; an absent label is an empty one.
fn place(policy: &Policy, rule: RuleIdx, kept: &Kept) -> Option<Place> {
    let equal = &policy.inhibit_rules.get(rule.0 as usize)?.equal;
    let pairs = kept.alert.labels.iter();
    let values = pairs.filter(|(name, value)| !value.is_empty() && equal.iter().any(|label| **label == **name));
    let is_target = kept.verdict.target_of.contains(&rule);
    Some(Place { equal: Fingerprint::of(values).0, rule, is_source: true, alert: kept.fingerprint, is_target })
}
