//! API v2: which handler answers, and what the framework under Alertmanager checks before it does.

mod alerts;
pub(super) mod filter;
mod groups;
mod receivers;
mod shown;
pub mod silences;
mod status;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use http::{Method, Request};

use super::path::V2;
use super::query::Query;
use super::reply::FrameworkError;
use super::{AppState, read_body};
use crate::core::quote::Quoted;

/// Answers a request to an endpoint of API v2.
pub async fn answer(state: &AppState, endpoint: V2, request: Request<Body>) -> Response {
    if let V2::Unknown(path) = &endpoint {
        return FrameworkError::new(404, format!("path {path} was not found")).reply();
    }
    let method = request.method().clone();
    if !endpoint.allowed().split(',').any(|allowed| allowed == method.as_str()) {
        return FrameworkError::method_not_allowed(&method, endpoint.allowed());
    }
    if method == Method::POST {
        return post(state, endpoint, request).await;
    }
    if !accepts_json(request.headers()) {
        let message = "unsupported media type requested, only [application/json] are available";
        return FrameworkError::new(406, message).reply();
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    match endpoint {
        V2::Alerts => alerts::list(state, &query).await,
        V2::Groups => groups::list(state, &query).await,
        V2::Silences => silences::list(state, &query).await,
        V2::Silence(id) if method == Method::DELETE => silences::expire(state, &id, super::peer(&request)).await,
        V2::Silence(id) => silences::one(state, &id).await,
        V2::Receivers => receivers::list(state, &query).await,
        V2::Status | V2::Unknown(_) => status::show(state),
    }
}

async fn post(state: &AppState, endpoint: V2, request: Request<Body>) -> Response {
    let has_body = !http_body::Body::is_end_stream(request.body());
    if let Err(error) = check_content_type(request.headers(), has_body) {
        return error.reply();
    }
    let address = super::peer(&request);
    let body = match read_body(state, request).await {
        Ok(body) => body,
        Err(error) => return error.reply(),
    };
    match endpoint {
        V2::Alerts => alerts::post(state, address, &body).await,
        _ => silences::post(state, address, &body).await,
    }
}

/// The media type of a body must be JSON. A request without any body is let through: the handler says what it lacks.
fn check_content_type(headers: &HeaderMap, has_body: bool) -> Result<(), FrameworkError> {
    if !has_body {
        return Ok(());
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = if given.is_empty() { "application/octet-stream" } else { given };
    let malformed = |why: &str| {
        let message = format!("parsing Content-Type header from {} failed, because {why}", Quoted(given));
        FrameworkError::new(400, message)
    };
    let (media_type, parameters) = given.split_once(';').unwrap_or((given, ""));
    let media_type = media_type.trim().to_ascii_lowercase();
    if media_type.is_empty() {
        return Err(malformed("mime: no media type"));
    }
    let well_formed = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| !name.trim().is_empty() && !value.is_empty())
    };
    if !parameters.trim().is_empty() && !parameters.trim_end_matches([';', ' ']).split(';').all(well_formed) {
        return Err(malformed("mime: invalid media parameter"));
    }
    if !media_type.contains('/') {
        return Err(malformed(&format!("mediatype: malformed: {} has no subtype", Quoted(&media_type))));
    }
    if media_type == "application/json" {
        return Ok(());
    }
    let message = format!("unsupported media type {}, only [application/json] are allowed", Quoted(&media_type));
    Err(FrameworkError::new(415, message))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    ranges.peek().is_none()
        || ranges.flat_map(|value| value.split(',')).any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            !refused && matches!(media_type.to_ascii_lowercase().as_str(), "application/json" | "application/*" | "*/*")
        })
}
