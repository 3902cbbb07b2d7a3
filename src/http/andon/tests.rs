use serde_json::Value;

use super::*;
use crate::http::tests::{Service, run};

#[test]
fn every_endpoint_is_answered_and_described_and_nothing_else_is_described() {
    let described: Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = described["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        operations
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "parameters")
            .map(move |method| format!("{method} {path}"))
    });
    let mut described: Vec<_> = operations.collect();
    let mut listed: Vec<_> =
        ENDPOINTS.iter().map(|(method, path)| format!("{} /{path}", method.as_str().to_lowercase())).collect();
    described.sort();
    listed.sort();
    assert_eq!(described, listed);
    run(async || {
        let service = Service::start();
        for (method, path) in ENDPOINTS {
            let path = path.replace(['{', '}'], "");
            let answer = service.ask(method.as_str(), &format!("/api/andon/v1/{path}"), &[], "").await;
            assert_ne!(answer.status, 501, "{method} {path}");
            assert_ne!(answer.status, 405, "{method} {path}");
        }
    });
}

#[test]
fn names_in_a_path_are_decoded_and_a_longer_path_is_another() {
    let rows = [
        ("work-orders/{number}", "work-orders/WO%2F1", Some(vec!["WO/1".to_owned()])),
        ("work-orders/{number}", "work-orders/", None),
        ("work-orders/{number}", "work-orders/a/b", None),
        ("work-orders", "work-orders", Some(vec![])),
        ("config", "work-orders", None),
    ];
    for (pattern, path, expected) in rows {
        assert_eq!(names(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn groups_are_listed_and_acknowledged_by_their_hash() {
    run(async || {
        let service = Service::start();
        let alert = r#"[{"labels":{"alertname":"Down","team":"y"}}]"#;
        assert_eq!(service.post("/api/v2/alerts", alert).await.status, 200);
        let groups = async || serde_json::from_str::<Value>(&service.get("/api/andon/v1/groups").await.body).unwrap();
        let group = groups().await[0].clone();
        let (key, hash) = (group["key"].as_str().unwrap(), group["hash"].as_str().unwrap().to_owned());
        assert_eq!(key, r#"{}:{alertname="Down"}"#);
        assert_eq!(hash, crate::core::outbox::group_key_hash(key));
        assert_eq!(
            (&group["firing"], &group["receiver"], &group["acknowledged"]),
            (&1.into(), &"default".into(), &Value::Null)
        );
        assert_eq!(group["nextFlush"], "2026-11-22T15:00:30.123Z");
        let path = format!("/api/andon/v1/groups/{hash}/ack");
        let body = r#"{"who":"ann","until":"2h","comment":"mine"}"#;
        //          method   path            body  status  part of the answer
        let rows = [
            ("POST", &*path, "{}", 400, "who: missing"),
            ("POST", "/api/andon/v1/groups/x/ack", body, 404, "there is no group"),
            ("DELETE", &*path, "", 404, "not acknowledged"),
            ("POST", &*path, body, 200, r#""until":"2026-11-22T17:00:00.123Z""#),
        ];
        for (method, path, body, status, part) in rows {
            let answer = service.ask(method, path, &["content-type: application/json"], body).await;
            assert!(answer.status == status && answer.body.contains(part), "{method} {body}: {answer:?}");
        }
        assert_eq!(groups().await[0]["acknowledged"]["who"], "ann");
        let listed = async |query: &str| service.get(&format!("/api/andon/v1/groups?{query}")).await.body.len() > 3;
        assert!(listed("receiver=default&filter=team%3Dy").await);
        assert!(!listed("receiver=default&filter=team%3Dz").await && !listed("receiver=unused").await);
        assert_eq!(service.ask("DELETE", &path, &[], "").await.status, 200);
        assert_eq!(groups().await[0]["acknowledged"], Value::Null);
    });
}

#[test]
fn an_alert_is_explained_by_fingerprint_labels_or_matchers() {
    run(async || {
        let service = Service::start();
        let alerts = r#"[{"labels":{"alertname":"Down","team":"x"}},{"labels":{"alertname":"Up"}}]"#;
        assert_eq!(service.post("/api/v2/alerts", alerts).await.status, 200);
        let fingerprint = crate::core::label::Fingerprint::of([("alertname", "Up")]);
        let get = async |query: &str| service.get(&format!("/api/andon/v1/explain?{query}")).await;
        let one: Value = serde_json::from_str(&get(&format!("alert={fingerprint}")).await.body).unwrap();
        assert_eq!((&one["alert"]["status"], &one["taken"][0]["receiver"]), (&"firing".into(), &"default".into()));
        assert_eq!(one["routes"][1]["failed"], r#"team="x""#);
        let absent: Value = serde_json::from_str(&get("labels=alertname%3DOther").await.body).unwrap();
        assert_eq!((&absent["alert"]["status"], &absent["taken"][0]["members"]), (&"not firing".into(), &0.into()));
        let some: Value = serde_json::from_str(&get("filter=team%3Dx").await.body).unwrap();
        assert_eq!((&some["matched"], some["explanations"][0]["taken"].as_array().unwrap().len()), (&1.into(), 2));
        let text = get("filter=team%3Dx&format=text").await;
        assert!(text.header("content-type").starts_with("text/plain") && text.body.contains("IN SHORT"), "{text:?}");
        //          query                     status  part of the answer
        let rows = [
            ("", 400, "one of alert=FINGERPRINT, labels=…, filter=…"),
            ("alert=zz", 400, "is no fingerprint"),
            ("alert=0000000000000000", 404, "labels=…"),
            ("labels=a%3D~b", 400, "is no label"),
            ("labels=a%3Db&filter=a%3Db", 400, "one of"),
            ("filter=%7B", 400, "filter: "),
            ("labels=a%3Db&format=xml", 400, "neither json nor text"),
        ];
        for (query, status, part) in rows {
            let answer = get(query).await;
            assert!(answer.status == status && answer.body.contains(part), "{query}: {answer:?}");
        }
    });
}

#[test]
fn the_history_is_filtered_paged_and_exported() {
    run(async || {
        let service = Service::start();
        for name in ["A", "B", "C", "D", "E"] {
            let alert = format!(r#"[{{"labels":{{"alertname":"{name}","team":"x"}}}}]"#);
            assert_eq!(service.post("/api/v2/alerts", alert).await.status, 200);
            tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        }
        let get = async |query: &str| {
            let answer = service.get(&format!("/api/andon/v1/history?{query}")).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.body);
            serde_json::from_str::<Value>(&answer.body).unwrap()
        };
        let names = |page: &Value| {
            let events = page["events"].as_array().unwrap().iter();
            events
                .map(|event| event["alerts"][0]["alertname"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .concat()
        };
        assert_eq!(names(&get("kind=alert_fired").await), "EDCBA");
        assert_eq!(names(&get("kind=alert_fired&order=oldest").await), "ABCDE");
        for (order, pages) in [("newest", ["ED", "CB", "A"]), ("oldest", ["AB", "CD", "E"])] {
            let mut cursor = String::new();
            for expected in pages {
                let page = get(&format!("kind=alert_fired&limit=2&order={order}{cursor}")).await;
                assert_eq!(names(&page), expected, "{order}");
                cursor = page["next"].as_str().map_or_else(String::new, |next| format!("&cursor={next}"));
            }
            assert_eq!(cursor, "", "{order}");
        }
        let fingerprint = crate::core::label::Fingerprint::of([("alertname", "C"), ("team", "x")]);
        let told = async |query: &str| names(&get(&format!("kind=alert_fired,flushed&{query}")).await);
        let rows = [
            (format!("alert={fingerprint}"), "C"),
            ("filter=alertname%3D~%22A|B%22".into(), "BA"),
            ("filter=alertname%3DA&filter=team%3Dy".into(), ""),
            ("start=2026-11-22T15:00:05Z&end=2026-11-22T15:00:15Z".into(), "B"),
            ("start=2026-11-22T15:00:35Z".into(), "E"),
            ("end=2026-11-22T15:00:05Z".into(), "A"),
            ("receiver=nobody".into(), ""),
        ];
        for (query, expected) in rows {
            assert_eq!(told(&query).await, expected, "{query}");
        }
        let enqueued = get("kind=enqueued&receiver=team-X&filter=alertname%3DA").await;
        let group = enqueued["events"][0]["group"]["hash"].as_str().unwrap();
        assert!(!get(&format!("group={group}")).await["events"].as_array().unwrap().is_empty());
        assert_eq!(enqueued["events"][0]["detail"]["reason"], "first notification");
        let lines = service.get("/api/andon/v1/history?format=jsonl&kind=alert_fired").await;
        assert_eq!(lines.header("content-type"), "application/x-ndjson");
        let ats: Vec<String> = lines
            .body
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["at"].as_str().unwrap().to_owned())
            .collect();
        assert!(ats.len() == 5 && ats.is_sorted(), "{ats:?}");
        for (query, part) in [
            ("kind=nothing", "is none of alert_fired"),
            ("start=yesterday", "start: "),
            ("limit=0", "from 1 to 1000"),
            ("cursor=x", "cursor: "),
            ("format=csv", "neither json nor jsonl"),
            ("order=up", "neither newest nor oldest"),
            ("filter=%7B", "filter: "),
            ("alert=x", "is no fingerprint"),
        ] {
            let answer = service.get(&format!("/api/andon/v1/history?{query}")).await;
            assert!(answer.status == 400 && answer.body.contains(part), "{query}: {answer:?}");
        }
    });
}

#[test]
fn the_past_is_explained_from_the_history() {
    run(async || {
        let service = Service::start();
        assert_eq!(service.post("/api/v2/alerts", r#"[{"labels":{"alertname":"Down"}}]"#).await.status, 200);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let over = r#"[{"labels":{"alertname":"Down"},"endsAt":"2026-11-22T15:01:00Z"}]"#;
        assert_eq!(service.post("/api/v2/alerts", over).await.status, 200);
        let explained = async |at: &str| {
            let answer = service.get(&format!("/api/andon/v1/explain?labels=alertname%3DDown{at}")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            serde_json::from_str::<Value>(&answer.body).unwrap()
        };
        assert_eq!(explained("").await["alert"]["status"], "resolved");
        let then = explained("&at=2026-11-22T15:00:10Z").await;
        assert_eq!((&then["alert"]["status"], &then["at"]), (&"firing".into(), &"2026-11-22T15:00:10.000Z".into()));
        assert_eq!(then["taken"][0]["nextFlush"], "2026-11-22T15:00:30.123Z");
        assert_eq!(then["taken"][0]["integrations"][0]["verdict"]["reason"], "first notification");
        let told = explained("&at=2026-11-22T15:00:40Z").await;
        assert_eq!(told["taken"][0]["integrations"][0]["waiting"][0]["reason"], "first notification");
        let before = explained("&at=2026-11-22T14:00:00Z").await;
        assert_eq!(before["alert"]["status"], "not firing");
        let wrong = service.get("/api/andon/v1/explain?labels=a%3Db&at=2027-01-01T00:00:00Z").await;
        assert!(wrong.status == 400 && wrong.body.contains("still to come"), "{wrong:?}");
    });
}

#[test]
fn of_an_alert_the_history_tells_what_was_decided_about_its_groups() {
    run(async || {
        let service = Service::start();
        let one = |name: &str, instance: &str| {
            let labels = format!(r#"{{"alertname":"{name}","instance":"{instance}"}}"#);
            format!(r#"{{"labels":{labels},"endsAt":"2026-11-23T15:00:00Z"}}"#)
        };
        let alerts = format!("[{},{},{}]", one("Down", "a"), one("Down", "b"), one("Up", "a"));
        assert_eq!(service.post("/api/v2/alerts", alerts).await.status, 200);
        tokio::time::sleep(std::time::Duration::from_secs(10 * 60)).await;
        let hash = crate::core::outbox::group_key_hash(r#"{}:{alertname="Down"}"#);
        let path = format!("/api/andon/v1/groups/{hash}/ack");
        assert_eq!(service.post(&path, r#"{"who":"ann","until":"20h"}"#).await.status, 200);
        // The repetition that is due meanwhile is withheld.
        tokio::time::sleep(std::time::Duration::from_secs(6 * 3_600)).await;
        assert_eq!(service.ask("DELETE", &path, &[], "").await.status, 200);
        let get = async |name: &str, query: &str| {
            let alert = crate::core::label::Fingerprint::of([("alertname", name), ("instance", "a")]);
            let path = format!("/api/andon/v1/history?alert={alert}&kind=acknowledgement,flushed{query}");
            let page: Value = serde_json::from_str(&service.get(&path).await.body).unwrap();
            let texts =
                page["events"].as_array().unwrap().iter().map(|event| event["text"].as_str().unwrap().to_owned());
            texts.collect::<Vec<_>>()
        };
        let told = get("Down", "").await;
        let parts = ["the acknowledgement of", "acknowledged", "ann has taken"];
        for part in parts {
            assert!(told.iter().any(|text| text.contains(part)), "{part}: {told:#?}");
        }
        let other = get("Up", "").await;
        assert!(!parts.iter().any(|part| other.iter().any(|text| text.contains(part))), "{other:#?}");
        // The alert is forgotten, and the history knows its labels.
        let over = r#"[{"labels":{"alertname":"Down","instance":"a"},"endsAt":"2026-11-22T21:00:00Z"},
            {"labels":{"alertname":"Down","instance":"b"},"endsAt":"2026-11-22T21:00:00Z"}]"#;
        assert_eq!(service.post("/api/v2/alerts", over).await.status, 200);
        tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
        assert!(!service.get("/api/andon/v1/groups").await.body.contains("Down"));
        assert_eq!(get("Down", "&start=2026-11-22T15:00:00Z&end=2026-11-22T21:30:00Z").await, told);
        let alert = crate::core::label::Fingerprint::of([("alertname", "Down"), ("instance", "a")]);
        let page = service.get(&format!("/ui/history?alert={alert}&kind=acknowledgement")).await;
        assert!(page.body.contains("ann has taken"), "{}", page.body);
    });
}

#[test]
fn it_is_said_that_attempts_are_only_told_of_two_days() {
    run(async || {
        let service = Service::start();
        let alerts = r#"[{"labels":{"alertname":"Old"},"startsAt":"2026-11-19T15:00:00Z","endsAt":"2026-11-23T15:00:00Z"},
            {"labels":{"alertname":"New"},"startsAt":"2026-11-22T14:00:00Z","endsAt":"2026-11-23T15:00:00Z"}]"#;
        assert_eq!(service.post("/api/v2/alerts", alerts).await.status, 200);
        let note = "attempts are told since 2026-11-20 15:00:00 UTC: the history has those from before";
        for (alert, cut) in [("Old", true), ("New", false), ("Never", false)] {
            let path = format!("/api/andon/v1/explain?labels=alertname%3D{alert}");
            let json: Value = serde_json::from_str(&service.get(&path).await.body).unwrap();
            assert_eq!(json["notes"].as_array().unwrap().contains(&note.into()), cut, "{alert}: {}", json["notes"]);
            let text = service.get(&format!("{path}&format=text")).await.body;
            assert_eq!(text.contains(&format!("note: {note}")), cut, "{alert}: {text}");
        }
    });
}
