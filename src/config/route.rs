//! `route`: the tree as it is written, checked node by node, and what it resolves to.
//!
//! Inherited: receiver, grouping, timings and labels. Not inherited: matchers, `continue` and time intervals, as in
//! Alertmanager, so a child of a muted route is not muted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::error::{FieldPath, on_the_whole};
use super::fields::{Fields, text_of};
use super::load::Scope;
use super::matching::{self, Named};
use super::node::Node;
use super::print::{Map, Printed};
use crate::core::label_name;
use crate::core::matcher::{Matcher, list_string};
use crate::core::policy::{GroupBy, ReceiverIdx, Route, RouteIdx};
use crate::core::quote::Quoted;

const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);
/// `group_by: ['...']`
const ALL_LABELS: &str = "...";

/// A node of the tree as it is written.
pub(super) struct RawRoute<'n> {
    node: &'n Node,
    path: FieldPath,
    receiver: Option<(String, &'n Node)>,
    group_by: Option<Vec<String>>,
    equal: Vec<Named>,
    regex: Vec<Named>,
    matchers: Vec<Matcher>,
    mute_time_intervals: Vec<(String, &'n Node)>,
    active_time_intervals: Vec<(String, &'n Node)>,
    continues: Option<(bool, &'n Node)>,
    group_wait: Option<Duration>,
    group_interval: Option<Duration>,
    repeat_interval: Option<Duration>,
    labels: BTreeMap<String, String>,
    routes: Vec<RawRoute<'n>>,
}

impl<'n> RawRoute<'n> {
    /// Reads a node and those below it.
    pub(super) fn read(node: &'n Node, path: FieldPath, scope: &Scope<'_>) -> Self {
        let mut fields = Fields::of(node, path.clone(), "config.plain", scope.errors);
        let receiver = fields.take("receiver").and_then(|node| {
            let text = text_of(node, &path.key("receiver"), scope.errors).filter(|text| !text.is_empty())?;
            Some((text.to_owned(), node))
        });
        let route = Self {
            receiver,
            group_by: fields.strings("group_by").map(|list| list.into_iter().map(|(text, _)| text).collect()),
            equal: matching::equal(&mut fields, "match"),
            regex: matching::regex(&mut fields, "match_re"),
            matchers: matching::matchers(&mut fields, "matchers", scope),
            mute_time_intervals: fields.strings("mute_time_intervals").unwrap_or_default(),
            active_time_intervals: fields.strings("active_time_intervals").unwrap_or_default(),
            continues: fields.flag("continue"),
            group_wait: fields.duration("group_wait"),
            group_interval: fields.duration("group_interval"),
            repeat_interval: fields.duration("repeat_interval"),
            labels: labels(&mut fields),
            routes: children(&mut fields, scope),
            node,
            path,
        };
        route.check(&fields, scope);
        fields.finish();
        route
    }

    /// What Alertmanager checks in a node once its fields have been read.
    fn check(&self, fields: &Fields<'_, '_>, scope: &Scope<'_>) {
        matching::check_names(&self.equal, "match", fields);
        let group_by = self.group_by.as_deref().unwrap_or_default();
        let labels: Vec<&str> = group_by.iter().map(String::as_str).filter(|name| *name != ALL_LABELS).collect();
        if let Some(name) = labels.iter().find(|name| !label_name::is_valid(scope.mode, name)) {
            let sentence = format!("invalid label name {} in group_by list", Quoted(name));
            fields.refuse_field("group_by", sentence, matching::allowed_names(scope.mode));
        }
        if labels.len() < group_by.len() && !labels.is_empty() {
            let sentence = "cannot have wildcard group_by (`...`) and other labels at the same time";
            fields.refuse_field("group_by", sentence, "['...'] alone, or names of labels");
        }
        let mut seen = BTreeSet::new();
        if let Some(name) = labels.iter().find(|name| !seen.insert(**name)) {
            fields.refuse_field(
                "group_by",
                format!("duplicated label {} in group_by", Quoted(name)),
                "each label once",
            );
        }
        for (key, interval) in [("group_interval", self.group_interval), ("repeat_interval", self.repeat_interval)] {
            if interval == Some(Duration::ZERO) {
                fields.refuse_field(key, format!("{key} cannot be zero"), "more than zero");
            }
        }
        if let Some(name) = self.labels.keys().find(|name| !label_name::is_valid(scope.mode, name)) {
            let sentence = format!("invalid label name {} in route labels", Quoted(name));
            fields.refuse_field("labels", sentence, matching::allowed_names(scope.mode));
        }
    }

    /// What must not stand in the root, in Alertmanager's order. `continue` is not among it: see [`Self::check_continue`].
    pub(super) fn check_root(&self, scope: &Scope<'_>) {
        let refuse = |key: &str, sentence: &str| {
            let error = on_the_whole(Some(self.node), &self.path.key(key), sentence);
            scope.errors.add(error.found(if key == "receiver" { "nothing" } else { "something" }).allowed(match key {
                "receiver" => "the name of a receiver",
                _ => "nothing: the root takes every alert at any time",
            }));
        };
        if self.receiver.is_none() {
            refuse("receiver", "root route must specify a default receiver");
        }
        if !(self.equal.is_empty() && self.regex.is_empty() && self.matchers.is_empty()) {
            refuse("matchers", "root route must not have any matchers");
        }
        if !self.mute_time_intervals.is_empty() {
            refuse("mute_time_intervals", "root route must not have any mute time intervals");
        }
        if !self.active_time_intervals.is_empty() {
            refuse("active_time_intervals", "root route must not have any active time intervals");
        }
    }

    /// The root cannot continue: there is nothing to continue with.
    pub(super) fn check_continue(&self, scope: &Scope<'_>) {
        if let Some((true, node)) = self.continues {
            let error = on_the_whole(Some(node), &self.path.key("continue"), "cannot have continue in root route");
            scope.errors.add(error.allowed("false"));
        }
    }

    /// Complains about receivers that do not exist; children first, as Alertmanager does.
    pub(super) fn check_receivers(&self, known: &dyn Fn(&str) -> bool, allowed: &str, scope: &Scope<'_>) {
        self.routes.iter().for_each(|route| route.check_receivers(known, allowed, scope));
        if let Some((name, node)) = &self.receiver
            && !known(name)
        {
            let sentence = format!("undefined receiver {} used in route", Quoted(name));
            scope.errors.add(on_the_whole(Some(node), &self.path.key("receiver"), sentence).allowed(allowed));
        }
    }

    /// Complains about time intervals that do not exist; children first.
    pub(super) fn check_intervals(&self, known: &dyn Fn(&str) -> bool, allowed: &str, scope: &Scope<'_>) {
        self.routes.iter().for_each(|route| route.check_intervals(known, allowed, scope));
        let active = self.active_time_intervals.iter().map(|named| ("active_time_intervals", named));
        let mute = self.mute_time_intervals.iter().map(|named| ("mute_time_intervals", named));
        for (key, (name, node)) in active.chain(mute).filter(|(_, (name, _))| !known(name)) {
            let sentence = format!("undefined time interval {} used in route", Quoted(name));
            scope.errors.add(on_the_whole(Some(node), &self.path.key(key), sentence).allowed(allowed));
        }
    }

    /// All receivers that the tree names, with their places, in depth-first order.
    pub(super) fn receivers(&self) -> Vec<(&str, &'n Node, FieldPath)> {
        let own = self.receiver.iter().map(|(name, node)| (name.as_str(), *node, self.path.key("receiver")));
        own.chain(self.routes.iter().flat_map(Self::receivers)).collect()
    }

    /// Notes timings that are allowed and probably not meant. `routes` is what this tree resolved to.
    pub(super) fn warn(&self, routes: &[Route], scope: &Scope<'_>) {
        for (written, route) in self.places().into_iter().zip(routes) {
            if route.repeat_interval < route.group_interval {
                let (repeat, group) = (duration::format(route.repeat_interval), duration::format(route.group_interval));
                let warning = format!(
                    "repeat_interval {repeat} is less than group_interval {group}: nothing is told more often than that"
                );
                scope.warn(written.node, &written.path, &warning);
            }
        }
    }

    /// All nodes in depth-first order.
    fn places(&self) -> Vec<&Self> {
        std::iter::once(self).chain(self.routes.iter().flat_map(Self::places)).collect()
    }

    /// The tree, resolved, in depth-first order. `index_of` knows every receiver that [`Self::receivers`] gives.
    pub(super) fn resolve(&self, index_of: &dyn Fn(&str) -> Option<ReceiverIdx>) -> Vec<Route> {
        let root = Route {
            parent: None,
            children: Vec::new(),
            matchers: Vec::new(),
            receiver: ReceiverIdx(0),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            continues: false,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            labels: BTreeMap::new(),
            key: Arc::from(""),
            id: Arc::from(""),
        };
        let mut routes = Vec::new();
        self.resolve_into(&root, None, index_of, &mut routes);
        routes
    }

    /// Adds this node, inheriting from `above`, and those below. `place`: the parent and the index among its children.
    fn resolve_into(
        &self,
        above: &Route,
        place: Option<(RouteIdx, usize)>,
        index_of: &dyn Fn(&str) -> Option<ReceiverIdx>,
        routes: &mut Vec<Route>,
    ) -> RouteIdx {
        // A 4 MiB file has fewer nodes than that.
        let index = RouteIdx(u32::try_from(routes.len()).unwrap_or(u32::MAX));
        let mut route = self.inherit(above, index_of);
        let own = list_string(&route.matchers);
        (route.key, route.id) = match place {
            None => (own.as_str().into(), own.as_str().into()),
            Some((_, i)) => (format!("{}/{own}", above.key).into(), format!("{}/{own}/{i}", above.id).into()),
        };
        route.parent = place.map(|(parent, _)| parent);
        routes.push(route.clone());
        for (i, child) in self.routes.iter().enumerate() {
            let child = child.resolve_into(&route, Some((index, i)), index_of, routes);
            if let Some(route) = routes.get_mut(index.0 as usize) {
                route.children.push(child);
            }
        }
        index
    }

    fn inherit(&self, above: &Route, index_of: &dyn Fn(&str) -> Option<ReceiverIdx>) -> Route {
        let mut matchers = self.matchers.clone();
        matchers.extend(self.equal.iter().map(|named| named.matcher.clone()));
        matchers.extend(self.regex.iter().map(|named| named.matcher.clone()));
        matchers.sort();
        let names = |list: &[(String, &Node)]| list.iter().map(|(name, _)| Arc::from(name.as_str())).collect();
        let mut labels = above.labels.clone();
        labels.extend(self.labels.clone());
        Route {
            parent: None,
            children: Vec::new(),
            matchers,
            receiver: self.receiver.as_ref().and_then(|(name, _)| index_of(name)).unwrap_or(above.receiver),
            group_by: self.group_by.as_deref().map_or_else(|| above.group_by.clone(), group_by),
            group_wait: self.group_wait.unwrap_or(above.group_wait),
            group_interval: self.group_interval.unwrap_or(above.group_interval),
            repeat_interval: self.repeat_interval.unwrap_or(above.repeat_interval),
            continues: self.continues.is_some_and(|(continues, _)| continues),
            mute_time_intervals: names(&self.mute_time_intervals),
            active_time_intervals: names(&self.active_time_intervals),
            labels,
            key: Arc::from(""),
            id: Arc::from(""),
        }
    }

    /// As `config.original` shows it.
    pub(super) fn printed(&self) -> Printed {
        let mut map = Map::new();
        if let Some((receiver, _)) = &self.receiver {
            map.text("receiver", receiver.as_str());
        }
        let texts = |texts: &[String]| texts.iter().map(|text| Printed::text(text.as_str())).collect();
        let names = |named: &[(String, &Node)]| named.iter().map(|(name, _)| Printed::text(name.as_str())).collect();
        map.list_unless_empty("group_by", texts(self.group_by.as_deref().unwrap_or_default()));
        matching::print(&mut map, "match", &self.equal);
        matching::print(&mut map, "match_re", &self.regex);
        let matchers = self.matchers.iter().map(|matcher| Printed::text(matcher.to_string())).collect();
        map.list_unless_empty("matchers", matchers);
        map.list_unless_empty("mute_time_intervals", names(&self.mute_time_intervals));
        map.list_unless_empty("active_time_intervals", names(&self.active_time_intervals));
        map.bool("continue", self.continues.is_some_and(|(continues, _)| continues));
        map.list_unless_empty("routes", self.routes.iter().map(Self::printed).collect());
        let timings = [
            ("group_wait", self.group_wait),
            ("group_interval", self.group_interval),
            ("repeat_interval", self.repeat_interval),
        ];
        for (key, timing) in timings {
            if let Some(timing) = timing {
                map.text(key, duration::format(timing));
            }
        }
        if !self.labels.is_empty() {
            let entry = |(name, value): (&String, &String)| (name.clone(), Printed::text(value.as_str()));
            map.put("labels", Printed::Map(self.labels.iter().map(entry).collect()));
        }
        map.done()
    }
}

fn labels(fields: &mut Fields<'_, '_>) -> BTreeMap<String, String> {
    let labels = fields.string_map("labels").unwrap_or_default();
    labels.into_iter().map(|(name, value, _)| (name, value)).collect()
}

fn children<'n>(fields: &mut Fields<'n, '_>, scope: &Scope<'_>) -> Vec<RawRoute<'n>> {
    let children = fields.list("routes", "[]*config.Route").unwrap_or_default();
    let read = |(path, node): (FieldPath, &'n Node)| {
        if node.is_null() {
            scope.errors.add(on_the_whole(Some(node), &path, "missing route").allowed("a route"));
        }
        RawRoute::read(node, path, scope)
    };
    children.into_iter().map(read).collect()
}

fn group_by(names: &[String]) -> GroupBy {
    match names.iter().any(|name| name == ALL_LABELS) {
        true => GroupBy::All,
        false => {
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            GroupBy::Labels(names.into_iter().map(Arc::from).collect())
        }
    }
}
