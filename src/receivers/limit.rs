//! How often an integration may be told: a bucket of tokens, of which every attempt takes one.
//!
//! A bucket is full at the start and at a reload that changes it. Where the configuration sets no `rate_limit`,
//! integrations that post to the same place share a bucket, since that place counts them together.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::config::settings::{IntegrationConfig, Per, RateLimit, SecretSource};

/// What PagerDuty takes of one integration key.
const PAGERDUTY: RateLimit = RateLimit { tokens: tokens(120), per: Per::Minute, burst: tokens(120) };
/// What Slack takes for one channel.
const SLACK: RateLimit = RateLimit { tokens: tokens(1), per: Per::Second, burst: tokens(1) };

const fn tokens(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// How many were made.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A bucket.
pub struct Limit {
    limiter: RateLimiter<NotKeyed, InMemoryState, SinceMade, NoOpMiddleware<Duration>>,
    clock: SinceMade,
    /// How long one token takes to come.
    each: Duration,
    number: u64,
}

impl Limit {
    /// A full bucket.
    pub fn new(limit: RateLimit) -> Self {
        let quota = match limit.per {
            Per::Second => Quota::per_second(limit.tokens),
            Per::Minute => Quota::per_minute(limit.tokens),
        };
        let clock = SinceMade(Instant::now());
        let each = quota.replenish_interval();
        let limiter = RateLimiter::direct_with_clock(quota.allow_burst(limit.burst), clock);
        Self { limiter, clock, each, number: MADE.fetch_add(1, Ordering::Relaxed) }
    }

    /// Which one it is: the first that was made has the least.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How long one token takes to come.
    pub fn each(&self) -> Duration {
        self.each
    }

    /// Takes a token.
    ///
    /// # Errors
    /// Where there is none: how long until there is one.
    pub fn take(&self) -> Result<(), Duration> {
        self.limiter.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

/// The time since a bucket was made, by the clock that also wakes whoever waits.
#[derive(Clone, Copy, Debug)]
struct SinceMade(Instant);

impl Clock for SinceMade {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Where integrations post to that share a bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A PagerDuty integration key.
    PagerdutyKey(Option<SecretSource>),
    /// A Slack webhook, or a channel behind Slack's API.
    SlackChannel(SecretSource, String),
}

/// The buckets that are shared.
#[derive(Default)]
pub struct SharedLimits(BTreeMap<Place, Arc<Limit>>);

impl SharedLimits {
    /// The bucket that holds for an integration without a `rate_limit`: one of these, or of those before a reload, or
    /// a new one. Nothing for a kind that needs none.
    pub fn of(&mut self, config: &IntegrationConfig, previous: Option<&Self>) -> Option<Arc<Limit>> {
        let (place, limit) = match config {
            IntegrationConfig::Pagerduty(config) => {
                let key = config.service_key.as_ref().or(config.routing_key.as_ref());
                (Place::PagerdutyKey(key.cloned()), PAGERDUTY)
            }
            IntegrationConfig::Slack(config) => {
                let channel = config.texts.get("channel").cloned().unwrap_or_default();
                (Place::SlackChannel(config.api_url.clone(), channel), SLACK)
            }
            IntegrationConfig::Webhook(_) | IntegrationConfig::Email(_) | IntegrationConfig::Unsupported { .. } => {
                return None;
            }
        };
        let known = previous.and_then(|previous| previous.0.get(&place)).cloned();
        let make = || known.unwrap_or_else(|| Arc::new(Limit::new(limit)));
        Some(Arc::clone(self.0.entry(place).or_insert_with(make)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Options};
    use crate::receivers::Receivers;
    use crate::receivers::test_support::{context, delivery, told};

    #[tokio::test(start_paused = true)]
    async fn a_bucket_gives_its_burst_at_once_and_then_evenly() {
        let limit = Limit::new(RateLimit { tokens: tokens(30), per: Per::Minute, burst: tokens(3) });
        assert_eq!([limit.take(), limit.take(), limit.take()], [Ok(()); 3]);
        assert_eq!(limit.take(), Err(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(limit.take(), Err(Duration::from_millis(500)));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((limit.take(), limit.take()), (Ok(()), Err(Duration::from_secs(2))));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!([limit.take(), limit.take(), limit.take()], [Ok(()); 3]);
        assert!(limit.take().is_err(), "no more than the burst, however long nothing was sent");
    }

    #[test]
    fn the_same_place_shares_a_bucket_and_a_rate_limit_is_each_integrations_own() {
        const TEXT: &str = "
route: {receiver: a}
receivers:
- {name: a, pagerduty_configs: [{routing_key: k}, {routing_key: l}], slack_configs: [{api_url: 'http://s'}]}
- {name: b, pagerduty_configs: [{routing_key: k}], slack_configs: [{api_url: 'http://s', channel: '#c'}]}
- {name: c, rate_limit: {per_minute: 5}, pagerduty_configs: [{routing_key: k}, {routing_key: k}]}
- {name: d, webhook_configs: [{url: 'http://w'}]}
";
        let load = |text: &str| {
            let config = Config::parse(text, "routes.yaml", Path::new(""), &Options::default()).unwrap();
            config.receivers
        };
        let of = |receivers: &Receivers, receiver: &str, kind: &str, index| {
            let mut thread = delivery(vec![told(&[("a", "1")], &[], false)]).thread;
            (thread.receiver, thread.kind, thread.index) = (receiver.into(), kind.into(), index);
            receivers.find(&thread).unwrap().limit.as_ref().map(Arc::as_ptr)
        };
        let before = Receivers::new(&load(TEXT), context(), None);
        let key = of(&before, "a", "pagerduty", 0);
        let rows = [
            ("b", "pagerduty", 0, true),
            ("a", "pagerduty", 1, false),
            ("a", "slack", 0, false),
            ("c", "pagerduty", 0, false),
        ];
        for (receiver, kind, index, same) in rows {
            assert_eq!(of(&before, receiver, kind, index) == key, same, "{receiver} {kind}[{index}]");
        }
        assert_ne!(of(&before, "a", "slack", 0), of(&before, "b", "slack", 0), "two channels");
        assert_ne!(of(&before, "c", "pagerduty", 0), of(&before, "c", "pagerduty", 1));
        assert_eq!(of(&before, "d", "webhook", 0), None);
        let text = TEXT.replace("per_minute: 5", "per_minute: 6").replace("name: a,", "name: new,");
        let after = Receivers::new(&load(&text.replace("receiver: a", "receiver: new")), context(), Some(&before));
        assert_eq!(of(&after, "new", "pagerduty", 0), key, "a reload does not fill a bucket");
        assert_ne!(of(&after, "c", "pagerduty", 0), of(&before, "c", "pagerduty", 0), "unless its limit changed");
    }
}
