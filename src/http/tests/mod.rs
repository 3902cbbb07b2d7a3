//! The router against the real driver, on a store in memory and in virtual time.

mod alerts;
mod dead_letters;
mod groups;
mod kept_back;
mod limits;
mod mail_links;
mod order_metrics;
mod pages;
mod reloads;
mod routing;
mod server;
mod silences;
mod work_orders;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::*;
use crate::core::engine::Options;
use crate::core::matcher::parse_matcher;
use crate::core::policy::{GroupBy, Integration, Policy, Receiver, ReceiverIdx, Route, RouteIdx};
use crate::delivery::trial::Trial;
use crate::driver::Driver;
use crate::receivers::Receivers;
use crate::receivers::test_support::context;
use crate::store::memory::{Faults, Faulty, Memory};
use crate::template::Engine;

/// 2026-11-22T15:00:00.123Z
fn epoch() -> Timestamp {
    Timestamp::new(1_795_359_600, 123_456_000)
}

/// A service to ask.
pub struct Service {
    pub state: Arc<AppState>,
    pub faults: Faults,
    pub reloads: mpsc::Receiver<ReloadRequest>,
    deliveries: mpsc::UnboundedReceiver<crate::core::together::Bundle>,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// What the service answers to a request.
    pub async fn to(state: &Arc<AppState>, request: Request<Body>) -> Self {
        let answer = router(Arc::clone(state)).oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status.as_u16(), headers: parts.headers, body: String::from_utf8(body.into()).unwrap() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn route(parent: Option<u32>, children: &[u32], matchers: &[&str], receiver: u32, group_by: &[&str]) -> Route {
    let matchers = matchers.iter().map(|text| parse_matcher(Mode::Fallback, text).unwrap()).collect();
    let key: Arc<str> = Arc::from(if parent.is_none() { "{}" } else { "{}/{team=\"x\"}" });
    Route {
        parent: parent.map(RouteIdx),
        children: children.iter().copied().map(RouteIdx).collect(),
        matchers,
        receiver: ReceiverIdx(receiver),
        group_by: GroupBy::Labels(group_by.iter().copied().map(Arc::from).collect()),
        group_wait: Duration::from_secs(30),
        group_interval: Duration::from_secs(300),
        repeat_interval: Duration::from_secs(4 * 3600),
        continues: true,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        labels: BTreeMap::new(),
        id: Arc::from(format!("{key}/{}", children.len() + group_by.len())),
        key,
    }
}

fn receiver(name: &str, labels: &[(&str, &str)]) -> Receiver {
    let of_its_own = [("name", name)];
    let labels = labels.iter().chain(&of_its_own).map(|(name, value)| ((*name).into(), (*value).into()));
    let integrations =
        vec![Integration { kind: "webhook", index: 0, send_resolved: true, says_both: true, digest: true }];
    Receiver {
        name: name.into(),
        labels: labels.collect(),
        integrations,
        work_orders: Vec::new(),
        rules: Default::default(),
    }
}

/// Everything goes to `default`; what is of team x goes to `team-X`, twice.
fn policy() -> Policy {
    let mut first = route(Some(0), &[], &["team=x"], 1, &["alertname"]);
    let labels = [
        ("tier", "<1>"),
        ("of", "{{ .CommonLabels.team }} {{ len .Alerts }} {{ .NotificationReason }}"),
        ("bad", "{{ nope }}"),
    ];
    first.labels.extend(labels.map(|(name, text)| (name.into(), text.into())));
    Policy {
        routes: vec![route(None, &[1, 2], &[], 0, &["alertname"]), first, route(Some(0), &[], &["team=x"], 1, &[])],
        inhibit_rules: Vec::new(),
        intervals: BTreeMap::new(),
        receivers: vec![receiver("default", &[]), receiver("team-X", &[("owner", "a<b")]), receiver("unused", &[])],
        resolve_timeout: Duration::from_secs(300),
        orders: Default::default(),
        assets: BTreeMap::new(),
        own: Default::default(),
        order_texts: None,
    }
}

impl Service {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut AppState)) -> Self {
        Self::with_clock(Clock::Virtual { epoch: epoch(), started: tokio::time::Instant::now() }, change)
    }

    pub fn with_clock(clock: Clock, change: impl FnOnce(&mut AppState)) -> Self {
        Self::under(policy(), clock, change)
    }

    /// A service with these rules, in virtual time.
    pub fn with_policy(policy: Policy) -> Self {
        Self::under(policy, Clock::Virtual { epoch: epoch(), started: tokio::time::Instant::now() }, |_| {})
    }

    fn under(policy: Policy, clock: Clock, change: impl FnOnce(&mut AppState)) -> Self {
        let faults = Faults::default();
        let store = Box::new(Faulty::new(Memory::default(), faults.clone()));
        let (workers, deliveries) = mpsc::unbounded_channel();
        let (driver, handle, _) = Driver::load(store, Arc::new(policy), Options::default(), clock, workers).unwrap();
        TaskTracker::new().spawn(driver.run(CancellationToken::new()));
        let (reloader, reloads) = mpsc::channel(1);
        let mut state = AppState {
            driver: handle,
            clock,
            metrics: Arc::new(Metrics::new(epoch())),
            status: StatusInfo {
                started: epoch(),
                cluster: None,
                branch: "main".into(),
                revision: "r1".into(),
                build_date: String::new(),
                build_user: String::new(),
            },
            config: ArcSwap::from_pointee(ShownConfig {
                original: "route: <x>\n".into(),
                redacted: "all: 1\n".into(),
                templates: Templates::load(Engine::Go, std::path::Path::new("."), &[]).unwrap(),
                integrations: Vec::new(),
                assets: BTreeMap::new(),
                sha256: "f00".into(),
                loaded_at: epoch(),
            }),
            reloader: Reloader(reloader),
            trial: Trial { receivers: Arc::new(ArcSwap::from_pointee(Receivers::new(&[], context(), None))), clock },
            recent: Arc::default(),
            links: Arc::new(LinkKey::random()),
            mode: Mode::Fallback,
            external_url: "http://andon:9093".into(),
            route_prefix: String::new(),
            gets: GetLimit::new(0),
            timeout: None,
            limits: Limits::default(),
            room: body::Room::new(0),
            cors_writes: false,
            log_silences: false,
            storage_damage: None,
            page: page::Pages::new(CancellationToken::new()),
        };
        change(&mut state);
        Self { state: Arc::new(state), faults, reloads, deliveries }
    }

    /// Sends a request; headers are written `name: value`.
    pub async fn ask(&self, method: &str, uri: &str, headers: &[&str], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        Answer::to(&self.state, request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.ask("GET", uri, &[], Body::empty()).await
    }

    pub async fn post(&self, uri: &str, json: impl Into<Body>) -> Answer {
        self.ask("POST", uri, &["content-type: application/json"], json).await
    }
}

/// Starts a test in paused time.
pub fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test());
}
