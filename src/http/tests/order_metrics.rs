//! What `/metrics` says of work orders: every figure, held against a history that is known to the second.

use serde_json::json;

use super::kept_back::with_orders;
use super::*;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

impl Service {
    /// Each of these lines stands in the exposition.
    async fn expect_metrics(&self, lines: &[&str]) {
        let metrics = self.get("/metrics").await.body;
        for line in lines {
            let orders = metrics.lines().filter(|line| line.starts_with("andon_work_orders"));
            assert!(metrics.lines().any(|found| found == *line), "no {line} in {:#?}", orders.collect::<Vec<_>>());
        }
    }
}

#[test]
fn every_figure_about_orders_is_what_happened() {
    run(async || {
        let service = Service::with_policy(with_orders());
        service.expect_metrics(&["andon_work_orders_opened_total 0", "andon_work_orders_repair_seconds_count 0"]).await;
        // The failure began when the alert did; 30 s later its group was told and the order opened.
        service.fire("PumpOffline", "PUMP-001").await;
        let offline = service.order_of("PumpOffline").await;
        let high = service.open(json!({"title": "Oil", "priority": "high", "type": "preventive"})).await;
        service.open(json!({"title": "Look", "priority": "low", "type": "inspection"})).await;
        service.open(json!({"title": "Look again", "priority": "low", "type": "inspection"})).await;
        service
            .expect_metrics(&[
                r#"andon_work_orders_open{priority="emergency",type="corrective"} 1"#,
                r#"andon_work_orders_open{priority="high",type="preventive"} 1"#,
                r#"andon_work_orders_open{priority="low",type="inspection"} 2"#,
                r#"andon_work_orders_overdue{priority="emergency"} 0"#,
                "andon_work_orders_opened_total 4",
                "andon_work_orders_completed_total 0",
                "andon_work_orders_acknowledge_seconds_count 0",
                "andon_work_orders_reminders_total 0",
            ])
            .await;

        // Seen 100 s and 300 s after they were opened: on the average 200.
        pass(99).await;
        service.act(&offline, "acknowledge").await;
        pass(201).await;
        service.act(&high, "start").await;
        service
            .expect_metrics(&[
                "andon_work_orders_acknowledge_seconds_sum 400",
                "andon_work_orders_acknowledge_seconds_count 2",
            ])
            .await;

        // The emergency is due after four hours; the ladder has its first step then.
        pass(4 * 3600).await;
        service
            .expect_metrics(&[
                r#"andon_work_orders_overdue{priority="emergency"} 1"#,
                r#"andon_work_orders_overdue{priority="high"} 0"#,
                "andon_work_orders_reminders_total 1",
            ])
            .await;
        service.act(&offline, "complete").await;
        service.act(&high, "cancel").await;
        // From the failure to the completion, and to the second.
        let repaired = 31 + 99 + 201 + 4 * 3600;
        service
            .expect_metrics(&[
                r#"andon_work_orders_open{priority="emergency",type="corrective"} 0"#,
                r#"andon_work_orders_open{priority="high",type="preventive"} 0"#,
                r#"andon_work_orders_overdue{priority="emergency"} 0"#,
                "andon_work_orders_completed_total 1",
                "andon_work_orders_cancelled_total 1",
                &format!("andon_work_orders_repair_seconds_sum {repaired}"),
                "andon_work_orders_repair_seconds_count 1",
                "andon_work_orders_reopened_total 0",
            ])
            .await;
        service.act(&high, "reopen").await;
        service
            .expect_metrics(&[
                r#"andon_work_orders_open{priority="high",type="preventive"} 1"#,
                "andon_work_orders_opened_total 4",
                "andon_work_orders_reopened_total 1",
            ])
            .await;
    });
}
