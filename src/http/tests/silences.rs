//! Silences: what is refused, with which words, and how they are shown.

use super::{Service, run};

const TIMES: &str = r#""startsAt":"2026-11-22T14:00:00Z","endsAt":"2026-11-23T00:00:00Z""#;

fn body(matchers: &str) -> String {
    format!(r#"{{"comment":"c","createdBy":"b",{TIMES},"matchers":[{matchers}]}}"#)
}

fn framework(code: u16, message: &str) -> (u16, String) {
    let status = if code >= 600 { 422 } else { code };
    (status, format!("{{\"code\":{code},\"message\":{}}}", serde_json::to_string(message).unwrap()))
}

fn handler(status: u16, message: &str) -> (u16, String) {
    (status, format!("{}\n", serde_json::to_string(message).unwrap()))
}

#[test]
fn what_is_refused() {
    let required = |field: &str| framework(602, &format!("{field} in body is required"));
    let mismatch = |kind: &str, target: &str| {
        framework(
            400,
            &format!("parsing silence body from \"\" failed, because json: cannot unmarshal {kind} into {target}"),
        )
    };
    let empty = "invalid silence: matcher set 0: at least one matcher must not match the empty string";
    let start = r#"{"comment":"c","createdBy":"b","endsAt":"2030-01-01T00:00:00Z""#;
    let times = |starts_at: &str, ends_at: &str| {
        let matcher = r#"{"isRegex":true,"name":"a","value":"("}"#;
        format!(
            r#"{{"comment":"c","createdBy":"b","startsAt":"{starts_at}","endsAt":"{ends_at}","matchers":[{matcher}]}}"#
        )
    };
    let rows = [
        (String::new(), required("silence")),
        ("{}".into(), required("comment")),
        ("null".into(), required("comment")),
        (r#"{"comment":"c"}"#.into(), required("createdBy")),
        (r#"{"comment":"c","createdBy":"b"}"#.into(), required("endsAt")),
        (format!("{start}}}"), required("matchers")),
        (format!(r#"{start},"matchers":[]}}"#), framework(612, "matchers in body should have at least 1 items")),
        (format!(r#"{start},"matchers":[{{}}]}}"#), required("matchers.0.isRegex")),
        (format!(r#"{start},"matchers":[{{"isRegex":false}}]}}"#), required("matchers.0.name")),
        (format!(r#"{start},"matchers":[{{"isRegex":false,"name":"a"}}]}}"#), required("matchers.0.value")),
        (format!(r#"{start},"matchers":[null]}}"#), required("matchers.0")),
        (format!(r#"{start},"matchers":[{{"isRegex":false,"name":"a","value":"b"}}]}}"#), required("startsAt")),
        (r#"{"comment":1}"#.into(), mismatch("number", "Go struct field Silence.comment of type string")),
        (r#"{"matchers":{}}"#.into(), mismatch("object", "Go struct field Silence.matchers of type models.Matchers")),
        (r#"{"id":1}"#.into(), mismatch("number", "Go struct field .id of type string")),
        (
            r#"{"matchers":[{"isRegex":1}]}"#.into(),
            mismatch("number", "Go struct field Silence.matchers.0.isRegex of type bool"),
        ),
        (
            times("2031-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
            handler(400, "Failed to create silence: start time must be before end time"),
        ),
        (
            times("2021-01-01T00:00:00Z", "2022-01-01T00:00:00Z"),
            handler(400, "Failed to create silence: end time can't be in the past"),
        ),
        (
            times("2021-01-01T00:00:00Z", "2031-01-01T00:00:00Z"),
            handler(
                400,
                "invalid silence: invalid label matcher 0 in set 0: invalid regular expression \"(\": error parsing regexp: \
                 missing closing ): `(`",
            ),
        ),
        (
            body(r#"{"isRegex":false,"name":"a","value":"b"},{"isRegex":false,"name":"","value":"x"}"#),
            handler(400, "invalid silence: invalid label matcher 1 in set 0: invalid label name \"\""),
        ),
        (body(r#"{"isRegex":false,"name":"a","value":""}"#), handler(400, empty)),
        (body(r#"{"isRegex":true,"name":"a","value":"x*"}"#), handler(400, empty)),
        // Patterns count as written, and not between the anchors that a matcher adds.
        (body(r#"{"isRegex":true,"name":"a","value":"x*y|"}"#), handler(400, empty)),
        (
            body(r#"{"isRegex":true,"name":"a","value":"a)|(b"}"#),
            handler(
                400,
                "invalid silence: invalid label matcher 0 in set 0: invalid regular expression \"a)|(b\": error parsing \
                 regexp: unexpected ): `a)|(b`",
            ),
        ),
        (
            body(r#"{"isRegex":false,"name":"a","value":"b"}"#).replacen('{', r#"{"id":"zz","#, 1),
            handler(404, "silence not found"),
        ),
        (
            body(r#"{"isRegex":false,"name":"a","value":"b"}"#).replacen(
                '{',
                r#"{"id":"00000000-0000-4000-8000-000000000000","#,
                1,
            ),
            handler(404, "silence not found"),
        ),
    ];
    run(async || {
        let service = Service::start();
        for (body, expected) in rows {
            let answer = service.post("/api/v2/silences", body.clone()).await;
            assert_eq!((answer.status, answer.body), expected, "{body}");
        }
    });
}

async fn made(service: &Service, body: String) -> String {
    let answer = service.post("/api/v2/silences", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.body.strip_prefix("{\"silenceID\":\"").and_then(|rest| rest.strip_suffix("\"}\n"));
    id.unwrap().to_owned()
}

#[test]
fn a_silence_from_its_making_to_its_end() {
    run(async || {
        let service = Service::start();
        let alert = r#"[{"labels":{"alertname":"A","team":"x"}}]"#;
        assert_eq!(service.post("/api/v2/alerts", alert).await.status, 200);
        let matcher = r#"{"isRegex":false,"name":"alertname","value":"A"},{"isEqual":false,"isRegex":true,"name":"q","value":"<b>"}"#;
        let id = made(&service, body(matcher).replace("\"c\"", "\"<c\"")).await;
        let one = service.get(&format!("/api/v2/silence/{id}")).await;
        let shown = [
            r#"{"id":""#,
            &id,
            r#"","status":{"state":"active"},"updatedAt":"2026-11-22T15:00:00.123Z","comment":"\u003cc","#,
            r#""createdBy":"b","endsAt":"2026-11-23T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"#,
            r#""name":"alertname","value":"A"},{"isEqual":false,"isRegex":true,"name":"q","value":"\u003cb\u003e"}],"#,
            r#""startsAt":"2026-11-22T15:00:00.123Z"}"#,
            "\n",
        ];
        assert_eq!((one.status, one.body), (200, shown.concat()));
        let silenced = service.get("/api/v2/alerts?active=false").await.body;
        assert!(silenced.contains(&format!(r#""silencedBy":["{id}"],"state":"suppressed""#)), "{silenced}");
        assert_eq!(service.get("/api/v2/alerts?silenced=false").await.body, "[]\n");
        for _ in 0..2 {
            let ended = service.ask("DELETE", &format!("/api/v2/silence/{id}"), &[], "").await;
            assert_eq!((ended.status, ended.body.as_str(), ended.header("content-type")), (200, "", ""));
        }
        assert!(service.get("/api/v2/silences").await.body.contains(r#""state":"expired""#));
        assert_eq!(service.get("/api/v2/silences?expired=false").await.body, "[]\n");
    });
}

#[test]
fn an_alert_names_its_silences_in_the_order_in_which_they_were_made() {
    run(async || {
        let service = Service::start();
        let matcher = r#"{"isRegex":false,"name":"a","value":"b"}"#;
        // The first of them begins last.
        let mut ids = vec![made(&service, body(matcher).replace("2026-11-22T14:00:00Z", "2026-11-22T15:00:01Z")).await];
        for _ in 0..8 {
            tokio::time::advance(std::time::Duration::from_millis(5)).await;
            ids.push(made(&service, body(matcher)).await);
        }
        tokio::time::advance(std::time::Duration::from_secs(2)).await;
        assert_eq!(service.post("/api/v2/alerts", r#"[{"labels":{"a":"b"}}]"#).await.status, 200);
        let shown = service.get("/api/v2/alerts").await.body;
        let expected = format!(r#""silencedBy":["{}"]"#, ids.join(r#"",""#));
        assert!(shown.contains(&expected), "{shown} {expected}");
    });
}

#[test]
fn silences_in_order_and_filtered_as_they_stand() {
    run(async || {
        let service = Service::start();
        let silence = |name: &str, starts_at: &str, ends_at: &str| {
            format!(
                r#"{{"comment":"{name}","createdBy":"b","startsAt":"{starts_at}","endsAt":"{ends_at}",
                "matchers":[{{"isRegex":true,"name":"a","value":"{name}.*x"}}]}}"#
            )
        };
        let (now, later, last) = ("2026-11-22T14:00:00Z", "2026-12-01T00:00:00Z", "2026-12-03T00:00:00Z");
        made(&service, silence("p2", "2026-12-02T00:00:00Z", last)).await;
        made(&service, silence("p1", later, last)).await;
        made(&service, silence("a2", now, last)).await;
        made(&service, silence("a1", now, later)).await;
        let ended = made(&service, silence("e1", now, last)).await;
        service.ask("DELETE", &format!("/api/v2/silence/{ended}"), &[], "").await;
        for (query, expected) in [
            ("", "a1 a2 p1 p2 e1"),
            ("?active=false", "p1 p2 e1"),
            ("?pending=0&expired=no", "a1 a2"),
            ("?filter=a%3D~%22p1.*x%22", "p1"),
            ("?filter=a%3Dp1.*x", ""),
        ] {
            let shown = service.get(&format!("/api/v2/silences{query}")).await.body;
            let comments = shown.split("\"comment\":\"").skip(1).filter_map(|rest| rest.split('"').next());
            assert_eq!(comments.collect::<Vec<_>>().join(" "), expected, "{query}");
        }
        assert_eq!(service.get("/api/v2/silences?filter=").await.body, "\"bad matcher format: \"\n");
    });
}

#[test]
fn ids_in_paths() {
    run(async || {
        let service = Service::start();
        let wrong = |id: &str| framework(601, &format!("silenceID in path must be of type uuid: \"{id}\""));
        for method in ["GET", "DELETE"] {
            let answer = service.ask(method, "/api/v2/silence/xyz", &[], "").await;
            assert_eq!((answer.status, answer.body), wrong("xyz"));
            let silence = made(&service, body(r#"{"isRegex":false,"name":"a","value":"b"}"#)).await;
            let (unknown, other_form) = ("00000000-0000-4000-8000-000000000000", silence.replace('-', ""));
            let (urn, braces) = (format!("urn:UUID:{silence}"), format!("{{{silence}}}"));
            for id in [unknown, &other_form, &other_form.to_uppercase(), &silence.to_uppercase(), &urn, &braces] {
                let answer = service.ask(method, &format!("/api/v2/silence/{id}"), &[], "").await;
                assert_eq!((answer.status, answer.body.as_str(), answer.header("content-type")), (404, "", ""), "{id}");
            }
        }
    });
}
