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
