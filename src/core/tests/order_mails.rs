//! Mails about work orders: one thread for each order, digests of all, and the orders that other notifications name.

use std::sync::Arc;
use std::time::Duration;

use super::play::*;
use crate::core::change::Actor;
use crate::core::dead_letters::DeadLetterCommand;
use crate::core::engine::{Input, Output};
use crate::core::order_command::{OrderAction, OrderCommand};
use crate::core::order_mail::{DailyAt, News, OrderMails};
use crate::core::outbox::{Delivery, Outcome, ToldAlert};
use crate::core::policy::{Fallback, Policy, ReceiverIdx};
use crate::core::work_order::Priority;

const MINUTE: Duration = Duration::from_secs(60);

/// Orders for `CriticalAssetOffline`, of this priority, which a supervisor is mailed about; a digest each midnight.
fn rules(priority: Priority) -> Policy {
    let mut rules = policy();
    rules.receivers[0].work_orders[0].priority = priority;
    rules.receivers.push(receiver("supervisor", "email", true));
    rules.orders.mails = Some(OrderMails {
        receiver: "supervisor".into(),
        assignee: None,
        manager: None,
        at_once: [Priority::Emergency].into(),
        digest: Some(DailyAt { minute: 0, location: "UTC".parse().unwrap() }),
    });
    rules
}

fn offline(world: &mut World, status: &str, firing: bool) {
    world.post(&[&format!("CriticalAssetOffline asset_code=PUMP-1 status={status}")], firing);
}

fn act(world: &mut World, action: OrderAction) {
    let number = Arc::clone(world.engine.view().work_orders.keys().next().unwrap());
    let change = OrderCommand::Change { number, if_match: None, action, why: String::new() };
    let output = world.input(Input::Order(Actor::MailLink("ana@plant.example".into()), change));
    assert!(matches!(output, Output::Order(Ok(_))), "{output:?}");
}

/// What the supervisor was mailed: the event, or how many orders a digest lists.
fn mailed(told: &[Arc<Delivery>]) -> Vec<String> {
    let said = |row: &Arc<Delivery>| match row.news.as_ref()? {
        News::Order(news) => Some(format!("{} {}", news.event.as_str(), row.sequence)),
        News::Digest(digest) => Some(format!("digest of {}", digest.orders.len())),
    };
    told.iter().filter_map(said).collect()
}

#[test]
fn an_order_is_a_thread_of_mails_from_its_opening_to_its_end() {
    let mut world = World::new(rules(Priority::Emergency));
    offline(&mut world, "degraded", true);
    world.pass(MINUTE);
    act(&mut world, OrderAction::Start);
    act(&mut world, OrderAction::Note("a new bearing".into()));
    offline(&mut world, "degraded", false);
    world.pass(6 * MINUTE);
    act(&mut world, OrderAction::Complete);
    assert_eq!(mailed(&world.told), ["opened 1", "recovered 4", "completed 5"]);
    let rows: Vec<_> = world.told.iter().filter(|row| row.news.is_some()).collect();
    let number = Arc::clone(world.engine.view().work_orders.keys().next().unwrap());
    for row in &rows {
        assert_eq!(&*row.thread.group_key, &format!("work-order/{number}"));
        assert_eq!((&*row.thread.receiver, row.episode), ("supervisor", rows[0].episode));
        assert_eq!(row.alerts[0].alert.labels.value("asset_code"), "PUMP-1");
    }
    let Some(News::Order(opened)) = &rows[0].news else { panic!() };
    assert_eq!(opened.told, ["hook (webhook)".into()], "who else is told");
    assert_eq!(world.engine.view().dead_letters.len(), 0);
}

#[test]
fn every_piece_of_news_is_sent_in_order_also_when_the_mail_server_was_away() {
    let mut world = World::new(rules(Priority::Emergency));
    let away = Outcome::Retry { error: "away".into(), after: None, exchange: Default::default() };
    world.receivers.0.insert("supervisor".into(), vec![away; 100]);
    offline(&mut world, "failed", true);
    world.pass(MINUTE);
    act(&mut world, OrderAction::Start);
    offline(&mut world, "failed", false);
    world.pass(5 * MINUTE);
    act(&mut world, OrderAction::Complete);
    assert_eq!(mailed(&world.told), [""; 0]);
    world.crash(MINUTE);
    world.receivers.0.clear();
    world.pass(10 * MINUTE);
    assert_eq!(mailed(&world.told), ["opened 1", "recovered 3", "completed 4"]);
    // What the server refuses is a dead letter, each for itself, and changes nothing that was told of the alerts.
    let refused = Outcome::Refused { error: "no".into(), exchange: Default::default() };
    world.receivers.0.insert("supervisor".into(), vec![refused; 2]);
    act(&mut world, OrderAction::Reopen);
    act(&mut world, OrderAction::Cancel);
    let view = world.engine.view();
    assert_eq!((view.dead_letters.len(), view.outbox.len()), (2, 0));
    assert!(view.ledger.keys().all(|thread| &*thread.receiver == "hook"), "{:?}", view.ledger);
}

/// `supervisor` falls back on `spare` after ten minutes.
fn with_fallback() -> Policy {
    let mut rules = rules(Priority::Emergency);
    rules.receivers.push(receiver("spare", "webhook", true));
    rules.receivers[1].rules.fallback = Some(Fallback { receiver: ReceiverIdx(2), after: 10 * MINUTE });
    rules.with_own_routes()
}

/// What the fallback was told, since the last call.
fn spare(world: &mut World) -> Vec<String> {
    let told = std::mem::take(&mut world.told);
    let of_spare = told.iter().filter(|row| &*row.thread.receiver == "spare");
    let alerts = of_spare.flat_map(|row| row.alerts.iter().cloned().collect::<Vec<_>>());
    let said = |told: ToldAlert| {
        let (labels, notes) = (&told.alert.labels, &told.alert.annotations);
        let state = if told.resolved { "resolved" } else { "firing" };
        format!("{state} {} {}", labels.value("severity"), notes.value("summary"))
    };
    alerts.map(said).collect()
}

#[test]
fn the_fallback_hears_of_mails_about_orders_that_cannot_be_delivered() {
    let mut world = World::new(with_fallback());
    let away = Outcome::Retry { error: "away".into(), after: None, exchange: Default::default() };
    world.receivers.0.insert("supervisor".into(), vec![away; usize::from(u16::MAX)]);
    offline(&mut world, "failed", true);
    world.pass(9 * MINUTE);
    assert_eq!(spare(&mut world), [""; 0], "not yet");
    world.crash(MINUTE);
    world.pass(3 * MINUTE);
    let number = Arc::clone(world.engine.view().work_orders.keys().next().unwrap());
    let told = spare(&mut world);
    let expected = format!("firing critical supervisor (email[0]) could not be told of work order {number}: opened");
    assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
    assert!(told[0].contains("(emergency), "), "{told:?}");
    world.receivers.0.clear();
    world.pass(5 * MINUTE);
    assert_eq!(spare(&mut world), ["resolved critical supervisor (email[0]): told after all"]);
}

#[test]
fn the_fallback_hears_of_what_the_mail_server_refuses_until_it_is_put_away() {
    let mut world = World::new(with_fallback());
    let refused = Outcome::Refused { error: "no such user".into(), exchange: Default::default() };
    world.receivers.0.insert("supervisor".into(), vec![refused; 2]);
    offline(&mut world, "failed", true);
    world.pass(MINUTE);
    assert_eq!(spare(&mut world).len(), 1);
    act(&mut world, OrderAction::Cancel);
    world.pass(MINUTE);
    assert_eq!(spare(&mut world), [""; 0], "it knows");
    let letters: Vec<_> = world.engine.view().dead_letters.keys().copied().collect();
    assert_eq!(letters.len(), 2);
    let put_away = || DeadLetterCommand::Discard("said by phone".into());
    world.input(Input::DeadLetter(Actor::Clock, letters[0], put_away()));
    world.pass(MINUTE);
    assert_eq!(spare(&mut world), [""; 0], "the other is still undelivered");
    world.input(Input::DeadLetter(Actor::Clock, letters[1], put_away()));
    world.pass(MINUTE);
    assert_eq!(spare(&mut world), ["resolved critical supervisor (email[0]): put away: said by phone"]);
}

#[test]
fn what_is_not_urgent_waits_for_the_digest_which_is_never_empty() {
    let mut world = World::new(rules(Priority::Medium));
    let day = 24 * 60 * MINUTE;
    world.pass(2 * day);
    assert_eq!(mailed(&world.told), [""; 0], "nothing to say");
    offline(&mut world, "failed", true);
    world.pass(MINUTE);
    act(&mut world, OrderAction::Start);
    assert_eq!(mailed(&world.told), [""; 0]);
    // A start after midnight makes up for it, once.
    world.crash(day);
    world.pass(MINUTE);
    assert_eq!(mailed(&world.told), ["digest of 1"]);
    act(&mut world, OrderAction::Complete);
    world.pass(3 * day);
    assert_eq!(mailed(&world.told), ["digest of 1", "digest of 1"], "what was closed is listed once more");
}

#[test]
fn other_notifications_name_the_order_that_the_same_flush_opened() {
    let mut world = World::new(rules(Priority::Emergency));
    offline(&mut world, "failed", true);
    world.pass(MINUTE);
    let number = Arc::clone(world.engine.view().work_orders.keys().next().unwrap());
    // The next one opens an order of its own.
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    let names = |row: &Delivery| row.orders.0.iter().map(|order| Arc::clone(&order.number)).collect::<Vec<_>>();
    let told = |world: &World, name: &str| {
        let of = |row: &&Arc<Delivery>| row.news.is_none() && row.group_labels.value("alertname") == name;
        world.told.iter().rev().find(of).map(|row| names(row)).unwrap()
    };
    assert_eq!(told(&world, "CriticalAssetOffline"), [Arc::clone(&number)]);
    let of_disk = told(&world, "Disk");
    assert!(of_disk.len() == 1 && of_disk[0] != number, "{of_disk:?}");
    offline(&mut world, "failed", false);
    world.pass(6 * MINUTE);
    assert_eq!(told(&world, "CriticalAssetOffline"), [number]);
    assert!(world.stored.iter().all(|change| !format!("{change:?}").contains("OrdersBehind([WorkOrder")));
}
