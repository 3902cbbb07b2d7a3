//! Dead letters: what could not be told, as the API tells it, and what people do about it.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::Call;
use super::object::{Object, list};
use crate::core::change::Actor;
use crate::core::dead_letters::{DeadLetterCommand, DeadLetterDone, DeadLetterRefused};
use crate::core::outbox::{DeadLetter, DeliveryId, Exchange};
use crate::core::view::View;
use crate::driver::{Handle, Unavailable};
use crate::http::query::Query;
use crate::http::reply;

/// The longest reason for putting a letter away, in bytes.
const LONGEST_REASON: usize = 4 << 10;

/// `GET dead-letters`: all of them, or those of one `receiver`, the newest first.
pub fn all(view: &View, query: &Query) -> Response {
    let receiver = query.last("receiver");
    let wanted = |dead: &&Arc<DeadLetter>| receiver.is_none_or(|name| *dead.delivery.thread.receiver == *name);
    reply::json(list(view.dead_letters.values().rev().filter(wanted).map(|dead| dead_letter(dead, None))))
}

/// `GET dead-letters/{id}`: one, with what the last attempt said and heard.
pub fn one(view: &View, id: &str) -> Response {
    match id.parse().ok().and_then(|id| view.dead_letters.get(&DeliveryId(id))) {
        Some(dead) => reply::json(dead_letter(dead, Some(&dead.exchange))),
        None => unknown(id),
    }
}

/// `POST dead-letters/{id}/replay`
pub async fn replay(call: Call<'_>) -> Response {
    let Ok(id) = call.name(0).parse() else { return unknown(call.name(0)) };
    match call.state.driver.dead_letter(call.actor(), DeliveryId(id), DeadLetterCommand::Replay).await {
        Ok(result) => answered(result),
        Err(error) => reply::unavailable(&error),
    }
}

/// `POST dead-letters/replay?receiver=NAME`: all of that receiver, the oldest first.
pub async fn replay_all(call: Call<'_>) -> Response {
    let Some(receiver) = call.query.last("receiver") else {
        let message = "the query names no receiver: dead-letters/replay?receiver=NAME replays all letters of one";
        return reply::andon_error(StatusCode::BAD_REQUEST, message);
    };
    let (driver, actor) = (&call.state.driver, call.actor());
    match replay_each(driver, actor, receiver.to_owned()).await {
        Ok((replayed, refused)) => {
            let mut object = Object::new();
            object.raw("replayed", &replayed.to_string());
            object.raw("refused", &list(refused.into_iter()));
            reply::json(object.end())
        }
        Err(error) => reply::unavailable(&error),
    }
}

async fn replay_each(driver: &Handle, actor: Actor, receiver: String) -> Result<(usize, Vec<String>), Unavailable> {
    let view = driver.view().await?;
    let (mut replayed, mut refused) = (0, Vec::new());
    for (id, _) in view.dead_letters.iter().filter(|(_, dead)| *dead.delivery.thread.receiver == *receiver) {
        match driver.dead_letter(actor.clone(), *id, DeadLetterCommand::Replay).await? {
            Ok(_) => replayed += 1,
            Err(why) => {
                let mut object = Object::new();
                object.raw("id", &id.0.to_string());
                object.text("error", &why.to_string());
                refused.push(object.end());
            }
        }
    }
    Ok((replayed, refused))
}

/// `POST dead-letters/{id}/discard` with `{"reason": "…"}`
pub async fn discard(mut call: Call<'_>) -> Response {
    let Ok(id) = call.name(0).parse() else { return unknown(call.name(0)) };
    let actor = call.actor();
    let mut body = match call.object(LONGEST_REASON + 1024).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let reason = body.remove("reason");
    if let Some(key) = body.keys().next() {
        let message = format!("the body has a key {key:?}; this takes \"reason\" alone");
        return reply::andon_error(StatusCode::BAD_REQUEST, &message);
    }
    let reason = match reason {
        Some(serde_json::Value::String(reason)) if !reason.trim().is_empty() && reason.len() <= LONGEST_REASON => {
            reason
        }
        _ => {
            let message = format!("\"reason\" must say why, in 1 to {LONGEST_REASON} bytes");
            return reply::andon_error(StatusCode::BAD_REQUEST, &message);
        }
    };
    match call.state.driver.dead_letter(actor, DeliveryId(id), DeadLetterCommand::Discard(reason)).await {
        Ok(result) => answered(result),
        Err(error) => reply::unavailable(&error),
    }
}

fn answered(result: Result<DeadLetterDone, DeadLetterRefused>) -> Response {
    let mut object = Object::new();
    match result {
        Ok(DeadLetterDone::Waits(id)) => {
            object.text("result", "waits to be sent");
            object.raw("delivery", &id.0.to_string());
        }
        Ok(DeadLetterDone::Superseded) => object.text("result", "something newer of its thread waits to be sent"),
        Ok(DeadLetterDone::Discarded) => object.text("result", "discarded"),
        Err(DeadLetterRefused::Unknown(id)) => return unknown(&id.0.to_string()),
        Err(why) => return reply::andon_error(StatusCode::CONFLICT, &why.to_string()),
    }
    reply::json(object.end())
}

fn unknown(id: &str) -> Response {
    let message = format!("there is no dead letter {id:?}; GET /api/andon/v1/dead-letters lists them all");
    reply::andon_error(StatusCode::NOT_FOUND, &message)
}

/// `exchange` is what the last attempt said and heard, where it is to be shown.
fn dead_letter(dead: &DeadLetter, exchange: Option<&Exchange>) -> String {
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
    if let Some(Exchange { request, answer }) = exchange {
        object.text("request", request);
        object.text("answer", answer);
    }
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
