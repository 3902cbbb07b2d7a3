//! One batch is made of so much and no more; what is left comes with the next ones, at once.

use std::time::Duration;

use super::play::*;
use crate::core::change::{Actor, Change};
use crate::core::engine::{Input, Options, Output, ROOM};
use crate::core::ingest::Batch;
use crate::core::outbox::Outcome;

const MINUTE: Duration = Duration::from_secs(60);

fn down(world: &mut World) {
    let failure = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![failure; usize::from(u16::MAX)]);
}

/// So many alerts, each with a group of its own and an annotation of so many bytes.
fn fire(world: &mut World, count: usize, bytes: usize) -> Output {
    let (mut batch, text) = (Batch::default(), "x".repeat(bytes));
    for number in 0..count {
        let (name, ends_at) = (format!("Alert{number:05}"), world.now.after(36_000 * SECOND));
        let mut labels = vec![("alertname", name.as_str()), ("severity", "info")];
        batch.push(&mut labels, &mut vec![("log", text.as_str())], "", world.now, ends_at).unwrap();
    }
    world.input(Input::Alerts(Actor::Sender("test".into()), batch))
}

fn buried(changes: &[Change]) -> usize {
    changes.iter().filter(|change| matches!(change, Change::Dead(_))).count()
}

fn decided(changes: &[Change]) -> usize {
    changes.iter().filter(|change| matches!(change, Change::Outbox(_))).count()
}

#[test]
fn what_waited_too_long_is_given_up_in_parts_and_all_of_it_at_once() {
    let mut world = World::with(policy(), Options { give_up_after: 10 * MINUTE, ..Options::default() });
    down(&mut world);
    fire(&mut world, 3_500, 10);
    world.pass(MINUTE);
    assert_eq!(world.engine.view().outbox.len(), 3_500);
    while world.engine.view().dead_letters.len() < 10 {
        world.pass(SECOND);
    }
    let most = world.entries.iter().map(|(_, changes)| buried(changes)).max().unwrap();
    assert!((900..=1_001).contains(&most), "{most} in one commit");
    world.pass(Duration::ZERO);
    let view = world.engine.view();
    // What is dead is told anew with the next flush of its group, and that is not due.
    assert_eq!((view.dead_letters.len(), view.outbox.len()), (3_500, 0));
    assert!(world.engine.next_deadline() > world.now, "nothing is left to be given up");
}

#[test]
fn giving_up_goes_on_where_a_batch_was_taken_back() {
    let mut world = World::with(policy(), Options { give_up_after: 10 * MINUTE, ..Options::default() });
    down(&mut world);
    fire(&mut world, 2_500, 10);
    world.pass(9 * MINUTE);
    world.hold_back = true;
    world.now = world.now.after(3 * MINUTE);
    let probe = world.engine.take_due(world.now).remove(0).remove(0);
    let failed = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    world.input(Input::Settled(vec![probe.id], failed, 0.5));
    assert_eq!(world.engine.view().dead_letters.len(), 1_001, "the probe, and a part of what waits");
    for _ in 0..2 {
        assert!(world.engine.next_deadline() <= world.now);
        world.store_fails = true;
        world.input(Input::Tick);
        world.store_fails = false;
        world.input(Input::Tick);
    }
    assert_eq!(world.engine.view().dead_letters.len(), 2_500);
}

#[test]
fn the_flushes_of_a_tick_end_where_they_take_much() {
    let mut rules = policy();
    rules.receivers[0].work_orders.clear();
    let mut world = World::new(rules);
    let most = crate::core::label::MAX_VALUE;
    fire(&mut world, 40, most);
    world.now = world.engine.next_deadline();
    world.input(Input::Tick);
    let decided: Vec<_> = world.entries.iter().map(|(_, changes)| decided(changes)).filter(|rows| *rows > 0).collect();
    assert!((ROOM / most..=ROOM / most + 1).contains(&decided[0]), "{decided:?}");
    world.pass(Duration::ZERO);
    assert_eq!(world.told.len(), 40, "the others follow at once");
}

#[test]
fn how_rows_stand_is_stored_without_what_they_say() {
    let mut world = World::new(policy());
    down(&mut world);
    fire(&mut world, 500, 20_000);
    world.pass(5 * MINUTE);
    let (count, before) = (world.entries.len(), world.engine.view().outbox.clone());
    assert_eq!(before.len(), 500);
    world.now = world.now.before(3_600 * SECOND);
    world.hold_back = true;
    world.engine.clock_put_back(3_600 * SECOND);
    world.input(Input::PutBack(3_600 * SECOND));
    let probe = world.engine.take_due(world.now.after(2 * MINUTE)).remove(0).remove(0);
    world.now = world.now.after(2 * MINUTE);
    world.input(Input::Settled(vec![probe.id], Outcome::delivered(), 0.5));
    let changes: Vec<_> = world.entries[count..].iter().flat_map(|(_, changes)| changes).collect();
    let bytes: usize = changes.iter().map(|change| change.weight()).sum();
    assert!(bytes < 1_000 * 1_000, "{bytes} bytes for a thousand rows of 20 000");
    let after = world.engine.view().outbox.clone();
    for (id, row) in after.iter() {
        assert_eq!(row.tried_since, before.get(id).unwrap().tried_since.before(3_600 * SECOND));
    }
    assert!(after.values().filter(|row| row.told_with.is_some()).count() > 400, "they are told together");
    let stood = |world: &mut World| {
        let view = world.engine.view();
        view.outbox.values().map(|row| (row.id, row.standing(), row.alerts.to_vec())).collect::<Vec<_>>()
    };
    let now = stood(&mut world);
    world.crash(Duration::ZERO);
    assert_eq!(stood(&mut world), now, "a restart finds them so");
}

#[test]
fn an_order_that_many_alerts_join_at_once_is_stored_once() {
    const MANY: usize = 600;
    let mut world = World::new(policy());
    let batch = |world: &World, numbers: std::ops::Range<usize>, ends_in: Duration| {
        let (mut batch, now) = (Batch::default(), world.now);
        for number in numbers {
            let instance = number.to_string();
            let mut labels = vec![("alertname", "Heat"), ("asset_code", "P1"), ("instance", instance.as_str())];
            batch.push(&mut labels, &mut vec![], "", now, now.after(ends_in)).unwrap();
        }
        Input::Alerts(Actor::Sender("test".into()), batch)
    };
    let orders = |changes: &[Change]| changes.iter().filter(|change| matches!(change, Change::WorkOrder(_))).count();
    let stored = |world: &World| world.entries.iter().map(|(_, changes)| orders(changes)).sum::<usize>();
    let fires = batch(&world, 0..MANY, 36_000 * SECOND);
    world.input(fires);
    world.now = world.engine.next_deadline();
    world.store_fails = true;
    world.input(Input::Tick);
    assert!(world.engine.view().work_orders.is_empty(), "taken back whole");
    world.store_fails = false;
    world.input(Input::Tick);
    assert_eq!(stored(&world), 1);
    let order = world.only_order();
    assert_eq!((order.alerts.len(), order.revision), (MANY, 1));
    assert!(order.history.iter().all(|entry| entry.revision == 1));
    let bytes: usize = world.entries.iter().flat_map(|(_, changes)| changes).map(Change::weight).sum();
    assert!(bytes < 2_000 * MANY, "{bytes}");
    // All but one are over.
    let recover = batch(&world, 1..MANY, Duration::ZERO);
    world.input(recover);
    world.pass(5 * MINUTE);
    assert_eq!((stored(&world), world.only_order().revision), (2, 2));
    assert!(world.only_order().is_failing());
    // That the last one is over is news by itself.
    let recover = batch(&world, 0..1, Duration::ZERO);
    world.input(recover);
    world.pass(5 * MINUTE);
    let order = world.only_order();
    assert_eq!((stored(&world), order.revision, order.is_failing()), (3, 3, false));
    world.crash(Duration::ZERO);
    assert_eq!(world.only_order(), order, "a restart finds it so");
}

#[test]
fn alerts_may_have_so_much_text_and_those_that_are_known_go_on() {
    let mut world = World::with(policy(), Options { max_alert_bytes: 2_000, ..Options::default() });
    let mut taken = |count, bytes| !matches!(fire(&mut world, count, bytes), Output::Full(_));
    assert!(taken(3, 600));
    assert!(!taken(4, 600), "one more is too much");
    assert!(!taken(3, 700), "so are longer texts of the same");
    assert!(taken(3, 600) && taken(3, 500), "what is known comes again, with as much or less");
    assert!(taken(3, 300) && taken(4, 350));
    let view = world.engine.view();
    assert_eq!(view.alerts.len(), 4);
    assert_eq!(view.alerts.text(), view.alerts.iter().map(|kept| kept.alert.text()).sum::<usize>());
}
