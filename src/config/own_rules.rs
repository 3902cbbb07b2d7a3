//! What Andon itself tells, and whom: `fallback`, `give_up_after`, `was` and `digest` of a receiver, and `watchdog`.
//!
//! Receivers are named here before all of them are known, so the names are looked up when the whole has been read. A
//! chain of fallbacks must end: one that comes back to where it began is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::error::{FieldPath, on_the_whole, refusal};
use super::fields::Fields;
use super::load::Scope;
use super::matching;
use super::node::{Node, Value};
use super::print::{Map, Printed};
use crate::core::matcher::Matcher;
use crate::core::policy::{Fallback, ReceiverIdx, ReceiverRules, Watchdog};
use crate::core::quote::Quoted;

/// Who is told when a receiver could not be, unless another time is named.
const FALLBACK_AFTER: Duration = Duration::from_secs(120);
/// For how long an alert that must keep firing may stay away, unless another time is named.
const WATCHDOG_AFTER: Duration = Duration::from_secs(300);

/// A receiver that is named somewhere.
pub(super) struct Named<'n> {
    name: String,
    node: &'n Node,
    path: FieldPath,
}

/// What is Andon's own in a receiver, as it is written.
pub(super) struct RawRules<'n> {
    was: Vec<Named<'n>>,
    fallback: Option<(Named<'n>, Duration)>,
    give_up_after: Option<Duration>,
    digest: Option<bool>,
}

/// One entry of `watchdog`, as it is written.
pub(super) struct RawWatchdog<'n> {
    matchers: Vec<Matcher>,
    after: Duration,
    receiver: Option<Named<'n>>,
}

/// Reads the keys of a receiver.
pub(super) fn read_rules<'n>(fields: &mut Fields<'n, '_>) -> RawRules<'n> {
    let give_up_after = fields.duration("give_up_after");
    if give_up_after.is_some_and(|after| after.is_zero()) {
        fields.refuse_field("give_up_after", "give_up_after cannot be zero", duration::ALLOWED);
    }
    RawRules { was: read_was(fields), fallback: read_fallback(fields), give_up_after, digest: fields.bool("digest") }
}

/// `was`: the receiver's former name, or a list of them.
fn read_was<'n>(fields: &mut Fields<'n, '_>) -> Vec<Named<'n>> {
    let path = fields.at("was");
    let Some(node) = fields.take("was") else { return Vec::new() };
    let names: Vec<(FieldPath, &Node)> = match &node.value {
        Value::Sequence(items) => items.iter().enumerate().map(|(i, item)| (path.index(i), item)).collect(),
        _ => vec![(path, node)],
    };
    let named = |(path, node): (FieldPath, &'n Node)| {
        let name = super::fields::text_of(node, &path, fields.errors)?.to_owned();
        Some(Named { name, node, path })
    };
    names.into_iter().filter_map(named).collect()
}

fn read_fallback<'n>(fields: &mut Fields<'n, '_>) -> Option<(Named<'n>, Duration)> {
    let mut section = fields.section("fallback", "andon.Fallback")?;
    let receiver = read_receiver(&mut section, "fallback needs a receiver");
    let after = section.duration("after").unwrap_or(FALLBACK_AFTER);
    section.finish();
    receiver.map(|receiver| (receiver, after))
}

fn read_receiver<'n>(section: &mut Fields<'n, '_>, missing: &str) -> Option<Named<'n>> {
    let path = section.at("receiver");
    let there = section.has("receiver");
    let node = section.take("receiver");
    let name = node.and_then(|node| super::fields::text_of(node, &path, section.errors));
    match (node, name) {
        (Some(node), Some(name)) => Some(Named { name: name.to_owned(), node, path }),
        // What stands there and is no text has been complained about.
        (Some(_), None) if there => None,
        _ => {
            section.refuse_field("receiver", missing, "the name of a receiver");
            None
        }
    }
}

/// Reads the top-level key `watchdog`: a mapping, or a list of them.
pub(super) fn read_watchdogs<'n>(top: &mut Fields<'n, '_>, scope: &Scope<'_>) -> Vec<RawWatchdog<'n>> {
    let path = top.at("watchdog");
    let Some(node) = top.take("watchdog") else { return Vec::new() };
    match &node.value {
        Value::Sequence(items) => {
            items.iter().enumerate().map(|(i, item)| read_watchdog(item, path.index(i), scope)).collect()
        }
        _ => vec![read_watchdog(node, path, scope)],
    }
}

fn read_watchdog<'n>(node: &'n Node, path: FieldPath, scope: &Scope<'_>) -> RawWatchdog<'n> {
    let mut fields = Fields::of(node, path, "andon.Watchdog", scope.errors);
    let before = scope.errors.is_empty();
    let matchers = matching::matchers(&mut fields, "matchers", scope);
    // What stands there and is no matcher has been complained about.
    if matchers.is_empty() && before == scope.errors.is_empty() {
        let allowed = r#"which alert must keep firing, such as [alertname="Watchdog"]"#;
        fields.refuse_field("matchers", "watchdog needs matchers", allowed);
    }
    let after = fields.duration("after").unwrap_or(WATCHDOG_AFTER);
    if after.is_zero() {
        fields.refuse_field("after", "after cannot be zero", duration::ALLOWED);
    }
    let receiver = read_receiver(&mut fields, "watchdog needs a receiver");
    fields.finish();
    RawWatchdog { matchers, after, receiver }
}

impl RawRules<'_> {
    /// The receiver that is told instead, as it is written.
    pub(super) fn fallback(&self) -> Option<(&str, &Node, &FieldPath)> {
        self.fallback.as_ref().map(|(named, _)| (named.name.as_str(), named.node, &named.path))
    }

    /// Whether what waits is told in one message where there is too much of it.
    pub(super) fn digest(&self) -> bool {
        self.digest.unwrap_or(true)
    }

    /// Names that the receiver had before.
    pub(super) fn was(&self) -> Vec<String> {
        self.was.iter().map(|named| named.name.clone()).collect()
    }

    /// As the engine takes them.
    pub(super) fn resolve(&self, index_of: &dyn Fn(&str) -> Option<ReceiverIdx>) -> ReceiverRules {
        let fallback = self
            .fallback
            .as_ref()
            .and_then(|(named, after)| index_of(&named.name).map(|receiver| Fallback { receiver, after: *after }));
        ReceiverRules {
            was: self.was.iter().map(|named| Arc::from(named.name.as_str())).collect(),
            fallback,
            give_up_after: self.give_up_after,
        }
    }

    /// As the whole configuration shows them.
    pub(super) fn print(&self, entries: &mut Vec<(String, Printed)>) {
        let mut put = |key: &str, value: Printed| entries.push((key.to_owned(), value));
        if !self.was.is_empty() {
            put("was", Printed::texts(self.was.iter().map(|named| named.name.as_str())));
        }
        if let Some((named, after)) = &self.fallback {
            let mut map = Map::new();
            map.text("receiver", named.name.as_str());
            map.text("after", duration::format(*after));
            put("fallback", map.done());
        }
        if let Some(after) = self.give_up_after {
            put("give_up_after", Printed::text(duration::format(after)));
        }
        if let Some(digest) = self.digest {
            put("digest", Printed::Bool(digest));
        }
    }
}

impl RawWatchdog<'_> {
    /// The receiver that is told, as it is written.
    pub(super) fn receiver(&self) -> Option<(&str, &Node, &FieldPath)> {
        self.receiver.as_ref().map(|named| (named.name.as_str(), named.node, &named.path))
    }

    /// As the engine takes it; nothing where it is not sound.
    pub(super) fn resolve(&self, index_of: &dyn Fn(&str) -> Option<ReceiverIdx>) -> Option<Watchdog> {
        let receiver = index_of(&self.receiver.as_ref()?.name)?;
        Some(Watchdog { matchers: self.matchers.clone(), after: self.after, receiver })
    }

    /// As the whole configuration shows it.
    pub(super) fn printed(&self) -> Printed {
        let mut map = Map::new();
        map.put("matchers", Printed::texts(self.matchers.iter().map(ToString::to_string)));
        map.text("after", duration::format(self.after));
        if let Some(named) = &self.receiver {
            map.text("receiver", named.name.as_str());
        }
        map.done()
    }
}

/// Complains about receivers that do not exist.
pub(super) fn check_known<'a>(
    named: impl Iterator<Item = (&'a str, &'a Node, &'a FieldPath)>,
    known: &dyn Fn(&str) -> bool,
    allowed: &str,
    scope: &Scope<'_>,
) {
    for (name, node, path) in named.filter(|(name, _, _)| !known(name)) {
        let error = on_the_whole(Some(node), path, format!("undefined receiver {}", Quoted(name)));
        scope.errors.add(error.found(format!("{name:?}")).allowed(allowed));
    }
}

/// Complains about fallbacks that lead back to where they began, and about former names that are taken.
pub(super) fn check_receivers(receivers: &BTreeMap<String, &RawRules<'_>>, scope: &Scope<'_>) {
    for (name, rules) in receivers {
        let Some((next, node, path)) = rules.fallback() else { continue };
        let mut chain = vec![name.as_str()];
        let mut at = next;
        while !chain.contains(&at) {
            chain.push(at);
            let Some((next, _, _)) = receivers.get(at).and_then(|rules| rules.fallback()) else { break };
            at = next;
        }
        // Each receiver of a circle finds it; one that only leads into it does not.
        if at == name.as_str() {
            let sentence = format!("fallbacks go round in a circle: {} → {name}", chain.join(" → "));
            scope.errors.add(refusal(node, path, sentence).allowed("a receiver that does not lead back here"));
        }
    }
    let mut claimed = BTreeSet::new();
    for (name, rules) in receivers {
        for was in &rules.was {
            let sentence = if was.name.is_empty() {
                "was cannot be empty".to_owned()
            } else if receivers.contains_key(&was.name) {
                format!("receiver {} says it was {}, which still is one", Quoted(name), Quoted(&was.name))
            } else if !claimed.insert(&was.name) {
                format!("two receivers say that they were {}", Quoted(&was.name))
            } else {
                continue;
            };
            let allowed = "a name that the receiver had before, and that no receiver has now";
            scope.errors.add(refusal(was.node, &was.path, sentence).found(format!("{:?}", was.name)).allowed(allowed));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Options};
    use super::*;

    const TEXT: &str = "
route: {receiver: team}
watchdog: {matchers: ['alertname=Watchdog', cluster=~a|b], after: 10m, receiver: mail}
receivers:
- name: team
  was: old-team
  fallback: {receiver: mail}
  give_up_after: 2h
  digest: false
- {name: mail, was: [a, b]}
";

    #[test]
    fn what_andon_tells_is_read_and_shown_again() {
        let load = |text: &str| Config::parse(text, "f", Path::new(""), &Options::default()).unwrap();
        let config = load(TEXT);
        let team = &config.policy.receivers[0].rules;
        assert_eq!(team.was, [Arc::from("old-team")]);
        assert_eq!(team.fallback, Some(Fallback { receiver: ReceiverIdx(1), after: FALLBACK_AFTER }));
        assert_eq!((team.give_up_after, config.receivers[0].digest), (Some(Duration::from_secs(7200)), false));
        assert!(config.receivers[1].digest);
        assert_eq!(config.policy.receivers[1].rules.was, [Arc::from("a"), Arc::from("b")]);
        assert_eq!(config.policy.receivers[1].rules.fallback, None);
        let watchdog = &config.policy.own.watchdogs[0];
        assert_eq!(watchdog.name(), r#"{alertname="Watchdog",cluster=~"a|b"}"#);
        assert_eq!((watchdog.after, watchdog.receiver), (Duration::from_secs(600), ReceiverIdx(1)));
        // Who is told by Andon itself is used; the tree has its one route, and two stand behind it.
        assert_eq!((config.used.len(), config.policy.routes.len()), (2, 3));
        // What is shown means the same; Alertmanager's own form has nothing of it.
        let again = load(&config.redacted);
        assert_eq!(again.redacted, config.redacted);
        assert_eq!(again.policy.receivers[0].rules, *team);
        assert_eq!(again.policy.own.watchdogs[0].name(), watchdog.name());
        for key in ["was", "fallback", "give_up_after", "digest", "watchdog"] {
            assert!(!config.original.contains(&format!("{key}:")), "{}", config.original);
        }
    }
}
