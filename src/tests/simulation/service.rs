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
use super::network::Network;
use crate::core::ack::AckDraft;
use crate::core::change::Actor;
use crate::core::engine::Options;
use crate::core::ingest::Batch;
use crate::core::label::LabelSet;
use crate::core::matcher::Op;
use crate::core::policy::Policy;
use crate::core::silence::{SilenceDraft, SilenceId};
use crate::core::testing::matcher;
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
pub const ATTEMPT: Duration = Duration::from_secs(30);
/// How often a sender sends again what fires, and what ended and was not taken yet.
const AGAIN: u64 = 60;

/// What a world consists of. What may be reloaded has two forms.
pub struct Scenario {
    /// The alerts that there are: name, instance, severity.
    pub alerts: &'static [(&'static str, &'static str, &'static str)],
    pub rules: fn(bool) -> Policy,
    pub receivers: fn(bool, &Network, Receivers) -> Receivers,
}

impl Scenario {
    /// The labels of an alert.
    pub fn labels(&self, alert: usize) -> LabelSet {
        let (name, instance, severity) = self.alerts[alert];
        LabelSet::new([("alertname", name), ("instance", instance), ("severity", severity)]).unwrap()
    }

    fn receivers(&self, other: bool, network: &Network) -> Receivers {
        // Templates are loaded once; nothing is rendered here.
        static CONTEXT: LazyLock<Context> = LazyLock::new(context);
        (self.receivers)(other, network, Receivers::new(&[], CONTEXT.clone(), None))
    }
}

/// One life of the service.
struct Life {
    handle: Handle,
    receivers: Arc<ArcSwap<Receivers>>,
    stops: [CancellationToken; 2],
    driver: JoinHandle<Result<(), StoreError>>,
    worker: JoinHandle<()>,
}

/// The service, its store, its receivers and its sender.
pub struct World {
    scenario: &'static Scenario,
    pub network: Network,
    /// What fires, in truth.
    pub firing: BTreeSet<usize>,
    /// What ended and the service has not taken yet.
    ended: BTreeSet<usize>,
    started: Vec<Timestamp>,
    pub clock: Clock,
    store: Memory,
    faults: Faults,
    store_fails: bool,
    /// Which form is in force.
    other: bool,
    silences: u128,
    life: Life,
}

impl World {
    pub fn start(scenario: &'static Scenario, random: Random) -> Self {
        let clock = Clock::Virtual { epoch: Timestamp::new(1_800_000_000, 0), started: tokio::time::Instant::now() };
        let network = Network::new(clock, random);
        let store = Memory::new(Retention { checkpoint_after: 20_000, ..Retention::default() });
        let faults = Faults::default();
        let life = live(scenario, &store, &faults, &network, clock, false);
        let (firing, ended, started) = (BTreeSet::new(), BTreeSet::new(), vec![clock.now(); scenario.alerts.len()]);
        let (store_fails, other, silences) = (false, false, 0);
        Self { scenario, network, firing, ended, started, clock, store, faults, store_fails, other, silences, life }
    }

    /// All of these begin to fire, and are sent together.
    pub async fn fire(&mut self, alerts: &[usize]) {
        let new: Vec<_> = alerts.iter().copied().filter(|alert| self.firing.insert(*alert)).collect();
        for alert in &new {
            self.started[*alert] = self.clock.now();
            self.ended.remove(alert);
            self.network.note(&format!("{} fires", self.scenario.labels(*alert)));
        }
        if !new.is_empty() {
            self.send().await;
        }
    }

    /// All of these end.
    pub async fn resolve(&mut self, alerts: &[usize]) {
        let over: Vec<_> = alerts.iter().copied().filter(|alert| self.firing.remove(alert)).collect();
        for alert in &over {
            self.ended.insert(*alert);
            self.network.note(&format!("{} ends", self.scenario.labels(*alert)));
        }
        if !over.is_empty() {
            self.send().await;
        }
    }

    /// For ten minutes, by a label of the alert.
    pub async fn silence(&mut self, alert: usize, by: &str) {
        self.silences += 1;
        let labels = self.scenario.labels(alert);
        let draft = SilenceDraft {
            id: None,
            fresh_id: SilenceId(Uuid::from_u128(self.silences)),
            matchers: vec![matcher(by, Op::Equal, labels.value(by))],
            starts_at: Timestamp::ZERO,
            ends_at: self.clock.now().after(Duration::from_secs(600)),
            created_by: "ana".into(),
            comment: "test".into(),
            annotations: LabelSet::empty(),
        };
        let taken = self.life.handle.put_silence(Actor::Clock, draft).await.is_ok();
        self.network.note(&format!("silence of {}, taken: {taken}", labels.value(by)));
    }

    /// Somebody takes the group at this place on for so many seconds, or lets go of it.
    pub async fn take_on(&mut self, place: u64, seconds: Option<u64>) {
        let view = self.view().await;
        let keys: BTreeSet<_> = view.groups.iter().map(|group| Arc::clone(&group.key)).collect();
        let place = usize::try_from(place).unwrap() % keys.len().max(1);
        let Some(group_key) = keys.into_iter().nth(place) else { return };
        self.network.note(&format!("{group_key} is taken on for {seconds:?} s"));
        let done = match seconds {
            Some(seconds) => {
                let until = self.clock.now().after(Duration::from_secs(seconds));
                let draft = AckDraft { group_key, who: "ann".into(), comment: "mine".into(), until };
                self.life.handle.ack(Actor::Clock, draft).await
            }
            None => self.life.handle.withdraw_ack(Actor::Clock, group_key).await,
        };
        self.network.note(&format!("stored: {}", done.is_ok()));
    }

    /// Nobody is at anything any more.
    pub async fn let_go_of_all(&mut self) {
        for group_key in self.view().await.acks.keys() {
            drop(self.life.handle.withdraw_ack(Actor::Clock, Arc::clone(group_key)).await.unwrap());
        }
    }

    /// The receivers first, as a reload does.
    pub async fn reload(&mut self, other: bool) {
        let before = self.life.receivers.load_full();
        if other != self.other {
            self.life.receivers.store(Arc::new(self.scenario.receivers(other, &self.network)));
        }
        let (policy, hash) = (Arc::new((self.scenario.rules)(other)), "hash".to_owned());
        let taken = self.life.handle.reload(Actor::Clock, policy, hash, "text".into()).await.is_ok();
        if taken {
            self.other = other;
        } else {
            self.life.receivers.store(before);
        }
        self.network.note(&format!("reload, taken: {taken}"));
    }

    /// The process dies in the middle of whatever it does, and starts again so many seconds later.
    pub async fn crash(&mut self, seconds: u64) {
        self.network.note(&format!("crash for {seconds} s"));
        self.life.worker.abort();
        self.life.driver.abort();
        assert!((&mut self.life.worker).await.is_err() && (&mut self.life.driver).await.is_err(), "they were aborted");
        self.network.ended();
        self.live_again(seconds).await;
    }

    /// The process is told to stop, and starts again so many seconds later.
    pub async fn stop(&mut self, seconds: u64) {
        self.network.note(&format!("stop for {seconds} s"));
        let [worker, driver] = self.life.stops.clone();
        worker.cancel();
        (&mut self.life.worker).await.unwrap();
        driver.cancel();
        let stored = (&mut self.life.driver).await.unwrap().is_ok();
        assert!(stored || self.store_fails, "what waits is stored at the end");
        if !stored {
            self.network.ended();
        }
        self.live_again(seconds).await;
    }

    async fn live_again(&mut self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.store_fails = false;
        self.faults.fail_all(false);
        self.life = live(self.scenario, &self.store, &self.faults, &self.network, self.clock, self.other);
    }

    pub fn store_fails(&mut self, fails: bool) {
        self.network.note(&format!("the store fails: {fails}"));
        self.store_fails = fails;
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
            let (name, instance, severity) = self.scenario.alerts[*alert];
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

fn live(scenario: &Scenario, store: &Memory, faults: &Faults, network: &Network, clock: Clock, other: bool) -> Life {
    let (workers, rows) = mpsc::unbounded_channel();
    let faulty = Box::new(Faulty::new(store.clone(), faults.clone()));
    let (policy, options) = (Arc::new((scenario.rules)(other)), Options::default());
    let (driver, handle, _) = Driver::load(faulty, policy, options, clock, workers).unwrap();
    let receivers = Arc::new(ArcSwap::from_pointee(scenario.receivers(other, network)));
    let shared = worker::Shared {
        receivers: Arc::clone(&receivers),
        driver: handle.clone(),
        metrics: Arc::new(Metrics::new(clock.now())),
        recent: Arc::default(),
    };
    let (tasks, stops) = (TaskTracker::new(), [CancellationToken::new(), CancellationToken::new()]);
    let driver = tasks.spawn(driver.run(stops[1].clone()));
    let worker = tasks.spawn(worker::run(shared, rows, stops[0].clone()));
    Life { handle, receivers, stops, driver, worker }
}
