//! The task that sends what is due.
//!
//! Every integration of a receiver has a lane: at most [`PER_LANE`] attempts at once, the rest waits, the most
//! urgent first and of these in order of arrival (the engine hands out no more than as many again). Over all lanes about [`IN_ALL`] attempts run at once, and a lane that already has some must leave room for
//! as many more. So receivers that hang take a half, then a half of the rest, and so on; and a lane that has nothing in
//! flight may always start one, whatever the others do.
//!
//! What a receiver may not be told yet (`rate_limit`) waits before its lane, the most urgent first. It is parked: the
//! engine may put a newer state of its thread in its place, so that what waits is merged, and it is claimed before it is
//! sent. Waiting for the limit is no attempt. Where too much waits it goes out as one message (`digest`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::digest;
use super::recent::{Recent, in_short};
use super::room::Room;
use crate::core::note::AttemptEnd;
use crate::core::outbox::{Delivery, DeliveryId, Exchange, Outcome, Thread};
use crate::core::together::Bundle;
use crate::core::urgency::Urgency;
use crate::driver::Handle;
use crate::failpoint::{self, Point};
use crate::metrics::Metrics;
use crate::receivers::Receivers;
use crate::receivers::answer::SendError;
use crate::receivers::exchange;
use crate::receivers::limit::Limit;
use crate::receivers::notice::Sent;

/// How many attempts run at once.
const IN_ALL: usize = 256;
/// How many attempts run at once to one integration of a receiver.
const PER_LANE: usize = 64;
/// How long attempts may go on after the service was told to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// With the pace of the engine's retries, this many failed attempts take about ten seconds: the shortest time that
/// Alertmanager tries before it counts a notification as failed.
const ATTEMPTS_BEFORE_FAILED: u32 = 6;

/// What an attempt needs; shared by all.
pub struct Shared {
    /// Who can be told; exchanged at a reload.
    pub receivers: Arc<ArcSwap<Receivers>>,
    /// Where outcomes go.
    pub driver: Handle,
    /// What counts.
    pub metrics: Arc<Metrics>,
    /// For whoever looks what was said and heard.
    pub recent: Arc<Recent>,
}

/// Sends what comes in through `rows` until `stop` or until there is nobody who sends rows any more; then lets the
/// attempts in flight end, for at most ten seconds. Rows that were not sent stay in the store and come again.
pub async fn run(shared: Shared, mut rows: UnboundedReceiver<Bundle>, stop: CancellationToken) {
    let mut lanes = Lanes::new(Arc::new(shared));
    loop {
        let opens_at = lanes.rooms.values().map(|room| room.opens_at).min();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = lanes.one_ends(), if lanes.total() > 0 => lanes.start_all(),
            () = reached(opens_at) => lanes.let_in().await,
            row = rows.recv() => match row {
                Some(rows) => lanes.add(Waiting { rows, parked: false }).await,
                None => break,
            },
        }
    }
    let drained = tokio::time::timeout(DRAIN, async {
        while lanes.total() > 0 {
            lanes.one_ends().await;
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            in_flight = lanes.total(),
            "Stopped sending; what was in flight will be sent again at the next start"
        );
    }
}

/// Waits until a moment, or for ever.
async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// An integration of a receiver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LaneKey {
    receiver: Arc<str>,
    kind: Arc<str>,
    index: u32,
}

impl LaneKey {
    fn of(thread: &Thread) -> Self {
        Self { receiver: Arc::clone(&thread.receiver), kind: Arc::clone(&thread.kind), index: thread.index }
    }
}

/// Rows on their way to an attempt.
struct Waiting {
    rows: Bundle,
    /// Whether newer ones may have taken their places: they must be claimed.
    parked: bool,
}

impl Waiting {
    fn urgency(&self) -> Option<Urgency> {
        self.rows.iter().map(|row| row.urgency()).min()
    }
}

#[derive(Default)]
struct Lane {
    in_flight: usize,
    waiting: VecDeque<Waiting>,
}

/// All lanes, the rooms before them, and what is in flight. A lane without rows is not kept, nor is a room.
struct Lanes {
    shared: Arc<Shared>,
    lanes: BTreeMap<LaneKey, Lane>,
    /// By the number of their bucket.
    rooms: BTreeMap<u64, Room>,
    attempts: JoinSet<()>,
    in_flight: HashMap<Id, Vec<Arc<Delivery>>>,
}

impl Lanes {
    fn new(shared: Arc<Shared>) -> Self {
        let (lanes, rooms) = (BTreeMap::new(), BTreeMap::new());
        Self { shared, lanes, rooms, attempts: JoinSet::new(), in_flight: HashMap::new() }
    }

    fn total(&self) -> usize {
        self.in_flight.len()
    }

    /// Lets rows into their lane, if their receiver may be told now.
    async fn add(&mut self, waiting: Waiting) {
        let limit = waiting.rows.first().and_then(|row| self.limit_of(row));
        let Some(limit) = limit else { return self.enter(waiting) };
        let bucket = limit.number();
        let mut opens_at = Instant::now();
        // Where others wait nobody goes before them.
        if !self.rooms.contains_key(&bucket) {
            match limit.take() {
                Ok(()) => return self.enter(waiting),
                Err(wait) => opens_at += wait,
            }
        }
        let room = self.rooms.entry(bucket).or_insert_with(|| Room::new(limit, opens_at));
        for row in &waiting.rows {
            if room.put(Arc::clone(row)) {
                self.shared.metrics.telling.rate_limit_waits(&row.thread.kind);
            }
        }
        for row in waiting.rows.iter().filter(|_| !waiting.parked) {
            if self.shared.driver.parked(row.id).await.is_err() {
                tracing::debug!(delivery.id = row.id.0, "Stopping: the row waits in the store");
            }
        }
    }

    fn enter(&mut self, waiting: Waiting) {
        let Some(key) = waiting.rows.first().map(|row| LaneKey::of(&row.thread)) else { return };
        let queue = &mut self.lanes.entry(key.clone()).or_default().waiting;
        let behind = queue.iter().rposition(|before| before.urgency() <= waiting.urgency());
        queue.insert(behind.map_or(0, |place| place + 1), waiting);
        self.start(&key);
    }

    /// Lets rows out of the rooms and into their lanes, as many as there are tokens.
    async fn let_in(&mut self) {
        let now = Instant::now();
        let open = self.rooms.iter().filter(|(_, room)| room.opens_at <= now).map(|(bucket, _)| *bucket);
        let open: Vec<u64> = open.collect();
        for bucket in open {
            while let Some((row, limit)) = self.next_of(bucket) {
                if self.limit_of(&row).is_some_and(|now| Arc::ptr_eq(&now, &limit)) {
                    let mut rows = self.overflow(bucket, &row);
                    rows.push(row);
                    self.enter(Waiting { rows, parked: true });
                } else {
                    self.leave(bucket, row).await;
                }
            }
        }
        self.rooms.retain(|_, room| !room.is_empty());
    }

    /// The next row of a room, if its bucket has a token.
    fn next_of(&mut self, bucket: u64) -> Option<(Arc<Delivery>, Arc<Limit>)> {
        let room = self.rooms.get_mut(&bucket).filter(|room| !room.is_empty())?;
        match room.limit.take() {
            Ok(()) => {
                let row = room.pop()?;
                self.shared.metrics.telling.rate_limit_waits_no_more(&row.thread.kind);
                Some((row, Arc::clone(&room.limit)))
            }
            Err(wait) => {
                room.opens_at = Instant::now() + wait;
                None
            }
        }
    }

    /// What is to be told together with a row that has its turn, where too much waits behind it.
    fn overflow(&mut self, bucket: u64, first: &Delivery) -> Vec<Arc<Delivery>> {
        let digests = self.shared.receivers.load().find(&first.thread).is_ok_and(|integration| integration.digest);
        let Some(room) = self.rooms.get_mut(&bucket).filter(|_| digests) else { return Vec::new() };
        let others = room.overflow(first);
        for row in &others {
            self.shared.metrics.telling.rate_limit_waits_no_more(&row.thread.kind);
        }
        others
    }

    /// After a reload another limit holds for a room, or none: `first`, which has left it, and all others move.
    async fn leave(&mut self, bucket: u64, first: Arc<Delivery>) {
        let (mut all, mut next) = (Vec::new(), Some(first));
        let mut room = self.rooms.remove(&bucket);
        while let Some(row) = next {
            let mut rows = match &mut room {
                Some(room) if row.told_with.is_some() => room.overflow(&row),
                _ => Vec::new(),
            };
            next = room.as_mut().and_then(Room::pop);
            for row in rows.iter().chain(&next) {
                self.shared.metrics.telling.rate_limit_waits_no_more(&row.thread.kind);
            }
            rows.push(row);
            all.push(rows);
        }
        for rows in all {
            self.add(Waiting { rows, parked: true }).await;
        }
    }

    fn limit_of(&self, row: &Delivery) -> Option<Arc<Limit>> {
        self.shared.receivers.load().find(&row.thread).ok()?.limit.clone()
    }

    /// Waits for an attempt to end; there must be one.
    async fn one_ends(&mut self) {
        let Some(ended) = self.attempts.join_next_with_id().await else { return };
        let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, ())| *id);
        let rows = self.in_flight.remove(&id).unwrap_or_default();
        if let Some(lane) = rows.first().and_then(|row| self.lanes.get_mut(&LaneKey::of(&row.thread))) {
            lane.in_flight -= 1;
        }
        if let Some(first) = rows.first().filter(|_| ended.is_err()) {
            // Only a defect leads here. The rows must not be lost for it.
            tracing::error!(delivery.id = first.id.0, "An attempt to send panicked");
            let outcome = Outcome::Retry {
                error: "internal error: the attempt panicked".into(),
                after: None,
                exchange: Exchange::default(),
            };
            report(&self.shared, &rows, jitter(first), outcome).await;
        }
    }

    fn start_all(&mut self) {
        let waiting: Vec<_> =
            self.lanes.iter().filter(|(_, lane)| !lane.waiting.is_empty()).map(|(key, _)| key.clone()).collect();
        for key in waiting {
            self.start(&key);
        }
        self.lanes.retain(|_, lane| lane.in_flight > 0 || !lane.waiting.is_empty());
    }

    fn start(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        while may_start(lane.in_flight, self.in_flight.len()) {
            let Some(Waiting { rows, parked }) = lane.waiting.pop_front() else { return };
            lane.in_flight += 1;
            let shared = Arc::clone(&self.shared);
            let attempt = if parked {
                self.attempts.spawn(claimed_attempt(shared, rows.iter().map(|row| row.id).collect()))
            } else {
                self.attempts.spawn(attempt(shared, rows.clone()))
            };
            self.in_flight.insert(attempt.id(), rows);
        }
    }
}

/// Whether a lane with `in_lane` attempts in flight may start one more while `in_all` are in flight.
fn may_start(in_lane: usize, in_all: usize) -> bool {
    in_lane == 0 || (in_lane < PER_LANE && in_lane < IN_ALL.saturating_sub(in_all))
}

/// An attempt with rows that were parked, but for those whose place a newer one took; that one has come, or comes.
async fn claimed_attempt(shared: Arc<Shared>, ids: Vec<DeliveryId>) {
    let rows = shared.driver.claim(ids).await.unwrap_or_default();
    if !rows.is_empty() {
        attempt(shared, rows).await;
    }
}

/// Tells one row, or several of one integration in one message; they are settled together with what came of it.
async fn attempt(shared: Arc<Shared>, rows: Bundle) {
    let names_all =
        rows.first().and_then(|row| Some(shared.receivers.load().find(&row.thread).ok()?.names_all())).unwrap_or(true);
    let row = match rows.as_slice() {
        [row] => Arc::clone(row),
        _ => match digest::combined(&rows, names_all) {
            Some(digest) => Arc::new(digest),
            None => return,
        },
    };
    failpoint::reached(Point::AttemptBegun);
    let started = Instant::now();
    let (result, exchange) = exchange::of(send(&shared, &row)).await;
    failpoint::reached(Point::AttemptEnded);
    let duration = started.elapsed();
    log(&row, &result, duration);
    // Nothing was attempted where there is nobody to tell yet.
    if !matches!(result, Err(SendError::NotConfigured { .. })) {
        shared.metrics.telling.attempted(&row.thread.kind, result.is_ok(), duration);
        count(&shared.metrics, &row, &result);
        keep(&shared, &row, &result, &exchange);
    }
    let mut outcome = match result {
        Ok(sent) => Outcome::Delivered { data: sent.data, answer: in_short(&exchange.answer) },
        Err(error) => error.outcome(exchange),
    };
    if let Outcome::Delivered { data, .. } = &mut outcome
        && rows.len() > 1
    {
        shared.metrics.telling.digested(&row.thread.kind, rows.len());
        // What the receiver wants to know again is about the digest, which is no message of any of the threads.
        data.clear();
    }
    report(&shared, &rows, jitter(&row), outcome).await;
    failpoint::reached(Point::OutcomeReported);
}

/// Keeps what was said and heard for whoever looks.
fn keep(shared: &Shared, row: &Delivery, result: &Result<Sent, SendError>, exchange: &Exchange) {
    let (end, error) = match result {
        Ok(_) => (AttemptEnd::Delivered, String::new()),
        Err(error @ SendError::Refused { .. }) => (AttemptEnd::Refused, error.to_string()),
        Err(error) => (AttemptEnd::Retry, error.to_string()),
    };
    let now = shared.receivers.load().context().clock.now();
    shared.recent.keep(now, row, end, &error, exchange);
}

fn log(row: &Delivery, result: &Result<Sent, SendError>, duration: Duration) {
    let (receiver, group_key, id) = (&*row.thread.receiver, &*row.thread.group_key, row.id.0);
    let integration = format!("{}[{}]", row.thread.kind, row.thread.index);
    let (attempts, duration_ms) = (row.attempts + 1, duration.as_millis());
    match result {
        // Told once, when the configuration was loaded.
        Err(error @ SendError::NotConfigured { .. }) => {
            tracing::debug!(receiver, integration, group.key = group_key, delivery.id = id, %error, "Waiting");
        }
        Err(error) => {
            let again = matches!(error, SendError::Retry { .. } | SendError::PutOff { .. });
            tracing::warn!(
                receiver, integration, group.key = group_key, delivery.id = id, attempts, duration_ms, again, %error,
                "Notify attempt failed"
            );
        }
        Ok(sent) => {
            tracing::debug!(
                receiver,
                integration,
                group.key = group_key,
                delivery.id = id,
                attempts,
                duration_ms,
                "Notify success"
            );
            for error in &sent.failed {
                let message = "A template failed; the notification went out with a built-in text in its place";
                tracing::warn!(receiver, integration, group.key = group_key, delivery.id = id, error, "{message}");
            }
            for what in &sent.cut {
                let message = "The notification was shortened to fit the receiver's limits";
                tracing::warn!(receiver, integration, group.key = group_key, delivery.id = id, what, "{message}");
            }
        }
    }
}

async fn send(shared: &Shared, row: &Delivery) -> Result<Sent, SendError> {
    let receivers = shared.receivers.load_full();
    receivers.find(&row.thread)?.attempt(row, receivers.context()).await
}

/// What succeeds or is refused is one notification. What is still tried after about ten seconds counts as a failed one
/// with each further attempt, so that a receiver that is down shows in the rate, as it does with Alertmanager.
fn count(metrics: &Metrics, row: &Delivery, result: &Result<Sent, SendError>) {
    let kind = &*row.thread.kind;
    match result {
        Ok(sent) => {
            metrics.telling.began(kind);
            metrics.telling.templates_failed(kind, sent.failed.len());
        }
        Err(SendError::Retry { .. } | SendError::PutOff { .. }) if row.attempts + 1 < ATTEMPTS_BEFORE_FAILED => {}
        Err(error) => {
            metrics.telling.began(kind);
            metrics.telling.failed(kind, error.failure());
        }
    }
}

async fn report(shared: &Shared, rows: &[Arc<Delivery>], jitter: f64, outcome: Outcome) {
    let deliveries = rows.iter().map(|row| row.id).collect();
    if shared.driver.settled(deliveries, outcome, jitter).await.is_err() {
        tracing::debug!(rows = rows.len(), "Stopping: the outcome could not be reported");
    }
}

/// A number from 0 to 1 that looks like chance, and is the same for the same attempt: rows that failed together do not
/// come back together, and what happened can be played again.
fn jitter(row: &Delivery) -> f64 {
    // FNV-1a, mixed once more for its high bits; 53 bits fill the number.
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
    let text = row.notification_id();
    let hashed = text.bytes().chain(row.attempts.to_le_bytes()).fold(14_695_981_039_346_656_037, hash);
    ((hashed ^ hashed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
