//! What Andon notices about orders by itself: that they are overdue, that an alert behind one is told of by nobody any
//! more, and that somebody is at work on an asset, of which then nobody else needs to hear.

use std::sync::Arc;

use super::alert::Alert;
use super::engine::Engine;
use super::label::{Fingerprint, LabelSet};
use super::order_alerts::recovered;
use super::work_order::edit::By;
use super::work_order::{LadderStep, OrderEvent, WorkOrder};
use crate::time::Timestamp;

/// How many orders one tick looks at, so that a long list leaves room for what else is due.
const ORDERS_PER_TICK: usize = 256;
/// How many notes Andon itself puts on an order.
const MOST_NOTES: usize = 500;

impl Engine {
    /// Brings overdue orders before whoever is next on their ladder, each step once.
    pub(super) fn climb_ladders(&mut self, now: Timestamp) {
        for _ in 0..ORDERS_PER_TICK {
            let first = self.state.order_timers.first().filter(|(at, _)| *at <= now);
            let Some(order) = first.and_then(|(_, number)| self.state.work_orders.get(number)).cloned() else { return };
            let mut changed = WorkOrder::clone(&order);
            while let Some((_, step)) = self.state.policy.orders.next_step(&changed).filter(|(at, _)| *at <= now) {
                changed.ladder.insert(step);
                self.counters.orders.reminded += 1;
                let overdue = format!("overdue since {}", changed.due_at);
                let (event, text) = match step {
                    LadderStep::Assignee if changed.assignee.is_empty() => {
                        (OrderEvent::OverdueAssignee, format!("{overdue}: nobody has it"))
                    }
                    LadderStep::Assignee => {
                        (OrderEvent::OverdueAssignee, format!("{overdue}: {} is reminded", changed.assignee))
                    }
                    LadderStep::Supervisor => (OrderEvent::OverdueSupervisor, format!("{overdue}: for the supervisor")),
                    LadderStep::Manager => (OrderEvent::OverdueManager, format!("{overdue}: for the manager")),
                };
                changed.record(By::clock(now), event, text);
            }
            self.put_order(now, changed);
        }
    }

    /// Notes the recovery of alerts that no flush will tell of: those that are not kept any more, and those that are over
    /// and in no group, since the rules have changed.
    pub(super) fn settle_lost_alerts(&mut self, now: Timestamp) {
        let fires = |order: &&Arc<WorkOrder>| order.alerts.values().any(|alert| alert.ended_at.is_none());
        let watched: Vec<_> = self.state.work_orders.values().filter(fires).cloned().collect();
        let fleeting = self.state.policy.orders.fleeting;
        for order in watched {
            let mut changed = None;
            let firing = order.alerts.iter().filter(|(_, alert)| alert.ended_at.is_none());
            for (fingerprint, on_order) in firing {
                let Some(alert) = self.lost(now, *fingerprint, &on_order.labels) else { continue };
                changed = recovered(now, changed.as_ref().unwrap_or(&order), &alert, fleeting).or(changed);
            }
            if let Some(changed) = changed {
                self.put_order(now, changed);
            }
        }
    }

    /// The alert as it ended, if no flush will tell that it did.
    fn lost(&self, now: Timestamp, fingerprint: Fingerprint, labels: &LabelSet) -> Option<Alert> {
        let Some(kept) = self.state.alerts.get(fingerprint) else {
            let (annotations, generator_url) = (LabelSet::empty(), Arc::from(""));
            let labels = labels.clone();
            let (starts_at, ends_at, updated_at) = (now, now, now);
            return Some(Alert { labels, annotations, generator_url, starts_at, ends_at, updated_at, timeout: false });
        };
        let grouped = kept.verdict.routes.iter().any(|index| {
            let labels = self.state.policy.route(*index).group_labels(&kept.alert.labels);
            let group = self.state.groups.find(*index, labels.packed()).and_then(|at| self.state.groups.get(at));
            group.is_some_and(|group| group.members.contains(&fingerprint))
        });
        let lost = !grouped && self.state.grace.resolved(&kept.alert, now);
        lost.then(|| Alert::clone(&kept.alert))
    }

    /// Notes on the orders in progress that nobody was told of an alert about their asset; once for each time it fires.
    pub(super) fn note_kept_back(&mut self, now: Timestamp, alert: &Alert) {
        let fingerprint = alert.fingerprint();
        let unknown = |order: &&Arc<WorkOrder>| {
            let behind_it = order.alerts.get(&fingerprint).is_some_and(|known| known.ended_at.is_none());
            !behind_it && order.kept_back.get(&fingerprint) != Some(&alert.starts_at) && order.notes.len() < MOST_NOTES
        };
        let look = self.look();
        let orders = look.at_work_on(&alert.labels).filter_map(|number| self.state.work_orders.get(number));
        let orders: Vec<_> = orders.filter(unknown).cloned().collect();
        for order in orders {
            let mut changed = WorkOrder::clone(&order);
            let text = format!("not told, since work is in progress: {}", alert.labels);
            changed.note(By::clock(now), &text);
            changed.record(By::clock(now), OrderEvent::PageSuppressed, text);
            changed.kept_back.insert(fingerprint, alert.starts_at);
            self.put_order(now, changed);
        }
    }
}
