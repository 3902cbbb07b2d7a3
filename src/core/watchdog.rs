//! Alerts that must keep firing: when none has come for too long, Prometheus has gone quiet, and somebody is told so.
//!
//! What counts is when an alert last *came* firing, not when it would run out. A time in which we could not have heard it
//! (a restart, a store that failed, a jump of the clock) is not held against Prometheus: as for every alert that runs
//! out, senders first have the grace after our outage to send again.

use super::engine::Engine;
use super::label::LabelSet;
use super::own::{QUIET, WATCHDOG, own_annotations, own_labels};
use super::policy::Watchdog;
use super::route::all_match;
use crate::time::Timestamp;

impl Engine {
    /// Looks up when the alert of each watchdog last came, for rules that are new in force. What is not known came at
    /// the latest just now.
    pub(super) fn watch_anew(&mut self, now: Timestamp) {
        let policy = std::sync::Arc::clone(&self.state.policy);
        let last = |watchdog: &Watchdog| {
            let alerts = self.state.alerts.iter().map(|kept| &kept.alert);
            let matching = alerts.filter(|alert| all_match(&watchdog.matchers, &alert.labels));
            // One that its sender ended was last seen firing when it ended.
            matching.map(|alert| alert.updated_at.min(alert.ends_at)).max().unwrap_or(now)
        };
        self.state.last_seen = policy.own.watchdogs.iter().map(last).collect();
    }

    /// An alert came, firing.
    pub(super) fn watched(&mut self, now: Timestamp, labels: &LabelSet) {
        if self.state.last_seen.is_empty() {
            return;
        }
        let policy = std::sync::Arc::clone(&self.state.policy);
        for (watchdog, last) in policy.own.watchdogs.iter().zip(0..) {
            if !all_match(&watchdog.matchers, labels) {
                continue;
            }
            if let Some(last) = self.state.last_seen.get_mut(last) {
                *last = now;
            }
            let quiet = quiet_labels(watchdog).fingerprint();
            let summary = format!("{} came again: Prometheus is back", watchdog.name());
            self.lower(now, quiet, &summary);
        }
    }

    /// When the first of the watchdogs counts as gone quiet.
    pub(super) fn next_quiet(&self) -> Timestamp {
        let waiting = self.quiet_at().filter(|(watchdog, _)| !self.raised(quiet_labels(watchdog).fingerprint()));
        waiting.map(|(_, at)| at).min().unwrap_or(Timestamp::MAX)
    }

    /// Tells of the watchdogs that have gone quiet.
    pub(super) fn check_watchdogs(&mut self, now: Timestamp) {
        let quiet: Vec<_> =
            self.quiet_at().filter(|(_, at)| *at <= now).map(|(watchdog, _)| watchdog.clone()).collect();
        for watchdog in quiet {
            let name = watchdog.name();
            let summary = format!("Prometheus has gone quiet: no {name} for {:?}", watchdog.after);
            let description = format!(
                "An alert that matches {name} must keep firing, and none has come for {:?}. Prometheus does not run, does \
                 not evaluate its rules, or does not reach Andon: alerts that fire now may be told to nobody.",
                watchdog.after
            );
            let annotations = own_annotations([("summary", &*summary), ("description", &*description)]);
            self.raise(now, quiet_labels(&watchdog), annotations);
        }
    }

    /// When each of the watchdogs counts as gone quiet, if it does not come before.
    fn quiet_at(&self) -> impl Iterator<Item = (&Watchdog, Timestamp)> {
        let last = self.state.policy.own.watchdogs.iter().zip(&self.state.last_seen);
        last.map(|(watchdog, last)| (watchdog, last.after(watchdog.after).max(self.state.grace.until)))
    }
}

fn quiet_labels(watchdog: &Watchdog) -> LabelSet {
    own_labels([("alertname", QUIET), (WATCHDOG, &*watchdog.name()), ("severity", "critical")])
}
