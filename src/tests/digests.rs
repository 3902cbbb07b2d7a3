//! What is told in one message, through the real engine, driver and workers: killed after every commit, and with a receiver
//! for which it is too much.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::settings::{Per, RateLimit};
use crate::core::change::{Actor, Change, GroupId};
use crate::core::engine::Options;
use crate::core::ingest::Batch;
use crate::core::outbox::Delivery;
use crate::core::testing::policy;
use crate::core::view::View;
use crate::delivery::worker;
use crate::driver::Driver;
use crate::metrics::Metrics;
use crate::receivers::answer::SendError;
use crate::receivers::limit::Limit;
use crate::receivers::notice::Sent;
use crate::receivers::test_support::context;
use crate::receivers::{Context, Receivers, Sender};
use crate::store::memory::Memory;
use crate::store::{Entry, Fence, Loaded, Past, Retention, Seq, Store, StoreError};
use crate::time::{Clock, Timestamp};

/// How many groups fire.
const ALERTS: usize = 300;

/// A store that takes so many commits; with the next one its process is dead.
struct Mortal(Memory, AtomicU64);

impl Store for Mortal {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.0.load()
    }

    fn commit(&mut self, at: Timestamp, changes: &[Change], fence: Fence) -> Result<Seq, StoreError> {
        match self.1.get_mut() {
            0 => Err(StoreError::Conflict),
            left => {
                *left -= 1;
                self.0.commit(at, changes, fence)
            }
        }
    }

    fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.0.changes_since(seq, limit)
    }

    fn past(&self) -> Arc<dyn Past> {
        self.0.past()
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, at: Timestamp, state: &mut dyn Iterator<Item = Change>) -> Result<(), StoreError> {
        self.0.checkpoint(at, state)
    }

    fn owns(&self, group: &GroupId) -> bool {
        self.0.owns(group)
    }

    fn size(&self) -> u64 {
        self.0.size()
    }
}

/// The messages that a receiver took: ids and alerts.
type Book = Vec<(String, BTreeSet<String>)>;

/// A receiver that takes messages of at most so many alerts.
#[derive(Clone)]
struct Picky {
    most: usize,
    says: SendError,
    took: Arc<Mutex<Book>>,
    attempts: Arc<AtomicU64>,
}

impl Picky {
    fn new(most: usize, says: SendError) -> Self {
        Self { most, says, took: Arc::default(), attempts: Arc::default() }
    }
}

impl Sender for Picky {
    fn send<'a>(&'a self, row: &'a Delivery, _: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(async {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
            if row.alerts.len() > self.most {
                return Err(self.says.clone());
            }
            let alerts = row.alerts.iter().map(|told| told.alert.labels.value("alertname").to_owned());
            self.took.lock().push((row.notification_id(), alerts.collect()));
            Ok(Sent::default())
        })
    }
}

/// One life on a store that takes so many commits; in the first everything fires. Says how it stood at rest, or nothing if
/// it was killed before.
async fn live(store: &Memory, commits: u64, receiver: &Picky, clock: Clock, first: bool) -> Option<Arc<View>> {
    let (workers, rows) = mpsc::unbounded_channel();
    let mortal = Box::new(Mortal(store.clone(), AtomicU64::new(commits)));
    let (driver, handle, _) = Driver::load(mortal, Arc::new(policy()), Options::default(), clock, workers).unwrap();
    let mut receivers = Receivers::new(&[], context(), None);
    let limit = RateLimit { tokens: NonZeroU32::MIN, per: Per::Second, burst: NonZeroU32::MIN };
    let limit = Some(Arc::new(Limit::new(limit)));
    receivers.insert_limited("hook", "webhook", Duration::from_secs(30), Box::new(receiver.clone()), limit);
    let shared = worker::Shared {
        receivers: Arc::new(ArcSwap::from_pointee(receivers)),
        driver: handle.clone(),
        metrics: Arc::new(Metrics::new(clock.now())),
        recent: Arc::default(),
    };
    let (tasks, never) = (TaskTracker::new(), CancellationToken::new());
    let mut driver = tasks.spawn(driver.run(never.clone()));
    let worker = tasks.spawn(worker::run(shared, rows, never));
    if first {
        let (now, mut batch) = (clock.now(), Batch::default());
        for alert in 0..ALERTS {
            let name = format!("A{alert:03}");
            let mut labels = vec![("alertname", name.as_str())];
            batch.push(&mut labels, &mut vec![], "", now, now.after(Duration::from_secs(36_000))).unwrap();
        }
        // Who is not answered does not count.
        drop(handle.put_alerts(Actor::Clock, batch).await);
    }
    let started = clock.now();
    let at_rest = async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let view = handle.view().await.ok()?;
            let waited = clock.now().since(started);
            // The groups wait for half a minute.
            if waited > Duration::from_secs(60) && (view.outbox.is_empty() || waited > Duration::from_secs(3_600)) {
                return Some(view);
            }
        }
    };
    let view = tokio::select! {
        view = at_rest => view,
        _ = &mut driver => None,
    };
    // What is in flight dies with it.
    worker.abort();
    driver.abort();
    drop(worker.await);
    view
}

/// Kills the service after each of its commits in turn, starts it again, and looks what its receiver was told.
async fn killed_after_every_commit(most: usize, says: SendError, attempts: u64) {
    for commits in 1.. {
        let clock = Clock::Virtual { epoch: Timestamp::new(1_800_000_000, 0), started: tokio::time::Instant::now() };
        let (store, receiver) = (Memory::new(Retention::default()), Picky::new(most, says.clone()));
        let first = live(&store, commits, &receiver, clock, true).await;
        let survived = first.is_some();
        let rest = match first {
            Some(view) => view,
            None => live(&store, u64::MAX, &receiver, clock, false).await.unwrap(),
        };
        assert_eq!((rest.outbox.len(), rest.dead_letters.len()), (0, 0), "{commits}");
        let (mut said, mut told) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<String>>::new());
        for (id, alerts) in receiver.took.lock().iter() {
            assert_eq!(said.entry(id.clone()).or_insert_with(|| alerts.clone()), alerts, "{commits}: one id");
            for alert in alerts {
                told.entry(alert.clone()).or_default().insert(id.clone());
            }
        }
        assert_eq!(told.len(), ALERTS, "{commits}: all are told");
        let doubled: Vec<_> = told.iter().filter(|(_, ids)| ids.len() > 1).collect();
        assert!(doubled.is_empty(), "{commits}: told under several ids: {doubled:?}");
        if survived {
            assert!(receiver.attempts.load(Ordering::Relaxed) <= attempts, "{:?}", receiver.attempts);
            assert!(commits > 4, "there was something to kill");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_told_again_only_as_it_was_whenever_the_process_is_killed() {
    killed_after_every_commit(usize::MAX, SendError::refused("413"), 10).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_as_too_much_is_told_in_parts_whenever_the_process_is_killed() {
    killed_after_every_commit(100, SendError::refused("413"), 20).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_for_a_gateway_is_told_in_parts_whenever_the_process_is_killed() {
    killed_after_every_commit(100, SendError::retry("502"), 30).await;
}
