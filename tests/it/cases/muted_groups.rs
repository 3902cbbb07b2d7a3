//! What time intervals make of a flush: who mutes the group, and under which word it is counted.

use std::sync::Arc;

use andon::core::change::Actor;
use andon::core::engine::{Engine, Input, Options};
use andon::core::flush::HeldBack;
use andon::core::ingest::Batch;
use andon::core::policy::Policy;
use andon::time::Timestamp;
use serde_json::Value;

use super::{Played, Verdict, instant, list, play, policy, same, text};

#[test]
fn stage() {
    play("time_intervals.json", &[], |case| match text(case, "what")? {
        "stage" => muted(case),
        _ => Ok(Played::NotHere),
    });
}

/// Sends one alert, flushes its group and looks at it.
fn muted(case: &Value) -> Verdict {
    let now = instant(text(case, "now")?)?;
    let mut engine = Engine::new(Arc::new(rules(case)?), Options::default(), now);
    let mut batch = Batch::default();
    let pushed = batch.push(&mut vec![("alertname", "A")], &mut Vec::new(), "", Timestamp::ZERO, Timestamp::ZERO);
    pushed.map_err(|error| error.to_string())?;
    engine.handle(now, Input::Alerts(Actor::Sender("cases".into()), batch));
    engine.handle(now, Input::Tick);
    engine.committed();
    let view = engine.view();
    let found: Vec<Value> = view.groups.iter().flat_map(|group| &group.muted_by).map(|name| (**name).into()).collect();
    same("the names", &found.as_slice(), &list(case, "muted_by"))?;
    let reason = text(case, "suppressed_metric_reason")?;
    let counted: u64 = HeldBack::ALL
        .iter()
        .zip(view.counters.suppressed)
        .map(|(held_back, count)| if held_back.as_str() == reason { count } else { 0 })
        .sum();
    same("the count", &(counted > 0), &!found.is_empty())?;
    same("the deliveries", &view.outbox.len(), &usize::from(found.is_empty()))?;
    Ok(Played::Agrees)
}

/// One route, muted by the intervals of the case.
fn rules(case: &Value) -> Result<Policy, String> {
    let intervals = case["intervals"].as_object().ok_or("the case has no intervals")?;
    let names: Vec<_> = intervals.keys().cloned().collect();
    let mut yaml = format!(
        "route: {{receiver: r, group_wait: 0s, routes: [{{{}: {names:?}}}]}}\n\
         receivers: [{{name: r, webhook_configs: [{{url: 'http://localhost'}}]}}]\ntime_intervals:\n",
        text(case, "route_key")?
    );
    for (name, definition) in intervals {
        let definition = definition.as_str().unwrap_or_default().replace('\n', "\n    ");
        yaml.push_str(&format!("- name: {name}\n  time_intervals:\n    {definition}\n"));
    }
    policy(&yaml)
}
