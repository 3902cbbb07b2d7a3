//! Counts: every metric that the service shows, under Alertmanager's names where Alertmanager has it.
//!
//! What happens is counted here by typed methods; what *is* (alerts, silences, outbox rows) is read from a
//! [`View`] when somebody asks, so that it can never drift from the state. Dashboards and alert
//! rules made for Alertmanager find all they use, with the same labels; metrics about things that Andon has not
//! (gossip, snapshots of the notification log) are left out.

mod engine;
mod family;
mod http;
mod mirror;
pub mod plant;
mod process;
mod state;
mod telling;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use md5::{Digest, Md5};
use prometheus::core::Collector;
use prometheus::{
    Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::core::view::View;
use crate::driver::Health;
use crate::time::Timestamp;
pub use http::{Http, InFlight};
pub use telling::{FailureReason, INTEGRATIONS, Telling};

/// The version of Alertmanager whose wire this service speaks, as clients are told.
pub const ALERTMANAGER_VERSION: &str = "0.34.0";

/// What scrapers are told about the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of the service. One value for one process; tests make their own.
pub struct Metrics {
    registry: Registry,
    state: state::StateGauges,
    plant: plant::Plant,
    mirrors: mirror::Mirrors,
    started: Timestamp,
    /// Alerts that were refused before the engine saw them: resolved and firing ones.
    refused: [AtomicU64; 2],
    config_hash: Gauge,
    config_successful: IntGauge,
    config_success_at: Gauge,
    /// How telling people goes.
    pub telling: Telling,
    /// How answering requests goes.
    pub http: Http,
    store_damaged: IntGauge,
    cluster_enabled: IntGauge,
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let metric = made.expect("all names and labels are constants in this module, and a test makes every one of them");
    registry.register(Box::new(metric.clone())).expect("no name stands twice: a test registers all of them");
    metric
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    register(registry, IntGauge::new(name, help))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
    register(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
}

/// The processor this was built for, by Go's name.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Metrics {
    /// All metrics at zero. `started` is when the process began.
    pub fn new(started: Timestamp) -> Self {
        let r = &Registry::new();
        let metrics = Self {
            registry: r.clone(),
            state: state::StateGauges::new(r),
            plant: plant::Plant::default(),
            mirrors: mirror::Mirrors::default(),
            started,
            refused: Default::default(),
            config_hash: register(
                r,
                Gauge::new("alertmanager_config_hash", "A hash of the configuration in force, to compare instances."),
            ),
            config_successful: gauge(
                r,
                "alertmanager_config_last_reload_successful",
                "Whether the last load of the configuration worked.",
            ),
            config_success_at: register(
                r,
                Gauge::new(
                    "alertmanager_config_last_reload_success_timestamp_seconds",
                    "When the configuration was last loaded.",
                ),
            ),
            telling: Telling::new(r),
            http: Http::new(r),
            store_damaged: gauge(r, "andon_store_damaged", "Whether the store was found damaged at start."),
            cluster_enabled: gauge(r, "alertmanager_cluster_enabled", "Whether clustering is on."),
        };
        metrics.say_who_it_is();
        metrics
    }

    fn say_who_it_is(&self) {
        let alertmanager = Opts::new("alertmanager_build_info", "Which Alertmanager this service can stand in for.")
            .const_label("version", ALERTMANAGER_VERSION)
            .const_label("revision", "")
            .const_label("branch", "")
            .const_label("goversion", "")
            .const_label("goos", std::env::consts::OS)
            .const_label("goarch", architecture())
            .const_label("tags", "");
        let andon =
            Opts::new("andon_build_info", "Which Andon this is.").const_label("version", env!("CARGO_PKG_VERSION"));
        for info in [alertmanager, andon] {
            register(&self.registry, IntGauge::with_opts(info)).set(1);
        }
    }

    /// An alert was refused before the engine saw it; the engine counts all others itself.
    pub fn alert_refused(&self, firing: bool) {
        self.refused[usize::from(!firing)].fetch_add(1, Ordering::Relaxed);
    }

    /// A configuration file with these bytes is in force since `at`.
    pub fn config_loaded(&self, file: &[u8], at: Timestamp) {
        let digest = Md5::digest(file);
        // Alertmanager's hash: the first six bytes, least significant first; 48 bits fit a float exactly.
        let hash = digest.iter().take(6).rev().fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        self.config_hash.set(hash as f64);
        self.config_success_at.set(at.as_secs_f64());
        self.config_successful.set(1);
    }

    /// A configuration file was refused; the old one stays in force.
    pub fn config_refused(&self) {
        self.config_successful.set(0);
    }

    /// Whether a database of the plant is configured.
    pub fn plant_configured(&self, configured: bool) {
        match configured {
            true => self.plant.configured(),
            false => self.plant.forget(),
        }
    }

    /// The plant's database was read at `at`. Unless it is read again, this is shown for `keep`.
    pub fn plant_read(&self, figures: plant::PlantFigures, at: Timestamp, keep: Duration) {
        self.plant.read(figures, at, keep);
    }

    /// The plant's database could not be read.
    pub fn plant_away(&self) {
        self.plant.away();
    }

    /// The systems that work orders are passed on to are now these.
    pub fn mirrors<'a>(&self, systems: impl IntoIterator<Item = &'a str>) {
        self.mirrors.set(systems);
    }

    /// The systems that work orders are passed on to, and whether each took what it was last told.
    pub fn mirror_systems(&self) -> Vec<(String, bool)> {
        self.mirrors.all()
    }

    /// A system was asked to take what is behind, and did or did not.
    pub fn mirror_passed(&self, system: &str, well: bool) {
        self.mirrors.passed(system, well);
    }

    /// How the driver fares, to be shown beside what this value counts.
    pub fn render_driver(out: &mut String, health: &Health) {
        engine::write_health(out, health);
    }

    /// The store was found damaged at start.
    pub fn store_damaged(&self) {
        self.store_damaged.set(1);
    }

    /// Shows this instance as a cluster of one, as an Alertmanager that clusters with nobody does.
    ///
    /// Call it at most once.
    pub fn cluster_of_one(&self) {
        if self.cluster_enabled.get() == 0 {
            self.cluster_enabled.set(1);
            gauge(&self.registry, "alertmanager_cluster_members", "Members of the cluster.").set(1);
            gauge(&self.registry, "alertmanager_cluster_failed_peers", "Members that failed.").set(0);
            gauge(&self.registry, "alertmanager_cluster_health_score", "How well gossip goes; lower is better.").set(0);
        }
    }

    /// The whole exposition at `now`. Without a view (the service is stopping) the gauges that follow from the state are
    /// left at their last value, and the engine's counters are left out.
    pub fn render(&self, view: Option<&View>, now: Timestamp) -> String {
        if let Some(view) = view {
            self.state.set(view, now);
        }
        let mut text = String::with_capacity(64 * 1024);
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        if let Some(view) = view {
            let refused = [&self.refused[0], &self.refused[1]].map(|count| count.load(Ordering::Relaxed));
            engine::write(&mut text, &view.counters, refused);
            self.mirrors.write(&mut text, view, now);
        }
        self.plant.write(&mut text, now);
        process::write(&mut text, self.started);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(metrics: &Metrics) -> Vec<String> {
        metrics.render(None, Timestamp::EPOCH).lines().map(String::from).collect()
    }

    #[test]
    fn every_integration_and_reason_is_there_from_the_start() {
        let lines = lines(&Metrics::new(Timestamp::new(1_795_359_600, 0)));
        for integration in INTEGRATIONS {
            let sent = format!("alertmanager_notifications_total{{integration=\"{integration}\"}} 0");
            assert!(lines.contains(&sent), "{sent}");
            let failed = format!("alertmanager_notifications_failed_total{{integration=\"{integration}\",reason=");
            assert_eq!(lines.iter().filter(|line| line.starts_with(&failed)).count(), 7, "{integration}");
        }
        assert!(lines.contains(&"process_start_time_seconds 1795359600".into()));
        assert!(lines.iter().any(|line| line.starts_with("alertmanager_build_info{") && line.contains("\"0.34.0\"")));
    }

    #[test]
    fn what_happens_is_counted_under_the_right_name() {
        let metrics = Metrics::new(Timestamp::EPOCH);
        metrics.telling.failed("webhook", FailureReason::from_status(429));
        metrics.telling.attempted("webhook", false, Duration::from_secs(2));
        metrics.http.answered("/api/v2/alerts", "post", 200, Duration::from_millis(1), None);
        let in_flight = metrics.http.get_in_flight();
        let lines = lines(&metrics);
        for line in [
            r#"alertmanager_notifications_failed_total{integration="webhook",reason="rateLimited"} 1"#,
            r#"alertmanager_notification_requests_failed_total{integration="webhook"} 1"#,
            r#"alertmanager_notification_latency_seconds_bucket{integration="webhook",le="5"} 1"#,
            r#"alertmanager_http_request_duration_seconds_count{code="200",handler="/api/v2/alerts",method="post"} 1"#,
            r#"alertmanager_http_requests_in_flight{method="get"} 1"#,
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}");
        }
        drop(in_flight);
        assert!(self::lines(&metrics).contains(&r#"alertmanager_http_requests_in_flight{method="get"} 0"#.into()));
    }

    #[test]
    fn the_configuration_hash_is_the_start_of_its_md5_read_backwards() {
        let metrics = Metrics::new(Timestamp::EPOCH);
        // MD5 of nothing is d41d8cd98f00…
        metrics.config_loaded(b"", Timestamp::new(5, 500_000_000));
        let lines = lines(&metrics);
        assert!(lines.contains(&format!("alertmanager_config_hash {}", 0x008f_d98c_1dd4_u64)));
        assert!(lines.contains(&"alertmanager_config_last_reload_success_timestamp_seconds 5.5".into()));
        metrics.config_refused();
        assert!(self::lines(&metrics).contains(&"alertmanager_config_last_reload_successful 0".into()));
    }
}
