//! What the tests of receivers and of delivery share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Context;
use crate::config::secret::Secret;
use crate::config::settings::{Auth, HttpConfig, Proxy, SecretSource, TlsConfig, WebhookConfig};
use crate::core::ack::Ack;
use crate::core::alert::Alert;
use crate::core::label::LabelSet;
use crate::core::outbox::{Delivery, DeliveryId, Reason, Thread, ToldAlert};
use crate::template::{Engine, Templates};
use crate::time::{Clock, Timestamp};

/// 2026-11-22T14:48:28.98664923Z
pub(crate) fn starts_at() -> Timestamp {
    Timestamp::new(1_795_358_908, 986_649_230)
}

/// A service at `http://host:9093` with Go templates and no assets.
pub(crate) fn context() -> Context {
    Context {
        external_url: "http://host:9093".into(),
        clock: Clock::System,
        templates: Templates::load(Engine::Go, Path::new("."), &[]).unwrap(),
        assets: Arc::default(),
        links: Arc::new(crate::mail_link::LinkKey::random()),
        time_zone: Arc::from("UTC"),
    }
}

/// A set of labels.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    LabelSet::new(pairs.iter().copied()).unwrap()
}

/// An alert that fires, or that ended a minute after it began.
pub(crate) fn told(pairs: &[(&str, &str)], annotations: &[(&str, &str)], resolved: bool) -> ToldAlert {
    let lasts = Duration::from_secs(if resolved { 60 } else { 3600 });
    let alert = Alert {
        labels: labels(pairs),
        annotations: labels(annotations),
        generator_url: "http://p/g".into(),
        starts_at: starts_at(),
        ends_at: starts_at().after(lasts),
        updated_at: starts_at(),
        timeout: false,
    };
    ToldAlert { alert: Arc::new(alert), resolved }
}

/// A row of the outbox for the receiver `team`.
pub(crate) fn delivery(alerts: Vec<ToldAlert>) -> Delivery {
    Delivery {
        id: DeliveryId(1),
        thread: Thread { group_key: "{}:{}".into(), receiver: "team".into(), kind: "webhook".into(), index: 0 },
        episode: starts_at(),
        sequence: 0,
        reason: Reason::First,
        decided_at: starts_at(),
        group_labels: LabelSet::empty(),
        route_labels: LabelSet::empty(),
        alerts: alerts.into(),
        new: Default::default(),
        attempts: 0,
        due_at: starts_at(),
        tried_since: starts_at(),
        last_error: String::new(),
        receiver_data: Default::default(),
        acknowledged: None,
        undelivered_since: starts_at(),
        news: None,
        orders: Default::default(),
        told_with: None,
        named_after: None,
    }
}

/// An `http_config` with nothing set.
pub(crate) fn http_config() -> HttpConfig {
    HttpConfig {
        auth: Auth::None,
        tls: TlsConfig::default(),
        follow_redirects: true,
        enable_http2: true,
        proxy: Proxy::default(),
        headers: BTreeMap::new(),
    }
}

/// A `webhook_configs` entry with nothing but its URL set.
pub(crate) fn webhook_config(url: &str) -> WebhookConfig {
    WebhookConfig {
        url: inline(url),
        http: http_config(),
        max_alerts: 0,
        timeout: Duration::ZERO,
        payload: None,
        signing_secret: None,
    }
}

/// A secret that stands in the configuration.
pub(crate) fn inline(text: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(text))
}

/// An acknowledgement by ann until 2026-11-22 17:00 UTC.
pub(crate) fn ack() -> Arc<Ack> {
    let (at, until) = (Timestamp::new(1_795_359_600, 0), Timestamp::new(1_795_366_800, 0));
    let (group_key, group_labels) = (Arc::from("{}:{}"), LabelSet::empty());
    let (who, comment) = ("ann".into(), "<on> my way".into());
    Arc::new(Ack { group_key, group_labels, who, comment, at, until, known: Default::default() })
}
