//! How urgent an order is and when it is due, from its rule and from what its alert says.

use std::collections::BTreeMap;
use std::time::Duration;

use super::work_order::{LadderStep, Priority};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What holds for all work orders: the configuration's `work_orders`.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// How long orders are kept after they were completed or cancelled.
    pub retention: Duration,
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
            retention: 400 * DAY,
        }
    }
}

impl OrderPolicy {
    /// From opening to the due time of an order of this priority.
    pub fn due_after(&self, priority: Priority) -> Duration {
        // The configuration gives every priority a time; a month is as late as any of the built-in ones.
        self.due.get(&priority).copied().unwrap_or(30 * DAY)
    }
}
