//! A small plant that has something to show on every page.

use std::time::Duration;

use serde_json::{Value, json};

use super::stand_in;
use crate::support::process::{Andon, Place};
use crate::support::until;
use crate::support::webhook::Webhook;

const CONFIG: &str = r#"
assets: assets.yaml
route:
  receiver: ops
  group_by: [alertname, instance]
  group_wait: 0s
  routes:
  - matchers: [alertname="CriticalAssetOffline"]
    receiver: maintenance
    group_by: [alertname, asset_code]
    group_wait: 0s
  - matchers: [channel="gone"]
    receiver: refusing
    group_by: [alertname, team]
    group_wait: 0s
  - matchers: [channel="down"]
    receiver: down
    group_wait: 0s
  - matchers: [channel="slow"]
    receiver: slow
    group_by: [alertname, team]
    group_wait: 0s
  - matchers: [severity="info"]
    receiver: ops
    mute_time_intervals: [always]
  - matchers: [team="nobody"]
    receiver: unset
time_intervals:
- name: always
  time_intervals: [{}]
inhibit_rules:
- source_matchers: [alertname="ServiceDown"]
  target_matchers: [severity="warning"]
  equal: [job]
receivers:
- name: ops
  webhook_configs: [{url: "OPS", http_config: {authorization: {credentials: s3same}}}]
- name: maintenance
  webhook_configs: [{url: "OPS"}]
  work_order_configs: [{type: corrective, priority: emergency, due: 4h}]
- name: refusing
  webhook_configs: [{url: "REFUSING"}]
- name: down
  webhook_configs: [{url: "http://127.0.0.1:1/hook"}]
- name: slow
  rate_limit: {per_minute: 1, burst: 1}
  digest: false
  webhook_configs: [{url: "OPS"}]
- name: unset
  pagerduty_configs: [{routing_key: "${env:ANDON_TEST_UNSET}"}]
"#;

const ASSETS: &str = "
- {asset_code: PUMP-001, name: Cooling water pump, location_line: line-2, location_station: station-1}
";

/// Andon with a plant's alerts.
pub struct Plant {
    pub andon: Andon,
    _place: Place,
    _ops: Webhook,
}

impl Plant {
    pub fn start() -> Self {
        let ops = Webhook::start();
        let refusing = format!("http://{}/hook", stand_in::refusing());
        let place = Place::with_config(&CONFIG.replace("OPS", &ops.url()).replace("REFUSING", &refusing));
        std::fs::write(place.path().join("assets.yaml"), ASSETS).expect("the assets are written");
        let andon = place.start(&[]);
        let plant = Self { andon, _place: place, _ops: ops };
        plant.fire(
            &[("alertname", "CriticalAssetOffline"), ("severity", "critical"), ("asset_code", "PUMP-001")],
            "PUMP-001 stands still",
        );
        plant.fire(&[("alertname", "ServiceDown"), ("severity", "critical"), ("job", "api")], "api is down");
        plant.fire(&[("alertname", "HighErrorRate"), ("severity", "warning"), ("job", "api")], "api fails");
        plant.fire(&[("alertname", "Anomalies"), ("severity", "info")], "131 anomalies");
        for team in ["a", "b"] {
            plant.fire(&[("alertname", "Told"), ("channel", "gone"), ("team", team)], "told to a channel that is gone");
        }
        until(Duration::from_secs(20), "a work order opens", || {
            let orders = plant.andon.get("/api/andon/v1/work-orders").json();
            orders.to_string().contains("PUMP-001").then_some(())
        });
        plant
    }

    /// Makes an alert fire for an hour.
    pub fn fire(&self, labels: &[(&str, &str)], summary: &str) {
        let labels: Value = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let alert = json!({
            "labels": labels,
            "annotations": {"summary": summary, "runbook_url": "https://wiki.example/run"},
            "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
        });
        self.post(&json!([alert]));
    }

    /// Sends alerts as they are.
    pub fn post(&self, alerts: &Value) {
        let answer = self.andon.request("POST", "/api/v2/alerts", &alerts.to_string());
        assert_eq!(answer.status(), 200, "{}", answer.body);
    }

    /// Waits until there are so many dead letters.
    pub fn until_dead_letters(&self, number: usize) {
        until(Duration::from_secs(20), "dead letters", || {
            let letters = self.andon.get("/api/andon/v1/dead-letters").json();
            (letters.as_array().map(Vec::len) == Some(number)).then_some(())
        });
    }
}
