//! Dead letters: what could not be told, as the API tells it.

use std::sync::Arc;

use axum::response::Response;

use super::object::{Object, list};
use crate::core::outbox::DeadLetter;
use crate::core::view::View;
use crate::http::query::Query;
use crate::http::reply;

/// `GET dead-letters`: all of them, or those of one `receiver`, the newest first.
pub fn all(view: &View, query: &Query) -> Response {
    let receiver = query.last("receiver");
    let wanted = |dead: &&Arc<DeadLetter>| receiver.is_none_or(|name| *dead.delivery.thread.receiver == *name);
    reply::json(list(view.dead_letters.values().rev().filter(wanted).map(|dead| dead_letter(dead))))
}

fn dead_letter(dead: &DeadLetter) -> String {
    let delivery = &dead.delivery;
    let mut object = Object::new();
    object.raw("id", &delivery.id.0.to_string());
    object.text("receiver", &delivery.thread.receiver);
    object.text("integration", &delivery.thread.kind);
    object.raw("index", &delivery.thread.index.to_string());
    object.text("groupKey", &delivery.thread.group_key);
    object.labels("groupLabels", &delivery.group_labels);
    object.text("reason", delivery.reason.as_str());
    object.text("status", if delivery.firing() { "firing" } else { "resolved" });
    object.time("episode", Some(delivery.episode));
    object.raw("sequence", &delivery.sequence.to_string());
    object.time("decidedAt", Some(delivery.decided_at));
    object.time("deadAt", Some(dead.at));
    object.raw("attempts", &delivery.attempts.to_string());
    object.text("error", &dead.error);
    object.raw(
        "alerts",
        &list(delivery.alerts.iter().map(|told| {
            let mut object = Object::new();
            object.text("fingerprint", &told.alert.fingerprint().to_string());
            object.text("status", if told.resolved { "resolved" } else { "firing" });
            object.time("startsAt", Some(told.alert.starts_at));
            object.time("endsAt", Some(told.alert.ends_at));
            object.labels("labels", &told.alert.labels);
            object.labels("annotations", &told.alert.annotations);
            object.end()
        })),
    );
    object.end()
}
