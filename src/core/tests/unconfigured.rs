//! Rows whose receiver is not configured: they wait, however long, and are tried for as long as any other from then on.

use std::time::Duration;

use super::play::*;
use crate::core::outbox::Outcome;

const HOUR: Duration = Duration::from_secs(3600);

fn not_configured() -> Outcome {
    Outcome::NotConfigured { error: "not configured: the environment variable URL is not set".into() }
}

fn failing() -> Outcome {
    Outcome::Retry { error: "500".into(), after: None, exchange: Default::default() }
}

/// Whether a row waits, how often it was tried, and how many dead letters there are.
fn kept(world: &mut World) -> (Option<u32>, usize) {
    let view = world.engine.view();
    (view.outbox.values().next().map(|row| row.attempts), view.dead_letters.len())
}

#[test]
fn what_is_not_configured_waits_for_days_and_then_has_the_same_time_as_any_other() {
    for kind in ["webhook", "pagerduty"] {
        let mut rules = policy();
        rules.receivers = vec![receiver("hook", kind, true)];
        let mut world = World::new(rules);
        world.receivers.0.insert("hook".into(), vec![not_configured(); 4 * 24 * 60]);
        world.post(&["Disk a"], true);
        world.pass(HOUR / 60);
        world.post(&["Disk a"], false);
        world.pass(72 * HOUR);
        assert_eq!(kept(&mut world), (Some(0), 0), "{kind}");
        // A restart changes nothing.
        world.crash(HOUR);
        assert_eq!(kept(&mut world), (Some(0), 0), "{kind}");
        world.receivers.0.insert("hook".into(), vec![failing(); 24 * 60]);
        world.pass(23 * HOUR);
        assert!(matches!(kept(&mut world), (Some(1..), 0)), "{kind}");
        world.receivers.0.clear();
        world.pass(HOUR / 30);
        let told: Vec<bool> = world.told.iter().map(|row| row.firing()).collect();
        let expected: &[bool] = if kind == "webhook" { &[false] } else { &[true, false] };
        assert_eq!((told.as_slice(), kept(&mut world)), (expected, (None, 0)), "{kind}");
    }
}
