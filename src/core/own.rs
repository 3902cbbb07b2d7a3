//! Andon's own alerts: that somebody could not be told, and that nothing comes from Prometheus any more.
//!
//! They are alerts like all others, so that everything that holds for those holds for them: they are stored in the same
//! commit as what raised them, told once, told resolved, kept over a restart, silenced and seen in the API. Only their
//! way differs: each takes one route that no other alert takes, behind the tree, and no inhibit rule holds them back.
//! They never run out; whoever raised them ends them.

use std::sync::Arc;
use std::time::Duration;

use super::alert::Alert;
use super::alert_set::{Kept, Verdict};
use super::change::Change;
use super::engine::Engine;
use super::label::{Fingerprint, LabelSet};
use super::matcher::{Matcher, Op};
use super::policy::{GroupBy, OwnRules, Policy, ReceiverIdx, Route, RouteIdx, Watchdog};
use super::route::all_match;
use crate::time::Timestamp;

/// The alertname of what says that somebody could not be told.
pub const UNDELIVERED: &str = "AndonNotificationUndelivered";
/// The alertname of what says that an alert that must keep firing has gone quiet.
pub const QUIET: &str = "AndonWatchdogQuiet";
/// The label of [`UNDELIVERED`] that names the receiver.
pub const UNDELIVERED_TO: &str = "undelivered_to";
/// The label of [`QUIET`] that names the watchdog.
pub const WATCHDOG: &str = "watchdog";

/// How long further news of a group wait, so that an outage of many threads is one message and then another.
const INTERVAL: Duration = Duration::from_secs(30);
/// When what still holds is told again.
const REPEAT: Duration = Duration::from_secs(4 * 3600);
/// The longest text that a label of an own alert holds, in bytes.
const LONGEST_LABEL: usize = 1024;
/// The longest text that an annotation of an own alert holds, in bytes.
const LONGEST_ANNOTATION: usize = 16 * 1024;

impl OwnRules {
    /// With these watchdogs; the routes come with [`Policy::with_own_routes`].
    pub fn new(watchdogs: Vec<Watchdog>) -> Self {
        Self { watchdogs, routes: Vec::new() }
    }
}

impl Watchdog {
    /// Its matchers as they are shown, which is its name: `{alertname="Watchdog"}`.
    pub fn name(&self) -> String {
        let matchers: Vec<_> = self.matchers.iter().map(ToString::to_string).collect();
        cut(&format!("{{{}}}", matchers.join(",")), LONGEST_LABEL).to_owned()
    }
}

impl Policy {
    /// Adds the routes that Andon's own alerts take: one for each receiver with a fallback, and one for each watchdog.
    #[must_use]
    pub fn with_own_routes(mut self) -> Self {
        let mut routes = Vec::new();
        for receiver in &self.receivers {
            if let Some(fallback) = receiver.rules.fallback {
                routes.extend(own_route(UNDELIVERED, UNDELIVERED_TO, &receiver.name, fallback.receiver));
            }
        }
        for watchdog in &self.own.watchdogs {
            routes.extend(own_route(QUIET, WATCHDOG, &watchdog.name(), watchdog.receiver));
        }
        for route in routes {
            // A 4 MiB file has fewer routes than that.
            self.own.routes.push(RouteIdx(u32::try_from(self.routes.len()).unwrap_or(u32::MAX)));
            self.routes.push(route);
        }
        self
    }

    /// Whether only Andon's own alerts take this route.
    pub fn is_own(&self, route: RouteIdx) -> bool {
        self.own.routes.contains(&route)
    }

    /// The way of one of Andon's own alerts; nothing for all others.
    pub(super) fn own_verdict(&self, labels: &LabelSet) -> Option<Verdict> {
        let taken = |index: &&RouteIdx| all_match(&self.route(**index).matchers, labels);
        let route = self.own.routes.iter().find(taken)?;
        Some(Verdict { routes: vec![*route], source_of: Vec::new(), target_of: Vec::new() })
    }
}

/// The route of own alerts of this name about this subject; nothing where the subject cannot be matched, which no name
/// that was configured leads to.
fn own_route(alertname: &str, label: &str, subject: &str, receiver: ReceiverIdx) -> Option<Route> {
    let name = Matcher::new("alertname", Op::Equal, alertname).ok()?;
    let mut matchers = vec![name, Matcher::new(label, Op::Equal, cut(subject, LONGEST_LABEL)).ok()?];
    matchers.sort();
    let shown: Vec<_> = matchers.iter().map(ToString::to_string).collect();
    let key: Arc<str> = Arc::from(format!("andon/{{{}}}", shown.join(",")));
    Some(Route {
        parent: None,
        children: Vec::new(),
        matchers,
        receiver,
        group_by: GroupBy::Labels(["alertname", "integration", label].into_iter().map(Arc::from).collect()),
        group_wait: Duration::ZERO,
        group_interval: INTERVAL,
        repeat_interval: REPEAT,
        continues: false,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        labels: Default::default(),
        id: Arc::clone(&key),
        key,
    })
}

impl Engine {
    /// Lets one of Andon's own alerts fire. One that fires already stays as it is.
    pub(super) fn raise(&mut self, now: Timestamp, labels: LabelSet, annotations: LabelSet) {
        let fingerprint = labels.fingerprint();
        if self.raised(fingerprint) {
            return;
        }
        let verdict = self.state.verdict(&labels);
        let alert = Arc::new(Alert {
            labels,
            annotations,
            generator_url: Arc::from(""),
            starts_at: now,
            ends_at: Timestamp::MAX,
            updated_at: now,
            timeout: false,
        });
        let kept = Kept::new(fingerprint, Arc::clone(&alert), Arc::clone(&verdict));
        self.state.put_alert(kept, Change::Alert(Arc::clone(&alert)), &mut self.log);
        for route in &verdict.routes {
            self.join(now, *route, fingerprint, &alert);
        }
    }

    /// Ends one of Andon's own alerts, and says in its summary how. One that does not fire stays as it is.
    pub(super) fn lower(&mut self, now: Timestamp, fingerprint: Fingerprint, summary: &str) {
        if !self.raised(fingerprint) {
            return;
        }
        let Some(mut kept) = self.state.alerts.get(fingerprint).cloned() else { return };
        let earlier = kept.alert.annotations.clone();
        let others = earlier.iter().filter(|(name, _)| *name != "summary");
        let annotations = text_labels(others.chain([("summary", summary)]), LONGEST_ANNOTATION);
        let alert = Arc::new(Alert { annotations, ends_at: now, updated_at: now, ..Alert::clone(&kept.alert) });
        kept.alert = Arc::clone(&alert);
        self.state.put_alert(kept, Change::Alert(alert), &mut self.log);
    }

    /// Whether an own alert fires.
    pub(super) fn raised(&self, fingerprint: Fingerprint) -> bool {
        self.state.alerts.get(fingerprint).is_some_and(|kept| kept.alert.ends_at == Timestamp::MAX)
    }

    /// Ends those of Andon's own alerts that other rules no longer tell anybody. Before the rules are put in force.
    pub(super) fn lower_what_is_nobodys(&mut self, now: Timestamp, policy: &Policy) {
        let own = |alert: &Alert| {
            let name = alert.labels.value("alertname");
            (name == UNDELIVERED || name == QUIET) && alert.ends_at == Timestamp::MAX
        };
        let of_ours = self.state.alerts.iter().filter(|kept| own(&kept.alert));
        let nobodys = of_ours.filter(|kept| policy.own_verdict(&kept.alert.labels).is_none());
        let nobodys: Vec<_> = nobodys.map(|kept| kept.fingerprint).collect();
        for fingerprint in nobodys {
            self.lower(now, fingerprint, "The configuration no longer asks for this to be told");
        }
    }
}

/// Labels of an own alert. What is too long is cut.
pub(super) fn own_labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> LabelSet {
    text_labels(pairs, LONGEST_LABEL)
}

/// Annotations of an own alert. What is too long is cut.
pub(super) fn own_annotations<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> LabelSet {
    text_labels(pairs, LONGEST_ANNOTATION)
}

fn text_labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, longest: usize) -> LabelSet {
    let pairs = pairs.into_iter().map(|(name, value)| (name, cut(value, longest)));
    // A handful of texts of that length are never too long for a set.
    LabelSet::new(pairs.filter(|(_, value)| !value.is_empty())).unwrap_or_else(|_| LabelSet::empty())
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest)).unwrap_or(text)
}
