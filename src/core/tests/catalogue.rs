//! Faults played in every combination that matters: inhibition around a start, and outages with what comes in between.

use std::time::Duration;

use super::play::*;
use crate::core::change::Actor;
use crate::core::engine::{Input, Options, Output};
use crate::core::ingest::Batch;
use crate::core::outbox::Outcome;

const MINUTE: Duration = Duration::from_secs(60);
const SOURCE: &str = "Down a severity=critical";
const TARGET: &str = "Slow a severity=warning";

#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    Crash,
    Reload,
}

impl Between {
    fn happens(self, world: &mut World) {
        match self {
            Self::Nothing => {}
            Self::Crash => world.crash(SECOND),
            Self::Reload => world.reload(policy()),
        }
    }
}

/// Whichever comes first, and whatever happens in between: a source that came before the target's group was due holds it
/// back.
#[test]
fn inhibition_holds_around_starts_and_reloads() {
    for between in [Between::Nothing, Between::Crash, Between::Reload] {
        for order in [[SOURCE, TARGET], [TARGET, SOURCE]] {
            for gap in [0, 1, 10, 28] {
                let mut world = World::new(policy());
                world.post(&order[..1], true);
                world.pass(gap * SECOND);
                between.happens(&mut world);
                world.post(&order[1..], true);
                world.pass(SECOND);
                between.happens(&mut world);
                for _ in 0..30 {
                    world.post(&order, true);
                    world.pass(MINUTE);
                }
                let lines = world.lines();
                let about = |name| lines.iter().filter(|line| line.contains(name)).count();
                assert_eq!((about("Down"), about("Slow")), (1, 0), "{between:?} {order:?} {gap}: {lines:?}");
            }
        }
    }
}

/// What has fired for an hour when it is first heard of is flushed at once: all that comes in one request is looked at first.
#[test]
fn what_is_old_when_it_comes_is_inhibited_by_what_comes_with_it() {
    for order in [[SOURCE, TARGET], [TARGET, SOURCE]] {
        let mut world = World::new(policy());
        let (hour_ago, ends_at) = (world.now.before(60 * MINUTE), world.now.after(60 * MINUTE));
        let mut batch = Batch::default();
        for alert in order {
            batch.push(&mut pairs(alert), &mut vec![], "", hour_ago, ends_at).unwrap();
        }
        world.input(Input::Alerts(Actor::Sender("test".into()), batch));
        world.pass(30 * MINUTE);
        let lines = world.lines();
        assert!(lines.len() == 1 && lines[0].starts_with("00:00") && lines[0].contains("Down"), "{order:?}: {lines:?}");
    }
}

/// A receiver is away for a minute, for ten, for most of a day; the alert ends meanwhile or not; a restart comes in between
/// or not: it hears once what is true, and of an incident its beginning and its end.
#[test]
fn an_outage_costs_no_page_and_doubles_none() {
    for minutes in [1_u32, 10, 23 * 60] {
        for crash in [false, true] {
            for over in [false, true] {
                for says_both in [false, true] {
                    let mut rules = policy();
                    rules.receivers[0].integrations[0].says_both = says_both;
                    let mut world = World::new(rules);
                    let down = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
                    world.receivers.0.insert("hook".into(), vec![down; usize::from(u16::MAX)]);
                    world.post(&["Disk a"], true);
                    world.pass(31 * SECOND);
                    for minute in 0..minutes {
                        let fires = !over || minute < minutes / 2;
                        world.post(&["Disk a"], fires);
                        world.pass(MINUTE);
                        if crash && minute == minutes / 2 {
                            world.crash(SECOND);
                        }
                    }
                    world.receivers.0.clear();
                    for _ in 0..12 {
                        world.post(&["Disk a"], !over);
                        world.pass(MINUTE);
                    }
                    let told: Vec<bool> = world.told.iter().map(|row| row.firing()).collect();
                    let expected: &[bool] = match (over, says_both) {
                        (false, _) => &[true],
                        // What lasts no longer than the group waits for its next flush is told as two.
                        (true, true) if minutes > 5 => &[false],
                        (true, _) => &[true, false],
                    };
                    let what = format!("{minutes} min, crash {crash}, over {over}, one message {says_both}");
                    assert_eq!(told, expected, "{what}: {:?}", world.lines());
                    assert_eq!(world.engine.view().outbox.len(), 0, "{what}");
                }
            }
        }
    }
}

/// Beyond a limit what is new is refused; what is known is refreshed and ends all the same, and what was refused together
/// with something new does not run out for that.
#[test]
fn a_time_of_refusals_ends_nothing_and_keeps_nothing_from_ending() {
    let down = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    for (options, answers) in [
        (Options { max_alerts: 1, ..Options::default() }, vec![]),
        (Options { max_outbox: 1, ..Options::default() }, vec![down; usize::from(u16::MAX)]),
    ] {
        let mut world = World::with(policy(), options);
        world.receivers.0.insert("hook".into(), answers);
        world.post(&["Disk a"], true);
        world.pass(31 * SECOND);
        for _ in 0..20 {
            assert!(matches!(world.post(&["Disk a", "Heat b"], true), Output::Full(_)));
            world.pass(MINUTE);
        }
        let firing = |world: &mut World| world.engine.view().alerts.iter().any(|kept| !kept.alert.ended_explicitly());
        assert!(firing(&mut world) && world.lines().iter().all(|line| !line.contains("resolved=[a]")));
        assert_eq!(world.post(&["Disk a"], true), Output::Rejected(vec![]));
        assert_eq!(world.post(&["Disk a"], false), Output::Rejected(vec![]));
        world.receivers.0.clear();
        world.pass(10 * MINUTE);
        assert!(world.lines().iter().any(|line| line.contains("resolved=[a]")), "that it is over is told");
    }
}

/// A receiver that knows incidents is down; one alert fires and is over, and another of its group fires: that the first
/// did is told with the second, whichever attempt is on its way meanwhile.
#[test]
fn what_fired_and_cleared_during_an_outage_is_told_with_what_fires_next() {
    let retry = || Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    for on_its_way in [false, true] {
        let mut rules = policy();
        rules.receivers = vec![receiver("hook", "pagerduty", true)];
        let mut world = World::new(rules);
        world.receivers.0.insert("hook".into(), vec![retry(); 999]);
        world.hold_back = on_its_way;
        world.post(&["Disk a"], true);
        world.now = world.now.after(30 * SECOND);
        world.input(Input::Tick);
        let taken = world.engine.take_due(world.now);
        world.post(&["Disk a"], false);
        world.pass(6 * MINUTE);
        world.post(&["Disk b"], true);
        world.pass(MINUTE);
        world.lines();
        world.hold_back = false;
        world.receivers.0.clear();
        for row in taken.into_iter().flatten() {
            world.input(Input::Settled(vec![row.id], retry(), 0.5));
        }
        world.pass(MINUTE);
        let lines = world.lines();
        assert!(lines.len() == 1 && lines[0].contains("firing=[b] resolved=[a]"), "{on_its_way}: {lines:?}");
        world.post(&["Disk b"], false);
        world.pass(6 * MINUTE);
        assert!(world.told.last().is_some_and(|row| !row.firing()), "and its incident is closed");
        assert_eq!(world.engine.view().outbox.len(), 0);
    }
}

/// An end that waits is told before the group fires anew where both are one incident's: somebody may have taken that on,
/// and would not hear of more of the same.
#[test]
fn the_end_of_what_was_heard_is_told_before_it_fires_anew() {
    let mut rules = policy();
    rules.receivers = vec![receiver("hook", "pagerduty", true)];
    let mut world = World::new(rules);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    let retry = || Outcome::Retry { error: "429".into(), after: Some(10 * MINUTE), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![retry()]);
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    world.post(&["Disk b"], true);
    world.pass(MINUTE);
    world.post(&["Disk b"], false);
    world.pass(6 * MINUTE);
    world.post(&["Disk a"], true);
    world.pass(20 * MINUTE);
    let told: Vec<_> = world.told.iter().map(|row| (row.firing(), row.alerts.len())).collect();
    assert_eq!(told[..3], [(true, 1), (false, 1), (true, 2)], "{:?}", world.lines());
}

/// The same where nobody wants to hear of ends: what fired while the receiver was down is told, though it is over.
#[test]
fn what_fired_during_an_outage_is_told_also_to_who_hears_of_no_end() {
    let mut rules = policy();
    rules.receivers = vec![receiver("hook", "slack", false)];
    let mut world = World::new(rules);
    let retry = Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![retry; 999]);
    world.post(&["Disk a", "Disk c"], true);
    world.pass(MINUTE);
    world.post(&["Disk a"], false);
    world.pass(4 * MINUTE);
    world.silence("instance", "c", 60 * MINUTE);
    world.post(&["Disk b", "Disk c"], true);
    world.pass(4 * MINUTE);
    world.post(&["Disk b", "Disk c"], true);
    world.pass(2 * MINUTE);
    world.lines();
    world.receivers.0.clear();
    world.pass(2 * MINUTE);
    let lines = world.lines();
    assert!(lines.len() == 1 && lines[0].contains("firing=[a b] resolved=[]"), "not what is silenced: {lines:?}");
}
