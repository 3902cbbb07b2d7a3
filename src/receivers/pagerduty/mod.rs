//! PagerDuty: Events API v2, and v1 where the configuration has a service key.
//!
//! Bodies are Alertmanager's, byte for byte; under `template_engine: handlebars` they say as well when it happened. What
//! PagerDuty would refuse is made to fit instead, since a page that is refused wakes nobody: a summary is cut at 1024
//! characters, a severity that PagerDuty does not know becomes `error`, texts that would fill an event are cut, and of an
//! event above 512 KB only as much of the largest details goes as must. What was cut is said in the details
//! (`andon_note`, and of details themselves `error`) and in the log.

mod details;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use self::details::Details;
use super::answer::{Answer, SendError};
use super::http::{HttpClient, Post};
use super::notice::{Notice, Sent, shorten, subject};
use super::object::Object;
use super::{Context, Sender, secret};
use crate::config::settings::{PagerdutyConfig, SecretSource};
use crate::core::notification::Data;
use crate::core::outbox::{Delivery, Reason, ReceiverData};
use crate::metrics::FailureReason;
use crate::time::Timestamp;

/// Where events of the old API go.
const V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
/// The longest summary that PagerDuty takes, in characters.
const MAX_SUMMARY: usize = 1024;
/// The largest event that PagerDuty takes, in bytes.
const MAX_EVENT: usize = 512_000;
/// The longest of the other texts, in characters, so that they leave room for the details.
const MAX_TEXT: usize = 8_192;
/// How much of a severity that PagerDuty does not know is quoted, in characters.
const QUOTED: usize = 100;
/// The severities that PagerDuty knows.
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];
/// How long a key that sent too much is left alone where PagerDuty does not say: its bucket fills once a minute.
const RATE_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// One `pagerduty_configs` entry, ready to send.
pub struct Pagerduty {
    config: PagerdutyConfig,
    client: HttpClient,
    v1_url: String,
}

/// What both versions of the API have in common.
struct Event {
    key: String,
    dedup_key: String,
    action: &'static str,
    summary: String,
    client: String,
    client_url: String,
}

impl Pagerduty {
    /// Opens nothing until the first notification.
    pub fn new(config: &PagerdutyConfig) -> Self {
        Self { config: config.clone(), client: HttpClient::new(&config.http), v1_url: V1_URL.to_owned() }
    }

    async fn attempt(&self, delivery: &Delivery, context: &Context) -> Result<Sent, SendError> {
        let (mut notice, _) = Notice::new(delivery, context, 0);
        let old = self.config.service_key.is_some();
        let (name, source) = match (&self.config.service_key, &self.config.routing_key) {
            (Some(source), _) => ("service key", Some(source)),
            (None, source) => ("routing key", source.as_ref()),
        };
        let key = key(&notice, name, source).await?;
        let event = self.event(&mut notice, delivery, key);
        let details = Details::render(&self.config.details, &mut notice);
        let (url, body) = match old {
            true => (&self.v1_url, self.v1(&mut notice, &event, details)),
            false => (&self.config.url, self.v2(&mut notice, &event, details)),
        };
        let post = Post { url, headers: &[], body: body.into(), secrets: &[&event.key] };
        let answer = self.client.post(post).await?;
        judge(answer, old, context.clock.now())?;
        Ok(notice.sent(ReceiverData::new()))
    }

    fn event(&self, notice: &mut Notice<'_>, delivery: &Delivery, key: String) -> Event {
        let mut summary = notice.text("description", &self.config.description, subject);
        if summary.trim().is_empty() {
            // PagerDuty refuses an event that says nothing.
            summary = subject(notice.data());
        }
        if shorten(&mut summary, MAX_SUMMARY) {
            notice.cut(format!("the summary, to {MAX_SUMMARY} characters"));
        }
        let client = bounded("client", &self.config.client, notice, |_| "Andon".to_owned());
        let mut client_url = notice.plain("client_url", &self.config.client_url);
        if client_url.chars().nth(MAX_TEXT).is_some() {
            notice.cut(format!("client_url, left out, since it has more than {MAX_TEXT} characters"));
            client_url.clear();
        }
        Event {
            key,
            dedup_key: delivery.thread.group_key_hash(),
            action: match delivery.reason {
                Reason::Acknowledged => "acknowledge",
                _ if delivery.firing() => "trigger",
                _ => "resolve",
            },
            summary,
            client,
            client_url,
        }
    }

    fn v1(&self, notice: &mut Notice<'_>, event: &Event, details: Details) -> String {
        let trigger = event.action == "trigger";
        details.fit(notice, MAX_EVENT, |details, _| {
            let mut object = Object::empty();
            object.text("service_key", &event.key);
            object.text("incident_key", &event.dedup_key);
            object.text("event_type", event.action);
            object.text_if("description", &event.summary);
            object.text("event_action", "");
            object.raw("payload", "null");
            object.text_if("client", if trigger { &event.client } else { "" });
            object.text_if("client_url", if trigger { &event.client_url } else { "" });
            if let Some(details) = details {
                object.raw("details", details);
            }
            object.end() + "\n"
        })
    }

    fn v2(&self, notice: &mut Notice<'_>, event: &Event, details: Details) -> String {
        let mut source = bounded("source", &self.config.source, notice, |_| "Andon".to_owned());
        if source.is_empty() {
            source.push_str("Andon");
        }
        let severity = self.severity(notice);
        let of_asset = [
            ("class", bounded("class", &self.config.class, notice, |_| String::new())),
            ("component", bounded("component", &self.config.component, notice, |_| String::new())),
            ("group", bounded("group", &self.config.group, notice, |_| String::new())),
        ];
        let (images, links) = (self.images(notice), self.links(notice));
        let timestamp = if notice.is_alertmanagers() { None } else { moment(notice.data()) };
        details.fit(notice, MAX_EVENT, |details, bare| {
            let mut payload = Object::empty();
            payload.text("summary", &event.summary);
            payload.text("source", &source);
            payload.text("severity", &severity);
            if let Some(timestamp) = timestamp {
                payload.text("timestamp", &timestamp.to_string());
            }
            for (name, text) in &of_asset {
                payload.text_if(name, text);
            }
            if let Some(details) = details {
                payload.raw("custom_details", details);
            }
            let mut object = Object::empty();
            object.text("routing_key", &event.key);
            object.text("dedup_key", &event.dedup_key);
            object.text("event_action", event.action);
            object.raw("payload", &payload.end());
            object.text_if("client", &event.client);
            object.text_if("client_url", &event.client_url);
            if !bare {
                object.list_if("images", &images);
                object.list_if("links", &links);
            }
            object.end() + "\n"
        })
    }

    fn severity(&self, notice: &mut Notice<'_>) -> String {
        let mut rendered = notice.plain("severity", &self.config.severity);
        let severity = rendered.trim().to_lowercase();
        if SEVERITIES.contains(&severity.as_str()) {
            return severity;
        }
        if !severity.is_empty() {
            shorten(&mut rendered, QUOTED);
            notice.cut(format!("the severity {rendered:?}, which PagerDuty does not know, to \"error\""));
        }
        "error".to_owned()
    }

    fn images(&self, notice: &mut Notice<'_>) -> Vec<String> {
        let mut images = Vec::new();
        for [src, alt, href] in &self.config.images {
            let src = notice.plain("images.src", src);
            let mut image = Object::empty();
            image.text("src", &src);
            image.text("alt", &notice.plain("images.alt", alt));
            image.text("href", &notice.plain("images.href", href));
            images.extend((!src.is_empty()).then(|| image.end()));
        }
        images
    }

    fn links(&self, notice: &mut Notice<'_>) -> Vec<String> {
        let mut links = Vec::new();
        for [href, text] in &self.config.links {
            let href = notice.plain("links.href", href);
            let mut link = Object::empty();
            link.text("href", &href);
            link.text("text", &notice.plain("links.text", text));
            links.extend((!href.is_empty()).then(|| link.end()));
        }
        links
    }
}

impl Sender for Pagerduty {
    fn send<'a>(&'a self, delivery: &'a Delivery, context: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(self.attempt(delivery, context))
    }
}

/// Fills in a text that is cut where it would fill the event.
fn bounded(name: &str, template: &str, notice: &mut Notice<'_>, built_in: impl FnOnce(&Data) -> String) -> String {
    let mut text = notice.text(name, template, built_in);
    if shorten(&mut text, MAX_TEXT) {
        notice.cut(format!("the {name}, to {MAX_TEXT} characters"));
    }
    text
}

/// When what the event tells happened: the first of the alerts began to fire, or the last was over.
fn moment(data: &Data) -> Option<Timestamp> {
    match data.status {
        "firing" => data.alerts.iter().filter(|alert| alert.status == "firing").map(|alert| alert.starts_at).min(),
        _ => data.alerts.iter().map(|alert| alert.ends_at).max(),
    }
}

/// The key of the integration; it may be a template.
async fn key(notice: &Notice<'_>, name: &str, source: Option<&SecretSource>) -> Result<String, SendError> {
    let written = match source {
        Some(source) => secret::read(source).await?,
        None => String::new(),
    };
    let key = notice.required(name, &written)?;
    if key.is_empty() {
        return Err(SendError::refused(format!("{name} cannot be empty")));
    }
    Ok(key)
}

/// What PagerDuty's answer means. The old API limits with 403; of a 400 the reasons within are told.
fn judge(answer: Answer, old: bool, now: Timestamp) -> Result<(), SendError> {
    if old && answer.status == 403 {
        let failure = FailureReason::RateLimited;
        return Err(SendError::Retry { error: answer.error_with(""), after: Some(RATE_LIMIT_WAIT), failure });
    }
    if answer.status == 400 {
        let error = answer.error_with(&reasons(&answer.body));
        return Err(SendError::Refused { error, failure: FailureReason::Client });
    }
    let limited = answer.status == 429;
    match answer.check(now) {
        Err(SendError::Retry { error, after: None, failure }) if limited => {
            Err(SendError::Retry { error, after: Some(RATE_LIMIT_WAIT), failure })
        }
        checked => checked.map(drop),
    }
}

/// `message: error,error` of a refusal; the answer as it is where it is none of PagerDuty's.
fn reasons(body: &str) -> String {
    let Ok(Value::Object(answer)) = serde_json::from_str(body) else { return body.to_owned() };
    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
    let errors = answer.get("errors").and_then(Value::as_array).into_iter().flatten();
    let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
    format!("{message}: {}", errors.join(","))
}
