//! The walk through the route tree, with the reason at every route.

use std::sync::Arc;

use super::{Step, StepVerdict};
use crate::core::label::LabelSet;
use crate::core::matcher::list_string;
use crate::core::policy::{Policy, RouteIdx};

/// All routes in the order of the tree; `taken` are those that take the alert.
pub fn steps(policy: &Policy, labels: &LabelSet, taken: &[RouteIdx]) -> Vec<Step> {
    let mut walk = Walk { policy, labels, taken, steps: Vec::new() };
    walk.visit(RouteIdx(0), 0, None);
    walk.steps
}

struct Walk<'a> {
    policy: &'a Policy,
    labels: &'a LabelSet,
    taken: &'a [RouteIdx],
    steps: Vec<Step>,
}

impl Walk<'_> {
    /// Notes a route and all below it; says whether it matches. `closed` is the route that keeps the walk from it.
    fn visit(&mut self, at: RouteIdx, depth: usize, closed: Option<&Arc<str>>) -> bool {
        let route = self.policy.route(at);
        let verdict = match closed {
            Some(because) => StepVerdict::NotReached { because: Arc::clone(because) },
            None => {
                let fails =
                    |matcher: &&crate::core::matcher::Matcher| !matcher.matches(self.labels.value(&matcher.name));
                match route.matchers.iter().find(fails) {
                    Some(matcher) => StepVerdict::Failed {
                        matcher: matcher.to_string(),
                        value: self.labels.value(&matcher.name).to_owned(),
                    },
                    None => StepVerdict::Matched { takes: self.taken.contains(&at), continues: route.continues },
                }
            }
        };
        let matches = matches!(verdict, StepVerdict::Matched { .. });
        self.steps.push(Step {
            route: at,
            id: Arc::clone(&route.id),
            depth,
            matchers: list_string(&route.matchers),
            receiver: Arc::clone(&self.policy.receiver_of(route).name),
            verdict,
        });
        let mut below = (!matches).then(|| closed.unwrap_or(&route.id).clone());
        for child in &route.children {
            let took = self.visit(*child, depth + 1, below.as_ref());
            let child = self.policy.route(*child);
            if took && !child.continues {
                below = Some(Arc::clone(&child.id));
            }
        }
        matches
    }
}
