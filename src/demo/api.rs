//! Andon's HTTP API, as a sender of alerts and a person at a terminal use it.

use std::time::Duration;

use serde_json::{Value, json};

use super::shift::Alert;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The way to Andon.
pub struct Api {
    client: reqwest::Client,
    url: String,
}

/// An alert that nobody is told of, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Which.
    pub alert: String,
    /// The alert that inhibits it.
    pub by: String,
}

impl Api {
    /// Andon at this URL.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(url: String) -> Result<Self, String> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, url })
    }

    /// Sends alerts as Prometheus does; those that are over have ended at this moment.
    ///
    /// # Errors
    /// If Andon does not take them.
    pub async fn post(&self, firing: &[&Alert], over: &[&Alert], now: &str) -> Result<(), String> {
        let alert = |alert: &&Alert| json!({"labels": alert.labels(), "annotations": alert.annotations(), "generatorURL": "http://prometheus:9091/graph"});
        let mut body: Vec<Value> = firing.iter().map(alert).collect();
        body.extend(over.iter().map(alert).map(|mut alert| {
            alert["endsAt"] = json!(now);
            alert
        }));
        let request = self.client.post(format!("{}/api/v2/alerts", self.url)).json(&body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("POST /api/v2/alerts: {}", answer.text().await.unwrap_or_default())),
        }
    }

    /// The alerts that are inhibited now, and by which.
    ///
    /// # Errors
    /// If Andon does not answer.
    pub async fn held(&self) -> Result<Vec<Held>, String> {
        let alerts = self.get("/api/v2/alerts").await?;
        let alerts = alerts.as_array().map(Vec::as_slice).unwrap_or_default();
        let by_fingerprint = |fingerprint: &Value| {
            let found = alerts.iter().find(|alert| alert["fingerprint"] == *fingerprint);
            found.map_or_else(|| fingerprint.to_string(), |alert| title(&alert["labels"]))
        };
        let mut held = Vec::new();
        for alert in alerts {
            let by = alert["status"]["inhibitedBy"].as_array().and_then(|by| by.first());
            held.extend(by.map(|by| Held { alert: title(&alert["labels"]), by: by_fingerprint(by) }));
        }
        held.sort();
        Ok(held)
    }

    /// The work orders, the oldest first.
    ///
    /// # Errors
    /// If Andon does not answer.
    pub async fn work_orders(&self) -> Result<Vec<Value>, String> {
        let orders = self.get("/api/andon/v1/work-orders").await?;
        Ok(orders.as_array().into_iter().flatten().rev().cloned().collect())
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| format!("GET {path}: {error}"))
    }
}

/// What an alert is called here: its name and what it is about.
pub fn title(labels: &Value) -> String {
    let label = |name: &&str| labels[*name].as_str().map(str::to_owned);
    let about = ["asset_code", "job", "instance", "component"].iter().find_map(label).unwrap_or_default();
    format!("{} {about}", labels["alertname"].as_str().unwrap_or_default())
}
