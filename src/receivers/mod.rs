//! Tells. One file for each kind of integration; each makes one attempt and says how it ended.
//!
//! No receiver retries, waits or remembers: what was told and when it is tried again is the engine's business. An error
//! never holds a URL or a secret, since it is stored, logged and shown.

pub mod answer;
pub mod body;
pub mod email;
pub mod exchange;
pub mod http;
pub mod limit;
pub mod notice;
pub mod oauth2;
pub mod object;
pub mod pagerduty;
pub mod payload;
pub mod secret;
mod signature;
pub mod slack;
pub mod tls;
pub mod webhook;

#[cfg(test)]
mod against_stand_in;
#[cfg(test)]
mod fault_matrix;
#[cfg(test)]
mod over_tls;
#[cfg(test)]
pub(crate) mod stand_in;
#[cfg(test)]
pub(crate) mod test_support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::Asset;
use crate::config::settings::{IntegrationConfig, RateLimit, ReceiverConfig};
use crate::core::outbox::{Delivery, IntegrationKey, Thread};
use crate::mail_link::LinkKey;
use crate::template::Templates;
use crate::time::Clock;
use answer::SendError;
use limit::{Limit, SharedLimits};
use notice::Sent;

/// How long one attempt may take where the configuration sets no shorter time.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);

/// What all receivers need to know of the service and of the configuration in force.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where Andon is reached, without a slash at the end.
    pub external_url: Arc<str>,
    /// Where the time comes from.
    pub clock: Clock,
    /// The templates of the configuration.
    pub templates: Templates,
    /// The plant's assets, by code.
    pub assets: Arc<BTreeMap<Arc<str>, Asset>>,
    /// What the links in mails are signed with.
    pub links: Arc<LinkKey>,
    /// The time zone that people read times in.
    pub time_zone: Arc<str>,
}

/// A way of telling that makes one attempt at a time.
pub trait Sender: Send + Sync {
    /// Tries once to send. Dropping the future ends the attempt.
    fn send<'a>(&'a self, delivery: &'a Delivery, context: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>>;
}

/// One integration of a receiver, ready to send.
pub struct Integration {
    /// How long one attempt may take.
    pub timeout: Duration,
    /// What sends.
    pub sender: Box<dyn Sender>,
    /// How often it may be told; nothing where it does not matter.
    pub limit: Option<Arc<Limit>>,
    rate_limit: Option<RateLimit>,
    /// Whether it may be told in one message what would be too much one by one.
    pub digest: bool,
    config: IntegrationConfig,
}

impl Integration {
    fn new(config: &IntegrationConfig, receiver: &ReceiverConfig, limit: Option<Arc<Limit>>) -> Self {
        let (sender, timeout): (Box<dyn Sender>, Duration) = match config {
            IntegrationConfig::Email(settings) => (Box::new(email::Email::new(settings)), Duration::ZERO),
            IntegrationConfig::Webhook(settings) => (Box::new(webhook::Webhook::new(settings)), settings.timeout),
            IntegrationConfig::Pagerduty(settings) => (Box::new(pagerduty::Pagerduty::new(settings)), settings.timeout),
            IntegrationConfig::Slack(settings) => (Box::new(slack::Slack::new(settings)), settings.timeout),
            IntegrationConfig::Unsupported { .. } => (Box::new(Unsupported { kind: config.kind() }), Duration::ZERO),
        };
        let timeout = if timeout.is_zero() { ATTEMPT_LIMIT } else { timeout.min(ATTEMPT_LIMIT) };
        // Each incident of PagerDuty's has its own key: there is no message that says two things.
        let digest = receiver.digest && !matches!(config, IntegrationConfig::Pagerduty(_));
        Self { timeout, sender, limit, rate_limit: receiver.rate_limit, digest, config: config.clone() }
    }
}

impl Integration {
    fn is(&self, config: &IntegrationConfig, receiver: &ReceiverConfig) -> bool {
        let digest = self.digest == receiver.digest || matches!(config, IntegrationConfig::Pagerduty(_));
        self.config == *config && self.rate_limit == receiver.rate_limit && digest
    }

    /// Whether a message of it names every alert, since a program reads it.
    pub fn names_all(&self) -> bool {
        self.config.kind() == "webhook"
    }

    /// One attempt, which is given up when its time is over, whatever still comes of an answer by then.
    ///
    /// # Errors
    /// As the sender's; [`SendError::NotConfigured`] where a variable that the settings name is not set.
    pub async fn attempt(&self, delivery: &Delivery, context: &Context) -> Result<Sent, SendError> {
        let attempt = tokio::time::timeout(self.timeout, self.send(delivery, context)).await;
        attempt.unwrap_or_else(|_| Err(SendError::timed_out(self.timeout)))
    }

    /// Tries once to send, where there is somebody to send to.
    async fn send(&self, delivery: &Delivery, context: &Context) -> Result<Sent, SendError> {
        if let Some(missing) = self.config.unset() {
            return Err(SendError::NotConfigured { missing });
        }
        self.sender.send(delivery, context).await
    }
}

/// Who can be told: the integrations of the configuration in force, and what they are told with.
pub struct Receivers {
    context: Context,
    by_name: BTreeMap<String, Vec<Arc<Integration>>>,
    /// Former names of receivers, and the present ones.
    renamed: BTreeMap<String, String>,
    /// What earlier configurations had: it may still be owed something.
    former: BTreeMap<IntegrationKey, Arc<Integration>>,
    shared_limits: SharedLimits,
}

impl Receivers {
    /// The integrations of `configs`. Those whose settings stayed as they were in `previous` are taken over with their
    /// connections and tokens.
    pub fn new(configs: &[ReceiverConfig], context: Context, previous: Option<&Self>) -> Self {
        let mut shared_limits = SharedLimits::default();
        let (mut by_name, mut renamed) = (BTreeMap::new(), BTreeMap::new());
        for receiver in configs {
            renamed.extend(receiver.was.iter().map(|was| (was.clone(), receiver.name.clone())));
            let names = std::iter::once(&receiver.name).chain(&receiver.was);
            let known = names.filter_map(|name| previous?.by_name.get(name)).next();
            let integrations = receiver.integrations.iter().map(|config| {
                let limit = match receiver.rate_limit {
                    Some(limit) => Some(Arc::new(Limit::new(limit))),
                    None => shared_limits.of(config, previous.map(|previous| &previous.shared_limits)),
                };
                let same = |known: &&Arc<Integration>| known.is(config, receiver);
                let known = known.into_iter().flatten().find(same).cloned();
                known.unwrap_or_else(|| Arc::new(Integration::new(config, receiver, limit)))
            });
            by_name.insert(receiver.name.clone(), integrations.collect());
        }
        let mut former = previous.map(|previous| previous.former.clone()).unwrap_or_default();
        for (name, integrations) in previous.into_iter().flat_map(|previous| &previous.by_name) {
            let mut places: BTreeMap<_, u32> = BTreeMap::new();
            for integration in integrations {
                let place = places.entry(integration.config.kind()).or_default();
                let (receiver, kind) = (Arc::from(name.as_str()), Arc::from(integration.config.kind()));
                former.insert(IntegrationKey { receiver, kind, index: *place }, Arc::clone(integration));
                *place += 1;
            }
        }
        Self { context, by_name, renamed, former, shared_limits }
    }

    /// What senders need to know.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The integration that a thread speaks to; where the configuration has it no more, as it was when it still did.
    ///
    /// # Errors
    /// [`SendError::Refused`] if no configuration since the start had it.
    pub fn find(&self, thread: &Thread) -> Result<Arc<Integration>, SendError> {
        let name = self.renamed.get(&*thread.receiver).map_or(&*thread.receiver, String::as_str);
        let index = usize::try_from(thread.index).unwrap_or(usize::MAX);
        let present = self.by_name.get(name);
        let found = present.and_then(|integrations| {
            let mut of_kind = integrations.iter().filter(|integration| integration.config.kind() == &*thread.kind);
            of_kind.nth(index)
        });
        if let Some(found) = found.or_else(|| self.former.get(&thread.integration_key())) {
            return Ok(Arc::clone(found));
        }
        let Some(integrations) = present else {
            return Err(SendError::refused(format!("the configuration has no receiver {name:?}")));
        };
        let of_kind = integrations.iter().filter(|integration| integration.config.kind() == &*thread.kind);
        Err(SendError::refused(format!(
            "the receiver {name:?} has {} integrations of the kind {}, and no {}[{}]",
            of_kind.count(),
            thread.kind,
            thread.kind,
            thread.index
        )))
    }

    /// The integrations of a receiver: the kind, the place among those of its kind, and whether one message can say that
    /// an alert fired and is over. Nothing where the configuration has no such receiver.
    pub fn integrations(&self, receiver: &str) -> Option<Vec<(&'static str, u32, bool)>> {
        let mut places: BTreeMap<&str, u32> = BTreeMap::new();
        let listed = self.by_name.get(receiver)?.iter().map(|integration| {
            let kind = integration.config.kind();
            let place = places.entry(kind).or_default();
            let index = *place;
            *place += 1;
            (kind, index, !matches!(integration.config, IntegrationConfig::Pagerduty(_)))
        });
        Some(listed.collect())
    }

    /// Adds an integration that a test wrote.
    #[cfg(test)]
    pub(crate) fn insert(&mut self, receiver: &str, kind: &'static str, timeout: Duration, sender: Box<dyn Sender>) {
        self.insert_limited(receiver, kind, timeout, sender, None);
    }

    /// Has what a test wrote send in the place of a receiver's integrations, under settings that a reload finds unchanged.
    #[cfg(test)]
    pub(crate) fn replace(&mut self, receiver: &str, sender: impl Fn() -> Box<dyn Sender>) {
        for integration in self.by_name.get_mut(receiver).into_iter().flatten() {
            Arc::get_mut(integration).expect("nobody has it yet").sender = sender();
        }
    }

    /// Likewise, with a bucket.
    #[cfg(test)]
    pub(crate) fn insert_limited(
        &mut self,
        receiver: &str,
        kind: &'static str,
        timeout: Duration,
        sender: Box<dyn Sender>,
        limit: Option<Arc<Limit>>,
    ) {
        let config = IntegrationConfig::Unsupported { kind };
        let digest = kind != "pagerduty";
        let integration = Integration { timeout, sender, limit, rate_limit: None, digest, config };
        self.by_name.entry(receiver.into()).or_default().push(Arc::new(integration));
    }
}

/// A kind that cannot be sent to: rows for it are left from another configuration or another version.
struct Unsupported {
    kind: &'static str,
}

impl Sender for Unsupported {
    fn send<'a>(&'a self, _: &'a Delivery, _: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        let refused = SendError::refused(format!("Andon cannot send to integrations of the kind {}", self.kind));
        Box::pin(async move { Err(refused) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::test_support::{context, delivery, told, webhook_config};

    fn receivers(integrations: Vec<IntegrationConfig>, previous: Option<&Receivers>) -> Receivers {
        Receivers::new(
            &[ReceiverConfig { name: "team".into(), was: Vec::new(), integrations, rate_limit: None, digest: true }],
            context(),
            previous,
        )
    }

    fn nobody() -> ReceiverConfig {
        ReceiverConfig {
            name: "team".into(),
            was: Vec::new(),
            integrations: Vec::new(),
            rate_limit: None,
            digest: true,
        }
    }

    fn webhook(url: &str) -> IntegrationConfig {
        IntegrationConfig::Webhook(Box::new(webhook_config(url)))
    }

    #[test]
    fn integrations_are_found_by_their_place_among_their_kind() {
        let unsupported = IntegrationConfig::Unsupported { kind: "sns" };
        let found = receivers(vec![webhook("http://a"), unsupported, webhook("http://b")], None);
        let mut thread = delivery(vec![told(&[("a", "1")], &[], false)]).thread;
        //          receiver   kind      index  URL or error
        let rows = [
            ("team", "webhook", 0, Ok(webhook("http://a"))),
            ("team", "webhook", 1, Ok(webhook("http://b"))),
            ("team", "sns", 0, Ok(IntegrationConfig::Unsupported { kind: "sns" })),
            (
                "team",
                "webhook",
                2,
                Err(r#"the receiver "team" has 2 integrations of the kind webhook, and no webhook[2]"#),
            ),
            ("team", "slack", 0, Err(r#"the receiver "team" has 0 integrations of the kind slack, and no slack[0]"#)),
            ("gone", "webhook", 0, Err(r#"the configuration has no receiver "gone""#)),
        ];
        for (receiver, kind, index, expected) in rows {
            (thread.receiver, thread.kind, thread.index) = (receiver.into(), kind.into(), index);
            let config = found.find(&thread).map(|found| found.config.clone());
            assert_eq!(config.map_err(|error| error.to_string()), expected.map_err(String::from));
        }
    }

    #[test]
    fn a_former_name_leads_to_the_receiver_and_what_was_removed_can_still_be_told() {
        let before = receivers(vec![webhook("http://a"), webhook("http://b")], None);
        let named = |was: &[&str]| ReceiverConfig {
            name: "crew".into(),
            was: was.iter().map(|was| (*was).to_owned()).collect(),
            integrations: vec![webhook("http://a")],
            rate_limit: None,
            digest: true,
        };
        let mut thread = delivery(vec![told(&[("a", "1")], &[], false)]).thread;
        (thread.receiver, thread.kind) = ("team".into(), "webhook".into());
        let found = |receivers: &Receivers, thread: &Thread| receivers.find(thread).map(|found| found.config.clone());
        for was in [&["team"][..], &[]] {
            let after = Receivers::new(&[named(was)], context(), Some(&before));
            for (index, url) in [(0, "http://a"), (1, "http://b")] {
                thread.index = index;
                assert_eq!(found(&after, &thread), Ok(webhook(url)), "{was:?} {index}");
            }
        }
        // However often the configuration is another one meanwhile.
        let crew = |integrations| ReceiverConfig { name: "team".into(), integrations, ..named(&[]) };
        let without = Receivers::new(&[crew(vec![webhook("http://a")])], context(), Some(&before));
        let again = Receivers::new(&[crew(vec![webhook("http://a")])], context(), Some(&without));
        thread.index = 1;
        assert_eq!(found(&again, &thread), Ok(webhook("http://b")));
        // After a restart only the name is known.
        let (renamed, gone) =
            (Receivers::new(&[named(&["team"])], context(), None), Receivers::new(&[named(&[])], context(), None));
        thread.index = 0;
        assert_eq!((found(&renamed, &thread), found(&gone, &thread).is_err()), (Ok(webhook("http://a")), true));
    }

    #[test]
    fn a_reload_keeps_what_did_not_change() {
        let before = receivers(vec![webhook("http://a"), webhook("http://b")], None);
        let after = receivers(vec![webhook("http://b"), webhook("http://c")], Some(&before));
        let of = |receivers: &Receivers, i: usize| Arc::clone(&receivers.by_name["team"][i]);
        assert!(Arc::ptr_eq(&of(&before, 1), &of(&after, 0)));
        assert!(!Arc::ptr_eq(&of(&before, 0), &of(&after, 1)));
    }

    #[test]
    fn an_attempt_never_takes_longer_than_the_built_in_limit() {
        let timeout = |seconds| {
            let mut config = webhook_config("http://a");
            config.timeout = Duration::from_secs(seconds);
            Integration::new(&IntegrationConfig::Webhook(Box::new(config)), &nobody(), None).timeout.as_secs()
        };
        assert_eq!((timeout(0), timeout(5), timeout(300)), (30, 5, 30));
    }

    #[tokio::test]
    async fn kinds_that_cannot_be_sent_to_are_refused() {
        let integration = Integration::new(&IntegrationConfig::Unsupported { kind: "sns" }, &nobody(), None);
        let row = delivery(vec![told(&[("a", "1")], &[], false)]);
        let error = integration.sender.send(&row, &context()).await.unwrap_err();
        assert_eq!(error, SendError::refused("Andon cannot send to integrations of the kind sns"));
    }
}
