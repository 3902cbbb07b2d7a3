//! The page at `/` and `/ui/`: requests into what [`crate::ui`] wants to know, forms into what the driver takes.
//!
//! Every answer forbids scripts and styles but its own, frames, and other hosts. What changes something is a POST with a
//! token that this process gave to this browser ([`token`]); it goes the way of the API, under the same limits, and ends
//! in a redirect, so that a reload repeats nothing. Links and redirects are relative: the page works behind any proxy.

mod form;
mod live;
mod orders;
mod past;
pub mod rates;
mod reading;
mod scene;
mod service;
mod silences;
pub mod token;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, EXPIRES, HeaderName, HeaderValue, LOCATION, PRAGMA, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Method, Request, StatusCode};
use tokio_util::sync::CancellationToken;

use self::form::Form;
use self::scene::{Problem, Scene};
use self::token::Key;
use super::{AppState, reply};
use crate::ui::Said;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the page keeps while the service runs.
pub struct Pages {
    key: Key,
    live: live::Live,
    /// For the plots.
    pub rates: rates::Rates,
    counted: past::Counted,
}

impl Pages {
    /// `stop` ends the streams of events, so that open pages do not delay the end of the service.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            key: Key::fresh(),
            live: live::Live::new(stop),
            rates: rates::Rates::default(),
            counted: past::Counted::default(),
        }
    }
}

/// Whether the path is the stream of events, which lasts and is limited in its own way.
pub fn is_stream(path: &str) -> bool {
    path == "events"
}

/// Answers a request for `/`, which is the empty path, or for what stands behind `/ui/`.
pub async fn answer(state: &AppState, path: &str, request: Request<Body>) -> Response {
    if let Some(name) = path.strip_prefix("assets/") {
        return asset(name, request.method());
    }
    let (parts, body) = request.into_parts();
    let scene = match Scene::of(state, path, &parts).await {
        Ok(scene) => scene,
        Err(error) => return guarded(reply::unavailable(&error)),
    };
    let answered = match parts.method {
        Method::GET if is_stream(path) => return guarded(state.page.live.stream(state.driver.clone())),
        Method::GET => reading::answer(state, &scene, path).await,
        Method::POST => writing(state, &scene, path, Request::from_parts(parts, body)).await,
        _ => Err(Problem::method()),
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err(problem) => scene.problem(problem),
    };
    let answer = guarded(answer);
    match &scene.new_cookie {
        Some(cookie) => with(answer, SET_COOKIE, cookie),
        None => answer,
    }
}

/// Obeys a form.
async fn writing(state: &AppState, scene: &Scene, path: &str, request: Request<Body>) -> Result<Response, Problem> {
    let form = Form::read(state, scene, request).await?;
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["silences"] => silences::put(state, scene, &form).await,
        ["silences", "preview"] => silences::preview(scene, &form).await,
        ["silences", id, "expire"] => silences::expire(state, scene, id).await,
        ["work-orders", number, action] => orders::act(state, scene, &form, number, action).await,
        ["groups", hash, "ack"] => orders::ack(state, scene, &form, hash).await,
        ["groups", hash, "withdraw"] => orders::withdraw(state, scene, hash).await,
        ["dead-letters", id, command] => service::dead_letter(state, scene, &form, id, command).await,
        _ => Err(Problem::method()),
    }
}

/// An HTML document.
fn html(status: StatusCode, text: String) -> Response {
    reply::with_type(status, HeaderValue::from_static("text/html; charset=utf-8"), text)
}

fn asset(name: &str, method: &Method) -> Response {
    match crate::ui::asset(name) {
        Some((media_type, text)) if *method == Method::GET => {
            let mut answer = reply::with_type(StatusCode::OK, HeaderValue::from_static(media_type), text);
            // Pages name a file with its hash.
            reply::set(&mut answer, CACHE_CONTROL, "public, max-age=31536000, immutable");
            with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff")
        }
        Some(_) => reply::text_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        None => reply::text_error(StatusCode::NOT_FOUND, "404 page not found"),
    }
}

/// What every answer says to the browser.
fn guarded(mut answer: Response) -> Response {
    let rules = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Forms need the origin, other sites need nothing.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (PRAGMA, "no-cache"),
        (EXPIRES, "0"),
    ];
    for (name, value) in rules {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn with(mut answer: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().append(name, value);
    }
    answer
}

/// Sends the browser on to a page, named from the root, after something was done.
fn done(scene: &Scene, to: &str, said: Said) -> Response {
    see(&format!("{}{to}?said={}", scene.to_root(), said.word()))
}

fn see(to: &str) -> Response {
    let mut answer = reply::empty(StatusCode::SEE_OTHER);
    reply::set(&mut answer, LOCATION, to);
    answer
}
