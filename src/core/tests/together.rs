//! What waited while an integration failed goes out as one message, under the same name as long as it says the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::play::*;
use crate::core::change::Actor;
use crate::core::engine::{Engine, Input, Options};
use crate::core::ingest::Batch;
use crate::core::outbox::{DeliveryId, Outcome};
use crate::core::policy::Policy;
use crate::core::together::{Bundle, FEW};
use crate::time::Timestamp;

/// An engine whose worker is the test; each alert is a group.
struct Rig {
    engine: Engine,
    policy: Arc<Policy>,
    stored: Vec<crate::core::change::Change>,
    now: Timestamp,
}

fn retry() -> Outcome {
    Outcome::Retry { error: "503".into(), after: None, exchange: Default::default() }
}

fn delivered() -> Outcome {
    Outcome::delivered()
}

fn ids(bundle: &Bundle) -> Vec<DeliveryId> {
    bundle.iter().map(|row| row.id).collect()
}

impl Rig {
    fn new(policy: Policy) -> Self {
        let (now, policy) = (Timestamp::new(1_800_000_000, 0), Arc::new(policy));
        let engine = Engine::new(Arc::clone(&policy), Options::default(), now);
        Self { engine, policy, stored: vec![], now }
    }

    fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        self.stored.extend(self.engine.committed());
    }

    fn fire(&mut self, alerts: impl Iterator<Item = String>) {
        let mut batch = Batch::default();
        for alert in alerts {
            batch.push(&mut pairs(&alert), &mut vec![], "", self.now, self.now.after(36_000 * SECOND)).unwrap();
        }
        self.input(Input::Alerts(Actor::Clock, batch));
        self.pass(31);
    }

    fn pass(&mut self, seconds: u32) {
        self.now = self.now.after(seconds * SECOND);
        self.input(Input::Tick);
    }

    fn take(&mut self) -> Vec<Bundle> {
        self.engine.take_due(self.now)
    }

    fn settle(&mut self, bundle: &Bundle, outcome: &Outcome) {
        self.input(Input::Settled(ids(bundle), outcome.clone(), 0.5));
    }

    /// The process dies and starts again at once.
    fn crash(&mut self) {
        let (policy, options) = (Arc::clone(&self.policy), Options::default());
        self.engine = Engine::restore(policy, options, self.stored.clone(), Some(self.now), self.now);
    }

    /// Every attempt fails until the integration is probed; then the first probe is due.
    fn fails_for_long(&mut self) {
        while self.engine.view().faring.values().all(|faring| faring.probed_at.is_none()) {
            for bundle in self.take() {
                self.settle(&bundle, &retry());
            }
            self.pass(1);
        }
        self.pass(60);
    }

    /// So many notifications wait for an integration that is probed; gives the probe, which is in flight.
    fn probed(policy: Policy, waiting: usize) -> (Self, Bundle) {
        let mut rig = Self::new(policy);
        rig.fire((0..=waiting).map(|i| format!("A{i:03}")));
        rig.fails_for_long();
        let [probe] = rig.take().try_into().unwrap();
        assert_eq!(probe.len(), 1, "one notification is tried");
        (rig, probe)
    }
}

#[test]
fn what_waited_is_one_message_but_a_handful_is_told_one_by_one() {
    let (mut few, probe) = Rig::probed(policy(), FEW);
    few.settle(&probe, &delivered());
    assert_eq!(few.take().iter().map(Vec::len).collect::<Vec<_>>(), [1, 1], "twice as many with each answer");
    let (mut many, probe) = Rig::probed(policy(), FEW + 1);
    many.settle(&probe, &delivered());
    let [digest] = many.take().try_into().unwrap();
    assert_eq!(digest.len(), FEW + 1);
    many.settle(&digest, &delivered());
    assert_eq!(many.engine.view().outbox.len(), 0);
}

#[test]
fn incidents_are_not_merged_nor_is_what_the_configuration_wants_apart() {
    let mut pager = policy();
    pager.receivers[0].integrations[0].says_both = false;
    pager.receivers[0].integrations[0].digest = false;
    let mut apart = policy();
    apart.receivers[0].integrations[0].digest = false;
    for rules in [pager, apart] {
        let (mut rig, probe) = Rig::probed(rules, 50);
        rig.settle(&probe, &delivered());
        let mut messages = vec![];
        loop {
            let bundles = rig.take();
            if bundles.is_empty() {
                break;
            }
            messages.extend(bundles.iter().map(Vec::len));
            bundles.iter().for_each(|bundle| rig.settle(bundle, &delivered()));
        }
        assert_eq!(messages, vec![1; 50]);
    }
}

#[test]
fn what_is_critical_is_told_alone_and_first() {
    let mut rig = Rig::new(policy());
    rig.fire((0..60).map(|i| format!("A{i:03} a severity={}", if i % 20 == 7 { "critical" } else { "info" })));
    rig.fails_for_long();
    let mut messages = vec![];
    for _ in 0..4 {
        for bundle in rig.take() {
            rig.settle(&bundle, &delivered());
            messages.push(bundle.len());
        }
    }
    assert_eq!(messages, [1, 1, 1, 57], "three critical ones, then all the others");
}

#[test]
fn after_a_crash_the_same_rows_are_told_together_and_no_others() {
    let (mut rig, probe) = Rig::probed(policy(), 30);
    rig.settle(&probe, &delivered());
    let [digest] = rig.take().try_into().unwrap();
    // What fires now waits behind the digest, which dies with the process.
    rig.fire((0..20).map(|i| format!("B{i:03}")));
    rig.crash();
    let [probe] = rig.take().try_into().unwrap();
    rig.settle(&probe, &delivered());
    let again: BTreeSet<_> = rig.take().iter().map(ids).collect();
    assert!(again.contains(&ids(&digest)), "{again:?}");
    assert_eq!(again.iter().map(Vec::len).collect::<Vec<_>>(), [30, 19]);
}

#[test]
fn a_digest_that_fails_is_one_failure_and_is_tried_again_as_it_was() {
    let (mut rig, probe) = Rig::probed(policy(), 30);
    rig.settle(&probe, &delivered());
    let [digest] = rig.take().try_into().unwrap();
    rig.settle(&digest, &retry());
    let faring = rig.engine.view().faring.into_values().next().unwrap();
    assert_eq!(faring.failures, 1);
    rig.fire((0..20).map(|i| format!("B{i:03}")));
    rig.pass(60);
    // The newest is the probe; then what belonged together still does, and what came since is another message.
    let [probe] = rig.take().try_into().unwrap();
    rig.settle(&probe, &delivered());
    let mut told = BTreeSet::new();
    for bundle in rig.take() {
        told.insert(ids(&bundle));
        rig.settle(&bundle, &delivered());
    }
    assert!(told.contains(&ids(&digest)), "{told:?}");
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [30, 19]);
}

#[test]
fn a_newer_state_leaves_the_digest_and_the_others_stay() {
    let (mut rig, probe) = Rig::probed(policy(), 30);
    rig.settle(&probe, &delivered());
    let [digest] = rig.take().try_into().unwrap();
    rig.settle(&digest, &retry());
    // The alert of its first row is over, and told so in a row of its own.
    let over = &digest[0].alerts[0].alert;
    let mut batch = Batch::default();
    let mut labels = over.labels.iter().collect();
    batch.push(&mut labels, &mut vec![], "", over.starts_at, rig.now).unwrap();
    rig.input(Input::Alerts(Actor::Clock, batch));
    rig.pass(300);
    let mut sent = Vec::new();
    for _ in 0..4 {
        for bundle in rig.take() {
            sent.push(bundle.len());
            rig.settle(&bundle, &delivered());
        }
    }
    sent.sort_unstable();
    assert_eq!(sent, [1, 29]);
    assert_eq!(rig.engine.view().outbox.len(), 0);
}

#[test]
fn what_a_worker_tells_together_stays_together() {
    let mut rig = Rig::new(policy());
    rig.fire((0..5).map(|i| format!("A{i}")));
    let rows: Vec<_> = rig.take().into_iter().flatten().map(|row| row.id).collect();
    rows.iter().for_each(|row| rig.input(Input::Parked(*row)));
    rig.input(Input::Together(rows[1..4].to_vec()));
    rig.crash();
    let mut sizes: Vec<_> = rig.take().iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 3]);
}

#[test]
fn after_a_restart_what_failed_for_long_is_probed_first() {
    let (mut rig, _) = Rig::probed(policy(), 30);
    rig.crash();
    let [probe] = rig.take().try_into().unwrap();
    assert_eq!(probe.len(), 1);
    rig.pass(3600);
    assert!(rig.take().is_empty(), "the others wait for its answer");
    let faring = rig.engine.view().faring.into_values().next().unwrap();
    assert!(faring.failing_since.is_some() && faring.failures >= 8);
    assert_eq!(faring.last_error.map(|(_, error)| error.to_string()), Some("503".into()));
    rig.settle(&probe, &delivered());
    assert_eq!(rig.take().iter().map(Vec::len).collect::<Vec<_>>(), [30]);
    // What was tried a few times only is no sign of an outage.
    let mut rig = Rig::new(policy());
    rig.fire((0..30).map(|i| format!("A{i}")));
    for bundle in rig.take() {
        rig.settle(&bundle, &retry());
    }
    rig.crash();
    rig.pass(5);
    assert_eq!(rig.take().len(), 30);
}

/// Plays a receiver that takes messages of at most so many rows, until nothing waits; gives the sizes of what it took and
/// how many attempts there were.
fn taken_in_parts(rig: &mut Rig, most: usize, otherwise: &Outcome, crashes: bool) -> (Vec<usize>, usize) {
    let (mut taken, mut attempts, mut told) = (vec![], 0, BTreeSet::new());
    for _ in 0..3600 {
        for bundle in rig.take() {
            attempts += 1;
            if bundle.len() > most {
                rig.settle(&bundle, otherwise);
                continue;
            }
            taken.push(bundle.len());
            rig.settle(&bundle, &delivered());
            for row in &bundle {
                assert!(told.insert(row.id), "nothing is told twice");
            }
        }
        if crashes && attempts % 3 == 1 {
            rig.crash();
        }
        if rig.engine.view().outbox.is_empty() {
            return (taken, attempts);
        }
        rig.pass(1);
    }
    panic!("still to be told: {}", rig.engine.view().outbox.len());
}

#[test]
fn what_is_too_much_for_its_receiver_is_halved_until_it_is_taken() {
    let refused = Outcome::Refused { error: "413".into(), exchange: Default::default() };
    //                             at most 100 rows, at most so many attempts
    for (otherwise, crashes, most_attempts) in
        [(&refused, false, 40), (&retry(), false, 60), (&refused, true, 80), (&retry(), true, 160)]
    {
        let (mut rig, probe) = Rig::probed(policy(), 1_000);
        rig.settle(&probe, &delivered());
        let (taken, attempts) = taken_in_parts(&mut rig, 100, otherwise, crashes);
        assert_eq!(taken.iter().sum::<usize>(), 1_000, "{otherwise:?}");
        assert!(taken.iter().all(|size| (50..=100).contains(size)), "{otherwise:?}: {taken:?}");
        assert!(attempts <= most_attempts, "{otherwise:?}: {attempts}");
        assert!(rig.engine.view().dead_letters.is_empty(), "{otherwise:?}");
    }
}

#[test]
fn a_row_that_spoils_its_message_is_the_only_one_that_is_refused() {
    let refused = Outcome::Refused { error: "400".into(), exchange: Default::default() };
    let (mut rig, probe) = Rig::probed(policy(), 200);
    rig.settle(&probe, &delivered());
    let bad = rig.engine.view().outbox.keys().nth(77).copied().unwrap();
    let mut attempts = 0;
    while !rig.engine.view().outbox.is_empty() {
        for bundle in rig.take() {
            attempts += 1;
            let spoilt = bundle.iter().any(|row| row.id == bad);
            rig.settle(&bundle, &if spoilt { refused.clone() } else { delivered() });
        }
        rig.pass(1);
    }
    assert_eq!(rig.engine.view().dead_letters.keys().copied().collect::<Vec<_>>(), [bad]);
    assert!(attempts <= 20, "{attempts}");
}

#[test]
fn halves_are_messages_of_their_own_also_after_a_crash() {
    let (mut rig, probe) = Rig::probed(policy(), 30);
    rig.settle(&probe, &delivered());
    let [digest] = rig.take().try_into().unwrap();
    rig.settle(&digest, &retry());
    rig.pass(60);
    let [again] = rig.take().try_into().unwrap();
    assert_eq!(ids(&again), ids(&digest), "once more as it was");
    rig.settle(&again, &retry());
    rig.crash();
    rig.pass(60);
    let mut halves = vec![];
    while halves.len() < 2 {
        for bundle in rig.take() {
            rig.settle(&bundle, &delivered());
            halves.push(ids(&bundle));
        }
    }
    halves.sort();
    let (lower, upper) = digest.split_at(15);
    assert_eq!(halves, [ids(&lower.to_vec()), ids(&upper.to_vec())]);
    assert_eq!(rig.engine.view().outbox.len(), 0);
}
