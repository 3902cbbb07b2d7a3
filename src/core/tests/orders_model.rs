//! Random histories of alerts and of people, held against a plain model of what may become of orders.
//!
//! The model knows a table of what people may do, and which few things Andon does by itself. Over all histories, crashes,
//! reloads and failing commits: at most one open order for each key, and it is the newest; no order is lost; no alert that
//! fires is without its order, and no order waits for an alert that is over; every change is a step that is possible, is
//! in the history, and raises the revision by one; work that was begun is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::play::*;
use crate::core::change::{Actor, Change};
use crate::core::label::LabelSet;
use crate::core::order_command::{OrderAction, OrderCommand, OrderDraft, OrderEdit};
use crate::core::policy::Policy;
use crate::core::work_order::{Condition, Status, WorkOrder};
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const REOPEN_WITHIN: Duration = Duration::from_secs(3600);
const ALERTS: [&str; 4] = [
    "Offline asset_code=PUMP-001 status=failed",
    "Offline asset_code=PUMP-001 status=degraded",
    "Offline asset_code=CNC-001 status=failed",
    "Hot asset_code=PUMP-001",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Acknowledge,
    Assign,
    Unassign,
    Start,
    Hold,
    Complete,
    Cancel,
    Reopen,
    Note,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Fire(usize),
    Resolve(usize),
    /// Somebody does something to one of the orders; with a store that fails, or not.
    Person(usize, Act, bool),
    /// The plant's own table says where an order stands.
    Table(usize, usize),
    Create,
    Pass(u32),
    Crash(u32),
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    use Act::*;
    let acts = vec![Acknowledge, Assign, Unassign, Start, Hold, Complete, Cancel, Reopen, Note];
    let act = proptest::sample::select(acts);
    prop_oneof![
        5 => (0..ALERTS.len()).prop_map(Step::Fire),
        5 => (0..ALERTS.len()).prop_map(Step::Resolve),
        8 => (0..8_usize, act, prop::bool::weighted(0.1)).prop_map(|(order, act, fails)| Step::Person(order, act, fails)),
        2 => (0..8_usize, 0..Status::ALL.len()).prop_map(|(order, status)| Step::Table(order, status)),
        1 => Just(Step::Create),
        3 => prop_oneof![Just(3_u32), Just(20), Just(90)].prop_map(Step::Pass),
        1 => (0..10_u32).prop_map(Step::Crash),
        1 => Just(Step::Reload),
    ]
}

fn rules() -> Policy {
    let mut rules = policy();
    rules.routes[0].group_interval = MINUTE;
    rules.orders.fleeting = 10 * MINUTE;
    rules.orders.reopen_within = REOPEN_WITHIN;
    rules.orders.suppress_pages = true;
    rules
}

/// What people may do, said once more and plainly: where it leads, or nothing where it is refused.
fn plainly(status: Status, has_assignee: bool, act: Act) -> Option<Status> {
    use Status::*;
    match (status, act) {
        (status, Act::Note) => Some(status),
        (Completed | Cancelled, Act::Reopen) => Some(Open),
        (Completed | Cancelled, _) | (_, Act::Reopen) => None,
        (status, Act::Acknowledge) => Some(status),
        (Open, Act::Assign) => Some(Assigned),
        (Assigned, Act::Unassign) if has_assignee => Some(Open),
        (status, Act::Assign | Act::Unassign) => Some(status),
        (Open | Assigned | OnHold, Act::Start) => Some(InProgress),
        (Assigned | InProgress, Act::Hold) => Some(OnHold),
        (Open | Assigned | InProgress, Act::Complete) => Some(Completed),
        (Open | Assigned | InProgress | OnHold, Act::Cancel) => Some(Cancelled),
        _ => None,
    }
}

struct Play {
    world: World,
    firing: BTreeSet<usize>,
    /// How many of the stored changes have been looked at, and the orders as they were then.
    seen: usize,
    orders: BTreeMap<Arc<str>, Arc<WorkOrder>>,
}

type Checked = Result<(), TestCaseError>;

impl Play {
    fn new() -> Self {
        Self { world: World::new(rules()), firing: BTreeSet::new(), seen: 0, orders: BTreeMap::new() }
    }

    /// Time goes on, minute by minute, and what fires is sent again.
    fn pass(&mut self, minutes: u32) {
        for _ in 0..minutes {
            let alerts: Vec<_> = self.firing.iter().map(|alert| ALERTS[*alert]).collect();
            self.world.post(&alerts, true);
            self.world.pass(MINUTE);
        }
    }

    fn pick(&self, which: usize) -> Option<Arc<WorkOrder>> {
        let count = self.orders.len().max(1);
        self.orders.values().nth(which % count).cloned()
    }

    fn is_latest(&self, order: &WorkOrder) -> bool {
        self.orders.values().filter(|other| other.key == order.key).all(|other| other.opened_at <= order.opened_at)
    }

    fn person(&mut self, which: usize, act: Act, fails: bool) -> Checked {
        let Some(order) = self.pick(which) else { return Ok(()) };
        let action = match act {
            Act::Acknowledge => OrderAction::Acknowledge,
            Act::Assign => OrderAction::Assign("bo".into()),
            Act::Unassign => OrderAction::Assign(String::new()),
            Act::Start => OrderAction::Start,
            Act::Hold => OrderAction::Hold,
            Act::Complete => OrderAction::Complete,
            Act::Cancel => OrderAction::Cancel,
            Act::Reopen => OrderAction::Reopen,
            Act::Note => OrderAction::Note("a note".into()),
        };
        let expected = plainly(order.status, !order.assignee.is_empty(), act);
        let expected = expected.filter(|_| act != Act::Reopen || self.is_latest(&order));
        self.world.store_fails = fails;
        let (number, if_match) = (Arc::clone(&order.number), Some(order.revision));
        let command = OrderCommand::Change { number, if_match, action, why: String::new() };
        let found = self.world.order(Actor::MailLink("ana".into()), command).ok();
        self.world.store_fails = false;
        prop_assert_eq!(found.map(|order| order.status), expected, "{:?} on {:?}", act, order);
        Ok(())
    }

    fn table(&mut self, which: usize, status: Status) -> Checked {
        let Some(order) = self.pick(which) else { return Ok(()) };
        let action = OrderAction::Edit(Box::new(OrderEdit { status: Some(status), ..OrderEdit::default() }));
        let number = Arc::clone(&order.number);
        let command = OrderCommand::Change { number, if_match: None, action, why: String::new() };
        let found = self.world.order(Actor::Mirror { system: "table".into(), person: String::new() }, command);
        let reopens = status.is_open() && !order.status.is_open();
        let expected = (!reopens || self.is_latest(&order)).then_some(status);
        prop_assert_eq!(found.ok().map(|order| order.status), expected, "{:?}", order);
        Ok(())
    }

    fn play(&mut self, step: Step) -> Checked {
        match step {
            Step::Fire(alert) => {
                self.firing.insert(alert);
            }
            Step::Resolve(alert) => {
                if self.firing.remove(&alert) {
                    self.world.post(&[ALERTS[alert]], false);
                }
            }
            Step::Person(which, act, fails) => self.person(which, act, fails)?,
            Step::Table(which, status) => self.table(which, Status::ALL[status])?,
            Step::Create => {
                let draft = OrderDraft { title: "Look".into(), asset_code: "PUMP-001".into(), ..OrderDraft::default() };
                let command = OrderCommand::Create(Box::new(draft));
                prop_assert!(self.world.order(Actor::Clock, command).is_ok());
            }
            Step::Pass(minutes) => self.pass(minutes),
            Step::Crash(minutes) => self.world.crash(minutes * MINUTE),
            Step::Reload => self.world.reload(rules()),
        }
        // Every group is flushed in this time.
        self.pass(3);
        self.check_changes()?;
        self.check_rest()
    }

    /// Looks at each change of an order since the last time.
    fn check_changes(&mut self) -> Checked {
        let changes: Vec<_> = self.world.stored[self.seen..].to_vec();
        self.seen = self.world.stored.len();
        for change in changes {
            match change {
                Change::WorkOrder(order) => {
                    match self.orders.get(&order.number).cloned() {
                        Some(before) => check_step(&before, &order)?,
                        None => self.check_opened(&order)?,
                    }
                    self.orders.insert(Arc::clone(&order.number), order);
                }
                Change::WorkOrderGone(number) => prop_assert!(false, "{} was lost", number),
                _ => {}
            }
        }
        Ok(())
    }

    /// An order is opened where the one before it is closed, and its failure has been over for long.
    fn check_opened(&self, order: &WorkOrder) -> Checked {
        prop_assert_eq!(order.revision, 1);
        for before in self.orders.values().filter(|before| before.key == order.key) {
            let quiet = before.closed_at.max(before.malfunction_end).unwrap_or(Timestamp::MAX);
            let long = order.opened_at.since(quiet) > REOPEN_WITHIN;
            prop_assert!(!before.status.is_open() && !before.is_failing() && long, "{:?}\nthen {:?}", before, order);
        }
        Ok(())
    }

    /// What is true once everything was told.
    fn check_rest(&mut self) -> Checked {
        let view = self.world.engine.view();
        prop_assert_eq!(view.work_orders.keys().collect::<Vec<_>>(), self.orders.keys().collect::<Vec<_>>());
        let mut open = BTreeSet::new();
        let firing: BTreeMap<_, _> = self.firing.iter().map(|alert| (*alert, labels(*alert))).collect();
        for order in view.work_orders.values() {
            prop_assert!(!order.status.is_open() || open.insert(Arc::clone(&order.key)), "two are open: {:?}", order);
            prop_assert!(!order.status.is_open() || self.is_latest(order), "an older one is open: {:?}", order);
            let awaited = order.alerts.values().filter(|alert| alert.ended_at.is_none());
            for alert in awaited {
                prop_assert!(firing.values().any(|labels| *labels == alert.labels), "waits in vain: {:?}", order);
            }
            let failing = order.alerts.values().any(|alert| alert.ended_at.is_none());
            prop_assert_eq!(failing, order.is_failing(), "{:?}", order);
        }
        for labels in firing.values() {
            let fingerprint = labels.fingerprint();
            let on =
                |order: &Arc<WorkOrder>| order.alerts.get(&fingerprint).is_some_and(|alert| alert.ended_at.is_none());
            let asset = labels.value("asset_code");
            let kept_back = view.at_work.contains_key(asset);
            prop_assert!(kept_back || view.work_orders.values().any(on), "{} has no order", labels);
        }
        Ok(())
    }
}

fn labels(alert: usize) -> LabelSet {
    LabelSet::new(pairs(ALERTS[alert])).expect("short")
}

/// From one stored version of an order to the next.
fn check_step(before: &WorkOrder, after: &WorkOrder) -> Checked {
    prop_assert_eq!(after.revision, before.revision + 1);
    prop_assert_eq!((&after.key, after.opened_at), (&before.key, before.opened_at));
    let entries: Vec<_> = after.since(before.revision).collect();
    prop_assert!(!entries.is_empty(), "a change without a word of it: {:?}", after);
    let by_itself = entries.iter().all(|entry| entry.actor == Actor::Clock);
    let way = before.status.way_to(after.status);
    let mirrored = entries.iter().any(|entry| matches!(entry.actor, Actor::Mirror { .. }));
    prop_assert!(way.len() <= 1 || mirrored, "{:?} to {:?}", before.status, after.status);
    if by_itself && before.status != after.status {
        let fleeting = matches!(before.status, Status::Open | Status::Assigned) && after.status == Status::Cancelled;
        let again = !before.status.is_open() && after.status == Status::Open;
        prop_assert!(fleeting || again, "by itself from {:?} to {:?}", before.status, after.status);
        prop_assert!(!fleeting || (before.actual_start.is_none() && after.condition == Some(Condition::Cleared)));
        let quiet = before.closed_at.max(before.malfunction_end).unwrap_or(Timestamp::ZERO);
        let soon = !before.is_failing() && after.updated_at.since(quiet) <= REOPEN_WITHIN;
        prop_assert!(!again || (soon && after.condition == Some(Condition::Recurred)), "{:?}", before);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn orders_live_as_the_plain_model_says(steps in prop::collection::vec(step(), 1..40)) {
        let mut play = Play::new();
        for step in steps {
            play.play(step)?;
        }
    }
}
