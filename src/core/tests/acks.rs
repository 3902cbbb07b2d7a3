//! Acknowledged groups: what is withheld, what is told all the same, and when it ends.

use std::sync::Arc;
use std::time::Duration;

use super::play::*;
use crate::core::ack::{AckEnd, AckRefused};
use crate::core::change::{Actor, Change};
use crate::core::engine::Input;
use crate::core::outbox::Outcome;
use crate::core::policy::Policy;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// One group of `Disk` alerts, told by these kinds of integration.
fn rules(kinds: &[&'static str]) -> Policy {
    let mut rules = policy();
    let one = |kind: &&'static str| receiver("hook", kind, true).integrations.remove(0);
    rules.receivers[0].integrations = kinds.iter().map(one).collect();
    rules.routes[0].repeat_interval = HOUR;
    rules
}

/// A world in which `Disk a` was told half a minute ago; it is sent again for as long as the test lasts.
fn told(kinds: &[&'static str]) -> World {
    let mut world = World::new(rules(kinds));
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world.lines();
    world
}

/// Lets time pass while these fire.
fn pass(world: &mut World, alerts: &[&str], minutes: u32) {
    for _ in 0..minutes {
        world.post(alerts, true);
        world.pass(MINUTE);
    }
}

fn ends(world: &World) -> Vec<AckEnd> {
    let end = |change: &Change| match change {
        Change::AckGone(_, why) => Some(*why),
        _ => None,
    };
    world.stored.iter().filter_map(end).collect()
}

#[test]
fn what_is_acknowledged_is_not_repeated_until_that_ends() {
    let mut world = told(&["webhook"]);
    world.ack(150 * MINUTE).unwrap();
    pass(&mut world, &["Disk a"], 149);
    assert_eq!(world.lines(), [""; 0], "repetitions are due after an hour, and withheld");
    pass(&mut world, &["Disk a"], 10);
    assert_eq!(world.lines().len(), 1, "its time was over");
    assert_eq!(ends(&world), [AckEnd::RanOut]);
}

#[test]
fn a_new_alert_is_told_and_ends_it_and_one_that_fires_again_does_not() {
    let mut world = told(&["webhook"]);
    pass(&mut world, &["Disk a", "Disk b"], 6);
    world.lines();
    world.ack(10 * HOUR).unwrap();
    world.post(&["Disk b"], false);
    pass(&mut world, &["Disk a"], 6);
    assert_eq!(world.lines(), [r#"10:30 hook {alertname="Disk"}: some alerts resolved firing=[a] resolved=[b]"#]);
    pass(&mut world, &["Disk a", "Disk b"], 12);
    assert_eq!(world.lines(), [""; 0], "whoever took it on knows of b");
    pass(&mut world, &["Disk a", "Disk c"], 5);
    let lines = world.lines();
    assert!(lines.len() == 1 && lines[0].contains("new alerts added"), "{lines:?}");
    assert_eq!(ends(&world), [AckEnd::Worsened]);
    pass(&mut world, &["Disk a", "Disk c"], 70);
    assert!(world.lines().iter().any(|line| line.contains("repeat interval elapsed")));
}

#[test]
fn a_higher_severity_ends_it() {
    let mut world = told(&["webhook"]);
    world.ack(10 * HOUR).unwrap();
    pass(&mut world, &["Disk a", "Disk a severity=critical"], 6);
    assert_eq!((world.lines().len(), ends(&world)), (1, vec![AckEnd::Worsened]));
}

#[test]
fn an_alert_that_was_hidden_is_new_when_it_shows() {
    let mut world = told(&["webhook"]);
    let silence = world.silence("instance", "b", 10 * HOUR);
    pass(&mut world, &["Disk a", "Disk b"], 6);
    world.ack(10 * HOUR).unwrap();
    pass(&mut world, &["Disk a", "Disk b"], 6);
    assert_eq!(world.lines(), [""; 0]);
    world.input(Input::ExpireSilence(Actor::Clock, silence));
    pass(&mut world, &["Disk a", "Disk b"], 6);
    assert_eq!((world.lines().len(), ends(&world)), (1, vec![AckEnd::Worsened]));
}

#[test]
fn what_is_over_is_told_and_ends_it() {
    let mut world = told(&["webhook"]);
    world.ack(10 * HOUR).unwrap();
    world.post(&["Disk a"], false);
    world.pass(10 * MINUTE);
    let lines = world.lines();
    assert!(lines.len() == 1 && lines[0].contains("all alerts resolved"), "{lines:?}");
    assert_eq!(ends(&world), [AckEnd::Over]);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    assert!(world.lines()[0].contains("first notification"), "the next failure is another one");
}

#[test]
fn what_nobody_was_told_yet_is_told() {
    let mut world = World::new(rules(&["webhook"]));
    world.post(&["Disk a"], true);
    world.ack(10 * HOUR).unwrap();
    world.pass(MINUTE);
    assert_eq!(world.lines().len(), 1);
    // What a receiver refused was not heard.
    let mut world = told(&["webhook"]);
    world
        .receivers
        .0
        .insert("hook".into(), vec![Outcome::Refused { error: "no".into(), exchange: Default::default() }]);
    world.ack(10 * HOUR).unwrap();
    pass(&mut world, &["Disk a", "Disk b"], 6);
    pass(&mut world, &["Disk a", "Disk b"], 6);
    assert_eq!(world.lines().len(), 2, "refused, and told anew");
}

#[test]
fn what_was_seen_and_never_told_is_told_too() {
    let mut world = told(&["webhook"]);
    world.post(&["Disk a", "Disk b"], true);
    world.ack(10 * HOUR).unwrap();
    pass(&mut world, &["Disk a", "Disk b"], 6);
    let lines = world.lines();
    assert!(lines.len() == 1 && lines[0].contains("new alerts added firing=[a b]"), "{lines:?}");
    pass(&mut world, &["Disk a", "Disk b"], 70);
    assert_eq!((world.lines(), ends(&world)), (vec![], vec![]), "and somebody has taken it on all the same");
}

#[test]
fn it_survives_a_crash_and_a_reload_and_a_failing_store_takes_it_back() {
    let mut world = told(&["webhook"]);
    world.ack(10 * HOUR).unwrap();
    world.crash(MINUTE);
    world.reload(rules(&["webhook"]));
    pass(&mut world, &["Disk a"], 180);
    assert_eq!((world.lines(), ends(&world)), (vec![], vec![]));
    assert_eq!(world.engine.view().acks.len(), 1);
    // Other rules make other groups: it ends with its own.
    let mut other = rules(&["webhook"]);
    other.routes[0].group_by = crate::core::policy::GroupBy::Labels(vec![Arc::from("instance")]);
    world.reload(other);
    assert_eq!(ends(&world), [AckEnd::GroupGone]);
    let mut world = told(&["webhook"]);
    world.store_fails = true;
    world.ack(10 * HOUR).unwrap();
    assert!(world.engine.view().acks.is_empty());
}

#[test]
fn who_can_show_it_is_told_after_what_it_was_told_before() {
    let mut world = told(&["webhook", "slack", "pagerduty"]);
    world.ack(10 * HOUR).unwrap();
    let lines = world.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("acknowledged firing=[a]")), "{lines:?}");
    let shown =
        |world: &World| world.told.iter().rev().take(2).map(|row| row.thread.kind.to_string()).collect::<Vec<_>>();
    assert_eq!(shown(&world), ["pagerduty", "slack"]);
    let sequences: Vec<_> = world.told.iter().map(|row| (&*row.thread.kind, row.sequence)).collect();
    assert_eq!(sequences, [("webhook", 0), ("slack", 0), ("pagerduty", 0), ("slack", 1), ("pagerduty", 1)]);
    let key = Arc::clone(&world.engine.view().groups[0].key);
    world.input(Input::WithdrawAck(Actor::Clock, key));
    let lines = world.lines();
    assert_eq!(lines.len(), 1, "PagerDuty has no word for it: {lines:?}");
    let last = world.told.last().unwrap();
    assert_eq!((&*last.thread.kind, last.acknowledged.is_none()), ("slack", true));
    pass(&mut world, &["Disk a"], 70);
    assert_eq!(world.lines().len(), 3, "repeated to all");
}

/// What was told without the acknowledgement since the last look: to whom, and why.
fn told_without(world: &mut World) -> Vec<(String, &'static str)> {
    let rows = std::mem::take(&mut world.told);
    let without = rows.iter().filter(|row| row.acknowledged.is_none());
    without.map(|row| (row.thread.kind.to_string(), row.reason.as_str())).collect()
}

fn only_slack() -> Vec<(String, &'static str)> {
    vec![("slack".to_owned(), "acknowledged")]
}

#[test]
fn who_shows_it_is_told_once_that_its_time_is_over_also_after_a_crash() {
    let mut world = told(&["webhook", "slack", "pagerduty"]);
    world.ack(20 * MINUTE).unwrap();
    told_without(&mut world);
    pass(&mut world, &["Disk a"], 19);
    assert_eq!(told_without(&mut world), []);
    pass(&mut world, &["Disk a"], 6);
    assert_eq!((told_without(&mut world), ends(&world)), (only_slack(), vec![AckEnd::RanOut]));
    world.crash(MINUTE);
    pass(&mut world, &["Disk a"], 25);
    assert_eq!(told_without(&mut world), [], "it is told once");
    // It ends while nobody is there.
    world.ack(2 * MINUTE).unwrap();
    world.crash(3 * MINUTE);
    told_without(&mut world);
    pass(&mut world, &["Disk a"], 7);
    assert_eq!(told_without(&mut world), only_slack());
}

#[test]
fn that_its_time_is_over_is_told_between_flushes_that_are_far_apart() {
    let mut rules = rules(&["slack"]);
    rules.routes[0].group_interval = 10 * HOUR;
    let mut world = World::new(rules);
    pass(&mut world, &["Disk a"], 2);
    world.ack(10 * MINUTE).unwrap();
    told_without(&mut world);
    pass(&mut world, &["Disk a"], 90);
    assert_eq!(told_without(&mut world), only_slack());
}

#[test]
fn that_its_time_is_over_is_not_told_beside_what_the_flush_tells_nor_of_a_group_that_is_gone() {
    let mut world = told(&["slack"]);
    world.ack(62 * MINUTE).unwrap();
    told_without(&mut world);
    pass(&mut world, &["Disk a"], 66);
    assert_eq!(told_without(&mut world), [("slack".to_owned(), "repeat interval elapsed")]);
    world.ack(MINUTE).unwrap();
    told_without(&mut world);
    world.post(&["Disk a"], false);
    world.pass(10 * MINUTE);
    assert_eq!(told_without(&mut world), [("slack".to_owned(), "all alerts resolved")]);
    let mut world = told(&["slack"]);
    world.ack(MINUTE).unwrap();
    told_without(&mut world);
    world.now = world.now.after(2 * MINUTE);
    let mut other = rules(&["slack"]);
    other.routes[0].group_by = crate::core::policy::GroupBy::Labels(vec![Arc::from("instance")]);
    world.reload(other);
    pass(&mut world, &["Disk a"], 6);
    assert_eq!(ends(&world), [AckEnd::GroupGone]);
    let told = told_without(&mut world);
    assert!(told.iter().all(|(_, why)| *why != "acknowledged"), "{told:?}");
}

#[test]
fn it_never_takes_the_place_of_a_page() {
    let mut world = World::new(rules(&["pagerduty"]));
    let retry = || Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![retry(), retry()]);
    world.post(&["Disk a"], true);
    world.pass(30 * SECOND);
    world.ack(10 * HOUR).unwrap();
    world.pass(MINUTE);
    let told: Vec<_> = world.told.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(told, ["first notification", "acknowledged"]);
}

/// PagerDuty is down when somebody takes the group on, and something more is news before it is back: it hears both, and
/// the acknowledgement of what is open there; unless that ended with the news.
#[test]
fn an_acknowledgement_outlives_what_is_told_after_it() {
    let retry = || Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    for (told_before, crash) in [(false, false), (false, true), (true, false), (true, true)] {
        for worsens in [false, true] {
            let mut world = World::new(rules(&["pagerduty"]));
            let fail = |world: &mut World| world.receivers.0.insert("hook".into(), vec![retry(); 999]);
            if !told_before {
                fail(&mut world);
            }
            world.post(&["Disk a", "Disk b"], true);
            world.pass(MINUTE);
            fail(&mut world);
            world.ack(10 * HOUR).unwrap();
            world.pass(MINUTE);
            for _ in 0..12 {
                world.post(if worsens { &["Disk a", "Disk c"] } else { &["Disk a"] }, true);
                world.post(&["Disk b"], false);
                world.pass(MINUTE);
            }
            if crash {
                world.crash(SECOND);
            }
            world.receivers.0.clear();
            pass(&mut world, if worsens { &["Disk a", "Disk c"] } else { &["Disk a"] }, 2);
            let told: Vec<_> = world.told.iter().map(|row| row.reason.as_str()).collect();
            let expected: &[&str] = match (told_before, worsens) {
                (false, false) => &["first notification", "acknowledged"],
                (false, true) => &["first notification"],
                (true, false) => &["first notification", "acknowledged", "some alerts resolved"],
                (true, true) => &["first notification", "new alerts added"],
            };
            assert_eq!(told, expected, "{told_before} {crash} {worsens}");
            let numbers: Vec<_> = world.told.iter().map(|row| row.sequence).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
            assert_eq!(world.engine.view().outbox.len(), 0);
        }
    }
}

#[test]
fn what_cannot_be_acknowledged_is_refused() {
    let mut world = World::new(rules(&["webhook"]));
    assert_eq!(world.ack(HOUR), Err(AckRefused::NoGroup));
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    assert_eq!(world.ack(Duration::ZERO), Err(AckRefused::Past));
    world.post(&["Disk a"], false);
    assert_eq!(world.ack(HOUR), Err(AckRefused::NothingFires));
    let unknown = Input::WithdrawAck(Actor::Clock, Arc::from("{}:{}"));
    assert_eq!(format!("{:?}", world.input(unknown)), "Ack(Err(NotAcknowledged))");
}
