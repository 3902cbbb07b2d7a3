//! What was, played against the same rules and against others.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::play::*;
use crate::core::change::Change;
use crate::core::engine::Options;
use crate::core::matcher::Op;
use crate::core::policy::{Policy, RouteIdx};
use crate::core::replay::{Compared, Played, Replay, Was, compare};

const MINUTE: Duration = Duration::from_secs(60);
const ALERTS: [&str; 5] = ["Disk a severity=warning", "Disk a severity=critical", "Disk b", "Net a", "Net b"];

fn rules() -> Policy {
    let mut rules = policy();
    rules.routes[0].repeat_interval = 12 * MINUTE;
    rules.receivers[0].integrations.push(receiver("hook", "pagerduty", true).integrations.remove(0));
    rules
}

/// Plays what a world stored, from one of its entries on.
fn replayed(world: &World, rules: Policy, from: usize) -> (Compared, Played) {
    replayed_with(Options { gc_interval: 1800 * SECOND, ..Options::default() }, world, rules, from)
}

fn replayed_with(options: Options, world: &World, rules: Policy, from: usize) -> (Compared, Played) {
    let (before, after) = world.entries.split_at(from);
    let state: Vec<Change> = before.iter().flat_map(|(_, changes)| changes.clone()).collect();
    let begins = before.last().or(after.first()).map_or(world.now, |(at, _)| *at);
    let mut replay = Replay::new(Arc::new(rules), options, state, begins);
    let mut was = Was::default();
    for (at, changes) in after {
        replay.entry(*at, changes);
        was.entry(changes);
    }
    let (would, played) = replay.finish(world.now);
    (compare(was.told(), would), played)
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Fire(usize),
    Resolve(usize),
    Silence(usize, u32),
    Ack,
    Pass(u32),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..ALERTS.len()).prop_map(Act::Fire),
        2 => (0..ALERTS.len()).prop_map(Act::Resolve),
        1 => (0..ALERTS.len(), 1..20_u32).prop_map(|(alert, minutes)| Act::Silence(alert, minutes)),
        1 => Just(Act::Ack),
        3 => (1..9_u32).prop_map(Act::Pass),
    ]
}

fn played(acts: &[Act]) -> World {
    played_with(Options { gc_interval: 1800 * SECOND, ..Options::default() }, acts)
}

fn played_with(options: Options, acts: &[Act]) -> World {
    let (mut world, mut firing) = (World::with(rules(), options), [false; ALERTS.len()]);
    for act in acts {
        match *act {
            Act::Fire(alert) => {
                firing[alert] = true;
                world.post(&[ALERTS[alert]], true);
            }
            Act::Resolve(alert) => {
                if std::mem::take(&mut firing[alert]) {
                    world.post(&[ALERTS[alert]], false);
                }
            }
            Act::Silence(alert, minutes) => {
                world.silence("instance", pairs(ALERTS[alert])[1].1, minutes * MINUTE);
            }
            Act::Ack => drop(world.ack(15 * MINUTE)),
            Act::Pass(minutes) => {
                for _ in 0..minutes {
                    let fire = ALERTS.iter().zip(firing).filter(|(_, fires)| *fires).map(|(alert, _)| *alert);
                    world.post(&fire.collect::<Vec<_>>(), true);
                    world.pass(MINUTE);
                }
            }
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// From the beginning, or from some moment on.
    #[test]
    fn against_the_same_rules_the_same_is_told(acts in proptest::collection::vec(act(), 1..30), from in 0..3_usize) {
        let world = played(&acts);
        let (compared, _) = replayed(&world, rules(), world.entries.len() * from / 3);
        let all = Compared { same: compared.same, ..Compared::default() };
        prop_assert_eq!(compared, all);
    }
}

/// A warning is told, gets worse, and ends while somebody has taken the group on: that it is over is told at the next
/// flush, once, whether Andon was started anew meanwhile or not, and whether owed resolves pass silences or not.
#[test]
fn what_ends_while_its_group_is_acknowledged_is_told_all_the_same() {
    for resolved_while_muted in [true, false] {
        let options = Options { gc_interval: 1800 * SECOND, resolved_while_muted, ..Options::default() };
        let acts =
            [Act::Fire(0), Act::Pass(2), Act::Fire(1), Act::Silence(0, 4), Act::Pass(4), Act::Ack, Act::Resolve(0)];
        let then = [Act::Pass(5), Act::Fire(2), Act::Pass(8), Act::Resolve(2), Act::Pass(8)];
        let world = played_with(options.clone(), &[&acts[..], &then].concat());
        let over = world.told.iter().filter(|row| &*row.thread.kind == "webhook");
        let over = over.flat_map(|row| row.alerts.iter().map(|told| (row.decided_at, told)));
        let over = over.filter(|(_, told)| told.resolved);
        let over: Vec<_> = over.map(|(at, told)| (world.minutes(at), told.alert.labels.value("severity"))).collect();
        // The warning is inhibited when it ends.
        let expected = [(10, "warning"), (20, "")];
        assert_eq!(over, expected[usize::from(!resolved_while_muted)..]);
        for from in [0, 10, 12, 14, 16] {
            let (compared, _) = replayed_with(options.clone(), &world, rules(), from);
            assert_eq!(compared, Compared { same: compared.same, ..Compared::default() }, "from {from}");
        }
    }
}

#[test]
fn other_rules_tell_others_at_other_times() {
    let mut world = World::new(rules());
    world.post(&["Disk a", "Net a"], true);
    world.pass(3 * MINUTE);
    world.ack(MINUTE).unwrap();
    world.pass(MINUTE);
    // Net goes to somebody else, and all wait longer.
    let mut other = rules();
    other.routes[0].group_wait = 2 * MINUTE;
    other.receivers.push(receiver("two", "webhook", true));
    other.routes.push(route(vec![matcher("alertname", Op::Equal, "Net")], 1, &["alertname"]));
    other.routes[0].children = vec![RouteIdx(1)];
    let (compared, played) = replayed(&world, other, 0);
    let who = |told: &crate::core::replay::Told| format!("{} {}", told.to.receiver, told.group);
    assert_eq!(compared.moved.len(), 2, "{compared:#?}");
    assert!(compared.moved.iter().all(|(then, now)| now.at.since(then.at) == 90 * SECOND));
    assert_eq!(compared.only_was.iter().map(who).collect::<Vec<_>>(), [r#"hook {alertname="Net"}"#; 2]);
    assert_eq!(compared.only_would.iter().map(who).collect::<Vec<_>>(), [r#"two {alertname="Net"}"#]);
    assert_eq!((played.alerts, played.acks, played.unknown_acks), (2, 1, 0));
    // From the middle on, the rest of what fired before is not told again.
    let (compared, _) = replayed(&world, rules(), world.entries.len() - 1);
    assert_eq!(compared, Compared { same: compared.same, ..Compared::default() });
}
