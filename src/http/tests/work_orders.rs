//! Work orders over HTTP: opened by hand, listed, changed, refused.

use serde_json::{Value, json};

use super::*;

const ORDERS: &str = "/api/andon/v1/work-orders";

fn read(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

impl Service {
    /// Opens an order and gives its number.
    pub async fn open(&self, body: Value) -> String {
        let answer = self.post(ORDERS, body.to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let number = read(&answer)["number"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("location"), format!("{ORDERS}/{number}"));
        assert_eq!(answer.header("etag"), format!("\"{number}-1\""));
        number
    }

    async fn patch(&self, number: &str, if_match: &str, body: Value) -> Answer {
        let headers = ["content-type: application/json", &format!("if-match: {if_match}")];
        self.ask("PATCH", &format!("{ORDERS}/{number}"), &headers, body.to_string()).await
    }

    async fn numbers(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("{ORDERS}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        read(&answer).as_array().unwrap().iter().map(|order| order["title"].as_str().unwrap().into()).collect()
    }
}

#[test]
fn a_life_over_http() {
    run(async || {
        let service = Service::start();
        let number = service.open(json!({"title": "Grease", "assetCode": "PUMP-001", "priority": "high"})).await;
        let path = format!("{ORDERS}/{number}");
        let headers = ["content-type: application/json", "x-forwarded-user: ana"];
        let assigned =
            service.ask("POST", &format!("{path}/assign"), &headers, r#"{"assignee":"bo","why":"is near"}"#).await;
        assert_eq!((assigned.status, read(&assigned)["status"].as_str()), (200, Some("assigned")), "{assigned:?}");
        for (action, status) in [("start", "in_progress"), ("hold", "on_hold"), ("start", "in_progress")] {
            let answer = service.post(&format!("{path}/{action}"), "").await;
            assert_eq!(read(&answer)["status"], status, "{answer:?}");
        }
        let answer = service
            .patch(&number, "*", json!({"note": "greased", "estimatedHours": 1.5, "dueAt": "2026-12-01T08:00:00Z"}))
            .await;
        let order = read(&answer);
        assert_eq!(
            (&order["notes"][0]["text"], &order["estimatedHours"]),
            (&json!("greased"), &json!(1.5)),
            "{answer:?}"
        );
        assert_eq!(order["dueAt"], "2026-12-01T08:00:00.000Z");
        let done = service.post(&format!("{path}/complete"), r#"{"actualHours": 2}"#).await;
        assert_eq!((&read(&done)["status"], &read(&done)["actualHours"]), (&json!("completed"), &json!(2)), "{done:?}");
        let history = read(&service.get(&format!("{path}/history")).await);
        let said: Vec<_> = history.as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect();
        let expected = ["opened", "assigned", "started", "held", "started", "changed", "noted", "changed", "completed"];
        assert_eq!(said, expected);
        assert_eq!((&history[1]["actor"], &history[1]["why"]), (&json!("ana at unknown"), &json!("is near")));
    });
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    run(async || {
        let service = Service::start();
        let number = service.open(json!({"title": "Grease", "key": "k"})).await;
        let path = format!("{ORDERS}/{number}");
        let before = service.get(&path).await.body;
        let long = format!("{{\"text\":{:?}}}", "x".repeat(10_001));
        let huge = format!("{{\"text\":{:?}}}", "x".repeat(10 << 20));
        let posts = [
            (ORDERS.to_owned(), "{}", 400, "title: it is missing; allowed: a text"),
            (ORDERS.to_owned(), r#"{"title":" "}"#, 400, "title: it is empty"),
            (
                ORDERS.to_owned(),
                r#"{"title":"a","status":"open"}"#,
                400,
                r#"the body has "status"; this takes title, assetCode"#,
            ),
            (
                ORDERS.to_owned(),
                r#"{"title":"a","priority":"P1"}"#,
                400,
                r#"priority: found "P1"; allowed: emergency, high, medium, low"#,
            ),
            (
                ORDERS.to_owned(),
                r#"{"title":"a","dueAt":"soon"}"#,
                400,
                r#"dueAt: found "soon"; allowed: a time such as 2026-12-01T08:00:00Z"#,
            ),
            (ORDERS.to_owned(), r#"{"title":"a","key":"k"}"#, 409, "is the one of the same key: change that one"),
            (ORDERS.to_owned(), "[", 400, "the body is no JSON"),
            (
                format!("{path}/hold"),
                "",
                409,
                "cannot become on_hold; possible: assigned, in_progress, completed, cancelled",
            ),
            (format!("{path}/explode"), "", 404, "possible: acknowledge, assign"),
            (format!("{path}/assign"), "", 400, "assignee: it is missing"),
            (format!("{path}/start"), r#"{"text":"x"}"#, 400, r#"the body has "text""#),
            (format!("{path}/note"), &long, 400, "note: it has 10001 characters; allowed: at most 10000 characters"),
            (format!("{path}/note"), &huge, 413, "this takes at most 131072"),
            (format!("{ORDERS}/WO-2026-AAAAAAAA/start"), "", 404, "there is no work order"),
        ];
        for (path, body, status, message) in posts {
            let answer = service.post(&path, body.to_owned()).await;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            let error = read(&answer)["error"].as_str().unwrap().to_owned();
            assert!(error.contains(message), "{path}: {error}");
        }
        let tag = format!("\"{number}-1\"");
        let patches = [
            (tag.as_str(), json!({"status": "done"}), 400, r#"status: found "done"; allowed: open, assigned"#),
            (&tag, json!({"status": "on_hold"}), 409, "cannot become on_hold"),
            (&tag, json!({"dueAt": null}), 400, "dueAt: found null"),
            (&tag, json!({"actualHours": -1}), 400, "actualHours: -1 is no number of hours"),
            (
                &tag,
                json!({"scheduledStart": "2026-12-02T00:00:00Z", "scheduledEnd": "2026-12-01T00:00:00Z"}),
                400,
                "scheduledEnd: it lies before",
            ),
            (
                &format!("\"{number}-2\""),
                json!({"assignee": "bo"}),
                412,
                "it is at revision 1, the change was meant for 2",
            ),
            ("\"nonsense\"", json!({"assignee": "bo"}), 412, "it is at revision 1"),
        ];
        for (if_match, body, status, message) in patches {
            let answer = service.patch(&number, if_match, body.clone()).await;
            let error = read(&answer)["error"].as_str().unwrap().to_owned();
            assert!(answer.status == status && error.contains(message), "{body}: {answer:?}");
        }
        let without = service.ask("PATCH", &path, &["content-type: application/json"], "{}").await;
        assert!(without.status == 428 && without.body.contains("If-Match"), "{without:?}");
        let other_site = ["sec-fetch-site: cross-site"];
        assert_eq!(service.ask("POST", &format!("{path}/start"), &other_site, "").await.status, 403);
        assert_eq!(service.get(&path).await.body, before);
    });
}

#[test]
fn an_asset_that_does_not_exist_is_refused_by_name() {
    run(async || {
        let mut rules = policy();
        rules.assets.insert("PUMP-001".into(), Default::default());
        let service = Service::with_policy(rules);
        let draft = |asset: &str| json!({"title": "Grease", "assetCode": asset}).to_string();
        for asset in ["PUMP-999", "pump-001", "<script>"] {
            let refused = service.post(ORDERS, draft(asset)).await;
            let expected = format!("assetCode: there is no asset {asset:?}; allowed: the code of a known asset");
            assert_eq!((refused.status, read(&refused)["error"].as_str()), (400, Some(&*expected)), "{refused:?}");
        }
        assert_eq!(read(&service.get(ORDERS).await), json!([]), "nothing was opened");
        assert_eq!(service.post(ORDERS, draft("PUMP-001")).await.status, 201);
        assert_eq!(service.post(ORDERS, draft("")).await.status, 201, "an order need not be about an asset");
    });
}

#[test]
fn lists_are_filtered_paged_and_tagged() {
    run(async || {
        let service = Service::start();
        for (title, asset, priority, due) in [
            ("one", "PUMP-001", "high", "2026-11-22T15:10:00Z"),
            ("two", "PUMP-001", "low", "2027-01-01T00:00:00Z"),
            ("three", "CNC-001", "high", "2027-01-01T00:00:00Z"),
        ] {
            let body = json!({"title": title, "assetCode": asset, "priority": priority, "dueAt": due});
            service.open(body).await;
            tokio::time::advance(Duration::from_secs(600)).await;
        }
        for (query, expected) in [
            ("", &["three", "two", "one"][..]),
            ("asset=PUMP-001", &["two", "one"]),
            ("priority=high,medium&status=open", &["three", "one"]),
            ("overdue=true", &["one"]),
            ("overdue=false", &["three", "two"]),
            ("text=TW", &["two"]),
            ("text=cnc", &["three"]),
            ("status=completed&status=cancelled", &[]),
            ("type=corrective&limit=1", &["three"]),
        ] {
            assert_eq!(service.numbers(query).await, expected, "{query}");
        }
        let page = service.get(&format!("{ORDERS}?limit=2&status=open")).await;
        assert_eq!((page.header("x-total-count"), read(&page).as_array().unwrap().len()), ("3", 2));
        let next = page.header("link").strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
        let page = service.get(&next).await;
        assert_eq!((read(&page)[0]["title"].as_str(), page.header("link")), (Some("one"), ""));
        let tag = service.get(ORDERS).await.header("etag").to_owned();
        assert_eq!(service.ask("GET", ORDERS, &[&format!("if-none-match: {tag}")], "").await.status, 304);
        service.open(json!({"title": "four"})).await;
        assert_eq!(service.ask("GET", ORDERS, &[&format!("if-none-match: {tag}")], "").await.status, 200);
        for (query, message) in [
            ("status=done", "status: unknown \\\"done\\\"; there are open, assigned"),
            ("colour=red", "unknown parameter \\\"colour\\\"; there are status, priority"),
            ("limit=0", "limit: \\\"0\\\" is no number from 1 to 1000"),
            ("overdue=maybe", "is neither true nor false"),
            ("after=WO-1", "after: there is no"),
        ] {
            let answer = service.get(&format!("{ORDERS}?{query}")).await;
            assert!(answer.status == 400 && answer.body.contains(message), "{query}: {answer:?}");
        }
    });
}
