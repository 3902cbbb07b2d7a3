//! `inhibit_rules`: which alerts hold back which others, in the newer form (lists of matchers) and the older one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::FieldPath;
use super::fields::Fields;
use super::load::Scope;
use super::matching::{self, Named};
use super::node::Node;
use super::print::{Map, Printed};
use crate::core::label_name;
use crate::core::matcher::Matcher;
use crate::core::policy::InhibitRule;
use crate::core::quote::Quoted;

/// A rule as it is written.
pub(super) struct RawRule {
    name: String,
    source: Side,
    target: Side,
    equal: Vec<String>,
}

/// What a rule says of one of the two alerts.
struct Side {
    equal: Vec<Named>,
    regex: Vec<Named>,
    matchers: Vec<Matcher>,
}

/// The keys of one side.
struct Keys {
    equal: &'static str,
    regex: &'static str,
    matchers: &'static str,
}

const SOURCE: Keys = Keys { equal: "source_match", regex: "source_match_re", matchers: "source_matchers" };
const TARGET: Keys = Keys { equal: "target_match", regex: "target_match_re", matchers: "target_matchers" };

impl RawRule {
    /// Reads a rule. One without any key is legal: it holds back everything that it does not match itself.
    pub(super) fn read(node: &Node, path: FieldPath, scope: &Scope<'_>) -> Self {
        let mut fields = Fields::of(node, path, "common.plain", scope.errors);
        let rule = Self {
            name: fields.text("name"),
            source: Side::read(&mut fields, &SOURCE, scope),
            target: Side::read(&mut fields, &TARGET, scope),
            equal: fields.strings("equal").unwrap_or_default().into_iter().map(|(text, _)| text).collect(),
        };
        matching::check_names(&rule.source.equal, SOURCE.equal, &fields);
        matching::check_names(&rule.target.equal, TARGET.equal, &fields);
        if let Some(name) = rule.equal.iter().find(|name| !label_name::is_valid(scope.mode, name)) {
            let sentence = format!("invalid label name {} in equal list", Quoted(name));
            fields.refuse_field("equal", sentence, matching::allowed_names(scope.mode));
        }
        fields.finish();
        rule
    }

    /// The rule as the engine takes it.
    pub(super) fn resolve(&self) -> InhibitRule {
        let equal: BTreeSet<&str> = self.equal.iter().map(String::as_str).collect();
        InhibitRule {
            name: Arc::from(self.name.as_str()),
            source_matchers: self.source.all(),
            target_matchers: self.target.all(),
            equal: equal.into_iter().map(Arc::from).collect(),
        }
    }

    /// As `config.original` shows it.
    pub(super) fn printed(&self) -> Printed {
        let mut map = Map::new();
        map.text_unless_empty("name", &self.name);
        self.source.print(&mut map, &SOURCE);
        self.target.print(&mut map, &TARGET);
        let equal = self.equal.iter().map(|name| Printed::text(name.as_str())).collect();
        map.list_unless_empty("equal", equal);
        map.done()
    }
}

impl Side {
    fn read(fields: &mut Fields<'_, '_>, keys: &Keys, scope: &Scope<'_>) -> Self {
        Self {
            equal: matching::equal(fields, keys.equal),
            regex: matching::regex(fields, keys.regex),
            matchers: matching::matchers(fields, keys.matchers, scope),
        }
    }

    fn all(&self) -> Vec<Matcher> {
        let named = self.equal.iter().chain(&self.regex).map(|named| named.matcher.clone());
        let mut all: Vec<Matcher> = named.chain(self.matchers.iter().cloned()).collect();
        all.sort();
        all
    }

    fn print(&self, map: &mut Map, keys: &Keys) {
        matching::print(map, keys.equal, &self.equal);
        matching::print(map, keys.regex, &self.regex);
        let matchers = self.matchers.iter().map(|matcher| Printed::text(matcher.to_string())).collect();
        map.list_unless_empty(keys.matchers, matchers);
    }
}

/// A resolved rule, as `config.original` shows it: for rules that a shorthand expanded to.
pub(super) fn printed(rule: &InhibitRule) -> Printed {
    let texts = |matchers: &[Matcher]| matchers.iter().map(|matcher| Printed::text(matcher.to_string())).collect();
    let mut map = Map::new();
    map.text_unless_empty("name", &rule.name);
    map.list_unless_empty(SOURCE.matchers, texts(&rule.source_matchers));
    map.list_unless_empty(TARGET.matchers, texts(&rule.target_matchers));
    map.list_unless_empty("equal", rule.equal.iter().map(|name| Printed::text(&**name)).collect());
    map.done()
}
