//! `/api/andon/v1/dead-letters`.

use serde_json::Value;

use super::{Service, run};
use crate::core::outbox::{Exchange, Outcome};

/// A service with one dead letter, and the letter's path.
async fn with_a_letter() -> (Service, String) {
    let mut service = Service::start();
    service.post("/api/v2/alerts", r#"[{"labels":{"alertname":"Disk","instance":"a"}}]"#).await;
    let row = service.deliveries.recv().await.unwrap().remove(0);
    let exchange = Exchange { request: "POST http://hook/…".into(), answer: "410\n\ngone".into() };
    let refused = Outcome::Refused { error: "unexpected status code 410: gone".into(), exchange };
    service.state.driver.settled(vec![row.id], refused, 0.5).await.unwrap();
    (service, format!("/api/andon/v1/dead-letters/{}", row.id.0))
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_letter_is_listed_looked_at_and_sent_again() {
    run(async || {
        let (mut service, path) = with_a_letter().await;
        let listed = json(&service.get("/api/andon/v1/dead-letters?receiver=default").await.body);
        assert_eq!(listed[0]["error"], "unexpected status code 410: gone");
        assert!(listed[0].get("request").is_none(), "only one letter shows what was said");
        assert_eq!(service.get("/api/andon/v1/dead-letters?receiver=other").await.body, "[]\n");
        let one = json(&service.get(&path).await.body);
        assert_eq!((&one["request"], &one["answer"]), (&"POST http://hook/…".into(), &"410\n\ngone".into()));
        let all = service.ask("POST", "/api/andon/v1/dead-letters/replay?receiver=default", &[], "").await;
        assert_eq!((all.status, all.body.as_str()), (200, "{\"replayed\":1,\"refused\":[]}\n"));
        assert_eq!(service.deliveries.recv().await.unwrap()[0].attempts, 0);
        assert_eq!(service.get(&path).await.status, 404);
    });
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    run(async || {
        let (service, path) = with_a_letter().await;
        let discard = format!("{path}/discard");
        let json_type = "content-type: application/json";
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(5000));
        let other = "/api/andon/v1/dead-letters/9/replay";
        let rows = [
            (discard.as_str(), json_type, "", 400, r#"\"reason\" must say why, in 1 to 4096 bytes"#),
            (&discard, json_type, r#"{"reason":" "}"#, 400, r#"\"reason\" must say why, in 1 to 4096 bytes"#),
            (&discard, json_type, r#"{"reason":7}"#, 400, r#"\"reason\" must say why, in 1 to 4096 bytes"#),
            (&discard, json_type, &long, 400, r#"\"reason\" must say why, in 1 to 4096 bytes"#),
            (&discard, json_type, r#"{"reason":"x","why":1}"#, 400, r#"the body has a key \"why\""#),
            (&discard, json_type, "[]", 400, "the body is JSON but no object"),
            (&discard, json_type, "{", 400, "the body is no JSON: EOF"),
            (&discard, "content-type: text/plain", r#"{"reason":"x"}"#, 415, "this takes application/json"),
            (other, json_type, "", 404, r#"there is no dead letter \"9\""#),
            ("/api/andon/v1/dead-letters/x/replay", json_type, "", 404, r#"there is no dead letter \"x\""#),
            ("/api/andon/v1/dead-letters/replay", json_type, "", 400, "the query names no receiver"),
        ];
        for (path, header, body, status, said) in rows {
            let answer = service.ask("POST", path, &[header], body.to_owned()).await;
            assert_eq!(answer.status, status, "{path} {body:.40}: {}", answer.body);
            assert!(answer.body.contains(said), "{path} {body:.40}: {}", answer.body);
        }
        assert_eq!(service.get(&path).await.status, 200);
        let done = service.ask("POST", &discard, &[json_type], r#"{"reason":"told by phone"}"#).await;
        assert_eq!((done.status, done.body.as_str()), (200, "{\"result\":\"discarded\"}\n"));
        assert_eq!(service.get(&path).await.status, 404);
    });
}
