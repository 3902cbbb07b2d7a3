//! The route tree: which routes an alert takes, and into which group it falls there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::alert_set::Verdict;
use super::label::LabelSet;
use super::matcher::Matcher;
use super::policy::{GroupBy, Policy, Receiver, Route, RouteIdx, RuleIdx};

impl Policy {
    /// The route with this index.
    ///
    /// # Panics
    /// If the index is of another policy: indices are made by this policy's walk and never kept across a reload.
    pub fn route(&self, route: RouteIdx) -> &Route {
        &self.routes[route.0 as usize]
    }

    /// Whom the route tells.
    ///
    /// # Panics
    /// Never for a policy that `config` resolved: every route's receiver exists.
    pub fn receiver_of(&self, route: &Route) -> &Receiver {
        &self.receivers[route.receiver.0 as usize]
    }

    /// The routes that an alert takes, in the order of the walk: depth first, and of the children the first that
    /// matches and all further ones as long as each says `continue`. A route none of whose children match is itself
    /// the result. The root takes everything.
    pub fn walk(&self, labels: &LabelSet) -> Vec<RouteIdx> {
        let mut taken = Vec::new();
        if !self.walk_from(RouteIdx(0), labels, &mut taken) {
            taken.push(RouteIdx(0));
        }
        taken
    }

    fn walk_from(&self, at: RouteIdx, labels: &LabelSet, taken: &mut Vec<RouteIdx>) -> bool {
        let route = self.route(at);
        if !all_match(&route.matchers, labels) {
            return false;
        }
        let before = taken.len();
        for child in &route.children {
            if self.walk_from(*child, labels, taken) && !self.route(*child).continues {
                break;
            }
        }
        if taken.len() == before {
            taken.push(at);
        }
        true
    }

    /// The place of each route of the tree when a parent stands behind its children.
    pub fn places_behind_children(&self) -> BTreeMap<RouteIdx, usize> {
        let mut places = BTreeMap::new();
        // A route is entered once; when it is met again its children have their places.
        let mut open = vec![(RouteIdx(0), false)];
        while let Some((at, entered)) = open.pop() {
            if entered {
                places.insert(at, places.len());
            } else {
                open.push((at, true));
                open.extend(self.route(at).children.iter().rev().map(|child| (*child, false)));
            }
        }
        places
    }

    /// What follows from the labels: routes, and the part in inhibition.
    pub fn verdict(&self, labels: &LabelSet) -> Verdict {
        if let Some(own) = self.own_verdict(labels) {
            return own;
        }
        let rules = || self.inhibit_rules.iter().zip(0..);
        let matching = |side: fn(&super::policy::InhibitRule) -> &[Matcher]| {
            rules().filter(|(rule, _)| all_match(side(rule), labels)).map(|(_, index)| RuleIdx(index)).collect()
        };
        Verdict {
            routes: self.walk(labels),
            source_of: matching(|rule| &rule.source_matchers),
            target_of: matching(|rule| &rule.target_matchers),
        }
    }
}

impl Route {
    /// The labels that name the alert's group on this route; labels that the alert lacks are absent.
    pub fn group_labels(&self, labels: &LabelSet) -> LabelSet {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.filtered(|name| names.iter().any(|by| **by == *name)),
        }
    }

    /// The same in packed form, to find the group by.
    pub fn packed_group_labels<'a>(&self, labels: &'a LabelSet) -> Cow<'a, str> {
        match &self.group_by {
            GroupBy::All => Cow::Borrowed(labels.packed()),
            GroupBy::Labels(names) => labels.filtered_packed(|name| names.iter().any(|by| **by == *name)),
        }
    }

    /// The group key as it stands in notifications: `{}/{team="x"}:{alertname="a"}`.
    pub fn group_key(&self, group_labels: &LabelSet) -> String {
        format!("{}:{group_labels}", self.key)
    }
}

/// Whether all matchers accept the labels; an absent label is an empty one.
pub fn all_match(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.value(&matcher.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing;

    #[test]
    fn a_route_stands_behind_those_below_it() {
        let mut policy = testing::policy();
        for children in [&[2, 3][..], &[], &[], &[]] {
            let mut route = testing::route(vec![], 0, &[]);
            route.children = children.iter().copied().map(RouteIdx).collect();
            policy.routes.push(route);
        }
        policy.routes[0].children = vec![RouteIdx(1), RouteIdx(4)];
        let mut places: Vec<_> = policy.places_behind_children().into_iter().collect();
        places.sort_by_key(|(_, place)| *place);
        let order: Vec<u32> = places.into_iter().map(|(route, _)| route.0).collect();
        assert_eq!(order, [2, 3, 1, 4, 0]);
    }
}
