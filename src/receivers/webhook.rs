//! The webhook: Alertmanager's body of version 4, byte for byte, or the `payload` of the configuration.
//!
//! Beyond Alertmanager's, a request has the header `webhook-id`: the notification id, the same over all attempts; with a
//! `signing_secret` also `webhook-timestamp` and `webhook-signature` (see [`super::signature`]). Where
//! the `payload` has a template that fails, the body of version 4 goes out with one more key, `note`, that says so.

use futures_util::future::BoxFuture;

use super::answer::SendError;
use super::body::{Data, write_open_object};
use super::http::{HttpClient, Post};
use super::notice::{Notice, Sent};
use super::{Context, Sender, payload, secret, signature};
use crate::config::settings::WebhookConfig;
use crate::core::outbox::{Delivery, ReceiverData};
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

    async fn attempt(&self, delivery: &Delivery, context: &Context) -> Result<Sent, SendError> {
        let (mut notice, truncated) = Notice::new(delivery, context, self.config.max_alerts);
        let url = notice.required("url", &secret::read(&self.config.url).await?)?;
        if url.is_empty() {
            return Err(SendError::refused("webhook URL is empty after templating"));
        }
        let payload = self.config.payload.as_ref().and_then(|payload| notice.value("payload", payload));
        let body = match payload {
            Some(payload) => {
                let mut body = String::new();
                payload::write_value(&payload, &mut body);
                body.push('\n');
                body
            }
            None => {
                let data = notice.data_with_route_labels();
                standard_body(&data, &delivery.thread.group_key, truncated, notice.note().as_deref())
            }
        };
        let id = delivery.notification_id();
        let now = context.clock.now();
        let seconds = now.secs().to_string();
        let mut headers = vec![("webhook-id", id.as_str())];
        let signature = match &self.config.signing_secret {
            Some(secret) => Some(signature::of(secret, &id, now.secs(), &body).await?),
            None => None,
        };
        if let Some(signature) = &signature {
            headers.extend([("webhook-timestamp", seconds.as_str()), ("webhook-signature", signature)]);
        }
        let answer = self.client.post(Post { url: &url, headers: &headers, body: body.into(), secrets: &[] }).await?;
        answer.check(now)?;
        Ok(notice.sent(ReceiverData::new()))
    }
}

impl Sender for Webhook {
    fn send<'a>(&'a self, delivery: &'a Delivery, context: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(self.attempt(delivery, context))
    }
}

/// Version 4 of the body, with the line feed at its end; with a note only where something failed.
pub fn standard_body(data: &Data, group_key: &str, truncated: usize, note: Option<&str>) -> String {
    let mut out = String::with_capacity(512 + 512 * data.alerts.len());
    write_open_object(data, &mut out);
    out.push_str(",\"version\":\"4\",\"groupKey\":");
    write_string(&mut out, group_key, true);
    out.push_str(",\"truncatedAlerts\":");
    out.push_str(&truncated.to_string());
    if let Some(note) = note {
        out.push_str(",\"note\":");
        write_string(&mut out, note, true);
    }
    out.push_str("}\n");
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::receivers::test_support::{delivery, told};
    use crate::time::Timestamp;

    #[test]
    fn the_body_is_what_alertmanager_sent_for_these_alerts() {
        let mut first = told(
            &[("alertname", "A1"), ("g", "é<&>\"\\ \u{1}\u{2028}x\u{7f}"), ("team", "x")],
            &[("e", ""), ("s", "tab\tnl\ncr\rbs\u{8}ff\u{c} nul? \u{1f} \u{2029} </script> 😀")],
            false,
        );
        let alert = Arc::get_mut(&mut first.alert).unwrap();
        alert.generator_url = "http://p/g?a=1&b=<2>".into();
        alert.starts_at = Timestamp::new(1_795_339_800, 123_456_789).with_offset_minutes(330);
        let mut second =
            told(&[("alertname", "A3"), ("g", "é<&>\"\\ \u{1}\u{2028}x\u{7f}"), ("team", "x")], &[("e", "")], false);
        let alert = Arc::get_mut(&mut second.alert).unwrap();
        alert.generator_url = "".into();
        alert.starts_at = Timestamp::new(1_795_359_600, 0);
        let mut row = delivery(vec![first, second]);
        row.thread.receiver = r"a.b+c/*?()|[]{}^$\-é".into();
        row.group_labels = row.alerts[0].alert.labels.filtered(|name| name == "g");
        row.thread.group_key = format!("{{}}:{}", row.group_labels).into();
        let (data, truncated) = Data::new(&row, &"http://h.example:9093/pre".into(), 0);
        let body = standard_body(&data, &row.thread.group_key, truncated, None);
        // Recorded from 0.33.1, with the `routeLabels` that 0.34 adds; DEL is shown as ␡.
        let expected = concat!(
            r##"{"receiver":"a\\.b\\+c/\\*\\?\\(\\)\\|\\[\\]\\{\\}\\^\\$\\\\-é","status":"firing","alerts":[{"status"##,
            r##"":"firing","labels":{"alertname":"A1","g":"é\u003c\u0026\u003e\"\\ \u0001\u2028x␡","team":"x"},"anno"##,
            r##"tations":{"e":"","s":"tab\tnl\ncr\rbs\bff\f nul? \u001f \u2029 \u003c/script\u003e 😀"},"startsAt":"2"##,
            r##"026-11-22T15:00:00.123456789+05:30","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/g?a=1\u"##,
            r##"0026b=\u003c2\u003e","fingerprint":"8497023fddbe3518"},{"status":"firing","labels":{"alertname":"A3""##,
            r##","g":"é\u003c\u0026\u003e\"\\ \u0001\u2028x␡","team":"x"},"annotations":{"e":""},"startsAt":"2026-11"##,
            r##"-22T15:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"bf592aa20c2545a6"}],"##,
            r##""notification_reason":"first notification","groupLabels":{"g":"é\u003c\u0026\u003e\"\\ \u0001\u2028x"##,
            r##"␡"},"commonLabels":{"g":"é\u003c\u0026\u003e\"\\ \u0001\u2028x␡","team":"x"},"commonAnnotations":{"e"##,
            r##"":""},"routeLabels":{},"externalURL":"http://h.example:9093/pre","version":"4","groupKey":"{}:{g=\"é"##,
            r##"\u003c\u0026\u003e\\\"\\\\ \\x01\\u2028x\\x7f\"}","truncatedAlerts":0}"##,
            "\n",
        );
        assert_eq!(body.replace('\u{7f}', "␡"), expected);
    }
}
