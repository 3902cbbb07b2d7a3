//! What a notification says: the data that templates see and that the webhook body is made of.
//!
//! Built from the outbox row alone, so a notification says what was decided, whenever it is sent.

use std::sync::Arc;

use super::label::{Fingerprint, LabelSet};
use super::outbox::{Delivery, ToldAlert};
use crate::time::Timestamp;

/// Alertmanager's template data (`Data`).
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// The receiver's name, with what has a meaning in regular expressions escaped, as Alertmanager gives it.
    pub receiver: String,
    /// `firing` if any of the alerts fires, else `resolved`.
    pub status: &'static str,
    /// The alerts, in Alertmanager's order.
    pub alerts: Vec<AlertData>,
    /// Why the notification is sent, in the words of the wire.
    pub reason: &'static str,
    /// The labels of the group.
    pub group_labels: LabelSet,
    /// The labels that all alerts share.
    pub common_labels: LabelSet,
    /// The annotations that all alerts share.
    pub common_annotations: LabelSet,
    /// The labels of the route.
    pub route_labels: LabelSet,
    /// Where Andon is reached, without a slash at the end.
    pub external_url: Arc<str>,
}

/// One alert of the template data.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertData {
    /// `firing` or `resolved`, as the flush saw it.
    pub status: &'static str,
    /// What the alert is.
    pub labels: LabelSet,
    /// What is said about it.
    pub annotations: LabelSet,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it ended; zero while it fires.
    pub ends_at: Timestamp,
    /// Where it comes from, or empty.
    pub generator_url: Arc<str>,
    /// Its identity.
    pub fingerprint: Fingerprint,
}

impl Data {
    /// The data of a notification; `max_alerts` keeps only the first so many alerts, 0 keeps all.
    ///
    /// Status and common labels speak of the alerts that were kept. The second value says how many were not.
    pub fn new(delivery: &Delivery, external_url: &Arc<str>, max_alerts: u64) -> (Self, usize) {
        let all = delivery.alerts.len();
        let kept = match usize::try_from(max_alerts) {
            Ok(limit) if limit > 0 => all.min(limit),
            _ => all,
        };
        let told = delivery.alerts.get(..kept).unwrap_or_default();
        let labels = (&delivery.group_labels, &delivery.route_labels);
        let data = Self::of(&delivery.thread.receiver, told, labels, external_url);
        (Self { reason: delivery.reason.as_str(), ..data }, all - kept)
    }

    /// The data of a group that nobody is told of now: its reason is `unknown`.
    pub fn of(
        receiver: &str,
        told: &[ToldAlert],
        (group_labels, route_labels): (&LabelSet, &LabelSet),
        external_url: &Arc<str>,
    ) -> Self {
        Self {
            receiver: quote_meta(receiver),
            status: status(told.iter().all(|told| told.resolved)),
            alerts: told.iter().map(AlertData::new).collect(),
            reason: "unknown",
            group_labels: group_labels.clone(),
            common_labels: common(told.iter().map(|told| &told.alert.labels)),
            common_annotations: common(told.iter().map(|told| &told.alert.annotations)),
            route_labels: route_labels.clone(),
            external_url: Arc::clone(external_url),
        }
    }
}

impl AlertData {
    fn new(told: &ToldAlert) -> Self {
        let alert = &told.alert;
        Self {
            status: status(told.resolved),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at,
            ends_at: if told.resolved { alert.ends_at } else { Timestamp::ZERO },
            generator_url: Arc::clone(&alert.generator_url),
            fingerprint: alert.fingerprint(),
        }
    }
}

fn status(resolved: bool) -> &'static str {
    if resolved { "resolved" } else { "firing" }
}

/// The pairs that are the same in all sets.
fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet> + Clone) -> LabelSet {
    let Some(first) = sets.next() else { return LabelSet::empty() };
    first.filtered(|name| {
        let value = first.get(name);
        sets.clone().all(|set| set.get(name) == value)
    })
}

/// Puts a backslash before each character that has a meaning in Go's regular expressions.
fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receiver_names_are_escaped_for_regular_expressions() {
        assert_eq!(quote_meta("a.b+c"), r"a\.b\+c");
        assert_eq!(quote_meta(r"a-b_c/d \*?()|[]{}^$é"), r"a-b_c/d \\\*\?\(\)\|\[\]\{\}\^\$é");
    }
}
