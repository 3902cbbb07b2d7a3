//! The calls that karma and Grafana's Alertmanager data source make, replayed in their order: both speak only API v2
//! and `/metrics`, and neither knows that it is not an Alertmanager.

use serde_json::{Value, json};

use crate::support::http::Client;
use crate::support::process::{Andon, Place};

const CONFIG: &str = "route: {receiver: ops, group_by: [alertname], group_wait: 0s}\nreceivers: [{name: ops}]\n";

fn andon() -> (Place, Andon) {
    let place = Place::with_config(CONFIG);
    let andon = place.start(&[]);
    // As Grafana sends its own alerts, and as Prometheus does.
    let alert = json!([{"labels": {"alertname": "A", "job": "x"}, "annotations": {"summary": "s"}, "generatorURL": "http://g/"}]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", &alert.to_string()).status(), 200);
    (place, andon)
}

fn get(andon: &Andon, path: &str) -> Value {
    let answer = andon.get(path);
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some("application/json")), "{path}");
    answer.json()
}

/// What a client needs to find in an object.
fn has(object: &Value, keys: &[&str], what: &str) {
    for key in keys {
        assert!(object.pointer(key).is_some_and(|value| !value.is_null()), "{what} lacks {key}: {object}");
    }
}

fn silence(andon: &Andon) -> String {
    let asked = json!({
        "matchers": [{"name": "alertname", "value": "A", "isRegex": false, "isEqual": true}],
        "startsAt": "2020-01-01T00:00:00.000Z", "endsAt": "2999-01-01T00:00:00.000Z",
        "createdBy": "karma / user@example", "comment": "ACK! known",
    });
    let made = andon.request("POST", "/api/v2/silences", &asked.to_string());
    assert_eq!(made.status(), 200, "{}", made.body);
    made.json()["silenceID"].as_str().expect("the id of the silence").to_owned()
}

const GROUP: [&str; 3] = ["/labels/alertname", "/receiver/name", "/alerts"];
const ALERT: [&str; 11] = [
    "/annotations/summary",
    "/endsAt",
    "/fingerprint",
    "/receivers",
    "/startsAt",
    "/status/state",
    "/status/inhibitedBy",
    "/status/silencedBy",
    "/updatedAt",
    "/labels/job",
    "/generatorURL",
];
const SILENCE: [&str; 8] =
    ["/id", "/status/state", "/matchers/0/name", "/startsAt", "/endsAt", "/updatedAt", "/createdBy", "/comment"];

#[test]
fn karma_finds_what_it_asks_for() {
    let (_place, andon) = andon();
    // It takes the version from the metrics, and needs 0.22 or newer.
    let metrics = andon.get("/metrics");
    let line = metrics.body.lines().find(|line| line.starts_with("alertmanager_build_info{")).expect("the metric");
    let version = line
        .split(['{', ','])
        .find_map(|pair| pair.strip_prefix("version=\""))
        .and_then(|rest| rest.split('"').next())
        .expect("a version");
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().expect("a number")).collect();
    assert!(numbers.len() == 3 && numbers >= vec![0, 22, 0], "{version}");
    let status = get(&andon, "/api/v2/status");
    has(&status, &["/cluster/status", "/versionInfo/version", "/config/original", "/uptime"], "the status");
    let id = silence(&andon);
    let silences = get(&andon, "/api/v2/silences");
    has(&silences[0], &SILENCE, "a silence");
    let groups = get(&andon, "/api/v2/alerts/groups");
    has(&groups[0], &GROUP, "a group");
    has(&groups[0]["alerts"][0], &ALERT, "an alert");
    assert_eq!(groups[0]["alerts"][0]["status"]["silencedBy"], json!([id]), "karma joins them by id");
    assert_eq!(andon.request("DELETE", &format!("/api/v2/silence/{id}"), "").status(), 200);
    assert_eq!(get(&andon, "/api/v2/silences")[0]["status"]["state"], "expired");
}

#[test]
fn karma_in_a_browser_may_read() {
    let (_place, andon) = andon();
    let mut client = std::net::TcpStream::connect(andon.address()).expect("it listens");
    let ask = "GET /api/v2/alerts/groups HTTP/1.1\r\nHost: andon\r\nOrigin: http://karma\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    std::io::Write::write_all(&mut client, ask.as_bytes()).expect("it is sent");
    std::io::Read::read_to_string(&mut client, &mut answer).expect("it answers");
    assert!(answer.to_ascii_lowercase().contains("access-control-allow-origin: *\r\n"), "{answer}");
}

#[test]
fn grafana_finds_what_it_asks_for() {
    let (_place, andon) = andon();
    // "Save & test", and the page of the data source's status.
    let status = get(&andon, "/api/v2/status");
    let version = ["version", "revision", "branch", "buildUser", "buildDate", "goVersion"];
    for key in version {
        assert!(status["versionInfo"][key].is_string(), "{key}: {status}");
    }
    // Contact points and groups, with the filters that its pages send.
    assert_eq!(get(&andon, "/api/v2/receivers")[0]["name"], "ops");
    let query = "filter=alertname%3D%22A%22&silenced=true&inhibited=true&active=true&muted=true";
    let groups = get(&andon, &format!("/api/v2/alerts/groups?{query}"));
    has(&groups[0]["alerts"][0], &ALERT, "an alert");
    has(&get(&andon, &format!("/api/v2/alerts?{query}"))[0], &ALERT, "an alert");
    let id = silence(&andon);
    has(&get(&andon, &format!("/api/v2/silence/{id}")), &SILENCE, "a silence");
    has(&get(&andon, "/api/v2/silences?filter=alertname%3D%22A%22")[0], &SILENCE, "a silence");
    // It asks what kind of Alertmanager this is; one that has no such page is Prometheus' own.
    let asked = Client::connect(andon.address()).and_then(|mut it| it.request("GET", "/api/v1/status/buildinfo", ""));
    assert_eq!(asked.expect("it answers").status(), 404);
    assert_eq!(andon.request("DELETE", &format!("/api/v2/silence/{id}"), "").status(), 200);
}
