//! The life of work orders: what people ask, what is refused, what alerts do to them.

use std::sync::Arc;
use std::time::Duration;

use super::play::*;
use crate::core::asset::{Asset, KnownAsset, SparePart};
use crate::core::change::Actor;
use crate::core::engine::{Input, Output};
use crate::core::label::LabelSet;
use crate::core::order_command::{OrderAction, OrderCommand, OrderDraft, OrderEdit, OrderRefused};
use crate::core::work_order::{Condition, Kind, OrderEvent, Priority, Status, WorkOrder};

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

const OFFLINE: &str = "CriticalAssetOffline asset_code=PUMP-001 status=failed";

/// The rules with the time under which a failure is fleeting, and with pages kept back while somebody is at work.
fn rules(fleeting: Duration) -> World {
    let mut rules = policy();
    rules.routes[0].group_interval = MINUTE;
    rules.orders.fleeting = fleeting;
    rules.orders.suppress_pages = true;
    World::new(rules)
}

impl World {
    /// The alert fires for so long, and its recovery is told.
    fn fails_for(&mut self, alert: &str, minutes: u32) {
        for _ in 0..minutes {
            self.post(&[alert], true);
            self.pass(MINUTE);
        }
        self.post(&[alert], false);
        self.pass(2 * MINUTE);
    }

    fn events(&mut self) -> Vec<&'static str> {
        self.only_order().history.iter().map(|entry| entry.event.as_str()).collect()
    }
}

#[test]
fn a_fleeting_failure_is_cancelled_unless_somebody_began() {
    let mut world = rules(10 * MINUTE);
    world.fails_for(OFFLINE, 3);
    let order = world.only_order();
    assert_eq!((order.status, order.condition), (Status::Cancelled, Some(Condition::Cleared)));
    let why = &order.history.last().unwrap().why;
    assert_eq!(why, "fleeting: the failure lasted 180 seconds, and nobody had started");

    let mut world = rules(10 * MINUTE);
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    let number = Arc::clone(&world.only_order().number);
    world.act(&number, OrderAction::Start).unwrap();
    world.fails_for(OFFLINE, 2);
    let order = world.only_order();
    assert_eq!((order.status, order.condition), (Status::InProgress, Some(Condition::Cleared)), "it is not touched");

    let mut world = rules(2 * MINUTE);
    world.fails_for(OFFLINE, 5);
    assert_eq!(world.only_order().status, Status::Open, "it was not fleeting: verify and close");
}

#[test]
fn a_failure_that_comes_again_reopens_its_order_and_later_opens_another() {
    let mut world = rules(Duration::ZERO);
    world.fails_for(OFFLINE, 5);
    let number = Arc::clone(&world.only_order().number);
    world.act(&number, OrderAction::Complete).unwrap();
    world.pass(60 * MINUTE);
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    let order = world.only_order();
    assert_eq!((order.status, order.condition), (Status::Open, Some(Condition::Recurred)));
    assert!(order.malfunction_end.is_none() && order.due_at > world.now && order.closed_at.is_none());
    world.fails_for(OFFLINE, 2);
    world.act(&number, OrderAction::Complete).unwrap();
    world.pass(25 * 60 * MINUTE);
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    assert_eq!(world.engine.view().work_orders.len(), 2, "after a day it is another failure");
}

#[test]
fn a_failure_that_goes_on_after_its_order_was_closed_opens_no_other() {
    let mut world = rules(Duration::ZERO);
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    let number = Arc::clone(&world.only_order().number);
    world.act(&number, OrderAction::Cancel).unwrap();
    world.fails_for(OFFLINE, 5);
    let degraded = "CriticalAssetOffline asset_code=PUMP-001 status=degraded";
    assert_eq!(world.only_order().status, Status::Cancelled);
    assert_eq!(world.only_order().condition, Some(Condition::Cleared));
    world.post(&[degraded], true);
    world.pass(MINUTE);
    assert_eq!((world.only_order().status, world.events().pop()), (Status::Open, Some("reopened")));
}

#[test]
fn an_overdue_order_is_escalated_and_never_breeds() {
    let mut rules = policy();
    rules.receivers[0].work_orders[0].kind = Kind::Preventive;
    rules.receivers[0].work_orders[0].priority = Priority::Medium;
    rules.receivers[0].work_orders[0].key_labels.push("work_order_number".into());
    let mut world = World::new(rules);
    world.fails_for("MaintenanceOverdue asset_code=PUMP-001 work_order_number=PM-7", 1);
    let number = Arc::clone(&world.only_order().number);
    let named = format!("MaintenanceOverdue work_order_number={number}");
    for alert in
        [named.as_str(), "MaintenanceOverdue asset_code=PUMP-001", "MaintenanceOverdue asset_code=PUMP-001 x=y"]
    {
        world.post(&[alert], true);
        world.pass(6 * MINUTE);
    }
    let order = world.only_order();
    assert_eq!((order.priority, order.notes.len()), (Priority::Emergency, 3), "{:#?}", order.history);
    assert_eq!(order.condition, Some(Condition::Cleared), "what is overdue is not what failed");
    world.act(&number, OrderAction::Complete).unwrap();
    world.post(&[&named], true);
    world.pass(30 * MINUTE);
    assert_eq!(world.only_order().status, Status::Completed, "the exporter lags behind");
}

#[test]
fn the_ladder_is_climbed_step_by_step_and_once() {
    let mut world = World::new(policy());
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    let number = Arc::clone(&world.only_order().number);
    world.act(&number, OrderAction::Assign("bo".into())).unwrap();
    let steps = |world: &mut World| -> Vec<String> {
        let order = world.only_order();
        let steps = order.history.iter().filter(|entry| entry.event.as_str().starts_with("overdue"));
        steps.map(|entry| format!("{} {}", entry.event.as_str(), entry.at.since(order.due_at).as_secs() / 60)).collect()
    };
    world.pass(Duration::from_secs(4 * 3600));
    assert_eq!(steps(&mut world), ["overdue_assignee 0"]);
    world.crash(10 * MINUTE);
    world.pass(Duration::from_secs(48 * 3600));
    assert_eq!(steps(&mut world), ["overdue_assignee 0", "overdue_supervisor 30", "overdue_manager 120"]);
    let edit = OrderEdit { due_at: Some(world.now.after(MINUTE)), ..OrderEdit::default() };
    world.act(&number, OrderAction::Edit(Box::new(edit))).unwrap();
    world.act(&number, OrderAction::Complete).unwrap();
    world.pass(Duration::from_secs(48 * 3600));
    assert_eq!(steps(&mut world).len(), 3, "what is done is not overdue");
}

#[test]
fn work_in_progress_keeps_pages_back_and_notes_them() {
    let mut world = rules(Duration::ZERO);
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    let number = Arc::clone(&world.only_order().number);
    world.act(&number, OrderAction::Start).unwrap();
    world.lines();
    let hot = "BearingHot asset_code=PUMP-001";
    for _ in 0..6 {
        world.post(&[hot, "BearingHot asset_code=PUMP-002"], true);
        world.pass(MINUTE);
    }
    let told: Vec<_> = world.told.iter().flat_map(|row| row.alerts.iter()).map(|told| &told.alert.labels).collect();
    assert!(told.iter().any(|labels| labels.value("asset_code") == "PUMP-002"), "another asset");
    assert!(
        !told
            .iter()
            .any(|labels| labels.value("alertname") == "BearingHot" && labels.value("asset_code") == "PUMP-001")
    );
    let order = Arc::clone(&world.engine.view().work_orders[&number]);
    let said = "not told, since work is in progress: {alertname=\"BearingHot\", asset_code=\"PUMP-001\"}";
    assert_eq!(order.notes.iter().map(|note| &*note.text).collect::<Vec<_>>(), [said]);
    let view = world.engine.view();
    let labels = LabelSet::new(pairs(hot)).unwrap();
    assert_eq!(view.muting(world.now).kept_back_by(&labels), [Arc::clone(&number)]);
    world.act(&number, OrderAction::Complete).unwrap();
    world.post(&[hot], true);
    world.pass(2 * MINUTE);
    assert_eq!(world.engine.view().muting(world.now).kept_back_by(&labels), Vec::<Arc<str>>::new());
    let told = world.told.iter().flat_map(|row| row.alerts.iter()).any(|told| told.alert.labels == labels);
    assert!(told, "it ends with the order");
}

#[test]
fn an_alert_of_which_nobody_tells_any_more_is_not_awaited_for_ever() {
    let mut world = World::new(policy());
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    let mut other = policy();
    other.routes[0].group_interval = Duration::from_secs(3600);
    other.receivers.push(receiver("two", "webhook", true));
    let mut elsewhere = route(vec![], 1, &["alertname"]);
    (elsewhere.parent, elsewhere.key, elsewhere.id) = (None, Arc::from("{}"), Arc::from("{}"));
    other.routes[0] = elsewhere;
    world.reload(other);
    world.fails_for(OFFLINE, 1);
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.only_order().condition, Some(Condition::Cleared), "{:#?}", world.only_order().history);
}

#[test]
fn parts_that_are_missing_are_named() {
    let mut rules = policy();
    let part = |number: &str, in_stock, lead_time_days| SparePart {
        number: number.into(),
        name: "Seal".into(),
        needed: 2,
        in_stock,
        stock_location: String::new(),
        lead_time_days,
    };
    let asset = Asset { code: "PUMP-001".into(), name: "Cooling pump".into(), ..Asset::default() };
    let known = KnownAsset { asset, parts: vec![part("SP-1", 2, None), part("SP-2", 1, Some(14))] };
    rules.assets.insert("PUMP-001".into(), known);
    let mut world = World::new(rules);
    world.post(&[OFFLINE], true);
    world.pass(MINUTE);
    let order = world.only_order();
    assert_eq!((order.asset.name.as_str(), order.parts.len()), ("Cooling pump", 2));
    assert_eq!(order.notes[0].text, "out of stock: Seal (SP-2), 1 of 2, lead time 14 days");
    let draft = OrderDraft { title: "Look".into(), asset_code: "PUMP-9".into(), ..OrderDraft::default() };
    let refused = world.order(ana(), OrderCommand::Create(Box::new(draft))).unwrap_err().to_string();
    assert_eq!(refused, "assetCode: there is no asset \"PUMP-9\"; allowed: the code of a known asset");
}
