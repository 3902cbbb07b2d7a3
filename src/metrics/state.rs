//! Gauges that follow from the state: set from a view when somebody asks.

use std::collections::BTreeMap;

use prometheus::{IntGauge, IntGaugeVec, Registry};

use super::{gauge, gauges};
use crate::core::silence::SilenceState;
use crate::core::view::View;
use crate::core::work_order::{Kind, Priority};
use crate::time::Timestamp;

/// The gauges.
pub struct StateGauges {
    alerts: IntGaugeVec,
    silences: IntGaugeVec,
    groups: IntGauge,
    inhibit_rules: IntGauge,
    receivers: IntGauge,
    integrations: IntGauge,
    alerts_kept: IntGauge,
    outbox: IntGaugeVec,
    outbox_oldest: IntGauge,
    dead_letters: IntGauge,
    threads: IntGauge,
    failing: IntGaugeVec,
    orphaned: IntGauge,
    work_orders: IntGaugeVec,
    overdue: IntGaugeVec,
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl StateGauges {
    /// All of them, registered.
    pub fn new(r: &Registry) -> Self {
        Self {
            alerts: gauges(r, "alertmanager_alerts", "Firing alerts by state.", &["state"]),
            silences: gauges(r, "alertmanager_silences", "Silences by state.", &["state"]),
            groups: gauge(r, "alertmanager_dispatcher_aggregation_groups", "Groups of alerts."),
            inhibit_rules: gauge(r, "alertmanager_inhibition_rules", "Inhibit rules in force."),
            receivers: gauge(r, "alertmanager_receivers", "Receivers that a route uses."),
            integrations: gauge(r, "alertmanager_integrations", "Integrations of the receivers that a route uses."),
            alerts_kept: gauge(r, "andon_alerts_kept", "Alerts in memory, resolved ones among them."),
            outbox: gauges(r, "andon_outbox_rows", "Notifications that wait to be delivered.", &["integration"]),
            outbox_oldest: gauge(r, "andon_outbox_oldest_seconds", "Age of the oldest notification that waits."),
            dead_letters: gauge(r, "andon_dead_letters", "Notifications that could not be delivered."),
            threads: gauge(r, "andon_ledger_threads", "Threads whose receiver was told of something that still fires."),
            orphaned: gauge(
                r,
                "andon_orphaned_threads",
                "Threads that were told of something and that no receiver of the configuration can tell that it is over.",
            ),
            failing: gauges(
                r,
                "andon_receiver_failing_seconds",
                "For how long every attempt to tell an integration fails.",
                &["receiver", "integration", "index"],
            ),
            work_orders: gauges(
                r,
                "andon_work_orders_open",
                "Work orders not completed or cancelled.",
                &["priority", "type"],
            ),
            overdue: gauges(
                r,
                "andon_work_orders_overdue",
                "Open work orders that were to be done before now.",
                &["priority"],
            ),
        }
    }

    /// Sets all of them to what the view says at `now`.
    pub fn set(&self, view: &View, now: Timestamp) {
        self.set_alerts(view, now);
        let states = [SilenceState::Active, SilenceState::Pending, SilenceState::Expired];
        for state in states {
            let number = view.silences.values().filter(|silence| silence.state(now) == state).count();
            self.silences.with_label_values(&[state.as_str()]).set(count(number));
        }
        self.groups.set(count(view.groups.len()));
        self.inhibit_rules.set(count(view.policy.inhibit_rules.len()));
        let mut used: Vec<_> = view.policy.routes.iter().map(|route| route.receiver).collect();
        used.sort_unstable();
        used.dedup();
        self.receivers.set(count(used.len()));
        let receivers = used.iter().filter_map(|receiver| view.policy.receivers.get(receiver.0 as usize));
        self.integrations.set(count(receivers.map(|receiver| receiver.integrations.len()).sum()));
        self.set_outbox(view, now);
        self.threads.set(count(view.ledger.len()));
        self.orphaned.set(count(view.orphaned().count()));
        self.set_work_orders(view, now);
    }

    fn set_work_orders(&self, view: &View, now: Timestamp) {
        let mut open: BTreeMap<(Priority, Kind), i64> = BTreeMap::new();
        let mut overdue: BTreeMap<Priority, i64> = BTreeMap::new();
        for order in view.work_orders.values().filter(|order| order.status.is_open()) {
            *open.entry((order.priority, order.kind)).or_default() += 1;
            *overdue.entry(order.priority).or_default() += i64::from(order.is_overdue(now));
        }
        for priority in Priority::ALL {
            for kind in Kind::ALL {
                let number = open.get(&(*priority, *kind)).copied().unwrap_or_default();
                self.work_orders.with_label_values(&[priority.as_str(), kind.as_str()]).set(number);
            }
            self.overdue
                .with_label_values(&[priority.as_str()])
                .set(overdue.get(priority).copied().unwrap_or_default());
        }
    }

    fn set_alerts(&self, view: &View, now: Timestamp) {
        let muting = view.muting(now);
        let (mut active, mut suppressed) = (0, 0);
        for kept in view.alerts.iter().filter(|kept| !view.grace.resolved(&kept.alert, now)) {
            let labels = &kept.alert.labels;
            let held = muting.inhibited_by(kept).is_some()
                || !muting.silenced_by(labels).is_empty()
                || !muting.kept_back_by(labels).is_empty();
            *(if held { &mut suppressed } else { &mut active }) += 1;
        }
        for (state, number) in [("active", active), ("suppressed", suppressed), ("unprocessed", 0)] {
            self.alerts.with_label_values(&[state]).set(number);
        }
        self.alerts_kept.set(count(view.alerts.len()));
    }

    fn set_outbox(&self, view: &View, now: Timestamp) {
        self.outbox.reset();
        for row in view.outbox.values() {
            self.outbox.with_label_values(&[&*row.thread.kind]).inc();
        }
        let oldest = view.outbox.values().map(|row| now.since(row.decided_at).as_secs()).max().unwrap_or(0);
        self.outbox_oldest.set(i64::try_from(oldest).unwrap_or(i64::MAX));
        self.dead_letters.set(count(view.dead_letters.len()));
        self.failing.reset();
        for (key, faring) in &view.faring {
            let seconds = faring.failing_since.map_or(0, |since| now.since(since).as_secs());
            let gauge = self.failing.with_label_values(&[&*key.receiver, &*key.kind, &key.index.to_string()]);
            gauge.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
    }
}
