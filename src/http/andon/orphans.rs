//! What was told firing to somebody whom nobody can tell any more.

use axum::response::Response;

use super::object::{Object, list};
use crate::core::label::Fingerprint;
use crate::core::outbox::{Thread, Told};
use crate::core::view::View;
use crate::http::reply;
use crate::time::Timestamp;

/// `GET orphans`
pub fn all(view: &View, now: Timestamp) -> Response {
    reply::json(list(view.orphaned().map(|(thread, told)| orphan(view, thread, told, now))))
}

fn orphan(view: &View, thread: &Thread, told: &Told, now: Timestamp) -> String {
    let mut object = Object::new();
    object.text("receiver", &thread.receiver);
    object.text("integration", &thread.kind);
    object.raw("index", &thread.index.to_string());
    object.text("groupKey", &thread.group_key);
    object.labels("groupLabels", &told.group_labels);
    object.time("episode", Some(told.episode));
    object.time("toldAt", Some(told.at));
    object.raw("alerts", &list(told.open.iter().map(|alert| owed(view, *alert, now))));
    object.end()
}

/// An alert that was told firing; without labels where it is forgotten.
fn owed(view: &View, fingerprint: Fingerprint, now: Timestamp) -> String {
    let kept = view.alerts.get(fingerprint);
    let over = kept.is_none_or(|kept| view.grace.resolved(&kept.alert, now));
    let mut object = Object::new();
    object.text("fingerprint", &fingerprint.to_string());
    object.text("status", if over { "resolved" } else { "firing" });
    if let Some(kept) = kept {
        object.labels("labels", &kept.alert.labels);
    }
    object.end()
}
