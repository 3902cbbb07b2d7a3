//! What is kept back because somebody is at work on the asset: how the API, the page, the explanation and the metrics say so.

use serde_json::{Value, json};

use super::*;
use crate::core::policy::WorkOrderRule;
use crate::core::work_order::{Kind, Priority};

/// The root opens an emergency order for each alertname and asset, and work in progress keeps pages back.
pub fn with_orders() -> Policy {
    let mut rules = policy();
    rules.receivers[0].work_orders = vec![WorkOrderRule {
        key_labels: ["alertname", "asset_code"].map(Arc::from).into(),
        kind: Kind::Corrective,
        priority: Priority::Emergency,
        priority_from: Vec::new(),
        due_after: None,
        title: None,
        description: None,
    }];
    rules.orders.suppress_pages = true;
    rules
}

impl Service {
    /// Posts an alert about an asset, and lets its group be told.
    pub async fn fire(&self, alertname: &str, asset: &str) {
        let alert = json!([{"labels": {"alertname": alertname, "asset_code": asset, "severity": "critical"}}]);
        assert_eq!(self.post("/api/v2/alerts", alert.to_string()).await.status, 200);
        tokio::time::sleep(Duration::from_secs(31)).await;
    }

    pub async fn json(&self, uri: &str) -> Value {
        let answer = self.get(uri).await;
        assert_eq!(answer.status, 200, "{uri}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The number of the order of an alert.
    pub async fn order_of(&self, alertname: &str) -> String {
        let orders = self.json("/api/andon/v1/work-orders").await;
        let of = |order: &&Value| order["title"].as_str().unwrap().starts_with(alertname);
        orders.as_array().unwrap().iter().find(of).unwrap()["number"].as_str().unwrap().to_owned()
    }

    pub async fn act(&self, number: &str, action: &str) {
        let answer = self.post(&format!("/api/andon/v1/work-orders/{number}/{action}"), "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The status of an alert in `/api/v2/alerts`.
    async fn status_of(&self, alertname: &str) -> Value {
        let alerts = self.json("/api/v2/alerts").await;
        let of = |alert: &&Value| alert["labels"]["alertname"] == alertname;
        alerts.as_array().unwrap().iter().find(of).unwrap()["status"].clone()
    }
}

#[test]
fn api_page_explanation_and_metrics_name_the_order_and_all_of_it_ends_with_the_order() {
    run(async || {
        let service = Service::with_policy(with_orders());
        service.fire("PumpOffline", "PUMP-001").await;
        let number = service.order_of("PumpOffline").await;
        service.act(&number, "start").await;
        service.fire("BearingHot", "PUMP-001").await;
        service.fire("BearingCold", "PUMP-002").await;

        let held = json!({"inhibitedBy": [], "mutedBy": [number.as_str()], "silencedBy": [], "state": "suppressed"});
        let free = json!({"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"});
        assert_eq!(service.status_of("BearingHot").await, held);
        assert_eq!(service.status_of("BearingCold").await, free, "another asset");
        let groups = service.json("/api/v2/alerts/groups?filter=alertname=BearingHot").await;
        assert_eq!(groups[0]["alerts"][0]["status"], held, "{groups}");

        let asked = "/api/andon/v1/explain?filter=alertname=BearingHot";
        let explained = service.json(asked).await.to_string();
        for said in [r#""by":"work_order""#, &format!(r#""name":"{number}""#), "somebody is at work on the asset"] {
            assert!(explained.contains(said), "no {said} in {explained}");
        }
        let text = service.get(&format!("{asked}&format=text")).await.body;
        assert!(text.contains(&format!("kept back by the work order {number}")), "{text}");
        assert!(
            text.contains(&format!("the work order {number} would have to be held, completed or cancelled")),
            "{text}"
        );

        let page = service.get("/?state=at-work").await.body;
        let link = format!(r#"href="./ui/work-orders/{number}""#);
        assert!(page.contains(&format!("work is in progress: {number}")) && page.contains(&link), "{page}");
        assert!(page.contains("BearingHot") && !page.contains("BearingCold"), "{page}");

        let order = service.json(&format!("/api/andon/v1/work-orders/{number}")).await;
        let note = "not told, since work is in progress: {alertname=\"BearingHot\"";
        assert!(order["notes"][0]["text"].as_str().unwrap().starts_with(note), "{order}");
        let metrics = service.get("/metrics").await.body;
        let counted = r#"alertmanager_notifications_suppressed_total{reason="work_order"} 1"#;
        assert!(metrics.contains(counted), "{metrics}");

        service.act(&number, "complete").await;
        assert_eq!(service.status_of("BearingHot").await, free, "it ends with the order");
        let explained = service.json(asked).await.to_string();
        assert!(!explained.contains(r#""by":"work_order""#), "{explained}");
        assert!(!service.get("/?state=at-work").await.body.contains("BearingHot"));
    });
}
