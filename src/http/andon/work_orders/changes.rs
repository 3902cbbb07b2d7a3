//! What changes work orders: `POST work-orders`, `PATCH work-orders/{number}` and `POST work-orders/{number}/{action}`.
//!
//! A `PATCH` says which revision it is meant for (`If-Match`), so that nobody overwrites what somebody else did meanwhile:
//! 428 without one, 412 if the order has changed. An action is checked by the state machine: 409 says what is possible.
//! Whatever is refused changes nothing.

use std::sync::Arc;

use axum::response::Response;
use http::header::{IF_MATCH, LOCATION};
use http::{HeaderMap, StatusCode};

use super::super::Call;
use super::fields::Fields;
use super::order_answer;
use crate::core::change::Actor;
use crate::core::order_command::{OrderAction, OrderCommand, OrderDraft, OrderEdit, OrderRefused};
use crate::core::work_order::{Kind, Priority, Status};
use crate::http::{AppState, reply};

/// The longest body, in bytes: the longest description and the longest note, each in characters of four bytes.
const LONGEST_BODY: usize = 128 << 10;
/// What can be done to an order.
const ACTIONS: &str = "acknowledge, assign, start, hold, complete, cancel, reopen, note";

/// `POST work-orders`
pub async fn create(mut call: Call<'_>) -> Response {
    let actor = call.actor();
    let body = match call.object(LONGEST_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let draft = match draft(Fields::of(body)) {
        Ok(draft) => draft,
        Err(message) => return reply::andon_error(StatusCode::BAD_REQUEST, &message),
    };
    let state = call.state;
    match state.driver.order(actor, OrderCommand::Create(Box::new(draft))).await {
        Ok(Ok(order)) => {
            let mut answer = order_answer(StatusCode::CREATED, &order, state.clock.now());
            let location = format!("{}/api/andon/v1/work-orders/{}", state.route_prefix, order.number);
            reply::set(&mut answer, LOCATION, &location);
            answer
        }
        Ok(Err(refused)) => refusal(&refused),
        Err(error) => reply::unavailable(&error),
    }
}

/// `PATCH work-orders/{number}`
pub async fn edit(mut call: Call<'_>) -> Response {
    let Some(if_match) = call.request.headers().get(IF_MATCH).cloned() else {
        let message = "a change needs If-Match with the ETag of the order as you know it, or * for whatever it is now";
        return reply::andon_error(StatusCode::PRECONDITION_REQUIRED, message);
    };
    let if_match = revision(if_match.to_str().unwrap_or_default(), call.name(0));
    let actor = call.actor();
    let body = match call.object(LONGEST_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    match edited(Fields::of(body)) {
        Ok((edit, why)) => {
            let number = Arc::from(call.name(0));
            let action = OrderAction::Edit(Box::new(edit));
            answered(call.state, actor, OrderCommand::Change { number, if_match, action, why }).await
        }
        Err(message) => reply::andon_error(StatusCode::BAD_REQUEST, &message),
    }
}

/// `POST work-orders/{number}/{action}`
pub async fn act(mut call: Call<'_>) -> Response {
    let if_match = match_header(call.request.headers()).and_then(|text| revision(text, call.name(0)));
    let actor = call.actor();
    let body = match call.object(LONGEST_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    match action(call.name(1), Fields::of(body)) {
        Ok(Some((action, why))) => {
            let number = Arc::from(call.name(0));
            answered(call.state, actor, OrderCommand::Change { number, if_match, action, why }).await
        }
        Ok(None) => {
            let message =
                format!("{:?} is nothing that can be done to a work order; possible: {ACTIONS}", call.name(1));
            reply::andon_error(StatusCode::NOT_FOUND, &message)
        }
        Err(message) => reply::andon_error(StatusCode::BAD_REQUEST, &message),
    }
}

async fn answered(state: &AppState, actor: Actor, command: OrderCommand) -> Response {
    match state.driver.order(actor, command).await {
        Ok(Ok(order)) => order_answer(StatusCode::OK, &order, state.clock.now()),
        Ok(Err(refused)) => refusal(&refused),
        Err(error) => reply::unavailable(&error),
    }
}

fn refusal(refused: &OrderRefused) -> Response {
    let status = match refused {
        OrderRefused::NotFound(number) => return super::unknown(number),
        OrderRefused::Stale { .. } => StatusCode::PRECONDITION_FAILED,
        OrderRefused::Impossible { .. } | OrderRefused::Another { .. } => StatusCode::CONFLICT,
        OrderRefused::Invalid { .. } => StatusCode::BAD_REQUEST,
    };
    reply::andon_error(status, &refused.to_string())
}

fn match_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(IF_MATCH)?.to_str().ok()
}

/// The revision of an `If-Match`; nothing for `*`. What is no revision of this order matches none.
fn revision(if_match: &str, number: &str) -> Option<u64> {
    if if_match.trim() == "*" {
        return None;
    }
    let tags = if_match.split(',').map(|tag| tag.trim().trim_matches('"'));
    let of_order = |tag: &str| tag.strip_prefix(number)?.strip_prefix('-')?.parse().ok();
    Some(tags.filter_map(of_order).max().unwrap_or(0))
}

fn draft(mut fields: Fields) -> Result<OrderDraft, String> {
    let preset = OrderDraft::default();
    let draft = OrderDraft {
        number: String::new(),
        title: fields.text("title")?.ok_or("title: it is missing; allowed: a text")?,
        asset_code: fields.text("assetCode")?.unwrap_or_default(),
        kind: fields.word("type", Kind::ALL, Kind::as_str)?.unwrap_or(preset.kind),
        priority: fields.word("priority", Priority::ALL, Priority::as_str)?.unwrap_or(preset.priority),
        description: fields.text("description")?.unwrap_or_default(),
        due_at: fields.time("dueAt")?,
        scheduled_start: fields.time("scheduledStart")?,
        scheduled_end: fields.time("scheduledEnd")?,
        assignee: fields.text("assignee")?.unwrap_or_default(),
        estimated_hours: fields.hours("estimatedHours")?.flatten(),
        note: fields.text("note")?.unwrap_or_default(),
        key: fields.text("key")?.unwrap_or_default(),
    };
    fields.finish()?;
    Ok(draft)
}

fn edited(mut fields: Fields) -> Result<(OrderEdit, String), String> {
    let edit = OrderEdit {
        status: fields.word("status", Status::ALL, Status::as_str)?,
        assignee: fields.text("assignee")?,
        kind: fields.word("type", Kind::ALL, Kind::as_str)?,
        priority: fields.word("priority", Priority::ALL, Priority::as_str)?,
        title: fields.text("title")?,
        description: fields.text("description")?,
        due_at: fields.time("dueAt")?,
        scheduled_start: fields.nullable_time("scheduledStart")?,
        scheduled_end: fields.nullable_time("scheduledEnd")?,
        actual_start: fields.nullable_time("actualStart")?,
        actual_end: fields.nullable_time("actualEnd")?,
        estimated_hours: fields.hours("estimatedHours")?,
        actual_hours: fields.hours("actualHours")?,
        note: fields.text("note")?,
    };
    let why = fields.text("why")?.unwrap_or_default();
    fields.finish()?;
    Ok((edit, why))
}

/// The action of this name with what its body says; nothing if there is none.
fn action(name: &str, mut fields: Fields) -> Result<Option<(OrderAction, String)>, String> {
    let action = match name {
        "acknowledge" => OrderAction::Acknowledge,
        "assign" => OrderAction::Assign(fields.text("assignee")?.ok_or("assignee: it is missing; allowed: a text")?),
        "start" => OrderAction::Start,
        "hold" => OrderAction::Hold,
        "complete" => match fields.hours("actualHours")? {
            None => OrderAction::Complete,
            hours => {
                let status = Some(Status::Completed);
                OrderAction::Edit(Box::new(OrderEdit { status, actual_hours: hours, ..OrderEdit::default() }))
            }
        },
        "cancel" => OrderAction::Cancel,
        "reopen" => OrderAction::Reopen,
        "note" => OrderAction::Note(fields.text("text")?.ok_or("text: it is missing; allowed: a text")?),
        _ => return Ok(None),
    };
    let why = fields.text("why")?.unwrap_or_default();
    fields.finish()?;
    Ok(Some((action, why)))
}
