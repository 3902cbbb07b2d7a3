//! Stand-ins for PagerDuty's Events API v2 and for Slack's incoming webhooks. Each takes what the real one takes, refuses
//! what the real one refuses, with its answers, and hands on what it heard.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::heard::{By, Ear, Heard};

/// Starts PagerDuty on a free port.
///
/// # Errors
/// If there is none.
pub async fn pagerduty(ear: Ear, tasks: &mut JoinSet<()>) -> Result<SocketAddr, String> {
    serve(Router::new().route("/v2/enqueue", post(enqueue)).with_state(ear), tasks).await
}

/// Starts Slack on a free port.
///
/// # Errors
/// If there is none.
pub async fn slack(ear: Ear, tasks: &mut JoinSet<()>) -> Result<SocketAddr, String> {
    serve(Router::new().route("/services/{channel}", post(webhook)).with_state(ear), tasks).await
}

async fn serve(router: Router, tasks: &mut JoinSet<()>) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "A stand-in failed");
        }
    });
    Ok(address)
}

/// `POST /v2/enqueue`
async fn enqueue(State(ear): State<Ear>, body: String) -> Response {
    let event: Value = serde_json::from_str(&body).unwrap_or_default();
    let wrong = wrong_in(&event);
    if !wrong.is_empty() {
        let answer = json!({"status": "invalid event", "message": "Event object is invalid", "errors": wrong});
        return (StatusCode::BAD_REQUEST, axum::Json(answer)).into_response();
    }
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (action, key) = (text("/event_action"), text("/dedup_key"));
    let mut details = Vec::new();
    if action == "trigger" {
        let [severity, class, group] = ["severity", "class", "group"].map(|field| text(&format!("/payload/{field}")));
        details.push(format!("severity {severity}, class {class}, group {group}"));
    }
    let short: String = key.chars().take(12).collect();
    details.push(format!("incident {short}"));
    // Who hands on last may be gone: the demo ends.
    let headline = format!("{action} {}", text("/payload/summary"));
    let _ = ear.send(Heard { by: By::Pagerduty, headline: headline.trim_end().to_owned(), details });
    let answer = json!({"status": "success", "message": "Event processed", "dedup_key": key});
    (StatusCode::ACCEPTED, axum::Json(answer)).into_response()
}

/// What PagerDuty would refuse.
fn wrong_in(event: &Value) -> Vec<&'static str> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let action = text("/event_action");
    let trigger = action == "trigger";
    let rules = [
        (text("/routing_key").len() == 32, "'routing_key' is missing or is not a valid integration key"),
        (["trigger", "acknowledge", "resolve"].contains(&action), "'event_action' is missing or invalid"),
        (trigger || !text("/dedup_key").is_empty(), "'dedup_key' is missing"),
        (!trigger || !text("/payload/summary").is_empty(), "'payload.summary' is missing or blank"),
        (!trigger || !text("/payload/source").is_empty(), "'payload.source' is missing or blank"),
        (
            !trigger || ["critical", "error", "warning", "info"].contains(&text("/payload/severity")),
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
        ),
    ];
    rules.into_iter().filter(|(right, _)| !right).map(|(_, wrong)| wrong).collect()
}

/// `POST /services/{channel}`
async fn webhook(State(ear): State<Ear>, Path(channel): Path<String>, body: String) -> Response {
    let Ok(Value::Object(message)) = serde_json::from_str::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    };
    let first = message.get("attachments").and_then(|list| list.get(0)).cloned().unwrap_or_default();
    let text = |field: &str| plain(first.get(field).and_then(Value::as_str).unwrap_or_default());
    let own = message.get("text").and_then(Value::as_str).unwrap_or_default();
    if first.is_null() && own.is_empty() {
        return (StatusCode::BAD_REQUEST, "no_text").into_response();
    }
    let title = if text("title").is_empty() { plain(own) } else { text("title") };
    let details = text("text").lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
    // As above.
    let _ = ear.send(Heard { by: By::Slack, headline: format!("#{channel} {title}"), details });
    (StatusCode::OK, "ok").into_response()
}

/// Slack's text as Slack shows it: three characters are escaped.
fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pagerduty_refuses_what_the_real_one_refuses() {
        let key = "0123456789abcdef0123456789abcdef";
        let payload = |severity: &str| json!({"summary": "s", "source": "p", "severity": severity});
        let rows = [
            (json!({"routing_key": key, "event_action": "trigger", "payload": payload("critical")}), 0),
            (json!({"routing_key": key, "event_action": "resolve", "dedup_key": "k"}), 0),
            (json!({"routing_key": key, "event_action": "resolve"}), 1),
            (json!({"routing_key": "short", "event_action": "trigger", "payload": payload("critical")}), 1),
            (json!({"routing_key": key, "event_action": "trigger", "payload": payload("fatal")}), 1),
            (json!({"routing_key": key, "event_action": "trigger"}), 3),
            (json!({}), 3),
        ];
        for (event, wrong) in rows {
            assert_eq!(wrong_in(&event).len(), wrong, "{event}: {:?}", wrong_in(&event));
        }
    }
}
