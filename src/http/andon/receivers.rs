//! The receivers' integrations, and what they lack.

use axum::response::Response;
use http::StatusCode;

use super::object::{Object, list};
use crate::http::{AppState, ShownIntegration, reply};

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
