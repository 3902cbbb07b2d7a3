//! `andon store` on real stores: what is exported is imported to the same, and nobody's store is touched.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::process::{Andon, Place};

const CONFIG: &str = "route: {receiver: plant, group_wait: 1h}\nreceivers: [{name: plant}]\n";

fn store(place: &Place, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
    command.arg("store").args(args).current_dir(place.path()).output().expect("andon runs")
}

fn said(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn shown(andon: &Andon) -> (Value, Value) {
    let mut alerts = andon.get("/api/v2/alerts").json();
    for alert in alerts.as_array_mut().expect("a list") {
        // The moment at which an unfinished alert would run out is shown as of now.
        alert["endsAt"].take();
    }
    (alerts, andon.get("/api/v2/silences").json())
}

#[test]
fn a_state_is_exported_and_imported_to_the_same() {
    let place = Place::with_config(CONFIG);
    let andon = place.start(&[]);
    for number in 0..20 {
        let alert = json!([{"labels": {"alertname": "PumpHot", "number": number.to_string(), "null": "\u{0}"}}]);
        assert_eq!(andon.request("POST", "/api/v2/alerts", &alert.to_string()).status(), 200);
    }
    let matchers = json!([{"name": "number", "value": "1|2", "isRegex": true}]);
    let silence = json!({"matchers": matchers, "createdBy": "ana", "comment": "test", "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2126-01-01T00:00:00Z"});
    assert_eq!(andon.request("POST", "/api/v2/silences", &silence.to_string()).status(), 200);
    let before = shown(&andon);
    let (ok, text) = said(&store(&place, &["check"]));
    assert!(!ok && text.contains("is in use by another process: stop that one"), "{text}");
    andon.kill();

    let (ok, text) = said(&store(&place, &["check"]));
    assert!(ok && text.starts_with("data/: good\n") && text.contains("20 alert, 1 group, 1 silence"), "{text}");
    let (ok, text) = said(&store(&place, &["export", "state.jsonl"]));
    assert!(ok && text.is_empty(), "{text}");
    let exported = store(&place, &["export"]).stdout;
    assert_eq!(
        exported,
        std::fs::read(place.path().join("state.jsonl")).expect("it was written"),
        "the same each time"
    );
    assert!(!said(&store(&place, &["import", "state.jsonl"])).0, "into a store that is not empty");

    let (ok, text) = said(&store(&place, &["import", "--storage.path=other", "state.jsonl"]));
    assert!(ok && text.starts_with("other: 22 things imported"), "{text}");
    let again = store(&place, &["export", "--storage.path=other"]).stdout;
    // The first line names the entry of the journal, which begins anew.
    let things = |export: &[u8]| export.splitn(2, |byte| *byte == b'\n').nth(1).map(<[u8]>::to_vec);
    assert_eq!(things(&again), things(&exported));
    for (from, to) in [("data", "old"), ("other", "data")] {
        std::fs::rename(place.path().join(from), place.path().join(to)).expect("it is there");
    }
    let andon = place.start(&[]);
    assert_eq!(shown(&andon), before);
    assert_eq!(andon.get("/-/ready").body, "OK");
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_changed() {
    let place = Place::with_config(CONFIG);
    let (ok, text) = said(&store(&place, &["check"]));
    assert!(!ok && text.contains("there is no store in data/"), "{text}");
    assert!(!place.path().join("data").exists(), "and none was made");
    let andon = place.start(&[]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#).status(), 200);
    andon.kill();
    let journal = place.path().join("data/journal/db");
    let mut bytes = std::fs::read(&journal).expect("it was written");
    bytes[..64].fill(0x5A);
    std::fs::write(&journal, &bytes).expect("there is room");
    for command in [&["check"][..], &["check", "--output=json"], &["export", "part.jsonl"]] {
        let (ok, text) = said(&store(&place, command));
        assert!(!ok && text.contains("the journal cannot be read"), "{command:?}: {text}");
    }
    assert_eq!(std::fs::read(&journal).expect("it is still there"), bytes);
    std::fs::write(place.path().join("cut.jsonl"), "{\"andon_store\":1,\"at\":\"2026-11-22T00:00:00Z\",\"entry\":1}\n")
        .expect("there is room");
    let (ok, text) = said(&store(&place, &["import", "--storage.path=new", "cut.jsonl"]));
    assert!(!ok && text.contains("cut.jsonl: it was cut off"), "{text}");
    assert!(!place.path().join("new").exists());
}
