//! Random route trees, held against a naive walk.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::play::*;
use super::cases;
use crate::core::label::LabelSet;
use crate::core::matcher::{Matcher, Op};
use crate::core::policy::{InhibitRule, Policy, Route, RouteIdx};
use crate::core::rule_index::RuleIndex;

#[test]
fn routes_are_walked_as_a_naive_model_walks_them() {
    cases("properties_routes", (tree(), labels()), |(tree, labels)| {
        let mut routes = vec![];
        plant(&tree, None, &mut routes);
        let rule = |source: &Route, target: &Route| InhibitRule {
            name: Arc::from(""),
            source_matchers: source.matchers.clone(),
            target_matchers: target.matchers.clone(),
            equal: vec![],
        };
        let inhibit_rules = routes.iter().zip(routes.iter().rev()).map(|(a, b)| rule(a, b)).collect();
        let policy = Policy { routes, inhibit_rules, ..policy() };
        let walked: Vec<_> = policy.walk(&labels).into_iter().map(|route| route.0).collect();
        let mut numbers = 0..;
        let model = naive(&tree, &labels, &mut numbers).unwrap_or_else(|| vec![0]);
        prop_assert_eq!(walked, model);
        prop_assert_eq!(RuleIndex::of(&policy).looked_up(&policy, &labels), policy.verdict(&labels));
        Ok(())
    });
}

/// A route tree as nested values.
#[derive(Clone, Debug)]
struct Tree {
    matchers: Vec<(&'static str, Op, &'static str)>,
    continues: bool,
    children: Vec<Tree>,
}

fn tree() -> impl Strategy<Value = Tree> {
    let name = prop_oneof![Just("a"), Just("b")];
    let op = prop_oneof![Just(Op::Equal), Just(Op::NotEqual), Just(Op::Regex), Just(Op::NotRegex)];
    let value = prop_oneof![Just(""), Just("1"), Just("2"), Just("1|2"), Just(".*")];
    let matchers = proptest::collection::vec((name, op, value), 0..3);
    let leaf = (matchers.clone(), any::<bool>());
    let leaf = leaf.prop_map(|(matchers, continues)| Tree { matchers, continues, children: vec![] });
    let branch = leaf.prop_recursive(4, 40, 4, move |inner| {
        let children = proptest::collection::vec(inner, 0..4);
        (matchers.clone(), any::<bool>(), children).prop_map(|(matchers, continues, children)| Tree {
            matchers,
            continues,
            children,
        })
    });
    branch.prop_map(|tree| Tree { matchers: vec![], continues: false, ..tree })
}

fn labels() -> impl Strategy<Value = LabelSet> {
    let value = || prop_oneof![Just(""), Just("1"), Just("2"), Just("3")];
    (value(), value()).prop_map(|(a, b)| {
        let pairs = [("a", a), ("b", b)].into_iter().filter(|(_, value)| !value.is_empty());
        LabelSet::new(pairs).unwrap()
    })
}

/// Lays the tree out in depth-first order.
fn plant(tree: &Tree, parent: Option<RouteIdx>, routes: &mut Vec<Route>) -> RouteIdx {
    let at = RouteIdx(u32::try_from(routes.len()).unwrap());
    let matchers = tree.matchers.iter().map(|(name, op, value)| matcher(name, *op, value)).collect();
    let mut planted = route(matchers, 0, &[]);
    (planted.parent, planted.continues) = (parent, tree.continues);
    routes.push(planted);
    let children: Vec<_> = tree.children.iter().map(|child| plant(child, Some(at), routes)).collect();
    routes[at.0 as usize].children = children;
    at
}

/// What matches below, numbered depth first; nothing where the node itself does not match.
fn naive(tree: &Tree, labels: &LabelSet, numbers: &mut std::ops::RangeFrom<u32>) -> Option<Vec<u32>> {
    let own = numbers.next().unwrap();
    let below: Vec<_> = tree.children.iter().map(|child| (child.continues, naive(child, labels, numbers))).collect();
    let accepts = |(name, op, value): &(&str, Op, &str)| {
        let matcher: Matcher = matcher(name, *op, value);
        matcher.matches(labels.value(name))
    };
    if !tree.matchers.iter().all(accepts) {
        return None;
    }
    let mut found = vec![];
    for (continues, routes) in below {
        let Some(routes) = routes else { continue };
        found.extend(routes);
        if !continues {
            break;
        }
    }
    Some(if found.is_empty() { vec![own] } else { found })
}
