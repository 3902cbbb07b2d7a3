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
use crate::core::outbox::{Delivery, Outcome};
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
            let ends_before = |hold: &&Hold| hold.at_flush && hold.until.is_some_and(|until| until <= taken.next_flush);
            prop_assert_eq!(taken.holds.iter().find(ends_before), None, "{}", explanation);
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

#[test]
fn what_holds_back_at_the_flush_ends_after_it() {
    let mut rules = rules();
    rules.routes[3].group_wait = 3 * MINUTE;
    let mut world = World::new(rules);
    // The pause begins at 08:25, and the shift ends at 08:40: neither when it is asked, but at the flush.
    for (at, kind, until) in [
        (22, HoldKind::MuteTimeInterval, "2027-01-15 08:26:00 UTC"),
        (38, HoldKind::ActiveTimeInterval, "2027-01-16 08:03:00 UTC"),
    ] {
        world.pass((Timestamp::new(1_800_000_000, 0).after(at * MINUTE)).since(world.now));
        let explanation = explain(&world.engine.view(), &labels("Shift a team=z"), world.now);
        let held: Vec<_> = explanation.taken[0].holds.iter().filter(|hold| hold.at_flush).collect();
        let found: Vec<_> = held.iter().map(|hold| (hold.kind, hold.until.map(text::time))).collect();
        assert_eq!(found, [(kind, Some(until.to_owned()))], "{explanation}");
    }
}

/// Whatever is tried on a receiver of this name is answered with this.
fn answers(world: &mut World, outcome: &Outcome) {
    world.receivers.0.insert("hook".into(), vec![outcome.clone(); 1_000]);
}

#[test]
fn a_receiver_that_cannot_be_told_is_named_with_what_it_lacks() {
    let mut world = World::new(rules());
    answers(
        &mut world,
        &Outcome::NotConfigured { error: "not configured: the environment variable URL is not set".into() },
    );
    pass(&mut world, &[true, false, false, false, false, false, false, false, false], 2 * MINUTE);
    // Of an alert of another group nothing waits, but it would not be told either.
    for (alert, part) in [
        (ALERTS[0], "not told yet: a notification (first notification) waits since 2027-01-15 08:00:30 UTC; "),
        ("Other a", "would be told at 2027-01-15 08:02:30 UTC (first notification); "),
    ] {
        let explanation = explain(&world.engine.view(), &labels(alert), world.now);
        let sentence = &explanation.summary()[0];
        let lacks = "the receiver is not configured: the environment variable URL is not set";
        assert!(sentence.contains(part) && sentence.ends_with(lacks), "{sentence}");
        assert!(explanation.to_string().contains(&format!("    {lacks}")), "{explanation}");
        assert!(!explanation.to_string().contains("told so far: that"), "nothing has arrived: {explanation}");
        let json = &explanation.to_json()["taken"][0]["integrations"][0]["trouble"];
        assert_eq!(json["notConfigured"], "the environment variable URL is not set", "{json}");
        assert_eq!(json["failingSince"], serde_json::Value::Null);
    }
}

#[test]
fn a_receiver_that_fails_is_named_with_since_when_and_when_it_is_probed() {
    let mut world = World::new(rules());
    answers(&mut world, &Outcome::Retry { error: "503: down".into(), after: None, exchange: Default::default() });
    pass(&mut world, &[true, false, false, false, false, false, false, false, false], 10 * MINUTE);
    let view = world.engine.view();
    let faring = view.faring.values().find(|faring| faring.probed_at.is_some()).expect("it is probed").clone();
    assert!(faring.failures >= 9, "{faring:?}");
    for alert in [ALERTS[0], "Other a"] {
        let explanation = explain(&view, &labels(alert), world.now);
        let since = faring.failing_since.map(text::time).unwrap();
        let said = format!(
            "the receiver fails since {since} (failed attempts in a row: {}), probed next at ",
            faring.failures
        );
        let sentences = explanation.summary();
        assert!(sentences.iter().any(|it| it.contains(&said) && it.ends_with(": 503: down")), "{sentences:?}");
        assert!(explanation.to_string().contains(&format!("    {said}")), "{explanation}");
        let json = explanation.to_json();
        let all = json["taken"][0]["integrations"].as_array().unwrap().iter();
        let json: Vec<_> = all.filter(|one| one["trouble"]["failures"] == faring.failures).collect();
        let trouble = &json[0]["trouble"];
        assert_eq!((&trouble["lastError"], trouble["probedAt"].is_string()), (&"503: down".into(), true), "{trouble}");
    }
    // It is told: nothing is said of it any more.
    world.receivers.0.clear();
    pass(&mut world, &[true, false, false, false, false, false, false, false, false], 5 * MINUTE);
    let explanation = explain(&world.engine.view(), &labels(ALERTS[0]), world.now);
    assert!(!explanation.to_string().contains("the receiver fails"), "{explanation}");
    assert_eq!(explanation.to_json()["taken"][0]["integrations"][0]["trouble"], serde_json::Value::Null);
}

#[test]
fn a_notification_waits_behind_an_earlier_one_and_for_a_rate_limit() {
    let mut world = World::new(rules());
    // PagerDuty is told both: that it fires and that it is over.
    world.post(&ALERTS[..1], true);
    world.now = world.engine.next_deadline();
    world.engine.handle(world.now, Input::Tick);
    world.engine.committed();
    let rows: Vec<_> = world.engine.take_due(world.now).into_iter().flatten().collect();
    let pager = rows.iter().find(|row| &*row.thread.kind == "pagerduty").unwrap().id;
    world.engine.handle(world.now, Input::Parked(pager));
    world.engine.committed();
    let over = |world: &mut World| {
        world.now = world.now.after(6 * MINUTE);
        world.post(&ALERTS[..1], false);
        world.now = world.now.after(6 * MINUTE);
        world.engine.handle(world.now, Input::Tick);
        world.engine.committed();
    };
    over(&mut world);
    let explanation = explain(&world.engine.view(), &labels(ALERTS[0]), world.now);
    let threads = &explanation.taken[0].threads;
    let waiting = &threads.iter().find(|now| &*now.thread.kind == "pagerduty").unwrap().waiting;
    assert_eq!(waiting[0].stage, Stage::RateLimited, "{explanation}");
    assert!(explanation.to_string().contains(&format!(", behind the notification {}\n", pager.0)), "{explanation}");
    let json = explanation.to_json();
    assert!(json.to_string().contains(&format!(r#""behind":{}"#, pager.0)), "{json}");
}
