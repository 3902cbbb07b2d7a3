//! The life of work orders: what people ask, what is refused, what alerts do to them.

use std::sync::Arc;
use std::time::Duration;

use super::play::*;
use crate::core::change::Actor;
use crate::core::engine::{Input, Output};
use crate::core::order_command::{OrderAction, OrderCommand, OrderDraft, OrderEdit, OrderRefused};
use crate::core::work_order::{OrderEvent, Status, WorkOrder};

const MINUTE: Duration = Duration::from_secs(60);

type Asked = Result<Arc<WorkOrder>, OrderRefused>;

impl World {
    /// Lets somebody ask something of a work order.
    pub fn order(&mut self, actor: Actor, command: OrderCommand) -> Asked {
        match self.input(Input::Order(actor, command)) {
            Output::Order(result) => result,
            other => panic!("{other:?}"),
        }
    }

    /// A person acts on an order.
    pub fn act(&mut self, number: &str, action: OrderAction) -> Asked {
        self.order(ana(), OrderCommand::Change { number: number.into(), if_match: None, action, why: "".into() })
    }

    /// The one order that there is.
    pub fn only_order(&mut self) -> Arc<WorkOrder> {
        let orders = self.engine.view().work_orders;
        assert_eq!(orders.len(), 1, "{orders:#?}");
        Arc::clone(orders.values().next().unwrap())
    }
}

fn ana() -> Actor {
    Actor::User { name: "ana".into(), address: "10.0.0.1".into() }
}

fn plant_table() -> Actor {
    Actor::Mirror { system: "postgres".into(), person: "bo".into() }
}

fn draft(title: &str) -> OrderCommand {
    OrderCommand::Create(Box::new(OrderDraft { title: title.into(), ..OrderDraft::default() }))
}

#[test]
fn a_life_by_hand_with_who_and_when() {
    let mut world = World::new(policy());
    let opened = world.order(ana(), draft("Grease the bearings")).unwrap();
    assert_eq!((opened.revision, opened.status, opened.condition), (1, Status::Open, None));
    assert_eq!(opened.due_at, world.now.after(Duration::from_secs(7 * 24 * 3600)), "medium: a week");
    let number = Arc::clone(&opened.number);
    world.pass(MINUTE);
    let assigned = world.act(&number, OrderAction::Assign("bo".into())).unwrap();
    assert_eq!((&*assigned.assignee, assigned.status, assigned.revision), ("bo", Status::Assigned, 2));
    assert_eq!(assigned.acknowledged_at, Some(world.now));
    world.act(&number, OrderAction::Start).unwrap();
    world.act(&number, OrderAction::Hold).unwrap();
    world.act(&number, OrderAction::Start).unwrap();
    world.act(&number, OrderAction::Note("greased".into())).unwrap();
    let began = world.now;
    world.pass(30 * MINUTE);
    let done = world.act(&number, OrderAction::Complete).unwrap();
    assert_eq!((done.actual_start, done.actual_end, done.closed_at), (Some(began), Some(world.now), Some(world.now)));
    let events: Vec<_> = done.history.iter().map(|entry| entry.event).collect();
    use OrderEvent::*;
    assert_eq!(events, [Opened, Assigned, Started, Held, Started, Noted, Completed]);
    assert!(done.history.iter().all(|entry| entry.actor == ana()), "{:?}", done.history);
    assert_eq!(done.history.iter().map(|entry| entry.revision).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut world = World::new(policy());
    let number = Arc::clone(&world.order(ana(), draft("Look")).unwrap().number);
    let stored = world.stored.len();
    let hours =
        |hours| OrderAction::Edit(Box::new(OrderEdit { actual_hours: Some(Some(hours)), ..OrderEdit::default() }));
    let rows = [
        (OrderAction::Hold, "cannot become on_hold; possible: assigned, in_progress, completed, cancelled"),
        (OrderAction::Reopen, "cannot become open; possible: assigned"),
        (OrderAction::Note("  ".into()), "note: it is empty; allowed: a text"),
        (OrderAction::Note("x".repeat(10_001)), "note: it has 10001 characters; allowed: at most 10000 characters"),
        (OrderAction::Assign("a\nb".into()), "assignee: it has control characters; allowed: text in one line"),
        (hours(-1.0), "actualHours: -1 is no number of hours; allowed: 0 to 100000"),
        (hours(f64::NAN), "actualHours: NaN is no number of hours"),
    ];
    for (action, expected) in rows {
        let error = world.act(&number, action.clone()).unwrap_err().to_string();
        assert!(error.contains(expected), "{action:?}: {error}");
    }
    let stale = OrderCommand::Change { number, if_match: Some(7), action: OrderAction::Start, why: "".into() };
    assert!(matches!(world.order(ana(), stale), Err(OrderRefused::Stale { expected: 7, found: 1, .. })));
    assert!(matches!(world.act("WO-2027-AAAAAAAA", OrderAction::Start), Err(OrderRefused::NotFound(_))));
    let by = world.stored[stored..].iter().all(|change| matches!(change, crate::core::change::Change::By(_)));
    assert!(by, "{:?}", &world.stored[stored..]);
}

#[test]
fn what_the_plants_people_say_elsewhere_is_followed_step_by_step() {
    let mut world = World::new(policy());
    let number = Arc::clone(&world.order(ana(), draft("Look")).unwrap().number);
    let says = |status| {
        let edit = OrderEdit { status: Some(status), assignee: Some("cy".into()), ..OrderEdit::default() };
        let action = OrderAction::Edit(Box::new(edit));
        OrderCommand::Change { number: Arc::clone(&number), if_match: None, action, why: "".into() }
    };
    let held = world.order(plant_table(), says(Status::OnHold)).unwrap();
    assert_eq!((held.status, &*held.assignee), (Status::OnHold, "cy"));
    let done = world.order(plant_table(), says(Status::Completed)).unwrap();
    assert!(done.status == Status::Completed && done.actual_start.is_some());
    let again = world.order(plant_table(), says(Status::Open)).unwrap();
    assert_eq!((again.status, &*again.assignee, again.closed_at), (Status::Open, "cy", None));
}
