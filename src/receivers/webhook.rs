//! The webhook: Alertmanager's body of version 4, byte for byte, or the `payload` of the configuration.
//!
//! Beyond Alertmanager's, a request has the header `webhook-id`: the notification id, the same over all attempts.

use futures_util::future::BoxFuture;

use super::answer::SendError;
use super::body::Data;
use super::http::{HttpClient, Post};
use super::{Context, Sender, render, secret};
use crate::config::settings::WebhookConfig;
use crate::core::outbox::Delivery;
use crate::json::write_string;

/// One `webhook_configs` entry, ready to send.
pub struct Webhook {
    config: WebhookConfig,
    client: HttpClient,
}

impl Webhook {
    /// Opens nothing until the first notification.
    pub fn new(config: &WebhookConfig) -> Self {
        Self { config: config.clone(), client: HttpClient::new(&config.http) }
    }

    async fn attempt(&self, delivery: &Delivery, context: &Context) -> Result<(), SendError> {
        let (data, truncated) = Data::new(delivery, &context.external_url, self.config.max_alerts);
        let url = render(&secret::read(&self.config.url).await?, &data)?;
        if url.is_empty() {
            return Err(SendError::refused("webhook URL is empty after templating"));
        }
        let body = match &self.config.payload {
            Some(payload) => custom_body(payload, &data)?,
            None => standard_body(&data, &delivery.thread.group_key, truncated),
        };
        let id = delivery.notification_id();
        let answer = self.client.post(Post { url: &url, headers: &[("webhook-id", &id)], body }).await?;
        answer.check(context.clock.now()).map(drop)
    }
}

impl Sender for Webhook {
    fn send<'a>(&'a self, delivery: &'a Delivery, context: &'a Context) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(self.attempt(delivery, context))
    }
}

/// Version 4 of the body, with the line feed at its end.
pub fn standard_body(data: &Data, group_key: &str, truncated: usize) -> String {
    let mut out = String::with_capacity(512 + 512 * data.alerts.len());
    data.write_open_object(&mut out);
    out.push_str(",\"version\":\"4\",\"groupKey\":");
    write_string(&mut out, group_key, true);
    out.push_str(",\"truncatedAlerts\":");
    out.push_str(&truncated.to_string());
    out.push_str("}\n");
    out
}

/// The `payload` with its texts filled in.
fn custom_body(payload: &serde_json::Value, data: &Data) -> Result<String, SendError> {
    let mut out = String::new();
    write_value(payload, data, &mut out)?;
    out.push('\n');
    Ok(out)
}

fn write_value(value: &serde_json::Value, data: &Data, out: &mut String) -> Result<(), SendError> {
    match value {
        serde_json::Value::String(text) => write_string(out, &render(text, data)?, true),
        serde_json::Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(item, data, out)?;
            }
            out.push(']');
        }
        serde_json::Value::Object(entries) => {
            // Sorted after rendering, and by bytes, as Go sorts the keys of a map.
            let mut rendered = std::collections::BTreeMap::new();
            for (key, value) in entries {
                rendered.insert(render(key, data)?, value);
            }
            out.push('{');
            for (i, (key, value)) in rendered.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(out, &key, true);
                out.push(':');
                write_value(value, data, out)?;
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
    Ok(())
}
