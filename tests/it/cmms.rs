//! Work orders in a maintenance system over HTTP: against a stand-in for Atlas CMMS, with its refusals, its silence, and
//! answers that are lost although what was asked was done.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::atlas::{Atlas, KEY, Trouble};
use crate::support::process::{Andon, Place};
use crate::support::until;

const LIMIT: Duration = Duration::from_secs(40);

fn place(atlas: &Atlas, more: &str) -> Place {
    Place::with_config(&format!(
        "
route: {{receiver: maintenance, group_by: [alertname, asset_code], group_wait: 0s, group_interval: 1s}}
receivers:
- name: maintenance
  work_order_configs: [{{type: corrective, priority: emergency}}]
cmms:
- name: atlas
  preset: atlas
  url: {}
  http_config: {{http_headers: {{x-api-key: {{secrets: [{KEY}]}}}}}}
  poll_interval: 1s
  timeout: 1s
  settle_time: 3s
  {more}
",
        atlas.url()
    ))
}

fn alert(andon: &Andon, asset: &str, ends: Option<&str>) {
    let labels = json!({"alertname": "CriticalAssetOffline", "severity": "critical", "asset_code": asset});
    let mut alert = json!({"labels": labels, "annotations": {"summary": "It's \"off\"\n</b>"}});
    if let Some(ends) = ends {
        (alert["startsAt"], alert["endsAt"]) = (json!("2025-01-01T00:00:00Z"), json!(ends));
    }
    assert_eq!(andon.request("POST", "/api/v2/alerts", &json!([alert]).to_string()).status(), 200);
}

fn orders(andon: &Andon) -> Vec<Value> {
    let list = andon.get("/api/andon/v1/work-orders").json();
    list.as_array().or_else(|| list["workOrders"].as_array()).cloned().unwrap_or_else(|| panic!("{list}"))
}

fn until_there(atlas: &Atlas, andon: &Andon, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    until(LIMIT, &format!("{what}\n{}", andon.log()), || {
        let orders = atlas.orders();
        holds(&orders).then_some(orders)
    })
}

#[test]
fn an_order_goes_to_atlas_and_what_people_do_there_comes_back() {
    let atlas = Atlas::start();
    let place = place(&atlas, "");
    let andon = place.start(&[]);
    alert(&andon, "PUMP-001", None);
    let there = until_there(&atlas, &andon, "it is there", |orders| orders.len() == 1);
    let order = &there[0];
    let number = orders(&andon)[0]["number"].as_str().expect("a number").to_owned();
    assert!(order["title"].as_str().is_some_and(|title| title.starts_with(&number)), "{order}");
    assert_eq!(
        (&order["priority"], &order["status"], &order["asset"]["id"]),
        (&json!("HIGH"), &json!("OPEN"), &json!(12))
    );
    assert!(order["description"].as_str().is_some_and(|text| text.contains("It's \"off\"\n</b>")), "{order}");

    // Somebody begins, at Atlas's own screen; then it recovers; then somebody is done.
    atlas.edit(41, "status", json!("IN_PROGRESS"));
    until(LIMIT, "Andon knows", || (orders(&andon)[0]["status"] == "in_progress").then_some(()));
    alert(&andon, "PUMP-001", Some("2026-01-01T00:00:00Z"));
    let over =
        |orders: &[Value]| orders[0]["description"].as_str().is_some_and(|text| text.contains("verify, and close"));
    let there = until_there(&atlas, &andon, "the recovery is told", over);
    assert_eq!(there[0]["status"], "IN_PROGRESS", "what people said there holds");
    atlas.edit(41, "status", json!("COMPLETE"));
    until(LIMIT, "Andon knows that it is done", || (orders(&andon)[0]["status"] == "completed").then_some(()));
    until(LIMIT, "nothing is behind", || {
        andon.get("/metrics").body.contains("andon_mirror_lag_seconds{system=\"atlas\"} 0\n").then_some(())
    });
    assert_eq!(atlas.orders().len(), 1);
    assert!(!andon.log().contains(KEY), "{}", andon.log());
}

/// A create that was done and not answered, before or after Andon looks for it, is never done twice.
#[test]
fn a_create_whose_answer_is_lost_is_not_repeated() {
    for trouble in [Trouble::Silent, Trouble::Late(Duration::from_millis(2500))] {
        let atlas = Atlas::start();
        atlas.trouble("POST /api/work-orders HTTP", trouble.clone(), 1);
        let place = place(&atlas, "");
        let andon = place.start(&[]);
        alert(&andon, "PUMP-001", None);
        until_there(&atlas, &andon, "it is there", |orders| orders.len() == 1);
        until(LIMIT, &format!("Andon knows its id ({trouble:?})\n{}", andon.log()), || {
            andon.get("/metrics").body.contains("andon_mirror_orders_behind{system=\"atlas\"} 0\n").then_some(())
        });
        assert_eq!(atlas.orders().len(), 1, "{trouble:?}");
    }
}

#[test]
fn killed_in_the_middle_of_a_create_it_looks_before_it_creates() {
    let atlas = Atlas::start();
    atlas.trouble("POST /api/work-orders HTTP", Trouble::Silent, 1);
    let place = place(&atlas, "");
    let andon = place.start(&[]);
    alert(&andon, "PUMP-001", None);
    until_there(&atlas, &andon, "it is there", |orders| orders.len() == 1);
    andon.kill();
    let andon = place.start(&[]);
    until(LIMIT, "Andon finds it", || {
        andon.get("/metrics").body.contains("andon_mirror_orders_behind{system=\"atlas\"} 0\n").then_some(())
    });
    assert_eq!(atlas.orders().len(), 1);
}

/// Killed at any moment, again and again: each failure has one order there, and Andon knows it.
#[test]
fn killed_between_any_two_steps() {
    const ASSETS: [&str; 3] = ["PUMP-001", "CNC-001", "COMP-001"];
    let atlas = Atlas::start();
    let place = place(&atlas, "");
    for round in 0..9_u64 {
        let andon = place.start(&[]);
        alert(&andon, ASSETS[usize::try_from(round).expect("it is small") % ASSETS.len()], None);
        // From before the claim is stored to after the id is.
        std::thread::sleep(Duration::from_millis(round * 13 % 80));
        andon.kill();
    }
    let andon = place.start(&[]);
    for asset in ASSETS {
        alert(&andon, asset, None);
    }
    let mut linked = Vec::new();
    until(LIMIT, "Andon knows what each is called there", || {
        linked =
            orders(&andon).iter().filter_map(|order| order["external"]["atlas"].as_str().map(str::to_owned)).collect();
        (linked.len() == ASSETS.len()).then_some(())
    });
    linked.sort();
    let there: Vec<String> = atlas.orders().iter().map(|order| order["id"].to_string()).collect();
    assert_eq!(there, linked);
}

#[test]
fn whatever_goes_wrong_there_delays_nothing_here_and_is_said() {
    let atlas = Atlas::start();
    // No licence for the API; then overloaded; then broken; then well.
    atlas.trouble("POST /api/assets", Trouble::Status(403), 1);
    atlas.trouble("POST /api/work-orders/search", Trouble::Status(503), 1);
    atlas.trouble("POST /api/work-orders HTTP", Trouble::Status(500), 1);
    atlas.trouble("POST /api/work-orders HTTP", Trouble::Status(400), 1);
    let place = place(&atlas, "");
    let andon = place.start(&[]);
    alert(&andon, "PUMP-001", None);
    until(Duration::from_secs(5), "it opens here at once", || (orders(&andon).len() == 1).then_some(()));
    until_there(&atlas, &andon, "it is there in the end", |orders| orders.len() == 1);
    let log = andon.log();
    for said in ["status 403 (is the key right, and does the licence allow API access?)", "create: status 500"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(!log.contains(KEY), "what the answer repeats is not said either: {log}");
    let looked = atlas.requests().iter().filter(|line| line.starts_with("POST /api/work-orders/search")).count();
    assert!(looked >= 3, "it looks before each create: {:#?}", atlas.requests());
}
