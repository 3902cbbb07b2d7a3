//! How two versions of one alert become one.

use std::sync::Arc;

use andon::core::alert::Alert;
use andon::core::label::LabelSet;
use serde_json::Value;

use super::{Played, flag, now, play, relative, same, text};

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

fn alert(case: &Value) -> Result<Alert, String> {
    Ok(Alert {
        labels: LabelSet::empty(),
        annotations: LabelSet::empty(),
        generator_url: Arc::from(""),
        starts_at: relative(&case["starts_at_rel_s"])?,
        ends_at: relative(&case["ends_at_rel_s"])?,
        updated_at: relative(&case["updated_at_rel_s"])?,
        timeout: flag(case, "timeout")?,
    })
}
