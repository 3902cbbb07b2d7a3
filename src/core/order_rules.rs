//! How urgent an order is and when it is due, from its rule and from what its alert says; and what holds for all orders.

use std::collections::BTreeMap;
use std::time::Duration;

use super::alert::Alert;
use super::asset::Asset;
use super::order_mail::OrderMails;
use super::policy::WorkOrderRule;
use super::work_order::{LadderStep, Priority, WorkOrder};
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What holds for all work orders: the configuration's `work_orders`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderPolicy {
    /// From opening to the due time, for each priority.
    pub due: BTreeMap<Priority, Duration>,
    /// An order that nobody has started is cancelled if its failure was over within this time; zero for never.
    pub fleeting: Duration,
    /// A failure that comes again within this time after its order was closed reopens the order.
    pub reopen_within: Duration,
    /// Whether an order in progress keeps back notifications about its asset.
    pub suppress_pages: bool,
    /// How long after the due time each step of the ladder is taken, for each priority; a step that is absent is not.
    pub escalation: BTreeMap<Priority, BTreeMap<LadderStep, Duration>>,
    /// From which probability of failure within seven days an order is at least so urgent.
    pub failure_probability: BTreeMap<Priority, f64>,
    /// How long orders are kept after they were completed or cancelled.
    pub retention: Duration,
    /// Who gets mails about orders; nothing for nobody.
    pub mails: Option<OrderMails>,
}

impl Default for OrderPolicy {
    fn default() -> Self {
        let ladder = |assignee, supervisor, manager| {
            let steps = [LadderStep::Assignee, LadderStep::Supervisor, LadderStep::Manager];
            steps.into_iter().zip([assignee, supervisor, manager]).collect::<BTreeMap<_, _>>()
        };
        Self {
            due: [
                (Priority::Emergency, 4 * HOUR),
                (Priority::High, 24 * HOUR),
                (Priority::Medium, 7 * DAY),
                (Priority::Low, 30 * DAY),
            ]
            .into(),
            fleeting: Duration::ZERO,
            reopen_within: 24 * HOUR,
            suppress_pages: false,
            escalation: [
                (Priority::Emergency, ladder(Duration::ZERO, HOUR / 2, 2 * HOUR)),
                (Priority::High, ladder(Duration::ZERO, 4 * HOUR, 24 * HOUR)),
                (Priority::Medium, ladder(Duration::ZERO, DAY, 3 * DAY)),
                (Priority::Low, ladder(Duration::ZERO, 7 * DAY, 14 * DAY)),
            ]
            .into(),
            failure_probability: [(Priority::High, 0.8), (Priority::Medium, 0.5)].into(),
            retention: 400 * DAY,
            mails: None,
        }
    }
}

impl OrderPolicy {
    /// The next step of an order's ladder, and when it is due. Of steps that are due at once the lower one comes first.
    pub fn next_step(&self, order: &WorkOrder) -> Option<(Timestamp, LadderStep)> {
        let ladder = self.escalation.get(&order.priority).filter(|_| order.status.is_open())?;
        let ahead = ladder.iter().filter(|(step, _)| !order.ladder.contains(step));
        // An order is overdue after its due time, not at it.
        let due = ahead.map(|(step, after)| (order.due_at.after(*after).after(Duration::from_millis(1)), *step));
        due.min()
    }

    /// From opening to the due time of an order of this priority.
    pub fn due_after(&self, priority: Priority) -> Duration {
        // The configuration gives every priority a time; a month is as late as any of the built-in ones.
        self.due.get(&priority).copied().unwrap_or(30 * DAY)
    }
}

/// How urgent an order is, until when it is to be done, and what made it more urgent than its rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Urgency {
    /// How urgent.
    pub priority: Priority,
    /// From opening to the due time.
    pub due_after: Duration,
    /// What the alert said, in words.
    pub because: Vec<String>,
}

impl OrderPolicy {
    /// What a rule says of an alert. Labels that the rule names come first; the horizon of the remaining useful life and
    /// the probability of failure only ever make an order more urgent.
    pub fn urgency(&self, rule: &WorkOrderRule, alert: &Alert, asset: Option<&Asset>) -> Urgency {
        let mut because = Vec::new();
        let mut priority = rule.priority;
        let named = rule.priority_from.iter().find_map(|label| {
            let said = match (alert.labels.value(label), &**label) {
                ("", "criticality") => asset.map_or("", |asset| asset.criticality.as_str()),
                (said, _) => said,
            };
            priority_word(said).map(|priority| (priority, format!("{label} is {said}")))
        });
        if let Some((said, why)) = named {
            priority = said;
            because.push(why);
        }
        let horizon = number(alert, "rul_hours").and_then(|hours| Duration::try_from_secs_f64(hours * 3600.0).ok());
        if let Some(horizon) = horizon {
            priority = priority.min(self.before(horizon));
            because.push(format!("{} hours of useful life remain", horizon.as_secs() / 3600));
        }
        let probability = number(alert, "failure_probability_7d").filter(|probability| *probability <= 1.0);
        let likely = probability.and_then(|found| self.failure_probability.iter().find(|(_, from)| found >= **from));
        if let (Some((likely, _)), Some(found)) = (likely, probability) {
            priority = priority.min(*likely);
            because.push(format!("the probability of failure within seven days is {found}"));
        }
        // The rule's own time is meant for the rule's own priority.
        let own = rule.due_after.filter(|_| priority == rule.priority);
        let due_after = own.unwrap_or_else(|| self.due_after(priority));
        Urgency { priority, due_after: horizon.map_or(due_after, |horizon| due_after.min(horizon)), because }
    }

    /// The least urgent priority whose work is done before this time is over; the most urgent if none is.
    fn before(&self, horizon: Duration) -> Priority {
        let in_time = Priority::ALL.iter().rev().find(|priority| self.due_after(**priority) <= horizon);
        in_time.copied().unwrap_or(Priority::Emergency)
    }
}

/// The priority that a word of the plant, of an asset or of an alert stands for.
fn priority_word(word: &str) -> Option<Priority> {
    match word {
        "critical" => Some(Priority::Emergency),
        "warning" => Some(Priority::Medium),
        "info" => Some(Priority::Low),
        word => Priority::parse(word),
    }
}

/// A number that is not negative, in a label or else in an annotation.
fn number(alert: &Alert, name: &str) -> Option<f64> {
    let text = alert.labels.get(name).or_else(|| alert.annotations.get(name))?;
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::label::LabelSet;
    use crate::core::testing::policy;

    /// The rule says medium, due in a week.
    fn said(labels: &[(&str, &str)], criticality: &str) -> (Priority, u64) {
        let mut rule = policy().receivers[0].work_orders[0].clone();
        rule.priority = Priority::Medium;
        rule.priority_from = vec![Arc::from("priority"), Arc::from("criticality")];
        let labels = LabelSet::new(labels.iter().copied()).unwrap();
        let (starts_at, ends_at, updated_at) = (Timestamp::EPOCH, Timestamp::EPOCH, Timestamp::EPOCH);
        let generator_url = Arc::from("");
        let annotations = LabelSet::empty();
        let alert = Alert { labels, annotations, generator_url, starts_at, ends_at, updated_at, timeout: false };
        let asset = Asset { criticality: criticality.into(), ..Asset::default() };
        let urgency = OrderPolicy::default().urgency(&rule, &alert, Some(&asset));
        (urgency.priority, urgency.due_after.as_secs() / 3600)
    }

    #[test]
    fn labels_horizon_and_probability_say_how_urgent() {
        type Row = (&'static [(&'static str, &'static str)], &'static str, (Priority, u64));
        let rows: [Row; 12] = [
            (&[], "", (Priority::Medium, 168)),
            (&[("priority", "low")], "critical", (Priority::Low, 720)),
            (&[("priority", "P1")], "critical", (Priority::Emergency, 4)),
            (&[("criticality", "high")], "low", (Priority::High, 24)),
            (&[("rul_hours", "2000")], "", (Priority::Medium, 168)),
            (&[("rul_hours", "100")], "", (Priority::High, 24)),
            (&[("rul_hours", "10.5")], "", (Priority::Emergency, 4)),
            (&[("rul_hours", "2")], "", (Priority::Emergency, 2)),
            (&[("rul_hours", "-1")], "", (Priority::Medium, 168)),
            (&[("rul_hours", "1e300")], "", (Priority::Medium, 168)),
            (&[("failure_probability_7d", "0.85")], "low", (Priority::High, 24)),
            (&[("failure_probability_7d", "85")], "low", (Priority::Low, 720)),
        ];
        for (labels, criticality, expected) in rows {
            assert_eq!(said(labels, criticality), expected, "{labels:?} {criticality}");
        }
    }
}
