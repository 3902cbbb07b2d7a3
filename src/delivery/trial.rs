//! Test notifications: one through the real path of a receiver, at once, with what came back.
//!
//! A trial is no decision of the engine: it is not stored, not tried again, and no part of any thread. Its alert says
//! that it is a test. What opens something that has to be closed again (a PagerDuty incident) is told the end as well.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use uuid::Uuid;

use crate::core::alert::Alert;
use crate::core::label::LabelSet;
use crate::core::outbox::{Delivery, DeliveryId, Exchange, Reason, Thread, ToldAlert};
use crate::receivers::answer::SendError;
use crate::receivers::notice::Sent;
use crate::receivers::{Receivers, exchange};
use crate::time::{Clock, Timestamp};

/// The alertname of test notifications.
pub const ALERTNAME: &str = "AndonTest";
/// How long the alert of a test notification is said to last.
const LASTS: Duration = Duration::from_secs(300);

/// Sends test notifications.
#[derive(Clone)]
pub struct Trial {
    /// Who can be told; exchanged at a reload.
    pub receivers: Arc<ArcSwap<Receivers>>,
    /// What time it is.
    pub clock: Clock,
}

/// What came of the test notification to one integration.
#[derive(Clone, Debug)]
pub struct Tried {
    /// `pagerduty[0]`
    pub integration: String,
    /// How it ended: what went out, or why it did not.
    pub result: Result<Sent, SendError>,
    /// What was said and heard, without secrets.
    pub exchange: Exchange,
    /// How long it took.
    pub took: Duration,
}

impl Trial {
    /// Sends one test notification to each integration of a receiver, in their order. Nothing where the configuration
    /// has no such receiver.
    pub async fn send(&self, receiver: &str) -> Option<Vec<Tried>> {
        let receivers = self.receivers.load_full();
        let integrations = receivers.integrations(receiver)?;
        // A thread of its own: no other notification is touched by it.
        let group_key: Arc<str> = format!("{{}}:{{alertname=\"{ALERTNAME}\", test=\"{}\"}}", Uuid::new_v4()).into();
        let mut tried = Vec::new();
        for (kind, index, says_both) in integrations {
            let thread =
                Thread { group_key: Arc::clone(&group_key), receiver: receiver.into(), kind: kind.into(), index };
            let mut row = notification(self.clock.now(), thread);
            let first = attempt(&receivers, &row).await;
            let opened = first.result.is_ok() && !says_both;
            tried.push(first);
            if opened {
                end(&mut row, self.clock.now());
                tried.push(attempt(&receivers, &row).await);
            }
        }
        Some(tried)
    }
}

async fn attempt(receivers: &Receivers, row: &Delivery) -> Tried {
    let started = Instant::now();
    let (result, exchange) = exchange::of(send(receivers, row)).await;
    let integration = format!("{}[{}]", row.thread.kind, row.thread.index);
    Tried { integration, result, exchange, took: started.elapsed() }
}

async fn send(receivers: &Receivers, row: &Delivery) -> Result<Sent, SendError> {
    let integration = receivers.find(&row.thread)?;
    if let Some(Err(wait)) = integration.limit.as_ref().map(|limit| limit.take()) {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let error = format!("the receiver's rate limit lets the next one through in {seconds} s");
        return Err(SendError::retry(error));
    }
    integration.attempt(row, receivers.context()).await
}

fn notification(now: Timestamp, thread: Thread) -> Delivery {
    let alert = Alert {
        labels: labels(&[("alertname", ALERTNAME), ("severity", "info"), ("test", "true")]),
        annotations: labels(&[
            ("summary", "Test notification from Andon: nothing is wrong"),
            ("description", "Somebody asked Andon to try this receiver. There is nothing to do."),
        ]),
        generator_url: "".into(),
        starts_at: now,
        ends_at: now.after(LASTS),
        updated_at: now,
        timeout: false,
    };
    Delivery {
        id: DeliveryId(0),
        thread,
        episode: now,
        sequence: 0,
        reason: Reason::First,
        decided_at: now,
        group_labels: labels(&[("alertname", ALERTNAME)]),
        route_labels: LabelSet::empty(),
        alerts: Arc::from([ToldAlert { alert: Arc::new(alert), resolved: false }]),
        new: Default::default(),
        attempts: 0,
        due_at: now,
        tried_since: now,
        undelivered_since: now,
        last_error: String::new(),
        receiver_data: Default::default(),
        acknowledged: None,
        news: None,
        orders: Default::default(),
        told_with: None,
        named_after: None,
    }
}

/// Makes it the notification that all is over.
fn end(row: &mut Delivery, now: Timestamp) {
    let over = |told: &ToldAlert| ToldAlert {
        alert: Arc::new(Alert { ends_at: now, ..Alert::clone(&told.alert) }),
        resolved: true,
    };
    row.alerts = row.alerts.iter().map(over).collect();
    (row.sequence, row.reason) = (1, Reason::AllResolved);
}

/// These labels; none where they were no labels, which the ones above are.
fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    LabelSet::new(pairs.iter().copied()).unwrap_or_else(|_| LabelSet::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    use crate::config::settings::{IntegrationConfig, PagerdutyConfig, Per, RateLimit, ReceiverConfig};
    use crate::receivers::stand_in::{Reply, StandIn};
    use crate::receivers::test_support::{context, inline, webhook_config};

    fn trial(integrations: Vec<IntegrationConfig>) -> Trial {
        let configs =
            [ReceiverConfig { name: "team".into(), was: Vec::new(), integrations, rate_limit: None, digest: true }];
        let receivers = Receivers::new(&configs, context(), None);
        Trial { receivers: Arc::new(ArcSwap::from_pointee(receivers)), clock: Clock::System }
    }

    #[tokio::test]
    async fn each_integration_gets_one_marked_notification_and_says_what_came_back() {
        let server = StandIn::start(|seen| match seen.line.contains("/no") {
            true => Reply::status(403),
            false => Reply::status(200),
        })
        .await;
        let webhook = |path| IntegrationConfig::Webhook(Box::new(webhook_config(&server.url(path))));
        let unsupported = IntegrationConfig::Unsupported { kind: "sns" };
        let tried = trial(vec![webhook("/yes"), unsupported, webhook("/no")]).send("team").await.unwrap();
        let ends: Vec<_> = tried.iter().map(|tried| (tried.integration.as_str(), tried.result.is_ok())).collect();
        assert_eq!(ends, [("webhook[0]", true), ("sns[0]", false), ("webhook[1]", false)]);
        assert_eq!(tried[2].result.clone().unwrap_err().to_string(), "unexpected status code 403");
        assert!(tried[0].exchange.request.starts_with("POST http://127.0.0.1/…\n"), "{}", tried[0].exchange.request);
        assert!(tried[2].exchange.answer.starts_with("403"), "{}", tried[2].exchange.answer);
        let seen = server.seen();
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|seen| seen.body.contains("AndonTest") && seen.body.contains("nothing is wrong")));
        assert!(trial(vec![]).send("nobody").await.is_none());
    }

    #[tokio::test]
    async fn how_long_a_rate_limit_lasts_is_told_in_whole_seconds() {
        let server = StandIn::start(|_| Reply::status(200)).await;
        let receivers = Receivers::new(
            &[ReceiverConfig {
                name: "team".into(),
                was: Vec::new(),
                integrations: vec![IntegrationConfig::Webhook(Box::new(webhook_config(&server.url("/"))))],
                rate_limit: Some(RateLimit { tokens: NonZeroU32::MIN, per: Per::Minute, burst: NonZeroU32::MIN }),
                digest: true,
            }],
            context(),
            None,
        );
        let trial = Trial { receivers: Arc::new(ArcSwap::from_pointee(receivers)), clock: Clock::System };
        assert!(trial.send("team").await.unwrap()[0].result.is_ok());
        let error = trial.send("team").await.unwrap()[0].result.clone().unwrap_err();
        let error = error.to_string();
        let wait = error.strip_prefix("the receiver's rate limit lets the next one through in ");
        let seconds = wait.and_then(|wait| wait.strip_suffix(" s")).unwrap_or_default();
        assert!(seconds.parse::<u64>().is_ok_and(|seconds| (1..=60).contains(&seconds)), "{error}");
    }

    #[tokio::test]
    async fn an_incident_that_a_trial_opened_is_closed_and_no_secret_is_shown() {
        let server = StandIn::start(|_| Reply::json(r#"{"status":"success"}"#)).await;
        let routing_key = Some(inline("0123456789abcdef0123456789abcdef"));
        let url = server.url("/v2/enqueue");
        let config = PagerdutyConfig { routing_key, ..crate::receivers::pagerduty::tests::config(&url) };
        let tried = trial(vec![IntegrationConfig::Pagerduty(Box::new(config))]).send("team").await.unwrap();
        assert_eq!(tried.iter().map(|tried| tried.result.is_ok()).collect::<Vec<_>>(), [true, true]);
        let seen = server.seen();
        let said = |at: usize, what: &str| seen[at].body.contains(what);
        assert!(said(0, r#""event_action":"trigger""#) && said(1, r#""event_action":"resolve""#));
        assert!(said(0, "0123456789abcdef0123456789abcdef"), "the server saw the key");
        assert!(tried.iter().all(|tried| !tried.exchange.request.contains("0123456789abcdef")));
        assert!(tried[0].exchange.request.contains(r#""routing_key":"<redacted>""#), "{}", tried[0].exchange.request);
    }
}
