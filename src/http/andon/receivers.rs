//! The receivers' integrations: what they lack, and a try.

use axum::response::Response;
use http::StatusCode;

use super::Call;
use super::object::{Object, list};
use crate::delivery::trial::Tried;
use crate::http::{AppState, ShownIntegration, reply};
use crate::json::write_string;
use crate::receivers::answer::SendError;

/// `GET receivers`
pub async fn all(state: &AppState) -> Response {
    let config = state.config.load_full();
    // Files are looked at.
    let listed = tokio::task::spawn_blocking(move || list(config.integrations.iter().map(integration))).await;
    listed.map_or_else(|_| reply::andon_error(StatusCode::INTERNAL_SERVER_ERROR, "failed"), reply::json)
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

/// `POST receivers/{name}/test`: one test notification to each integration, and what came back.
pub async fn test(call: Call<'_>) -> Response {
    let receiver = call.name(0);
    match call.state.trial.send(receiver).await {
        Some(tried) => reply::json(list(tried.iter().map(tried_integration))),
        None => {
            let message = format!("there is no receiver {receiver:?}; GET /api/andon/v1/receivers lists them all");
            reply::andon_error(StatusCode::NOT_FOUND, &message)
        }
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
        SendError::Retry { .. } => "would be tried again",
        SendError::NotConfigured { .. } => "not configured",
        SendError::Refused { .. } => "refused",
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_string(&mut out, text, false);
    out
}
