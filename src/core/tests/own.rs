//! What Andon itself tells: that somebody could not be told, and that Prometheus has gone quiet.

use std::sync::Arc;
use std::time::Duration;

use super::play::*;
use crate::core::change::Actor;
use crate::core::dead_letters::DeadLetterCommand;
use crate::core::engine::Input;
use crate::core::matcher::Op;
use crate::core::outbox::Outcome;
use crate::core::own::UNDELIVERED;
use crate::core::policy::{Fallback, OwnRules, Policy, ReceiverIdx, Watchdog};

const MINUTE: Duration = Duration::from_secs(60);

/// `hook` falls back on `second` after two minutes, and that on `third` after five.
fn with_fallbacks() -> Policy {
    let mut policy = policy();
    policy.receivers.push(receiver("second", "pagerduty", true));
    policy.receivers.push(receiver("third", "webhook", true));
    policy.receivers[0].rules.fallback = Some(Fallback { receiver: ReceiverIdx(1), after: 2 * MINUTE });
    policy.receivers[1].rules.fallback = Some(Fallback { receiver: ReceiverIdx(2), after: 5 * MINUTE });
    policy.with_own_routes()
}

fn fails(world: &mut World, receiver: &str, times: usize) {
    let failure = Outcome::Retry { error: "connection refused".into(), after: None, exchange: Default::default() };
    world.receivers.0.insert(receiver.into(), vec![failure; times]);
}

/// Lets so many minutes pass in which these alerts are sent again and again, with what went to the fallbacks.
fn minutes(world: &mut World, minutes: u32, alerts: &[&str]) -> Vec<String> {
    for _ in 0..minutes {
        world.post(alerts, true);
        world.pass(MINUTE);
    }
    told_to_fallbacks(world)
}

/// When which fallback was told what, since the last call.
fn told_to_fallbacks(world: &mut World) -> Vec<String> {
    let told = std::mem::take(&mut world.told);
    let of_ours = told.iter().filter(|row| row.thread.receiver.as_ref() != "hook");
    let line = |row: &Arc<crate::core::outbox::Delivery>| {
        let told = row.alerts.iter().map(|told| {
            let state = if told.resolved { "resolved" } else { "firing" };
            format!("{state} {}", told.alert.annotations.value("summary"))
        });
        format!("{}: {}", row.thread.receiver, told.collect::<Vec<_>>().join("; "))
    };
    of_ours.map(line).collect()
}

#[test]
fn a_fallback_is_told_once_that_and_why_and_that_it_went_through_after_all() {
    let mut world = World::new(with_fallbacks());
    fails(&mut world, "hook", usize::from(u16::MAX));
    assert_eq!(
        minutes(&mut world, 2, &["Disk a severity=critical"]),
        [""; 0],
        "first told at 30 s, not late before 2:30"
    );
    let told = minutes(&mut world, 1, &["Disk a severity=critical"]);
    assert_eq!(
        told,
        [r#"second: firing hook (webhook[0]) could not be told of {alertname="Disk"}: 1 firing, 0 resolved"#]
    );
    let view = world.engine.view();
    let own = view.alerts.iter().find(|kept| kept.alert.labels.value("undelivered_to") == "hook").unwrap();
    let description = own.alert.annotations.value("description");
    assert!(
        description.contains("Not delivered for 2 minutes") && description.contains("connection refused"),
        "{description}"
    );
    assert!(description.contains(r#"firing: {alertname="Disk", instance="a", severity="critical"}"#), "{description}");
    assert_eq!(own.alert.labels.value("severity"), "critical");
    drop(view);
    // It holds over a restart, and over newer states of the thread, and is told once.
    world.crash(MINUTE);
    assert_eq!(minutes(&mut world, 30, &["Disk a severity=critical", "Disk b"]), [""; 0]);
    world.receivers.0.clear();
    let told = minutes(&mut world, 3, &["Disk a severity=critical"]);
    assert_eq!(told, ["second: resolved hook (webhook[0]): told after all"]);
    assert_eq!(minutes(&mut world, 30, &["Disk a severity=critical"]), [""; 0]);
}

#[test]
fn what_is_refused_for_good_is_told_at_once_and_once() {
    let mut world = World::new(with_fallbacks());
    world.receivers.0.insert(
        "hook".into(),
        vec![Outcome::Refused { error: "no such hook".into(), exchange: Default::default() }; 5],
    );
    let told = minutes(&mut world, 20, &["Disk a"]);
    assert_eq!(
        told,
        [r#"second: firing hook (webhook[0]) could not be told of {alertname="Disk"}: 1 firing, 0 resolved"#]
    );
    assert_eq!(minutes(&mut world, 20, &["Disk a"]), ["second: resolved hook (webhook[0]): told after all"]);
}

#[test]
fn an_outage_of_many_threads_is_few_messages_and_the_fallback_of_a_fallback_hears_of_it() {
    let mut world = World::new(with_fallbacks());
    fails(&mut world, "hook", usize::from(u16::MAX));
    fails(&mut world, "second", usize::from(u16::MAX));
    let names: Vec<String> = (0..50).map(|i| format!("Alert{i} a")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let told = minutes(&mut world, 10, &names);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("third: firing second (pagerduty[0]) could not be told of"), "{told:?}");
    assert!(told[0].contains("50 firing, 0 resolved"), "{told:?}");
    world.receivers.0.clear();
    let told = minutes(&mut world, 5, &names);
    assert_eq!(
        told.iter().filter(|line| line.starts_with("third: resolved second (pagerduty[0])")).count(),
        1,
        "{told:?}"
    );
    let open = world.engine.view().ledger.keys().filter(|thread| &*thread.receiver != "hook").count();
    assert_eq!(open, 0, "nothing is owed to the fallbacks: {told:?}");
}

#[test]
fn what_is_delivered_in_time_and_what_has_no_fallback_concern_nobody_else() {
    let mut world = World::new(with_fallbacks());
    fails(&mut world, "hook", 5);
    assert_eq!(minutes(&mut world, 20, &["Disk a"]), [""; 0]);
    let mut world = World::new(policy().with_own_routes());
    fails(&mut world, "hook", usize::from(u16::MAX));
    assert_eq!(minutes(&mut world, 20, &["Disk a"]), [""; 0]);
}

#[test]
fn a_fallback_that_the_rules_no_longer_name_is_told_that_it_is_over() {
    let mut world = World::new(with_fallbacks());
    fails(&mut world, "hook", usize::from(u16::MAX));
    assert_eq!(minutes(&mut world, 4, &["Disk a"]).len(), 1);
    let mut rules = policy();
    rules.receivers.push(receiver("second", "pagerduty", true));
    world.reload(rules);
    let told = minutes(&mut world, 2, &["Disk a"]);
    assert_eq!(told, ["second: resolved The configuration no longer asks for this to be told"]);
}

#[test]
fn a_receiver_gives_up_when_its_own_time_is_over() {
    let mut rules = policy();
    rules.receivers[0].rules.give_up_after = Some(10 * MINUTE);
    let mut world = World::new(rules);
    fails(&mut world, "hook", usize::from(u16::MAX));
    minutes(&mut world, 10, &["Disk a"]);
    assert!(world.engine.view().dead_letters.is_empty());
    minutes(&mut world, 3, &["Disk a"]);
    let view = world.engine.view();
    let error = view.dead_letters.values().next().map(|letter| letter.error.clone()).unwrap_or_default();
    assert!(error.starts_with("given up after ") && error.ends_with("attempts: connection refused"), "{error}");
}

/// `second` hears when `Watchdog` did not come for five minutes.
fn with_watchdog() -> Policy {
    let mut policy = policy();
    policy.receivers.push(receiver("second", "webhook", true));
    let matchers = vec![matcher("alertname", Op::Equal, "Watchdog")];
    let watchdog = Watchdog { matchers, after: 5 * MINUTE, receiver: ReceiverIdx(1) };
    policy.own = OwnRules::new(vec![watchdog]);
    policy.with_own_routes()
}

const QUIET: &str = r#"second: firing Prometheus has gone quiet: no {alertname="Watchdog"} for 300s"#;
const BACK: &str = r#"second: resolved {alertname="Watchdog"} came again: Prometheus is back"#;

#[test]
fn a_watchdog_that_stops_is_told_once_and_that_it_came_back() {
    let mut world = World::new(with_watchdog());
    assert_eq!(minutes(&mut world, 60, &["Watchdog"]), [""; 0]);
    assert_eq!(minutes(&mut world, 3, &[]), [""; 0]);
    assert_eq!(minutes(&mut world, 60, &[]), [QUIET]);
    assert_eq!(minutes(&mut world, 2, &["Watchdog"]), [BACK]);
    // An alert that its sender ends fires no more, however often that is said.
    world.post(&["Watchdog"], false);
    world.post(&["Watchdog"], false);
    assert_eq!(minutes(&mut world, 6, &[]), [QUIET]);
}

#[test]
fn a_watchdog_that_never_came_has_gone_quiet_too() {
    let mut world = World::new(with_watchdog());
    assert_eq!(minutes(&mut world, 4, &[]), [""; 0]);
    assert_eq!(minutes(&mut world, 4, &[]), [QUIET]);
}

#[test]
fn our_own_outage_is_not_held_against_prometheus() {
    let mut world = World::new(with_watchdog());
    minutes(&mut world, 10, &["Watchdog"]);
    world.crash(60 * MINUTE);
    assert_eq!(minutes(&mut world, 4, &[]), [""; 0], "senders have five minutes to send again");
    assert_eq!(minutes(&mut world, 2, &[]), [QUIET]);
    // That it was told survives a restart, and so does that it came back.
    world.crash(10 * MINUTE);
    assert_eq!(minutes(&mut world, 10, &[]), [""; 0]);
    assert_eq!(minutes(&mut world, 2, &["Watchdog"]), [BACK]);
    world.crash(MINUTE);
    assert_eq!(minutes(&mut world, 10, &["Watchdog"]), [""; 0]);
    // While the store fails nothing comes in, and nothing is said.
    world.engine.suspend(world.now, world.now);
    assert_eq!(minutes(&mut world, 20, &[]), [""; 0]);
}

#[test]
fn what_is_put_away_troubles_the_fallback_no_more() {
    let mut world = World::new(with_fallbacks());
    let refusal = Outcome::Refused { error: "no such hook".into(), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![refusal]);
    assert_eq!(minutes(&mut world, 2, &["Disk a"]).len(), 1);
    let id = *world.engine.view().dead_letters.keys().next().unwrap();
    world.input(Input::DeadLetter(Actor::Clock, id, DeadLetterCommand::Discard("an old hook".into())));
    let told = minutes(&mut world, 1, &["Disk a"]);
    assert_eq!(told, ["second: resolved hook (webhook[0]): put away: an old hook"]);
}

/// Three hundred threads wait for a receiver that hangs, most of them for their turn: their fallback hears of all of them.
#[test]
fn what_waits_behind_others_for_a_receiver_that_hangs_is_told_to_the_fallback() {
    use super::circuit::{post, with_a_receiver};
    let mut rules = with_fallbacks();
    rules.receivers[0].rules.fallback = Some(Fallback { receiver: ReceiverIdx(1), after: 30 * SECOND });
    let mut world = World::new(rules);
    let alerts: Vec<String> = (0..300).map(|i| format!("Alert{i:03} a")).collect();
    post(&mut world, &alerts, true);
    with_a_receiver(&mut world, 150 * SECOND, &mut |_, bundle| {
        (&*bundle[0].thread.receiver != "hook").then(Outcome::delivered)
    });
    let view = world.engine.view();
    let own = view.alerts.iter().filter(|kept| kept.alert.labels.value("alertname") == UNDELIVERED).count();
    assert_eq!(own, 300);
}
