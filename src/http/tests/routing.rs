//! What the framework and the router answer before any handler does.

use std::sync::Arc;

use axum::body::Body;

use super::{Answer, Service, run};
use crate::core::change::Actor;

/// Method, path, headers, body; status and body of the answer.
type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a str, u16, &'a str);

const GONE: &str = concat!(
    r#"{"status":"deprecated","error":"The Alertmanager v1 API was deprecated in version 0.16.0 "#,
    r#"and is removed as of version 0.27.0 - please use the equivalent route in the v2 API"}"#,
    "\n"
);

#[test]
fn every_answer_of_the_framework() {
    let rows: &[Row<'_>] = &[
        ("GET", "/api/v2", &[], "", 301, "<a href=\"/api/v2/\">Moved Permanently</a>.\n\n"),
        ("GET", "/api/v2/", &[], "", 404, r#"{"code":404,"message":"path /api/v2/ was not found"}"#),
        ("GET", "/api/v2/foo", &[], "", 404, r#"{"code":404,"message":"path /api/v2/foo was not found"}"#),
        // Errors of handlers are not escaped for HTML, those of the framework are.
        ("GET", "/api/v2/alerts?filter=%3C%26", &[], "", 400, "\"bad matcher format: <&\"\n"),
        (
            "GET",
            "/api/v2/silence/%3C",
            &[],
            "",
            422,
            r#"{"code":601,"message":"silenceID in path must be of type uuid: \"\u003c\""}"#,
        ),
        ("GET", "/api/v2/a|b!", &[], "", 404, r#"{"code":404,"message":"path /api/v2/a%7Cb%21 was not found"}"#),
        ("GET", "/api/v2/a!%7c", &[], "", 404, r#"{"code":404,"message":"path /api/v2/a!%7c was not found"}"#),
        ("GET", "/api/v2/alerts", &["accept: */json"], "", 200, "[]\n"),
        ("POST", "//api/v2/alerts?a=1", &[], "", 301, ""),
        ("GET", "/api/v2/alerts/", &[], "", 200, "[]\n"),
        (
            "PUT",
            "/api/v2/alerts",
            &[],
            "",
            405,
            r#"{"code":405,"message":"method PUT is not allowed, but [GET,POST] are"}"#,
        ),
        ("HEAD", "/api/v2/status", &[], "", 405, ""),
        (
            "OPTIONS",
            "/api/v2/receivers",
            &[],
            "",
            405,
            r#"{"code":405,"message":"method OPTIONS is not allowed, but [GET] are"}"#,
        ),
        (
            "POST",
            "/api/v2/alerts",
            &["content-type: text/plain"],
            "[]",
            415,
            r#"{"code":415,"message":"unsupported media type \"text/plain\", only [application/json] are allowed"}"#,
        ),
        (
            "POST",
            "/api/v2/alerts",
            &[],
            "[]",
            415,
            r#"{"code":415,"message":"unsupported media type \"application/octet-stream\", only [application/json] are allowed"}"#,
        ),
        ("POST", "/api/v2/alerts", &["content-type: application/json; charset=utf-8"], "[]", 200, ""),
        ("POST", "/api/v2/alerts", &["content-type: application/json", "accept: text/html"], "[]", 200, ""),
        ("POST", "/api/v2/alerts", &[], "", 422, r#"{"code":602,"message":"alerts in body is required"}"#),
        (
            "GET",
            "/api/v2/status",
            &["accept: text/html"],
            "",
            406,
            r#"{"code":406,"message":"unsupported media type requested, only [application/json] are available"}"#,
        ),
        ("GET", "/api/v2/alerts", &["accept: text/html, application/*;q=0.5"], "", 200, "[]\n"),
        ("GET", "/-/healthy", &[], "", 200, "OK"),
        ("HEAD", "/-/healthy", &[], "", 200, ""),
        ("GET", "/-/ready", &[], "", 200, "OK"),
        ("POST", "/-/healthy", &[], "", 405, "Method Not Allowed\n"),
        ("OPTIONS", "/-/healthy", &[], "", 200, ""),
        ("GET", "/-/healthy/", &[], "", 301, "<a href=\"/-/healthy\">Moved Permanently</a>.\n\n"),
        ("GET", "/nope", &[], "", 404, "404 page not found\n"),
        ("GET", "/api/v1/alerts", &[], "", 410, GONE),
        ("DELETE", "/api/v1/silence/x", &[], "", 410, GONE),
        ("GET", "/api/v1/foo", &[], "", 404, "404 page not found\n"),
        ("GET", "/api/andon/v1/work-orders", &[], "", 200, "[]\n"),
        ("GET", "/api/andon/v1/dead-letters", &[], "", 200, "[]\n"),
        (
            "GET",
            "/api/andon/v1/work-orders/WO-1",
            &[],
            "",
            404,
            "{\"error\":\"there is no work order \\\"WO-1\\\"; GET /api/andon/v1/work-orders lists them all\"}\n",
        ),
        ("POST", "/api/andon/v1/config", &[], "", 405, "{\"error\":\"method POST is not allowed here, but GET is\"}\n"),
        ("GET", "/api/andon/v1/config", &[], "", 200, "{\"original\":\"route: <x>\\n\",\"redacted\":\"all: 1\\n\"}\n"),
    ];
    run(async || {
        let service = Service::start();
        for (method, uri, headers, body, status, expected) in rows {
            let answer = service.ask(method, uri, headers, Body::from(*body)).await;
            assert_eq!((answer.status, answer.body.as_str()), (*status, *expected), "{method} {uri} {headers:?}");
        }
    });
}

#[test]
fn headers_of_answers() {
    run(async || {
        let service = Service::start();
        let listed = service.get("/api/v2/alerts").await;
        assert_eq!(listed.header("content-type"), "application/json");
        assert_eq!((listed.header("cache-control"), listed.header("vary")), ("no-store", "Origin"));
        assert_eq!(service.ask("PUT", "/api/v2/silences", &[], "").await.header("allow"), "GET,POST");
        assert_eq!(service.ask("POST", "/-/ready", &[], "").await.header("allow"), "GET, HEAD, OPTIONS");
        assert_eq!(service.ask("GET", "/-/reload", &[], "").await.header("allow"), "OPTIONS, POST");
        assert_eq!(service.post("/api/v2/alerts", "[]").await.header("content-type"), "");
        let page = service.get("/").await;
        assert_eq!((page.status, page.header("pragma"), page.header("expires")), (200, "no-cache", "0"));
        assert_eq!(service.get("/nope").await.header("x-content-type-options"), "nosniff");
        let metrics = service.get("/metrics").await;
        assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        for line in [
            r#"alertmanager_http_request_duration_seconds_count{code="200",handler="/api/v2/alerts",method="get"} 1"#,
            r#"alertmanager_alerts{state="active"} 0"#,
            r#"alertmanager_receivers 2"#,
            r#"alertmanager_alerts_received_total{status="firing",version="v2"} 0"#,
            r#"andon_journal_commit_failures_total 0"#,
        ] {
            assert!(metrics.body.lines().any(|found| found == line), "{line}");
        }
        assert!(!metrics.body.contains("nope"), "what clients make up is no label");
    });
}

#[test]
fn that_no_checkpoint_can_be_written_is_named_and_counted() {
    run(async || {
        let service = Service::with(|state| state.storage_damage = Some("12 entries lost".into()));
        let health = service.state.driver.health();
        health.checkpoint_trouble.store(Some(std::sync::Arc::new("no room".into())));
        health.checkpoint_failures.store(3, std::sync::atomic::Ordering::Relaxed);
        let answer = service.get("/-/ready").await;
        let says = "OK, but the store was damaged: 12 entries lost; no checkpoint can be written, and the journal grows: no room\n";
        assert_eq!((answer.status, answer.body.as_str()), (200, says));
        let metrics = service.get("/metrics").await.body;
        assert!(metrics.lines().any(|found| found == "andon_checkpoint_failures_total 3"));
    });
}

#[test]
fn under_a_prefix() {
    run(async || {
        let service = Service::with(|state| state.route_prefix = "/am".into());
        let root = service.get("/").await;
        assert_eq!((root.status, root.header("location")), (302, "/am"));
        assert_eq!(root.body, "<a href=\"/am\">Found</a>.\n\n");
        assert_eq!(service.get("/am").await.header("location"), "/am/");
        assert_eq!(service.get("/am/").await.status, 200);
        assert_eq!(service.get("/am/-/ready").await.body, "OK");
        assert_eq!(service.get("/-/ready").await.status, 404);
        let unknown = service.get("/am/api/v2/foo").await;
        assert_eq!(unknown.body, r#"{"code":404,"message":"path /api/v2/foo was not found"}"#);
    });
}

#[test]
fn other_sites_may_read_and_not_write() {
    const PREFLIGHT: [&str; 3] =
        ["origin: http://x", "access-control-request-method: POST", "access-control-request-headers: content-type"];
    run(async || {
        let service = Service::start();
        let read = service.ask("GET", "/api/v2/receivers", &["origin: http://x"], "").await;
        assert_eq!(read.header("access-control-allow-origin"), "*");
        let asked = service.ask("OPTIONS", "/api/v2/silences", &PREFLIGHT, "").await;
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, ""));
        assert!(asked.header("vary").contains("Access-Control-Request-Method"));
        let written = ["content-type: application/json", "origin: http://x"];
        let written = service.ask("POST", "/api/v2/alerts", &written, "[]").await;
        assert_eq!((written.status, written.header("access-control-allow-origin")), (200, ""));
        let reloaded = service.ask("POST", "/-/reload", &["host: andon:9093", "origin: http://x"], "").await;
        assert_eq!(reloaded.status, 403);

        let open = Service::with(|state| state.cors_writes = true);
        let asked = open.ask("OPTIONS", "/api/v2/silences", &PREFLIGHT, "").await;
        assert_eq!(asked.header("access-control-allow-origin"), "*");
        assert_eq!(asked.header("access-control-allow-methods"), "POST");
        assert_eq!(asked.header("access-control-allow-headers"), "content-type");
        let delete = ["origin: http://x", "access-control-request-method: DELETE"];
        let asked = open.ask("OPTIONS", "/api/v2/nope", &delete, "").await;
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, ""));
    });
}

#[test]
fn a_reload_says_how_it_went() {
    run(async || {
        let mut service = Service::start();
        let state = Arc::clone(&service.state);
        let requests = &mut service.reloads;
        let reloader = async {
            for answer in [Ok(()), Err("routes.yaml:3: no".to_owned())] {
                let (actor, done) = requests.recv().await.unwrap();
                assert_eq!(actor, Actor::User { name: String::new(), address: "unknown".into() });
                done.send(answer).unwrap();
            }
        };
        let asker = async {
            let mut answers = Vec::new();
            for _ in 0..2 {
                let request = http::Request::post("/-/reload").body(Body::empty()).unwrap();
                let answer = Answer::to(&state, request).await;
                answers.push((answer.status, answer.body));
            }
            answers
        };
        let ((), answers) = tokio::join!(reloader, asker);
        let refused = "failed to reload config: routes.yaml:3: no\n".to_owned();
        assert_eq!(answers, [(200, String::new()), (500, refused)]);
    });
}
