//! For how long a notification is tried, and what does not count as trying.

use std::time::Duration;

use super::play::*;
use crate::core::engine::Input;
use crate::core::outbox::Outcome;

const HOUR: Duration = Duration::from_secs(3600);

fn retry() -> Outcome {
    Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() }
}

/// A receiver that is down, and an alert whose end waits for it.
fn waiting() -> World {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(60 * SECOND);
    world.post(&["Disk a"], false);
    world.receivers.0.insert("hook".into(), vec![retry(); 4_000]);
    world.pass(HOUR);
    assert_eq!(world.engine.view().outbox.len(), 1);
    world
}

/// Two days in which nobody was there to try are no two days of trying, whether the service was away or its clock leapt.
#[test]
fn a_time_in_which_nothing_was_tried_does_not_count() {
    for leapt in [false, true] {
        let mut world = waiting();
        match leapt {
            true => {
                world.now = world.now.after(48 * HOUR);
                world.input(Input::Away(48 * HOUR));
            }
            false => world.crash(48 * HOUR),
        }
        world.pass(22 * HOUR);
        let view = world.engine.view();
        assert_eq!((view.outbox.len(), view.dead_letters.len()), (1, 0), "{leapt}");
        // It is stored, so that a start right after counts it no second time, and not as if nothing had been tried.
        world.crash(SECOND);
        world.pass(2 * HOUR);
        assert_eq!(world.engine.view().dead_letters.len(), 1, "{leapt}");
    }
}

/// News that come more often than anything is given up keep nothing alive for ever: what it would say grows with each.
#[test]
fn what_takes_the_place_of_something_is_tried_no_longer_than_that() {
    let mut world = World::new(policy());
    world.receivers.0.insert("hook".into(), vec![retry(); usize::from(u16::MAX)]);
    let mut most = 0;
    for hour in 0..75 {
        let (before, now) = (format!("Disk a{hour}"), format!("Disk a{}", hour + 1));
        world.post(&[&before], false);
        world.post(&[&now], true);
        world.pass(HOUR);
        let told = world.engine.view().outbox.values().map(|row| row.alerts.len()).max();
        most = most.max(told.unwrap_or_default());
    }
    // Of what is given up, what ended within the last day is owed anew.
    assert!((20..=50).contains(&most), "{most}");
    assert_eq!(world.engine.view().dead_letters.len(), 1, "the latest of the group");
    world.receivers.0.clear();
    world.post(&["Disk a75"], true);
    world.pass(HOUR);
    assert!(world.told.iter().any(|row| row.firing()), "and what fires is told once somebody listens");
}
