//! The circuit breaker: an integration that fails for long is probed, not hammered.
//!
//! ```text
//!          enough failures in a row, for long enough                a probe was answered
//! closed ───────────────────────────────────────────► open ───────────────────────────────► opening
//!    ▲                                                 ▲  │ a probe failed: the next one later   │  │
//!    │                                                 └──┘                                     │  │ an attempt failed
//!    │                                                 ▲───────────────────────────────────────────┘
//!    └──────────────────────────────────────────────────────────────────────────────────────────┘
//!                              as many may be sent at once as nobody waits for any more
//! ```
//!
//! While a circuit is closed as many rows are out at once as its worker needs to be busy; what else is due waits here, the
//! most urgent first and of these the oldest, and may still be superseded. While a circuit is open one row at a time is
//! tried, in turn the most urgent of the newest and the newest that was not tried since the circuit opened; the others
//! wait and may be superseded. So a row that fails always, since its text or its own address is at fault, keeps nobody from
//! being told. When the receiver answers again, twice as many are sent at once with each answer, so that what
//! waited does not knock it over again; what is much by then goes out as one message ([`super::together`]). An answer that
//! refuses is an answer. What fails right after an answer, or was told when to come again, waits for its own time while
//! others go out. Nothing of this is stored, but the attempts of each row are: after a restart an integration to
//! which a row was tried as often as opens a circuit begins with its circuit open, and its first probe is due at once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::deliver::{NOT_CONFIGURED_WAIT, wait_after};
use super::engine::Engine;
use super::outbox::{Delivery, DeliveryId, IntegrationKey, Outcome};
use super::together::Bundle;
use super::urgency::Urgency;
use crate::time::Timestamp;

/// After how many failures in a row a circuit opens, if they took long enough.
const FAILURES: u32 = 8;
/// For how long an integration must have failed before its circuit opens.
const FAILING_FOR: Duration = Duration::from_secs(30);
/// The circuit is closed when so many may be sent at once.
const MANY: usize = 64;
/// How many rows are out at once while it is closed: as many as are tried at once, and as many that wait to be.
const OUT: usize = 2 * MANY;
/// A receiver that asks to be left alone for no longer than this means all that would be sent to it.
const SHORTLY: Duration = Duration::from_secs(60);
/// A probe after this many failures waits as long as any: the pace of retries has reached its slowest.
const SLOWEST: u32 = 13;

/// How an integration fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faring {
    /// Since when every attempt fails.
    pub failing_since: Option<Timestamp>,
    /// How many attempts have failed in a row.
    pub failures: u32,
    /// What the last attempt that failed met, and when.
    pub last_error: Option<(Timestamp, Arc<str>)>,
    /// When it was last told anything, since the start.
    pub last_success: Option<Timestamp>,
    /// Where it waits to be configured: what is missing.
    pub not_configured: Option<Arc<str>>,
    /// When it is probed next, while its circuit is open.
    pub probed_at: Option<Timestamp>,
}

/// An integration of a receiver, as far as sending to it is concerned.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    faring: Faring,
    /// How many may be in flight at once while it is not closed.
    room: Option<usize>,
    /// Whether it is left alone until then because it asked for that.
    asked: bool,
    /// Whether what waits has waited since it was not closed.
    catches_up: bool,
    /// How many rows are with a worker.
    flying: usize,
    /// Rows that may be sent when there is room.
    held: BTreeSet<(Urgency, Reverse<DeliveryId>)>,
    /// Rows that wait for their own time, not for the integration.
    own_time: BTreeSet<DeliveryId>,
    /// Rows that failed right after others were answered: the second time that is their own doing.
    suspects: BTreeSet<DeliveryId>,
    /// Whether the most urgent row was probed last.
    others_turn: bool,
    /// What was tried since the circuit opened, or since all were.
    tried: BTreeSet<DeliveryId>,
}

/// All integrations that anything was sent to.
#[derive(Debug, Default)]
pub(super) struct Circuits {
    all: BTreeMap<IntegrationKey, Circuit>,
    /// The rows that are with a worker; of those that are told in one message one.
    flying: BTreeMap<DeliveryId, IntegrationKey>,
    /// Rows whose attempt was counted here and is not stored: what could not be stored is reported again, and was one
    /// attempt all the same.
    counted: BTreeSet<DeliveryId>,
    /// Which were given another name in a batch that is not stored yet.
    renamed: Vec<(IntegrationKey, IntegrationKey)>,
}

impl Circuit {
    /// When a row may be sent; nothing while there is none, or no room.
    fn due_at(&self) -> Option<Timestamp> {
        let room = self.flying < self.room.unwrap_or(OUT);
        (room && !self.held.is_empty()).then(|| self.faring.probed_at.unwrap_or(Timestamp::ZERO))
    }

    /// The row that goes out next.
    fn pop(&mut self) -> Option<DeliveryId> {
        let (urgency, newest) = self.held.first().copied()?;
        let probed = self.catches_up && self.faring.failures >= 2;
        self.others_turn = probed && !self.others_turn;
        let next = match self.catches_up {
            true if probed && !self.others_turn => self.untried()?,
            true => (urgency, newest),
            false => self.held.range(..=(urgency, Reverse(DeliveryId(0)))).next_back().copied()?,
        };
        self.held.remove(&next);
        if self.room.is_some() {
            self.tried.insert(next.1.0);
        }
        self.catches_up &= self.room.is_some() || !self.held.is_empty();
        Some(next.1.0)
    }

    /// The newest row that was not tried since the circuit opened, however urgent; where all were, it begins anew.
    fn untried(&mut self) -> Option<(Urgency, Reverse<DeliveryId>)> {
        let newest = |held: &BTreeSet<_>, tried: &BTreeSet<_>| {
            let untried = held.iter().filter(|(_, Reverse(id))| !tried.contains(id));
            untried.min_by_key(|(_, newest)| *newest).copied()
        };
        newest(&self.held, &self.tried).or_else(|| {
            self.tried.clear();
            newest(&self.held, &self.tried)
        })
    }

    fn forget(&mut self, id: DeliveryId) {
        for ids in [&mut self.own_time, &mut self.suspects, &mut self.tried] {
            ids.remove(&id);
        }
    }

    fn answered(&mut self, now: Timestamp) {
        self.tried.clear();
        (self.faring.failing_since, self.faring.failures, self.faring.not_configured) = (None, 0, None);
        // An attempt that was under way when it asked for time takes nothing of that back.
        if self.asked && self.faring.probed_at.is_some_and(|at| at > now) {
            return;
        }
        (self.faring.probed_at, self.asked) = (None, false);
        self.room = self.room.map(|room| room.saturating_mul(2)).filter(|room| *room < MANY);
    }

    fn failed(&mut self, now: Timestamp, error: &str, jitter: f64, asked: Option<Duration>) {
        let since = *self.faring.failing_since.get_or_insert(now);
        self.faring.failures = self.faring.failures.saturating_add(1);
        self.faring.last_error = Some((now, Arc::from(error)));
        self.faring.not_configured = None;
        let long = self.faring.failures >= FAILURES && now.since(since) >= FAILING_FOR;
        let told_to_wait = asked.is_some_and(|asked| asked <= SHORTLY);
        if self.room.is_some() || long || told_to_wait {
            (self.room, self.catches_up) = (Some(1), true);
            // Who only says when to come again is taken at its word, but never asked again at once.
            let pace = if told_to_wait && !long { 1 } else { self.faring.failures.min(SLOWEST) };
            let wait = wait_after(pace, jitter, asked);
            (self.faring.probed_at, self.asked) = (Some(now.after(wait)), told_to_wait);
        }
    }
}

impl Circuits {
    /// Lets a row wait for its turn if its integration is probed, or what waits for it goes out. Says whether.
    pub(super) fn hold(&mut self, row: &Delivery) -> bool {
        let Some(circuit) = self.all.get_mut(&row.thread.integration_key()).filter(|circuit| circuit.room.is_some())
        else {
            return false;
        };
        if circuit.own_time.contains(&row.id) {
            return false;
        }
        circuit.held.insert((row.urgency(), Reverse(row.id)));
        true
    }

    /// A row's own time has come.
    pub(super) fn is_due(&mut self, row: &Delivery) {
        if let Some(circuit) = self.all.get_mut(&row.thread.integration_key()) {
            circuit.own_time.remove(&row.id);
        }
    }

    /// Lets a row that is due wait for its turn if its integration has enough to do. Says whether.
    pub(super) fn is_busy(&mut self, row: &Delivery) -> bool {
        let circuit = self.all.get_mut(&row.thread.integration_key());
        let Some(circuit) = circuit.filter(|circuit| circuit.flying >= OUT) else { return false };
        circuit.held.insert((row.urgency(), Reverse(row.id)));
        true
    }

    /// Whether the integration's circuit is not closed, and what it met last.
    pub(super) fn trouble(&self, key: &IntegrationKey) -> Option<Arc<str>> {
        let circuit = self.all.get(key).filter(|circuit| circuit.room.is_some())?;
        circuit.faring.last_error.as_ref().map(|(_, error)| Arc::clone(error))
    }

    /// When one of the rows that are held may be sent.
    pub(super) fn next(&self) -> Timestamp {
        self.all.values().filter_map(Circuit::due_at).min().unwrap_or(Timestamp::MAX)
    }

    /// The integrations of which something may be sent now.
    fn open_now(&self, now: Timestamp) -> Vec<IntegrationKey> {
        let open = self.all.iter().filter(|(_, circuit)| circuit.due_at().is_some_and(|at| at <= now));
        open.map(|(key, _)| key.clone()).collect()
    }

    /// The next row of an integration, while there is room.
    fn pop(&mut self, key: &IntegrationKey) -> Option<DeliveryId> {
        self.all.get_mut(key).filter(|circuit| circuit.due_at().is_some())?.pop()
    }

    /// A row goes to a worker.
    pub(super) fn took(&mut self, key: &IntegrationKey, id: DeliveryId) {
        if self.flying.insert(id, key.clone()).is_none() {
            self.all.entry(key.clone()).or_default().flying += 1;
        }
    }

    /// Whether what waits for the integration waits since it failed.
    pub(super) fn has_failed(&self, key: &IntegrationKey) -> bool {
        self.all.get(key).is_some_and(|circuit| circuit.room.is_some())
    }

    /// The rows of an integration that are held, in the order in which they go out.
    pub(super) fn held(&self, key: &IntegrationKey) -> impl DoubleEndedIterator<Item = DeliveryId> {
        self.all.get(key).into_iter().flat_map(|circuit| circuit.held.iter().map(|(_, Reverse(id))| *id))
    }

    /// A row goes out together with another one, or is not to go out any more.
    pub(super) fn release(&mut self, row: &Delivery) {
        if let Some(circuit) = self.all.get_mut(&row.thread.integration_key()) {
            circuit.held.remove(&(row.urgency(), Reverse(row.id)));
            circuit.forget(row.id);
        }
    }

    /// A row is with a worker no more, or only waits there.
    pub(super) fn landed(&mut self, id: DeliveryId) {
        let circuit = self.flying.remove(&id).and_then(|key| self.all.get_mut(&key));
        if let Some(circuit) = circuit {
            circuit.flying = circuit.flying.saturating_sub(1);
        }
    }

    /// A row that waits since before the restart was tried in vain so often that its circuit was open.
    fn reopen(&mut self, now: Timestamp, row: &Delivery) {
        let circuit = self.all.entry(row.thread.integration_key()).or_default();
        (circuit.room, circuit.catches_up) = (Some(1), true);
        let faring = &mut circuit.faring;
        faring.failures = faring.failures.max(row.attempts);
        faring.failing_since = Some(faring.failing_since.map_or(row.tried_since, |since| since.min(row.tried_since)));
        faring.last_error.get_or_insert_with(|| (row.due_at.min(now), Arc::from(row.last_error.as_str())));
    }

    /// Notes how an attempt ended.
    pub(super) fn settled(&mut self, now: Timestamp, row: &Delivery, outcome: &Outcome, jitter: f64) {
        self.landed(row.id);
        if !self.counted.insert(row.id) {
            return;
        }
        let circuit = self.all.entry(row.thread.integration_key()).or_default();
        match outcome {
            Outcome::Delivered { .. } => {
                circuit.forget(row.id);
                circuit.answered(now);
                circuit.faring.last_success = Some(now);
            }
            Outcome::Refused { error, .. } => {
                circuit.forget(row.id);
                circuit.answered(now);
                circuit.faring.last_error = Some((now, Arc::from(error.as_str())));
            }
            Outcome::NotConfigured { error } => {
                circuit.faring.not_configured = Some(Arc::from(error.as_str()));
                // So it is for all that waits, and nobody was asked.
                circuit.faring.probed_at = circuit.room.map(|_| now.after(NOT_CONFIGURED_WAIT));
            }
            Outcome::Retry { error, after, .. } => {
                circuit.failed(now, error, jitter, *after);
                if circuit.faring.failures == 1 && !circuit.suspects.insert(row.id) {
                    circuit.own_time.insert(row.id);
                }
            }
            Outcome::PutOff { error, others_have_it: true, .. } => {
                circuit.answered(now);
                circuit.faring.last_error = Some((now, Arc::from(error.as_str())));
            }
            // One full mailbox tells nothing of others, however often; many do.
            Outcome::PutOff { error, .. } if circuit.suspects.insert(row.id) || circuit.faring.failures >= FAILURES => {
                circuit.failed(now, error, jitter, None);
            }
            Outcome::PutOff { .. } => {}
        }
    }

    /// The row waits for its own time, not only until its integration may be told.
    pub(super) fn waits_alone(&mut self, row: &Delivery) {
        self.all.entry(row.thread.integration_key()).or_default().own_time.insert(row.id);
    }

    /// Whether the row does.
    pub(super) fn is_alone(&self, row: &Delivery) -> bool {
        self.all.get(&row.thread.integration_key()).is_some_and(|circuit| circuit.own_time.contains(&row.id))
    }

    /// Each integration is probed now, if it would be later.
    fn probe_at_once(&mut self, now: Timestamp) {
        for circuit in self.all.values_mut() {
            circuit.faring.probed_at = circuit.faring.probed_at.map(|at| at.min(now));
        }
    }

    /// What was reported is stored.
    pub(super) fn stored(&mut self) {
        self.counted.clear();
        self.renamed.clear();
    }

    /// A worker makes another attempt with a row.
    pub(super) fn claimed(&mut self, id: DeliveryId) {
        self.counted.remove(&id);
    }

    /// The clock was put back.
    pub(super) fn put_back(&mut self, by: Duration) {
        for circuit in self.all.values_mut() {
            let Faring { probed_at, failing_since, .. } = &mut circuit.faring;
            for moment in [probed_at, failing_since].into_iter().flatten() {
                *moment = moment.before(by);
            }
        }
    }

    /// Forgets which rows wait: they are looked for anew.
    pub(super) fn forget_rows(&mut self) {
        self.all.values_mut().for_each(|circuit| circuit.held.clear());
    }

    /// Receivers have other names: they fare as they did. One that has the name already goes on under it.
    pub(super) fn rename(&mut self, present: impl Fn(&IntegrationKey) -> Option<IntegrationKey>) {
        let keys: Vec<_> = self.all.keys().filter_map(|was| Some((was.clone(), present(was)?))).collect();
        for (was, key) in keys {
            if !self.all.contains_key(&key) {
                self.put_under(&was, &key);
                self.renamed.push((was, key));
            }
        }
    }

    /// The batch could not be stored: all have the names that they had.
    pub(super) fn taken_back(&mut self) {
        for (was, key) in std::mem::take(&mut self.renamed).into_iter().rev() {
            self.put_under(&key, &was);
        }
    }

    fn put_under(&mut self, was: &IntegrationKey, key: &IntegrationKey) {
        if let Some(circuit) = self.all.remove(was) {
            self.all.insert(key.clone(), circuit);
        }
        self.flying.values_mut().filter(|flying| *flying == was).for_each(|flying| *flying = key.clone());
    }

    /// Keeps only the integrations that may still be told something.
    pub(super) fn retain(&mut self, keep: impl Fn(&IntegrationKey) -> bool) {
        self.all.retain(|key, circuit| !circuit.held.is_empty() || circuit.flying > 0 || keep(key));
    }

    /// How all of them fare.
    pub(super) fn faring(&self) -> BTreeMap<IntegrationKey, Faring> {
        self.all.iter().map(|(key, circuit)| (key.clone(), circuit.faring.clone())).collect()
    }
}

impl Engine {
    /// After a restart: what failed for long is probed first.
    pub(super) fn reopen_circuits(&mut self, now: Timestamp) {
        for row in self.state.outbox.values().filter(|row| row.attempts >= FAILURES) {
            self.circuits.reopen(now, row);
        }
    }

    /// The configuration is another one: what failed may work now, and is tried whatever was asked for before.
    pub(super) fn try_at_once(&mut self, now: Timestamp) {
        self.circuits.probe_at_once(now);
        self.due = self.due.iter().map(|(at, id)| (now.min(*at), *id)).collect();
    }

    /// The rows that may be sent now although their integration's circuit is not closed, or was not until now.
    pub(super) fn take_held(&mut self, now: Timestamp, taken: &mut Vec<Bundle>) {
        for key in self.circuits.open_now(now) {
            while let Some(id) = self.circuits.pop(&key) {
                let Some(row) = self.state.outbox.get(&id).cloned() else { continue };
                let first = self.state.queues.get(&row.thread).and_then(|queue| queue.first()) == Some(&id);
                if first && Arc::make_mut(&mut self.state.in_flight).insert(id) {
                    self.circuits.took(&key, id);
                    let bundle = self.bundle(&row);
                    taken.push(bundle);
                }
            }
        }
    }
}
