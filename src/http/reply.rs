//! Answers, in the shapes that Alertmanager has: framework errors, JSON strings, plain text, and nothing at all.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, StatusCode};

use crate::driver::Unavailable;
use crate::json::write_string;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An error of the framework under API v2: routing, media types, bodies that cannot be read, and schemas.
///
/// Codes from 600 on say more than HTTP can and are sent as 422: 601 a wrong type, 602 something required, 612 too few
/// items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FrameworkError {
    /// The HTTP status, or a number from 600 on.
    pub code: u16,
    /// What is wrong.
    pub message: String,
}

impl FrameworkError {
    /// With this code and text.
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The answer: an object without a newline behind it.
    pub fn reply(&self) -> Response {
        let status = StatusCode::from_u16(self.code).ok().filter(|_| self.code < 600);
        let mut body = format!("{{\"code\":{},\"message\":", self.code);
        write_string(&mut body, &self.message, true);
        body.push('}');
        let mut reply = with_type(status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), JSON, body);
        if status == Some(StatusCode::SERVICE_UNAVAILABLE) {
            set(&mut reply, RETRY_AFTER, "1");
        }
        reply
    }

    /// 405, with what is allowed.
    pub fn method_not_allowed(found: &Method, allowed: &str) -> Response {
        let mut reply = Self::new(405, format!("method {found} is not allowed, but [{allowed}] are")).reply();
        set(&mut reply, ALLOW, allowed);
        reply
    }
}

/// 200 with a JSON document; puts the newline behind it.
pub fn json(mut document: String) -> Response {
    document.push('\n');
    with_type(StatusCode::OK, JSON, document)
}

/// An error of a handler: one JSON string and a newline.
pub fn json_error(status: StatusCode, message: &str) -> Response {
    let mut body = String::with_capacity(message.len() + 16);
    write_string(&mut body, message, false);
    body.push('\n');
    with_type(status, JSON, body)
}

/// An error of `/api/andon/v1/`: an object that says what is wrong and what is allowed.
pub fn andon_error(status: StatusCode, message: &str) -> Response {
    let mut body = String::from("{\"error\":");
    write_string(&mut body, message, false);
    body.push_str("}\n");
    with_type(status, JSON, body)
}

/// 503: nothing was kept, and trying again is worth it.
pub fn unavailable(error: &Unavailable) -> Response {
    let mut reply = json_error(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
    set(&mut reply, RETRY_AFTER, "1");
    reply
}

/// No body, and no content type either.
pub fn empty(status: StatusCode) -> Response {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    reply
}

/// Plain text, exactly as given.
pub fn text(status: StatusCode, body: impl Into<String>) -> Response {
    with_type(status, TEXT, body.into())
}

/// An error in plain text as Go's `http.Error` writes it: a newline behind, and no sniffing.
pub fn text_error(status: StatusCode, message: &str) -> Response {
    let mut reply = text(status, format!("{message}\n"));
    set(&mut reply, http::header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply
}

/// A redirect; the little page that goes with it is for GET and HEAD alone.
pub fn redirect(status: StatusCode, method: &Method, to: &str) -> Response {
    let mut reply = if matches!(*method, Method::GET | Method::HEAD) {
        let words = status.canonical_reason().unwrap_or_default();
        let target = to.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;").replace('>', "&gt;");
        let page = format!("<a href=\"{target}\">{words}</a>.\n\n");
        with_type(status, HeaderValue::from_static("text/html; charset=utf-8"), page)
    } else {
        empty(status)
    };
    set(&mut reply, LOCATION, to);
    reply
}

/// Sets a header; one that HTTP does not allow is left out.
pub fn set(reply: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

/// A body of a media type.
pub fn with_type(status: StatusCode, media_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, media_type);
    reply
}
