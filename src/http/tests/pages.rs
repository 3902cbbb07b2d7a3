//! The pages for people: what every answer forbids, what is escaped, and which forms are obeyed.

use super::*;

const HOSTILE: &str = "<script>alert(1)</script>\\\"'`{{x}}\\u202e";

/// Alerts with hostile texts everywhere: firing, and in a group.
async fn hostile() -> Service {
    let service = Service::start();
    let long = "x".repeat(10_000);
    let alert = format!(
        r#"[{{"labels": {{"alertname": "{HOSTILE}", "severity": "critical", "asset_code": "{HOSTILE}", "long": "{long}"}},
            "annotations": {{"summary": "{HOSTILE}", "runbook_url": "javascript:alert(1)"}}, "generatorURL": "javascript:alert(1)"}}]"#
    );
    assert_eq!(service.post("/api/v2/alerts", alert).await.status, 200);
    service
}

fn fingerprint_in(body: &str) -> String {
    let at = body.find("ui/alerts/").unwrap() + "ui/alerts/".len();
    body[at..at + 16].to_owned()
}

#[test]
fn every_page_is_shown_guarded_and_escaped() {
    run(async || {
        let service = hostile().await;
        let fingerprint = fingerprint_in(&service.get("/").await.body);
        let alert = format!("/ui/alerts/{fingerprint}");
        let silence = format!("/ui/silences/new?alert={fingerprint}");
        let pages = [
            "/",
            &alert,
            "/ui/silences",
            &silence,
            "/ui/deliveries",
            "/ui/history",
            "/ui/history?kind=alert_fired",
            "/ui/work-orders",
            "/ui/routes",
            "/ui/status",
            "/?filter=%3Cscript%3E",
            "/ui/routes?labels=a%3D%22%3Cscript%3E%22",
            "/ui/silences?filter=%3Cscript%3E",
        ];
        for page in pages {
            let answer = service.get(page).await;
            assert_eq!(answer.status, 200, "{page}: {}", answer.body);
            let policy = answer.header("content-security-policy");
            for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"] {
                assert!(policy.contains(rule) && !policy.contains("unsafe"), "{page}: {policy}");
            }
            assert_eq!(answer.header("x-frame-options"), "DENY", "{page}");
            assert_eq!(answer.body.matches("<script").count(), 1, "{page}: only our own file");
            assert!(!answer.body.contains("=\"javascript:"), "{page}");
            assert!(answer.body.ends_with("</html>\n"), "{page}");
        }
        let shown = service.get("/").await.body;
        assert!(shown.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "hostile texts are shown as texts");
        assert!(!shown.contains(&"x".repeat(300)), "lists cut long values");
        assert!(service.get(&alert).await.body.contains(&"x".repeat(10_000)), "the page of an alert has them whole");
    });
}

#[test]
fn what_is_not_there_is_said_so() {
    run(async || {
        let service = Service::start();
        for (method, path, status) in [
            ("GET", "/ui/nothing", 404),
            ("GET", "/ui/alerts/0000000000000000", 404),
            ("GET", "/ui/alerts/x", 404),
            ("GET", "/ui/silences/x", 404),
            ("GET", "/ui/assets/x", 404),
            ("GET", "/ui/assets/andon.css", 200),
            ("DELETE", "/ui/silences", 405),
            ("POST", "/ui/silences", 415),
        ] {
            assert_eq!(service.ask(method, path, &[], Body::empty()).await.status, status, "{method} {path}");
        }
    });
}

/// A browser that keeps its cookie.
struct Browser<'a> {
    service: &'a Service,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn open(service: &'a Service) -> Self {
        let cookie = service.get("/").await.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { service, cookie: format!("cookie: {cookie}") }
    }

    async fn get(&self, path: &str) -> Answer {
        self.service.ask("GET", path, &[&self.cookie], Body::empty()).await
    }

    async fn token(&self) -> String {
        let page = self.get("/ui/silences/new").await;
        assert_eq!(page.header("set-cookie"), "", "a browser that has a name keeps it");
        page.body.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    async fn send(&self, path: &str, headers: &[&str], form: &str) -> Answer {
        let ours = ["content-type: application/x-www-form-urlencoded", &self.cookie];
        let headers: Vec<&str> = ours.iter().chain(headers).copied().collect();
        self.service.ask("POST", path, &headers, form.to_owned()).await
    }
}

const SILENCE: &str = "matchers=team%3D%22x%22%0Aenv%21%3Dprod&until=2h&by=ana&comment=disk";

#[test]
fn a_silence_is_made_changed_ended_and_made_anew() {
    run(async || {
        let service = Service::start();
        let browser = Browser::open(&service).await;
        let token = browser.token().await;
        let made = browser.send("/ui/silences", &[], &format!("{SILENCE}&token={token}")).await;
        assert_eq!((made.status, made.header("location")), (303, "../ui/silences?said=silenced"), "{}", made.body);
        assert!(made.header("set-cookie").starts_with("andon_name=ana;"));
        let listed = service.get("/api/v2/silences").await.body;
        assert!(
            listed.contains(r#""createdBy":"ana""#) && listed.contains(r#""endsAt":"2026-11-22T17:00"#),
            "{listed}"
        );
        let id = listed.split("\"id\":\"").nth(1).unwrap()[..36].to_owned();
        let list = browser.get("/ui/silences?said=silenced").await.body;
        assert!(list.contains("team&#x3D;&quot;x&quot;") && list.contains("The silence is stored"), "{list}");
        let edit = browser.get(&format!("/ui/silences/{id}")).await.body;
        assert!(edit.contains("2026-11-22 17:00 UTC") && edit.contains(&format!("value=\"{id}\"")), "{edit}");
        let changed = format!("{}&id={id}&token={token}", SILENCE.replace("until=2h", "until=2026-11-23+06:00+UTC"));
        // As a person would: a while later, and with what the form was filled with.
        let api = format!(
            r#"{{"id":"{id}","matchers":[{{"name":"team","value":"x","isRegex":false}},{{"name":"env","value":"prod","isRegex":false,"isEqual":false}}],
                "startsAt":"2026-11-22T15:00:00.123Z","endsAt":"2026-11-22T18:00:00Z","createdBy":"ana","comment":"disk",
                "annotations":{{"ticket":"T-1"}}}}"#
        );
        assert_eq!(service.post("/api/v2/silences", api).await.status, 200);
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!(browser.send("/ui/silences", &[], &changed).await.status, 303);
        let listed = service.get("/api/v2/silences").await.body;
        for part in ["2026-11-23T06:00", &format!(r#""id":"{id}""#), r#""startsAt":"2026-11-22T15:00:00"#, "T-1"] {
            assert!(listed.contains(part), "{part}: {listed}");
        }
        assert_eq!(listed.matches("\"id\":").count(), 1, "it is changed in place: {listed}");
        // For how long is meant from now on, not from when it began.
        let longer = changed.replace("until=2026-11-23+06:00+UTC", "until=1h");
        assert_eq!(browser.send("/ui/silences", &[], &longer).await.status, 303);
        assert!(service.get("/api/v2/silences").await.body.contains(r#""endsAt":"2026-11-22T16:01:30"#));
        let ended = browser.send(&format!("/ui/silences/{id}/expire"), &[], &format!("token={token}")).await;
        assert_eq!((ended.status, ended.header("location")), (303, "../../../ui/silences?said=expired"));
        let again = browser.get(&format!("/ui/silences/new?from={id}")).await.body;
        assert!(again.contains("team&#x3D;&quot;x&quot;") && !again.contains(&format!("value=\"{id}\"")), "{again}");
    });
}

#[test]
fn forms_that_are_not_from_our_pages_change_nothing() {
    run(async || {
        let service = Service::start();
        let (browser, other) = (Browser::open(&service).await, Browser::open(&service).await);
        let (token, others) = (browser.token().await, other.token().await);
        let form = |token: &str| format!("{SILENCE}&token={token}");
        let rows: [(&str, &[&str], &str); 6] = [
            (&form(""), &[], "no token"),
            (&form("1795359600.00"), &[], "a made-up token"),
            (&form(&others), &[], "another browser's token"),
            (&form(&token), &["sec-fetch-site: cross-site"], "another site"),
            (&form(&token), &["origin: https://evil.example", "host: andon:9093"], "another origin"),
            (&form(&token), &["origin: null", "host: andon:9093"], "an origin that hides"),
        ];
        for (form, headers, what) in rows {
            assert_eq!(browser.send("/ui/silences", headers, form).await.status, 403, "{what}");
        }
        for path in [
            "silences/preview",
            "silences/00000000-0000-0000-0000-000000000000/expire",
            "work-orders/WO-1/start",
            "work-orders/WO-1/note",
            "groups/0/ack",
            "groups/0/withdraw",
            "dead-letters/1/replay",
            "dead-letters/1/discard",
        ] {
            let answer = browser.send(&format!("/ui/{path}"), &[], "reason=x&who=x&until=1h").await;
            assert_eq!(answer.status, 403, "{path} without a token: {}", answer.body);
        }
        let without_cookie = ["content-type: application/x-www-form-urlencoded"];
        assert_eq!(service.ask("POST", "/ui/silences", &without_cookie, form(&token)).await.status, 403);
        assert_eq!(service.get("/api/v2/silences").await.body, "[]\n");
        let ours = ["origin: http://andon:9093", "host: 10.0.0.7:9093"];
        assert_eq!(browser.send("/ui/silences", &ours, &form(&token)).await.status, 303, "the external URL is ours");
    });
}

#[test]
fn a_form_that_cannot_be_obeyed_comes_back_with_what_was_typed() {
    run(async || {
        let service = hostile().await;
        let browser = Browser::open(&service).await;
        let token = browser.token().await;
        let wrong = format!("matchers=severity&until=2h&by=ana&comment=disk&token={token}");
        let answer = browser.send("/ui/silences", &[], &wrong).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.body.contains("Matchers, line 1: ") && answer.body.contains("value=\"disk\""),
            "{}",
            answer.body
        );
        let asked = format!("matchers=severity%3Dcritical&until=2h&by=&comment=&token={token}");
        let answer = browser.send("/ui/silences/preview", &[], &asked).await;
        assert!(
            answer.status == 200 && answer.body.contains("It would mute 1 alert of 1 that fire now"),
            "{}",
            answer.body
        );
        assert_eq!(service.get("/api/v2/silences").await.body, "[]\n", "a preview stores nothing");
    });
}

#[test]
fn links_are_relative_under_any_prefix() {
    run(async || {
        let service = Service::with(|state| state.route_prefix = "/am".into());
        for (page, root) in [("/am/", "./"), ("/am/ui/silences", "../"), ("/am/ui/silences/new", "../../")] {
            let answer = service.get(page).await;
            assert_eq!(answer.status, 200, "{page}");
            assert!(answer.body.contains(&format!("href=\"{root}ui/assets/andon.css?")), "{page}");
            assert!(!answer.body.contains("href=\"/"), "{page}");
        }
    });
}

#[test]
fn a_silence_that_ends_within_the_hour_is_marked() {
    run(async || {
        let service = Service::start();
        let browser = Browser::open(&service).await;
        let token = browser.token().await;
        for until in ["2h", "59m", "61m"] {
            let made = format!("{}&token={token}", SILENCE.replace("until=2h", &format!("until={until}")));
            assert_eq!(browser.send("/ui/silences", &[], &made).await.status, 303, "{until}");
        }
        let marked = async || browser.get("/ui/silences").await.body.matches("ends soon").count();
        assert_eq!(marked().await, 1);
        tokio::time::advance(Duration::from_secs(120)).await;
        assert_eq!(marked().await, 2, "the one of 61 minutes as well by now");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(marked().await, 1, "these are over, the other one is not");
    });
}

#[test]
fn the_plots_draw_what_was_counted() {
    run(async || {
        let service = Service::start();
        let line = async || {
            let body = service.get("/ui/status").await.body;
            let firing = body.split("Alerts firing in the last hour").nth(1)?.split("<polyline").nth(1)?.to_owned();
            Some(firing.split('"').nth(3)?.to_owned())
        };
        assert_eq!(line().await, None);
        let (state, stop) = (Arc::clone(&service.state), CancellationToken::new());
        let counting = TaskTracker::new();
        counting.spawn({
            let stop = stop.clone();
            async move { state.page.rates.run(state.driver.clone(), state.clock, stop).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.post("/api/v2/alerts", r#"[{"labels": {"alertname": "A"}}, {"labels": {"alertname": "B"}}]"#).await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        service.post("/api/v2/alerts", r#"[{"labels": {"alertname": "C"}}, {"labels": {"alertname": "D"}}]"#).await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        // None, two, four: from the bottom to the top.
        assert_eq!(line().await.as_deref(), Some("0.0,58.0 150.0,30.0 300.0,2.0"));
        stop.cancel();
        counting.close();
        counting.wait().await;
    });
}

#[test]
fn a_stream_says_that_something_was_stored_and_not_what() {
    run(async || {
        let service = Service::with(|state| state.gets = GetLimit::new(1));
        let request = Request::get("/ui/events").body(Body::empty()).unwrap();
        let answer = router(Arc::clone(&service.state)).oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut body = answer.into_body();
        let mut next =
            async || String::from_utf8(body.frame().await.unwrap().unwrap().into_data().unwrap().into()).unwrap();
        assert_eq!(next().await, "retry: 5000\n\n");
        // The stream does not count against the limit on GET requests.
        assert_eq!(service.get("/").await.status, 200);
        service.post("/api/v2/alerts", r#"[{"labels": {"alertname": "A"}}]"#).await;
        assert_eq!(next().await, "event: changed\ndata: 1\n\n");
        assert_eq!(next().await, ": still here\n\n", "and then nothing happens");
    });
}
