//! How telling people goes: notifications, attempts and what keeps them.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::{counters, gauges, histograms};

/// All integrations that Alertmanager knows; their counters exist from the start, so that rates are right.
pub const INTEGRATIONS: [&str; 18] = [
    "discord",
    "email",
    "incidentio",
    "jira",
    "mattermost",
    "msteams",
    "msteamsv2",
    "opsgenie",
    "pagerduty",
    "pushover",
    "rocketchat",
    "slack",
    "sns",
    "telegram",
    "victorops",
    "webex",
    "webhook",
    "wechat",
];

const NOTIFICATION_SECONDS: [f64; 6] = [1.0, 5.0, 10.0, 15.0, 20.0, 60.0];

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the label.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// Why a notification failed, in Alertmanager's words.
    FailureReason {
        /// 4xx, but for those below.
        Client = "clientError",
        /// 5xx
        Server = "serverError",
        /// 401 and 403.
        Auth = "authError",
        /// 429
        RateLimited = "rateLimited",
        /// The service was stopping.
        Canceled = "contextCanceled",
        /// It took too long.
        Timeout = "contextDeadlineExceeded",
        /// The network, a redirect, and whatever else.
        Other = "other",
    }
}

impl FailureReason {
    /// From the status of an HTTP answer that is not a success.
    pub fn from_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Auth,
            429 => Self::RateLimited,
            400..=499 => Self::Client,
            500..=599 => Self::Server,
            _ => Self::Other,
        }
    }
}

/// What is counted of it.
pub struct Telling {
    begun: IntCounterVec,
    failed: IntCounterVec,
    requests: IntCounterVec,
    requests_failed: IntCounterVec,
    latency: HistogramVec,
    templates_failed: IntCounterVec,
    digested: IntCounterVec,
    rate_limited: IntCounterVec,
    rate_limit_waiting: IntGaugeVec,
    configured: IntGaugeVec,
}

impl Telling {
    pub(super) fn new(r: &Registry) -> Self {
        let telling = Self {
            begun: counters(r, "alertmanager_notifications_total", "Notifications begun.", &["integration"]),
            failed: counters(
                r,
                "alertmanager_notifications_failed_total",
                "Notifications that failed.",
                &["integration", "reason"],
            ),
            requests: counters(r, "alertmanager_notification_requests_total", "Attempts to notify.", &["integration"]),
            requests_failed: counters(
                r,
                "alertmanager_notification_requests_failed_total",
                "Attempts to notify that failed.",
                &["integration"],
            ),
            latency: histograms(
                r,
                "alertmanager_notification_latency_seconds",
                "How long attempts to notify took.",
                &["integration"],
                &NOTIFICATION_SECONDS,
            ),
            templates_failed: counters(
                r,
                "andon_template_failures_total",
                "Texts of notifications whose template failed; a built-in text went out in its place.",
                &["integration"],
            ),
            digested: counters(
                r,
                "andon_digested_notifications_total",
                "Notifications that went out in a digest, since too many had to wait for their turn.",
                &["integration"],
            ),
            rate_limited: counters(
                r,
                "andon_rate_limited_total",
                "Threads of notifications that had to wait since their receiver may not be told so often.",
                &["integration"],
            ),
            rate_limit_waiting: gauges(
                r,
                "andon_rate_limit_waiting",
                "Notifications that wait until their receiver may be told.",
                &["integration"],
            ),
            configured: gauges(
                r,
                "andon_receiver_configured",
                "Whether all that an integration needs to send is there.",
                &["receiver", "integration"],
            ),
        };
        for integration in INTEGRATIONS {
            telling.begun.with_label_values(&[integration]);
            telling.requests.with_label_values(&[integration]);
            telling.requests_failed.with_label_values(&[integration]);
            telling.latency.with_label_values(&[integration]);
            telling.templates_failed.with_label_values(&[integration]);
            telling.digested.with_label_values(&[integration]);
            telling.rate_limited.with_label_values(&[integration]);
            telling.rate_limit_waiting.with_label_values(&[integration]);
            for reason in FailureReason::ALL {
                telling.failed.with_label_values(&[integration, reason.as_str()]);
            }
        }
        telling
    }

    /// A notification was begun: a row of the outbox got its first attempt.
    pub fn began(&self, integration: &str) {
        self.begun.with_label_values(&[integration]).inc();
    }

    /// A notification failed.
    pub fn failed(&self, integration: &str, reason: FailureReason) {
        self.failed.with_label_values(&[integration, reason.as_str()]).inc();
    }

    /// An attempt to notify ended.
    pub fn attempted(&self, integration: &str, succeeded: bool, took: Duration) {
        self.requests.with_label_values(&[integration]).inc();
        if !succeeded {
            self.requests_failed.with_label_values(&[integration]).inc();
        }
        self.latency.with_label_values(&[integration]).observe(took.as_secs_f64());
    }

    /// A notification went out with so many built-in texts in the place of templates that failed.
    pub fn templates_failed(&self, integration: &str, texts: usize) {
        self.templates_failed.with_label_values(&[integration]).inc_by(texts as u64);
    }

    /// So many notifications go out as one.
    pub fn digested(&self, integration: &str, notifications: usize) {
        self.digested.with_label_values(&[integration]).inc_by(notifications as u64);
    }

    /// A thread has to wait since its receiver may not be told so often.
    pub fn rate_limit_waits(&self, integration: &str) {
        self.rate_limited.with_label_values(&[integration]).inc();
        self.rate_limit_waiting.with_label_values(&[integration]).inc();
    }

    /// A thread has waited long enough.
    pub fn rate_limit_waits_no_more(&self, integration: &str) {
        self.rate_limit_waiting.with_label_values(&[integration]).dec();
    }

    /// Which integrations have all that they need to send: receiver, `kind[index]`, and whether it has.
    pub fn receivers_configured(&self, integrations: impl IntoIterator<Item = (String, String, bool)>) {
        self.configured.reset();
        for (receiver, integration, configured) in integrations {
            self.configured.with_label_values(&[&receiver, &integration]).set(i64::from(configured));
        }
    }
}
