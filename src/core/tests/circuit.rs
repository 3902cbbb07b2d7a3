//! An integration that fails for long is probed; what waited for it goes out in order when it is back.

use std::time::Duration;

use super::play::*;
use crate::core::engine::Input;
use crate::core::outbox::Outcome;
use crate::time::Timestamp;

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
        world.input(Input::Settled(vec![row], failed(), 0.5));
        assert_eq!(failures(&mut world), (1, false));
    }
    assert_eq!(world.engine.claim_bundles([row]).len(), 1);
    world.input(Input::Settled(vec![row], failed(), 0.5));
    assert_eq!(failures(&mut world), (2, false));
    world.store_fails = false;
    world.receivers.0.clear();
    world.input(Input::Settled(vec![row], failed(), 0.5));
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

/// What a receiver does with an attempt at this moment.
pub(super) type Answers<'a> = &'a mut dyn FnMut(Timestamp, &Bundle) -> Option<Outcome>;

/// Hands what is due to a receiver, for so long, looking once a second. What it answers nothing to is given up after thirty
/// seconds. Gives all that was tried, with the moment.
pub(super) fn with_a_receiver(world: &mut World, lasts: Duration, answers: Answers<'_>) -> Vec<(Timestamp, Bundle)> {
    let until = world.now.after(lasts);
    let (mut tried, mut hanging) = (Vec::new(), Vec::<(Timestamp, Bundle)>::new());
    while world.now < until {
        world.now = world.now.after(SECOND);
        let timed_out: Vec<_> = hanging.extract_if(.., |(at, _)| at.after(30 * SECOND) <= world.now).collect();
        let timed_out = timed_out.into_iter().map(|(_, bundle)| (bundle, failed(None)));
        settle(world, timed_out.collect());
        loop {
            world.engine.handle(world.now, Input::Tick);
            world.commit();
            let due = world.engine.take_due(world.now);
            if due.is_empty() {
                break;
            }
            let mut ended = Vec::new();
            for bundle in due {
                tried.push((world.now, bundle.clone()));
                match answers(world.now, &bundle) {
                    Some(outcome) => ended.push((bundle, outcome)),
                    None => hanging.push((world.now, bundle)),
                }
            }
            settle(world, ended);
        }
    }
    tried
}

fn settle(world: &mut World, ended: Vec<(Bundle, Outcome)>) {
    for (bundle, outcome) in ended {
        let rows = bundle.iter().map(|row| row.id).collect();
        world.engine.handle(world.now, Input::Settled(rows, outcome, 0.5));
    }
    world.commit();
}

fn failed(after: Option<Duration>) -> Outcome {
    Outcome::Retry { error: "no".into(), after, exchange: Default::default() }
}

pub(super) fn post(world: &mut World, alerts: &[String], firing: bool) {
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    world.hold_back = true;
    world.post(&alerts, firing);
}

fn is_about(bundle: &Bundle, name: &str) -> bool {
    bundle.iter().any(|row| row.group_labels.value("alertname") == name)
}

/// A receiver hangs while five hundred groups are to be told: only so many are out as keep its worker busy, so that most of
/// it learns that it is probed, what ends meanwhile is not told as firing, and what is critical goes first.
#[test]
fn what_waits_for_a_receiver_that_hangs_stays_in_order_and_up_to_date() {
    let alerts: Vec<String> = (0..500).map(|i| format!("Alert{i:03} a severity=info")).collect();
    let mut world = World::new(policy());
    post(&mut world, &alerts, true);
    let hanging = with_a_receiver(&mut world, 100 * SECOND, &mut |_, _| None);
    let first = hanging.first().unwrap().0;
    assert_eq!(hanging.iter().filter(|(at, _)| *at == first).count(), 128);
    post(&mut world, &alerts[200..], false);
    post(&mut world, &["Fire b severity=critical".into()], true);
    post(&mut world, &alerts[..200], true);
    let hanging = with_a_receiver(&mut world, 240 * SECOND, &mut |_, _| None);
    assert!(hanging.len() < 20, "{} attempts though it is probed", hanging.len());
    assert!(hanging.iter().skip(2).any(|(_, bundle)| is_about(bundle, "Fire")), "the critical one is tried first");
    post(&mut world, &alerts[..200], true);
    let told = with_a_receiver(&mut world, 120 * SECOND, &mut |_, _| Some(Outcome::delivered()));
    let place = told.iter().position(|(_, bundle)| is_about(bundle, "Fire"));
    assert!(place.is_none_or(|place| place < 3) && told.len() < 12, "{place:?} of {}", told.len());
    let rows = told.iter().flat_map(|(_, bundle)| bundle);
    let stale = rows.filter(|row| row.group_labels.value("alertname") >= "Alert200" && row.firing());
    assert_eq!(
        stale.filter(|row| row.group_labels.value("alertname") < "B").count(),
        0,
        "nothing that is over is told firing"
    );
}

/// RX-3: a receiver takes one message a second and answers 429 to all others.
#[test]
fn a_receiver_that_says_when_to_come_again_is_not_hammered() {
    let mut alerts: Vec<String> = (0..5_000).map(|i| format!("Alert{i:04} a severity=info")).collect();
    alerts.push("Fire b severity=critical".into());
    let mut world = World::new(policy());
    post(&mut world, &alerts, true);
    let mut free = world.now;
    let tried = with_a_receiver(&mut world, 90 * SECOND, &mut |now, _| {
        if now < free {
            return Some(failed(Some(SECOND)));
        }
        free = now.after(SECOND);
        Some(Outcome::delivered())
    });
    assert!(is_about(&tried[0].1, "Fire"), "the critical one first");
    let view = world.engine.view();
    assert_eq!((view.outbox.len(), view.dead_letters.len()), (0, 0), "all are told");
    let told: std::collections::BTreeSet<_> =
        tried.iter().flat_map(|(_, bundle)| bundle.iter().map(|row| row.id)).collect();
    assert_eq!(told.len(), 5_001);
    // What was out when the first 429 came, and then one at a time.
    assert!(tried.len() < 128 + 2 * 60, "{} attempts", tried.len());
}

/// "Come again in no time" is no leave to be asked without a pause.
#[test]
fn a_receiver_that_asks_for_no_time_is_not_asked_at_once() {
    let mut world = World::new(policy());
    post(&mut world, &["Disk a".into()], true);
    let tried = with_a_receiver(&mut world, 60 * SECOND, &mut |_, _| Some(failed(Some(Duration::ZERO))));
    assert!((2..=31).contains(&tried.len()), "{} attempts in half a minute", tried.len());
}

/// A row that always fails, since its text or its own address is at fault, keeps nobody else from being told: neither those
/// that come later, nor those that are older and less urgent.
#[test]
fn what_always_fails_keeps_nobody_else_from_being_told() {
    let mut answers = |_: Timestamp, bundle: &Bundle| match is_about(bundle, "Poison") {
        true => Some(failed(None)),
        false => Some(Outcome::delivered()),
    };
    let mut world = World::new(policy());
    let poison = ["Poison a severity=critical".to_owned()];
    post(&mut world, &poison, true);
    with_a_receiver(&mut world, 5 * MINUTE, &mut answers);
    assert!(world.engine.view().faring.values().all(|faring| faring.probed_at.is_some()), "the circuit is open");
    let infos: Vec<String> = (0..20).map(|i| format!("Alert{i:03} a severity=info")).collect();
    post(&mut world, &infos, true);
    post(&mut world, &poison, true);
    let tried = with_a_receiver(&mut world, 3 * MINUTE, &mut answers);
    let told = tried.iter().filter(|(_, bundle)| !is_about(bundle, "Poison")).flat_map(|(_, bundle)| bundle);
    assert_eq!(told.count(), 20);
    let poisoned = tried.iter().filter(|(_, bundle)| is_about(bundle, "Poison")).count();
    assert!((2..=8).contains(&poisoned), "it is tried again, at its own pace: {poisoned}");
}

/// Where all fail but one, and that one is neither the newest nor the most urgent, its turn comes.
#[test]
fn each_row_has_its_turn_while_its_integration_is_probed() {
    let mut down = |_: Timestamp, _: &Bundle| Some(failed(None));
    let mut world = World::new(policy());
    let names: Vec<String> = (0..10).map(|i| format!("Alert{i:03} a severity=info")).collect();
    post(&mut world, &names[..1], true);
    with_a_receiver(&mut world, 40 * SECOND, &mut down);
    post(&mut world, &names, true);
    with_a_receiver(&mut world, 2 * MINUTE, &mut down);
    let mut told = 0;
    for _ in 0..10 {
        post(&mut world, &names, true);
        with_a_receiver(&mut world, 2 * MINUTE, &mut |_, bundle| {
            let one = is_about(bundle, "Alert001");
            told += usize::from(one);
            Some(if one { Outcome::delivered() } else { failed(None) })
        });
    }
    assert_eq!(told, 1);
}

/// One recipient of a mail that is put off is no reason to keep others waiting.
#[test]
fn who_is_put_off_waits_alone() {
    let mut world = World::new(policy());
    let mut tried = Vec::new();
    for name in ["Put a severity=info", "Disk a severity=info", "Fan a severity=info"] {
        post(&mut world, &[name.into()], true);
        tried.extend(with_a_receiver(&mut world, 45 * SECOND, &mut |_, bundle| {
            let (error, after, exchange) = ("452".to_owned(), Some(MINUTE), Default::default());
            let off = Outcome::PutOff { error, after, exchange, others_have_it: true };
            Some(if is_about(bundle, "Put") { off } else { Outcome::delivered() })
        }));
    }
    let of =
        |name: &str| tried.iter().filter(|(_, bundle)| is_about(bundle, name)).map(|(at, _)| *at).collect::<Vec<_>>();
    assert_eq!((of("Disk").len(), of("Fan").len()), (1, 1));
    let put = of("Put");
    assert!(put.len() > 1 && put.windows(2).all(|pair| pair[1].since(pair[0]) >= MINUTE), "{put:?}");
    assert!(world.engine.view().faring.values().all(|faring| faring.failures == 0 && faring.probed_at.is_none()));
}

/// What is not configured any more while its circuit is open is looked at once a minute, not without a pause.
#[test]
fn what_is_not_configured_any_more_is_not_looked_at_without_a_pause() {
    let mut world = World::new(policy());
    let names: Vec<String> = (0..50).map(|i| format!("Alert{i:03} a severity=info")).collect();
    post(&mut world, &names[..1], true);
    with_a_receiver(&mut world, 2 * MINUTE, &mut |_, _| Some(failed(None)));
    post(&mut world, &names, true);
    with_a_receiver(&mut world, MINUTE, &mut |_, _| Some(failed(None)));
    world.crash(SECOND);
    let tried =
        with_a_receiver(&mut world, 3 * MINUTE, &mut |_, _| Some(Outcome::NotConfigured { error: "no".into() }));
    assert!((2..=10).contains(&tried.len()), "{} looks", tried.len());
    let rows = world.engine.view().outbox.len();
    let told = with_a_receiver(&mut world, 3 * MINUTE, &mut |_, _| Some(Outcome::delivered()));
    assert_eq!((rows, told.iter().flat_map(|(_, bundle)| bundle).count()), (50, 50));
}

/// A reload may have mended what failed: it is tried at once, whatever the receiver asked for before.
#[test]
fn a_reload_probes_at_once() {
    let mut world = World::new(policy());
    post(&mut world, &["Disk a".into()], true);
    with_a_receiver(&mut world, 2 * MINUTE, &mut |_, _| Some(failed(Some(60 * MINUTE))));
    let faring = |world: &mut World| world.engine.view().faring.values().next().cloned().unwrap();
    let told = with_a_receiver(&mut world, MINUTE, &mut |_, _| Some(Outcome::delivered()));
    assert_eq!((told.len(), faring(&mut world).failures), (0, 1), "it waits for an hour");
    world.reload(policy());
    let told = with_a_receiver(&mut world, MINUTE, &mut |_, _| Some(Outcome::delivered()));
    assert_eq!(told.len(), 1);
}

/// What gives way to a newer state of its thread, or is given up, waits no more: a receiver that is away for long costs no
/// more memory than what is still to be told.
#[test]
fn what_gave_way_does_not_wait_any_more() {
    let mut world = World::new(policy());
    let alerts = storm(0..50);
    let mut down = |_: Timestamp, _: &Bundle| Some(failed(None));
    for _ in 0..20 {
        for firing in [true, false] {
            post(&mut world, &alerts, firing);
            with_a_receiver(&mut world, 5 * MINUTE, &mut down);
        }
    }
    let waiting = world.engine.view().outbox.len();
    let key = world.engine.view().outbox.values().next().unwrap().thread.integration_key();
    let held = world.engine.circuits.held(&key).count();
    assert!((40..=waiting).contains(&held), "{held} of {waiting}");
}

/// What was under way when a receiver asked for time, and went well, takes nothing of that back.
#[test]
fn who_asked_for_time_has_it_although_earlier_attempts_go_well() {
    let mut world = World::new(policy());
    post(&mut world, &storm(0..300), true);
    let mut first = true;
    let begun = world.now;
    let tried = with_a_receiver(&mut world, 5 * MINUTE, &mut |_, _| match std::mem::take(&mut first) {
        true => Some(failed(Some(MINUTE))),
        false => Some(Outcome::delivered()),
    });
    let at: Vec<u64> = tried.iter().map(|(at, _)| at.since(begun).as_secs()).collect();
    let first = at[0];
    assert!(at.iter().all(|at| *at == first || *at >= first + 60), "{at:?}");
    assert_eq!(tried.iter().flat_map(|(_, bundle)| bundle).count(), 301, "and then all are told");
}

/// The only mail that waits is put off again and again, since its mailbox is full: that says nothing of others.
#[test]
fn one_full_mailbox_opens_no_circuit() {
    let mut world = World::new(policy());
    let mut answers = |_: Timestamp, bundle: &Bundle| {
        let (error, after, exchange) = ("450".to_owned(), Some(MINUTE), Default::default());
        let off = Outcome::PutOff { error, after, exchange, others_have_it: false };
        Some(if is_about(bundle, "Full") { off } else { Outcome::delivered() })
    };
    for _ in 0..5 {
        post(&mut world, &["Full a severity=critical".into()], true);
        with_a_receiver(&mut world, 4 * MINUTE, &mut answers);
    }
    post(&mut world, &["Disk a severity=info".into()], true);
    let tried = with_a_receiver(&mut world, 32 * SECOND, &mut answers);
    assert!(tried.iter().any(|(_, bundle)| is_about(bundle, "Disk")), "{tried:?}");
    // Where all are put off it is the server that fails.
    let mut all = |_: Timestamp, _: &Bundle| {
        let (error, after, exchange) = ("451".to_owned(), Some(MINUTE), Default::default());
        Some(Outcome::PutOff { error, after, exchange, others_have_it: false })
    };
    post(&mut world, &storm(0..50), true);
    with_a_receiver(&mut world, 3 * MINUTE, &mut all);
    assert!(world.engine.view().faring.values().all(|faring| faring.probed_at.is_some()));
}
