//! The worker in paused time, with scripted receivers and the driver's end of the channel.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::*;
use crate::config::settings::{Per, RateLimit};
use crate::core::outbox::DeliveryId;
use crate::driver::Request;
use crate::receivers::test_support::{context, delivery, told};
use crate::receivers::{Context, Sender};
use crate::time::Timestamp;

const LIMIT: Duration = Duration::from_secs(30);

/// Takes its time, then ends as told; counts what is in flight and the most there ever was.
struct Scripted {
    takes: Duration,
    result: Result<Sent, SendError>,
    flying: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Sender for Scripted {
    fn send<'a>(&'a self, _: &'a Delivery, _: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        struct Down<'a>(&'a AtomicUsize);
        impl Drop for Down<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        Box::pin(async {
            let now = self.flying.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(now, Ordering::Relaxed);
            let _down = Down(&self.flying);
            tokio::time::sleep(self.takes).await;
            self.result.clone()
        })
    }
}

struct Panics;

impl Sender for Panics {
    fn send<'a>(&'a self, _: &'a Delivery, _: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(async { panic!("on purpose") })
    }
}

/// A worker with receivers of a test; ends when dropped.
struct Rig {
    rows: mpsc::UnboundedSender<Bundle>,
    settled: mpsc::Receiver<Request>,
    stop: CancellationToken,
    worker: JoinSet<()>,
    receivers: Arc<ArcSwap<Receivers>>,
    metrics: Arc<Metrics>,
    next: u64,
}

impl Rig {
    fn new(receivers: Receivers) -> Self {
        let (rows, due) = mpsc::unbounded_channel();
        let (inbox, settled) = mpsc::channel(10_000);
        let (stop, metrics) = (CancellationToken::new(), Arc::new(Metrics::new(Timestamp::EPOCH)));
        let receivers = Arc::new(ArcSwap::from_pointee(receivers));
        let shared = Shared {
            receivers: Arc::clone(&receivers),
            driver: Handle::to(inbox),
            metrics: Arc::clone(&metrics),
            recent: Arc::default(),
        };
        let mut worker = JoinSet::new();
        worker.spawn(run(shared, due, stop.clone()));
        Self { rows, settled, stop, worker, receivers, metrics, next: 0 }
    }

    fn send(&mut self, receiver: &str, attempts: u32) -> DeliveryId {
        let mut row = delivery(vec![told(&[("a", "1")], &[], false)]);
        self.next += 1;
        (row.id, row.thread.receiver, row.attempts) = (DeliveryId(self.next), receiver.into(), attempts);
        let id = row.id;
        self.rows.send(vec![Arc::new(row)]).unwrap();
        id
    }

    /// A row of this thread of a receiver, about one alert of this severity.
    fn send_in(&mut self, receiver: &str, thread: &str, severity: &str) -> Arc<Delivery> {
        let mut row = delivery(vec![told(&[("a", "1"), ("severity", severity)], &[], false)]);
        self.next += 1;
        (row.id, row.thread.receiver, row.thread.group_key) = (DeliveryId(self.next), receiver.into(), thread.into());
        let row = Arc::new(row);
        self.rows.send(vec![Arc::clone(&row)]).unwrap();
        row
    }

    /// Plays the driver, in which these rows are waiting, until so many rows were delivered; says when each of them was,
    /// in seconds, and which rows were parked.
    async fn delivered(&mut self, number: usize, rows: &[Arc<Delivery>]) -> (Vec<(u64, u64)>, Vec<u64>) {
        let (started, mut delivered, mut parked) = (Instant::now(), Vec::new(), Vec::new());
        while delivered.len() < number {
            match self.settled.recv().await.unwrap() {
                Request::Parked { delivery } => parked.push(delivery.0),
                Request::Claim { deliveries, done } => drop(done.send(claimed(&deliveries, rows))),
                Request::Settled { deliveries, outcome, .. } => {
                    assert_eq!(outcome, Outcome::delivered());
                    let at = started.elapsed().as_secs();
                    delivered.extend(deliveries.into_iter().map(|delivery| (delivery.0, at)));
                }
                _ => panic!("nothing else is asked of the driver"),
            }
        }
        (delivered, parked)
    }

    async fn settled(&mut self) -> (DeliveryId, Outcome) {
        match self.settled.recv().await {
            Some(Request::Settled { deliveries, outcome, jitter }) => {
                assert!((0.0..1.0).contains(&jitter));
                let [delivery] = deliveries.try_into().unwrap();
                (delivery, outcome)
            }
            _ => panic!("nothing but outcomes is asked of the driver"),
        }
    }

    fn counted(&self, sample: &str) -> bool {
        self.metrics.render(None, Timestamp::EPOCH).lines().any(|line| line == sample)
    }
}

/// Those of the rows that have these ids.
fn claimed(ids: &[DeliveryId], rows: &[Arc<Delivery>]) -> Bundle {
    rows.iter().filter(|row| ids.contains(&row.id)).cloned().collect()
}

/// Receivers that take so many seconds and end so; and the most attempts that each had in flight.
fn receivers(rows: &[(&str, u64, Result<Sent, SendError>)]) -> (Receivers, Vec<Arc<AtomicUsize>>) {
    let mut all = Receivers::new(&[], context(), None);
    let mut most = Vec::new();
    for (name, takes, result) in rows {
        let scripted = Scripted {
            takes: Duration::from_secs(*takes),
            result: result.clone(),
            flying: Arc::default(),
            most: Arc::default(),
        };
        most.push(Arc::clone(&scripted.most));
        all.insert(name, "webhook", LIMIT, Box::new(scripted));
    }
    (all, most)
}

#[tokio::test(start_paused = true)]
async fn every_row_is_settled_with_what_its_receiver_said() {
    let later = SendError::Retry {
        error: "busy".into(),
        after: Some(Duration::from_secs(7)),
        failure: crate::metrics::FailureReason::RateLimited,
    };
    let (all, _) = receivers(&[
        ("ok", 1, Ok(Sent::default())),
        ("busy", 1, Err(later)),
        ("no", 1, Err(SendError::refused("no"))),
        ("hangs", 3600, Ok(Sent::default())),
    ]);
    let mut rig = Rig::new(all);
    let retry = |error: &str, after| Outcome::Retry { error: error.into(), after, exchange: Default::default() };
    let rows = [
        ("ok", Outcome::delivered()),
        ("busy", retry("busy", Some(Duration::from_secs(7)))),
        ("no", Outcome::Refused { error: "no".into(), exchange: Default::default() }),
        ("hangs", retry("no answer within 30s", None)),
        (
            "gone",
            Outcome::Refused {
                error: "the configuration has no receiver \"gone\"".into(),
                exchange: Default::default(),
            },
        ),
    ];
    for (receiver, expected) in rows {
        let id = rig.send(receiver, 0);
        assert_eq!(rig.settled().await, (id, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_receiver_is_an_attempt_that_failed() {
    let (mut all, _) = receivers(&[("ok", 0, Ok(Sent::default()))]);
    all.insert("bad", "webhook", LIMIT, Box::new(Panics));
    let mut rig = Rig::new(all);
    let id = rig.send("bad", 0);
    let expected = Outcome::Retry {
        error: "internal error: the attempt panicked".into(),
        after: None,
        exchange: Default::default(),
    };
    assert_eq!(rig.settled().await, (id, expected));
    let id = rig.send("ok", 0);
    assert_eq!(rig.settled().await, (id, Outcome::delivered()));
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_bounded_and_sends_in_order_of_arrival() {
    let (all, most) = receivers(&[("slow", 1, Ok(Sent::default()))]);
    let mut rig = Rig::new(all);
    let started = Instant::now();
    let sent: Vec<_> = (0..200).map(|_| rig.send("slow", 0)).collect();
    let mut settled = Vec::new();
    for _ in 0..200 {
        settled.push(rig.settled().await.0);
    }
    assert_eq!(most[0].load(Ordering::Relaxed), PER_LANE);
    assert_eq!(started.elapsed().as_secs(), 4, "200 rows, 64 at once, a second each");
    for chunk in [0..64, 64..128, 128..192, 192..200] {
        let mut together = settled[chunk.clone()].to_vec();
        together.sort_unstable();
        assert_eq!(together, sent[chunk]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_critical_waits_for_no_other_in_its_lane() {
    let (all, _) = receivers(&[("slow", 10, Ok(Sent::default()))]);
    let (mut rig, started) = (Rig::new(all), Instant::now());
    for row in 0..2 * PER_LANE {
        rig.send_in("slow", &row.to_string(), "info");
    }
    let critical = rig.send_in("slow", "fire", "critical").id;
    while rig.settled().await.0 != critical {}
    assert_eq!(started.elapsed().as_secs(), 20, "after those that were in flight, before those that waited");
}

#[tokio::test(start_paused = true)]
async fn receivers_that_hang_delay_no_other() {
    let names: Vec<_> = (0..20).map(|i| format!("hangs-{i}")).collect();
    let mut script: Vec<_> = names.iter().map(|name| (name.as_str(), 3600, Ok(Sent::default()))).collect();
    script.push(("well", 0, Ok(Sent::default())));
    let (all, most) = receivers(&script);
    let mut rig = Rig::new(all);
    for _ in 0..500 {
        for name in &names {
            rig.send(name, 0);
        }
    }
    let started = Instant::now();
    for _ in 0..10 {
        let id = rig.send("well", 0);
        assert_eq!(rig.settled().await, (id, Outcome::delivered()));
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let in_flight: usize = most.iter().map(|most| most.load(Ordering::Relaxed)).sum();
    assert!(in_flight <= IN_ALL + names.len(), "{in_flight}");
}

#[tokio::test(start_paused = true)]
async fn stopping_lets_attempts_end_for_ten_seconds_and_starts_none() {
    let (all, most) = receivers(&[
        ("five", 5, Ok(Sent::default())),
        ("hangs", 25, Ok(Sent::default())),
        ("late", 0, Ok(Sent::default())),
    ]);
    let mut rig = Rig::new(all);
    let id = rig.send("five", 0);
    rig.send("hangs", 0);
    // Both are in flight once nothing else can run before their timers.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let started = Instant::now();
    rig.stop.cancel();
    rig.send("late", 0);
    assert_eq!(rig.settled().await, (id, Outcome::delivered()));
    rig.worker.join_next().await.unwrap().unwrap();
    assert_eq!(started.elapsed().as_secs(), 10);
    assert!(rig.settled.recv().await.is_none(), "what hung is not settled: its row stays");
    assert_eq!(most[2].load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn notifications_and_attempts_are_counted_apart() {
    let (all, _) = receivers(&[("ok", 0, Ok(Sent::default())), ("down", 0, Err(SendError::retry("down")))]);
    let mut rig = Rig::new(all);
    //          receiver  failed attempts before
    for (receiver, attempts) in [("ok", 0), ("down", 0), ("down", 4), ("down", 5), ("down", 6)] {
        rig.send(receiver, attempts);
        rig.settled().await;
    }
    for sample in [
        r#"alertmanager_notifications_total{integration="webhook"} 3"#,
        r#"alertmanager_notifications_failed_total{integration="webhook",reason="other"} 2"#,
        r#"alertmanager_notification_requests_total{integration="webhook"} 5"#,
        r#"alertmanager_notification_requests_failed_total{integration="webhook"} 4"#,
    ] {
        assert!(rig.counted(sample), "{sample}");
    }
}

/// Receivers that answer at once, each with a bucket of one token, filled so many times a minute.
fn limited(rows: &[(&str, u32)]) -> Receivers {
    let mut all = Receivers::new(&[], context(), None);
    for (name, per_minute) in rows {
        let tokens = NonZeroU32::new(*per_minute).unwrap();
        let limit = RateLimit { tokens, per: Per::Minute, burst: NonZeroU32::MIN };
        let (takes, result) = (Duration::ZERO, Ok(Sent::default()));
        let scripted = Scripted { takes, result, flying: Arc::default(), most: Arc::default() };
        all.insert_limited(name, "webhook", LIMIT, Box::new(scripted), Some(Arc::new(Limit::new(limit))));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn what_exceeds_the_limit_waits_critical_first_and_only_for_its_own_receiver() {
    let mut rig = Rig::new(limited(&[("slow", 6), ("quick", 60)]));
    let rows = [
        rig.send_in("slow", "a", "warning"),
        rig.send_in("slow", "b", "info"),
        rig.send_in("slow", "c", "warning"),
        rig.send_in("slow", "d", "critical"),
        rig.send_in("quick", "a", "info"),
        rig.send_in("quick", "b", "info"),
    ];
    let (delivered, parked) = rig.delivered(6, &rows).await;
    assert_eq!(delivered, [(1, 0), (5, 0), (6, 1), (4, 10), (3, 20), (2, 30)]);
    assert_eq!(parked, [2, 3, 4, 6]);
    assert!(rig.counted(r#"andon_rate_limited_total{integration="webhook"} 4"#));
    assert!(rig.counted(r#"andon_rate_limit_waiting{integration="webhook"} 0"#));
    assert!(
        rig.counted(r#"alertmanager_notification_requests_total{integration="webhook"} 6"#),
        "waiting is no attempt"
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_gives_way_to_a_newer_state_and_is_claimed_before_it_is_sent() {
    let mut rig = Rig::new(limited(&[("slow", 6)]));
    let first = rig.send_in("slow", "a", "info");
    let old = rig.send_in("slow", "b", "info");
    let other = rig.send_in("slow", "c", "info");
    let new = rig.send_in("slow", "b", "info");
    // What the driver does not know any more is not sent, and does not hold up what is behind it.
    let gone = rig.send_in("slow", "d", "critical");
    let (delivered, parked) = rig.delivered(3, &[first, other, new]).await;
    assert_eq!(delivered, [(1, 0), (4, 20), (3, 30)]);
    assert_eq!(parked, [old.id.0, 3, 4, gone.id.0]);
    assert!(rig.counted(r#"andon_rate_limited_total{integration="webhook"} 3"#));
}

#[tokio::test(start_paused = true)]
async fn after_a_reload_what_waits_obeys_the_new_limit() {
    let mut rig = Rig::new(limited(&[("slow", 1)]));
    let rows = [rig.send_in("slow", "a", ""), rig.send_in("slow", "b", ""), rig.send_in("slow", "c", "")];
    assert_eq!(rig.delivered(1, &rows).await.0, [(1, 0)]);
    rig.receivers.store(Arc::new(limited(&[("slow", 60)])));
    assert_eq!(rig.delivered(2, &rows).await.0, [(2, 60), (3, 61)]);
}

#[test]
fn a_lane_leaves_room_for_others_and_an_empty_one_may_always_start() {
    //          in the lane, in all, may start
    let rows = [
        (0, 0, true),
        (63, 63, true),
        (64, 64, false),
        (63, 192, true),
        (32, 224, false),
        (31, 223, true),
        (1, 255, false),
        (0, 255, true),
        (0, 256, true),
        (0, 1000, true),
        (1, 1000, false),
    ];
    for (in_lane, in_all, expected) in rows {
        assert_eq!(may_start(in_lane, in_all), expected, "{in_lane} of {in_all}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_storm_critical_ones_go_first_and_the_overflow_becomes_one_digest() {
    let mut rig = Rig::new(limited(&[("slow", 6)]));
    let mut rows: Vec<_> = (0..10_000).map(|i| rig.send_in("slow", &format!("t{i}"), "info")).collect();
    rows.extend((0..2).map(|i| rig.send_in("slow", &format!("c{i}"), "critical")));
    let (delivered, parked) = rig.delivered(10_002, &rows).await;
    // The first came before there was a storm; then the critical ones, each alone, then all the others at once.
    assert_eq!(delivered[..3], [(1, 0), (10_001, 10), (10_002, 20)]);
    assert!(delivered[3..].iter().all(|(_, at)| *at == 30), "{:?}", &delivered[3..20]);
    let mut told: Vec<u64> = delivered.iter().map(|(id, _)| *id).collect();
    told.sort_unstable();
    assert_eq!(told, (1..=10_002).collect::<Vec<_>>(), "nothing is dropped, and nothing told twice");
    assert_eq!(parked.len(), 10_001);
    assert!(rig.counted(r#"alertmanager_notification_requests_total{integration="webhook"} 4"#));
    assert!(rig.counted(r#"andon_digested_notifications_total{integration="webhook"} 9999"#));
    assert!(rig.counted(r#"andon_rate_limit_waiting{integration="webhook"} 0"#));
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_fails_is_settled_as_one() {
    let tokens = NonZeroU32::MIN;
    let limit = RateLimit { tokens, per: Per::Minute, burst: tokens };
    let mut all = Receivers::new(&[], context(), None);
    let result = Err(SendError::retry("down"));
    let scripted = Scripted { takes: Duration::ZERO, result, flying: Arc::default(), most: Arc::default() };
    all.insert_limited("slow", "webhook", LIMIT, Box::new(scripted), Some(Arc::new(Limit::new(limit))));
    let mut rig = Rig::new(all);
    let rows: Vec<_> = (0..30).map(|i| rig.send_in("slow", &format!("t{i}"), "info")).collect();
    let (mut failed, mut claims) = (Vec::new(), Vec::new());
    while failed.len() < 2 {
        match rig.settled.recv().await.unwrap() {
            Request::Parked { .. } => {}
            Request::Claim { deliveries, done } => {
                claims.push(deliveries.len());
                drop(done.send(claimed(&deliveries, &rows)));
            }
            Request::Settled { deliveries, outcome: Outcome::Retry { error, .. }, .. } => {
                assert_eq!(error, "down");
                failed.push(deliveries.len());
            }
            _ => panic!("nothing else is asked of the driver"),
        }
    }
    assert_eq!((failed, claims), (vec![1, 29], vec![29]));
}

#[tokio::test(start_paused = true)]
async fn rows_that_belong_together_are_one_attempt_also_where_they_wait_for_their_turn() {
    let mut rig = Rig::new(limited(&[("slow", 1)]));
    let mut together = |message: u64, names: &[&str]| {
        let rows = names.iter().map(|name| {
            let mut row = delivery(vec![told(&[("a", name), ("severity", "info")], &[], false)]);
            rig.next += 1;
            (row.id, row.thread.receiver, row.thread.group_key) = (DeliveryId(rig.next), "slow".into(), (*name).into());
            row.told_with = Some(DeliveryId(message));
            Arc::new(row)
        });
        let rows: Vec<_> = rows.collect();
        rig.rows.send(rows.clone()).unwrap();
        rows
    };
    let rows = [together(1, &["a", "b", "c"]), together(4, &["d", "e"]), together(6, &["f", "g"])].concat();
    let (delivered, parked) = rig.delivered(7, &rows).await;
    assert_eq!(delivered, [(1, 0), (2, 0), (3, 0), (4, 60), (5, 60), (6, 120), (7, 120)]);
    assert_eq!(parked, [4, 5, 6, 7], "what has to wait may be replaced");
    assert!(rig.counted(r#"alertmanager_notification_requests_total{integration="webhook"} 3"#));
}
