//! How far other systems are behind with work orders: read from the state, so that it grows while a system is away.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::family;
use crate::core::view::View;
use crate::time::Timestamp;

/// The systems that work orders are passed on to.
#[derive(Default)]
pub(super) struct Mirrors(Mutex<BTreeMap<String, System>>);

#[derive(Clone, Copy, Default)]
struct System {
    up: bool,
    failures: u64,
}

impl Mirrors {
    /// The systems are now these. Nobody has asked a new one yet.
    pub(super) fn set<'a>(&self, systems: impl IntoIterator<Item = &'a str>) {
        let mut known = self.0.lock();
        let before = std::mem::take(&mut *known);
        let kept = |system: &str| before.get(system).copied().unwrap_or_default();
        known.extend(systems.into_iter().map(|system| (system.to_owned(), kept(system))));
    }

    /// A system was asked to take what is behind.
    pub(super) fn passed(&self, system: &str, well: bool) {
        if let Some(system) = self.0.lock().get_mut(system) {
            system.up = well;
            system.failures += u64::from(!well);
        }
    }

    /// The systems, and whether each took what it was last told.
    pub(super) fn all(&self) -> Vec<(String, bool)> {
        self.0.lock().iter().map(|(name, system)| (name.clone(), system.up)).collect()
    }

    /// Appends the metrics as of `now`.
    pub(super) fn write(&self, out: &mut String, view: &View, now: Timestamp) {
        let systems = self.0.lock().clone();
        if systems.is_empty() {
            return;
        }
        let labels: Vec<String> = systems.keys().map(|system| format!("{{system={system:?}}}")).collect();
        let lags: Vec<_> = systems.keys().map(|system| view.mirror_lag(system, now)).collect();
        let mut family = |name: &str, kind: &str, help: &str, values: Vec<f64>| {
            family::write(out, name, kind, help, labels.iter().map(String::as_str).zip(values));
        };
        let up = systems.values().map(|system| f64::from(u8::from(system.up))).collect();
        family("andon_mirror_up", "gauge", "Whether a system took what it was last told of work orders.", up);
        #[expect(clippy::cast_precision_loss, reason = "what a sample is")]
        let failures = systems.values().map(|system| system.failures as f64).collect();
        family("andon_mirror_failures_total", "counter", "Times that a system took nothing.", failures);
        #[expect(clippy::cast_precision_loss, reason = "what a sample is")]
        let behind = lags.iter().map(|lag| lag.orders as f64).collect();
        family(
            "andon_mirror_orders_behind",
            "gauge",
            "Work orders of which a system has an older state, or none.",
            behind,
        );
        let seconds = lags.iter().map(|lag| lag.age.as_secs_f64()).collect();
        family(
            "andon_mirror_lag_seconds",
            "gauge",
            "Age of the oldest change of a work order that a system lacks.",
            seconds,
        );
    }
}
