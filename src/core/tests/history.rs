//! What the journal tells of a script.

use std::time::Duration;

use super::play::*;
use crate::core::change::Actor;
use crate::core::engine::Input;
use crate::core::history::{Event, EventKind, What, events};
use crate::core::ingest::Batch;
use crate::core::outbox::Outcome;
use crate::core::policy::Policy;
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);

/// The small rules, without work orders.
fn rules() -> Policy {
    let mut rules = policy();
    rules.receivers[0].work_orders.clear();
    rules
}

fn told(world: &World) -> Vec<Event> {
    events(1, Timestamp::EPOCH, &world.stored)
}

/// The kinds of event since the last call, in order.
fn kinds(world: &mut World) -> Vec<&'static str> {
    let kinds = told(world).iter().map(|event| event.kind().as_str()).collect();
    world.stored.clear();
    kinds
}

fn pass(world: &mut World, alerts: &[&str], minutes: u32) {
    for _ in 0..minutes {
        world.post(alerts, true);
        world.pass(MINUTE);
    }
}

#[test]
fn an_alert_is_told_from_firing_to_resolved_each_event_once() {
    let mut world = World::new(rules());
    pass(&mut world, &["Disk a"], 1);
    assert_eq!(kinds(&mut world), ["alert_fired", "enqueued", "delivered"]);
    pass(&mut world, &["Disk a"], 20);
    assert_eq!(kinds(&mut world), ["flushed"], "that it was told already is said once, not at each flush");
    world.post(&["Disk a"], false);
    world.pass(10 * MINUTE);
    assert_eq!(kinds(&mut world), ["alert_resolved", "enqueued", "delivered"]);
}

#[test]
fn what_is_told_again_unchanged_is_no_event_and_what_changed_is() {
    let mut world = World::new(rules());
    let mut send = |value: &str, ended: Option<u64>| {
        let mut batch = Batch::default();
        let (now, mut labels, mut annotations) = (world.now, vec![("alertname", "Disk")], vec![("value", value)]);
        let begin = Timestamp::new(1_800_000_000, 0);
        let ends_at = ended.map_or(now.after(4 * MINUTE), |second| begin.after(Duration::from_secs(second)));
        batch.push(&mut labels, &mut annotations, "", begin, ends_at).unwrap();
        world.input(Input::Alerts(Actor::Sender("p1".into()), batch));
        world.now = now.after(SECOND);
        let all = told(&world);
        world.stored.clear();
        all.into_iter().map(|event| (event.kind(), event.actor)).collect::<Vec<_>>()
    };
    let sender = Some(Actor::Sender("p1".into()));
    assert_eq!(send("1", None), [(EventKind::Fired, sender.clone())]);
    assert_eq!(send("1", None), []);
    assert_eq!(send("2", None), [(EventKind::Changed, sender.clone())]);
    assert_eq!(send("2", Some(2)), [(EventKind::Resolved, sender)]);
    assert_eq!(send("2", Some(2)), [], "Prometheus says for a while that it is over");
}

#[test]
fn an_alert_that_nobody_sends_again_ran_out() {
    let mut world = World::new(rules());
    world.post(&["Disk a"], true);
    world.pass(30 * MINUTE);
    let all = told(&world);
    let over: Vec<_> = all.iter().filter(|event| matches!(event.what, What::RanOut(_))).collect();
    assert_eq!(over.len(), 1);
    assert_eq!(over[0].labels()[0].value("instance"), "a");
}

#[test]
fn what_holds_back_is_told_when_it_changes() {
    let mut world = World::new(rules());
    let silence = world.silence("instance", "b", 600 * MINUTE);
    let alerts = ["Disk a severity=critical", "Disk a severity=warning", "Disk b severity=warning"];
    pass(&mut world, &alerts, 30);
    let held = |world: &World| {
        let flushes = told(world).into_iter().filter_map(|event| match event.what {
            What::Flushed(flushed) => Some(flushed),
            _ => None,
        });
        let lines = flushes.flat_map(|flushed| {
            let held = flushed.held.into_iter();
            let held = held.map(|held| {
                format!("{} by {} {} {}", held.alert.value("instance"), held.by.as_str(), held.name, held.who)
            });
            held.chain(flushed.released.into_iter().map(|alert| format!("released {}", alert.value("instance"))))
                .collect::<Vec<_>>()
        });
        lines.collect::<Vec<_>>()
    };
    let mut lines = held(&world);
    lines.sort();
    let source = r#"{alertname="Disk", instance="a", severity="critical"}"#;
    let expected = [format!("a by inhibition severity {source}"), format!("b by silence {silence} ana")];
    assert_eq!(lines, expected, "once, over six flushes");
    world.stored.clear();
    world.input(Input::ExpireSilence(Actor::Clock, silence));
    pass(&mut world, &alerts, 10);
    assert_eq!(held(&world), ["released b"]);
    // What could not be stored did not happen: it is found, and told, again.
    world.stored.clear();
    world.silence("instance", "b", 600 * MINUTE);
    world.store_fails = true;
    pass(&mut world, &alerts, 6);
    assert_eq!(held(&world), [""; 0]);
    world.store_fails = false;
    pass(&mut world, &alerts, 6);
    assert_eq!(held(&world).len(), 1);
}

#[test]
fn every_attempt_is_told_with_its_answer() {
    let mut world = World::new(rules());
    let retry = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    let refused = Outcome::Refused { error: "400: no".into(), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![retry, refused]);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    let attempts: Vec<_> = told(&world).iter().filter_map(Event::attempt).cloned().collect();
    let words: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.number, format!("{:?}", attempt.end), attempt.answer.as_str()))
        .collect();
    assert_eq!(words, [(1, "Retry".into(), "503"), (2, "Refused".into(), "400: no")]);
    assert!(told(&world).iter().any(|event| event.kind() == EventKind::DeadLetter));
}

#[test]
fn a_reload_is_told_with_what_is_different() {
    let mut world = World::new(rules());
    world.engine.know_configuration("route:\n  receiver: a\n".into());
    let text = "route:\n  receiver: b\n".to_owned();
    world.input(Input::Reload(Actor::Reload("ann".into()), std::sync::Arc::new(policy()), "h".into(), text));
    let all = told(&world);
    assert_eq!(all[0].actor, Some(Actor::Reload("ann".into())));
    let What::Configured(hash, difference) = &all[0].what else { panic!("{all:?}") };
    assert_eq!((&**hash, &**difference), ("h", "-   receiver: a\n+   receiver: b\n"));
}

#[test]
fn a_dead_letter_that_gives_way_is_told_with_who_sent_it_again() {
    let mut world = World::new(rules());
    let refused = Outcome::Refused { error: "400: no".into(), exchange: Default::default() };
    let slow = Outcome::Retry { error: "429".into(), after: Some(30 * MINUTE), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![refused, slow]);
    pass(&mut world, &["Disk a"], 6);
    let view = world.engine.view();
    let (letter, row) = (*view.dead_letters.keys().next().unwrap(), *view.outbox.keys().next().unwrap());
    world.stored.clear();
    let ann = Actor::User { name: "ann".into(), address: "10.0.0.1".into() };
    let replay = crate::core::dead_letters::DeadLetterCommand::Replay;
    world.input(Input::DeadLetter(ann.clone(), letter, replay));
    let all = told(&world);
    let [event] = all.as_slice() else { panic!("{all:?}") };
    let What::Superseded(of, by) = &event.what else { panic!("{event:?}") };
    assert_eq!((of.id, *by, &event.actor), (letter, row, &Some(ann)));
}
