//! Clocks that are put back or jump: nothing is late by that, nothing is repeated early, and nothing runs out for it.

use std::time::Duration;

use super::play::*;
use crate::core::change::Actor;
use crate::core::engine::Input;
use crate::core::ingest::Batch;
use crate::core::outbox::Outcome;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// The clock is put back.
fn back(world: &mut World, by: Duration) {
    world.now = world.now.before(by);
    world.engine.clock_put_back(by);
    world.input(Input::PutBack(by));
}

/// The clock jumps forward, as the driver takes it.
fn forward(world: &mut World, by: Duration) {
    let before = world.now;
    world.now = world.now.after(by);
    world.engine.suspend(before, world.now);
    world.engine.resume(world.now);
    world.input(Input::Tick);
}

#[test]
fn a_clock_that_is_put_back_makes_no_page_late() {
    for hours in [1, 24] {
        let mut world = World::new(policy());
        // What began before the moment to which the clock is put back.
        for _ in 0..(hours + 1) * 20 {
            world.post(&["Disk a"], true);
            world.pass(180 * SECOND);
        }
        world.post(&["Disk a", "Heat b"], true);
        world.pass(20 * SECOND);
        world.lines();
        back(&mut world, hours * HOUR);
        world.post(&["Disk a"], true);
        world.pass(11 * SECOND);
        assert_eq!(world.lines().len(), 1, "its group has waited thirty seconds");
        // Half an hour in which it is sent again tells nothing new.
        for _ in 0..30 {
            world.post(&["Disk a"], true);
            world.pass(60 * SECOND);
        }
        assert_eq!(world.lines(), Vec::<String>::new());
        world.post(&["Disk a"], false);
        world.pass(301 * SECOND);
        let lines = world.lines();
        assert!(lines.iter().any(|line| line.contains("resolved=[a]")), "that it is over is told: {lines:?}");
    }
}

#[test]
fn what_is_tried_again_is_so_as_soon_although_the_clock_is_put_back() {
    let mut world = World::new(policy());
    let retry = Outcome::Retry { error: "503".into(), after: Some(60 * SECOND), exchange: Default::default() };
    world.receivers.0.insert("hook".into(), vec![retry]);
    world.post(&["Disk a"], true);
    world.pass(31 * SECOND);
    assert_eq!(world.lines().len(), 1);
    back(&mut world, HOUR);
    world.pass(61 * SECOND);
    assert_eq!(world.lines().len(), 1, "the minute has passed");
}

#[test]
fn a_clock_that_jumps_forward_resolves_nothing_and_repeats_nothing() {
    for by in [10 * 60 * SECOND, HOUR, 24 * HOUR] {
        let mut world = World::new(policy());
        world.post(&["Disk a"], true);
        world.pass(31 * SECOND);
        world.lines();
        forward(&mut world, by);
        world.pass(30 * SECOND);
        world.post(&["Disk a"], true);
        world.pass(200 * SECOND);
        // A day later what still fires is told again, as it would be without a jump.
        let mut lines = world.lines();
        lines.retain(|line| by < 24 * HOUR || !line.ends_with("firing=[a] resolved=[]"));
        assert_eq!(lines, Vec::<String>::new(), "{by:?}");
    }
}

#[test]
fn small_steps_of_the_clock_change_nothing() {
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    for step in 0..40_u32 {
        world.now = if step % 2 == 0 { world.now.before(SECOND) } else { world.now.after(SECOND) };
        world.post(&["Disk a"], true);
        world.pass(30 * SECOND);
    }
    assert_eq!(world.lines().len(), 1);
}

/// Prometheus, whose clock shows something else: what it sends ends in four minutes by that.
fn post_by(world: &mut World, its_now: Timestamp, started: Timestamp, firing: bool) {
    let mut batch = Batch::default();
    let ends_at = if firing { its_now.after(240 * SECOND) } else { its_now };
    batch.push(&mut pairs("Disk a"), &mut vec![], "", started, ends_at).unwrap();
    world.input(Input::Alerts(Actor::Sender("test".into()), batch));
}

/// Plays an alert that fires for half an hour, sent each minute by a sender whose clock differs by so many seconds. Says
/// what was told, and when it was over.
fn told_by(differs: i64) -> (Vec<String>, u64) {
    let mut world = World::new(policy());
    world.pass(3_600 * SECOND);
    let its_now = |now: Timestamp| {
        let by = Duration::from_secs(differs.unsigned_abs());
        if differs < 0 { now.before(by) } else { now.after(by) }
    };
    let started = its_now(world.now);
    for _ in 0..30 {
        let now = its_now(world.now);
        post_by(&mut world, now, started, true);
        world.pass(60 * SECOND);
    }
    let over = world.minutes(world.now);
    for _ in 0..30 {
        let now = its_now(world.now);
        post_by(&mut world, now.before((now.since(started)).saturating_sub(1_800 * SECOND)), started, false);
        world.pass(60 * SECOND);
    }
    (world.lines(), over)
}

/// What it sends begins and ends by its clock, as with Alertmanager. So where that is ahead the end is told later by as much.
#[test]
fn a_sender_whose_clock_differs_is_heard_as_long_as_what_it_sends_holds() {
    //  by how many seconds, and how many minutes after the end it is told at the latest: the next flush
    for (differs, within) in [(600, 11), (200, 6), (30, 6), (0, 1), (-30, 1), (-170, 6)] {
        let (lines, over) = told_by(differs);
        let [fires, ends] = lines.as_slice() else { panic!("{differs}: {lines:?}") };
        assert!(fires.starts_with("60:") && fires.ends_with("firing=[a] resolved=[]"), "{differs}: {lines:?}");
        assert!(ends.ends_with("firing=[] resolved=[a]"), "{differs}: {lines:?}");
        let minute: u64 = ends.split(':').next().unwrap().parse().unwrap();
        assert!((over..over + within).contains(&minute), "{differs}: over after {over} minutes, {lines:?}");
    }
    // What holds for no longer than it takes to arrive is over: nothing says that it is not.
    for differs in [-240, -600] {
        assert_eq!(told_by(differs).0, Vec::<String>::new(), "{differs}");
    }
}

/// The store fails, and the clock, which was ahead, is put back meanwhile: what ran out since the outage began does not
/// count as over when it ends, and the outage began no earlier for the commits that failed.
#[test]
fn a_clock_that_is_put_back_while_the_store_fails_ends_nothing() {
    let by = 600 * SECOND;
    let mut world = World::new(policy());
    world.post(&["Disk a"], true);
    world.pass(31 * SECOND);
    assert_eq!(world.lines().len(), 1);
    let began = world.now;
    world.now = began.after(by);
    world.engine.suspend(world.now, world.now);
    world.store_fails = true;
    back(&mut world, by);
    for _ in 0..3 {
        world.input(Input::PutBack(by));
    }
    assert_eq!(world.engine.view().grace.from, began);
    world.now = world.now.after(400 * SECOND);
    world.store_fails = false;
    world.input(Input::PutBack(by));
    world.engine.resume(world.now);
    world.input(Input::Tick);
    world.pass(200 * SECOND);
    world.post(&["Disk a"], true);
    world.pass(200 * SECOND);
    assert_eq!(world.lines(), Vec::<String>::new());
}
