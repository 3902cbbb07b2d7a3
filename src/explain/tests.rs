//! Each claim held against what the engine then does.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::core::interval::TimeInterval;
use crate::core::matcher::Op;
use crate::core::outbox::Delivery;
use crate::core::policy::Policy;
use crate::core::tests::play::{SECOND, World, matcher, pairs, policy, receiver, route};

const MINUTE: Duration = Duration::from_secs(60);

const ALERTS: [&str; 6] = [
    "Disk a severity=warning",
    "Disk a severity=critical",
    "Disk b severity=warning",
    "Net a team=x",
    "Net b team=x severity=warning",
    "Quiet a team=y",
];

/// The root by alertname to a webhook and PagerDuty; team x to another webhook, and on; team y never, by its intervals.
fn rules() -> Policy {
    let mut rules = policy();
    rules.receivers.push(receiver("two", "webhook", false));
    rules.receivers[0].integrations.push(receiver("hook", "pagerduty", true).integrations.remove(0));
    rules.intervals.insert(Arc::from("always"), vec![TimeInterval::default()]);
    rules.intervals.insert(Arc::from("never"), vec![]);
    let mut of_x = route(vec![matcher("team", Op::Equal, "x")], 1, &["team"]);
    (of_x.continues, of_x.key, of_x.id) = (true, Arc::from("{}/x"), Arc::from("{}/x/0"));
    let mut of_y = route(vec![matcher("team", Op::Equal, "y")], 1, &["team"]);
    (of_y.key, of_y.id) = (Arc::from("{}/y"), Arc::from("{}/y/1"));
    of_y.mute_time_intervals = vec![Arc::from("always")];
    rules.routes[0].children = vec![RouteIdx(1), RouteIdx(2)];
    rules.routes[0].repeat_interval = 12 * MINUTE;
    rules.routes.extend([of_x, of_y]);
    rules
}

fn labels(alert: &str) -> LabelSet {
    LabelSet::new(pairs(alert)).unwrap()
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

/// Lets time pass while these fire.
fn pass(world: &mut World, firing: &[bool; ALERTS.len()], time: Duration) {
    let until = world.now.after(time);
    while world.now < until {
        let alerts: Vec<_> = ALERTS.iter().zip(firing).filter(|(_, fires)| **fires).map(|(alert, _)| *alert).collect();
        world.post(&alerts, true);
        world.pass(until.since(world.now).min(MINUTE));
    }
}

/// Explains every alert, goes on to the flush that is due first, and compares.
fn compare(world: &mut World, firing: &[bool; ALERTS.len()]) -> Result<(), TestCaseError> {
    let view = world.engine.view();
    let explained: Vec<_> = ALERTS.iter().map(|alert| explain(&view, &labels(alert), world.now)).collect();
    let Some(due) = view.groups.iter().map(|group| group.next_flush).min() else { return Ok(()) };
    pass(world, firing, due.since(world.now).saturating_sub(SECOND));
    let alerts: Vec<_> = ALERTS.iter().zip(firing).filter(|(_, fires)| **fires).map(|(alert, _)| *alert).collect();
    world.post(&alerts, true);
    let before = world.told.len();
    world.pass(due.since(world.now));
    let told: Vec<Arc<Delivery>> = world.told.split_off(before);
    for explanation in explained.iter().filter(|explanation| explanation.state != AlertState::NotKnown) {
        for taken in explanation.taken.iter().filter(|taken| taken.members > 0 && taken.next_flush == due) {
            for thread in &taken.threads {
                let row = told.iter().find(|row| row.thread == thread.thread);
                let includes = |row: &Arc<Delivery>| {
                    row.alerts.iter().any(|told| told.alert.fingerprint() == explanation.fingerprint)
                };
                let expected = row.map(|row| (row.reason, includes(row)));
                let claimed = match thread.verdict {
                    Verdict::Told(reason, includes) => Some((reason, includes)),
                    Verdict::Nothing(_) | Verdict::NotWanted => None,
                };
                prop_assert_eq!(claimed, expected, "{}\n{}", explanation, world.lines().join("\n"));
                let held = taken.holds.iter().any(|hold| hold.at_flush && hold.kind != HoldKind::Acknowledgement);
                let fires = matches!(explanation.state, AlertState::Firing { .. });
                let told_firing = claimed.is_some_and(|(_, includes)| includes) && fires;
                prop_assert!(!(held && told_firing), "held back, and told: {}", explanation);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_claimed_of_the_next_flush_is_what_it_does(acts in proptest::collection::vec(act(), 1..25)) {
        let mut world = World::new(rules());
        let mut firing = [false; ALERTS.len()];
        for act in acts {
            match act {
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
                    let (name, value) = pairs(ALERTS[alert])[1];
                    world.silence(name, value, minutes * MINUTE);
                }
                Act::Ack => drop(world.ack(15 * MINUTE)),
                Act::Pass(minutes) => pass(&mut world, &firing, minutes * MINUTE),
            }
            compare(&mut world, &firing)?;
        }
    }

    #[test]
    fn what_would_happen_if_it_fired_is_what_happens_when_it_does(first in 0..ALERTS.len(), then in 0..ALERTS.len()) {
        let mut world = World::new(rules());
        let mut firing = [false; ALERTS.len()];
        firing[first] = true;
        pass(&mut world, &firing, 7 * MINUTE);
        let explanation = explain(&world.engine.view(), &labels(ALERTS[then]), world.now);
        if explanation.state == AlertState::NotKnown {
            firing[then] = true;
            let before = world.told.len();
            pass(&mut world, &firing, 6 * MINUTE);
            for thread in explanation.taken.iter().flat_map(|taken| &taken.threads) {
                let includes = |row: &&Arc<Delivery>| {
                    row.alerts.iter().any(|told| told.alert.fingerprint() == explanation.fingerprint)
                };
                let row = world.told[before..].iter().find(|row| row.thread == thread.thread && includes(row));
                let claimed = match thread.verdict {
                    Verdict::Told(reason, true) => Some((reason, thread.verdict_at)),
                    _ => None,
                };
                prop_assert_eq!(claimed, row.map(|row| (row.reason, row.decided_at)), "{}", explanation);
            }
        }
    }
}

#[test]
fn every_route_says_why() {
    let view = World::new(rules()).engine.view();
    let verdicts = |alert: &str| {
        let explanation = explain(&view, &labels(alert), Timestamp::new(1_800_000_000, 0));
        let word = |step: &Step| match &step.verdict {
            StepVerdict::Matched { takes: true, .. } => "takes".to_owned(),
            StepVerdict::Matched { .. } => "above".to_owned(),
            StepVerdict::Failed { matcher, value } => format!("{matcher} on {value:?}"),
            StepVerdict::NotReached { because } => format!("after {because}"),
        };
        explanation.steps.iter().map(word).collect::<Vec<_>>().join(", ")
    };
    for (alert, expected) in [
        ("Disk a", r#"takes, team="x" on "", team="y" on """#),
        ("Net a team=x", r#"above, takes, team="y" on "x""#),
        ("Quiet a team=y", r#"above, team="x" on "y", takes"#),
    ] {
        assert_eq!(verdicts(alert), expected, "{alert}");
    }
}

#[test]
fn repetitions_come_when_it_says() {
    let mut world = World::new(rules());
    let firing = [true, false, false, false, false, false];
    pass(&mut world, &firing, 2 * MINUTE);
    let view = world.engine.view();
    let explanation = explain(&view, &labels(ALERTS[0]), world.now);
    let (told, group) = (view.ledger.values().next().unwrap().at, &explanation.taken[0]);
    let said = threads::repeats_at(told, &view.policy.routes[0], group.next_flush);
    let before = world.told.len();
    pass(&mut world, &firing, 20 * MINUTE);
    let repeated = world.told[before..].iter().find(|row| row.reason == Reason::Repeat).unwrap();
    assert_eq!(said, repeated.decided_at);
}

#[test]
fn it_reads_like_this() {
    let mut world = World::new(rules());
    world.silence("instance", "b", 60 * MINUTE);
    world.post(&ALERTS[..3], true);
    world.pass(MINUTE);
    let text = |world: &mut World, alert: &str| explain(&world.engine.view(), &labels(alert), world.now).to_string();
    let inhibited = text(&mut world, ALERTS[0]);
    for part in [
        "hook by webhook[0]: will be told at",
        r#"inhibited by the rule severity: {alertname="Disk", instance="a", severity="critical"}"#,
        "would have to be over",
        r#"no  {team="x"} -> two: team="x" fails: the label is absent or empty"#,
    ] {
        assert!(inhibited.contains(part) || part.starts_with("hook by"), "{part}\n{inhibited}");
    }
    let silenced = text(&mut world, ALERTS[2]);
    assert!(silenced.contains("silenced by ana: \"test\", until 2027-01-15 09:00:00 UTC"), "{silenced}");
    let hostile = text(&mut world, "Net a\u{1b}[2J team=x");
    assert!(!hostile.contains('\u{1b}') && hostile.contains("does not fire: this is what would happen"), "{hostile}");
}
