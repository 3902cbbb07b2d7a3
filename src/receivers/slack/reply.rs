//! What Slack's answer means. Incoming webhooks answer `ok` in plain text, the API answers JSON with `ok` in it.

use serde_json::Value;

use crate::metrics::FailureReason;
use crate::receivers::answer::{Answer, SendError};
use crate::receivers::http::BROKEN_OFF;
use crate::time::Timestamp;

/// Refusals of the API that are Slack's own trouble, or that pass: worth another attempt.
const PASSING: [&str; 6] =
    ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"];
/// Refusals to change a message, or to reply to it, that a new message gets around.
const GONE: [&str; 5] =
    ["message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message"];
/// How much of an answer an error quotes, in characters.
const QUOTED: usize = 512;

/// Where a message stands now, if Slack said so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Posted {
    pub(super) ts: Option<String>,
    pub(super) channel: Option<String>,
}

/// Judges an answer.
pub(super) fn judge(answer: Answer, now: Timestamp) -> Result<Posted, SendError> {
    let answer = answer.check(now)?;
    let is_json = answer.content_type.as_deref().is_some_and(|kind| kind.starts_with("application/json"));
    if is_json { json(&answer.body) } else { text(&answer.body) }
}

fn text(body: &str) -> Result<Posted, SendError> {
    // What Slack took must not be posted again because its answer broke off.
    if body == "ok" || body.ends_with(BROKEN_OFF) {
        return Ok(Posted::default());
    }
    Err(refused(format!("received an error response from Slack: {}", piece(body))))
}

fn json(body: &str) -> Result<Posted, SendError> {
    let Ok(answer) = serde_json::from_str::<Value>(body) else {
        // The API repeats the message, so an answer may be longer than what is read of it. It begins with the verdict.
        if body.trim_start().starts_with(r#"{"ok":true"#) {
            return Ok(Posted::default());
        }
        return Err(SendError::retry(format!("could not unmarshal JSON response {:?}", piece(body))));
    };
    let said = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    if answer.get("ok") == Some(&Value::Bool(true)) {
        return Ok(Posted { ts: said("ts"), channel: said("channel") });
    }
    let error = said("error").unwrap_or_default();
    let text = format!("error response from Slack: {}", piece(&error));
    match PASSING.contains(&error.as_str()) {
        true if error.contains("limited") => {
            Err(SendError::Retry { error: text, after: None, failure: FailureReason::RateLimited })
        }
        true => Err(SendError::Retry { error: text, after: None, failure: FailureReason::Server }),
        false => Err(refused(text)),
    }
}

fn refused(error: String) -> SendError {
    SendError::Refused { error, failure: FailureReason::Client }
}

fn piece(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

/// Whether the message that was to be changed or replied to cannot be.
pub(super) fn is_gone(error: &SendError) -> bool {
    let SendError::Refused { error, .. } = error else { return false };
    GONE.iter().any(|gone| error.ends_with(&format!("error response from Slack: {gone}")))
}

/// The error with the channel that it is about.
pub(super) fn in_channel(error: SendError, channel: &str) -> SendError {
    let named = |error: String| format!("channel {channel:?}: {error}");
    match error {
        SendError::Retry { error, after, failure } => SendError::Retry { error: named(error), after, failure },
        SendError::Refused { error, failure } => SendError::Refused { error: named(error), failure },
        // Slack puts nobody off alone.
        other @ (SendError::PutOff { .. } | SendError::NotConfigured { .. }) => other,
    }
}
