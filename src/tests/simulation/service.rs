//! The service under simulation, who sends it alerts, and what may happen to it.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::super::random::Random;
use super::ALERTS;
use super::network::{Network, Scripted};
use crate::core::change::Actor;
use crate::core::engine::Options;
use crate::core::ingest::Batch;
use crate::core::label::LabelSet;
use crate::core::matcher::Op;
use crate::core::policy::{Policy, RouteIdx};
use crate::core::silence::{SilenceDraft, SilenceId};
use crate::core::testing::{matcher, policy, receiver, route};
use crate::core::view::View;
use crate::delivery::worker;
use crate::driver::{Driver, Handle};
use crate::metrics::Metrics;
use crate::receivers::test_support::context;
use crate::receivers::{Context, Receivers};
use crate::store::memory::{Faults, Faulty, Memory};
use crate::store::{Retention, StoreError};
use crate::time::{Clock, Timestamp};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(30);
/// How often a sender sends again what fires, and what ended and was not taken yet.
const AGAIN: u64 = 60;

/// One life of the service.
struct Life {
    handle: Handle,
    driver: JoinHandle<Result<(), StoreError>>,
    worker: JoinHandle<()>,
}

/// The service, its store, its receivers and its sender.
pub struct World {
    pub network: Network,
    /// What fires, in truth.
    pub firing: BTreeSet<usize>,
    /// What ended and the service has not taken yet.
    ended: BTreeSet<usize>,
    started: [Timestamp; ALERTS.len()],
    clock: Clock,
    store: Memory,
    faults: Faults,
    by_instance: bool,
    silences: u128,
    life: Life,
}

impl World {
    pub fn start(random: Random) -> Self {
        let clock = Clock::Virtual { epoch: Timestamp::new(1_800_000_000, 0), started: tokio::time::Instant::now() };
        let network = Network::new(clock, random);
        let store = Memory::new(Retention { checkpoint_after: 20_000, ..Retention::default() });
        let faults = Faults::default();
        let life = live(&store, &faults, &network, clock, false);
        let (firing, ended, started) = (BTreeSet::new(), BTreeSet::new(), [clock.now(); ALERTS.len()]);
        Self { network, firing, ended, started, clock, store, faults, by_instance: false, silences: 0, life }
    }

    pub async fn fire(&mut self, alert: usize) {
        if self.firing.insert(alert) {
            self.started[alert] = self.clock.now();
            self.ended.remove(&alert);
            self.network.note(&format!("{} fires", labels(alert)));
            self.send().await;
        }
    }

    pub async fn resolve(&mut self, alert: usize) {
        if self.firing.remove(&alert) {
            self.ended.insert(alert);
            self.network.note(&format!("{} ends", labels(alert)));
            self.send().await;
        }
    }

    /// For ten minutes, by the alert's instance.
    pub async fn silence(&mut self, alert: usize) {
        self.silences += 1;
        let draft = SilenceDraft {
            id: None,
            fresh_id: SilenceId(Uuid::from_u128(self.silences)),
            matchers: vec![matcher("instance", Op::Equal, ALERTS[alert].1)],
            starts_at: Timestamp::ZERO,
            ends_at: self.clock.now().after(Duration::from_secs(600)),
            created_by: "ana".into(),
            comment: "test".into(),
            annotations: LabelSet::empty(),
        };
        let taken = self.life.handle.put_silence(Actor::Clock, draft).await.is_ok();
        self.network.note(&format!("silence of {}, taken: {taken}", ALERTS[alert].1));
    }

    pub async fn reload(&mut self, by_instance: bool) {
        let (policy, hash) = (Arc::new(rules(by_instance)), "hash".to_owned());
        let taken = self.life.handle.reload(Actor::Clock, policy, hash, "text".into()).await.is_ok();
        if taken {
            self.by_instance = by_instance;
        }
        self.network.note(&format!("reload, taken: {taken}"));
    }

    /// The process dies in the middle of whatever it does, and starts again so many seconds later.
    pub async fn crash(&mut self, seconds: u64) {
        self.network.note(&format!("crash for {seconds} s"));
        self.life.worker.abort();
        self.life.driver.abort();
        assert!((&mut self.life.worker).await.is_err() && (&mut self.life.driver).await.is_err(), "they were aborted");
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.faults.fail_all(false);
        self.life = live(&self.store, &self.faults, &self.network, self.clock, self.by_instance);
    }

    pub fn store_fails(&mut self, fails: bool) {
        self.network.note(&format!("the store fails: {fails}"));
        self.faults.fail_all(fails);
    }

    pub fn receiver_is_down(&mut self, receiver: &str, down: bool) {
        self.network.note(&format!("{receiver} is down: {down}"));
        self.network.down(receiver, down);
    }

    /// Time passes, and the sender sends again.
    pub async fn pass(&mut self, seconds: u64) {
        let mut left = seconds;
        while left > 0 {
            let step = left.min(AGAIN);
            tokio::time::sleep(Duration::from_secs(step)).await;
            self.send().await;
            left -= step;
        }
    }

    /// As Prometheus does: what fires ends in four minutes unless it is sent again.
    async fn send(&mut self) {
        let (now, mut batch) = (self.clock.now(), Batch::default());
        let alerts = self.firing.iter().map(|alert| (alert, now.after(Duration::from_secs(240))));
        for (alert, ends_at) in alerts.chain(self.ended.iter().map(|alert| (alert, now))) {
            let (name, instance, severity) = ALERTS[*alert];
            let mut labels = vec![("alertname", name), ("instance", instance), ("severity", severity)];
            batch.push(&mut labels, &mut vec![], "", self.started[*alert], ends_at).unwrap();
        }
        let sent = !batch.is_empty();
        if sent && self.life.handle.put_alerts(Actor::Sender("prometheus".into()), batch).await.is_ok() {
            self.ended.clear();
        }
    }

    pub async fn view(&self) -> Arc<View> {
        self.life.handle.view().await.unwrap()
    }
}

/// The labels of an alert.
pub fn labels(alert: usize) -> LabelSet {
    let (name, instance, severity) = ALERTS[alert];
    LabelSet::new([("alertname", name), ("instance", instance), ("severity", severity)]).unwrap()
}

/// Everybody hears on `hook`, and of what is critical on `pager` too; grouped by name or by instance.
fn rules(by_instance: bool) -> Policy {
    let group_by = if by_instance { ["instance"] } else { ["alertname"] };
    let mut rules = policy();
    rules.inhibit_rules.clear();
    rules.receivers[0].work_orders.clear();
    rules.receivers.push(receiver("pager", "pagerduty", true));
    let mut critical = route(vec![matcher("severity", Op::Equal, "critical")], 1, &group_by);
    (critical.continues, critical.id) = (true, "critical".into());
    let mut all = route(vec![], 0, &group_by);
    all.id = "all".into();
    rules.routes.extend([critical, all]);
    rules.routes[0].children = vec![RouteIdx(1), RouteIdx(2)];
    rules
}

fn live(store: &Memory, faults: &Faults, network: &Network, clock: Clock, by_instance: bool) -> Life {
    let (workers, rows) = mpsc::unbounded_channel();
    let faulty = Box::new(Faulty::new(store.clone(), faults.clone()));
    let (policy, options) = (Arc::new(rules(by_instance)), Options::default());
    let (driver, handle, _) = Driver::load(faulty, policy, options, clock, workers).unwrap();
    // Templates are loaded once; nothing is rendered here.
    static CONTEXT: LazyLock<Context> = LazyLock::new(context);
    let mut receivers = Receivers::new(&[], CONTEXT.clone(), None);
    receivers.insert("hook", "webhook", ATTEMPT, Box::new(Scripted(network.clone())));
    receivers.insert("pager", "pagerduty", ATTEMPT, Box::new(Scripted(network.clone())));
    let shared = worker::Shared {
        receivers: Arc::new(ArcSwap::from_pointee(receivers)),
        driver: handle.clone(),
        metrics: Arc::new(Metrics::new(clock.now())),
        recent: Arc::default(),
    };
    let (tasks, never) = (TaskTracker::new(), CancellationToken::new());
    let driver = tasks.spawn(driver.run(never.clone()));
    let worker = tasks.spawn(worker::run(shared, rows, never));
    Life { handle, driver, worker }
}
