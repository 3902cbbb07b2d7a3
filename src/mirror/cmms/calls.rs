//! One request to a maintenance system, from its templates to what its answer says.

use std::time::Duration;

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderValue, Method};
use serde_json::Value;

use crate::config::settings::{Cmms, CmmsRequest, CmmsToken};
use crate::receivers::answer::SendError;
use crate::receivers::http::{Call, HttpClient};
use crate::template::Requests;

/// Why a request did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    pub reason: String,
    pub kind: Kind,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system is away, overloaded, or does not let us in. Whether it did what was asked is not known.
    Away,
    /// Something went wrong with this order. Whether the system did what was asked is not known.
    Unclear,
    /// The system did not do it: it refused, or was not even asked.
    Refused,
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The order's id, or empty.
    pub id: String,
    /// Its status in the system's own word, or empty.
    pub status: String,
    /// Who has it, if the answer says so.
    pub assignee: Option<String>,
}

/// Makes requests to one system.
pub struct Calls {
    client: HttpClient,
    templates: Requests,
    url: String,
    token: Option<CmmsToken>,
    timeout: Duration,
}

impl Calls {
    pub fn new(settings: &Cmms) -> Self {
        let client = HttpClient::new(&settings.http);
        let (url, token) = (settings.url.clone(), settings.token.clone());
        Self { client, templates: Requests::default(), url, token, timeout: settings.timeout }
    }

    /// Makes one request.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn make(&self, name: &str, request: &CmmsRequest, context: &Value) -> Result<Answered, Failure> {
        let refused = |reason: String| Failure { reason: format!("{name}: {reason}"), kind: Kind::Refused };
        let path = self.templates.path(&request.path, context).map_err(|error| refused(format!("path: {error}")))?;
        let body = match request.body.trim() {
            "" => None,
            body => Some(self.templates.body(body, context).map_err(|error| refused(format!("body: {error}")))?),
        };
        let method: Method = request.method.parse().map_err(|_| refused("no such method".to_owned()))?;
        let mut headers: Vec<(String, String)> = request.headers.clone().into_iter().collect();
        let mut secrets = Vec::new();
        if let (Some(token), true) = (&self.token, method != Method::GET) {
            secrets = self.fetch(token).await?;
            headers.extend(secrets.iter().cloned());
        }
        let url = format!("{}{path}", self.url);
        let body = body.map(|body| Bytes::from(body.to_string()));
        let call = Call { method, url: &url, headers: &headers, body };
        let answered = tokio::time::timeout(self.timeout, self.client.call(&call)).await;
        let answered = answered.unwrap_or_else(|_| Err(SendError::timed_out(self.timeout)));
        let (answer, shown) = answered.map_err(|error| failure(name, &error))?;
        if !(200..300).contains(&answer.status) {
            let shown = secrets.iter().fold(shown, |shown, (_, secret)| shown.replace(secret, "<redacted>"));
            let shown: String = shown.trim().chars().take(300).collect();
            let hint = if matches!(answer.status, 401 | 403) {
                " (is the key right, and does the licence allow API access?)"
            } else {
                ""
            };
            return Err(Failure {
                reason: format!("{name}: status {}{hint}: {shown}", answer.status),
                kind: kind(answer.status),
            });
        }
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let at = |pointer: &str| (!pointer.is_empty()).then(|| body.pointer(pointer)).flatten();
        let assignee = at(&request.assignee).map(word);
        Ok(Answered {
            id: at(&request.id).map(word).unwrap_or_default(),
            status: at(&request.status).map(word).unwrap_or_default(),
            assignee,
        })
    }
}

impl Calls {
    /// The headers that a request which changes something has to bring: the token, and the cookies of the session that it
    /// is good for. Fetched for each, since how long they are good is the system's business.
    async fn fetch(&self, token: &CmmsToken) -> Result<Vec<(String, String)>, Failure> {
        let url = format!("{}{}", self.url, token.path);
        let headers = [(token.header.clone(), "Fetch".to_owned())];
        let call = Call { method: Method::GET, url: &url, headers: &headers, body: None };
        let answered = tokio::time::timeout(self.timeout, self.client.call(&call)).await;
        let answered = answered.unwrap_or_else(|_| Err(SendError::timed_out(self.timeout)));
        let (answer, _) = answered.map_err(|error| failure("token", &error))?;
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let found = answer.headers.get(&token.header).filter(|_| (200..300).contains(&answer.status)).and_then(text);
        let Some(found) = found else {
            let reason = format!("token: status {}, and no token in the header {}", answer.status, token.header);
            return Err(Failure { reason, kind: Kind::Away });
        };
        // Of a cookie only name and value go back.
        let cookies = answer.headers.get_all(SET_COOKIE).iter().filter_map(text);
        let cookies = cookies.filter_map(|cookie| cookie.split(';').next().map(|pair| pair.trim().to_owned()));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let mut headers = vec![(token.header.clone(), found)];
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies));
        }
        Ok(headers)
    }
}

/// A text, a number, or nothing.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn failure(name: &str, error: &SendError) -> Failure {
    let kind = match error {
        SendError::Retry { .. } | SendError::PutOff { .. } | SendError::NotConfigured { .. } => Kind::Away,
        SendError::Refused { .. } => Kind::Refused,
    };
    Failure { reason: format!("{name}: {error}"), kind }
}

fn kind(status: u16) -> Kind {
    match status {
        401 | 403 | 408 | 425 | 429 | 502..=504 => Kind::Away,
        500..=599 => Kind::Unclear,
        _ => Kind::Refused,
    }
}
