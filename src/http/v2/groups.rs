//! `GET /api/v2/alerts/groups`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use axum::response::Response;

use super::filter::{BadQuery, ReceiverFilter};
use super::shown::{Status, Wanted, write_alert};
use crate::core::alert_set::Kept;
use crate::core::flush::{self, TellRank, told_order};
use crate::core::label::LabelSet;
use crate::core::notification::Data;
use crate::core::outbox::ToldAlert;
use crate::core::policy::RouteIdx;
use crate::core::view::{GroupView, View};
use crate::driver::aside;
use crate::http::pieces::{self, Document, PIECE};
use crate::http::query::Query;
use crate::http::{AppState, reply};
use crate::json::{write_labels, write_string};
use crate::template::{self, Templates};
use crate::time::Timestamp;

/// How many alerts are looked at in one step of an answer, roughly.
const LOOKED_AT: usize = 4096;

/// Lists the groups that the query wants, by their labels, then by receiver.
pub async fn list(state: &AppState, query: &Query) -> Response {
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    let many = view.groups.len() > LOOKED_AT;
    let listing = || Listing::of(view, query, state);
    match if many { aside(listing) } else { listing() } {
        Ok(listing) => pieces::json(listing).await,
        Err(error) => error.reply(),
    }
}

/// The groups as far as they are written.
struct Listing {
    view: Arc<View>,
    wanted: Wanted,
    receivers: ReceiverFilter,
    templates: Templates,
    external_url: Arc<str>,
    now: Timestamp,
    /// The groups that may be wanted, in order, and how many of them were looked at.
    groups: Vec<Arc<GroupView>>,
    next: usize,
    /// The group that is being written.
    open: Option<Open>,
    /// What stands before the next group.
    separator: char,
    /// All groups by route and labels. Made for the first alert that takes several routes; looked up, never iterated.
    by_labels: OnceLock<HashMap<(RouteIdx, LabelSet), Arc<GroupView>>>,
}

/// A group of which a part is written.
struct Open {
    group: Arc<GroupView>,
    /// Its wanted alerts, as they are told, and how many of them are written.
    alerts: Vec<(Kept, Status)>,
    written: usize,
}

impl Listing {
    fn of(view: Arc<View>, query: &Query, state: &AppState) -> Result<Self, BadQuery> {
        let (mode, now) = (state.mode, state.clock.now());
        let wanted = Wanted::of(query, mode, now)?;
        let receivers = ReceiverFilter::of(query, mode, &view.policy)?;
        let muted = query.switch("muted");
        let may_be_wanted = |group: &&Arc<GroupView>| {
            let receiver = view.policy.route(group.route).receiver;
            (muted || group.muted_by.is_empty()) && receivers.wants_any(std::iter::once(receiver))
        };
        let mut groups: Vec<_> = view.groups.iter().filter(may_be_wanted).cloned().collect();
        let receiver = |group: &GroupView| &view.policy.receiver_of(view.policy.route(group.route)).name;
        // Among equals a route stands behind those below it, as in Alertmanager.
        let places = view.policy.places_behind_children();
        groups.sort_by(|a, b| {
            let by_labels = a.labels.order(&b.labels).then_with(|| receiver(a).cmp(receiver(b)));
            by_labels.then_with(|| places.get(&a.route).cmp(&places.get(&b.route)))
        });
        Ok(Self {
            wanted,
            receivers,
            templates: state.config.load().templates.clone(),
            external_url: Arc::from(state.external_url.as_str()),
            now,
            groups,
            next: 0,
            open: None,
            separator: '[',
            by_labels: OnceLock::new(),
            view,
        })
    }

    /// The wanted alerts of the next group.
    fn open(&mut self, group: Arc<GroupView>) -> Option<Open> {
        let kept = group.members.iter().filter_map(|fingerprint| self.view.alerts.get(*fingerprint));
        let wanted = kept.filter(|kept| self.wanted.may_want(kept));
        let ranked = wanted
            .filter_map(|kept| Some((TellRank::of(&kept.alert.labels), kept, self.wanted.status(&self.view, kept)?)));
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_unstable_by_key(|(rank, ..)| *rank);
        let alerts: Vec<_> = ranked.into_iter().map(|(_, kept, status)| (kept.clone(), status)).collect();
        (!alerts.is_empty()).then_some(Open { group, alerts, written: 0 })
    }

    /// The names of the receivers of all wanted groups that hold the alert; a receiver stands there once for each.
    fn told<'a>(&'a self, group: &GroupView, kept: &Kept) -> Vec<&'a str> {
        let policy = &self.view.policy;
        if *kept.verdict.routes == [group.route] {
            return vec![&policy.receiver_of(policy.route(group.route)).name];
        }
        let by_labels = self.by_labels.get_or_init(|| {
            let key = |group: &Arc<GroupView>| ((group.route, group.labels.clone()), Arc::clone(group));
            self.view.groups.iter().map(key).collect()
        });
        let holding = kept.verdict.routes.iter().filter_map(|index| {
            let route = policy.route(*index);
            let group = by_labels.get(&(*index, route.group_labels(&kept.alert.labels)))?;
            let holds = group.members.binary_search(&kept.fingerprint).is_ok();
            (holds && self.receivers.wants_any(std::iter::once(route.receiver)))
                .then(|| &*policy.receiver_of(route).name)
        });
        let mut names: Vec<_> = holding.collect();
        names.sort_unstable();
        names
    }

    /// Writes the alerts of the open group up to the end of the piece; says whether that was all of them.
    fn write_alerts(&self, open: &mut Open, out: &mut String) -> bool {
        while let Some((kept, status)) = open.alerts.get(open.written) {
            if out.len() >= PIECE {
                return false;
            }
            if open.written > 0 {
                out.push(',');
            }
            let receivers = self.told(&open.group, kept);
            write_alert(out, kept, status, receivers.into_iter(), &open.group.muted_by);
            open.written += 1;
        }
        true
    }

    fn write_end(&self, group: &GroupView, out: &mut String) {
        let receiver = self.view.policy.receiver_of(self.view.policy.route(group.route));
        out.push_str("],\"labels\":");
        write_labels(out, &group.labels, false);
        out.push_str(",\"receiver\":{\"name\":");
        write_string(out, &receiver.name, false);
        out.push_str("},\"routeLabels\":{");
        for (i, (name, value)) in self.route_labels(group).iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_string(out, name, false);
            out.push(':');
            write_string(out, value, false);
        }
        out.push_str("}}");
    }

    /// The labels of the group's route with their templates filled in from the group as it is; those that fail are left
    /// out.
    fn route_labels(&self, group: &GroupView) -> BTreeMap<String, String> {
        let route = self.view.policy.route(group.route);
        if !route.labels.values().any(|text| text.contains("{{")) {
            return route.labels.clone();
        }
        let receiver = &self.view.policy.receiver_of(route).name;
        let kept = group.members.iter().filter_map(|fingerprint| self.view.alerts.get(*fingerprint));
        let resolved = |kept: &Kept| self.view.grace.resolved(&kept.alert, self.now);
        let told = kept.map(|kept| ToldAlert { alert: Arc::clone(&kept.alert), resolved: resolved(kept) });
        let mut told: Vec<_> = told.collect();
        told.sort_by(|a, b| told_order(&a.alert.labels, &b.alert.labels));
        let of_group = (&group.labels, &flush::route_labels(route));
        let data = Data::of(receiver, &told, of_group, &self.external_url);
        self.templates.route_labels(&template::Context::new(data, self.now)).0
    }
}

impl Document for Listing {
    fn step(&mut self, out: &mut String) -> bool {
        let mut looked_at = 0;
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => {
                    if out.len() >= PIECE || looked_at >= LOOKED_AT {
                        return true;
                    }
                    let Some(group) = self.groups.get(self.next).cloned() else { break };
                    self.next += 1;
                    looked_at += group.members.len().max(1);
                    let many = group.members.len() > LOOKED_AT;
                    let open = || self.open(group);
                    let Some(open) = (if many { aside(open) } else { open() }) else { continue };
                    out.push(std::mem::replace(&mut self.separator, ','));
                    out.push_str("{\"alerts\":[");
                    open
                }
            };
            if !self.write_alerts(&mut open, out) {
                self.open = Some(open);
                return true;
            }
            self.write_end(&open.group, out);
        }
        out.push_str(if self.separator == '[' { "[]" } else { "]" });
        false
    }
}
