//! Andon's own API under `/api/andon/v1/`. [`ENDPOINTS`] is the list of what there is; `openapi.json` describes each.
//!
//! Times are RFC 3339 in UTC with milliseconds. An error is an object that says what is wrong and what there is.

mod dead_letters;
mod explain;
mod groups;
pub(in crate::http) mod history;
mod mirrors;
mod object;
mod orphans;
mod receivers;
#[cfg(test)]
mod tests;
mod work_orders;

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode};

use self::object::Object;
use super::query::{Query, decode};
use super::{AppState, peer, read_body, reply};
use crate::core::change::Actor;
use crate::core::view::View;
use crate::driver::aside;

/// What stands behind `/api/andon/v1/`: the method, and the path with names in braces where anything may stand.
const ENDPOINTS: &[(Method, &str)] = &[
    (Method::GET, "config"),
    (Method::GET, "dead-letters"),
    (Method::GET, "dead-letters/{id}"),
    (Method::POST, "dead-letters/{id}/discard"),
    (Method::POST, "dead-letters/{id}/replay"),
    (Method::POST, "dead-letters/replay"),
    (Method::GET, "explain"),
    (Method::GET, "groups"),
    (Method::GET, "history"),
    (Method::POST, "groups/{hash}/ack"),
    (Method::DELETE, "groups/{hash}/ack"),
    (Method::GET, "mirrors"),
    (Method::GET, "openapi.json"),
    (Method::GET, "orphans"),
    (Method::GET, "receivers"),
    (Method::GET, "receivers/{name}/attempts"),
    (Method::POST, "receivers/{name}/test"),
    (Method::GET, "work-orders"),
    (Method::POST, "work-orders"),
    (Method::GET, "work-orders/{number}"),
    (Method::PATCH, "work-orders/{number}"),
    (Method::GET, "work-orders/{number}/history"),
    (Method::POST, "work-orders/{number}/{action}"),
];

/// The description of the whole API.
const OPENAPI: &str = include_str!("openapi.json");

/// A request that an endpoint takes.
struct Call<'a> {
    state: &'a AppState,
    /// What stands in the path where the endpoint has braces, decoded, in order.
    names: Vec<String>,
    query: Query,
    request: Request<Body>,
}

/// Answers a request for what stands behind `/api/andon/v1/`.
pub async fn answer(state: &AppState, path: &str, request: Request<Body>) -> Response {
    let path = path.strip_suffix('/').unwrap_or(path);
    let taken: Vec<_> = ENDPOINTS.iter().filter_map(|endpoint| Some((endpoint, names(endpoint.1, path)?))).collect();
    let method = request.method().clone();
    // A word that is written out comes before a name in braces.
    let found = taken.iter().filter(|((allowed, _), _)| *allowed == method).min_by_key(|(_, names)| names.len());
    let Some(((_, pattern), names)) = found else {
        return not_there(path, &method, taken.iter().map(|((allowed, _), _)| allowed.as_str()));
    };
    let query = Query::parse(request.uri().query().unwrap_or_default());
    dispatch(&method, pattern, Call { state, names: names.clone(), query, request }).await
}

async fn dispatch(method: &Method, pattern: &str, call: Call<'_>) -> Response {
    match (method.as_str(), pattern) {
        ("GET", "config") => config(call.state),
        ("GET", "openapi.json") => {
            reply::with_type(StatusCode::OK, HeaderValue::from_static("application/json"), OPENAPI)
        }
        ("GET", "explain") => explain::answer(call).await,
        ("GET", "history") => history::answer(call).await,
        ("GET", "groups") => call.with_view(groups::all).await,
        ("POST", "groups/{hash}/ack") => groups::acknowledge(call).await,
        ("DELETE", "groups/{hash}/ack") => groups::withdraw(call).await,
        ("GET", "orphans") => {
            let now = call.state.clock.now();
            call.with_view(|view, _| orphans::all(view, now)).await
        }
        ("GET", "mirrors") => call.with_view(mirrors::all).await,
        ("GET", "receivers") => receivers::all(call.state).await,
        ("GET", "receivers/{name}/attempts") => receivers::attempts(&call),
        ("POST", "receivers/{name}/test") => receivers::test(call).await,
        ("GET", "dead-letters") => call.with_view(|view, call| dead_letters::all(view, &call.query)).await,
        ("GET", "dead-letters/{id}") => call.with_view(|view, call| dead_letters::one(view, call.name(0))).await,
        ("POST", "dead-letters/{id}/discard") => dead_letters::discard(call).await,
        ("POST", "dead-letters/{id}/replay") => dead_letters::replay(call).await,
        ("POST", "dead-letters/replay") => dead_letters::replay_all(call).await,
        ("GET", "work-orders") => call.with_view(work_orders::all).await,
        ("POST", "work-orders") => work_orders::changes::create(call).await,
        ("GET", "work-orders/{number}") => call.with_view(work_orders::one).await,
        ("PATCH", "work-orders/{number}") => work_orders::changes::edit(call).await,
        ("GET", "work-orders/{number}/history") => call.with_view(work_orders::history).await,
        ("POST", "work-orders/{number}/{action}") => work_orders::changes::act(call).await,
        _ => reply::andon_error(StatusCode::NOT_IMPLEMENTED, "listed, but not answered"),
    }
}

impl Call<'_> {
    /// The name at this place of the path; empty where the endpoint has none.
    fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// Answers from the committed state.
    async fn with_view(self, answer: impl FnOnce(&View, &Self) -> Response) -> Response {
        match self.state.driver.view().await {
            // It is made in one step, of all there is.
            Ok(view) => aside(|| answer(&view, &self)),
            Err(error) => reply::unavailable(&error),
        }
    }

    /// Who asks, as far as is known: the name that a proxy in front of us found out (`X-Forwarded-User`), and the
    /// address.
    fn actor(&self) -> Actor {
        let name = self.request.headers().get("x-forwarded-user").and_then(|name| name.to_str().ok());
        let name: String = name.unwrap_or_default().chars().take(LONGEST_ACTOR).collect();
        Actor::User { name, address: peer(&self.request) }
    }

    /// The body, which is one JSON object of at most `most` bytes; an absent one counts as an empty object.
    ///
    /// # Errors
    /// The answer that says what is wrong with it.
    async fn object(&mut self, most: usize) -> Result<serde_json::Map<String, serde_json::Value>, Response> {
        self.read_object(most).await.map_err(|(code, message)| reply::andon_error(code, &message))
    }

    async fn read_object(
        &mut self,
        most: usize,
    ) -> Result<serde_json::Map<String, serde_json::Value>, (StatusCode, String)> {
        let request = std::mem::take(&mut self.request);
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = read_body(self.state, request).await;
        let body =
            body.map_err(|error| (StatusCode::from_u16(error.code).unwrap_or(StatusCode::BAD_REQUEST), error.message))?;
        if body.is_empty() {
            return Ok(serde_json::Map::new());
        }
        let media_type = media_type.unwrap_or_default();
        if media_type.split(';').next().is_none_or(|found| !found.trim().eq_ignore_ascii_case("application/json")) {
            let message = format!("Content-Type is {media_type:?}; this takes application/json");
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        if body.len() > most {
            let message = format!("the body has {} bytes; this takes at most {most}", body.len());
            return Err((StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        match serde_json::from_slice(&body) {
            Ok(serde_json::Value::Object(object)) => Ok(object),
            Ok(_) => Err((StatusCode::BAD_REQUEST, "the body is JSON but no object".to_owned())),
            Err(error) => Err((StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}"))),
        }
    }
}

/// The longest name of an actor, in characters.
const LONGEST_ACTOR: usize = 128;

/// What stands in the path where the pattern has braces; nothing if they differ elsewhere.
fn names(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    let mut names = Vec::new();
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(names),
            (Some(wanted), Some(found)) if wanted.starts_with('{') && !found.is_empty() => {
                names.push(decode(found, false)?);
            }
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return None,
        }
    }
}

fn not_there<'a>(path: &str, method: &Method, allowed: impl Iterator<Item = &'a str>) -> Response {
    let allowed: Vec<_> = allowed.collect();
    if allowed.is_empty() {
        let mut all: Vec<_> = ENDPOINTS.iter().map(|(_, pattern)| *pattern).collect();
        all.dedup();
        let message = format!("there is no {path:?} under /api/andon/v1/; there are {}", all.join(", "));
        return reply::andon_error(StatusCode::NOT_FOUND, &message);
    }
    let allowed = allowed.join(", ");
    let message = format!("method {method} is not allowed here, but {allowed} is");
    let mut answer = reply::andon_error(StatusCode::METHOD_NOT_ALLOWED, &message);
    reply::set(&mut answer, ALLOW, &allowed);
    answer
}

fn config(state: &AppState) -> Response {
    let config = state.config.load();
    let mut object = Object::new();
    object.text("original", &config.original);
    object.text("redacted", &config.redacted);
    reply::json(object.end())
}
