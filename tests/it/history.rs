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
    //          words                                                        exit     part of what it says
    let rows: [(&[&str], i32, &str); 11] = [
        (&["history", "alertname=Down", "--kind=delivered"], 0, "to hook by webhook[0] was delivered"),
        (&["history", "Down", "--kind=delivered"], 0, "to hook by webhook[0] was delivered"),
        (&["explain", "Down"], 0, "attempt 1: delivered (first notification)"),
        (&["history", "--kind=alert_fired", "--output=json"], 0, r#""kind":"alert_fired""#),
        (&["history", "--kind=nothing"], 1, "is none of alert_fired"),
        (&["explain", "alertname=Down"], 0, "attempt 1: delivered (first notification)"),
        (&["explain", "alertname=Up"], 1, "0 alerts match"),
        (&["explain", "--labels", "alertname=Up"], 0, "does not fire: this is what would happen if it did"),
        (&["ack", "Down", "--as=", "--comment=mine"], 1, "--as NAME"),
        (&["ack", "Down", "--who=ann", "--until=1h", "--comment=mine"], 0, "ann until "),
        (&["ack"], 0, "taken on by ann until "),
    ];
    for (words, exit, part) in rows {
        let (code, said) = run(&andon, words);
        assert!(code == Some(exit) && said.contains(part), "{words:?}: {code:?} {said}");
    }
}

#[test]
fn a_reload_is_part_of_the_history_with_what_is_different_and_no_secret() {
    let webhook = Webhook::start();
    let config = |team: &str, secret: &str| {
        format!(
            "route: {{receiver: {team}, group_wait: 0s}}\n\
             receivers: [{{name: {team}, webhook_configs: [{{url: '{}', http_config: {{authorization: \
             {{credentials: {secret}}}}}}}]}}]\n",
            webhook.url()
        )
    };
    let place = Place::with_config(&config("hook", "sesame1"));
    let andon = place.start(&[]);
    place.write_config(&config("crew", "sesame2"));
    assert_eq!(andon.request("POST", "/-/reload", "").status(), 200);
    let reload = history(&andon).into_iter().rfind(|event| event["kind"] == "configuration").expect("it was loaded");
    let diff = reload["detail"]["diff"].as_str().expect("a text");
    assert!(diff.contains("-   receiver: hook\n") && diff.contains("+   receiver: crew\n"), "{diff}");
    assert!(reload["actor"].as_str().is_some_and(|actor| actor.starts_with("user at ")), "{reload}");
    assert!(!reload.to_string().contains("sesame"), "{reload}");
}

#[test]
fn alerts_and_silences_are_handled_as_with_amtool() {
    let place = place(&Webhook::start());
    let andon = place.start(&[]);
    let run = |words: &[&str]| run(&andon, words);
    assert_eq!(run(&["alert", "add", "Down", "asset_code=P", "--annotation=summary=it is down"]), (Some(0), "".into()));
    //          words                                            exit     part of what it says
    let rows: [(&[&str], i32, &str); 9] = [
        (&["alert"], 0, "it is down  active"),
        (&["alert", "query", "Down", "-o", "json"], 0, r#""asset_code":"P""#),
        (&["alert", "add", "Down", "--end=soon"], 1, "is no time as 2026-11-22T03:00:00Z"),
        (&["alert", "add", "alertname="], 1, "at least one label pair required"),
        (&["silence", "preview", "asset_code=P"], 0, "it would mute 1 alerts now; 0 of them are silenced already"),
        (&["silence", "add", "asset_code=P"], 2, "--comment"),
        (&["silence", "add", "asset_code=~(", "--comment=x"], 1, "error"),
        (&["silence", "add", "asset_code=P", "--comment=x", "--author= "], 1, "--as NAME"),
        (&["silence", "expire", "00000000-0000-0000-0000-000000000000"], 1, "404"),
    ];
    for (words, exit, part) in rows {
        let (code, said) = run(words);
        assert!(code == Some(exit) && said.contains(part), "{words:?}: {code:?} {said}");
    }
    let (code, id) = run(&["silence", "add", "asset_code=P", "-c", "a new disk", "-a", "ann", "-d", "2h"]);
    assert_eq!((code, id.trim().len()), (Some(0), 36), "{id}");
    let id = id.trim();
    assert_eq!(run(&["alert"]).1.lines().count(), 1, "only the head: it is silenced");
    assert!(run(&["alert", "--silenced"]).1.contains("suppressed"));
    let rows: [(&[&str], &str); 6] = [
        (&["silence"], r#"{asset_code="P"}"#),
        (&["silence", "query", "--created-by=ann", "-q"], id),
        (&["silence", "query", "--within=3h", "-q"], id),
        (&["silence", "query", "--within=1h", "-q"], ""),
        (&["silence", "query", "--expired", "-q"], ""),
        (&["silence", "update", id, "--comment=two disks", "--duration=1h"], id),
    ];
    for (words, said) in rows {
        let (code, says) = run(words);
        assert!(code == Some(0) && says.contains(said) && (said.is_empty() == says.is_empty()), "{words:?}: {says}");
    }
    assert!(run(&["silence"]).1.contains("two disks"));
    let (_, exported) = run(&["silence", "query", "--output=json"]);
    let file = place.path().join("silences.json");
    std::fs::write(&file, exported).expect("it is written");
    assert_eq!(run(&["silence", "expire", id]), (Some(0), "".into()));
    assert!(run(&["silence", "query", "--expired"]).1.contains(id));
    // On another Andon the id is unknown: the silence gets a new one.
    let elsewhere = self::place(&Webhook::start());
    let other = elsewhere.start(&[]);
    let file = file.to_str().expect("a plain path");
    let (code, imported) = self::run(&other, &["silence", "import", file]);
    assert!(code == Some(0) && imported.trim() != id && imported.trim().len() == 36, "{imported}");
    assert!(self::run(&other, &["silence"]).1.contains("two disks"));
}

/// Runs a command against a running Andon; gives its exit code and what it said.
fn run(andon: &Andon, words: &[&str]) -> (Option<i32>, String) {
    let url = format!("--url=http://{}", andon.address());
    let output = Command::new(env!("CARGO_BIN_EXE_andon")).args(words).arg(url).output().expect("andon runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn what_was_is_played_against_other_rules() {
    let webhook = Webhook::start();
    let place = place(&webhook);
    let mut andon = place.start(&[]);
    told(&andon, "Down");
    told(&andon, "Slow");
    andon.signal("TERM");
    andon.wait();
    let config = |more: &str| {
        format!(
            "route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s{more}}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}, {{name: night, webhook_configs: [{{url: '{0}'}}]}}]\n",
            webhook.url()
        )
    };
    let replay = |config: &str, words: &[&str]| {
        let file = place.path().join("other.yml");
        std::fs::write(&file, config).expect("it is written");
        let store = format!("--storage.path={}", place.path().join("data").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
        let output = command.arg("replay").arg(&file).arg(store).args(words).output().expect("andon runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = replay(&config(""), &[]);
    assert!(code == Some(0) && said.contains("2 the same, 0 at another time, 0 only then (-)"), "{said}");
    let other = config(", routes: [{matchers: [alertname=Slow], receiver: night}]");
    let (code, said) = replay(&other, &[]);
    assert!(code == Some(1) && said.contains("1 the same, 0 at another time, 1 only then (-)"), "{said}");
    assert!(
        said.contains("+ ")
            && said.contains(r#"night by webhook[0]  first notification: 1 firing, 0 over  {alertname="Slow"}"#),
        "{said}"
    );
    let (code, said) = replay(&other, &["--output=json"]);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &report["onlyNow"][0]["receiver"]), (Some(1), &json!("night")), "{report}");
    let (code, said) = replay(&config(""), &["--since=0s"]);
    assert!(code == Some(0) && said.contains("alerts sent 0 times"), "{said}");
    // As if the other rules had come into force then: what fires goes its new way.
    let (code, said) = replay(&other, &["--since=0s"]);
    assert!(code == Some(1) && said.contains("0 the same, 0 at another time, 0 only then (-), 1 only"), "{said}");
    let (code, said) = replay("route: {}\n", &[]);
    assert!(code == Some(2) && said.contains("receiver"), "{said}");
}
