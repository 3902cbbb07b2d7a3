//! Too much at once, told in one message: a digest of what waits for an integration's turn, or waited for it to answer.
//!
//! When more waits for an integration than a minute's worth of its `rate_limit`, all of it that is not critical goes out
//! as one notification; so does what waited while it failed ([`crate::core::together`]). Nothing is dropped: each row
//! stays a row of the outbox, is claimed before and settled
//! after the attempt as if it had been sent alone, and its thread goes on from there; so a resolve that comes later goes
//! to its own thread. The label `digest` of the group counts what the message stands for; a webhook names every alert, a
//! mail and a chat message the most urgent ones. PagerDuty gets none: each incident has its own key, so there rows keep
//! their turn.
//!
//! The notification id of a digest follows from those of its rows, and which these are is stored before the attempt: an
//! attempt that is made again, also after a restart, has the same id. Where a newer state took a row's place meanwhile, the
//! message is another one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::core::flush::told_order;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::outbox::{Delivery, Reason, Thread, ToldAlert};
use crate::core::together::FEW;
use crate::core::urgency::Urgency;

/// What is told within this time needs no digest.
pub const SOON: Duration = Duration::from_secs(60);
/// How many alerts a message for people names.
const NAMED: usize = 100;
/// The group key of digests.
const GROUP_KEY: &str = "andon/digest";

/// Whether so many rows are too many to be told one after the other, where each takes so long.
pub fn is_overflow(rows: usize, each: Duration) -> bool {
    rows > FEW && each.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX)) > SOON
}

/// One notification that says what all of these say; nothing of none. `all` names every alert.
pub fn combined(rows: &[Arc<Delivery>], all: bool) -> Option<Delivery> {
    let (first, last) = (rows.iter().min_by_key(|row| row.id)?, rows.iter().max_by_key(|row| row.id)?);
    let mut latest: BTreeMap<Fingerprint, (&Delivery, &ToldAlert)> = BTreeMap::new();
    for row in rows {
        for told in row.alerts.iter() {
            let known = latest.entry(told.alert.fingerprint()).or_insert((row, told));
            if known.0.id < row.id {
                *known = (row, told);
            }
        }
    }
    let mut alerts: Vec<ToldAlert> = latest.into_values().map(|(_, told)| told.clone()).collect();
    let urgency = |told: &ToldAlert| (told.resolved, Urgency::of(&told.alert.labels));
    alerts.sort_by(|a, b| urgency(a).cmp(&urgency(b)).then_with(|| told_order(&a.alert.labels, &b.alert.labels)));
    let firing = alerts.iter().filter(|told| !told.resolved).count();
    let groups: BTreeSet<_> = rows.iter().map(|row| &row.thread.group_key).collect();
    let count = format!("{} groups: {firing} firing, {} resolved", groups.len(), alerts.len() - firing);
    let mut ids: Vec<_> = rows.iter().map(|row| row.notification_id()).collect();
    ids.sort_unstable();
    let hash: String = Sha256::digest(ids.concat()).iter().map(|byte| format!("{byte:02x}")).collect();
    let thread = Thread { group_key: Arc::from(format!("{GROUP_KEY}:{{{hash}}}")), ..first.thread.clone() };
    if !all {
        alerts.truncate(NAMED);
    }
    Some(Delivery {
        thread,
        episode: first.episode,
        sequence: 0,
        reason: if rows.iter().all(|row| row.reason == Reason::First) { Reason::First } else { Reason::NewAlerts },
        decided_at: last.decided_at,
        // A number and a few words are never too long.
        group_labels: LabelSet::new([("digest", count.as_str())]).unwrap_or_else(|_| LabelSet::empty()),
        route_labels: LabelSet::empty(),
        alerts: alerts.into(),
        new: BTreeSet::new(),
        receiver_data: Default::default(),
        acknowledged: None,
        ..Delivery::clone(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::outbox::DeliveryId;
    use crate::receivers::test_support::{delivery, told};

    fn row(id: u64, alerts: &[(&str, &str, bool)]) -> Arc<Delivery> {
        let told = |(name, severity, resolved): &(&str, &str, bool)| {
            told(&[("alertname", name), ("severity", severity)], &[], *resolved)
        };
        let mut row = delivery(alerts.iter().map(told).collect());
        (row.id, row.thread.group_key) = (DeliveryId(id), format!("{{}}:{{a=\"{id}\"}}").into());
        Arc::new(row)
    }

    #[test]
    fn a_digest_says_the_latest_of_each_alert_the_most_urgent_first_and_counts_all() {
        let rows = [
            row(1, &[("A", "info", false), ("B", "info", false)]),
            row(3, &[("A", "info", true)]),
            row(2, &[("C", "warning", false), ("A", "info", false)]),
        ];
        let digest = combined(&rows, true).unwrap();
        let said: Vec<_> =
            digest.alerts.iter().map(|told| (told.alert.labels.value("alertname"), told.resolved)).collect();
        assert_eq!(said, [("C", false), ("B", false), ("A", true)]);
        assert_eq!(digest.group_labels.value("digest"), "3 groups: 2 firing, 1 resolved");
        assert_eq!(combined(&[], true), None);
    }

    #[test]
    fn a_digest_of_the_same_rows_has_the_same_name() {
        let rows = [row(1, &[("A", "info", false)]), row(2, &[("B", "info", false)])];
        let (one, other) = (combined(&rows, true).unwrap(), combined(&rows[..1], true).unwrap());
        let again = combined(&[Arc::clone(&rows[1]), Arc::clone(&rows[0])], true).unwrap();
        assert_eq!(one.notification_id(), again.notification_id());
        assert_ne!(one.notification_id(), other.notification_id());
    }

    #[test]
    fn people_read_the_first_of_many() {
        let names: Vec<String> = (0..500).map(|i| format!("A{i:03}")).collect();
        let alerts: Vec<_> = names.iter().map(|name| (name.as_str(), "info", false)).collect();
        let rows = [row(1, &alerts)];
        assert_eq!(combined(&rows, false).unwrap().alerts.len(), NAMED);
        assert_eq!(combined(&rows, true).unwrap().alerts.len(), 500);
        assert_eq!(combined(&rows, false).unwrap().group_labels.value("digest"), "1 groups: 500 firing, 0 resolved");
    }

    #[test]
    fn only_more_than_a_minutes_worth_is_too_much() {
        let rows = [
            (10, 3600, false),
            (11, 6, true),
            (11, 5, false),
            (60, 1, false),
            (61, 1, true),
            (12, 5, false),
            (13, 5, true),
        ];
        for (rows, each, expected) in rows {
            assert_eq!(is_overflow(rows, Duration::from_secs(each)), expected, "{rows} {each}");
        }
        let may_join = |severity| crate::core::together::may_join(&row(1, &[("A", severity, false)]));
        assert!(may_join("info") && !may_join("critical"));
    }
}
