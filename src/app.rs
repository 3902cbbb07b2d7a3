//! Start and stop, written once.
//!
//! Start: the configuration, the store, the state in it, the addresses; and only when all of them are good anything
//! runs. Stop: no new connections and no new attempts to tell; what is being answered or sent gets ten seconds and is
//! reported to the driver; then the driver makes its last commit and a checkpoint. A fault on the way is one line and
//! exit code 1.

mod cluster;
pub mod external_url;
mod listen;
mod open_files;
mod signals;
mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::core::engine;
use crate::core::matcher::Mode;
use crate::core::together::Bundle;
use crate::delivery::trial::Trial;
use crate::delivery::worker;
use crate::driver::{Driver, Handle};
use crate::flags::{Features, Flags, this_host};
use crate::http::{self, AppState, GetLimit, Reloader, StatusInfo};
use crate::mail_link::LinkKey;
use crate::metrics::Metrics;
use crate::mirror;
use crate::receivers::{Context, Receivers};
use crate::reload::{self, Reloading};
use crate::store::sled::{Options, SledStore};
use crate::store::{Retention, StoreError};
use crate::template::Templates;
use crate::time::{Clock, Timestamp};
use signals::Signals;
use tasks::Tasks;

/// How long the body of a request may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long threads that wait for the system are waited for at the end.
const HUNG_TIME: Duration = Duration::from_secs(1);
/// How many reloads may wait; each waits for the one before.
const RELOADS: usize = 16;
/// A checkpoint is not asked for before this many bytes of journal.
const CHECKPOINT_AFTER: u64 = 32 << 20;

/// For a program that has Andon within itself.
#[derive(Default)]
pub struct Within {
    /// Hears where Andon listens first.
    pub listening: Option<oneshot::Sender<SocketAddr>>,
    /// Ends it, as a signal does.
    pub stop: CancellationToken,
    /// Whether links begin with the address that is listened on, where no external URL is given.
    pub at_home: bool,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// One line: why it could not start, or why it had to end.
pub fn run(flags: &Flags) -> Result<(), String> {
    run_within(flags, Within::default())
}

/// Serves until SIGTERM or SIGINT, or until the program around it has enough.
///
/// # Errors
/// One line: why it could not start, or why it had to end.
pub fn run_within(flags: &Flags, within: Within) -> Result<(), String> {
    let clock = Clock::System;
    let started = clock.now();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        alertmanager = crate::metrics::ALERTMANAGER_VERSION,
        "Starting Andon"
    );
    if !flags.without_meaning.is_empty() {
        let flags = flags.without_meaning.join(" ");
        tracing::warn!(flags, "These flags have no meaning for Andon and are not obeyed");
    }
    let (config, templates) = reload::load_to_serve(&flags.config_file, mode(flags.features))
        .map_err(|error| format!("error loading configuration file {}: {error}", flags.config_file.display()))?;
    let (sender, rows) = mpsc::unbounded_channel();
    let store = open_store(flags).map_err(|error| format!("{}: {error}", flags.storage.path.display()))?;
    let options = engine_options(flags, started);
    let (mut driver, handle, damage) =
        Driver::load(Box::new(store), Arc::clone(&config.policy), options, clock, sender)
            .map_err(|error| format!("{}: {error}", flags.storage.path.display()))?;
    driver.note_configuration(config.sha256.clone(), config.redacted.clone());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let links = Arc::new(LinkKey::load(&flags.storage.path, flags.storage.strict)?);
    let parts = Parts { flags, clock, started, config, templates, handle, damage, links, within };
    let ended = runtime.block_on(parts.serve(driver, rows));
    // A thread may still wait for a name server or for a secret on a mount that hangs. Everything is stored.
    runtime.shutdown_timeout(HUNG_TIME);
    ended
}

fn mode(features: Features) -> Mode {
    if features.classic_mode {
        Mode::Classic
    } else if features.utf8_strict_mode {
        Mode::Utf8Strict
    } else {
        Mode::Fallback
    }
}

fn open_store(flags: &Flags) -> Result<SledStore, StoreError> {
    let storage = &flags.storage;
    let retention = Retention {
        age: storage.history_retention,
        size: storage.history_max_size,
        checkpoint_after: CHECKPOINT_AFTER,
    };
    SledStore::open(&storage.path, Options { strict: storage.strict, retention, ..Options::default() })
}

fn engine_options(flags: &Flags, started: Timestamp) -> engine::Options {
    engine::Options {
        resend_grace: flags.engine.resend_grace,
        resolved_while_muted: !flags.engine.withhold_resolved_while_muted,
        retention: flags.storage.retention,
        gc_interval: flags.engine.gc_interval,
        not_before: started.after(flags.engine.start_delay),
        max_silences: flags.engine.max_silences.unwrap_or(0),
        per_alertname_limit: flags.engine.per_alertname_limit.unwrap_or(0),
        max_alerts: flags.limits.alerts,
        max_alert_bytes: flags.limits.alert_bytes,
        max_outbox: flags.limits.outbox,
        ..engine::Options::default()
    }
}

/// What was loaded, before anything runs.
struct Parts<'a> {
    flags: &'a Flags,
    clock: Clock,
    started: Timestamp,
    config: Config,
    templates: Templates,
    handle: Handle,
    damage: Option<String>,
    links: Arc<LinkKey>,
    within: Within,
}

type Rows = mpsc::UnboundedReceiver<Bundle>;

impl Parts<'_> {
    async fn serve(mut self, driver: Driver, rows: Rows) -> Result<(), String> {
        reload::warn(&self.config);
        let signals = Signals::listen().map_err(|error| format!("signals: {error}"))?;
        let listeners = listen::bind_all(&self.flags.web.listen).await?;
        let external_url = self.external_url(&listeners)?;
        let metrics = Arc::new(Metrics::new(self.started));
        let (reloads, reload_inbox) = mpsc::channel(RELOADS);
        let stop = CancellationToken::new();
        let context = Context {
            external_url: external_url.as_str().into(),
            clock: self.clock,
            templates: self.templates.clone(),
            assets: Arc::new(self.config.assets.clone()),
            links: Arc::clone(&self.links),
            time_zone: Arc::clone(&self.config.time_zone),
        };
        let receivers = Receivers::new(&self.config.receivers, context, None);
        let receivers = Arc::new(ArcSwap::from_pointee(receivers));
        let trial = Trial { receivers: Arc::clone(&receivers), clock: self.clock };
        let page = http::page::Pages::new(stop.clone());
        let state = self.state(&external_url, Arc::clone(&metrics), Reloader(reloads.clone()), (trial, page)).await?;
        let state = Arc::new(state);

        let (stop_driver, mut tasks) = (CancellationToken::new(), Tasks::default());
        let mut driver = TaskTracker::new().spawn(driver.run(stop_driver.clone()));
        let path = self.flags.config_file.clone();
        let (mirrors, mirror_settings) = watch::channel(mirror::Settings::of(&self.config));
        let reloading = Reloading { path, state: Arc::clone(&state), receivers: Arc::clone(&receivers), mirrors };
        tasks.spawn("the reloader", reloading.run(reload_inbox, stop.clone()));
        let recent = Arc::clone(&state.recent);
        let shared = worker::Shared { receivers, driver: self.handle.clone(), metrics: Arc::clone(&metrics), recent };
        tasks.spawn("the sender", worker::run(shared, rows, stop.clone()));
        let shared = mirror::Shared { clock: self.clock, driver: self.handle.clone(), metrics: Arc::clone(&metrics) };
        tasks.spawn("the mirror", mirror::run(shared, mirror_settings, stop.clone()));
        let (counted, sampled) = (Arc::clone(&state), stop.clone());
        // What the page alone shows is worth no restart.
        let beside = TaskTracker::new();
        beside.spawn(async move {
            let (driver, clock) = (counted.driver.clone(), counted.clock);
            counted.page.rates.run(driver, clock, sampled).await;
        });
        let router = http::router(state);
        self.say_where(&listeners)?;
        let serving = http::server::serve(listeners, router, self.connections(), metrics, stop.clone());
        tasks.spawn("the listener", serving);

        let mut fault = None;
        let ended = tokio::select! {
            biased;
            ended = &mut driver => Some(ended),
            one = tasks.one_ends() => {
                tracing::error!(fault = one, "Ending, since what must run does not: what is in hand gets ten seconds");
                fault = Some(one);
                None
            }
            () = signals.until_told_to_end(&reloads) => None,
            () = self.within.stop.cancelled() => None,
        };
        stop.cancel();
        tasks.all_end().await;
        beside.close();
        beside.wait().await;
        stop_driver.cancel();
        let ended = if let Some(ended) = ended { ended } else { driver.await };
        // Where the driver failed the others ended with it.
        ended.map_err(|error| format!("the driver failed: {error}"))?.map_err(|error| error.to_string())?;
        fault.map_or(Ok(()), Err)
    }

    fn say_where(&mut self, listeners: &[TcpListener]) -> Result<(), String> {
        for listener in listeners {
            let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
            tracing::info!(address, "Listening on");
        }
        let first = listeners.first().and_then(|listener| listener.local_addr().ok());
        if let (Some(listening), Some(address)) = (self.within.listening.take(), first) {
            // Whoever asked may have given up.
            let _ = listening.send(address);
        }
        Ok(())
    }

    /// How many connections of clients there may be at a time.
    fn connections(&self) -> usize {
        let (wanted, open_files) = (self.flags.limits.connections, open_files::raised_limit());
        let connections = open_files::connections(wanted, open_files);
        if connections < wanted {
            tracing::warn!(connections, wanted, open_files, "Fewer connections at a time: files are left for telling");
        }
        connections
    }

    fn external_url(&self, listeners: &[TcpListener]) -> Result<String, String> {
        let first = listeners.first().and_then(|listener| listener.local_addr().ok());
        let listen = first.map(|address| address.to_string()).unwrap_or_default();
        if self.within.at_home && self.flags.web.external_url.is_empty() {
            return Ok(format!("http://{listen}"));
        }
        external_url::derive(&self.flags.web.external_url, &this_host::name(), &listen)
            .map_err(|error| format!("failed to determine external URL: {error}"))
    }

    async fn state(
        &self,
        external_url: &str,
        metrics: Arc<Metrics>,
        reloader: Reloader,
        (trial, page): (Trial, http::page::Pages),
    ) -> Result<AppState, String> {
        let (web, limits) = (&self.flags.web, &self.flags.limits);
        metrics.config_loaded(self.config.source.as_bytes(), self.started);
        if let Some(damage) = &self.damage {
            tracing::error!(damage, "The store was damaged; its last good state is in use");
            metrics.store_damaged();
        }
        let cluster = match &self.flags.cluster {
            Some(flags) => Some(cluster::of_one(flags).await?),
            None => None,
        };
        if cluster.is_some() {
            metrics.cluster_of_one();
        }
        let prefix = external_url::route_prefix(web.route_prefix.as_deref(), external_url);
        Ok(AppState {
            driver: self.handle.clone(),
            clock: self.clock,
            metrics,
            status: status(self.started, cluster),
            config: ArcSwap::from_pointee(reload::shown(&self.config, &self.templates, self.started)),
            reloader,
            trial,
            recent: Arc::default(),
            links: Arc::clone(&self.links),
            mode: mode(self.flags.features),
            external_url: external_url.to_owned(),
            route_prefix: prefix.trim_end_matches('/').to_owned(),
            gets: GetLimit::new(web.get_concurrency.unwrap_or(0)),
            timeout: web.timeout,
            room: http::body::Room::new(limits.request_body),
            limits: http::Limits {
                body: limits.request_body,
                body_time: BODY_TIME,
                labels: limits.labels_per_alert,
                name: limits.label_name,
                value: limits.label_value,
                annotation: limits.annotation_value,
                silence: self.flags.engine.max_silence_bytes,
            },
            cors_writes: web.cors_writes,
            log_silences: self.flags.engine.log_silences,
            storage_damage: self.damage.clone(),
            page,
        })
    }
}

fn status(started: Timestamp, cluster: Option<http::ClusterInfo>) -> StatusInfo {
    let unknown = String::new;
    StatusInfo {
        started,
        cluster,
        branch: unknown(),
        revision: format!("andon-{}", env!("CARGO_PKG_VERSION")),
        build_date: unknown(),
        build_user: unknown(),
    }
}
