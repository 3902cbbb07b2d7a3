//! A store that fails leaves the engine as it was; a crash at any commit leads to the same state.

use super::play::*;
use crate::core::engine::Input;
use crate::core::outbox::Outcome;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Everything that can be seen of an engine.
fn shown(world: &mut World) -> String {
    let view = world.engine.view();
    let alerts: Vec<_> = view.alerts.iter().map(|kept| format!("{kept:?}")).collect();
    let mut groups: Vec<_> = view.groups.iter().map(|group| format!("{group:?}")).collect();
    groups.sort();
    format!(
        "{alerts:#?} {groups:#?} {:#?} {:#?} {:#?} {:#?} {:#?} {:?} {:?}",
        view.silences,
        view.work_orders,
        view.outbox,
        view.dead_letters,
        view.ledger,
        world.engine.next_deadline(),
        world.engine.snapshot().count(),
    )
}

fn eventful() -> World {
    let mut world = World::new(policy());
    world.receivers.0.insert(
        "hook".into(),
        vec![Outcome::Retry { error: "500".into(), after: None, exchange: Default::default() }; 300],
    );
    world.post(&["Disk a", "CriticalAssetOffline asset_code=PUMP-001", "Down c severity=critical"], true);
    world.pass(31 * SECOND);
    world
}

#[test]
fn a_failed_commit_leaves_everything_as_it_was() {
    let mut world = eventful();
    let id = world.silence("instance", "a", 600 * SECOND);
    let before = shown(&mut world);
    world.store_fails = true;
    world.post(&["Disk a", "Disk b", "Slow c severity=warning"], true);
    assert_eq!(shown(&mut world), before, "alerts");
    world.post(&["Disk a"], false);
    assert_eq!(shown(&mut world), before, "a resolve");
    world.silence("instance", "b", 600 * SECOND);
    world.input(Input::ExpireSilence(crate::core::change::Actor::Clock, id));
    assert_eq!(shown(&mut world), before, "silences");
    world.reload(policy());
    assert_eq!(shown(&mut world), before, "a reload");
    let rows: Vec<_> = world.engine.view().outbox.keys().copied().collect();
    assert!(!rows.is_empty());
    for row in rows {
        world.input(Input::Settled(
            vec![row],
            Outcome::Refused { error: "no".into(), exchange: Default::default() },
            0.5,
        ));
        assert_eq!(shown(&mut world), before, "an answer");
    }
    for minute in [5, 40] {
        world.now = world.now.after(minute * MINUTE);
        world.input(Input::Tick);
        assert_eq!(shown(&mut world), before, "a tick");
    }
}

#[test]
fn what_is_restored_is_what_was_committed() {
    let mut world = eventful();
    world.receivers.0.clear();
    world.silence("instance", "a", 6000 * SECOND);
    for minute in 0..12 {
        world.post(&["Disk a", "Down c severity=critical"], minute < 8);
        world.post(&["CriticalAssetOffline asset_code=PUMP-001"], minute < 4);
        world.pass(MINUTE);
        let without_grace = |world: &mut World| {
            let view = world.engine.view();
            let alerts: Vec<_> = view.alerts.iter().map(|kept| format!("{:?}", kept.alert)).collect();
            format!("{alerts:#?} {:#?} {:#?} {:#?} {:#?}", view.silences, view.work_orders, view.outbox, view.ledger)
        };
        let before = without_grace(&mut world);
        world.crash(Duration::ZERO);
        assert_eq!(without_grace(&mut world), before, "minute {minute}");
        let snapshot: Vec<_> = world.engine.snapshot().collect();
        world.stored = snapshot;
        world.crash(Duration::ZERO);
        assert_eq!(without_grace(&mut world), before, "minute {minute}, from a checkpoint");
    }
}
