//! Status: the service itself, its configuration without secrets, and how busy it is.

use serde::Serialize;

use super::Sight;
use super::plot::{Plot, plot};
use super::words::{When, thousands};
use crate::time::Timestamp;

/// What the page says beside the state.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the service started.
    pub started: Timestamp,
    /// SHA-256 of the configuration file.
    pub config_hash: String,
    /// When the configuration in force was loaded.
    pub config_loaded: Timestamp,
    /// The configuration without secrets.
    pub config: String,
    /// Bytes of the store on disk.
    pub store_bytes: u64,
    /// Commits, and nanoseconds spent in them.
    pub commits: (u64, u64),
    /// Where the service is reached from outside.
    pub external_url: String,
    /// What was counted in the last hour, oldest first.
    pub samples: Vec<Sample>,
    /// Seconds between two of them.
    pub every: u64,
}

/// What was counted by one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Alerts that arrived since the start.
    pub received: u64,
    /// Notifications decided since the start.
    pub notified: u64,
    /// Alerts that fire.
    pub firing: u64,
    /// Notifications that wait.
    pub waiting: u64,
}

/// The page.
#[derive(Debug, Serialize)]
pub struct Status {
    facts: Vec<Fact>,
    plots: Vec<Plot>,
    config: String,
}

#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

/// Makes the page.
pub fn status(sight: &Sight<'_>, facts: &Facts) -> Status {
    let view = sight.view;
    let moment = |at: Timestamp| {
        let when = When::new(at, sight.now);
        format!("{}, {} ago", when.at, when.away)
    };
    let (commits, nanos) = facts.commits;
    let mean = if commits == 0 { 0.0 } else { nanos as f64 / commits as f64 / 1e6 };
    let rows = [
        (
            "Version",
            format!(
                "Andon {}, speaks Alertmanager {}",
                env!("CARGO_PKG_VERSION"),
                crate::metrics::ALERTMANAGER_VERSION
            ),
        ),
        ("Up since", moment(facts.started)),
        ("Reached at", facts.external_url.clone()),
        ("Configuration", format!("loaded {}", moment(facts.config_loaded))),
        ("Its SHA-256", facts.config_hash.clone()),
        ("Store", format!("{}, {} commits, {mean:.1} ms each", size(facts.store_bytes), thousands(commits as usize))),
        ("Alerts kept", thousands(view.alerts.len())),
        ("Groups", thousands(view.groups.len())),
        ("Routes", format!("{}, {} receivers", thousands(view.policy.routes.len()), view.policy.receivers.len())),
        ("Inhibit rules", thousands(view.policy.inhibit_rules.len())),
        ("Decided to tell, not yet over", format!("{} threads", thousands(view.ledger.len()))),
    ];
    let per_second = |of: fn(&Sample) -> u64| -> Vec<f64> {
        let pairs = facts.samples.windows(2);
        pairs
            .filter_map(|pair| Some(of(pair.last()?).saturating_sub(of(pair.first()?)) as f64 / facts.every as f64))
            .collect()
    };
    let level = |of: fn(&Sample) -> u64| -> Vec<f64> { facts.samples.iter().map(|sample| of(sample) as f64).collect() };
    Status {
        facts: rows.into_iter().map(|(name, value)| Fact { name, value }).collect(),
        plots: vec![
            plot("Alerts received", "/s", &per_second(|sample| sample.received)),
            plot("Alerts firing", "", &level(|sample| sample.firing)),
            plot("Notifications decided", "/s", &per_second(|sample| sample.notified)),
            plot("Notifications waiting", "", &level(|sample| sample.waiting)),
        ],
        config: facts.config.clone(),
    }
}

/// `12 KiB`, `3.4 MiB`
fn size(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    let bytes = bytes as f64;
    if bytes < MIB { format!("{:.0} KiB", bytes / 1_024.0) } else { format!("{:.1} MiB", bytes / MIB) }
}
