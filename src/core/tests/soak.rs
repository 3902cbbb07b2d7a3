//! Ninety days in virtual time: what fires without an end is repeated when it is due and never before, what flaps is told as
//! often as it flaps, what is muted at night is told in the morning, also where the clocks change and months end; and nothing
//! is kept of it in the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::play::*;
use crate::core::engine::Options;
use crate::core::interval::{TimeInterval, TimeRange};
use crate::core::matcher::Op;
use crate::core::policy::{Policy, RouteIdx};
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const DAYS: u32 = 90;
/// How often alerts are sent again, and how many times a day.
const STEP: Duration = Duration::from_secs(180);
const STEPS: u32 = 24 * 60 / 3;

/// `Night` is muted from midnight to six, in a place where the clocks change on 28 March 2027, day 72 of the test; `Stock` on
/// the last day of each month.
fn rules() -> Policy {
    let mut rules = policy();
    let six = TimeRange::parse("00:00", "06:00").unwrap();
    let location = Some("Europe/Berlin".parse().unwrap());
    let asleep = TimeInterval { times: Some(vec![six]), location, ..TimeInterval::default() };
    rules.intervals.insert(Arc::from("asleep"), vec![asleep]);
    let mut night = route(vec![matcher("alertname", Op::Equal, "Night")], 0, &["alertname"]);
    night.mute_time_intervals = vec![Arc::from("asleep")];
    let last = TimeInterval { days_of_month: Some(vec!["-1".parse().unwrap()]), ..TimeInterval::default() };
    rules.intervals.insert(Arc::from("stocktaking"), vec![last]);
    let mut stock = route(vec![matcher("alertname", Op::Equal, "Stock")], 0, &["alertname", "instance"]);
    stock.mute_time_intervals = vec![Arc::from("stocktaking")];
    rules.routes[0].children = vec![RouteIdx(1), RouteIdx(2)];
    rules.routes.extend([night, stock]);
    rules
}

/// When somebody was told about an alert, and whether that it fires.
fn told(world: &World, name: &str) -> Vec<(Timestamp, bool)> {
    let about = world.told.iter().filter(|row| row.group_labels.value("alertname") == name);
    about.map(|row| (row.decided_at, row.firing())).collect()
}

#[test]
fn ninety_days_are_told_as_they_were_and_leave_nothing_behind() {
    let mut world = World::new(rules());
    for step in 0..DAYS * STEPS {
        // Twenty minutes in every two hours.
        let flaps = step % 40 < 7;
        world.post(&["Steady a", "Night n", "Stock s"], true);
        if flaps || step % 40 == 7 {
            world.post(&["Flap f"], flaps);
        }
        world.pass(STEP);
        if step % (10 * STEPS) == 10 * STEPS - 1 {
            // A restart, from a checkpoint.
            world.stored = world.engine.snapshot().collect();
            world.entries.clear();
            world.crash(MINUTE / 2);
        }
    }
    let steady = told(&world, "Steady");
    let apart = steady.windows(2).map(|pair| pair[1].0.since(pair[0].0));
    let (least, most) = (240 * MINUTE, 246 * MINUTE);
    assert!(apart.clone().all(|apart| (least..=most).contains(&apart)), "{:?}", apart.collect::<Vec<_>>());
    assert!(steady.iter().all(|(_, firing)| *firing) && steady.len() as u32 >= DAYS * 6 - DAYS / 5, "{}", steady.len());

    let flaps: Vec<bool> = told(&world, "Flap").into_iter().map(|(_, firing)| firing).collect();
    let expected: Vec<bool> = (0..DAYS * 12).flat_map(|_| [true, false]).collect();
    assert!(flaps == expected, "told {} times, {} were due", flaps.len(), expected.len());

    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let mut days = BTreeMap::<_, Vec<i8>>::new();
    for (at, firing) in told(&world, "Night") {
        let local = at.to_jiff().to_zoned(berlin.clone());
        assert!(firing && local.hour() >= 6, "{local}");
        days.entry(local.date()).or_default().push(local.hour());
    }
    assert_eq!(days.len() as u32, DAYS + 1);
    // From the second day to the last but one all are the same, with 23 hours or 24.
    let whole: Vec<_> = days.into_iter().skip(1).take(DAYS as usize - 1).collect();
    for (date, hours) in &whole {
        assert_eq!(hours, &[6, 10, 14, 18, 22], "{date}");
    }
    assert!(whole.iter().any(|(date, _)| date.to_string() == "2027-03-28"));

    let days: std::collections::BTreeSet<_> =
        told(&world, "Stock").iter().map(|(at, _)| at.to_jiff().to_zoned(TimeZone::UTC).date().to_string()).collect();
    assert_eq!(days.len() as u32, DAYS + 1 - 3);
    for last in ["2027-01-31", "2027-02-28", "2027-03-31"] {
        assert!(!days.contains(last), "{last}");
    }

    world.post(&["Steady a", "Night n", "Stock s"], false);
    world.pass(12 * 60 * MINUTE);
    let view = world.engine.view();
    let left = (view.alerts.len(), view.groups.len(), view.outbox.len(), view.ledger.len(), view.dead_letters.len());
    assert_eq!(left, (0, 0, 0, 0, 0));
}

/// A receiver that is not told what is over, and alerts that end while they are silenced, under routes that are edited: what
/// it was told is known for as long as it counts, and no longer.
#[test]
fn what_is_owed_to_nobody_is_forgotten_when_it_no_longer_counts() {
    for withheld in [false, true] {
        let options = Options { resolved_while_muted: !withheld, ..Options::default() };
        let with = |key: &str| {
            let mut rules = policy();
            rules.receivers = vec![receiver("hook", "webhook", withheld)];
            rules.routes[0].key = Arc::from(key);
            rules
        };
        let mut world = World::with(with("{}"), options);
        for day in 0..20 {
            let (silenced, edited) = (format!("Flap f{day}"), format!("Steady s{day}"));
            let never_again = format!("Once{day} o{day}");
            world.reload(with("{}"));
            world.post(&[&silenced, &edited, &never_again], true);
            world.pass(MINUTE);
            world.silence("instance", &format!("o{day}"), 30 * MINUTE);
            world.post(&[&never_again], false);
            world.silence("instance", &format!("f{day}"), 30 * MINUTE);
            world.post(&[&silenced], false);
            world.pass(MINUTE);
            world.reload(with("{}/{edited=\"\"}"));
            world.pass(57 * MINUTE);
            world.reload(with("{}"));
            world.lines();
            world.post(&[&silenced, &edited], true);
            world.pass(MINUTE);
            assert_eq!(world.lines(), [""; 0], "day {day}: it was told an hour ago");
            world.pass(23 * 60 * MINUTE);
            let known = world.engine.view().ledger.len();
            assert!(known <= 4, "day {day}: {known} entries");
        }
        world.pass(12 * 60 * MINUTE);
        let view = world.engine.view();
        assert_eq!((view.alerts.len(), view.groups.len(), view.ledger.len()), (0, 0, 0), "{withheld}");
    }
}
