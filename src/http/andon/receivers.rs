//! The receivers' integrations: how they fare, what waits for them, what they lack, and a try.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::Call;
use super::object::{Object, list};
use crate::core::circuit::Faring;
use crate::core::note::Heard;
use crate::core::outbox::IntegrationKey;
use crate::core::view::View;
use crate::delivery::trial::Tried;
use crate::http::{AppState, ShownIntegration, reply};
use crate::json::write_string;
use crate::receivers::answer::SendError;
use crate::time::Timestamp;

/// `GET receivers`
pub async fn all(state: &AppState) -> Response {
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    let (config, now) = (state.config.load_full(), state.clock.now());
    // Files are looked at, and a million rows are counted.
    let listed = tokio::task::spawn_blocking(move || {
        let waiting = waiting(&view);
        list(config.integrations.iter().map(|shown| integration(shown, &view, &waiting, now)))
    });
    let listed = listed.await;
    listed.map_or_else(|_| reply::andon_error(StatusCode::INTERNAL_SERVER_ERROR, "failed"), reply::json)
}

/// What waits for an integration: how many notifications, since when the oldest, and how many only for their turn.
#[derive(Default)]
struct Queue {
    waiting: usize,
    limited: usize,
    oldest: Option<Timestamp>,
}

fn waiting(view: &View) -> BTreeMap<IntegrationKey, Queue> {
    let mut queues: BTreeMap<IntegrationKey, Queue> = BTreeMap::new();
    for row in view.outbox.values() {
        let queue = queues.entry(row.thread.integration_key()).or_default();
        queue.waiting += 1;
        queue.limited += usize::from(view.parked.contains(&row.id));
        queue.oldest = Some(queue.oldest.map_or(row.undelivered_since, |at| at.min(row.undelivered_since)));
    }
    queues
}

fn key(shown: &ShownIntegration) -> IntegrationKey {
    let (receiver, kind) = (Arc::from(shown.receiver.as_str()), Arc::from(shown.config.kind()));
    IntegrationKey { receiver, kind, index: shown.index }
}

fn integration(
    shown: &ShownIntegration,
    view: &View,
    queues: &BTreeMap<IntegrationKey, Queue>,
    now: Timestamp,
) -> String {
    let missing = shown.config.missing();
    let key = key(shown);
    let (faring, nothing, idle) = (view.faring.get(&key), Faring::default(), Queue::default());
    let (faring, queue) = (faring.unwrap_or(&nothing), queues.get(&key).unwrap_or(&idle));
    let dead = view.dead_letters.values().filter(|letter| letter.delivery.thread.integration_key() == key).count();
    let status = match () {
        () if missing.is_some() => "not configured",
        () if faring.failing_since.is_some() => "failing",
        () if queue.limited > 0 => "limited",
        () => "healthy",
    };
    let mut object = Object::new();
    object.text("receiver", &shown.receiver);
    object.text("integration", shown.config.kind());
    object.raw("index", &shown.index.to_string());
    object.flag("used", shown.used);
    object.flag("configured", missing.is_none());
    object.text("missing", &missing.unwrap_or_default());
    object.text("status", status);
    object.time("failingSince", faring.failing_since);
    object.raw("failures", &faring.failures.to_string());
    object.time("probedAt", faring.probed_at.map(|at| at.max(now)));
    object.raw("waiting", &queue.waiting.to_string());
    object.raw("limited", &queue.limited.to_string());
    object.time("waitingSince", queue.oldest);
    object.raw("deadLetters", &dead.to_string());
    object.time("lastSuccess", faring.last_success);
    object.time("lastErrorAt", faring.last_error.as_ref().map(|(at, _)| *at));
    object.text("lastError", faring.last_error.as_ref().map_or("", |(_, error)| error));
    object.end()
}

/// `GET receivers/{name}/attempts`: the last attempts of each integration since the start, the latest first, with what
/// was said and heard. Older ones, without the request, the history has.
pub fn attempts(call: &Call<'_>) -> Response {
    let (receiver, config) = (call.name(0), call.state.config.load_full());
    let integrations: Vec<_> = config.integrations.iter().filter(|shown| shown.receiver == receiver).collect();
    if integrations.is_empty() {
        return no_receiver(receiver);
    }
    let attempt = |shown: &ShownIntegration, heard: &Heard| {
        let mut object = Object::new();
        object.text("integration", shown.config.kind());
        object.raw("index", &shown.index.to_string());
        object.time("at", Some(heard.at));
        object.raw("notification", &heard.id.0.to_string());
        object.raw("attempt", &heard.number.to_string());
        object.text("about", &heard.about.to_string());
        object.text("end", heard.end.as_str());
        object.text("error", &heard.error);
        object.text("request", &heard.exchange.request);
        object.text("answer", &heard.exchange.answer);
        object.end()
    };
    let all = integrations.into_iter().flat_map(|shown| {
        let heard = call.state.recent.of(&key(shown));
        heard.into_iter().map(move |heard| attempt(shown, &heard))
    });
    reply::json(list(all))
}

fn no_receiver(receiver: &str) -> Response {
    let message = format!("there is no receiver {receiver:?}; GET /api/andon/v1/receivers lists them all");
    reply::andon_error(StatusCode::NOT_FOUND, &message)
}

/// `POST receivers/{name}/test`: one test notification to each integration, and what came back.
pub async fn test(call: Call<'_>) -> Response {
    let receiver = call.name(0);
    match call.state.trial.send(receiver).await {
        Some(tried) => reply::json(list(tried.iter().map(tried_integration))),
        None => no_receiver(receiver),
    }
}

fn tried_integration(tried: &Tried) -> String {
    let (status, error, notes) = match &tried.result {
        Ok(sent) => ("delivered", String::new(), sent.failed.iter().chain(&sent.cut).cloned().collect()),
        Err(error) => (word(error), error.to_string(), Vec::new()),
    };
    let mut object = Object::new();
    object.text("integration", &tried.integration);
    object.text("status", status);
    object.text("error", &error);
    object.raw("milliseconds", &tried.took.as_millis().to_string());
    object.text("request", &tried.exchange.request);
    object.text("answer", &tried.exchange.answer);
    object.raw("notes", &list(notes.iter().map(|note: &String| quoted(note))));
    object.end()
}

fn word(error: &SendError) -> &'static str {
    match error {
        SendError::Retry { .. } | SendError::PutOff { .. } => "would be tried again",
        SendError::NotConfigured { .. } => "not configured",
        SendError::Refused { .. } => "refused",
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_string(&mut out, text, false);
    out
}
