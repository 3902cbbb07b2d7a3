//! What people do with dead letters, and what their receivers hear of it.

use super::play::*;
use crate::core::change::{Actor, Change};
use crate::core::dead_letters::{DeadLetterCommand, DeadLetterDone, DeadLetterRefused};
use crate::core::engine::{Input, Output};
use crate::core::outbox::{DeliveryId, Outcome};
use crate::core::policy::{Policy, RouteIdx};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn refused() -> Outcome {
    Outcome::Refused { error: "400".into(), exchange: Default::default() }
}

/// `Disk a` fires and its page is refused once; gives the letter's id.
fn with_a_letter() -> (World, DeliveryId) {
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), vec![refused()]);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world.lines();
    let id = *world.engine.view().dead_letters.keys().next().unwrap();
    (world, id)
}

fn command(world: &mut World, id: DeliveryId, command: DeadLetterCommand) -> Result<DeadLetterDone, DeadLetterRefused> {
    match world.input(Input::DeadLetter(Actor::Clock, id, command)) {
        Output::DeadLetter(result) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_letter_sent_again_is_told_at_once_and_told_resolved_later() {
    let (mut world, id) = with_a_letter();
    let letter = world.engine.view().dead_letters[&id].delivery.notification_id();
    assert!(matches!(command(&mut world, id, DeadLetterCommand::Replay), Ok(DeadLetterDone::Waits(_))));
    assert_eq!(world.lines(), ["01:00 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]"]);
    assert_eq!(world.told[0].notification_id(), letter, "the same notification");
    assert!(world.engine.view().dead_letters.is_empty());
    for _ in 0..6 {
        world.post(&["Disk a"], true);
        world.pass(MINUTE);
    }
    assert_eq!(world.lines(), Vec::<String>::new(), "told is told: the next flush has no news");
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    assert_eq!(world.lines(), ["10:30 hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]"]);
    assert_eq!(command(&mut world, id, DeadLetterCommand::Replay), Err(DeadLetterRefused::Unknown(id)));
}

#[test]
fn a_letter_says_how_its_alerts_are_by_now() {
    let (mut world, id) = with_a_letter();
    world.post(&["Disk a"], false);
    command(&mut world, id, DeadLetterCommand::Replay).unwrap();
    assert_eq!(world.lines(), ["01:00 hook {alertname=\"Disk\"}: first notification firing=[] resolved=[a]"]);
    world.pass(10 * MINUTE);
    assert_eq!(world.lines(), Vec::<String>::new());
    assert!(world.engine.view().ledger.is_empty());
}

#[test]
fn what_is_stale_is_not_sent() {
    let (mut world, id) = with_a_letter();
    // The next flush tries anew, and waits.
    let slow = Outcome::Retry { error: "429".into(), after: Some(30 * MINUTE), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![slow]);
    for _ in 0..5 {
        world.post(&["Disk a"], true);
        world.pass(MINUTE);
    }
    world.lines();
    assert_eq!(command(&mut world, id, DeadLetterCommand::Replay), Ok(DeadLetterDone::Superseded));
    assert!(world.engine.view().dead_letters.is_empty());

    let (mut world, id) = with_a_letter();
    for _ in 0..5 {
        world.post(&["Disk a"], true);
        world.pass(MINUTE);
    }
    assert_eq!(world.lines().len(), 1, "the next flush told it");
    let result = command(&mut world, id, DeadLetterCommand::Replay);
    assert!(matches!(result, Err(DeadLetterRefused::OutOfDate { .. })), "{result:?}");
    assert_eq!(world.lines(), Vec::<String>::new());
    assert!(world.engine.view().dead_letters.contains_key(&id));

    let (mut world, id) = with_a_letter();
    let mut other = policy();
    other.receivers[0].integrations[0].kind = "slack";
    world.reload(other);
    let result = command(&mut world, id, DeadLetterCommand::Replay);
    assert!(matches!(result, Err(DeadLetterRefused::ReceiverGone { .. })), "{result:?}");
}

#[test]
fn a_letter_that_was_put_away_stays_away_and_a_failed_commit_keeps_it() {
    let (mut world, id) = with_a_letter();
    let discard = DeadLetterCommand::Discard("told by phone".into());
    world.store_fails = true;
    for command_ in [DeadLetterCommand::Replay, discard.clone()] {
        command(&mut world, id, command_).unwrap();
        assert!(world.engine.view().dead_letters.contains_key(&id));
        assert!(world.engine.view().outbox.is_empty());
    }
    world.store_fails = false;
    assert_eq!(command(&mut world, id, discard), Ok(DeadLetterDone::Discarded));
    world.crash(MINUTE);
    assert!(world.engine.view().dead_letters.is_empty());
}

fn lost() -> Outcome {
    Outcome::Retry { error: "the connection was lost".into(), after: None, exchange: Default::default() }
}

/// `Disk a` ends, and the receiver takes everything again: how often it is told exactly that these instances are over.
fn told_as_over(world: &mut World, instances: &str) -> usize {
    world.receivers.0.clear();
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    let over = format!("hook {{alertname=\"Disk\"}}: all alerts resolved firing=[] resolved=[{instances}]");
    world.lines().iter().filter(|line| line.ends_with(&over)).count()
}

#[test]
fn what_is_refused_at_once_is_not_told_as_over() {
    let (mut world, _) = with_a_letter();
    assert_eq!(told_as_over(&mut world, "a"), 0);
}

/// A receiver may have taken what it answered to too late, and refuse the same at the next attempt.
#[test]
fn what_an_earlier_attempt_may_have_told_is_told_as_over() {
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), vec![lost(), refused()]);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    assert_eq!(told_as_over(&mut world, "a"), 1);
}

#[test]
fn what_may_have_been_told_before_a_crash_is_told_as_over() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.now = world.now.after(30 * SECOND);
    world.engine.handle(world.now, Input::Tick);
    let decided = world.engine.committed();
    world.stored.extend(decided);
    world.last_commit = Some(world.now);
    world.receivers.0.insert("hook".into(), vec![refused()]);
    world.crash(SECOND);
    world.pass(SECOND);
    assert_eq!(told_as_over(&mut world, "a"), 1);
}

#[test]
fn what_may_have_been_told_is_owed_by_the_row_that_took_its_place() {
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), [vec![lost(); 20], vec![refused()]].concat());
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    while world.engine.view().dead_letters.is_empty() {
        world.post(&["Disk a", "Disk b"], true);
        world.pass(MINUTE);
    }
    world.lines();
    world.post(&["Disk b"], false);
    assert_eq!(told_as_over(&mut world, "a b"), 1);
}

/// A receiver that refuses everything does not fill the memory; what is put away for it is no secret.
#[test]
fn there_are_only_so_many_letters_and_the_oldest_go_first() {
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), vec![refused(); 10_003]);
    let alerts: Vec<String> = (0..10_003).map(|i| format!("Alert{i:05} a")).collect();
    world.post(&alerts.iter().map(String::as_str).collect::<Vec<_>>(), true);
    world.pass(31 * SECOND);
    let letters = world.engine.view().dead_letters;
    assert_eq!(letters.len(), 10_000);
    let put_away = world.stored.iter().filter_map(|change| match change {
        Change::DeadDiscarded { id, reason } => Some((*id, reason.as_str())),
        _ => None,
    });
    let put_away: Vec<_> = put_away.collect();
    assert_eq!(put_away.len(), 3);
    let oldest = *letters.keys().next().unwrap();
    assert!(put_away.iter().all(|(id, reason)| *id < oldest && reason.contains("more than 10000")), "{put_away:?}");
}

/// A pager has `Disk a` open, and takes nothing for a while: its end waits, and behind it that it fires anew.
fn with_an_end_that_waits() -> World {
    let mut rules = policy();
    (rules.receivers[0].integrations[0].kind, rules.receivers[0].integrations[0].says_both) = ("pagerduty", false);
    let mut world = World::new(rules);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    let later = Outcome::Retry { error: "429".into(), after: Some(20 * MINUTE), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![later]);
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    let lines = world.lines();
    assert_eq!(world.told.len(), 1, "it was paged once so far: {lines:?}");
    world
}

#[test]
fn an_end_that_is_refused_is_left_to_the_one_that_waits_behind_it() {
    let mut world = with_an_end_that_waits();
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    world.receivers.0.insert("hook".into(), vec![refused()]);
    world.pass(60 * MINUTE);
    let told: Vec<_> = world.told.iter().skip(1).map(|row| (row.firing(), row.sequence)).collect();
    assert_eq!(told, [(true, 0), (false, 1)], "of the later episode");
    assert!(world.engine.view().ledger.is_empty() && world.engine.view().outbox.is_empty());
}

#[test]
fn what_stays_open_since_its_end_was_refused_is_told_as_over_though_its_new_start_was_refused_too() {
    let mut world = with_an_end_that_waits();
    world.receivers.0.insert("hook".into(), vec![refused(), refused()]);
    while world.engine.view().dead_letters.values().all(|letter| !letter.delivery.firing()) {
        world.post(&["Disk a"], true);
        world.pass(MINUTE);
    }
    world.post(&["Disk a"], false);
    world.pass(60 * MINUTE);
    let told: Vec<_> = world.told.iter().skip(1).map(|row| row.firing()).collect();
    assert_eq!(told, [false]);
    assert!(world.engine.view().ledger.is_empty() && world.engine.view().outbox.is_empty());
}

/// Until something is due, which is on its way from then on; gives its row. Nothing else is sent meanwhile.
fn until_on_its_way(world: &mut World) -> DeliveryId {
    world.hold_back = true;
    loop {
        world.now = world.engine.next_deadline();
        world.input(Input::Tick);
        if let Some(bundle) = world.engine.take_due(world.now).first() {
            return bundle[0].id;
        }
    }
}

/// `Disk a` is on its way to a webhook.
fn with_a_row_on_its_way() -> (World, DeliveryId) {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    let id = until_on_its_way(&mut world);
    (world, id)
}

/// `Disk a` waits for five minutes, without an attempt, since its receiver is not configured.
fn with_a_row_that_waits() -> World {
    let mut world = World::new(policy());
    let missing = Outcome::NotConfigured { error: "no URL".into() };
    world.receivers.0.insert("hook".into(), vec![missing; 5]);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world
}

/// All of these fire for so many minutes, or end and are over for so long.
fn lasts(world: &mut World, alerts: &[&str], firing: bool, minutes: u32) {
    for _ in 0..minutes {
        world.post(alerts, firing);
        world.pass(MINUTE);
    }
}

/// What was told and how: why, and which instances fire and are over.
fn told(world: &mut World) -> Vec<String> {
    world.hold_back = false;
    world.input(Input::Tick);
    let lines = world.lines();
    lines.iter().filter_map(|line| line.split_once("{alertname=\"Disk\"}: ")).map(|(_, told)| told.to_owned()).collect()
}

#[test]
fn what_waits_behind_a_refusal_is_told_once() {
    let (mut world, first) = with_a_row_on_its_way();
    lasts(&mut world, &["Disk a", "Disk b"], true, 6);
    world.input(Input::Settled(vec![first], refused(), 0.5));
    let mut heard = told(&mut world);
    lasts(&mut world, &["Disk a", "Disk b"], true, 60);
    heard.extend(told(&mut world));
    assert_eq!(heard, ["new alerts added firing=[a b] resolved=[]"]);
}

#[test]
fn what_an_earlier_attempt_may_have_told_is_owed_though_a_later_row_was_to_tell_it() {
    let (mut world, first) = with_a_row_on_its_way();
    world.input(Input::Settled(vec![first], lost(), 0.5));
    assert_eq!(until_on_its_way(&mut world), first);
    lasts(&mut world, &["Disk a", "Disk b"], true, 6);
    world.input(Input::Settled(vec![first], refused(), 0.5));
    world.receivers.0.insert("hook".into(), vec![refused()]);
    assert_eq!(told(&mut world), ["new alerts added firing=[a b] resolved=[] (refused)"]);
    lasts(&mut world, &["Disk a", "Disk b"], false, 30);
    let heard = told(&mut world);
    assert!(heard.iter().any(|line| line.contains("firing=[] resolved=[a")), "{heard:?}");
}

#[test]
fn what_was_muted_when_it_was_to_be_told_is_left_to_the_later_row_as_well() {
    let mut world = with_a_row_that_waits();
    world.silence("instance", "a", 6 * MINUTE);
    lasts(&mut world, &["Disk a", "Disk b"], true, 4);
    let without = until_on_its_way(&mut world);
    world.lines();
    lasts(&mut world, &["Disk a", "Disk b"], true, 6);
    world.input(Input::Settled(vec![without], refused(), 0.5));
    let mut heard = told(&mut world);
    lasts(&mut world, &["Disk a", "Disk b"], true, 60);
    heard.extend(told(&mut world));
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].ends_with("firing=[a b] resolved=[]"), "{heard:?}");
}

#[test]
fn what_was_never_told_firing_is_told_as_new_though_its_end_was_refused_too() {
    let mut world = with_a_row_that_waits();
    lasts(&mut world, &["Disk a"], false, 4);
    let over = until_on_its_way(&mut world);
    world.lines();
    lasts(&mut world, &["Disk a"], true, 2);
    world.input(Input::Settled(vec![over], refused(), 0.5));
    world.receivers.0.insert("hook".into(), vec![refused()]);
    let mut heard = told(&mut world);
    lasts(&mut world, &["Disk a"], true, 10);
    heard.extend(told(&mut world));
    let first = "first notification firing=[a] resolved=[]";
    assert_eq!(heard, [&format!("{first} (refused)"), first]);
}

/// `hook` and `chat` have a group each for the same alerts. `Disk a` is over: `hook` has been told, `chat` refuses to be. Now
/// `Disk b` fires.
fn with_an_end_that_one_of_two_refused() -> (World, Policy) {
    let mut rules = policy();
    rules.receivers.push(receiver("chat", "slack", true));
    let [mut to_hook, mut to_chat] = [route(vec![], 0, &["alertname"]), route(vec![], 1, &["alertname"])];
    (to_hook.id, to_hook.continues, to_chat.id) = ("hook".into(), true, "chat".into());
    rules.routes[0].children = vec![RouteIdx(1), RouteIdx(2)];
    rules.routes.extend([to_hook, to_chat]);
    let mut world = World::new(rules.clone());
    lasts(&mut world, &["Disk a"], true, 2);
    world.receivers.0.insert("chat".into(), vec![refused(); 2]);
    lasts(&mut world, &["Disk a"], false, 6);
    let over = "{alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]";
    let heard = world.lines().join("\n");
    assert!(heard.contains(&format!("hook {over}")) && heard.contains(&format!("chat {over} (refused)")), "{heard}");
    lasts(&mut world, &["Disk b"], true, 0);
    (world, rules)
}

#[test]
fn what_one_receiver_is_owed_another_is_not_told_again_after_a_restart_or_reload() {
    let restart: fn(&mut World, Policy) = |world, _| world.crash(SECOND);
    let reload: fn(&mut World, Policy) = |world, rules| world.reload(rules);
    for again in [restart, reload] {
        let (mut world, rules) = with_an_end_that_one_of_two_refused();
        again(&mut world, rules);
        lasts(&mut world, &["Disk b"], true, 20);
        let heard = world.lines();
        let to = |who: &str| heard.iter().filter(|line| line.contains(who)).cloned().collect::<Vec<_>>().join("\n");
        assert!(to("hook").ends_with("first notification firing=[b] resolved=[]"), "{heard:?}");
        assert!(to("chat").contains("resolved=[a]"), "{heard:?}");
    }
}
