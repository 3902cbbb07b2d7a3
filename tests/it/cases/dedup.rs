//! Whether a group is news to a thread that was told something of it before.

use std::collections::BTreeSet;
use std::time::Duration;

use andon::core::dedup::{Wants, news};
use andon::core::label::{Fingerprint, LabelSet};
use andon::core::outbox::Told;
use andon::time::Timestamp;
use serde_json::Value;

use super::{Played, flag, list, now, play, relative, same, text};

#[test]
fn needs_notification() {
    play("alerts.json", &[], |case| {
        if text(case, "what")? != "needs_notification" {
            return Ok(Played::NotHere);
        }
        let last = &case["last_entry"];
        let told = if last.is_null() { None } else { Some(told(last)?) };
        let repeat = case["repeat_interval_s"].as_u64().ok_or("the case has no repeat_interval_s")?;
        let repeat_interval = Duration::from_secs(repeat);
        let wants = Wants { send_resolved: flag(case, "send_resolved")?, repeat_interval };
        let verdict = news(told.as_ref(), &alerts(case, "firing"), &alerts(case, "resolved"), wants, now());
        same("the verdict", &verdict.is_ok(), &flag(case, "notify")?)?;
        Ok(Played::Agrees)
    });
}

/// Alertmanager's notification log knows nothing of what is owed, so nothing is.
fn told(last: &Value) -> Result<Told, String> {
    let at = if last["timestamp"] == "zero" { Timestamp::ZERO } else { relative(&last["timestamp_rel_s"])? };
    Ok(Told {
        episode: at,
        next_sequence: 1,
        at,
        firing: alerts(last, "firing"),
        resolved: alerts(last, "resolved"),
        open: BTreeSet::new(),
        group_labels: LabelSet::empty(),
        route_labels: LabelSet::empty(),
        receiver_data: Default::default(),
    })
}

fn alerts(case: &Value, key: &str) -> BTreeSet<Fingerprint> {
    list(case, key).iter().filter_map(Value::as_u64).map(Fingerprint).collect()
}
