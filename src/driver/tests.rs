//! The driver on tokio's paused clock, with a store that fails on demand and workers that are a channel.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::commit::STORE_RETRY;
use super::*;
use crate::core::change::Actor;
use crate::core::ingest::Batch;
use crate::core::outbox::{Delivery, Outcome};
use crate::core::testing;
use crate::store::memory::{Faults, Faulty, Memory};
use crate::store::{Retention, Seq};

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) struct Service {
    pub(super) handle: Handle,
    pub(super) rows: mpsc::UnboundedReceiver<Bundle>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Service {
    /// The next row that is handed out, alone.
    async fn row(&mut self) -> Arc<Delivery> {
        let [row] = self.rows.recv().await.unwrap().try_into().unwrap();
        row
    }
}

pub(super) fn clock() -> Clock {
    Clock::Virtual { epoch: Timestamp::new(1_800_000_000, 0), started: tokio::time::Instant::now() }
}

pub(super) fn start(store: Box<dyn Store>, clock: Clock) -> Service {
    start_under(testing::policy(), store, clock)
}

pub(super) fn start_under(policy: Policy, store: Box<dyn Store>, clock: Clock) -> Service {
    let (workers, rows) = mpsc::unbounded_channel();
    let policy = Arc::new(policy);
    let (mut driver, handle, damage) = Driver::load(store, policy, Options::default(), clock, workers).unwrap();
    assert_eq!(damage, None);
    driver.note_configuration("hash".into(), "text".into());
    let stop = CancellationToken::new();
    let running = tokio_util::task::TaskTracker::new().spawn(driver.run(stop.clone()));
    Service { handle, rows, stop, running }
}

pub(super) fn alert(name: &str, ends_in: Duration, clock: Clock) -> Batch {
    let mut batch = Batch::default();
    let ends_at = clock.now().after(ends_in);
    batch.push(&mut vec![("alertname", name)], &mut vec![], "", Timestamp::new(1_800_000_000, 0), ends_at).unwrap();
    batch
}

pub(super) fn sender() -> Actor {
    Actor::Sender("test".into())
}

#[tokio::test(start_paused = true)]
async fn tells_after_the_group_wait_and_forgets_the_row_when_it_was_delivered() {
    let clock = clock();
    let mut service = start(Box::new(Memory::new(Retention::default())), clock);
    assert_eq!(service.handle.put_alerts(sender(), alert("Disk", 3600 * SECOND, clock)).await, Ok(vec![]));
    let row = service.row().await;
    assert_eq!(clock.now(), Timestamp::new(1_800_000_030, 0));
    assert_eq!(service.handle.view().await.unwrap().outbox.len(), 1);
    service.handle.settled(vec![row.id], Outcome::delivered(), 0.5).await.unwrap();
    assert!(service.handle.view().await.unwrap().outbox.is_empty());
}

#[test]
fn what_comes_while_others_are_decided_is_over_if_it_ended_before() {
    let store = Box::new(Memory::new(Retention::default()));
    let (policy, options) = (Arc::new(testing::policy()), Options::default());
    let (mut driver, handle, _) =
        Driver::load(store, policy, options, Clock::System, mpsc::unbounded_channel().0).unwrap();
    let ask = |batch| Request::Alerts { actor: sender(), batch, done: oneshot::channel().0 };
    // To decide so many takes longer.
    let (mut many, mut one) = (Batch::default(), Batch::default());
    for number in 0..20_000 {
        let number = number.to_string();
        let mut labels = vec![("alertname", "Disk"), ("n", &number)];
        many.push(&mut labels, &mut vec![], "", Timestamp::ZERO, Timestamp::ZERO).unwrap();
    }
    let ends_at = Clock::System.now().after(Duration::from_millis(2));
    one.push(&mut vec![("alertname", "Net")], &mut vec![], "", Timestamp::ZERO, ends_at).unwrap();
    let fingerprint = one.iter().next().unwrap().fingerprint;
    handle.inbox.try_send(ask(one)).ok().unwrap();
    driver.round(Some(ask(many))).unwrap();
    let view = driver.engine.view();
    let net = &view.alerts.get(fingerprint).unwrap().alert;
    assert!(net.ended_explicitly(), "it was decided at {} and ended at {ends_at}", net.updated_at);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_refuses_alerts_keeps_answers_and_lets_nothing_run_out_afterwards() {
    let clock = clock();
    let faults = Faults::default();
    let store = Faulty::new(Memory::new(Retention::default()), faults.clone());
    let mut service = start(Box::new(store), clock);
    service.handle.put_alerts(sender(), alert("Disk", 120 * SECOND, clock)).await.unwrap();
    let row = service.row().await;
    faults.fail_all(true);
    let refused = service.handle.put_alerts(sender(), alert("Net", 3600 * SECOND, clock)).await;
    assert!(refused.unwrap_err().to_string().starts_with("not stored, try again"));
    assert!(service.handle.health().trouble.load().is_some());
    service.handle.settled(vec![row.id], Outcome::delivered(), 0.5).await.unwrap();
    let view = service.handle.view().await.unwrap();
    assert_eq!((view.alerts.len(), view.outbox.len()), (1, 1), "reading goes on, and shows what was committed");
    tokio::time::sleep(300 * SECOND).await;
    faults.fail_all(false);
    tokio::time::sleep(2 * SECOND).await;
    let view = service.handle.view().await.unwrap();
    assert!(view.outbox.is_empty(), "what the worker reported was kept");
    assert!(service.handle.health().trouble.load().is_none());
    let disk = view.alerts.iter().next().unwrap();
    assert!(disk.alert.ended(clock.now()) && !view.grace.resolved(&disk.alert, clock.now()));
    assert!(service.rows.try_recv().is_err(), "nobody is told that it is over");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_stored_within_a_second_and_a_restart_goes_on_where_it_stopped() {
    let clock = clock();
    let store = Memory::new(Retention::default());
    let mut service = start(Box::new(store.clone()), clock);
    service.handle.put_alerts(sender(), alert("Disk", 60 * SECOND, clock)).await.unwrap();
    let row = service.row().await;
    let commits = service.handle.health().commits.load(Ordering::Relaxed);
    service.handle.put_alerts(sender(), alert("Disk", 600 * SECOND, clock)).await.unwrap();
    assert_eq!(
        service.handle.health().commits.load(Ordering::Relaxed),
        commits,
        "a refresh makes no commit of its own"
    );
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(service.handle.health().commits.load(Ordering::Relaxed), commits + 1);
    // The process dies: nothing is finished.
    service.running.abort();
    assert!(service.running.await.unwrap_err().is_cancelled());

    let mut service = start(Box::new(store.clone()), clock);
    let again = service.row().await;
    assert_eq!((again.id, again.notification_id()), (row.id, row.notification_id()), "told again under the same id");
    service.handle.settled(vec![again.id], Outcome::delivered(), 0.5).await.unwrap();
    let view = service.handle.view().await.unwrap();
    assert_eq!(view.alerts.iter().next().unwrap().alert.ends_at, Timestamp::new(1_800_000_630, 0));
    service.stop.cancel();
    assert!(service.running.await.unwrap().is_ok());
    assert!(service.handle.view().await.is_err(), "a driver that stopped answers so");

    let entries = store.changes_since(Seq(0), 100).unwrap();
    let noted = |change: &Change| matches!(change, Change::Config { hash, .. } if hash == "hash");
    assert!(entries.iter().flat_map(|entry| &entry.changes).any(noted), "the journal knows the configuration");

    let mut service = start(Box::new(store), clock);
    assert_eq!(service.handle.view().await.unwrap().alerts.len(), 1, "from the checkpoint of the stop");
    assert!(service.rows.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_told_while_the_store_fails_and_nothing_piles_up() {
    let clock = clock();
    let faults = Faults::default();
    let mut service = start(Box::new(Faulty::new(Memory::new(Retention::default()), faults.clone())), clock);
    service.handle.put_alerts(sender(), alert("Disk", 3600 * SECOND, clock)).await.unwrap();
    let row = service.row().await;
    faults.fail_all(true);
    let failed = Outcome::Retry { error: "500".into(), after: None, exchange: Default::default() };
    for attempt in 1..=3 {
        let reported = clock.now();
        service.handle.settled(vec![row.id], failed.clone(), 0.5).await.unwrap();
        let again = service.row().await;
        assert_eq!((again.id, again.attempts), (row.id, 0), "attempt {attempt}");
        assert!((10..=12).contains(&clock.now().since(reported).as_secs()), "{}", clock.now());
    }
    for _ in 0..3 {
        let refreshed = service.handle.put_alerts(sender(), alert("Disk", 3700 * SECOND, clock)).await;
        assert!(refreshed.is_err(), "a refresh is refused as well");
        tokio::time::sleep(SECOND / 3).await;
    }
    service.handle.settled(vec![row.id], Outcome::delivered(), 0.5).await.unwrap();
    faults.fail_all(false);
    tokio::time::sleep(2 * SECOND).await;
    assert!(service.handle.view().await.unwrap().outbox.is_empty());
}

/// Fires so many groups and plays a worker that keeps their rows until their receiver may be told.
async fn parked(service: &mut Service, groups: usize, clock: Clock) -> Vec<DeliveryId> {
    for group in 0..groups {
        let fires = alert(&format!("A{group}"), 36_000 * SECOND, clock);
        service.handle.put_alerts(sender(), fires).await.unwrap();
    }
    let mut rows = Vec::new();
    while rows.len() < groups {
        let row = service.row().await.id;
        service.handle.parked(row).await.unwrap();
        rows.push(row);
    }
    rows
}

#[tokio::test(start_paused = true)]
async fn what_was_told_in_one_message_is_one_commit_and_made_again_as_one() {
    let (clock, faults) = (clock(), Faults::default());
    let mut service = start(Box::new(Faulty::new(Memory::new(Retention::default()), faults.clone())), clock);
    let rows = parked(&mut service, 30, clock).await;
    faults.fail_all(true);
    let alone = service.handle.claim(rows.clone()).await.unwrap();
    assert_eq!(alone.len(), 1, "what is not stored is not told: that they belong together");
    for _ in 1..30 {
        service.row().await;
    }
    faults.fail_all(false);
    for row in &rows {
        service.handle.parked(*row).await.unwrap();
    }
    let digest = service.handle.claim(rows.clone()).await.unwrap();
    assert_eq!(digest.len(), 30);
    faults.fail_all(true);
    let failed = Outcome::Retry { error: "500".into(), after: None, exchange: Default::default() };
    service.handle.settled(rows.clone(), failed, 0.5).await.unwrap();
    let again = service.rows.recv().await.unwrap();
    assert_eq!(again, digest, "in one message, without being counted");
    faults.fail_all(false);
    let commits = || service.handle.health().commits.load(Ordering::Relaxed);
    let before = commits();
    service.handle.settled(rows, Outcome::delivered(), 0.5).await.unwrap();
    assert!(service.handle.view().await.unwrap().outbox.is_empty());
    assert_eq!(commits(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_reloads_sends_nothing_twice_and_takes_nothing_back() {
    let clock = clock();
    let mut service = start(Box::new(Memory::new(Retention::default())), clock);
    service.handle.put_alerts(sender(), alert("Disk", 3600 * SECOND, clock)).await.unwrap();
    let row = service.row().await;
    // The receiver takes its time; a hundred reloads come meanwhile, every second one with other intervals.
    for number in 0..100_u32 {
        tokio::time::sleep(SECOND / 10).await;
        let mut policy = testing::policy();
        policy.routes[0].group_interval = (300 + number % 2) * SECOND;
        let reloaded = service.handle.reload(Actor::Clock, Arc::new(policy), "hash".into(), "text".into());
        reloaded.await.unwrap();
    }
    assert!(service.rows.try_recv().is_err(), "it is with a worker");
    assert_eq!(service.handle.view().await.unwrap().outbox.keys().copied().collect::<Vec<_>>(), [row.id]);
    service.handle.settled(vec![row.id], Outcome::delivered(), 0.5).await.unwrap();
    tokio::time::sleep(1000 * SECOND).await;
    assert!(service.rows.try_recv().is_err(), "nothing is told twice");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_of_the_clock_that_is_right_and_is_over_as_soon() {
    let clock = clock();
    let faults = Faults::default();
    let store = Box::new(Faulty::new(Memory::new(Retention::default()), faults.clone()));
    let (workers, _rows) = mpsc::unbounded_channel();
    let loaded = Driver::load(store, Arc::new(testing::policy()), Options::default(), clock, workers);
    let (mut driver, handle, _) = loaded.unwrap();
    let post = |name: &str, clock: Clock| Request::Alerts {
        actor: sender(),
        batch: alert(name, 3600 * SECOND, clock),
        done: oneshot::channel().0,
    };
    driver.round(Some(post("Disk", clock))).unwrap();
    tokio::time::advance(20 * SECOND).await;
    faults.fail_all(true);
    driver.round(Some(post("Net", clock))).unwrap();
    tokio::time::advance(5 * SECOND).await;
    let Clock::Virtual { epoch, started } = clock else { unreachable!("the test's clock is one") };
    driver.clock = Clock::Virtual { epoch: epoch.before(3600 * SECOND), started };
    let began = driver.clock.now().before(5 * SECOND);
    for _ in 0..3 {
        driver.round(Some(post("Net", driver.clock))).unwrap();
        assert_eq!((driver.last_good, driver.engine.view().grace.from), (began, began));
    }
    assert!(driver.wake_at() <= driver.clock.now().after(STORE_RETRY), "the store is tried again as soon");
    assert!(handle.health().trouble.load().is_some());
    faults.fail_all(false);
    tokio::time::advance(STORE_RETRY).await;
    driver.round(None).unwrap();
    let until = driver.clock.now().after(300 * SECOND);
    let grace = driver.engine.view().grace;
    assert_eq!((grace.from, grace.until), (began, until));
    assert!(handle.health().trouble.load().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_cannot_be_written_is_left_alone_for_longer_and_longer() {
    let (clock, faults) = (clock(), Faults::default());
    let retention = Retention { checkpoint_after: 1, ..Retention::default() };
    let service = start(Box::new(Faulty::new(Memory::new(retention), faults.clone())), clock);
    faults.fail_checkpoints(true);
    let (began, mut failed_at) = (clock.now(), Vec::new());
    let failures = || service.handle.health().checkpoint_failures.load(Ordering::Relaxed);
    let mut number = 0;
    let mut post = async || {
        number += 1;
        let name = format!("Disk{number}");
        service.handle.put_alerts(sender(), alert(&name, 36_000 * SECOND, clock)).await.unwrap();
    };
    for _ in 0..240 {
        let before = failures();
        post().await;
        if failures() > before {
            failed_at.push(clock.now().since(began).as_secs());
        }
        tokio::time::sleep(10 * SECOND).await;
    }
    assert_eq!(failed_at, [0, 60, 180, 420, 900, 1_500, 2_100], "each commit goes well, and few of them try");
    assert!(service.handle.health().trouble.load().is_none(), "the store works");
    let trouble = || service.handle.health().checkpoint_trouble.load_full();
    assert!(trouble().is_some_and(|trouble| trouble.contains("no room for a checkpoint")));

    faults.fail_checkpoints(false);
    tokio::time::sleep(300 * SECOND).await;
    post().await;
    assert_eq!(trouble(), None);
    faults.fail_checkpoints(true);
    let before = failures();
    post().await;
    tokio::time::sleep(60 * SECOND).await;
    post().await;
    assert_eq!(failures(), before + 2, "the next that fails begins anew with a minute");
}

#[tokio::test(start_paused = true)]
async fn a_pause_for_checkpoints_is_of_the_clock_that_is_right() {
    let (clock, faults) = (clock(), Faults::default());
    faults.fail_checkpoints(true);
    let retention = Retention { checkpoint_after: 1, ..Retention::default() };
    let store = Box::new(Faulty::new(Memory::new(retention), faults));
    let (workers, _rows) = mpsc::unbounded_channel();
    let loaded = Driver::load(store, Arc::new(testing::policy()), Options::default(), clock, workers);
    let (mut driver, handle, _) = loaded.unwrap();
    let Clock::Virtual { epoch, started } = clock else { unreachable!("the test's clock is one") };
    for (attempt, clock) in [(1, clock), (2, Clock::Virtual { epoch: epoch.before(3600 * SECOND), started })] {
        driver.clock = clock;
        let (actor, batch) = (sender(), alert(&format!("Disk{attempt}"), 3600 * SECOND, clock));
        driver.round(Some(Request::Alerts { actor, batch, done: oneshot::channel().0 })).unwrap();
        assert_eq!(handle.health().checkpoint_failures.load(Ordering::Relaxed), attempt);
        tokio::time::advance(60 * SECOND).await;
    }
}
