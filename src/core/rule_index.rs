//! Finds the routes and inhibit rules that a label set meets without asking all of them.
//!
//! What comes out is what [`Policy::verdict`] says, which asks every one: an index only spares the asking. It belongs to
//! one policy, and is made when that comes into force.

use super::alert_set::Verdict;
use super::label::LabelSet;
use super::matcher::index::MatcherIndex;
use super::policy::{InhibitRule, Policy, RouteIdx, RuleIdx};
use super::route::all_match;

/// So many rules are asked one by one.
const FEW: usize = 16;

/// An index over the rules of one policy.
#[derive(Debug)]
pub(super) struct RuleIndex {
    routes: MatcherIndex,
    /// The node above each route; nothing for the root and for what is not in the tree.
    above: Vec<Option<RouteIdx>>,
    sources: MatcherIndex,
    targets: MatcherIndex,
}

impl RuleIndex {
    /// An index over the rules of this policy.
    pub(super) fn of(policy: &Policy) -> Self {
        let mut above = vec![None; policy.routes.len()];
        for (at, route) in (0..).zip(&policy.routes) {
            for child in &route.children {
                if let Some(above) = above.get_mut(child.0 as usize) {
                    *above = Some(RouteIdx(at));
                }
            }
        }
        let rules = &policy.inhibit_rules;
        Self {
            routes: MatcherIndex::new(policy.routes.iter().map(|route| route.matchers.as_slice())),
            above,
            sources: MatcherIndex::new(rules.iter().map(|rule| rule.source_matchers.as_slice())),
            targets: MatcherIndex::new(rules.iter().map(|rule| rule.target_matchers.as_slice())),
        }
    }

    /// What follows from the labels under the policy that this is an index of.
    pub(super) fn verdict(&self, policy: &Policy, labels: &LabelSet) -> Verdict {
        // Asking a few costs less than looking up whom to ask.
        if policy.routes.len() + policy.inhibit_rules.len() <= FEW {
            return policy.verdict(labels);
        }
        self.looked_up(policy, labels)
    }

    /// The same, however few rules there are.
    pub(super) fn looked_up(&self, policy: &Policy, labels: &LabelSet) -> Verdict {
        if let Some(own) = policy.own_verdict(labels) {
            return own;
        }
        let matching = |index: &MatcherIndex, side: fn(&InhibitRule) -> &[super::matcher::Matcher]| {
            let mut found = index.candidates(labels);
            found.retain(|rule| {
                policy.inhibit_rules.get(*rule as usize).is_some_and(|rule| all_match(side(rule), labels))
            });
            found.into_iter().map(RuleIdx).collect()
        };
        Verdict {
            routes: self.walk(policy, labels),
            source_of: matching(&self.sources, |rule| &rule.source_matchers),
            target_of: matching(&self.targets, |rule| &rule.target_matchers),
        }
    }

    /// The routes that an alert takes, as [`Policy::walk`] finds them.
    fn walk(&self, policy: &Policy, labels: &LabelSet) -> Vec<RouteIdx> {
        let found = self.routes.candidates(labels).into_iter();
        let below = found.filter_map(|route| Some(((*self.above.get(route as usize)?)?, RouteIdx(route))));
        let mut below: Vec<_> = below.collect();
        // The children of a node stand together, in the order of the tree.
        below.sort_unstable();
        let mut taken = Vec::new();
        if !walk_from(policy, RouteIdx(0), &below, labels, &mut taken) {
            taken.push(RouteIdx(0));
        }
        taken
    }
}

/// As [`Policy::walk`], with the pairs of nodes that may match and the nodes above them.
fn walk_from(
    policy: &Policy,
    at: RouteIdx,
    below: &[(RouteIdx, RouteIdx)],
    labels: &LabelSet,
    taken: &mut Vec<RouteIdx>,
) -> bool {
    if !all_match(&policy.route(at).matchers, labels) {
        return false;
    }
    let before = taken.len();
    let from = below.partition_point(|(above, _)| *above < at);
    let children = below.iter().skip(from).take_while(|(above, _)| *above == at);
    for (_, child) in children {
        if walk_from(policy, *child, below, labels, taken) && !policy.route(*child).continues {
            break;
        }
    }
    if taken.len() == before {
        taken.push(at);
    }
    true
}
