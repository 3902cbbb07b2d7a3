//! Delivers: takes the outbox rows that are due, sends each once, and reports how it ended.
//!
//! ```text
//! driver ── row that is due ──► lane of its integration ──► one attempt ──► Handle::settled ──► driver
//! ```
//!
//! Nothing is decided here: the engine says which row is due and when the next attempt is made, and it has at most one
//! row of a thread in flight. What is here is only that nobody waits for somebody else's receiver.

pub mod worker;

/// Who is told about deliveries: the metrics. The words are those of Alertmanager's metrics; `kind` is the
/// integration's.
pub trait Observer: Send + Sync + 'static {
    /// A notification was sent, or counts as failed.
    fn notification_sent(&self, kind: &str);
    /// A notification counts as failed, for this reason.
    fn notification_failed(&self, kind: &str, reason: &str);
    /// An attempt was made.
    fn request(&self, kind: &str);
    /// An attempt failed.
    fn request_failed(&self, kind: &str);
    /// How long an attempt took.
    fn latency(&self, kind: &str, seconds: f64);
}

/// Looks away.
impl Observer for () {
    fn notification_sent(&self, _: &str) {}
    fn notification_failed(&self, _: &str, _: &str) {}
    fn request(&self, _: &str) {}
    fn request_failed(&self, _: &str) {}
    fn latency(&self, _: &str, _: f64) {}
}
