//! Rows that a worker keeps back: what takes their place meanwhile, and what is claimed.

use std::sync::Arc;

use crate::core::change::{Actor, Change};
use crate::core::engine::{Engine, Input, Options};
use crate::core::ingest::Batch;
use crate::core::outbox::{Delivery, Outcome, Reason};
use crate::core::testing::{SECOND, policy, receiver};
use crate::time::Timestamp;

/// An engine whose worker is the test.
struct Rig {
    engine: Engine,
    now: Timestamp,
}

impl Rig {
    /// One route to a receiver of this kind.
    fn new(kind: &'static str) -> Self {
        let now = Timestamp::new(1_800_000_000, 0);
        let mut policy = policy();
        policy.receivers = vec![receiver("team", kind, true)];
        Self { engine: Engine::new(Arc::new(policy), Options::default(), now), now }
    }

    fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        self.engine.committed();
    }

    /// Alerts `Disk` of these instances fire, or are over; then the group is flushed. What is due is handed out.
    fn flush(&mut self, instances: &[&str], firing: bool) -> Vec<Arc<Delivery>> {
        let mut batch = Batch::default();
        let ends_at = if firing { self.now.after(36_000 * SECOND) } else { self.now };
        for instance in instances {
            let mut labels = vec![("alertname", "Disk"), ("instance", *instance)];
            batch.push(&mut labels, &mut vec![], "", Timestamp::new(1_800_000_000, 0), ends_at).unwrap();
        }
        self.input(Input::Alerts(Actor::Clock, batch));
        self.now = self.now.after(300 * SECOND);
        self.input(Input::Tick);
        self.take()
    }

    /// What is due, each row alone.
    fn take(&mut self) -> Vec<Arc<Delivery>> {
        self.engine.take_due(self.now).into_iter().flatten().collect()
    }

    fn outbox(&mut self) -> usize {
        self.engine.view().outbox.len()
    }
}

fn told(row: &Delivery) -> Vec<(&str, bool)> {
    row.alerts.iter().map(|told| (told.alert.labels.value("instance"), told.resolved)).collect()
}

#[test]
fn a_newer_state_takes_the_place_of_a_parked_one() {
    let mut rig = Rig::new("slack");
    let old = rig.flush(&["a"], true);
    rig.input(Input::Parked(old[0].id));
    assert!(rig.take().is_empty(), "the worker has it");
    let new = rig.flush(&["b"], true);
    assert_eq!((new.len(), told(&new[0]), new[0].reason), (1, vec![("a", false), ("b", false)], Reason::First));
    assert_eq!(rig.engine.claim(old[0].id), None);
    // Once it is claimed it is being sent, and what is new waits behind it.
    rig.input(Input::Parked(new[0].id));
    assert_eq!(rig.engine.claim(new[0].id).as_ref(), Some(&new[0]));
    assert!(rig.flush(&["c"], true).is_empty());
    assert_eq!(rig.outbox(), 2);
    rig.input(Input::Settled(vec![new[0].id], Outcome::delivered(), 0.5));
    assert_eq!(rig.take().len(), 1);
}

#[test]
fn what_waited_behind_a_row_takes_its_place_as_it_is_parked() {
    let mut rig = Rig::new("slack");
    let old = rig.flush(&["a"], true);
    assert!(rig.flush(&["b"], true).is_empty(), "the first may be on its way");
    rig.input(Input::Parked(old[0].id));
    let new = rig.take();
    assert_eq!((new.len(), told(&new[0])), (1, vec![("a", false), ("b", false)]));
    assert_eq!((rig.outbox(), rig.engine.claim(old[0].id)), (1, None));
}

#[test]
fn a_parked_trigger_is_not_replaced_by_its_resolve_where_both_must_be_said() {
    let mut rig = Rig::new("pagerduty");
    let trigger = rig.flush(&["a"], true);
    rig.input(Input::Parked(trigger[0].id));
    assert!(rig.flush(&["a"], false).is_empty(), "the resolve waits for its trigger");
    assert_eq!(rig.engine.claim(trigger[0].id).as_ref(), Some(&trigger[0]));
    rig.input(Input::Settled(vec![trigger[0].id], Outcome::delivered(), 0.5));
    let resolve = rig.take();
    assert_eq!((resolve.len(), told(&resolve[0])), (1, vec![("a", true)]));
}

/// What would have taken the place of a row that a worker keeps was not stored: the worker has it as before, and only once.
#[test]
fn a_commit_that_fails_leaves_what_is_kept_back_with_its_worker() {
    let mut rig = Rig::new("slack");
    let old = rig.flush(&["a"], true);
    rig.input(Input::Parked(old[0].id));
    let mut batch = Batch::default();
    let (mut labels, ends_at) = (vec![("alertname", "Disk"), ("instance", "b")], rig.now.after(36_000 * SECOND));
    batch.push(&mut labels, &mut vec![], "", Timestamp::new(1_800_000_000, 0), ends_at).unwrap();
    rig.input(Input::Alerts(Actor::Clock, batch));
    rig.now = rig.now.after(300 * SECOND);
    rig.engine.handle(rig.now, Input::Tick);
    assert!(rig.engine.pending().iter().any(|change| matches!(change, Change::OutboxGone(id) if *id == old[0].id)));
    rig.engine.rolled_back();
    assert!(rig.take().is_empty(), "the worker has it");
    assert_eq!(rig.engine.claim(old[0].id).as_ref(), Some(&old[0]));
}

#[test]
fn a_commit_that_fails_leaves_every_row_with_the_worker_or_due() {
    let mut rig = Rig::new("slack");
    let old = rig.flush(&["a"], true);
    rig.engine.handle(rig.now, Input::Parked(old[0].id));
    rig.engine.rolled_back();
    assert!(rig.take().is_empty());
    assert_eq!(rig.engine.claim(old[0].id).as_ref(), Some(&old[0]));
}
