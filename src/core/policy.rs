//! The resolved rules: what `config` makes of the configuration file, and all that the engine knows of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::asset::Assets;
use super::interval::TimeInterval;
use super::matcher::Matcher;
use super::order_rules::OrderPolicy;
use super::order_text::OrderTexts;

/// A route's place in [`Policy::routes`], which is in depth-first order; 0 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteIdx(pub u32);

/// A receiver's place in [`Policy::receivers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverIdx(pub u32);

/// An inhibit rule's place in [`Policy::inhibit_rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIdx(pub u32);

/// The rules in force. Names are indices, inheritance is done, matchers are compiled.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The route tree in depth-first order; never empty.
    pub routes: Vec<Route>,
    /// In configuration order, shorthands expanded.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Named time intervals: a name holds when any of its intervals contains the instant.
    pub intervals: BTreeMap<Arc<str>, Vec<TimeInterval>>,
    /// All receivers, in configuration order.
    pub receivers: Vec<Receiver>,
    /// After how long an alert without an end is taken for over.
    pub resolve_timeout: Duration,
    /// What holds for all work orders.
    pub orders: OrderPolicy,
    /// The assets of the configuration's file, by code.
    pub assets: Assets,
    /// What Andon itself tells, and whom.
    pub own: OwnRules,
    /// Who fills in the texts of new orders; nothing where they stand as they are written.
    pub order_texts: Option<Arc<dyn OrderTexts>>,
}

/// What Andon itself tells: that it could not tell somebody, or that nobody tells it anything any more.
#[derive(Clone, Debug, Default)]
pub struct OwnRules {
    /// Alerts that must keep firing.
    pub watchdogs: Vec<Watchdog>,
    /// The routes that Andon's own alerts take. They stand behind the tree in [`Policy::routes`], and no other alert
    /// takes them. Made by [`Policy::with_own_routes`].
    pub(super) routes: Vec<RouteIdx>,
}

/// An alert that must keep firing, as Prometheus' own Watchdog does.
#[derive(Clone, Debug)]
pub struct Watchdog {
    /// Which; any alert that all of them match will do.
    pub matchers: Vec<Matcher>,
    /// For how long none may come before it counts as gone quiet.
    pub after: Duration,
    /// Who is told.
    pub receiver: ReceiverIdx,
}

/// Who is told when a receiver could not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Who.
    pub receiver: ReceiverIdx,
    /// After how long.
    pub after: Duration,
}

/// What is Andon's own in a receiver, as far as deciding needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverRules {
    /// Names that the receiver had before: what was told under them is owed under the present one.
    pub was: Vec<Arc<str>>,
    /// Who is told when this one could not be.
    pub fallback: Option<Fallback>,
    /// How long a notification is tried before it is dead; the service's default where nothing is said.
    pub give_up_after: Option<Duration>,
}

impl Policy {
    /// The name of an inhibit rule, or its place in the configuration where it has none.
    pub fn rule_name(&self, rule: RuleIdx) -> String {
        match self.inhibit_rules.get(rule.0 as usize) {
            Some(found) if !found.name.is_empty() => found.name.to_string(),
            _ => format!("inhibit_rules[{}]", rule.0),
        }
    }
}

/// One node of the route tree.
#[derive(Clone, Debug)]
pub struct Route {
    /// The node above; nothing for the root.
    pub parent: Option<RouteIdx>,
    /// The nodes below, in configuration order.
    pub children: Vec<RouteIdx>,
    /// All must match; sorted as Alertmanager sorts them.
    pub matchers: Vec<Matcher>,
    /// Who is told.
    pub receiver: ReceiverIdx,
    /// How alerts are put into groups.
    pub group_by: GroupBy,
    /// From the first alert of a group to its first flush.
    pub group_wait: Duration,
    /// Between two flushes.
    pub group_interval: Duration,
    /// When what was told is told again.
    pub repeat_interval: Duration,
    /// Whether later siblings are tried after a match.
    pub continues: bool,
    /// Names in [`Policy::intervals`] during which nobody is told; not inherited.
    pub mute_time_intervals: Vec<Arc<str>>,
    /// Names in [`Policy::intervals`] outside of which nobody is told; not inherited.
    pub active_time_intervals: Vec<Arc<str>>,
    /// Route labels (inherited and merged); values may be templates.
    pub labels: BTreeMap<String, String>,
    /// The first half of a group key: `{}/{team="x"}`.
    pub key: Arc<str>,
    /// Like the key, with each node's index among its siblings: unique in the tree.
    pub id: Arc<str>,
}

/// How alerts of a route are put into groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `group_by: ['...']`: alerts with equal label sets.
    All,
    /// By these labels, sorted; none means one group.
    Labels(Vec<Arc<str>>),
}

/// Which alerts hold back which others.
#[derive(Clone, Debug)]
pub struct InhibitRule {
    /// Its name, or empty.
    pub name: Arc<str>,
    /// What an alert must match to hold others back; sorted.
    pub source_matchers: Vec<Matcher>,
    /// What an alert must match to be held back; sorted.
    pub target_matchers: Vec<Matcher>,
    /// Labels on which both must agree; a missing label is an empty one. Sorted.
    pub equal: Vec<Arc<str>>,
}

/// Somebody to tell.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels, with `name` among them.
    pub labels: BTreeMap<String, String>,
    /// The ways to tell it, in Alertmanager's order.
    pub integrations: Vec<Integration>,
    /// The work orders that it opens.
    pub work_orders: Vec<WorkOrderRule>,
    /// What is Andon's own in it.
    pub rules: ReceiverRules,
}

/// One way of telling a receiver, as far as deciding needs it. How to send stands in `config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// Alertmanager's word for it: `webhook`, `pagerduty`, …
    pub kind: &'static str,
    /// Its place in the receiver's list of this kind, from 0.
    pub index: u32,
    /// Whether it is told what is over.
    pub send_resolved: bool,
    /// Whether one message can say both that an alert fired and that it is over (mail, chat, webhook), so that a newer
    /// message may take the place of one that was not delivered yet. Where it cannot (PagerDuty), both are sent.
    pub says_both: bool,
    /// Whether what is too much to be told one by one may be told in one message.
    pub digest: bool,
}

/// One entry of `work_order_configs`: which order an alert opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkOrderRule {
    /// The labels that make the key; by default `alertname` and `asset_code`.
    pub key_labels: Vec<Arc<str>>,
    /// corrective, preventive, predictive or inspection.
    pub kind: super::work_order::Kind,
    /// How urgent, where nothing of the alert says otherwise.
    pub priority: super::work_order::Priority,
    /// Labels that may say how urgent: the first that names a priority counts.
    pub priority_from: Vec<Arc<str>>,
    /// From opening to the due time; nothing for what [`OrderPolicy::due`] says of the priority.
    pub due_after: Option<Duration>,
    /// The title, or nothing for the built-in one. Kept as written: templates are rendered where orders are shown.
    pub title: Option<String>,
    /// The description, or nothing for the built-in one.
    pub description: Option<String>,
}
