//! API v2: which handler answers, and what the framework under Alertmanager checks before it does.

mod alerts;
pub(super) mod filter;
mod groups;
mod receivers;
mod shown;
pub mod silences;
mod status;

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request};

use super::media_type::{accepts_json, check_content_type};
use super::path::V2;
use super::query::{Query, decode};
use super::reply::FrameworkError;
use super::{AppState, read_body};

/// Answers a request to an endpoint of API v2.
pub async fn answer(state: &AppState, endpoint: V2, request: Request<Body>) -> Response {
    if let V2::Unknown(path) = &endpoint {
        return FrameworkError::new(404, format!("path {} was not found", escaped(path))).reply();
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

/// A path as Go shows it: as it came if nothing in it needs to be encoded, else encoded anew.
fn escaped(path: &str) -> Cow<'_, str> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(byte);
    if path.bytes().all(|byte| plain(&byte) || b"!'()*[]%".contains(&byte)) {
        return Cow::Borrowed(path);
    }
    let decoded = decode(path, false).unwrap_or_else(|| path.to_owned());
    let encode = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    Cow::Owned(decoded.bytes().map(encode).collect())
}
