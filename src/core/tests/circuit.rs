//! An integration that fails for long is probed; what waited for it goes out in order when it is back.

use std::time::Duration;

use super::play::*;
use crate::core::engine::Input;
use crate::core::outbox::Outcome;

const MINUTE: Duration = Duration::from_secs(60);

fn down(world: &mut World) {
    let failure = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![failure; usize::from(u16::MAX)]);
}

/// Lets so many minutes pass in which these alerts are sent again and again. Gives what was tried in that time.
fn minutes(world: &mut World, minutes: u32, alerts: &[String]) -> Vec<String> {
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    world.lines();
    for _ in 0..minutes {
        world.post(&alerts, true);
        world.pass(MINUTE);
    }
    world.lines()
}

fn storm(of: std::ops::Range<usize>) -> Vec<String> {
    of.map(|i| format!("Alert{i:03} a severity={}", if i % 50 == 7 { "critical" } else { "info" })).collect()
}

#[test]
fn what_fails_for_long_is_probed_and_not_hammered() {
    let mut world = World::new(policy());
    down(&mut world);
    let alerts = storm(0..200);
    minutes(&mut world, 3, &alerts);
    let tried = minutes(&mut world, 60, &alerts);
    assert!((50..=80).contains(&tried.len()), "a probe a minute, not 200: {}", tried.len());
    let view = world.engine.view();
    let faring = view.faring.values().next().unwrap();
    assert!(faring.failing_since.is_some() && faring.probed_at.is_some() && faring.last_success.is_none());
    assert_eq!(faring.last_error.as_ref().map(|(_, error)| &**error), Some("503"));
    assert_eq!(view.outbox.len(), 200, "nothing is dropped");
}

/// What is reported again because it could not be stored was one attempt all the same; another attempt is another one.
#[test]
fn an_attempt_whose_end_cannot_be_stored_counts_once() {
    let mut world = World::new(policy());
    down(&mut world);
    world.post(&["Disk a"], true);
    world.now = world.engine.next_deadline();
    world.engine.handle(world.now, Input::Tick);
    world.engine.committed();
    let row = world.engine.take_due(world.now).remove(0).remove(0).id;
    let failed = || Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    let failures = |world: &mut World| {
        let faring = world.engine.view().faring.into_values().next().unwrap();
        (faring.failures, faring.probed_at.is_some())
    };
    world.store_fails = true;
    for _ in 0..20 {
        world.now = world.now.after(10 * SECOND);
        world.input(Input::Settled(row, failed(), 0.5));
        assert_eq!(failures(&mut world), (1, false));
    }
    assert_eq!(world.engine.claim_bundles([row]).len(), 1);
    world.input(Input::Settled(row, failed(), 0.5));
    assert_eq!(failures(&mut world), (2, false));
    world.store_fails = false;
    world.receivers.0.clear();
    world.input(Input::Settled(row, failed(), 0.5));
    assert_eq!(failures(&mut world), (2, false));
    world.pass(MINUTE);
    assert_eq!((failures(&mut world), world.told.len()), ((0, false), 1));
}

#[test]
fn what_waited_goes_out_critical_first_then_in_one_message() {
    let mut world = World::new(policy());
    down(&mut world);
    minutes(&mut world, 5, &storm(0..100));
    minutes(&mut world, 5, &storm(0..200));
    world.receivers.0.clear();
    let told = minutes(&mut world, 2, &storm(0..200));
    let name = |line: &String| line.split('"').nth(1).unwrap_or_default().to_owned();
    let told: Vec<String> = told.iter().map(name).collect();
    assert_eq!(told.len(), 200, "each thread once: {told:?}");
    assert_eq!(told[..4], ["Alert157", "Alert107", "Alert057", "Alert007"]);
    assert_eq!(world.messages[world.messages.len() - 5..], [1, 1, 1, 1, 196], "the rest in one message");
    let faring = world.engine.view().faring.into_values().next().unwrap();
    assert!(faring.failing_since.is_none() && faring.probed_at.is_none() && faring.last_success.is_some());
}

#[test]
fn where_nothing_is_merged_the_newest_goes_out_before_the_older_ones() {
    let mut rules = policy();
    rules.receivers[0].integrations[0].digest = false;
    let mut world = World::new(rules);
    down(&mut world);
    minutes(&mut world, 5, &storm(0..100));
    minutes(&mut world, 5, &storm(0..200));
    world.receivers.0.clear();
    let told = minutes(&mut world, 2, &storm(0..200));
    let place = |name: &str| told.iter().position(|told| told.contains(name));
    assert_eq!(told.len(), 200);
    assert!(place("Alert057") < place("Alert150") && place("Alert150") < place("Alert050"), "{told:?}");
}

#[test]
fn an_answer_that_refuses_is_an_answer_and_others_are_not_held() {
    let mut world = World::new(policy());
    let refusal = Outcome::Refused { error: "400".into(), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![refusal; 100]);
    let tried = minutes(&mut world, 3, &storm(0..50));
    assert_eq!(tried.len(), 50);
    assert!(world.engine.view().faring.values().all(|faring| faring.failing_since.is_none()));
}

#[test]
fn what_is_held_is_given_up_when_its_time_is_over() {
    let mut rules = policy();
    rules.receivers[0].rules.give_up_after = Some(20 * MINUTE);
    let mut world = World::new(rules);
    down(&mut world);
    minutes(&mut world, 19, &storm(0..100));
    assert!(world.engine.view().dead_letters.is_empty());
    minutes(&mut world, 4, &[]);
    assert_eq!(world.engine.view().dead_letters.len(), 100);
}

#[test]
fn in_a_storm_a_critical_page_leaves_before_every_other() {
    let mut world = World::new(policy());
    let alerts: Vec<String> = (0..10_000)
        .map(|i| format!("Alert{i:05} a severity={}", if i == 9_999 { "critical" } else { "info" }))
        .collect();
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    world.post(&alerts, true);
    world.pass(31 * SECOND);
    assert_eq!(world.told.len(), 10_000);
    assert_eq!(world.told[0].alerts[0].alert.labels.value("severity"), "critical");
}
