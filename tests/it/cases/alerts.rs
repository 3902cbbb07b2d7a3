//! How two versions of one alert become one.

use std::sync::Arc;
use std::time::Duration;

use andon::core::alert::Alert;
use andon::core::label::LabelSet;
use andon::time::Timestamp;
use serde_json::Value;

use super::{Played, flag, play, same, text};

#[test]
fn alerts() {
    play("alerts.json", &[], |case| {
        if text(case, "what")? != "merge" {
            return Ok(Played::NotHere);
        }
        let [older, newer, merged] = [&case["older"], &case["newer"], &case["merged"]].map(alert);
        same("the merged alert", &Alert::merged(&older?, newer?, now()), &merged?)?;
        Ok(Played::Agrees)
    });
}

/// The instant that the cases count from.
fn now() -> Timestamp {
    Timestamp::new(1_795_359_600, 0)
}

fn alert(case: &Value) -> Result<Alert, String> {
    let at = |key: &str| {
        let seconds = case[key].as_i64().ok_or_else(|| format!("the alert has no {key}"))?;
        let by = Duration::from_secs(seconds.unsigned_abs());
        Ok::<_, String>(if seconds < 0 { now().before(by) } else { now().after(by) })
    };
    Ok(Alert {
        labels: LabelSet::empty(),
        annotations: LabelSet::empty(),
        generator_url: Arc::from(""),
        starts_at: at("starts_at_rel_s")?,
        ends_at: at("ends_at_rel_s")?,
        updated_at: at("updated_at_rel_s")?,
        timeout: flag(case, "timeout")?,
    })
}
