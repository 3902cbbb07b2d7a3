//! The one task that owns the engine and writes the store. Everyone else has a [`Handle`].
//!
//! It takes all inputs that wait, lets the engine decide, commits once, and only then answers, shows the new state to
//! readers and hands rows to the workers. A commit that fails leaves the engine as it was: whoever asked is told so,
//! what a worker reported is kept and tried again, and when the store works again nothing runs out until senders have
//! had time to send again. What takes long, a commit above all, keeps no other task waiting ([`aside`]); what does not is
//! done where it was asked for, since to wake another thread costs more than to refresh the alerts of a request.

mod checkpoint;
mod commit;
mod handle;
mod jump;
#[cfg(test)]
mod large;
#[cfg(test)]
mod meanwhile;
mod past;
#[cfg(test)]
mod tests;
mod unsettled;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::core::change::Change;
use crate::core::engine::{Engine, Input, Options, Output, ROOM};
use crate::core::ingest::Rejected;
use crate::core::outbox::DeliveryId;
use crate::core::policy::Policy;
use crate::core::together::Bundle;
use crate::core::view::View;
use crate::failpoint::{self, Point};
use crate::store::{Store, StoreError};
use crate::time::{Clock, Timestamp};

pub use crate::store::Seq;
use checkpoint::Checkpoints;
use commit::LAZY;
pub(crate) use handle::Request;
pub use handle::{AckResult, Handle, Health, Unavailable};
use handle::{Answer, Gathering};
use jump::{Jump, Looks};
use past::Reading;
pub use past::{Cursor, HistoryPage, HistoryQuery, ViewThen};
use unsettled::{Report, Unsettled};

/// How many requests may wait before senders wait.
const INBOX: usize = 4096;
/// How many requests one commit takes at most.
const BATCH: usize = 1024;
/// How many changes one commit takes at most, roughly.
const BATCH_CHANGES: usize = 65_536;
/// How long a batch waits for those who are likely to have something for the same commit.
const LINGER: Duration = Duration::from_millis(1);
/// After so long nobody is expected any more.
const EXPECTED_WITHIN: Duration = Duration::from_millis(5);
/// No sleep is longer, so that a corrected clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// So many requests, and alerts in one of them, are decided at once without anybody noticing.
const FEW: usize = 16;
const FEW_ALERTS: usize = 256;

/// Does what may take long. Other tasks go on meanwhile, on another thread. Where there is one thread for all, in tests,
/// they wait.
pub fn aside<T>(long: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(long),
        _ => long(),
    }
}

/// Owns the engine and the store.
pub struct Driver {
    engine: Engine,
    store: Box<dyn Store>,
    clock: Clock,
    inbox: mpsc::Receiver<Request>,
    workers: mpsc::UnboundedSender<Bundle>,
    health: Arc<Health>,
    /// Refreshes and timers that were decided and are not stored yet, and since when.
    lazy: Vec<Change>,
    lazy_since: Timestamp,
    /// About how many bytes one commit is made of where it could be more: less while the store refuses so many.
    room: usize,
    /// Whether something was too large of late.
    narrow: bool,
    /// A request that there was no room for.
    kept: Option<Request>,
    /// What workers reported in a batch that could not be stored.
    unsettled: Unsettled,
    /// When all was well last, and whether the store has failed since.
    last_good: Timestamp,
    failing: bool,
    /// Before this moment a failing store is left alone, but for requests.
    retry_at: Timestamp,
    checkpoints: Checkpoints,
    looks: Looks,
    /// By how much the clock was put back, which the engine does not know yet.
    put_back: Duration,
    /// By how much it leapt forward, or how long nobody was there before the start, which the engine does not know yet.
    away: Duration,
    /// When it was last looked how large the store is.
    sized_at: std::time::Instant,
    gathering: Arc<Gathering>,
    /// How many requests are likely to come for the next commit, and until when that is believed.
    expected: (usize, tokio::time::Instant),
}

/// Who waits for what in a batch.
enum Waiting {
    Alerts(Answer<Vec<Rejected>>, Vec<Rejected>),
    Command(Answer<Output>, Output),
    Claim(oneshot::Sender<Bundle>, Vec<DeliveryId>),
    View(oneshot::Sender<Arc<View>>),
}

impl Driver {
    /// Loads the state from the store. Rows that are due go to `workers` once [`Driver::run`] runs.
    ///
    /// # Errors
    /// If the store cannot be read. The damage that was found and survived, in words, is the last part of the result.
    pub fn load(
        mut store: Box<dyn Store>,
        policy: Arc<Policy>,
        options: Options,
        clock: Clock,
        workers: mpsc::UnboundedSender<Bundle>,
    ) -> Result<(Self, Handle, Option<String>), StoreError> {
        let loaded = store.load()?;
        let now = clock.now();
        let engine = Engine::restore(policy, options, loaded.changes, loaded.last, now);
        let (sender, inbox) = mpsc::channel(INBOX);
        let health = Arc::new(Health::default());
        health.store_bytes.store(store.size(), Ordering::Relaxed);
        let reading = Reading::new(store.past());
        let gathering = Arc::<Gathering>::default();
        let handle = Handle { inbox: sender, health: Arc::clone(&health), reading, gathering: Arc::clone(&gathering) };
        let driver = Self {
            engine,
            store,
            clock,
            inbox,
            workers,
            health,
            lazy: Vec::new(),
            lazy_since: Timestamp::MAX,
            room: ROOM,
            narrow: false,
            kept: None,
            unsettled: Unsettled::default(),
            last_good: loaded.last.unwrap_or(now),
            failing: false,
            retry_at: Timestamp::ZERO,
            checkpoints: Checkpoints::default(),
            looks: Looks::new(now),
            put_back: Duration::ZERO,
            away: loaded.last.map_or(Duration::ZERO, |last| now.since(last)),
            sized_at: std::time::Instant::now(),
            gathering,
            expected: (0, tokio::time::Instant::now()),
        };
        Ok((driver, handle, loaded.damage))
    }

    /// Notes in the journal which configuration is in force from the start: SHA-256 of the file, and its text without
    /// secrets. It is stored with the first commit.
    pub fn note_configuration(&mut self, hash: String, text: String) {
        self.engine.know_configuration(text.clone());
        self.lazy.push(Change::Config { hash, text });
        self.lazy_since = self.clock.now();
    }

    /// Runs until `stop` is cancelled and everybody has let go of the [`Handle`], or until another process takes over
    /// the store. Ends with a checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the store is another's now.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), StoreError> {
        aside(|| self.hand_out(self.clock.now()));
        loop {
            let now = self.clock.now();
            if self.kept.is_some() && !stop.is_cancelled() {
                let kept = self.kept.take();
                aside(|| self.round(kept))?;
                tokio::task::yield_now().await;
                continue;
            }
            let sleep = self.wake_at().since(now).min(LONGEST_SLEEP);
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                request = self.inbox.recv() => match request {
                    Some(request) => Some(request),
                    None => break,
                },
                () = tokio::time::sleep(sleep) => None,
            };
            if first.is_some() {
                self.gather().await;
            }
            if self.inbox.len() < FEW && self.unsettled.is_empty() {
                self.round(first)?;
            } else {
                aside(|| self.round(first))?;
            }
        }
        aside(|| self.finish())
    }

    /// Waits a moment for those who are likely to share the next commit: whoever was answered by the last one, and is
    /// quick to send again, and whoever came while it was made. A commit costs far more than what it holds, so without
    /// this two senders in turn would cost twice as much as together.
    async fn gather(&mut self) {
        let (expected, until) = std::mem::replace(&mut self.expected, (0, tokio::time::Instant::now()));
        // One of them is here already.
        if expected > 1 && tokio::time::Instant::now() < until {
            self.gathering.wait(&self.inbox, expected - 1, LINGER).await;
        }
    }

    /// One batch: all that waits, decided, committed, answered.
    fn round(&mut self, first: Option<Request>) -> Result<(), StoreError> {
        let mut now = self.look_at_clocks();
        if !self.put_back.is_zero() {
            aside(|| self.engine.handle(now, Input::PutBack(self.put_back)));
        }
        if !self.away.is_zero() {
            aside(|| self.engine.handle(now, Input::Away(self.away)));
        }
        let (mut waiting, mut settled, mut taken) = (Vec::new(), Vec::new(), 0);
        while self.has_room(taken)
            && let Some(report) = self.unsettled.take()
        {
            self.engine.handle(now, report.input());
            settled.push(report);
            taken += 1;
        }
        // What is due does not wait for whoever asks, where there is not room for both.
        let ticks_first = self.room < ROOM;
        if ticks_first && self.has_room(taken) {
            self.tick(now);
        }
        self.kept = first;
        for _ in 0..BATCH {
            // While nothing can be stored whoever asks is told so at once.
            let refused = self.failing && waiting.is_empty();
            if !refused && !self.has_room(taken + self.engine.flushed()) {
                break;
            }
            let Some(request) = self.kept.take().or_else(|| self.inbox.try_recv().ok()) else { break };
            now = self.later(now);
            match request.is_quick() {
                true => self.take(now, request, &mut waiting, &mut settled),
                false => aside(|| self.take(now, request, &mut waiting, &mut settled)),
            }
            taken += 1;
        }
        if !ticks_first {
            self.tick(now);
        }
        failpoint::reached(Point::Decided);
        let commits = self.health.commits.load(Ordering::Relaxed);
        match self.commit(now, taken) {
            Ok(()) => {
                if self.health.commits.load(Ordering::Relaxed) > commits {
                    let until = tokio::time::Instant::now() + EXPECTED_WITHIN;
                    self.expected = (waiting.len() + self.inbox.len(), until);
                }
                (self.put_back, self.away) = (Duration::ZERO, Duration::ZERO);
                failpoint::reached(Point::Committed);
                self.hand_out(now);
                failpoint::reached(Point::HandedOut);
                self.answer(waiting);
                failpoint::reached(Point::Answered);
                Ok(())
            }
            Err(StoreError::Conflict) => Err(StoreError::Conflict),
            Err(error) => {
                let again = self.unsettled.keep(settled, now);
                self.engine.claim_bundles(again).into_iter().for_each(|bundle| drop(self.workers.send(bundle)));
                // What is due was stored before.
                self.hand_out(now);
                self.refuse(waiting, &error.to_string());
                Ok(())
            }
        }
    }

    /// Whether more may be decided with what was taken into the batch: the first may be of any size.
    fn has_room(&mut self, taken: usize) -> bool {
        taken == 0 || (self.engine.pending().len() <= BATCH_CHANGES && self.engine.pending_bytes() <= self.room)
    }

    fn tick(&mut self, now: Timestamp) {
        if self.engine.next_deadline() <= now && (!self.failing || self.retry_at <= now) {
            aside(|| self.engine.handle(now, Input::Tick));
        }
    }

    fn take(&mut self, now: Timestamp, request: Request, waiting: &mut Vec<Waiting>, settled: &mut Vec<Report>) {
        match request {
            Request::Alerts { actor, batch, done } => match self.engine.handle(now, Input::Alerts(actor, batch)) {
                Output::Full(limit) => drop(done.send(Err(Unavailable(limit)))),
                Output::Rejected(rejected) => waiting.push(Waiting::Alerts(done, rejected)),
                _ => waiting.push(Waiting::Alerts(done, Vec::new())),
            },
            Request::Command { input, done } => {
                let output = self.engine.handle(now, input);
                waiting.push(Waiting::Command(done, output));
            }
            Request::Settled { deliveries, outcome, jitter } => {
                let report = Report::new(deliveries, outcome, jitter);
                self.engine.handle(now, report.input());
                settled.push(report);
            }
            Request::Parked { delivery } => drop(self.engine.handle(now, Input::Parked(delivery))),
            Request::Claim { deliveries, done } => {
                if deliveries.len() > 1 {
                    self.engine.handle(now, Input::Together(deliveries.clone()));
                }
                waiting.push(Waiting::Claim(done, deliveries));
            }
            Request::View { done } => waiting.push(Waiting::View(done)),
        }
    }

    /// Gives the rows that are due to the workers.
    fn hand_out(&mut self, now: Timestamp) {
        for bundle in self.engine.take_due(now) {
            // Workers that are gone tell nothing any more; the rows are stored.
            drop(self.workers.send(bundle));
        }
    }

    fn answer(&mut self, waiting: Vec<Waiting>) {
        let mut view = None;
        for waiting in waiting {
            // Whoever asked may have gone away.
            match waiting {
                Waiting::Alerts(done, rejected) => drop(done.send(Ok(rejected))),
                Waiting::Command(done, output) => drop(done.send(Ok(output))),
                Waiting::Claim(done, deliveries) => self.give(done, deliveries),
                Waiting::View(done) => {
                    let view = view.get_or_insert_with(|| aside(|| Arc::new(self.engine.view())));
                    drop(done.send(Arc::clone(view)));
                }
            }
        }
    }

    /// Answers a request that was not stored.
    fn refuse(&mut self, waiting: Vec<Waiting>, why: &str) {
        let unavailable = || Unavailable(why.to_owned());
        for waiting in waiting {
            match waiting {
                Waiting::Alerts(done, _) => drop(done.send(Err(unavailable()))),
                Waiting::Command(done, _) => drop(done.send(Err(unavailable()))),
                // What was committed can still be read, and told.
                Waiting::Claim(done, deliveries) => self.give(done, deliveries),
                Waiting::View(done) => drop(done.send(Arc::new(self.engine.view()))),
            }
        }
    }

    /// Gives a worker those of its rows that no newer one took the place of. Only what is stored to be told in one message
    /// is: the others go to it as if they were due.
    fn give(&mut self, done: oneshot::Sender<Bundle>, deliveries: Vec<DeliveryId>) {
        let mut bundles = self.engine.claim_bundles(deliveries).into_iter();
        // A worker that is gone tells nothing any more; the rows are stored.
        drop(done.send(bundles.next().unwrap_or_default()));
        bundles.for_each(|bundle| drop(self.workers.send(bundle)));
    }

    /// When to wake without a request.
    fn wake_at(&self) -> Timestamp {
        let work = self.engine.next_deadline().min(self.lazy_since.after(LAZY));
        let idle = self.unsettled.is_empty() && self.put_back.is_zero() && self.away.is_zero();
        let work = if idle { work } else { Timestamp::ZERO };
        if self.failing { work.max(self.retry_at) } else { work }
    }

    /// The moment of what comes while others are decided: an alert that ended just before it was sent is over, and would
    /// fire once more at the moment at which the others came. A leap of the clock is the next look's business.
    fn later(&self, now: Timestamp) -> Timestamp {
        now.max(self.clock.now().min(self.looks.expected()))
    }

    /// The present moment; a wall clock that jumped forward, or a machine that slept, is an outage.
    fn look_at_clocks(&mut self) -> Timestamp {
        let now = self.clock.now();
        let (before, jump) = self.looks.look(now);
        match jump {
            Some(Jump::Forward(by)) => {
                tracing::warn!(seconds = by.as_secs(), "The clock jumped forward: nothing runs out for a while");
                self.away += by;
                self.engine.suspend(before, now);
                self.engine.resume(now);
            }
            Some(Jump::Back(by)) => {
                tracing::warn!(
                    seconds = by.as_secs(),
                    "The clock was put back: what was to happen later comes as soon"
                );
                self.put_back += by;
                self.engine.clock_put_back(by);
                self.put_own_times_back(by);
            }
            None => {}
        }
        now
    }

    /// Stores what still waits, and a checkpoint.
    fn finish(&mut self) -> Result<(), StoreError> {
        failpoint::reached(Point::Drained);
        let now = self.clock.now();
        while let Some(request) = self.kept.take().or_else(|| self.inbox.try_recv().ok()) {
            self.round(Some(request))?;
        }
        self.lazy_since = Timestamp::ZERO;
        self.commit(now, 0)?;
        self.store.checkpoint(now, &mut self.engine.snapshot())
    }
}
