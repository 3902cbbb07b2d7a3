//! Work orders, as the API tells them.

use axum::response::Response;
use http::StatusCode;

use super::object::{Object, list};
use crate::core::view::View;
use crate::core::work_order::WorkOrder;
use crate::http::reply;

/// `GET work-orders`: all of them, the newest first.
pub fn all(view: &View) -> Response {
    let mut orders: Vec<_> = view.work_orders.values().collect();
    orders.sort_by(|a, b| b.opened_at.cmp(&a.opened_at).then_with(|| a.number.cmp(&b.number)));
    reply::json(list(orders.into_iter().map(|order| work_order(order))))
}

/// `GET work-orders/{number}`
pub fn one(view: &View, number: &str) -> Response {
    match view.work_orders.get(number) {
        Some(order) => reply::json(work_order(order)),
        None => {
            let message = format!("there is no work order {number:?}; GET /api/andon/v1/work-orders lists them all");
            reply::andon_error(StatusCode::NOT_FOUND, &message)
        }
    }
}

fn work_order(order: &WorkOrder) -> String {
    let mut object = Object::new();
    object.text("number", &order.number);
    object.text("key", &order.key);
    object.text("receiver", &order.receiver);
    object.text("type", order.kind.as_str());
    object.text("priority", order.priority.as_str());
    object.text("status", order.status.as_str());
    object.text("condition", order.condition.as_str());
    object.text("title", &order.title);
    object.text("description", &order.description);
    object.text("assetCode", &order.asset_code);
    object.time("openedAt", Some(order.opened_at));
    object.time("updatedAt", Some(order.updated_at));
    object.time("dueAt", Some(order.due_at));
    object.time("malfunctionStart", Some(order.malfunction_start));
    object.time("malfunctionEnd", order.malfunction_end);
    object.raw(
        "alerts",
        &list(order.alerts.iter().map(|(fingerprint, alert)| {
            let mut object = Object::new();
            object.text("fingerprint", &fingerprint.to_string());
            object.time("startsAt", Some(alert.starts_at));
            object.time("endedAt", alert.ended_at);
            object.labels("labels", &alert.labels);
            object.end()
        })),
    );
    object.raw(
        "notes",
        &list(order.notes.iter().map(|note| {
            let mut object = Object::new();
            object.time("at", Some(note.at));
            object.text("actor", &note.actor);
            object.text("text", &note.text);
            object.end()
        })),
    );
    object.end()
}
