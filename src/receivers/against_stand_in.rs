//! The webhook and its HTTP client against a real server in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::answer::SendError;
use super::notice::Sent;
use super::stand_in::{Reply, Seen, StandIn};
use super::test_support::{delivery, inline, labels, starts_at, told, webhook_config};
use super::webhook::Webhook;
use super::{Context, Sender};
use crate::config::secret::Secret;
use crate::config::settings::{Auth, OAuth2, Proxy, SecretSource, TlsConfig, WebhookConfig};
use crate::core::outbox::Delivery;
use crate::metrics::FailureReason;
use crate::time::Clock;

fn row() -> Delivery {
    delivery(vec![told(&[("alertname", "A1")], &[], false)])
}

fn context() -> Context {
    let clock = Clock::Virtual { epoch: starts_at(), started: tokio::time::Instant::now() };
    Context { clock, ..super::test_support::context() }
}

async fn send(webhook: &Webhook) -> Result<Sent, SendError> {
    webhook.send(&row(), &context()).await
}

/// Sends with a configuration made from that of a URL on a server that answers 200, and gives what the server saw.
async fn seen_with(change: impl FnOnce(&mut WebhookConfig)) -> Seen {
    let server = StandIn::start(|_| Reply::status(200)).await;
    let mut config = webhook_config(&server.url("/hook"));
    change(&mut config);
    send(&Webhook::new(&config)).await.unwrap();
    server.seen().pop().unwrap()
}

#[tokio::test]
async fn the_body_is_alertmanagers_byte_for_byte() {
    let server = StandIn::start(|_| Reply::status(200)).await;
    let mut row = delivery(vec![told(&[("alertname", "A1"), ("team", "x")], &[("e", ""), ("s", "<&> \u{1}é")], false)]);
    row.thread.receiver = "a.b+c".into();
    row.thread.group_key = r#"{}/{team=~"x|y"}:{alertname="A1"}"#.into();
    row.group_labels = labels(&[("alertname", "A1")]);
    Webhook::new(&webhook_config(&server.url("/hook?a=b"))).send(&row, &context()).await.unwrap();
    let seen = server.seen().pop().unwrap();
    let expected = concat!(
        r#"{"receiver":"a\\.b\\+c","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"A1","team":"x"},"#,
        r#""annotations":{"e":"","s":"\u003c\u0026\u003e \u0001é"},"startsAt":"2026-11-22T14:48:28.98664923Z","#,
        r#""endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/g","fingerprint":"bcbc34e1b324fef1"}],"#,
        r#""notification_reason":"first notification","groupLabels":{"alertname":"A1"},"#,
        r#""commonLabels":{"alertname":"A1","team":"x"},"commonAnnotations":{"e":"","s":"\u003c\u0026\u003e \u0001é"},"#,
        r#""routeLabels":{},"externalURL":"http://host:9093","version":"4","#,
        r#""groupKey":"{}/{team=~\"x|y\"}:{alertname=\"A1\"}","truncatedAlerts":0}"#,
        "\n"
    );
    assert_eq!(seen.body, expected);
    assert_eq!(seen.line, "POST /hook?a=b");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("user-agent"), "Alertmanager/0.34.0");
    assert_eq!(seen.header("accept-encoding"), "");
    assert_eq!(seen.header("content-length"), expected.len().to_string());
    assert_eq!(seen.header("webhook-id"), row.notification_id());
}

#[tokio::test]
async fn a_body_of_several_alerts_is_cut_and_keeps_offsets() {
    let server = StandIn::start(|_| Reply::status(200)).await;
    let mut first = told(&[("a", "1")], &[], true);
    let alert = Arc::get_mut(&mut first.alert).unwrap();
    alert.starts_at = alert.starts_at.with_offset_minutes(330);
    let mut config = webhook_config(&server.url("/"));
    config.max_alerts = 1;
    let row = delivery(vec![first, told(&[("a", "2")], &[], false)]);
    Webhook::new(&config).send(&row, &context()).await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&server.seen()[0].body).unwrap();
    assert_eq!(body["status"], "resolved");
    assert_eq!(body["truncatedAlerts"], 1);
    assert_eq!(body["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(body["alerts"][0]["startsAt"], "2026-11-22T20:18:28.98664923+05:30");
    assert_eq!(body["alerts"][0]["endsAt"], "2026-11-22T14:49:28.98664923Z");
}

#[tokio::test]
async fn a_payload_takes_the_place_of_the_body() {
    let payload = serde_json::json!({"z": [1, 2.5, true, null, "<x>"], "a": {"k": "v"}});
    let seen = seen_with(|config| config.payload = Some(payload)).await;
    assert_eq!(seen.body, "{\"a\":{\"k\":\"v\"},\"z\":[1,2.5,true,null,\"\\u003cx\\u003e\"]}\n");
}

#[tokio::test]
async fn answers_decide() {
    use FailureReason::{Client, Other, RateLimited, Server};
    let header = |name, value: &str| vec![(name, value.to_owned())];
    let elsewhere = |_: ()| header("location", "http://127.0.0.1:1/elsewhere");
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let date = header("retry-after", "Sun, 22 Nov 2026 14:50:28 GMT");
    //          status  headers                       again or refused, and when      failure
    let rows = [
        (302, elsewhere(()), None, Other),
        (400, Vec::new(), None, Client),
        (404, Vec::new(), None, Client),
        (408, Vec::new(), Some(None), Client),
        (429, header("retry-after", "17"), Some(seconds(17)), RateLimited),
        (429, date, Some(seconds(119)), RateLimited),
        (429, Vec::new(), Some(None), RateLimited),
        (500, Vec::new(), Some(None), Server),
        (503, header("retry-after", "999999"), Some(seconds(3600)), Server),
    ];
    for (status, headers, again, failure) in rows {
        let server = StandIn::start(move |_| Reply::With(status, headers.clone(), "body".into())).await;
        let error = send(&Webhook::new(&webhook_config(&server.url("/")))).await.unwrap_err();
        let (found, after) = match &error {
            SendError::Retry { after, .. } => (Some(()), after.map(|after| after.as_secs())),
            SendError::PutOff { .. } | SendError::Refused { .. } | SendError::NotConfigured { .. } => (None, None),
        };
        assert_eq!(found.is_some(), again.is_some(), "{status}: {error}");
        // A date comes nearer while the test runs.
        let expected = again.flatten().map(|after| after.as_secs());
        assert!(
            after == expected || expected == Some(119) && after > Some(60) && after < expected,
            "{status}: {after:?}"
        );
        assert_eq!(error.failure(), failure, "{status}");
        assert!(error.to_string().starts_with(&format!("unexpected status code {status}")), "{error}");
        assert_eq!(server.seen().len(), 1, "{status}: one request, and no redirect followed");
    }
    for status in [200, 204] {
        let server = StandIn::start(move |_| Reply::status(status)).await;
        send(&Webhook::new(&webhook_config(&server.url("/")))).await.unwrap();
    }
}

/// Where a redirect leads to nobody but the receiver knows: what is secret goes to the receiver alone, and so does the rest.
#[tokio::test]
async fn nothing_follows_a_redirect() {
    let elsewhere = StandIn::start(|_| Reply::json(r#"{"access_token":"token","token_type":"bearer"}"#)).await;
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url("/elsewhere");
        let reply = move |_: &Seen| Reply::With(status, vec![("location", location.clone())], String::new());
        let server = StandIn::start(reply).await;
        let mut config = webhook_config(&server.url("/hook"));
        config.http.auth = Auth::Header { scheme: "Bearer".into(), credentials: Some(inline("token")) };
        config.http.headers = [("X-Token".to_owned(), vec![inline("sesame")])].into();
        assert!(config.http.follow_redirects, "not even where Alertmanager would");
        let error = send(&Webhook::new(&config)).await.unwrap_err();
        assert!(matches!(error, SendError::Refused { .. }), "{status}: {error}");
        config.http.auth = Auth::OAuth2(Box::new(oauth2(&server.url("/token"))));
        let error = send(&Webhook::new(&config)).await.unwrap_err().to_string();
        assert_eq!(error, format!("oauth2: no token: the token endpoint answered with status code {status}"));
        let asked: Vec<_> = server.seen().into_iter().map(|seen| seen.line).collect();
        assert_eq!(asked, ["POST /hook", "POST /token"]);
    }
    assert!(elsewhere.seen().is_empty(), "{:?}", elsewhere.seen());
}

#[tokio::test]
async fn network_errors_are_worth_another_attempt_and_hide_the_url() {
    // A port that was just free, on which nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = [format!("http://u:pa55word@{free}/sesame-open"), "http://no-such-host.invalid/sesame-open".into()];
    for url in urls {
        let error = send(&Webhook::new(&webhook_config(&url))).await.unwrap_err();
        assert!(matches!(error, SendError::Retry { .. }), "{error}");
        let text = error.to_string();
        for secret in ["sesame", "pa55word", "://"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn what_is_no_url_is_refused() {
    let rows = [
        ("", "webhook URL is empty after templating"),
        ("nonsense", "invalid URL: relative URL without a base"),
        ("ftp://example.com/x", "invalid URL: unsupported scheme \"ftp\" for URL"),
    ];
    for (url, expected) in rows {
        let error = send(&Webhook::new(&webhook_config(url))).await.unwrap_err();
        assert_eq!(error, SendError::refused(expected));
    }
}

#[tokio::test]
async fn errors_do_not_repeat_what_the_server_repeats() {
    let server = StandIn::start(|seen| {
        Reply::With(404, Vec::new(), format!("{} with {}: no such hook", seen.line, seen.header("authorization")))
    });
    let server = server.await;
    let mut config = webhook_config(&server.url("/services/T0/xyzzy?token=sesame"));
    config.http.auth = Auth::Header { scheme: "Bearer".into(), credentials: Some(inline("opensesame")) };
    let text = send(&Webhook::new(&config)).await.unwrap_err().to_string();
    assert!(text.contains("no such hook") && text.contains("<redacted>"), "{text}");
    assert!(!text.contains("xyzzy") && !text.contains("sesame"), "{text}");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_when_the_attempt_is_dropped() {
    let server = StandIn::start(|_| Reply::Hang).await;
    let webhook = Webhook::new(&webhook_config(&server.url("/")));
    let limited = tokio::time::timeout(Duration::from_millis(200), send(&webhook)).await;
    assert!(limited.is_err());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_whose_body_stalls_is_judged_by_its_status() {
    let server = StandIn::start(|_| Reply::Stall).await;
    send(&Webhook::new(&webhook_config(&server.url("/")))).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let server = StandIn::start(move |_| Reply::Huge(Arc::clone(&counter))).await;
    let error = send(&Webhook::new(&webhook_config(&server.url("/")))).await.unwrap_err();
    assert!(error.to_string().len() < 1000);
    assert!(taken.load(Ordering::Relaxed) < 64 << 20, "{taken:?}");
}

#[tokio::test]
async fn the_configuration_says_who_we_are() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let basic = Auth::Basic { username: inline("me"), password: Some(SecretSource::File(file)) };
    let bearer = Auth::Header { scheme: "Bearer".into(), credentials: Some(inline("token")) };
    let rows = [(Auth::None, ""), (basic, "Basic bWU6c2VjcmV0"), (bearer, "Bearer token")];
    for (auth, expected) in rows {
        let seen = seen_with(|config| config.http.auth = auth).await;
        assert_eq!(seen.header("authorization"), expected);
    }
    let seen = seen_with(|config| {
        let SecretSource::Inline(url) = &config.url else { panic!("test_support writes it inline") };
        config.url = inline(&url.reveal().replace("http://", "http://me:s%65cret@"));
    });
    assert_eq!(seen.await.header("authorization"), "Basic bWU6c2VjcmV0");
    let headers = [("X-One".to_owned(), vec![inline("a"), inline("b")])];
    let seen = seen_with(|config| config.http.headers = headers.into()).await;
    assert_eq!(seen.header("x-one"), "a | b");
}

#[tokio::test]
async fn a_proxy_is_spoken_to_unless_the_host_is_excluded() {
    let proxy = StandIn::start(|_| Reply::status(200)).await;
    let url = Some(Secret::new(format!("http://me:secret@{}", proxy.address)));
    let mut config = webhook_config("http://receiver.invalid/hook");
    config.http.proxy = Proxy { url: url.clone(), ..Proxy::default() };
    send(&Webhook::new(&config)).await.unwrap();
    let seen = proxy.seen().pop().unwrap();
    assert_eq!(seen.line, "POST http://receiver.invalid/hook");
    assert_eq!(seen.header("proxy-authorization"), "Basic bWU6c2VjcmV0");
    config.http.proxy = Proxy { url, no_proxy: "example.com,receiver.invalid".into(), ..Proxy::default() };
    send(&Webhook::new(&config)).await.unwrap_err();
    assert_eq!(proxy.seen().len(), 1, "an excluded host is looked up directly");
}

#[tokio::test]
async fn tokens_are_fetched_kept_and_fetched_again_when_they_are_not_accepted() {
    let issued = AtomicUsize::new(0);
    let server = StandIn::start(move |seen| match seen.line.as_str() {
        // This one wants id and secret in the form.
        "POST /token" if seen.body.contains("client_secret=s%26t") => {
            let number = issued.fetch_add(1, Ordering::Relaxed);
            Reply::json(&format!(r#"{{"access_token":"token-{number}","token_type":"bearer","expires_in":3600}}"#))
        }
        "POST /token" => Reply::status(401),
        "POST /hook" if seen.header("authorization") == "Bearer token-0" && seen.headers.contains_key("x-ok") => {
            Reply::status(200)
        }
        "POST /hook" if seen.header("authorization") == "Bearer token-1" => Reply::status(200),
        _ => Reply::status(401),
    });
    let server = server.await;
    let mut config = webhook_config(&server.url("/hook"));
    config.http.auth = Auth::OAuth2(Box::new(OAuth2 {
        client_secret: Some(inline("s&t")),
        scopes: vec!["a".into(), "b".into()],
        endpoint_params: [("audience".to_owned(), "x".to_owned())].into(),
        ..oauth2(&server.url("/token"))
    }));
    let webhook = Webhook::new(&config);
    // A fresh token that is not accepted is the receiver's answer; a kept one is fetched anew once.
    let error = send(&webhook).await.unwrap_err();
    assert_eq!(error.failure(), FailureReason::Auth);
    send(&webhook).await.unwrap();
    send(&webhook).await.unwrap();
    let lines: Vec<_> = server.seen().iter().map(|seen| (seen.line.clone(), seen.header("authorization"))).collect();
    let line = |line: &str, authorization: &str| (line.to_owned(), authorization.to_owned());
    let expected = [
        line("POST /token", "Basic aWQ6cyUyNnQ="),
        line("POST /token", ""),
        line("POST /hook", "Bearer token-0"),
        line("POST /hook", "Bearer token-0"),
        line("POST /token", ""),
        line("POST /hook", "Bearer token-1"),
        line("POST /hook", "Bearer token-1"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        server.seen()[1].body,
        "grant_type=client_credentials&scope=a+b&audience=x&client_id=id&client_secret=s%26t"
    );
}

fn oauth2(token_url: &str) -> OAuth2 {
    OAuth2 {
        client_id: "id".into(),
        client_secret: Some(inline("very-secret")),
        scopes: Vec::new(),
        token_url: token_url.into(),
        endpoint_params: Default::default(),
        tls: TlsConfig::default(),
        proxy: Proxy::default(),
    }
}

#[tokio::test]
async fn without_a_token_the_attempt_is_made_again_later() {
    let rows = [
        (Reply::status as fn(u16) -> Reply, 500, "the token endpoint answered with status code 500"),
        (Reply::status, 400, "the token endpoint answered with status code 400"),
        (|_| Reply::json("{}"), 200, "the answer is not JSON with an access_token"),
    ];
    for (reply, status, expected) in rows {
        let server = StandIn::start(move |_| reply(status)).await;
        let mut config = webhook_config(&server.url("/hook"));
        config.http.auth = Auth::OAuth2(Box::new(oauth2(&server.url("/token"))));
        let error = send(&Webhook::new(&config)).await.unwrap_err();
        assert_eq!(error, SendError::retry(format!("oauth2: no token: {expected}")));
    }
}

#[tokio::test]
async fn a_request_is_signed_where_a_secret_is_set() {
    let seen = seen_with(|_| {}).await;
    assert_eq!((seen.header("webhook-signature"), seen.header("webhook-timestamp")), (String::new(), String::new()));
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let seen = seen_with(|config| config.signing_secret = Some(inline(secret))).await;
    let (id, seconds) = (seen.header("webhook-id"), seen.header("webhook-timestamp"));
    // The clock starts late in a second, and goes on.
    let seconds: i64 = seconds.parse().unwrap();
    assert!((0..60).contains(&(seconds - starts_at().secs())), "{seconds}");
    let expected = super::signature::of(&inline(secret), &id, seconds, &seen.body).await.unwrap();
    assert_eq!(seen.header("webhook-signature"), expected);
    assert!(!id.is_empty() && expected.starts_with("v1,"), "{id} {expected}");
}
