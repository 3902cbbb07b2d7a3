//! The templates that stand in an integration's settings, each with its key, so that they can be looked at when the
//! configuration is loaded.

use serde_json::Value;

use super::settings::{EmailConfig, IntegrationConfig, PagerdutyConfig, SecretSource, SlackConfig};

impl IntegrationConfig {
    /// All of them but those in files and in the environment.
    pub fn templates(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        match self {
            Self::Webhook(config) => {
                source("url", Some(&config.url), &mut found);
                if let Some(payload) = &config.payload {
                    value("payload", payload, &mut found);
                }
            }
            Self::Pagerduty(config) => pagerduty(config, &mut found),
            Self::Slack(config) => slack(config, &mut found),
            Self::Email(config) => email(config, &mut found),
            Self::Unsupported { .. } => {}
        }
        found
    }
}

type Found<'c> = Vec<(String, &'c str)>;

fn source<'c>(name: &str, source: Option<&'c SecretSource>, found: &mut Found<'c>) {
    if let Some(SecretSource::Inline(secret)) = source {
        found.push((name.to_owned(), secret.reveal()));
    }
}

/// Every text and every key of a value.
fn value<'c>(name: &str, of: &'c Value, found: &mut Found<'c>) {
    match of {
        Value::String(text) => found.push((name.to_owned(), text)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| value(&format!("{name}[{i}]"), item, found));
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                found.push((name.to_owned(), key));
                value(&format!("{name}.{key}"), item, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn pagerduty<'c>(config: &'c PagerdutyConfig, found: &mut Found<'c>) {
    source("routing_key", config.routing_key.as_ref(), found);
    source("service_key", config.service_key.as_ref(), found);
    let texts = [
        ("client", &config.client),
        ("client_url", &config.client_url),
        ("description", &config.description),
        ("source", &config.source),
        ("severity", &config.severity),
        ("class", &config.class),
        ("component", &config.component),
        ("group", &config.group),
    ];
    found.extend(texts.map(|(name, text)| (name.to_owned(), text.as_str())));
    for (key, item) in &config.details {
        value(&format!("details.{key}"), item, found);
    }
    for (i, image) in config.images.iter().enumerate() {
        found.extend(image.iter().map(|text| (format!("images[{i}]"), text.as_str())));
    }
    for (i, link) in config.links.iter().enumerate() {
        found.extend(link.iter().map(|text| (format!("links[{i}]"), text.as_str())));
    }
}

fn slack<'c>(config: &'c SlackConfig, found: &mut Found<'c>) {
    found.extend(config.texts.iter().map(|(name, text)| ((*name).to_owned(), text.as_str())));
    for (i, field) in config.fields.iter().enumerate() {
        found.extend([&field.title, &field.value].map(|text| (format!("fields[{i}]"), text.as_str())));
    }
    for (i, action) in config.actions.iter().enumerate() {
        value(&format!("actions[{i}]"), action, found);
    }
}

fn email<'c>(config: &'c EmailConfig, found: &mut Found<'c>) {
    let texts = [("to", &config.to), ("from", &config.from), ("html", &config.html), ("text", &config.text)];
    found.extend(texts.map(|(name, text)| (name.to_owned(), text.as_str())));
    found.extend(config.headers.iter().map(|(name, text)| (format!("headers.{name}"), text.as_str())));
}
