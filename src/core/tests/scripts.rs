//! What a receiver hears, script by script.

use super::play::*;
use crate::core::engine::Options;
use crate::core::interval::TimeInterval;
use crate::core::matcher::Op;
use crate::core::outbox::Outcome;
use crate::core::policy::{ReceiverIdx, RouteIdx};
use crate::core::work_order::{Condition, Status};
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn retry() -> Outcome {
    Outcome::Retry { error: "500".into(), after: None, exchange: Default::default() }
}

fn refused() -> Outcome {
    Outcome::Refused { error: "400".into(), exchange: Default::default() }
}

/// Sends the alerts again every minute, for so many minutes.
fn keep_firing(world: &mut World, alerts: &[&str], minutes: u32) {
    for _ in 0..minutes {
        world.post(alerts, true);
        world.pass(MINUTE);
    }
}

#[test]
fn waits_for_the_group_tells_it_once_and_repeats_after_the_interval() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(10 * SECOND);
    world.post(&["Disk b"], true);
    keep_firing(&mut world, &["Disk a", "Disk b"], 250);
    world.post(&["Disk a"], false);
    world.pass(5 * MINUTE);
    world.post(&["Disk b"], false);
    world.pass(10 * MINUTE);
    assert_eq!(
        world.lines(),
        [
            "00:30 hook {alertname=\"Disk\"}: first notification firing=[a b] resolved=[]",
            "245:30 hook {alertname=\"Disk\"}: repeat interval elapsed firing=[a b] resolved=[]",
            "250:30 hook {alertname=\"Disk\"}: some alerts resolved firing=[b] resolved=[a]",
            "255:30 hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[b]",
        ]
    );
    let view = world.engine.view();
    assert!(view.ledger.is_empty() && view.outbox.is_empty() && view.groups.is_empty());
    world.pass(40 * MINUTE);
    assert!(world.engine.view().alerts.is_empty(), "what is over is forgotten");
}

#[test]
fn what_a_receiver_wants_to_know_again_it_knows_until_all_is_over() {
    let mut world = World::new(policy());
    let kept = |ts: &str| [("ts".into(), ts.into())].into();
    world.receivers.0.insert("hook".into(), vec![Outcome::Delivered { data: kept("1"), answer: String::new() }]);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world.crash(SECOND);
    keep_firing(&mut world, &["Disk a", "Disk b"], 6);
    world
        .receivers
        .0
        .insert("hook".into(), vec![retry(), Outcome::Delivered { data: kept("2"), answer: String::new() }]);
    world.post(&["Disk a"], false);
    keep_firing(&mut world, &["Disk b"], 6);
    world.post(&["Disk b"], false);
    world.pass(10 * MINUTE);
    keep_firing(&mut world, &["Disk a"], 2);
    let known: Vec<_> = world.told.iter().map(|row| row.receiver_data.get("ts").map_or("", |ts| ts)).collect();
    assert_eq!(known, ["", "1", "1", "2", ""], "{:?}", world.transcript);
}

#[test]
fn a_resolve_that_was_decided_early_learns_what_the_firing_left() {
    let mut world = World::new(policy());
    let slow = Outcome::Retry { error: "429".into(), after: Some(7 * MINUTE), exchange: Default::default() };
    world.receivers.0.insert(
        "hook".into(),
        vec![slow, Outcome::Delivered { data: [("ts".into(), "1".into())].into(), answer: String::new() }],
    );
    let mut incident = policy();
    incident.receivers[0].integrations[0].says_both = false;
    world.reload(incident);
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world.post(&["Disk a"], false);
    world.pass(20 * MINUTE);
    let known: Vec<_> = world.told.iter().map(|row| row.receiver_data.get("ts").map_or("", |ts| ts)).collect();
    assert_eq!(known, ["", "1"], "{:?}", world.transcript);
}

#[test]
fn what_is_over_before_it_was_told_is_never_told_and_what_flickers_between_flushes_neither() {
    let mut world = World::new(policy());
    world.post(&["Short a"], true);
    world.pass(10 * SECOND);
    world.post(&["Short a"], false);
    world.pass(10 * MINUTE);
    assert_eq!(world.lines(), Vec::<String>::new());
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world.post(&["Disk a"], false);
    world.pass(MINUTE);
    keep_firing(&mut world, &["Disk a"], 10);
    assert_eq!(world.lines(), ["10:40 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]"]);
}

#[test]
fn an_alert_that_its_sender_forgets_runs_out() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(10 * MINUTE);
    assert_eq!(
        world.lines(),
        [
            "00:30 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]",
            "05:30 hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]",
        ]
    );
}

#[test]
fn critical_holds_back_warning_of_the_same_instance() {
    let mut world = World::new(policy());
    world.post(&["Down a severity=critical", "Slow a severity=warning", "Slow b severity=warning"], true);
    world.pass(MINUTE);
    assert_eq!(
        world.lines(),
        [
            "00:30 hook {alertname=\"Down\"}: first notification firing=[a] resolved=[]",
            "00:30 hook {alertname=\"Slow\"}: first notification firing=[b] resolved=[]",
        ]
    );
    world.post(&["Down a severity=critical"], false);
    keep_firing(&mut world, &["Slow a severity=warning", "Slow b severity=warning"], 6);
    assert_eq!(
        world.lines(),
        [
            "05:30 hook {alertname=\"Down\"}: all alerts resolved firing=[] resolved=[a]",
            "05:30 hook {alertname=\"Slow\"}: new alerts added firing=[a b] resolved=[]",
        ]
    );
}

/// Told firing, then muted in some way, then over.
fn muted_then_over(options: Options, mute: impl FnOnce(&mut World)) -> Vec<String> {
    let mut world = World::with(policy(), options);
    world.post(&["Disk a severity=warning", "Disk b severity=warning"], true);
    world.pass(MINUTE);
    mute(&mut world);
    keep_firing(&mut world, &["Disk a severity=warning", "Disk b severity=warning"], 6);
    world.post(&["Disk a severity=warning"], false);
    keep_firing(&mut world, &["Disk b severity=warning"], 12);
    world.lines()
}

#[test]
fn what_was_told_firing_is_told_resolved_although_muted_meanwhile() {
    let first = "00:30 hook {alertname=\"Disk\"}: first notification firing=[a b] resolved=[]";
    let some = "10:30 hook {alertname=\"Disk\"}: some alerts resolved firing=[b] resolved=[a]";
    let silence = |world: &mut World| {
        world.silence("instance", "a", 3600 * SECOND);
    };
    assert_eq!(muted_then_over(Options::default(), silence), [first, some]);
    let withhold = Options { resolved_while_muted: false, ..Options::default() };
    assert_eq!(muted_then_over(withhold.clone(), silence), [first]);
    let inhibit = |world: &mut World| drop(world.post(&["Down a severity=critical"], true));
    let down = |lines: Vec<String>| lines.into_iter().filter(|line| line.contains("Disk")).collect::<Vec<_>>();
    assert_eq!(down(muted_then_over(Options::default(), inhibit)), [first, some]);
}

#[test]
fn a_group_that_is_all_muted_still_tells_what_is_over() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world.silence("alertname", "Disk", 3600 * SECOND);
    keep_firing(&mut world, &["Disk a"], 6);
    world.post(&["Disk a"], false);
    world.pass(10 * MINUTE);
    let over = "10:30 hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]";
    assert_eq!(world.lines()[1..], [over]);
}

#[test]
fn time_intervals_mute_a_route_and_are_not_inherited() {
    let mut rules = policy();
    let always: Arc<str> = Arc::from("always");
    rules.intervals.insert(Arc::clone(&always), vec![TimeInterval::default()]);
    let mut night = route(vec![matcher("alertname", Op::Equal, "Night")], 0, &["alertname"]);
    night.mute_time_intervals = vec![Arc::clone(&always)];
    let mut child = route(vec![matcher("instance", Op::Equal, "b")], 0, &["alertname"]);
    (child.parent, child.key, child.id) = (Some(RouteIdx(1)), Arc::from("child"), Arc::from("child"));
    night.children = vec![RouteIdx(2)];
    rules.routes[0].children = vec![RouteIdx(1)];
    rules.routes.extend([night, child]);
    let mut world = World::new(rules);
    world.post(&["Night a", "Night b"], true);
    world.pass(MINUTE);
    assert_eq!(world.lines(), ["00:30 hook {alertname=\"Night\"}: first notification firing=[b] resolved=[]"]);
    let view = world.engine.view();
    let muted: Vec<_> = view.groups.iter().map(|group| (group.route.0, group.muted_by.len())).collect();
    assert_eq!(muted, [(1, 1), (2, 0)]);
}

#[test]
fn a_receiver_that_fails_is_tried_again_later_and_later_and_then_told_the_latest() {
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), vec![retry(), retry(), retry()]);
    world.post(&["Disk a"], true);
    world.pass(40 * SECOND);
    let first = "hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]";
    let expected = [("00:30", " (retry)"), ("00:30", " (retry)"), ("00:31", " (retry)"), ("00:32", "")];
    assert_eq!(world.lines(), expected.map(|(at, verdict)| format!("{at} {first}{verdict}")));

    // It fires and clears while the receiver is down: told as what it was, in one message.
    world.receivers.0.insert("hook".into(), vec![retry(); 20]);
    world.post(&["New a", "New b"], true);
    world.pass(4 * MINUTE);
    world.post(&["New a"], false);
    world.pass(5 * MINUTE);
    world.receivers.0.clear();
    world.pass(2 * MINUTE);
    let told: Vec<_> =
        world.lines().into_iter().filter(|line| line.contains("New") && !line.contains("retry")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("resolved=[a b]"), "{told:?}");
    assert!(world.engine.view().outbox.is_empty());
}

#[test]
fn an_incident_that_was_not_delivered_is_opened_and_then_closed() {
    let mut rules = policy();
    rules.receivers = vec![receiver("pager", "pagerduty", true)];
    let mut world = World::new(rules);
    world.receivers.0.insert("pager".into(), vec![retry(); 15]);
    world.post(&["Disk a"], true);
    world.pass(4 * MINUTE);
    world.post(&["Disk a"], false);
    world.pass(2 * MINUTE);
    world.receivers.0.clear();
    world.pass(2 * MINUTE);
    let told: Vec<_> = world.told.iter().map(|row| row.firing()).collect();
    assert_eq!(told, [true, false], "{:?}", world.transcript);
}

#[test]
fn what_is_refused_is_a_dead_letter_and_tried_anew_at_the_next_flush() {
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), vec![refused()]);
    world.post(&["Disk a"], true);
    keep_firing(&mut world, &["Disk a"], 6);
    let first = "hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]";
    assert_eq!(world.lines(), [format!("00:30 {first} (refused)"), format!("05:30 {first}")]);
    assert_eq!(world.engine.view().dead_letters.len(), 1);
    // A refused resolution is tried anew as well.
    world.receivers.0.insert("hook".into(), vec![refused()]);
    world.post(&["Disk a"], false);
    world.pass(12 * MINUTE);
    let over = "hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]";
    assert_eq!(world.lines(), [format!("10:30 {over} (refused)"), format!("15:30 {over}")]);
    assert!(world.engine.view().ledger.is_empty());
}

#[test]
fn a_notification_that_is_tried_for_too_long_is_a_dead_letter() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    world.receivers.0.insert("hook".into(), vec![retry(); 2_000]);
    world.post(&["Disk a"], false);
    world.pass(24 * 60 * MINUTE);
    assert!(world.engine.view().dead_letters.is_empty());
    world.pass(7 * MINUTE);
    let view = world.engine.view();
    let letter = view.dead_letters.values().next().unwrap();
    assert!(letter.error.starts_with("given up after 14"), "{}", letter.error);
    assert!(view.outbox.is_empty() && view.ledger.is_empty());
}

#[test]
fn an_edit_of_the_routes_leaves_nobody_with_an_open_incident() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(MINUTE);
    let mut other = policy();
    other.routes[0] = route(vec![], 1, &["instance"]);
    other.receivers.push(receiver("two", "webhook", true));
    (other.routes[0].parent, other.routes[0].key) = (None, Arc::from("{}"));
    assert_eq!(other.routes[0].receiver, ReceiverIdx(1));
    world.reload(other);
    keep_firing(&mut world, &["Disk a"], 2);
    world.post(&["Disk a"], false);
    world.pass(10 * MINUTE);
    assert_eq!(
        world.lines(),
        [
            "00:30 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]",
            "01:00 two {instance=\"a\"}: first notification firing=[a] resolved=[]",
            "03:05 hook {alertname=\"Disk\"}: all alerts resolved firing=[] resolved=[a]",
            "06:00 two {instance=\"a\"}: all alerts resolved firing=[] resolved=[a]",
        ]
    );
    assert!(world.engine.view().ledger.is_empty());
}

#[test]
fn a_reload_of_the_same_rules_tells_nobody_twice() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(10 * SECOND);
    for _ in 0..50 {
        world.reload(policy());
        world.pass(SECOND);
    }
    assert_eq!(world.lines(), ["00:31 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]"]);
}

#[test]
fn five_minutes_away_resolve_nothing_and_repeat_nothing() {
    let mut world = World::new(policy());
    world.post(&["Disk a", "Disk b"], true);
    world.pass(MINUTE);
    world.post(&["Disk a", "Disk b"], true);
    world.pass(MINUTE);
    assert_eq!(world.lines().len(), 1);
    world.crash(5 * MINUTE);
    world.pass(2 * MINUTE);
    assert_eq!(world.lines(), Vec::<String>::new(), "both ran out while we were away, and nothing is said of it");
    world.post(&["Disk a"], true);
    keep_firing(&mut world, &["Disk a"], 12);
    assert_eq!(world.lines(), ["12:00 hook {alertname=\"Disk\"}: some alerts resolved firing=[a] resolved=[b]"]);
    world.crash(MINUTE);
    world.post(&["Disk a"], false);
    world.pass(6 * MINUTE);
    assert_eq!(world.lines().len(), 1, "an explicit end counts at once, also within the grace");
}

#[test]
fn what_was_accepted_but_not_yet_told_is_told_after_a_crash() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(10 * SECOND);
    world.crash(60 * SECOND);
    world.pass(SECOND);
    assert_eq!(world.lines(), ["01:10 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]"]);
    world.post(&["Disk a"], false);
    world.crash(60 * SECOND);
    world.pass(10 * MINUTE);
    assert_eq!(world.lines().len(), 1);
}

#[test]
fn one_work_order_per_asset_whatever_labels_change() {
    let mut world = World::new(policy());
    let failed = "CriticalAssetOffline asset_code=PUMP-001 status=failed";
    let degraded = "CriticalAssetOffline asset_code=PUMP-001 status=degraded";
    world.post(&[degraded, "CriticalAssetOffline asset_code=CNC-001 status=failed"], true);
    world.pass(MINUTE);
    world.post(&[degraded], false);
    world.post(&[failed], true);
    keep_firing(&mut world, &[failed], 6);
    let view = world.engine.view();
    assert_eq!(view.work_orders.len(), 2);
    let order = view.work_orders.values().find(|order| order.asset.code == "PUMP-001").unwrap();
    let condition = (order.status, order.condition, order.alerts.len());
    assert_eq!(condition, (Status::Open, Some(Condition::Active), 2));
    assert!(order.number.starts_with("WO-2027-") && order.number.len() == 16, "{}", order.number);
    world.post(&[failed], false);
    world.pass(6 * MINUTE);
    world.crash(MINUTE);
    let view = world.engine.view();
    let order = view.work_orders.values().find(|order| order.asset.code == "PUMP-001").unwrap();
    assert_eq!((order.status, order.condition), (Status::Open, Some(Condition::Cleared)));
    assert!(order.malfunction_end.is_some());
    // That one joined and the other recovered was found by one flush.
    assert_eq!((order.history.len(), order.revision), (5, 3), "{:?}", order.history);
}

#[test]
fn no_group_is_flushed_before_the_start_delay() {
    let options = Options { not_before: Timestamp::new(1_800_000_090, 0), ..Options::default() };
    let mut world = World::with(policy(), options);
    world.post(&["Disk a"], true);
    world.pass(2 * MINUTE);
    assert_eq!(world.lines(), ["01:30 hook {alertname=\"Disk\"}: first notification firing=[a] resolved=[]"]);
}

#[test]
fn an_edited_group_tells_what_fires_though_the_first_notification_never_went_out() {
    let mut world = World::new(policy());
    let by = |label: &str| {
        let mut policy = policy();
        policy.routes[0].group_by = crate::core::policy::GroupBy::Labels([Arc::from(label)].into());
        policy
    };
    world.receivers.0.insert("hook".into(), vec![retry(); 1000]);
    world.post(&["Heat a", "Heat c"], true);
    world.pass(MINUTE);
    // The group is gone for a while, and one of its alerts ends meanwhile.
    world.reload(by("instance"));
    world.post(&["Heat c"], false);
    keep_firing(&mut world, &["Heat a"], 7);
    world.reload(by("alertname"));
    keep_firing(&mut world, &["Heat a"], 7);
    world.lines();
    world.receivers.0.clear();
    keep_firing(&mut world, &["Heat a"], 7);
    let lines = world.lines().join("\n");
    assert!(lines.contains("hook {alertname=\"Heat\"}: first notification firing=[a] resolved=[c]"), "{lines}");
}
