//! The endpoints for operators: health, readiness, reload, metrics, the page at `/`, and what API v1 left behind.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode};

use super::path::Ops;
use super::{AppState, page, peer, reply};
use crate::core::change::Actor;
use crate::metrics::{self, Metrics};

const V1_GONE: &str = concat!(
    r#"{"status":"deprecated","error":"The Alertmanager v1 API was deprecated in version 0.16.0 "#,
    r#"and is removed as of version 0.27.0 - please use the equivalent route in the v2 API"}"#,
    "\n"
);

/// Who could not take an alert in within this time is not ready, and says so rather than nothing.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// Answers a request to one of them.
pub async fn answer(state: &AppState, endpoint: Ops, request: Request<Body>) -> Response {
    if !endpoint.methods().contains(request.method()) {
        return other_method(endpoint, request.method());
    }
    let head = *request.method() == Method::HEAD;
    let mut answer = match endpoint {
        Ops::Healthy => reply::text(StatusCode::OK, "OK"),
        Ops::Ready => ready(state).await,
        Ops::Reload => reload(state, peer(&request)).await,
        Ops::Metrics => exposition(state).await,
        Ops::Root => page::answer(state, "", request).await,
        Ops::V1(..) => reply::with_type(StatusCode::GONE, HeaderValue::from_static("application/json"), V1_GONE),
    };
    if head {
        // Go finds out the type of a body from what is written, and for HEAD nothing is.
        answer.headers_mut().remove(CONTENT_TYPE);
    }
    answer
}

fn other_method(endpoint: Ops, method: &Method) -> Response {
    let mut allowed: Vec<&str> = endpoint.methods().iter().map(Method::as_str).collect();
    allowed.push("OPTIONS");
    allowed.sort_unstable();
    let mut answer = if *method == Method::OPTIONS {
        reply::empty(StatusCode::OK)
    } else {
        reply::text_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    };
    reply::set(&mut answer, ALLOW, &allowed.join(", "));
    answer
}

/// Ready is who can take alerts in: the driver is asked, since it is what everything waits for. A store that was found
/// damaged at start is named, and so is that no checkpoint can be written, but neither keeps the service from paging.
async fn ready(state: &AppState) -> Response {
    let why = match tokio::time::timeout(READY_WITHIN, state.driver.view()).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("nothing was decided for {READY_WITHIN:?}")),
    };
    if let Some(why) = why {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n"));
    }
    if let Some(trouble) = &*state.driver.health().trouble.load() {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready, nothing can be stored: {trouble}\n"));
    }
    let damage = state.storage_damage.iter().map(|damage| format!("the store was damaged: {damage}"));
    let trouble = state.driver.health().checkpoint_trouble.load_full();
    let trouble =
        trouble.iter().map(|trouble| format!("no checkpoint can be written, and the journal grows: {trouble}"));
    let but: Vec<_> = damage.chain(trouble).collect();
    match but.is_empty() {
        true => reply::text(StatusCode::OK, "OK"),
        false => reply::text(StatusCode::OK, format!("OK, but {}\n", but.join("; "))),
    }
}

async fn reload(state: &AppState, address: String) -> Response {
    let actor = Actor::User { name: String::new(), address };
    match state.reloader.reload(actor).await {
        Ok(()) => reply::empty(StatusCode::OK),
        Err(error) => {
            let message = format!("failed to reload config: {error}");
            reply::text_error(StatusCode::INTERNAL_SERVER_ERROR, &message)
        }
    }
}

async fn exposition(state: &AppState) -> Response {
    let view = state.driver.view().await.ok();
    let (metrics, now, config) = (state.metrics.clone(), state.clock.now(), state.config.load_full());
    let text = tokio::task::spawn_blocking(move || {
        let used = config.integrations.iter().filter(|integration| integration.used);
        metrics.telling.receivers_configured(used.map(|integration| {
            (integration.receiver.clone(), integration.name(), integration.config.missing().is_none())
        }));
        metrics.render(view.as_deref(), now)
    });
    let text = text.await;
    match text {
        Ok(mut text) => {
            Metrics::render_driver(&mut text, state.driver.health());
            reply::with_type(StatusCode::OK, HeaderValue::from_static(metrics::CONTENT_TYPE), text)
        }
        Err(_) => reply::text_error(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written"),
    }
}
