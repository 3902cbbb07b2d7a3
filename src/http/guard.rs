//! What stands around every request: the limit on GET requests, the time limit, CORS, and counting.
//!
//! CORS is open for reading, as Alertmanager's is. For writing it is closed unless allowed: a page of another site gets no
//! leave in the answer to its preflight, and without one a browser sends no JSON and no DELETE. `POST /-/reload` needs no
//! body, so a browser would send it without asking: there, and under `/api/andon/v1/`, the origin itself is looked at.
//! Programs send no origin.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Request, StatusCode};
use http_body::Body as _;

use super::path::{Ops, Path};
use super::server::Crowded;
use super::{AppState, dispatch, page, reply};
use crate::driver::Unavailable;

/// Answers one request.
pub async fn answer(State(state): State<Arc<AppState>>, request: Request<Body>) -> Response {
    let began = Instant::now();
    let path = Path::of(&state.route_prefix, request.method(), request.uri());
    let (handler, sized) = match &path {
        Path::V2(endpoint) => (endpoint.pattern(), false),
        Path::Andon(_) => (Some("/api/andon/v1/"), true),
        Path::Page(_) => (Some("/ui/"), true),
        Path::MailLink(_) => (Some("/mail/:token"), true),
        Path::Ops(endpoint) => (Some(endpoint.pattern()), true),
        Path::Redirect { .. } | Path::NotFound => (None, false),
    };
    let method = method_word(request.method());
    let answer = limited(&state, path, request).await;
    if let (Some(handler), Some(method)) = (handler, method) {
        let bytes = answer.body().size_hint().exact().filter(|_| sized);
        state.metrics.http.answered(handler, method, answer.status().as_u16(), began.elapsed(), bytes);
    }
    answer
}

/// The method in metrics; one that a client made up is not counted.
fn method_word(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "get",
        Method::POST => "post",
        Method::DELETE => "delete",
        Method::HEAD => "head",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::OPTIONS => "options",
        _ => return None,
    })
}

async fn limited(state: &Arc<AppState>, path: Path, request: Request<Body>) -> Response {
    let health = matches!(path, Path::Ops(Ops::Healthy | Ops::Ready));
    if !health && request.extensions().get::<Crowded>().is_some() {
        return reply::unavailable(&Unavailable("there are too many connections".into()));
    }
    if matches!(&path, Path::Page(page) if page::is_stream(page)) {
        // It lasts as long as somebody looks, and has a limit of its own.
        return dispatch(state, path, request).await;
    }
    if request.method() != Method::GET || health {
        return timed(state, path, request).await;
    }
    let _in_flight = state.metrics.http.get_in_flight();
    match state.gets.permits.try_acquire() {
        Ok(_permit) => timed(state, path, request).await,
        Err(_) => {
            state.metrics.http.get_refused();
            let size = state.gets.size;
            let message = format!("Limit of concurrent GET requests reached ({size}), try again later.\n");
            reply::text_error(StatusCode::SERVICE_UNAVAILABLE, &message)
        }
    }
}

async fn timed(state: &Arc<AppState>, path: Path, request: Request<Body>) -> Response {
    let Some(limit) = state.timeout else {
        return shared_with_other_sites(state, path, request).await;
    };
    match tokio::time::timeout(limit, shared_with_other_sites(state, path, request)).await {
        Ok(answer) => answer,
        Err(_) => {
            let message = format!("Exceeded configured timeout of {}.\n", go_duration(limit));
            reply::text(StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }
}

async fn shared_with_other_sites(state: &Arc<AppState>, path: Path, request: Request<Body>) -> Response {
    let other_site = !state.cors_writes && is_cross_site(request.headers());
    if matches!(path, Path::Ops(Ops::Reload)) && other_site {
        let message = "pages of other sites may not reload: start with --web.cors-writes to allow it";
        return reply::text_error(StatusCode::FORBIDDEN, message);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if matches!(path, Path::Andon(_)) && !reads && other_site {
        let message = "pages of other sites may not change anything: start with --web.cors-writes to allow it";
        return reply::andon_error(StatusCode::FORBIDDEN, message);
    }
    if !matches!(path, Path::V2(_) | Path::Andon(_)) {
        return dispatch(state, path, request).await;
    }
    let headers = request.headers();
    if request.method() == Method::OPTIONS
        && has_origin(headers)
        && let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|asked| !asked.is_empty())
    {
        return preflight(state.cors_writes, asked, headers.get(ACCESS_CONTROL_REQUEST_HEADERS));
    }
    let readable = has_origin(headers) && may(request.method(), state.cors_writes);
    let mut answer = dispatch(state, path, request).await;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if readable {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    answer
}

/// Whether a page asks; an empty origin is none.
fn has_origin(headers: &HeaderMap) -> bool {
    headers.get(ORIGIN).is_some_and(|origin| !origin.is_empty())
}

/// Whether another site's page may use the method. DELETE never, as in Alertmanager.
fn may(method: &Method, writes: bool) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || (writes && *method == Method::POST)
}

fn preflight(writes: bool, asked: &HeaderValue, asked_headers: Option<&HeaderValue>) -> Response {
    const SAFE: [&str; 3] = ["accept", "content-type", "x-requested-with"];
    let mut answer = reply::empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    headers.insert(VARY, HeaderValue::from_static(vary));
    let method_allowed =
        Method::from_bytes(asked.as_bytes()).is_ok_and(|method| method != Method::OPTIONS && may(&method, writes));
    let safe = |names: &str| names.split(',').map(str::trim).all(|name| name.is_empty() || SAFE.contains(&name));
    let headers_allowed = asked_headers.is_none_or(|names| names.to_str().is_ok_and(safe));
    if method_allowed && headers_allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
        if let Some(names) = asked_headers.filter(|names| !names.is_empty()) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
    }
    answer
}

/// Whether a browser says that another site's page sent the request.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "cross-site" | "same-site"),
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) != text("host"),
        (None, None) => false,
    }
}

/// A duration as Go shows it: `1m30s`, `1.5s`, `250ms`, `1ns`.
fn go_duration(duration: Duration) -> String {
    let fraction = |whole: u64, nanos: u64, digits: usize, unit: &str| {
        let text = format!("{whole}.{nanos:0digits$}");
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    let nanos = u64::from(duration.subsec_nanos());
    match duration.as_secs() {
        0 => match nanos {
            0 => "0s".into(),
            1..1_000 => format!("{nanos}ns"),
            1_000..1_000_000 => fraction(nanos / 1_000, nanos % 1_000, 3, "µs"),
            _ => fraction(nanos / 1_000_000, nanos % 1_000_000, 6, "ms"),
        },
        secs => {
            let mut text = String::new();
            if secs >= 3_600 {
                // Writing to a string cannot fail.
                let _ = write!(text, "{}h", secs / 3_600);
            }
            if secs >= 60 {
                let _ = write!(text, "{}m", secs / 60 % 60);
            }
            text + &fraction(secs % 60, nanos, 9, "s")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_look_as_in_go() {
        for (nanos, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
            (1_500_000_000, "1.5s"),
            (10_000_000_000, "10s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), expected);
        }
    }
}
