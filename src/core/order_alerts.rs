//! What alerts do to an order: it is joined, recovers, comes again, is escalated. Pure: an order in, a changed one out.

use std::sync::Arc;
use std::time::Duration;

use super::alert::Alert;
use super::work_order::edit::By;
use super::work_order::{AlertOnOrder, Condition, OrderEvent, Priority, Status, WorkOrder};
use crate::time::Timestamp;

/// How many alerts an order keeps. Beyond it those that ended first are left out.
const MOST_ALERTS: usize = 200;

/// A firing alert of an order's failure: new to it, or firing again. Nothing if it is known and fires on.
pub(super) fn joined(now: Timestamp, order: &WorkOrder, alert: &Alert) -> Option<WorkOrder> {
    let known = order.alerts.get(&alert.fingerprint());
    if known.is_some_and(|known| known.ended_at.is_none()) {
        return None;
    }
    let mut changed = order.clone();
    let verb = if known.is_some() { "fires again" } else { "fires as well" };
    let event = if changed.condition == Some(Condition::Cleared) {
        changed.condition = Some(Condition::Recurred);
        changed.malfunction_end = None;
        OrderEvent::Recurred
    } else {
        OrderEvent::AlertJoined
    };
    changed.record(By::clock(now), event, format!("{} {verb}", alert.labels));
    changed.add(alert);
    Some(changed)
}

/// A closed order whose failure came again: it is open again, and due anew.
pub(super) fn reopened(now: Timestamp, order: &WorkOrder, alert: &Alert, due_after: Duration) -> WorkOrder {
    let mut changed = order.clone();
    let why = format!("the failure came again: {}", alert.labels);
    changed.go(By { why: &why, ..By::clock(now) }, Status::Open);
    changed.condition = Some(Condition::Recurred);
    changed.malfunction_end = None;
    changed.due_at = now.after(due_after);
    changed.add(alert);
    changed
}

/// An alert of an order is over. When it was the last of its failure, the order asks for verification; or it is cancelled,
/// if nobody has started and the failure was shorter than `fleeting` and did not come twice. Work that was begun is never
/// touched.
pub(super) fn recovered(now: Timestamp, order: &WorkOrder, alert: &Alert, fleeting: Duration) -> Option<WorkOrder> {
    let fingerprint = alert.fingerprint();
    let known = order.alerts.get(&fingerprint).filter(|known| known.ended_at.is_none())?.clone();
    let mut changed = order.clone();
    let by = By::clock(now);
    let escalates = known.escalates;
    changed.alerts.insert(fingerprint, AlertOnOrder { ended_at: Some(alert.ends_at), ..known });
    changed.record(by, OrderEvent::AlertRecovered, format!("{} recovered", alert.labels));
    let failing = changed.alerts.values().any(|alert| !alert.escalates && alert.ended_at.is_none());
    if escalates || failing {
        return Some(changed);
    }
    let before = changed.condition.replace(Condition::Cleared);
    let ended = changed.alerts.values().filter(|alert| !alert.escalates).filter_map(|alert| alert.ended_at).max();
    changed.malfunction_end = ended;
    let lasted = ended.unwrap_or(now).since(changed.malfunction_start.unwrap_or(now));
    let untouched = matches!(changed.status, Status::Open | Status::Assigned) && changed.actual_start.is_none();
    if untouched && before == Some(Condition::Active) && lasted < fleeting {
        changed.record(by, OrderEvent::Recovered, "all alerts recovered");
        let why = format!("fleeting: the failure lasted {} seconds, and nobody had started", lasted.as_secs());
        changed.go(By { why: &why, ..by }, Status::Cancelled);
    } else {
        changed.record(by, OrderEvent::Recovered, "all alerts recovered: verify and close");
    }
    Some(changed)
}

/// An alert says that the order is overdue: it becomes more urgent, once for each time that the alert fires.
pub(super) fn escalated(now: Timestamp, order: &WorkOrder, alert: &Alert) -> Option<WorkOrder> {
    let known = order.alerts.get(&alert.fingerprint());
    if known.is_some_and(|known| known.ended_at.is_none()) {
        return None;
    }
    let mut changed = order.clone();
    let by = By::clock(now);
    let raised = match changed.priority {
        Priority::Low => Priority::Medium,
        Priority::Medium => Priority::High,
        Priority::High | Priority::Emergency => Priority::Emergency,
    };
    let mut text = format!("overdue: {}", alert.labels);
    if raised != changed.priority {
        text += &format!("; priority: {} to {}", changed.priority.as_str(), raised.as_str());
        changed.priority = raised;
    }
    changed.note(by, &text);
    changed.record(by, OrderEvent::Escalated, text);
    changed.keep(alert, true);
    Some(changed)
}

impl WorkOrder {
    /// Takes in an alert of its failure.
    pub(super) fn add(&mut self, alert: &Alert) {
        self.malfunction_start = self.malfunction_start.into_iter().chain([alert.starts_at]).min();
        self.keep(alert, false);
    }

    fn keep(&mut self, alert: &Alert, escalates: bool) {
        let entry = AlertOnOrder {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            generator_url: Arc::clone(&alert.generator_url),
            starts_at: alert.starts_at,
            ended_at: None,
            escalates,
        };
        self.alerts.insert(alert.fingerprint(), entry);
        if self.alerts.len() > MOST_ALERTS {
            let ended = self.alerts.iter().filter_map(|(fingerprint, alert)| Some((alert.ended_at?, *fingerprint)));
            if let Some((_, oldest)) = ended.min() {
                self.alerts.remove(&oldest);
            }
        }
    }
}
