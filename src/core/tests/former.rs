//! Receivers that are renamed or removed while something is owed to them.

use std::sync::Arc;
use std::time::Duration;

use super::play::*;
use crate::core::change::Actor;
use crate::core::dead_letters::DeadLetterCommand;
use crate::core::engine::Input;
use crate::core::outbox::Outcome;
use crate::core::policy::Policy;

const MINUTE: Duration = Duration::from_secs(60);

/// The rules with `hook` under another name, which it says that it had.
fn renamed() -> Policy {
    let mut rules = policy();
    rules.receivers[0].name = Arc::from("renamed");
    rules.receivers[0].rules.was = vec![Arc::from("hook")];
    rules
}

/// The rules with somebody else in the place of `hook`.
fn removed() -> Policy {
    let mut rules = policy();
    rules.receivers = vec![receiver("other", "webhook", true)];
    rules
}

fn fires(world: &mut World) {
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    assert_eq!(world.lines(), ["00:30 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]"]);
}

/// Who was told what since the last call, without the times.
fn told(world: &mut World) -> Vec<String> {
    world.lines().iter().map(|line| line.split_once(' ').unwrap_or_default().1.to_owned()).collect()
}

#[test]
fn what_was_told_waits_or_is_dead_under_a_former_name_is_so_under_the_new_one() {
    for restarted in [false, true] {
        let mut world = World::new(policy());
        fires(&mut world);
        let refusal = Outcome::Refused { error: "no".into(), exchange: Default::default() };
        let failure = Outcome::Retry { error: "500".into(), after: None, exchange: Default::default() };
        world.receivers.0.insert("hook".into(), vec![refusal, failure.clone()]);
        world.post(&["Net a"], true);
        world.pass(MINUTE);
        world.post(&["Cpu a"], true);
        world.pass(30 * SECOND);
        told(&mut world);
        world.receivers.0.insert("renamed".into(), vec![failure]);
        world.reload(renamed());
        if restarted {
            world.crash(Duration::ZERO);
        }
        let view = world.engine.view();
        let names: Vec<_> = view.ledger.keys().map(|thread| thread.receiver.to_string()).collect();
        assert!(names.iter().all(|name| name == "renamed"), "{names:?}");
        assert!(view.outbox.values().all(|row| &*row.thread.receiver == "renamed") && !view.outbox.is_empty());
        assert!(view.dead_letters.values().all(|letter| &*letter.delivery.thread.receiver == "renamed"));
        assert_eq!((view.dead_letters.len(), view.orphaned().count()), (1, 0));
        drop(view);
        world.post(&["Disk a"], false);
        world.pass(6 * MINUTE);
        let lines = told(&mut world);
        let over = "renamed {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]";
        assert_eq!(lines.iter().filter(|line| *line == over).count(), 1, "{lines:?}");
        let again = |line: &&String| line.contains("Disk") && line.contains("first notification");
        assert_eq!(lines.iter().find(again), None, "nobody is told anew for a name");
    }
}

#[test]
fn a_removed_receiver_is_told_what_is_over_while_its_settings_are_known() {
    let mut world = World::new(policy());
    fires(&mut world);
    world.reload(removed());
    assert_eq!(world.engine.view().orphaned().count(), 0);
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    assert!(told(&mut world).contains(&"hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]".into()));
    assert!(world.engine.view().ledger.is_empty());
}

#[test]
fn what_nobody_can_be_told_is_listed_until_the_receiver_is_back() {
    let mut world = World::new(policy());
    fires(&mut world);
    world.reload(removed());
    world.crash(SECOND);
    world.post(&["Disk a"], false);
    world.pass(60 * MINUTE);
    assert!(told(&mut world).iter().all(|line| !line.starts_with("hook")));
    let view = world.engine.view();
    let orphans: Vec<_> = view.orphaned().map(|(thread, told)| (&*thread.receiver, told.open.len())).collect();
    assert_eq!(orphans, [("hook", 1)]);
    drop(view);
    world.reload(policy());
    world.pass(6 * MINUTE);
    assert_eq!(told(&mut world), ["hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]"]);
    assert_eq!(world.engine.view().orphaned().count(), 0);
}

/// A receiver is taken out of the configuration, its alert ends, Andon starts anew, and the receiver is back before anybody
/// could tell it; something else of the group fires: it still learns what is over.
#[test]
fn a_receiver_that_is_back_learns_what_ended_while_it_was_away() {
    let mut world = World::new(policy());
    world.post(&["Disk b"], true);
    world.pass(60 * SECOND);
    let mut without = policy();
    without.receivers = vec![receiver("other", "webhook", true)];
    world.reload(without);
    world.crash(Duration::ZERO);
    world.post(&["Disk b"], false);
    world.pass(60 * SECOND);
    world.reload(policy());
    for _ in 0..12 {
        world.post(&["Disk a"], true);
        world.pass(60 * SECOND);
    }
    let lines = world.lines();
    let over = lines.iter().filter(|line| line.contains(" hook ") && line.contains("resolved=[b]")).count();
    assert_eq!(over, 1, "{lines:#?}");
}

/// Rules that could not be stored are not in force: who was removed before can still be told.
#[test]
fn a_reload_that_is_not_stored_leaves_who_was_removed_known() {
    let mut world = World::new(policy());
    fires(&mut world);
    world.reload(removed());
    world.store_fails = true;
    world.reload(policy());
    world.store_fails = false;
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    assert!(told(&mut world).contains(&"hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]".into()));
}

/// A removed receiver refuses what it is told for the last time: it is tried again every five minutes, and not each time
/// that somebody looks.
#[test]
fn a_removed_receiver_that_refuses_is_not_hammered() {
    let mut world = World::new(policy());
    fires(&mut world);
    world.reload(removed());
    let refusal = Outcome::Refused { error: "404".into(), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![refusal; 9999]);
    world.post(&["Disk a"], false);
    world.pass(60 * MINUTE);
    let refused = world.lines().iter().filter(|line| line.contains(" hook ")).count();
    assert!((11..=13).contains(&refused), "{refused}");
    world.receivers.0.clear();
    world.pass(6 * MINUTE);
    assert!(told(&mut world).contains(&"hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]".into()));
    assert!(world.engine.view().ledger.is_empty());
}

/// A receiver took a notification and the answer was lost; meanwhile it is given another name: it is the same notification
/// that is told again, also when it died and is replayed, and over a second name.
#[test]
fn what_is_told_again_under_another_name_has_the_id_that_it_had() {
    for (restarted, dies) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut world = World::new(policy());
        let failure = Outcome::Retry { error: "reset".into(), after: None, exchange: Default::default() };
        let refusal = Outcome::Refused { error: "no".into(), exchange: Default::default() };
        world.receivers.0.insert("hook".into(), vec![if dies { refusal } else { failure }]);
        world.post(&["Disk a"], true);
        world.now = world.now.after(30 * SECOND);
        world.input(Input::Tick);
        let id = |world: &mut World| {
            let view = world.engine.view();
            let dead = view.dead_letters.values().map(|letter| letter.delivery.notification_id()).next();
            dead.or_else(|| view.outbox.values().next().map(|row| row.notification_id())).unwrap()
        };
        let before = id(&mut world);
        world.hold_back = true;
        world.reload(renamed());
        let mut third = renamed();
        third.receivers[0].name = "third".into();
        third.receivers[0].rules.was.push("renamed".into());
        world.reload(third);
        if restarted {
            world.crash(Duration::ZERO);
        }
        assert_eq!(id(&mut world), before);
        world.hold_back = false;
        let dead = world.engine.view().dead_letters.keys().copied().next();
        if let Some(dead) = dead {
            world.input(Input::DeadLetter(Actor::Clock, dead, DeadLetterCommand::Replay));
        }
        world.pass(SECOND);
        assert_eq!(world.told[0].notification_id(), before, "{restarted} {dies}");
        assert_eq!(&*world.told[0].thread.receiver, "third");
        // What comes later has the present name from the beginning.
        world.post(&["Disk a"], false);
        world.pass(6 * MINUTE);
        assert_eq!(world.told.last().map(|row| row.named_after.clone()), Some(None));
    }
}

/// A receiver that fails for long is given another name: it is probed as before, also while that cannot be stored.
#[test]
fn a_receiver_that_fails_is_probed_under_another_name_too() {
    let failure = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), vec![failure.clone(); 9999]);
    world.receivers.0.insert("renamed".into(), vec![failure; 9999]);
    for alert in 0..50 {
        world.post(&[&format!("A{alert} a")], true);
    }
    world.pass(10 * MINUTE);
    world.lines();
    for stored in [false, true] {
        world.store_fails = !stored;
        world.reload(renamed());
        world.store_fails = false;
        world.pass(SECOND);
        assert!(world.lines().len() <= 1, "one probe at most: {stored}");
    }
    world.pass(5 * MINUTE);
    let lines = world.lines();
    assert!((3..=8).contains(&lines.len()) && lines.iter().all(|line| line.contains(" renamed ")), "{lines:?}");
    world.receivers.0.clear();
    world.pass(5 * MINUTE);
    assert_eq!(world.engine.view().outbox.len(), 0);
}
