//! The history over the real program: what was told stands in it after a kill, and the command line tells it.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::{Andon, Place};
use crate::support::until;
use crate::support::webhook::Webhook;

fn place(webhook: &Webhook) -> Place {
    Place::with_config(&format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
        webhook.url()
    ))
}

fn history(andon: &Andon) -> Vec<Value> {
    let answer = andon.get("/api/andon/v1/history?order=oldest&limit=1000");
    assert_eq!(answer.status(), 200, "{}", answer.body);
    answer.json()["events"].as_array().expect("a list").clone()
}

/// Sends an alert, and waits until the history says that it was told.
fn told(andon: &Andon, name: &str) -> Vec<Value> {
    let alert = json!([{"labels": {"alertname": name}}]).to_string();
    assert_eq!(andon.request("POST", "/api/v2/alerts", &alert).status(), 200);
    let about = |event: &&Value| event["alerts"][0]["alertname"] == name;
    until(Duration::from_secs(20), "the alert was told", || {
        let all = history(andon);
        let delivered = all.iter().filter(about).any(|event| event["kind"] == "delivered");
        delivered.then(|| all.iter().filter(about).cloned().collect())
    })
}

#[test]
fn the_history_survives_kills() {
    let webhook = Webhook::start();
    let place = place(&webhook);
    let mut known: Vec<String> = Vec::new();
    for life in 0..4 {
        let mut andon = place.start(&[]);
        let ids = |events: &[Value]| events.iter().map(|event| event["id"].to_string()).collect::<Vec<_>>();
        let kept = ids(&history(&andon));
        assert!(known.iter().all(|id| kept.contains(id)), "life {life}: {known:?} {kept:?}");
        let events = told(&andon, &format!("Life{life}"));
        let kinds: Vec<_> = events.iter().filter_map(|event| event["kind"].as_str()).take(3).collect();
        assert_eq!(kinds, ["alert_fired", "enqueued", "delivered"], "life {life}");
        known = ids(&history(&andon));
        andon.signal("KILL");
        andon.wait();
    }
}

#[test]
fn the_command_line_tells_explains_and_acknowledges() {
    let webhook = Webhook::start();
    let place = place(&webhook);
    let andon = place.start(&[]);
    told(&andon, "Down");
    let run = |words: &[&str]| {
        let url = format!("--url=http://{}", andon.address());
        let output = Command::new(env!("CARGO_BIN_EXE_andon")).args(words).arg(url).output().expect("andon runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    //          words                                                        exit     part of what it says
    let rows: [(&[&str], i32, &str); 8] = [
        (&["history", "alertname=Down", "--kind=delivered"], 0, "to hook by webhook[0] was delivered"),
        (&["history", "--kind=alert_fired", "--output=json"], 0, r#""kind":"alert_fired""#),
        (&["history", "--kind=nothing"], 1, "is none of alert_fired"),
        (&["explain", "alertname=Down"], 0, "attempt 1: delivered (first notification)"),
        (&["explain", "alertname=Up"], 1, "0 alerts match"),
        (&["explain", "--labels", "alertname=Up"], 0, "does not fire: this is what would happen if it did"),
        (&["ack", "alertname=Down", "--who=ann", "--until=1h", "--comment=mine"], 0, "ann until "),
        (&["ack"], 0, "taken on by ann until "),
    ];
    for (words, exit, part) in rows {
        let (code, said) = run(words);
        assert!(code == Some(exit) && said.contains(part), "{words:?}: {code:?} {said}");
    }
}
