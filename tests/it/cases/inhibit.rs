//! Which alerts hold back which others.

use std::sync::Arc;

use andon::core::alert::Alert;
use andon::core::alert_set::{AlertSet, Kept, Verdict};
use andon::core::change::Actor;
use andon::core::engine::{Engine, Input, Options};
use andon::core::ingest::Batch;
use andon::core::inhibit::Inhibitor;
use andon::core::label::LabelSet;
use andon::core::policy::{InhibitRule, Policy, RuleIdx};
use serde_json::Value;

use super::{Played, flag, labels, list, now, play, policy, relative, same, text};

#[test]
fn inhibit() {
    play("inhibit.json", &[], |case| {
        match text(case, "what")? {
            "mutes" => same("the verdict", &is_muted(case)?, &flag(case, "muted")?)?,
            _ => same("the verdict", &has_equal(case)?, &flag(case, "result")?)?,
        }
        Ok(Played::Agrees)
    });
}

/// Whether the engine, having been sent the sources, says that the target is held back.
fn is_muted(case: &Value) -> Result<bool, String> {
    let policy = Arc::new(policy(text(case, "config")?)?);
    let mut engine = Engine::new(Arc::clone(&policy), Options::default(), now());
    let mut batch = Batch::default();
    for source in list(case, "source_alerts") {
        let alert = alert(source)?;
        let (mut pairs, mut none) = (alert.labels.iter().collect(), Vec::new());
        let pushed = batch.push(&mut pairs, &mut none, "", alert.starts_at, alert.ends_at);
        pushed.map_err(|error| error.to_string())?;
    }
    engine.handle(now(), Input::Alerts(Actor::Sender("cases".into()), batch));
    engine.committed();
    let labels = labels(&case["target"])?;
    let verdict = policy.verdict(&labels);
    Ok(engine.view().muting(now()).inhibited_by(&kept(with_labels(labels), verdict)).is_some())
}

/// Whether a source that fires agrees with the target on the labels of a rule, whatever its matchers say.
fn has_equal(case: &Value) -> Result<bool, String> {
    let policy = rule_of_equal(case)?;
    let (mut inhibitor, mut alerts) = (Inhibitor::default(), AlertSet::default());
    let part = |is_source: bool| {
        let rule = |part: bool| if part { vec![RuleIdx(0)] } else { Vec::new() };
        Verdict { routes: Vec::new(), source_of: rule(is_source), target_of: rule(!is_source) }
    };
    for source in list(case, "source_alerts") {
        let source = kept(alert(source)?, part(true));
        inhibitor.put(&policy, &alerts, &source);
        alerts.insert(source);
    }
    let target = kept(with_labels(labels(&case["target"])?), part(false));
    // Without an end an alert goes on, as in Alertmanager; the service gives it one when it arrives.
    let firing = |alert: &Alert| alert.ends_at.is_zero() || !alert.ended(now());
    Ok(inhibitor.inhibits(&policy, &alerts, &target, firing).is_some())
}

fn rule_of_equal(case: &Value) -> Result<Policy, String> {
    let mut policy = policy("route: {receiver: r}\nreceivers: [{name: r}]\n")?;
    policy.inhibit_rules = vec![InhibitRule {
        name: Arc::from(""),
        source_matchers: Vec::new(),
        target_matchers: Vec::new(),
        equal: list(case, "equal").iter().filter_map(Value::as_str).map(Arc::from).collect(),
    }];
    Ok(policy)
}

fn alert(source: &Value) -> Result<Alert, String> {
    Ok(Alert {
        starts_at: relative(&source["starts_at_rel_s"])?,
        ends_at: relative(&source["ends_at_rel_s"])?,
        ..with_labels(labels(&source["labels"])?)
    })
}

fn with_labels(labels: LabelSet) -> Alert {
    Alert {
        labels,
        annotations: LabelSet::empty(),
        generator_url: Arc::from(""),
        starts_at: now(),
        ends_at: now(),
        updated_at: now(),
        timeout: false,
    }
}

fn kept(alert: Alert, verdict: Verdict) -> Kept {
    Kept::new(alert.fingerprint(), Arc::new(alert), Arc::new(verdict))
}
