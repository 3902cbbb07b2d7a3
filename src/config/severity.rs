//! `severity_inhibition`: what is more severe holds back what is less, about the same thing. A shorthand that expands to
//! ordinary inhibit rules.
//!
//! What "the same thing" is, is said by sets of labels, from the narrowest to the broadest. A set counts only where both
//! alerts have all of its labels, because two missing labels count as equal; and only where no narrower set does, so that
//! one pump does not hold back another that happens to be watched by the same job.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::FieldPath;
use super::fields::Fields;
use super::load::Scope;
use super::matching;
use super::node::{Node, Value};
use super::print::{Map, Printed};
use crate::core::label_name;
use crate::core::matcher::{Matcher, Op};
use crate::core::policy::InhibitRule;
use crate::core::quote::Quoted;

/// More rules than this are not made of one shorthand.
const MAX_RULES: usize = 512;

/// The section as it is written.
pub(super) struct Shorthand {
    label: String,
    order: Vec<String>,
    equal: Vec<Vec<String>>,
}

/// Reads the section; nothing if anything is wrong with it.
pub(super) fn read(node: &Node, path: FieldPath, scope: &Scope<'_>) -> Option<Shorthand> {
    let mut fields = Fields::of(node, path, "andon.severity_inhibition", scope.errors);
    let texts =
        |list: Option<Vec<(String, &Node)>>| list.unwrap_or_default().into_iter().map(|(text, _)| text).collect();
    let shorthand = Shorthand {
        label: fields.string("label").unwrap_or_else(|| "severity".into()),
        order: texts(fields.strings("order")),
        equal: sets(&mut fields),
    };
    let sound = shorthand.check(&fields, scope);
    fields.finish();
    sound.then_some(shorthand)
}

/// `equal`: a list of lists; a bare label is a list of one.
fn sets(fields: &mut Fields<'_, '_>) -> Vec<Vec<String>> {
    let errors = fields.errors;
    let items = fields.list("equal", "[][]string").unwrap_or_default();
    let set = |(path, node): (FieldPath, &Node)| {
        let elements: Vec<(FieldPath, &Node)> = match &node.value {
            Value::Sequence(items) => items.iter().enumerate().map(|(i, item)| (path.index(i), item)).collect(),
            _ => vec![(path, node)],
        };
        let text = |(path, node): &(FieldPath, &Node)| super::fields::text_of(node, path, errors).map(str::to_owned);
        elements.iter().filter_map(text).collect()
    };
    items.into_iter().map(set).collect()
}

impl Shorthand {
    fn check(&self, fields: &Fields<'_, '_>, scope: &Scope<'_>) -> bool {
        let mut sound = true;
        let mut refuse = |key: &str, sentence: String, allowed: &str| {
            sound = false;
            fields.refuse_field(key, sentence, allowed);
        };
        let names = self.equal.iter().flatten().chain([&self.label]);
        for name in names.filter(|name| !label_name::is_valid(scope.mode, name)) {
            let sentence = format!("invalid label name {} in severity_inhibition", Quoted(name));
            refuse("equal", sentence, matching::allowed_names(scope.mode));
        }
        let distinct: BTreeSet<&String> = self.order.iter().collect();
        if self.order.len() < 2 || distinct.len() < self.order.len() || self.order.iter().any(String::is_empty) {
            let allowed = "at least two different values, the most severe first, such as [critical, warning, info]";
            refuse("order", "severity_inhibition needs an order".into(), allowed);
        }
        if self.equal.is_empty() || self.equal.iter().any(Vec::is_empty) {
            let allowed = "lists of labels from narrow to broad, such as [[asset_code], [job, instance]]";
            refuse("equal", "severity_inhibition needs labels that must be equal".into(), allowed);
        }
        if self.count() > MAX_RULES {
            let sentence = format!("severity_inhibition would expand to more than {MAX_RULES} rules");
            refuse("equal", sentence, "fewer or smaller lists");
        }
        sound
    }

    /// How many rules [`Self::expand`] makes.
    fn count(&self) -> usize {
        let mut ways = 1_usize;
        let mut rules = 0_usize;
        for set in &self.equal {
            rules = rules.saturating_add(ways);
            ways = ways.saturating_mul(set.len().saturating_mul(set.len()));
        }
        rules.saturating_mul(self.order.len().saturating_sub(1))
    }

    /// For each severity but the last and each set: one rule, or several where a narrower set has several labels, of
    /// which any may be the missing one.
    pub(super) fn expand(&self) -> Vec<InhibitRule> {
        let mut rules = Vec::new();
        for (i, severe) in self.order.iter().enumerate() {
            let less: Vec<String> = self.order.iter().skip(i + 1).map(|value| literal(value)).collect();
            if less.is_empty() {
                break;
            }
            for (narrower, set) in self.equal.iter().enumerate() {
                let narrower = self.equal.get(..narrower).unwrap_or_default();
                let (sources, targets) = (missing(narrower), missing(narrower));
                for (source, target) in sources.iter().flat_map(|s| targets.iter().map(move |t| (s, t))) {
                    rules.extend(self.rule(severe, &less.join("|"), set, source, target));
                }
            }
        }
        rules
    }

    /// As the whole configuration shows it.
    pub(super) fn printed(&self) -> Printed {
        let mut map = Map::new();
        map.text("label", self.label.as_str());
        map.put("order", Printed::texts(self.order.iter().map(String::as_str)));
        let set = |set: &Vec<String>| Printed::texts(set.iter().map(String::as_str));
        map.put("equal", Printed::List(self.equal.iter().map(set).collect()));
        map.done()
    }

    fn rule(&self, severe: &str, less: &str, set: &[String], source: &[&str], target: &[&str]) -> Option<InhibitRule> {
        let side = |severity: Matcher, missing: &[&str]| {
            let present = set.iter().map(|name| Matcher::new(name.as_str(), Op::NotEqual, ""));
            let absent = missing.iter().map(|name| Matcher::new(*name, Op::Equal, ""));
            let mut matchers: Vec<Matcher> = present.chain(absent).filter_map(Result::ok).chain([severity]).collect();
            matchers.sort();
            matchers.dedup();
            matchers
        };
        // The pattern is made of literal texts, so it compiles unless it is beyond all limits.
        let target_severity = Matcher::new(self.label.as_str(), Op::Regex, less).ok()?;
        let source_severity = Matcher::new(self.label.as_str(), Op::Equal, severe).ok()?;
        let equal: BTreeSet<&str> = set.iter().map(String::as_str).collect();
        Some(InhibitRule {
            name: Arc::from(format!("severity_inhibition: {severe} by {}", set.join(", "))),
            source_matchers: side(source_severity, source),
            target_matchers: side(target_severity, target),
            equal: equal.into_iter().map(Arc::from).collect(),
        })
    }
}

/// All ways in which an alert can lack one label of each of these sets.
fn missing(sets: &[Vec<String>]) -> Vec<Vec<&str>> {
    let mut ways: Vec<Vec<&str>> = vec![Vec::new()];
    for set in sets {
        let mut longer = Vec::new();
        for way in &ways {
            longer.extend(set.iter().map(|name| way.iter().copied().chain([name.as_str()]).collect()));
        }
        ways = longer;
    }
    ways
}

/// A text as a pattern that matches nothing but it.
fn literal(text: &str) -> String {
    regex::escape(text)
}
