//! `GET /api/v2/alerts/groups`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::response::Response;

use super::filter::{BadQuery, ReceiverFilter};
use super::shown::{Status, Wanted, write_alert, write_list};
use crate::core::alert_set::Kept;
use crate::core::flush::{self, told_order};
use crate::core::label::Fingerprint;
use crate::core::notification::Data;
use crate::core::outbox::ToldAlert;
use crate::core::policy::{Receiver, Route};
use crate::core::view::{GroupView, View};
use crate::http::query::Query;
use crate::http::{AppState, reply};
use crate::json::{write_labels, write_string};
use crate::template::{self, Templates};
use crate::time::Timestamp;

/// A group with those of its alerts that are wanted.
struct Shown<'a> {
    group: &'a GroupView,
    route: &'a Route,
    receiver: &'a Receiver,
    alerts: Vec<(&'a Kept, Status)>,
}

/// Lists the groups that the query wants, by their labels, then by receiver.
pub async fn list(state: &AppState, query: &Query) -> Response {
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    match listed(&view, query, state) {
        Ok(document) => reply::json(document),
        Err(error) => error.reply(),
    }
}

fn listed(view: &View, query: &Query, state: &AppState) -> Result<String, BadQuery> {
    let (mode, now) = (state.mode, state.clock.now());
    let wanted = Wanted::of(query, mode, view, now)?;
    let receivers = ReceiverFilter::of(query, mode, &view.policy)?;
    let mut groups: Vec<Shown<'_>> = view
        .groups
        .iter()
        .filter_map(|group| {
            let route = view.policy.route(group.route);
            if !receivers.wants_any(std::iter::once(route.receiver)) {
                return None;
            }
            let kept = group.members.iter().filter_map(|fingerprint| view.alerts.get(*fingerprint));
            let alerts: Vec<_> = kept.filter_map(|kept| Some((kept, wanted.status(kept)?))).collect();
            let receiver = view.policy.receiver_of(route);
            (!alerts.is_empty()).then_some(Shown { group, route, receiver, alerts })
        })
        .collect();
    // Looked up, never iterated: the order of what is shown does not hang on it.
    let mut told: HashMap<Fingerprint, Vec<&str>> = HashMap::new();
    for (shown, (kept, _)) in groups.iter().flat_map(|shown| shown.alerts.iter().map(move |alert| (shown, alert))) {
        told.entry(kept.fingerprint).or_default().push(&shown.receiver.name);
    }
    told.values_mut().for_each(|names| names.sort_unstable());
    if !query.switch("muted") {
        groups.retain(|shown| shown.group.muted_by.is_empty());
    }
    // Among equals a route stands behind those below it, as in Alertmanager.
    let places = view.policy.places_behind_children();
    groups.sort_by(|a, b| {
        let by_labels = a.group.labels.order(&b.group.labels).then_with(|| a.receiver.name.cmp(&b.receiver.name));
        by_labels.then_with(|| places.get(&a.group.route).cmp(&places.get(&b.group.route)))
    });
    let mut out = String::new();
    let (templates, external_url) = (&state.config.load().templates, Arc::from(state.external_url.as_str()));
    write_list(&mut out, groups.iter_mut(), |out, shown| {
        let labels = route_labels(shown, view, templates, &external_url, now);
        write_group(out, shown, &told, &labels);
    });
    Ok(out)
}

/// The labels of the group's route with their templates filled in from the group as it is; those that fail are left out.
fn route_labels(
    shown: &Shown<'_>,
    view: &View,
    templates: &Templates,
    external_url: &Arc<str>,
    now: Timestamp,
) -> BTreeMap<String, String> {
    let labels = &shown.route.labels;
    if !labels.values().any(|text| text.contains("{{")) {
        return labels.clone();
    }
    let kept = shown.group.members.iter().filter_map(|fingerprint| view.alerts.get(*fingerprint));
    let told =
        kept.map(|kept| ToldAlert { alert: Arc::clone(&kept.alert), resolved: view.grace.resolved(&kept.alert, now) });
    let mut told: Vec<_> = told.collect();
    told.sort_by(|a, b| told_order(&a.alert.labels, &b.alert.labels));
    let of_group = (&shown.group.labels, &flush::route_labels(shown.route));
    let data = Data::of(&shown.receiver.name, &told, of_group, external_url);
    templates.route_labels(&template::Context::new(data, now)).0
}

fn write_group(
    out: &mut String,
    shown: &mut Shown<'_>,
    told: &HashMap<Fingerprint, Vec<&str>>,
    route_labels: &BTreeMap<String, String>,
) {
    shown.alerts.sort_by(|(a, _), (b, _)| told_order(&a.alert.labels, &b.alert.labels));
    out.push_str("{\"alerts\":");
    write_list(out, shown.alerts.iter(), |out, (kept, status)| {
        let receivers = told.get(&kept.fingerprint).into_iter().flatten().copied();
        write_alert(out, kept, status, receivers, &shown.group.muted_by);
    });
    out.push_str(",\"labels\":");
    write_labels(out, &shown.group.labels, false);
    out.push_str(",\"receiver\":{\"name\":");
    write_string(out, &shown.receiver.name, false);
    out.push_str("},\"routeLabels\":{");
    for (i, (name, value)) in route_labels.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, name, false);
        out.push(':');
        write_string(out, value, false);
    }
    out.push_str("}}");
}
