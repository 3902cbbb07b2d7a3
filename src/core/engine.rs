//! The engine: one `match` over [`Input`] shows everything the service reacts to.
//!
//! [`Engine::handle`] decides and changes the state at once; [`Engine::committed`] or [`Engine::rolled_back`] ends the
//! batch. Only a committed batch is shown to readers and to workers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::ack::{Ack, AckDraft, AckRefused};
use super::asset::Assets;
use super::change::{Actor, Change};
use super::circuit::Circuits;
use super::dead_letters::{DeadLetterCommand, DeadLetterDone, DeadLetterRefused};
use super::flush::HeldBack;
use super::give_up::GivingUp;
use super::group::GroupIdx;
use super::ingest::{Batch, Rejected};
use super::mirrored::Mirrored;
use super::order_command::{OrderCommand, OrderRefused};
use super::outbox::{Delivery, DeliveryId, Outcome, Reason, Thread};
use super::policy::Policy;
use super::silence::{SilenceDraft, SilenceId, SilenceRefused};
use super::state::{Log, State};
use super::together::Bundle;
use super::view::{Grace, View};
use super::work_order::WorkOrder;
use crate::time::Timestamp;

/// How the engine behaves where the configuration file has no word in it.
#[derive(Clone, Debug)]
pub struct Options {
    /// After an outage, how long senders have before anything is taken for over (`--alerts.resend-grace`).
    pub resend_grace: Duration,
    /// Whether what was told firing is told resolved although it is muted by then or its route is gone; otherwise
    /// Alertmanager's way (`--notify.resolved-while-muted`).
    pub resolved_while_muted: bool,
    /// How long a notification is tried before it is dead.
    pub give_up_after: Duration,
    /// How long expired silences are kept (`--data.retention`).
    pub retention: Duration,
    /// How often resolved alerts are forgotten (`--alerts.gc-interval`).
    pub gc_interval: Duration,
    /// No group is flushed before this moment (`--dispatch.start-delay`).
    pub not_before: Timestamp,
    /// How many silences may be kept; 0 means any number (`--silences.max-silences`).
    pub max_silences: usize,
    /// How many bytes the patterns of all silences may take: a silence is a small request, and its patterns may be large.
    pub max_silence_memory: usize,
    /// How many alerts of one alertname may fire; 0 means any number (`--alerts.per-alertname-limit`).
    pub per_alertname_limit: usize,
    /// How many alerts may be kept.
    pub max_alerts: usize,
    /// How many bytes the texts of all alerts may have.
    pub max_alert_bytes: usize,
    /// How many outbox rows may wait; beyond it alerts are refused until some were told.
    pub max_outbox: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resend_grace: Duration::from_secs(300),
            resolved_while_muted: true,
            give_up_after: Duration::from_secs(24 * 3600),
            retention: Duration::from_secs(120 * 3600),
            gc_interval: Duration::from_secs(30 * 60),
            not_before: Timestamp::ZERO,
            max_silences: 0,
            max_silence_memory: 256 << 20,
            per_alertname_limit: 0,
            max_alerts: 2_000_000,
            max_alert_bytes: 1 << 30,
            max_outbox: 1_000_000,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Alerts arrived.
    Alerts(Actor, Batch),
    /// A silence is to be made or changed.
    Silence(Actor, SilenceDraft),
    /// A silence is to end.
    ExpireSilence(Actor, SilenceId),
    /// A group is to be acknowledged.
    Ack(Actor, AckDraft),
    /// The acknowledgement of the group with this key is to be withdrawn.
    WithdrawAck(Actor, Arc<str>),
    /// An attempt to send a row ended, or one with several in one message, which end together; the number from 0 to 1
    /// varies the next attempt's time.
    Settled(Vec<DeliveryId>, Outcome, f64),
    /// A worker keeps a row until its receiver may be told; before it sends it asks with [`Engine::claim`].
    Parked(DeliveryId),
    /// A worker is about to tell these rows, which it kept, in one message.
    Together(Vec<DeliveryId>),
    /// Somebody decides about a dead letter.
    DeadLetter(Actor, DeliveryId, DeadLetterCommand),
    /// Somebody wants something of a work order.
    Order(Actor, OrderCommand),
    /// What another system has taken of a work order is now this.
    Mirrored(Box<Mirrored>),
    /// What another system says of the plant's assets is now this.
    Assets(Arc<Assets>),
    /// Other rules are in force: SHA-256 of the file and its text without secrets.
    Reload(Actor, Arc<Policy>, String, String),
    /// The wall clock was put back by so much: what is stored follows. The rest does with [`Engine::clock_put_back`].
    PutBack(Duration),
    /// The wall clock leapt forward by so much, or the machine slept, or the service was not there.
    Away(Duration),
    /// Time passed.
    Tick,
}

/// What an input led to, for whoever asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Nothing to say.
    Done,
    /// The alerts that were not taken, in order.
    Rejected(Vec<Rejected>),
    /// Nothing of the request was taken: a limit of the service is reached.
    Full(String),
    /// The silence that was made or changed.
    Silence(Result<SilenceId, SilenceRefused>),
    /// What was done with the dead letter.
    DeadLetter(Result<DeadLetterDone, DeadLetterRefused>),
    /// The work order as it is now.
    Order(Result<Arc<WorkOrder>, OrderRefused>),
    /// The acknowledgement that was made, changed or withdrawn.
    Ack(Result<Arc<Ack>, AckRefused>),
}

/// What was counted since the start; every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Alerts that arrived firing, and resolved.
    pub received: [u64; 2],
    /// Alerts that were not valid.
    pub invalid: u64,
    /// Alerts that a limit per alertname held off.
    pub limited: u64,
    /// Alerts left out of flushes, in the order of [`HeldBack::ALL`].
    pub suppressed: [u64; HeldBack::ALL.len()],
    /// Flushes.
    pub flushes: u64,
    /// Decisions to notify, in the order of [`Reason::ALL`].
    pub notified: [u64; Reason::ALL.len()],
    /// Rows whose place a newer state of their thread took.
    pub superseded: u64,
    /// What became of work orders.
    pub orders: OrderCounters,
}

/// What became of work orders since the start; every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCounters {
    /// Opened.
    pub opened: u64,
    /// Open again after they were completed or cancelled.
    pub reopened: u64,
    /// Completed.
    pub completed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Brought before somebody, since they were overdue.
    pub reminded: u64,
    /// First seen, taken or begun, and after how many seconds in all.
    pub acknowledged: (u64, u64),
    /// Repaired: completed, and how many seconds after the failure began, in all.
    pub repaired: (u64, u64),
}

/// Decides.
#[derive(Debug)]
pub struct Engine {
    pub(super) options: Options,
    pub(super) state: State,
    pub(super) log: Log,
    pub(super) counters: Counters,
    pub(super) next_delivery: u64,
    pub(super) next_gc: Timestamp,
    pub(super) next_orphan_check: Timestamp,
    /// What it was before the batch.
    pub(super) stored_orphan_check: Timestamp,
    /// Before when threads whose group is gone, and that refused, are not told again. Not stored: a restart tries anew.
    pub(super) refused_orphans: BTreeMap<Thread, Timestamp>,
    /// Rows that may be due: those that are the first of their thread.
    pub(super) due: BTreeSet<(Timestamp, DeliveryId)>,
    /// Rows that their receiver may have heard although no attempt is known to have ended well. Not stored: after a
    /// restart nobody knows, so it is so for every row.
    pub(super) doubtful: BTreeSet<DeliveryId>,
    /// The messages that stand for several rows and failed, and how often one of these had been tried before. Not stored:
    /// after a restart a message has another try.
    pub(super) failed_together: BTreeMap<DeliveryId, u32>,
    /// How the integrations fare, and the rows that wait until they may be sent.
    pub(super) circuits: Circuits,
    /// The integrations of which more is to be given up at once.
    pub(super) giving_up: GivingUp,
    /// How many bytes the flushes of one tick may take, but for the last of them.
    pub(super) room: usize,
    /// How many bytes the alerts of one notification may take.
    pub(super) row_most: usize,
    /// The groups that the batch flushed.
    pub(super) flushed: Vec<GroupIdx>,
    /// When the fallback of a thread's receiver is to hear that it could not be told. Follows from the outbox.
    pub(super) fallback_due: BTreeSet<(Timestamp, Thread)>,
}

/// How many flushes one tick makes at most, so that a storm's first notifications leave early.
const FLUSHES_PER_TICK: usize = 512;
/// About how many bytes one batch is made of where it could be more: what is left comes with the next one.
pub const ROOM: usize = 32 << 20;
/// About how many bytes the alerts of one notification may take: as a dead letter, with what is noted of it, it takes
/// twice that, which must fit a commit.
pub(super) const ROW: usize = 512 << 20;

impl Engine {
    /// Without any state.
    pub fn new(policy: Arc<Policy>, options: Options, now: Timestamp) -> Self {
        let next_gc = now.after(options.gc_interval);
        let mut engine = Self {
            options,
            state: State::new(policy),
            log: Log::default(),
            counters: Counters::default(),
            next_delivery: 0,
            next_gc,
            next_orphan_check: Timestamp::MAX,
            stored_orphan_check: Timestamp::MAX,
            refused_orphans: BTreeMap::new(),
            due: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            failed_together: BTreeMap::new(),
            circuits: Circuits::default(),
            giving_up: GivingUp::new(),
            room: ROOM,
            row_most: ROW,
            flushed: Vec::new(),
            fallback_due: BTreeSet::new(),
        };
        engine.state.per_name = (engine.options.per_alertname_limit > 0).then(Default::default);
        engine.watch_anew(now);
        engine
    }

    /// Takes one input at `now`. What it changes belongs to the batch that [`Engine::pending`] shows.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Output {
        let before = self.log.changes.len();
        let output = self.decide(now, input);
        self.tell_of_orders(now, before);
        output
    }

    fn decide(&mut self, now: Timestamp, input: Input) -> Output {
        match input {
            Input::Alerts(actor, batch) => self.put_alerts(now, actor, &batch),
            Input::Silence(actor, draft) => {
                self.by(actor);
                Output::Silence(self.put_silence(now, draft))
            }
            Input::ExpireSilence(actor, id) => {
                self.by(actor);
                Output::Silence(self.expire_silence(now, id))
            }
            Input::Ack(actor, draft) => {
                self.by(actor);
                Output::Ack(self.put_ack(now, draft))
            }
            Input::WithdrawAck(actor, group_key) => {
                self.by(actor);
                Output::Ack(self.withdraw_ack(now, &group_key))
            }
            Input::Settled(ids, outcome, jitter) => {
                self.done_by(Actor::Worker, |engine| engine.settle(now, &ids, &outcome, jitter))
            }
            Input::Parked(id) => self.done_by(Actor::Worker, |engine| engine.park(id)),
            Input::Together(ids) => self.done_by(Actor::Worker, |engine| engine.gather(&ids)),
            Input::DeadLetter(actor, id, command) => {
                self.by(actor);
                Output::DeadLetter(self.command_dead_letter(now, id, command))
            }
            Input::Order(actor, command) => {
                self.by(actor.clone());
                Output::Order(self.order(now, &actor, command))
            }
            Input::Mirrored(mirrored) => {
                self.put_mirrored(*mirrored);
                Output::Done
            }
            Input::Assets(assets) => {
                self.state.assets = assets;
                Output::Done
            }
            Input::Reload(actor, policy, hash, text) => {
                self.by(actor);
                self.reload(now, policy, hash, text);
                Output::Done
            }
            Input::Away(time) => self.done_by(Actor::Clock, |engine| engine.was_away(time)),
            Input::PutBack(by) => self.done_by(Actor::Clock, |engine| engine.put_back(now, by)),
            Input::Tick => {
                self.tick(now);
                Output::Done
            }
        }
    }

    fn done_by(&mut self, actor: Actor, what: impl FnOnce(&mut Self)) -> Output {
        self.by(actor);
        what(self);
        Output::Done
    }

    /// Says which configuration is in force from the start, for the history.
    pub fn know_configuration(&mut self, text: String) {
        self.state.config_text = text.into();
    }

    /// When to call [`Engine::handle`] with [`Input::Tick`] next.
    pub fn next_deadline(&self) -> Timestamp {
        let flush = self.state.groups.first_due().map_or(Timestamp::MAX, |(at, _)| at.max(self.options.not_before));
        let delivery = self.due.first().map_or(Timestamp::MAX, |(at, _)| *at);
        let fallback = self.fallback_due.first().map_or(Timestamp::MAX, |(at, _)| *at);
        let order = self.state.order_timers.first().map_or(Timestamp::MAX, |(at, _)| *at);
        let own = fallback.min(self.next_quiet()).min(order).min(self.digest_due()).min(self.circuits.next());
        let more = if self.giving_up.is_empty() { Timestamp::MAX } else { Timestamp::ZERO };
        flush.min(delivery).min(own).min(more).min(self.next_gc).min(self.next_orphan_check)
    }

    /// What the batch so far would store.
    pub fn pending(&self) -> &[Change] {
        &self.log.changes
    }

    /// The batch is stored: it stands. Gives its changes back, for whoever stores some of them later.
    pub fn committed(&mut self) -> Vec<Change> {
        self.stored_orphan_check = self.next_orphan_check;
        self.circuits.stored();
        // Only now: a row that was removed comes back when its batch cannot be stored.
        if self.doubtful.len() > 2 * self.state.outbox.len() + 64 {
            self.doubtful.retain(|id| self.state.outbox.get(id).is_some());
        }
        self.flushed.clear();
        std::mem::take(&mut self.log).changes
    }

    /// The batch could not be stored: everything is as it was before it.
    pub fn rolled_back(&mut self) {
        let log = std::mem::take(&mut self.log);
        self.flushed.clear();
        self.state.undo(log);
        self.circuits.taken_back();
        self.queue_all();
        // Whom the batch would have told that all is over was not told.
        self.next_orphan_check = self.stored_orphan_check;
    }

    /// An outage of ours began at `from` (a failing store): nothing runs out until it ends with [`Engine::resume`].
    pub fn suspend(&mut self, from: Timestamp, now: Timestamp) {
        // An earlier outage whose grace goes on is part of this one.
        let from = if now < self.state.grace.until { from.min(self.state.grace.from) } else { from };
        self.state.grace = Grace { from, until: Timestamp::MAX };
    }

    /// The outage is over: nothing that would have run out meanwhile does until senders have had time to send again.
    pub fn resume(&mut self, now: Timestamp) {
        self.state.grace.until = now.after(self.options.resend_grace);
    }

    /// The rows to send now, for each integration as many as it has room for: the most urgent first, and of these the
    /// oldest, or what waited for an integration that failed the newest; with each those that are told in the same message. From here on a worker has them, until
    /// [`Input::Settled`]. Only between batches: what is not stored is not told.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Bundle> {
        let mut taken = Vec::new();
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            let Some(row) = self.state.outbox.get(&id).cloned() else { continue };
            self.circuits.is_due(&row);
            let waits = self.circuits.hold(&row) || self.circuits.is_busy(&row);
            if !waits && Arc::make_mut(&mut self.state.in_flight).insert(id) {
                self.circuits.took(&row.thread.integration_key(), id);
                let bundle = self.bundle(&row);
                taken.push(bundle);
            }
        }
        self.take_held(now, &mut taken);
        taken.sort_by_key(|bundle| bundle.iter().map(|row| row.urgency()).min());
        taken
    }

    /// The row that a worker kept and wants to send now, as it is by now; nothing if a newer one took its place. From
    /// here on the worker has it, until [`Input::Settled`]. Only between batches.
    pub fn claim(&mut self, id: DeliveryId) -> Option<Arc<Delivery>> {
        let row = self.state.outbox.get(&id).cloned()?;
        Arc::make_mut(&mut self.state.parked).remove(&id);
        if !Arc::make_mut(&mut self.state.in_flight).insert(id) {
            // It was tried before, and what came of it could not be stored.
            self.doubtful.insert(id);
        }
        self.circuits.claimed(id);
        Some(self.handed_out(&row))
    }

    /// The committed state, for readers. Only between batches.
    pub fn view(&mut self) -> View {
        let state = &mut self.state;
        View {
            policy: Arc::clone(&state.policy),
            alerts: state.alerts.clone(),
            groups: state.groups.show(),
            silences: Arc::clone(&state.silences),
            work_orders: Arc::clone(&state.work_orders),
            at_work: Arc::clone(&state.at_work),
            mirrored: Arc::clone(&state.mirrored),
            outbox: state.outbox.clone(),
            dead_letters: Arc::clone(&state.dead_letters),
            acks: Arc::clone(&state.acks),
            ledger: state.ledger.clone(),
            inhibitor: state.inhibitor.clone(),
            configuration: Arc::clone(&state.config_text),
            faring: self.circuits.faring(),
            former: Arc::clone(&state.former),
            grace: state.grace,
            counters: self.counters,
            in_flight: Arc::clone(&state.in_flight),
            parked: Arc::clone(&state.parked),
            resolved_while_muted: self.options.resolved_while_muted,
            not_before: self.options.not_before,
        }
    }

    /// Notes who the following changes come from.
    pub(super) fn by(&mut self, actor: Actor) {
        if let Some(Change::By(_)) = self.log.changes.last() {
            self.log.changes.pop();
        }
        self.log.changes.push(Change::By(actor));
    }

    fn tick(&mut self, now: Timestamp) {
        self.by(Actor::Clock);
        self.check_fallbacks(now);
        self.check_watchdogs(now);
        self.go_on_giving_up(now);
        if now >= self.options.not_before {
            let before = self.log.weight();
            for _ in 0..FLUSHES_PER_TICK {
                match self.state.groups.next_due(now) {
                    Some(group) if self.log.weight().saturating_sub(before) <= self.room => self.flush(now, group),
                    _ => break,
                }
            }
        }
        if now >= self.next_orphan_check {
            self.check_orphans(now);
        }
        self.climb_ladders(now);
        if now >= self.digest_due() {
            self.tell_digest(now);
        }
        if now >= self.next_gc {
            self.next_gc = now.after(self.options.gc_interval);
            self.collect_garbage(now);
        }
    }

    /// The group at this place, for whoever decides about it.
    pub(super) fn group(&self, at: GroupIdx) -> Option<&super::group::Group> {
        self.state.groups.get(at)
    }
}
