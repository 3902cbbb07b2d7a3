//! What the engine and the driver count themselves.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::family;
use crate::core::engine::{Counters, OrderCounters};
use crate::core::flush::HeldBack;
use crate::core::outbox::Reason;
use crate::driver::Health;

const COUNTER: &str = "counter";

/// Appends the engine's counters. `refused` are the alerts, firing and resolved, that were refused before the engine saw
/// them; they count as received and as invalid.
pub fn write(out: &mut String, counters: &Counters, refused: [u64; 2]) {
    let [firing, resolved] = counters.received;
    let received = [
        (r#"{status="firing",version="v2"}"#, (firing + refused[0]) as f64),
        (r#"{status="resolved",version="v2"}"#, (resolved + refused[1]) as f64),
    ];
    family::write(out, "alertmanager_alerts_received_total", COUNTER, "Alerts received.", received);
    let invalid = (counters.invalid + refused[0] + refused[1]) as f64;
    let help = "Received alerts that were refused.";
    family::write(out, "alertmanager_alerts_invalid_total", COUNTER, help, [(r#"{version="v2"}"#, invalid)]);
    if counters.limited > 0 {
        let help = "Alerts that the limit for each alertname held off.";
        family::write(out, "alertmanager_alerts_limited_total", COUNTER, help, [("", counters.limited as f64)]);
    }
    let reason = |word: &str| format!("{{reason=\"{word}\"}}");
    let suppressed = HeldBack::ALL.map(|by| reason(by.as_str()));
    let samples = suppressed.iter().map(String::as_str).zip(counters.suppressed.map(|count| count as f64));
    let help = "Alerts held back at a flush.";
    family::write(out, "alertmanager_notifications_suppressed_total", COUNTER, help, samples);
    let notified = Reason::ALL.map(|why| reason(why.as_str()));
    let samples = notified.iter().map(String::as_str).zip(counters.notified.map(|count| count as f64));
    family::write(out, "andon_decisions_to_notify_total", COUNTER, "Decisions to notify an integration.", samples);
    for (name, help, count) in [
        ("andon_flushes_total", "Flushes of groups.", counters.flushes),
        ("andon_outbox_superseded_total", "Notifications whose place a newer one took.", counters.superseded),
    ] {
        family::write(out, name, COUNTER, help, [("", count as f64)]);
    }
    write_orders(out, &counters.orders);
}

/// Appends what became of work orders. The mean time to acknowledge and to repair is sum by count.
fn write_orders(out: &mut String, orders: &OrderCounters) {
    for (name, help, count) in [
        ("andon_work_orders_opened_total", "Work orders opened.", orders.opened),
        ("andon_work_orders_reopened_total", "Work orders open again after they were closed.", orders.reopened),
        ("andon_work_orders_completed_total", "Work orders completed.", orders.completed),
        ("andon_work_orders_cancelled_total", "Work orders cancelled.", orders.cancelled),
        (
            "andon_work_orders_reminders_total",
            "Times that somebody was told that an order is overdue.",
            orders.reminded,
        ),
    ] {
        family::write(out, name, COUNTER, help, [("", count as f64)]);
    }
    for (name, help, (count, seconds)) in [
        ("andon_work_orders_acknowledge_seconds", "Time from opening until somebody has seen it.", orders.acknowledged),
        ("andon_work_orders_repair_seconds", "Time from the failure until the work is completed.", orders.repaired),
    ] {
        // Writing to a string cannot fail.
        let _ =
            write!(out, "# HELP {name} {help}\n# TYPE {name} summary\n{name}_sum {seconds}\n{name}_count {count}\n");
    }
}

/// Appends how the driver fares.
pub fn write_health(out: &mut String, health: &Health) {
    let seconds = health.commit_nanos.load(Ordering::Relaxed) as f64 / 1e9;
    for (name, kind, help, value) in [
        (
            "andon_journal_commits_total",
            COUNTER,
            "Journal commits made.",
            health.commits.load(Ordering::Relaxed) as f64,
        ),
        ("andon_journal_commit_seconds_total", COUNTER, "Time spent in journal commits.", seconds),
        (
            "andon_journal_commit_failures_total",
            COUNTER,
            "Journal commits that failed.",
            health.commit_failures.load(Ordering::Relaxed) as f64,
        ),
        (
            "andon_checkpoint_failures_total",
            COUNTER,
            "Checkpoints that could not be written.",
            health.checkpoint_failures.load(Ordering::Relaxed) as f64,
        ),
        ("andon_journal_changes_total", COUNTER, "Changes stored.", health.changes.load(Ordering::Relaxed) as f64),
        ("andon_store_size_bytes", "gauge", "Bytes on disk.", health.store_bytes.load(Ordering::Relaxed) as f64),
        (
            "andon_store_failing",
            "gauge",
            "Whether the store cannot be written now.",
            f64::from(u8::from(health.trouble.load().is_some())),
        ),
    ] {
        family::write(out, name, kind, help, [("", value)]);
    }
}
