//! What was, played against other rules: the same engine with another clock.
//!
//! The inputs come from the journal, in the order in which they were stored: alerts and that they were sent again,
//! silences, acknowledgements. Time passes between them as it did. Everything that would be told counts as told at once.
//! Not played, but counted: what people did with work orders, and reloads, since these rules hold throughout. How
//! receivers fared does not matter here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ack::{AckDraft, AckEnd};
use super::change::{Actor, Change};
use super::engine::{Engine, Input, Options, Output};
use super::ingest::Batch;
use super::label::LabelSet;
use super::note::Note;
use super::outbox::{Delivery, DeliveryId, IntegrationKey, Outcome, Reason};
use super::policy::Policy;
use super::silence::Silence;
use crate::time::Timestamp;

/// Two notifications that say the same count as one if they are no further apart.
const SAME_TIME: Duration = Duration::from_secs(5);
/// So many ticks at one moment mean that time does not go on; the engine never needs as many.
const MOST_TICKS: usize = 100_000;

/// A notification: whom it told, or would tell, when and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was decided.
    pub at: Timestamp,
    /// Whom.
    pub to: IntegrationKey,
    /// Why.
    pub reason: Reason,
    /// The labels of its group.
    pub group: LabelSet,
    /// The alerts that it told firing.
    pub firing: Vec<LabelSet>,
    /// The alerts that it told resolved.
    pub resolved: Vec<LabelSet>,
}

/// What was played, and what could not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Alerts that were sent, each time they were.
    pub alerts: u64,
    /// Silences that were made, changed or ended.
    pub silences: u64,
    /// Acknowledgements that were given or withdrawn.
    pub acks: u64,
    /// Alerts that were sent again, of which the journal has no more than the fingerprint.
    pub unknown_alerts: u64,
    /// Acknowledgements of groups that these rules do not make.
    pub unknown_acks: u64,
    /// What people and other systems did with work orders.
    pub orders: u64,
    /// Reloads.
    pub reloads: u64,
}

/// Plays.
pub struct Replay {
    engine: Engine,
    now: Timestamp,
    told: Vec<Told>,
    played: Played,
}

impl Replay {
    /// From a state at a moment, as stored changes lead to it.
    pub fn new(policy: Arc<Policy>, options: Options, state: Vec<Change>, from: Timestamp) -> Self {
        let mut engine = Engine::restore(policy, options, state, None, from);
        drop(engine.committed());
        Self { engine, now: from, told: Vec::new(), played: Played::default() }
    }

    /// Plays one entry of the journal.
    pub fn entry(&mut self, at: Timestamp, changes: &[Change]) {
        // A clock that was set back does not take time back.
        let at = at.max(self.now);
        self.pass(at, false);
        self.now = at;
        let mut actor = Actor::Sender(String::new());
        for change in changes {
            match change {
                Change::By(by) => actor = by.clone(),
                other => self.play(&actor, other),
            }
        }
        self.pass(at, true);
    }

    /// Lets time pass up to a moment, and gives what would have been told.
    pub fn finish(mut self, until: Timestamp) -> (Vec<Told>, Played) {
        self.pass(until.max(self.now), true);
        (self.told, self.played)
    }

    fn play(&mut self, actor: &Actor, change: &Change) {
        let by_itself = matches!(actor, Actor::Clock | Actor::Worker | Actor::Reload(_));
        match change {
            // What the engine raised itself it raises again.
            Change::Alert(alert) if !by_itself => {
                let ends_at = if alert.timeout { Timestamp::ZERO } else { alert.ends_at };
                self.send(&alert.labels, &alert.annotations, &alert.generator_url, (alert.starts_at, ends_at));
            }
            Change::Refreshed { fingerprint, ends_at, .. } => match self.engine.state.alerts.get(*fingerprint).cloned()
            {
                Some(kept) => {
                    let alert = &kept.alert;
                    let ends_at = if alert.timeout { Timestamp::ZERO } else { *ends_at };
                    self.send(&alert.labels, &alert.annotations, &alert.generator_url, (alert.starts_at, ends_at));
                }
                None => self.played.unknown_alerts += 1,
            },
            Change::Silence(silence) => {
                self.played.silences += 1;
                self.engine.state.put_silence(Silence::clone(silence), &mut self.engine.log);
                self.settle();
            }
            Change::Ack(ack) if !by_itself => {
                let (group_key, who) = (Arc::clone(&ack.group_key), ack.who.clone());
                let draft = AckDraft { group_key, who, comment: ack.comment.clone(), until: ack.until };
                self.acknowledge(Input::Ack(actor.clone(), draft));
            }
            Change::AckGone(key, AckEnd::Withdrawn) => {
                self.acknowledge(Input::WithdrawAck(actor.clone(), Arc::clone(key)));
            }
            Change::WorkOrder(_) if !by_itself && !matches!(actor, Actor::Sender(_)) => self.played.orders += 1,
            Change::Config { .. } => self.played.reloads += 1,
            _ => {}
        }
    }

    fn send(
        &mut self,
        labels: &LabelSet,
        annotations: &LabelSet,
        url: &str,
        (starts_at, ends_at): (Timestamp, Timestamp),
    ) {
        let mut batch = Batch::default();
        let (mut labels, mut annotations) = (labels.iter().collect(), annotations.iter().collect());
        // What was stored was not too long.
        if batch.push(&mut labels, &mut annotations, url, starts_at, ends_at).is_ok() {
            self.played.alerts += 1;
            self.input(Input::Alerts(Actor::Sender("replay".into()), batch));
        }
    }

    fn acknowledge(&mut self, input: Input) {
        match self.input(input) {
            Output::Ack(Ok(_)) => self.played.acks += 1,
            _ => self.played.unknown_acks += 1,
        }
    }

    fn input(&mut self, input: Input) -> Output {
        let output = self.engine.handle(self.now, input);
        self.settle();
        output
    }

    /// Lets time pass: up to a moment, or with that moment.
    fn pass(&mut self, until: Timestamp, with: bool) {
        let mut standing = 0;
        loop {
            let due = self.engine.next_deadline();
            if due > until || (due == until && !with) || standing > MOST_TICKS {
                return;
            }
            standing = if due > self.now { 0 } else { standing + 1 };
            self.now = self.now.max(due);
            self.input(Input::Tick);
        }
    }

    /// Takes the batch for stored, notes what it tells, and lets all of it be delivered.
    fn settle(&mut self) {
        loop {
            let changes = self.engine.committed();
            self.told.extend(decided(&changes).map(|(_, told)| told));
            let due = self.engine.take_due(self.now);
            if due.is_empty() {
                return;
            }
            for bundle in due {
                let rows = bundle.iter().map(|row| row.id).collect();
                self.engine.handle(self.now, Input::Settled(rows, Outcome::delivered(), 0.5));
            }
        }
    }
}

/// What a list of changes decides to tell; of work orders' own mails it says nothing.
fn decided(changes: &[Change]) -> impl Iterator<Item = (DeliveryId, Told)> + '_ {
    changes.windows(2).filter_map(|pair| match pair {
        [Change::Outbox(row), Change::Noted(Note::Enqueued(id))] if row.id == *id && row.news.is_none() => {
            Some((*id, told(row)))
        }
        _ => None,
    })
}

fn told(row: &Delivery) -> Told {
    let of = |resolved| {
        let alerts = row.alerts.iter().filter(move |told| told.resolved == resolved);
        let mut labels: Vec<LabelSet> = alerts.map(|told| told.alert.labels.clone()).collect();
        labels.sort();
        labels
    };
    let (at, to) = (row.decided_at, row.thread.integration_key());
    Told { at, to, reason: row.reason, group: row.group_labels.clone(), firing: of(false), resolved: of(true) }
}

/// What was really told, as the journal has it: what was decided and did not give way to something newer.
#[derive(Debug, Default)]
pub struct Was(BTreeMap<DeliveryId, Told>);

impl Was {
    /// Reads one entry of the journal.
    pub fn entry(&mut self, changes: &[Change]) {
        self.0.extend(decided(changes));
        for change in changes {
            if let Change::Noted(Note::Superseded(of, _)) = change {
                self.0.remove(&of.id);
            }
        }
    }

    /// All of it, in the order in which it was decided.
    pub fn told(self) -> Vec<Told> {
        self.0.into_values().collect()
    }
}

/// Two lists beside each other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// What is in both, at the same time.
    pub same: usize,
    /// What is in both at different times: what was, and what would be.
    pub moved: Vec<(Told, Told)>,
    /// What only was.
    pub only_was: Vec<Told>,
    /// What only would be.
    pub only_would: Vec<Told>,
}

/// Compares what was with what would have been. The same is what tells the same integration the same alerts; where it
/// is told several times, the first goes with the first.
pub fn compare(was: Vec<Told>, would: Vec<Told>) -> Compared {
    type Key = (IntegrationKey, Vec<LabelSet>, Vec<LabelSet>);
    let key = |told: &Told| -> Key { (told.to.clone(), told.firing.clone(), told.resolved.clone()) };
    let mut before: BTreeMap<Key, VecDeque<Told>> = BTreeMap::new();
    for told in was {
        before.entry(key(&told)).or_default().push_back(told);
    }
    let mut compared = Compared::default();
    for told in would {
        match before.get_mut(&key(&told)).and_then(VecDeque::pop_front) {
            None => compared.only_would.push(told),
            Some(then) if told.at.since(then.at).max(then.at.since(told.at)) <= SAME_TIME => compared.same += 1,
            Some(then) => compared.moved.push((then, told)),
        }
    }
    compared.only_was = before.into_values().flatten().collect();
    compared.only_was.sort_by_key(|told| told.at);
    compared
}
