//! What may be posted to `/api/v2/alerts` and `/api/v2/silences` by mistake or on purpose, and what it is answered:
//! Alertmanager's status, or a stricter one that docs/compatibility.md names.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::http::Client;
use crate::support::process::{Andon, Place};
use crate::support::random::{Random, budget};

const CONFIG: &str = "route: {receiver: plant}\nreceivers: [{name: plant}]\n";

/// What was sent, its body, and the status.
type Row = (&'static str, String, u16);

fn labels(pairs: &str) -> String {
    format!("[{{\"labels\":{{{pairs}}}}}]")
}

fn with(field: &str) -> String {
    format!("[{{\"labels\":{{\"a\":\"b\"}},{field}}}]")
}

fn many(count: usize) -> String {
    (0..count).map(|number| format!("\"l{number}\":\"x\"")).collect::<Vec<_>>().join(",")
}

fn small() -> Vec<Row> {
    vec![
        ("nothing", String::new(), 422),
        ("an object", "{}".into(), 400),
        ("cut off", "[{\"labels\":{\"a\":\"b\"".into(), 400),
        ("wrong types", labels("\"a\":1"), 400),
        ("a byte order mark", "\u{feff}[]".into(), 400),
        ("null", "null".into(), 200),
        ("an empty list", "[]".into(), 200),
        ("null in the list", "[null]".into(), 422),
        ("no labels", "[{}]".into(), 422),
        ("empty labels", labels(""), 400),
        ("a generator that is no URI", with("\"generatorURL\":\"::no uri\""), 422),
        ("a generator that is a script", with("\"generatorURL\":\"javascript:alert(1)\""), 200),
        ("half a surrogate pair", labels("\"a\":\"\\ud800\""), 200),
        ("NUL, escaped", labels("\"a\":\"x\\u0000\""), 200),
        ("NUL, raw", labels("\"a\":\"x\0\""), 400),
        ("an empty name", labels("\"\":\"x\""), 400),
        ("a name of signs", labels("\"\u{1f525}\":\"x\""), 200),
        ("a name with a space", labels("\"a b\":\"x\",\"__x__\":\"z\""), 200),
        ("an empty value", labels("\"a\":\"\",\"b\":\"c\""), 200),
        ("a key twice", labels("\"a\":\"1\",\"a\":\"2\""), 200),
        ("a key in another case", "[{\"Labels\":{\"a\":\"1\"}}]".into(), 200),
        ("an unknown field", with("\"x\":1"), 200),
        ("something after the list", "[] garbage".into(), 200),
        ("two lists", "[][]".into(), 200),
        ("the year 1", with("\"startsAt\":\"0001-01-01T00:00:00Z\""), 200),
        ("the year 1600", with("\"startsAt\":\"1600-01-01T00:00:00Z\""), 200),
        ("the year 9999", with("\"endsAt\":\"9999-12-31T23:59:59Z\""), 200),
        ("the year 10000", with("\"startsAt\":\"10000-01-01T00:00:00Z\""), 400),
        ("seconds since 1970", with("\"startsAt\":1700000000"), 400),
        ("a leap second", with("\"startsAt\":\"2026-01-01T00:00:60Z\""), 400),
        (
            "a start in the future",
            with("\"startsAt\":\"2126-01-01T00:00:00Z\",\"endsAt\":\"2126-01-02T00:00:00Z\""),
            200,
        ),
        (
            "an end before the start",
            with("\"startsAt\":\"2026-01-02T00:00:00Z\",\"endsAt\":\"2026-01-01T00:00:00Z\""),
            400,
        ),
        ("one good, one bad", "[{\"labels\":{\"good\":\"half\"}},{\"labels\":{\"\":\"x\"}}]".into(), 400),
    ]
}

fn large() -> Vec<Row> {
    let x = |count| "x".repeat(count);
    vec![
        ("10 000 labels", labels(&many(10_000)), 400),
        ("500 000 annotations", with(&format!("\"annotations\":{{{}}}", many(500_000))), 400),
        ("a label of 1 MB", labels(&format!("\"a\":\"{}\"", x(1_000_000))), 400),
        ("an annotation of 10 MB", with(&format!("\"annotations\":{{\"a\":\"{}\"}}", x(10_000_000))), 400),
        ("10 000 lists in each other", "[".repeat(10_000), 400),
        ("100 000 objects in each other", "[{\"labels\":".to_owned() + &"{\"a\":".repeat(100_000), 400),
        ("10 000 000 lists in each other", "[".repeat(10_000_000), 400),
        ("30 MB of blanks", " ".repeat(30_000_000) + "[]", 200),
    ]
}

#[test]
fn every_input_has_its_answer_and_none_takes_long() {
    let place = Place::with_config(CONFIG);
    let andon = place.start(&[]);
    for (what, body, status) in small().into_iter().chain(large()) {
        let began = Instant::now();
        let answer = andon.request("POST", "/api/v2/alerts", &body);
        assert_eq!(answer.status(), status, "{what}: {}", answer.body);
        assert!(began.elapsed() < Duration::from_secs(10), "{what}: {:?}", began.elapsed());
    }
    let alerts = andon.get("/api/v2/alerts").body;
    assert!(alerts.contains("\"half\""), "the good half was taken");
    assert!(!alerts.contains("\"l1\"") && alerts.len() < 10_000, "nothing of what was too large");

    // Beyond the limit the body is not read to its end.
    let beyond = Client::connect(andon.address())
        .and_then(|mut client| client.request("POST", "/api/v2/alerts", &(" ".repeat(40_000_000) + "[]")));
    assert!(beyond.is_err() || beyond.is_ok_and(|answer| answer.status() == 413), "40 MB are refused");

    let silence = |pattern: &str| {
        let matchers = json!([{"name": "alertname", "value": pattern, "isRegex": true}]);
        json!({"matchers": matchers, "createdBy": "a", "comment": "b", "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2126-01-01T00:00:00Z"})
        .to_string()
    };
    let alternatives = (0..700_000).map(|number| format!("a{number:06}")).collect::<Vec<_>>().join("|");
    for (pattern, status) in [(alternatives.as_str(), 400), ("(", 400), (".+", 200)] {
        let began = Instant::now();
        assert_eq!(andon.request("POST", "/api/v2/silences", &silence(pattern)).status(), status);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    // Short texts that compile to a megabyte each: one is taken, but not as many as a request may hold.
    let large = |number: usize| format!("\\pL{{24}}[a-c]x{number}");
    let matcher = |number| json!({"name": format!("l{number}"), "value": large(number), "isRegex": true});
    let many: Vec<_> = (0..400).map(matcher).collect();
    let silence = json!({"matchers": many, "createdBy": "a", "comment": "b", "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2126-01-01T00:00:00Z"});
    let filters: String = (0..50).map(|number| format!("filter=a%3D~%22%5CpL%7B24%7D%5Ba-c%5Dx{number}%22&")).collect();
    let began = Instant::now();
    let refused = [
        andon.request("POST", "/api/v2/silences", &silence.to_string()),
        andon.get(&format!("/api/v2/alerts?{filters}")),
        andon.get(&format!("/api/v2/alerts/groups?{filters}")),
        andon.get(&format!("/api/v2/silences?{filters}")),
    ];
    for refused in refused {
        assert_eq!(refused.status(), 400, "{}", refused.body);
        assert!(refused.body.contains("all of them together may have 8388608 bytes"), "{}", refused.body);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(andon.get("/api/v2/alerts?filter=a%3D~%22%5CpL%7B24%7D%22").status(), 200);
    assert_eq!(andon.get("/-/ready").body, "OK");
}

const JSON: &str = "Content-Type: application/json\r\n";

fn send(andon: &Andon, headers: &str, body: &[u8]) -> u16 {
    let answer =
        Client::connect(andon.address()).and_then(|mut client| client.send("POST", "/api/v2/alerts", headers, body));
    answer.unwrap_or_else(|error| panic!("{error}\n{}", andon.log())).status()
}

#[test]
fn bytes_that_are_no_json_have_their_answer() {
    let place = Place::with_config(CONFIG);
    let andon = place.start(&[]);
    let alert = labels("\"alertname\":\"A\"");
    let utf16: Vec<u8> = alert.encode_utf16().flat_map(u16::to_le_bytes).collect();
    // The head of what gzip writes.
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], alert.as_bytes()].concat();
    let rows: [(&str, &str, &[u8], u16); 8] = [
        ("JSON", JSON, alert.as_bytes(), 200),
        ("UTF-16", JSON, &utf16, 400),
        ("gzip", JSON, &gzip, 400),
        ("gzip, said so", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", &gzip, 400),
        ("no UTF-8", JSON, b"[{\"labels\":{\"a\":\"\xff\"}}]", 200),
        ("a text", "Content-Type: text/plain\r\n", alert.as_bytes(), 415),
        ("a form", "Content-Type: application/x-www-form-urlencoded\r\n", alert.as_bytes(), 415),
        ("no type", "", alert.as_bytes(), 415),
    ];
    for (what, headers, body, status) in rows {
        assert_eq!(send(&andon, headers, body), status, "{what}");
    }
}

#[test]
fn whatever_is_sent_is_answered() {
    let place = Place::with_config(CONFIG);
    let andon = place.start(&[]);
    let alert = format!(
        "[{{\"labels\":{{\"alertname\":\"A\",\"n\":\"1\"}},\"annotations\":{{\"summary\":\"\u{fc}\"}},\
         \"startsAt\":\"2026-01-01T00:00:00Z\",\"endsAt\":\"{}\",\"generatorURL\":\"http://p/\"}}]",
        "2126-01-01T00:00:00Z"
    );
    let mut random = Random::for_test("hostile_input");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..budget(300, 5_000) {
        let mut body = alert.clone().into_bytes();
        for _ in 0..1 + random.below(4) {
            let place = random.below(body.len().max(1) as u64) as usize;
            match random.below(4) {
                0 if place < body.len() => body[place] = random.below(256) as u8,
                1 if place < body.len() => drop(body.remove(place)),
                2 => body.insert(place, b"[]{},:\"\\0e-"[random.below(11) as usize]),
                _ => body.truncate(place.max(1)),
            }
        }
        let status = send(&andon, JSON, &body);
        assert!([200, 400, 422].contains(&status), "{status}: {}", String::from_utf8_lossy(&body));
        seen.insert(status);
    }
    assert!(seen.contains(&200) && seen.contains(&400), "{seen:?}");
    assert!(!andon.log().contains("panicked"), "{}", andon.log());
    assert_eq!(andon.get("/-/ready").body, "OK");
}
