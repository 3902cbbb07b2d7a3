//! Routes: the tree, and the path that a label set takes through it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Sight;
use super::history::Matched;
use super::link;
use super::parts::{Pair, pairs};
use super::words::{When, short, thousands};
use crate::config::duration;
use crate::core::label::LabelSet;
use crate::core::matcher::{Matcher, Op, parse_matchers};
use crate::core::outbox::group_key_hash;
use crate::core::policy::{GroupBy, Route, RouteIdx};
use crate::explain::explain;

/// The longest label set that is tried, in bytes.
const LONGEST: usize = 16 << 10;

/// The page.
#[derive(Debug, Serialize)]
pub struct Routes {
    typed: String,
    problem: Option<String>,
    tried: Option<Vec<Taken>>,
    /// What would be told, a sentence for each way of telling.
    why: Vec<String>,
    walk: String,
    /// Whether less than a day is counted.
    cut: bool,
    /// Since when it is counted how often routes took an alert, where that is less than a day and known.
    counted: Option<When>,
    /// Depth first; a template cannot include itself without an end, so depth is a number.
    nodes: Vec<Node>,
}

/// A route.
#[derive(Debug, Serialize)]
struct Node {
    id: String,
    depth: usize,
    receiver: String,
    matchers: Vec<String>,
    group_by: String,
    timing: String,
    goes_on: bool,
    muted: String,
    active: String,
    labels: Vec<Pair>,
    firing: String,
    firing_href: String,
    matched: String,
    /// Whether it is known that no alert came by within a day.
    never: bool,
    /// The class while something is tried: `hit`, `on-path`, `missed`, `not-asked`, or empty.
    state: &'static str,
    why: String,
}

/// A route that a label set takes.
#[derive(Debug, Serialize)]
struct Taken {
    id: String,
    receiver: String,
    group: String,
    group_href: String,
    timing: String,
    fires: bool,
}

/// Makes the page; `typed` is a label set to try, or empty. `matched` says how often routes took an alert within a day.
pub fn routes(sight: &Sight<'_>, typed: &str, matched: &Matched) -> Routes {
    let policy = &sight.view.policy;
    let tried = (!typed.trim().is_empty()).then(|| read_labels(sight, typed));
    let (labels, problem) = match tried {
        None => (None, None),
        Some(Ok(labels)) => (Some(labels), None),
        Some(Err(problem)) => (None, Some(problem)),
    };
    let taken = labels.as_ref().map(|labels| policy.walk(labels)).unwrap_or_default();
    let mut firing: BTreeMap<RouteIdx, usize> = BTreeMap::new();
    for kept in sight.view.alerts.iter().filter(|kept| !sight.view.grace.resolved(&kept.alert, sight.now)) {
        kept.verdict.routes.iter().for_each(|route| *firing.entry(*route).or_default() += 1);
    }
    let walk = Walk { sight, labels: labels.as_ref(), taken: &taken, firing: &firing, matched };
    let mut nodes = Vec::with_capacity(policy.routes.len());
    walk.add(RouteIdx(0), 0, labels.is_some(), &mut nodes);
    let tried = labels.as_ref().map(|labels| taken.iter().map(|route| walk.taken(*route, labels)).collect());
    let explained =
        labels.as_ref().filter(|labels| !labels.is_empty()).map(|labels| explain(sight.view, labels, sight.now));
    let (why, walk) = explained.map(|it| (it.summary(), it.to_string())).unwrap_or_default();
    let counted = matched.since.map(|at| When::new(at, sight.now));
    Routes { typed: short(typed), problem, tried, why, walk, cut: matched.cut, counted, nodes }
}

/// A label set as it is typed: matchers that all say `=`.
fn read_labels(sight: &Sight<'_>, typed: &str) -> Result<LabelSet, String> {
    if typed.len() > LONGEST {
        return Err(format!("a label set may have {LONGEST} bytes here, this one has {}", typed.len()));
    }
    let (matchers, _) = parse_matchers(sight.mode, typed.trim()).map_err(|error| error.to_string())?;
    if let Some(other) = matchers.iter().find(|matcher| matcher.op != Op::Equal) {
        return Err(format!("{other}: an alert's label has one value; write {}=\"…\"", other.name));
    }
    let pairs =
        matchers.iter().filter(|matcher| !matcher.value.is_empty()).map(|matcher| (&*matcher.name, &*matcher.value));
    LabelSet::new(pairs).map_err(|error| error.to_string())
}

struct Walk<'a> {
    sight: &'a Sight<'a>,
    labels: Option<&'a LabelSet>,
    taken: &'a [RouteIdx],
    firing: &'a BTreeMap<RouteIdx, usize>,
    matched: &'a Matched,
}

impl Walk<'_> {
    /// Adds a route and those below it; `asked` says whether the walk of what is tried comes by. Gives back whether it
    /// was taken, here or below.
    fn add(&self, at: RouteIdx, depth: usize, asked: bool, nodes: &mut Vec<Node>) -> bool {
        let policy = &self.sight.view.policy;
        let route = policy.route(at);
        let failed = self.labels.and_then(|labels| route.matchers.iter().find(|m| !m.matches(labels.value(&m.name))));
        let matches = asked && failed.is_none();
        let place = nodes.len();
        nodes.push(self.node(at, route, depth));
        let mut ask = matches;
        for child in &route.children {
            let taken = self.add(*child, depth + 1, ask, nodes);
            ask &= !taken || policy.route(*child).continues;
        }
        if let (Some(labels), Some(node)) = (self.labels, nodes.get_mut(place)) {
            (node.state, node.why) = match failed {
                _ if !asked => ("not-asked", String::new()),
                Some(failed) => ("missed", missed(failed, labels)),
                None if self.taken.contains(&at) => ("hit", String::new()),
                None => ("on-path", String::new()),
            };
        }
        matches
    }

    fn node(&self, at: RouteIdx, route: &Route, depth: usize) -> Node {
        let receiver = self.sight.view.policy.receiver_of(route).name.to_string();
        let firing = self.firing.get(&at).copied().unwrap_or_default();
        let matched = self.matched.counts.get(&at).copied().unwrap_or_default();
        let never = !self.matched.cut && !self.matched.ended.contains(&at) && matched == 0 && firing == 0;
        Node {
            id: route.id.to_string(),
            depth: depth.min(8),
            firing_href: link::query(&[("receiver", &receiver)]),
            receiver,
            matchers: route.matchers.iter().map(|matcher| short(&matcher.to_string())).collect(),
            group_by: group_by(route),
            timing: timing(route),
            goes_on: route.continues,
            muted: route.mute_time_intervals.join(", "),
            active: route.active_time_intervals.join(", "),
            labels: pairs(route.labels.iter().map(|(name, value)| (&**name, &**value)), |_, _| String::new()),
            firing: if firing > 0 { thousands(firing) } else { String::new() },
            never,
            matched: if matched > 0 { thousands(matched) } else { String::new() },
            state: "",
            why: String::new(),
        }
    }

    fn taken(&self, at: RouteIdx, labels: &LabelSet) -> Taken {
        let policy = &self.sight.view.policy;
        let route = policy.route(at);
        let group = route.group_labels(labels);
        let key = route.group_key(&group);
        Taken {
            id: route.id.to_string(),
            receiver: policy.receiver_of(route).name.to_string(),
            group: short(&group.to_string()),
            group_href: link::query(&[("group", &group_key_hash(&key))]),
            timing: timing(route),
            fires: self.sight.view.groups.iter().any(|known| *known.key == *key),
        }
    }
}

/// Which matcher failed on which value.
fn missed(matcher: &Matcher, labels: &LabelSet) -> String {
    match labels.get(&matcher.name) {
        Some(value) => short(&format!("wants {matcher}, but it is {value:?}")),
        None => short(&format!("wants {matcher}, but there is no such label")),
    }
}

fn group_by(route: &Route) -> String {
    match &route.group_by {
        GroupBy::All => "all labels".into(),
        GroupBy::Labels(names) if names.is_empty() => "nothing: one group".into(),
        GroupBy::Labels(names) => names.iter().map(Arc::as_ref).collect::<Vec<&str>>().join(", "),
    }
}

fn timing(route: &Route) -> String {
    let [wait, interval, repeat] =
        [route.group_wait, route.group_interval, route.repeat_interval].map(duration::format);
    format!("first after {wait}, changes after {interval}, repeated after {repeat}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::history::{Event, events};
    use crate::core::matcher::Mode;
    use crate::core::tests::play::{World, policy};
    use crate::time::Timestamp;
    use crate::ui::history;

    /// Whether "none in a day" is said of the root.
    fn never(world: &mut World, events: &[Event], cut: bool) -> bool {
        let (view, assets) = (world.engine.view(), BTreeMap::new());
        let sight = Sight { view: &view, now: world.now, mode: Mode::Fallback, assets: &assets };
        routes(&sight, "", &history::matched(&sight, events, cut)).nodes[0].never
    }

    #[test]
    fn none_in_a_day_is_said_only_where_it_is_known() {
        let mut world = World::new(policy());
        world.post(&["Disk a"], true);
        let fired: Vec<Event> = events(1, Timestamp::EPOCH, &world.stored);
        assert!(!never(&mut world, &fired, false));
        for ran_out in [false, true] {
            let mut world = World::new(policy());
            assert!(never(&mut world, &[], false));
            assert!(!never(&mut world, &[], true), "it was not looked at all of the day");
            world.post(&["Disk a"], true);
            world.stored.clear();
            if !ran_out {
                world.post(&["Disk a"], false);
            }
            world.pass(Duration::from_secs(3_600));
            let ended: Vec<Event> = events(1, Timestamp::EPOCH, &world.stored);
            assert!(world.engine.view().alerts.iter().next().is_none(), "it is forgotten");
            assert!(!never(&mut world, &ended, false), "it fired before, and ended: {ended:?}");
            assert!(never(&mut world, &[], false));
        }
    }
}
