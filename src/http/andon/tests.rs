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
            let path = path.replace('{', "").replace('}', "");
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
