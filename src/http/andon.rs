//! Andon's own API under `/api/andon/v1/`: work orders, dead letters, receivers and what they lack, and the whole
//! configuration without secrets.
//!
//! Times are RFC 3339 in UTC with milliseconds. An error is an object that says what is wrong and what there is.

use axum::response::Response;
use http::header::ALLOW;
use http::{Method, StatusCode};

use super::query::decode;
use super::{AppState, ShownIntegration, reply};
use crate::core::outbox::DeadLetter;
use crate::core::view::View;
use crate::core::work_order::WorkOrder;
use crate::json::{write_labels, write_string};
use crate::time::Timestamp;

const ENDPOINTS: &str = "work-orders, work-orders/{number}, dead-letters, receivers, config";

/// Answers a request for what stands behind `/api/andon/v1/`.
pub async fn answer(state: &AppState, path: &str, method: &Method) -> Response {
    if *method != Method::GET {
        let message = format!("method {method} is not allowed here, but GET is");
        let mut answer = reply::andon_error(StatusCode::METHOD_NOT_ALLOWED, &message);
        reply::set(&mut answer, ALLOW, "GET");
        return answer;
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    if path == "config" {
        let config = state.config.load();
        let mut object = Object::new();
        object.text("original", &config.original);
        object.text("redacted", &config.redacted);
        return reply::json(object.end());
    }
    if path == "receivers" {
        let config = state.config.load_full();
        // Files are looked at.
        let listed = tokio::task::spawn_blocking(move || list(config.integrations.iter().map(integration))).await;
        return listed.map_or_else(|_| reply::andon_error(StatusCode::INTERNAL_SERVER_ERROR, "failed"), reply::json);
    }
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    match path {
        "work-orders" => reply::json(work_orders(&view)),
        "dead-letters" => reply::json(list(view.dead_letters.values().rev().map(|dead| dead_letter(dead)))),
        _ => match path.strip_prefix("work-orders/") {
            Some(number) => one_work_order(&view, &decode(number, false).unwrap_or_default()),
            None => {
                let message = format!("there is no {path:?} under /api/andon/v1/; there are {ENDPOINTS}");
                reply::andon_error(StatusCode::NOT_FOUND, &message)
            }
        },
    }
}

fn integration(shown: &ShownIntegration) -> String {
    let missing = shown.config.missing();
    let mut object = Object::new();
    object.text("receiver", &shown.receiver);
    object.text("integration", shown.config.kind());
    object.raw("index", &shown.index.to_string());
    object.raw("used", if shown.used { "true" } else { "false" });
    object.raw("configured", if missing.is_none() { "true" } else { "false" });
    object.text("missing", &missing.unwrap_or_default());
    object.end()
}

fn work_orders(view: &View) -> String {
    let mut orders: Vec<_> = view.work_orders.values().collect();
    orders.sort_by(|a, b| b.opened_at.cmp(&a.opened_at).then_with(|| a.number.cmp(&b.number)));
    list(orders.into_iter().map(|order| work_order(order)))
}

fn one_work_order(view: &View, number: &str) -> Response {
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

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(","))
}

/// An object being written.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".into())
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_string(&mut self.0, key, false);
        self.0.push(':');
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(value);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        write_string(&mut self.0, value, false);
    }

    fn time(&mut self, key: &str, at: Option<Timestamp>) {
        self.key(key);
        match at {
            None => self.0.push_str("null"),
            Some(at) => {
                self.0.push('"');
                at.with_offset_minutes(0).write_millis(&mut self.0);
                self.0.push('"');
            }
        }
    }

    fn labels(&mut self, key: &str, labels: &crate::core::label::LabelSet) {
        self.key(key);
        write_labels(&mut self.0, labels, false);
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
