//! What is too much, too slow, or cannot be stored.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use http_body_util::StreamBody;

use super::*;

#[test]
fn a_body_beyond_the_limit_is_refused_by_name() {
    run(async || {
        let service = Service::with(|state| state.limits.body = 20);
        assert_eq!(service.post("/api/v2/alerts", "[                  ]").await.status, 200);
        let answer = service.post("/api/v2/alerts", "[                   ]").await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.body, r#"{"code":413,"message":"the body is larger than the limit of 20 bytes"}"#);
    });
}

#[test]
fn a_body_that_does_not_end_is_given_up() {
    run(async || {
        let service = Service::start();
        let never = futures_util::stream::pending::<Result<http_body::Frame<bytes::Bytes>, Infallible>>();
        let began = tokio::time::Instant::now();
        let answer = service.post("/api/v2/alerts", Body::new(StreamBody::new(never)));
        let answer = tokio::time::timeout(Duration::from_secs(300), answer).await.expect("it is not waited for");
        assert_eq!((answer.status, began.elapsed().as_secs()), (408, 30));
        assert!(answer.body.contains("30 seconds"), "{}", answer.body);
    });
}

/// Forty senders trickle nearly what each may send: what is too much together is refused before it takes the memory, at
/// once, and there is room again when they are gone.
#[test]
fn bodies_that_are_under_way_have_a_limit_together() {
    run(async || {
        let service = Service::start();
        let mut held = Vec::new();
        for _ in 0..40 {
            let part = bytes::Bytes::from(vec![b' '; 16 << 20]);
            let first = futures_util::stream::iter([Ok::<_, Infallible>(http_body::Frame::data(part))]);
            let body = Body::new(StreamBody::new(first.chain(futures_util::stream::pending())));
            let mut post = Box::pin(service.post("/api/v2/alerts", body));
            match futures_util::poll!(&mut post) {
                std::task::Poll::Pending => held.push(post),
                std::task::Poll::Ready(answer) => {
                    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
                    assert!(answer.body.contains("under way"), "{}", answer.body);
                }
            }
        }
        assert_eq!(held.len(), 16, "256 MiB");
        let large = || format!("[{}]", " ".repeat(4 << 20));
        assert_eq!(service.post("/api/v2/alerts", large()).await.status, 503);
        assert_eq!(service.post("/api/v2/alerts", "[]").await.status, 200, "what is small has room");
        held.clear();
        assert_eq!(service.post("/api/v2/alerts", large()).await.status, 200);
    });
}

/// While nothing is decided, `/-/ready` says so within a second, and `/-/healthy` waits for nobody.
#[test]
fn who_decides_nothing_is_not_ready() {
    run(async || {
        let clock = Clock::Virtual { epoch: epoch(), started: tokio::time::Instant::now() };
        let (workers, _deliveries) = mpsc::unbounded_channel();
        let (_stuck, handle, _) =
            Driver::load(Box::new(Memory::default()), Arc::new(policy()), Options::default(), clock, workers).unwrap();
        let service = Service::with(|state| state.driver = handle);
        let asked = tokio::time::Instant::now();
        let answer = service.get("/-/ready").await;
        assert_eq!((answer.status, &*answer.body), (503, "not ready: nothing was decided for 1s\n"));
        assert_eq!((asked.elapsed(), service.get("/-/healthy").await.status), (Duration::from_secs(1), 200));
    });
}

#[test]
fn alerts_beyond_a_limit_are_refused_alone() {
    let limits = Limits { labels: 2, name: 4, value: 3, annotation: 5, ..Limits::default() };
    let rows = [
        (r#"{"labels":{"a":"1","b":"2","c":"3"}}"#, "an alert may have 2 labels, this one has 3"),
        (r#"{"labels":{"abcde":"1"}}"#, "the name of each label may have 4 bytes, one has 5"),
        (r#"{"labels":{"a":"1234"}}"#, "the value of each label may have 3 bytes, that of \"a\" has 4"),
        (
            r#"{"labels":{"a":"1"},"annotations":{"s":"123456"}}"#,
            "the value of each annotation may have 5 bytes, that of \"s\" has 6",
        ),
    ];
    run(async || {
        let service = Service::with(|state| state.limits = limits);
        for (alert, expected) in rows {
            let answer = service.post("/api/v2/alerts", format!("[{alert},{{\"labels\":{{\"ok\":\"1\"}}}}]")).await;
            assert_eq!(answer.status, 400);
            assert_eq!(answer.body, format!("{}\n", serde_json::to_string(expected).unwrap()));
        }
        assert_eq!(service.get("/api/v2/alerts").await.body.matches("fingerprint").count(), 1);
    });
}

#[test]
fn what_is_not_stored_is_not_taken() {
    run(async || {
        let service = Service::start();
        service.faults.fail_all(true);
        let answer = service.post("/api/v2/alerts", r#"[{"labels":{"a":"b"}}]"#).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
        assert!(
            answer.body.starts_with("\"not stored, try again: ") && answer.body.ends_with("\"\n"),
            "{}",
            answer.body
        );
        assert_eq!(service.get("/-/ready").await.status, 503);
        assert_eq!(service.get("/-/healthy").await.status, 200);
        service.faults.fail_all(false);
        assert_eq!(service.get("/api/v2/alerts").await.body, "[]\n");
        assert_eq!(service.post("/api/v2/alerts", r#"[{"labels":{"a":"b"}}]"#).await.status, 200);
    });
}

#[test]
fn a_damaged_store_is_named_and_serves() {
    run(async || {
        let service = Service::with(|state| state.storage_damage = Some("12 entries lost".into()));
        let answer = service.get("/-/ready").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK, but the store was damaged: 12 entries lost\n"));
    });
}

#[test]
fn gets_beyond_the_limit_are_refused_but_not_health() {
    run(async || {
        let service = Service::with(|state| state.gets = GetLimit::new(1));
        let held = service.state.gets.permits.try_acquire().unwrap();
        let answer = service.get("/api/v2/alerts").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body, "Limit of concurrent GET requests reached (1), try again later.\n\n");
        assert_eq!(service.get("/-/healthy").await.status, 200);
        assert_eq!(service.get("/-/ready").await.status, 200);
        assert_eq!(service.post("/api/v2/alerts", "[]").await.status, 200);
        drop(held);
        let metrics = service.get("/metrics").await.body;
        let line = r#"alertmanager_http_concurrency_limit_exceeded_total{method="get"} 1"#;
        assert!(metrics.lines().any(|found| found == line));
    });
}

#[test]
fn a_request_that_takes_too_long_is_given_up() {
    run(async || {
        let service = Service::with(|state| state.timeout = Some(Duration::from_millis(1500)));
        let never = futures_util::stream::pending::<Result<http_body::Frame<bytes::Bytes>, Infallible>>();
        let answer = service.post("/api/v2/alerts", Body::new(StreamBody::new(never))).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, "Exceeded configured timeout of 1.5s.\n"));
    });
}
