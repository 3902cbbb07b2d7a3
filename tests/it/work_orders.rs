//! Work orders through the real program: opened by an alert, worked on from the command line, killed in between.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::{Andon, Place};
use crate::support::until;

const CONFIG: &str = "
route: {receiver: maintenance, group_by: [alertname, asset_code], group_wait: 0s, group_interval: 1s}
receivers:
- name: maintenance
  work_order_configs: [{type: corrective, priority: emergency}]
work_orders: {due: {emergency: 2h}, suppress_pages: true}
";

/// `andon work-order` with these words, in JSON.
fn run(andon: &Andon, words: &[&str]) -> Output {
    let url = format!("http://{}", andon.address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
    command.arg("work-order").args(words).args(["--url", &url, "--output", "json", "--as", "ana"]);
    command.output().expect("andon runs")
}

fn json_of(andon: &Andon, words: &[&str]) -> Value {
    let output = run(andon, words);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"))
}

/// What it says on standard error where it fails, and with which code.
fn refused(andon: &Andon, words: &[&str]) -> (Option<i32>, String) {
    let output = run(andon, words);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The pump stands still, or runs again.
fn tell(andon: &Andon, status: &str, firing: bool) {
    let mut alert = json!({
        "labels": {"alertname": "CriticalAssetOffline", "asset_code": "PUMP-001", "status": status},
        "startsAt": "2026-11-22T08:00:00Z",
    });
    if !firing {
        alert["endsAt"] = json!("2026-11-22T08:30:00Z");
    }
    assert_eq!(andon.request("POST", "/api/v2/alerts", &json!([alert]).to_string()).status(), 200);
}

/// The only order, once this is true of it.
fn order_when(andon: &Andon, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(Duration::from_secs(20), what, || {
        let list = json_of(andon, &["list"]);
        let orders = list.as_array().expect("a list");
        assert!(orders.len() < 2, "{orders:#?}");
        orders.first().filter(|order| is(order)).cloned()
    })
}

#[test]
fn an_order_is_worked_on_from_the_command_line_and_survives_kills() {
    let place = Place::with_config(CONFIG);
    let mut andon = place.start(&[]);
    let again = |andon: Andon| {
        andon.kill();
        place.start(&[])
    };
    tell(&andon, "degraded", true);
    let number = order_when(&andon, "the order is opened", |_| true)["number"].as_str().expect("a text").to_owned();
    for words in [
        &["acknowledge", &number][..],
        &["assign", &number, "--to", "bo", "--why", "is near"],
        &["start", &number],
        &["note", &number, "the seal leaks"],
    ] {
        json_of(&andon, words);
        andon = again(andon);
    }
    // The same failure under another label, then its end: work in progress is not touched.
    tell(&andon, "failed", true);
    let both = |order: &Value| order["alerts"].as_array().is_some_and(|alerts| alerts.len() == 2);
    order_when(&andon, "it is noted on the same order", both);
    tell(&andon, "degraded", false);
    tell(&andon, "failed", false);
    let order = order_when(&andon, "the recovery is noted", |order| order["condition"] == "cleared");
    assert_eq!((&order["status"], &order["assignee"]), (&json!("in_progress"), &json!("bo")));
    let stale = refused(&andon, &["complete", &number, "--if-match", "1"]);
    assert!(stale.0 == Some(1) && stale.1.contains("412 Precondition Failed: work order"), "{stale:?}");
    json_of(&andon, &["complete", &number, "--hours", "1.5"]);
    andon = again(andon);
    let order = json_of(&andon, &["show", &number]);
    assert_eq!((&order["status"], &order["actualHours"]), (&json!("completed"), &json!(1.5)));
    let events: Vec<_> = order["history"].as_array().expect("a list").iter().map(|entry| &entry["event"]).collect();
    for event in ["opened", "acknowledged", "assigned", "started", "noted", "alert_joined", "recovered", "completed"] {
        assert_eq!(events.iter().filter(|found| **found == event).count(), 1, "{event}: {events:?}");
    }
    assert!(order["history"][2]["actor"].as_str().is_some_and(|actor| actor.starts_with("ana at ")), "{order}");
    assert_eq!(order["history"][2]["why"], "is near");
    let metrics = andon.get("/metrics").body;
    assert!(metrics.contains("andon_work_orders_open{priority=\"emergency\",type=\"corrective\"} 0"), "{metrics}");
    tell(&andon, "failed", true);
    order_when(&andon, "the failure that comes again reopens it", |order| order["status"] == "open");
}

#[test]
fn the_command_line_says_what_is_wrong() {
    let place = Place::with_config(&format!("{CONFIG}assets: assets.yaml\n"));
    std::fs::write(place.path().join("assets.yaml"), "[{asset_code: PUMP-001}]").expect("it is written");
    let andon = place.start(&[]);
    let created = json_of(&andon, &["create", "--title", "Grease", "--priority", "low", "--key", "k"]);
    let number = created["number"].as_str().expect("a text").to_owned();
    assert_eq!(json_of(&andon, &["list", "--priority", "low", "--text", "grea"]).as_array().map(Vec::len), Some(1));
    assert_eq!(json_of(&andon, &["list", "--overdue"]), json!([]));
    let before = json_of(&andon, &["list"]);
    // The kernel gives no longer argument to a program than twice that.
    let long = "x".repeat(60_000);
    let rows: [(&[&str], i32, &str); 12] = [
        (&["create", "--title", "Grease", "--key", "k"], 1, "409 Conflict: work order"),
        (&["create", "--title", "Grease", "--priority", "P1"], 1, "priority: found \"P1\"; allowed: emergency, high"),
        (&["hold", &number], 1, "cannot become on_hold; possible: assigned, in_progress, completed, cancelled"),
        (&["show", "WO-2026-AAAAAAAA"], 1, "404 Not Found: there is no work order \"WO-2026-AAAAAAAA\""),
        (&["list", "--status", "done"], 1, "status: unknown \"done\"; there are open, assigned"),
        (
            &["create", "--title", "Grease", "--asset", "PUMP-999"],
            1,
            "there is no asset \"PUMP-999\"; allowed: the code of a known asset",
        ),
        (&["start", &number, "--if-match", "7"], 1, "it is at revision 1, the change was meant for 7"),
        (&["note", &number, &long], 1, "note: it has 60000 characters; allowed: at most 10000 characters"),
        (&["complete", &number, "--hours=-1"], 1, "actualHours: -1 is no number of hours; allowed: 0 to 100000"),
        (&["assign", &number, "--to", "a\nb"], 1, "assignee: it has control characters; allowed: text in one line"),
        (&["create", "--title", "a", "--due", "soon"], 1, "dueAt: found \"soon\"; allowed: a time such as"),
        (&["explode", &number], 2, "unrecognized subcommand 'explode'"),
    ];
    for (words, code, message) in rows {
        let (found, error) = refused(&andon, words);
        assert!(found == Some(code) && error.contains(message), "{words:?}: {found:?} {error}");
    }
    // Ten megabytes of notes, by HTTP: refused before they are read.
    let note = json!({"text": "x".repeat(10 << 20)}).to_string();
    let answer = andon.request("POST", &format!("/api/andon/v1/work-orders/{number}/note"), &note);
    assert!(answer.status() == 413 && answer.body.contains("this takes at most 131072"), "{}", answer.body);
    assert_eq!(json_of(&andon, &["list"]), before, "nothing was changed");
    assert_eq!(before[0]["revision"], 1);
}
