//! `GET` and `POST /api/v2/alerts`.

use super::{Service, run};

fn framework(code: u16, message: &str) -> (u16, String) {
    let status = if code >= 600 { 422 } else { code };
    (status, format!("{{\"code\":{code},\"message\":{}}}", serde_json::to_string(message).unwrap()))
}

fn parsing(reason: &str) -> (u16, String) {
    framework(400, &format!("parsing alerts body from \"\" failed, because {reason}"))
}

fn handler(message: &str) -> (u16, String) {
    (400, format!("{}\n", serde_json::to_string(message).unwrap()))
}

fn taken() -> (u16, String) {
    (200, String::new())
}

#[test]
fn what_a_body_is_answered_with() {
    fn mismatch(kind: &str, target: impl std::fmt::Display) -> (u16, String) {
        parsing(&format!("json: cannot unmarshal {kind} into {target}"))
    }
    let required = |field: &str| framework(602, &format!("{field} in body is required"));
    let not_a_uri = |index: usize, url: &str| {
        framework(601, &format!("{index}.generatorURL in body must be of type uri: \"{url}\""))
    };
    let no_labels = "at least one label pair required";
    let order = "start time must be before end time";
    let rows = [
        ("[]", taken()),
        ("null", taken()),
        ("[] x", taken()),
        ("", required("alerts")),
        (" \n", required("alerts")),
        ("{}", mismatch("object", "Go value of type models.PostableAlerts")),
        ("\"x\"", mismatch("string", "Go value of type models.PostableAlerts")),
        (
            "[1]",
            mismatch(
                "number",
                r#"Go value of type struct { Annotations models.LabelSet "json:\"annotations,omitempty\""; "#
                    .to_owned()
                    + r#"EndsAt strfmt.DateTime "json:\"endsAt,omitempty\""; "#
                    + r#"StartsAt strfmt.DateTime "json:\"startsAt,omitempty\"" }"#,
            ),
        ),
        (
            r#"[{"labels":{"a":1},"startsAt":"2026-01-01T00:00Z0"}]"#,
            parsing(r#"parsing time "2026-01-01T00:00Z0": extra text: "T00:00Z0""#),
        ),
        (r#"[{"labels":{"a":"\q"}}]"#, parsing(r"invalid escape sequence `\q` in string")),
        (r#"[{"labels":{"a":"\u12"}}]"#, parsing(r#"invalid escape sequence `\u12"}` in string"#)),
        ("[{\"labels\":{\"a\":\"\\u12é\"}}]", parsing(r"invalid escape sequence `\u12é` in string")),
        ("[\"\\\u{3}\"]", parsing(r#"invalid escape sequence "\\\x03" in string"#)),
        ("[\u{1}", parsing(r"invalid character '\x01' looking for beginning of value")),
        ("\u{feff}[]", parsing(r"invalid character '\ufeff' looking for beginning of value")),
        (r#"[{"labelſ":{"a":"b"}}]"#, taken()),
        (r#"[{"labels":1}]"#, mismatch("number", "Go struct field Alert.labels of type models.LabelSet")),
        (r#"[{"labels":{"a":1}}]"#, mismatch("number", "Go struct field Alert.labels.a of type string")),
        (r#"[{"labels":{"a":{}}}]"#, mismatch("object", "Go struct field Alert.labels.a of type string")),
        (r#"[{"annotations":{"a":1}}]"#, mismatch("number", "Go struct field .annotations.a of type string")),
        (r#"[{"labels":{"a":"b"},"startsAt":1}]"#, mismatch("number", "Go value of type string")),
        (r#"[{"labels":{"a":1}}"#, parsing("unexpected EOF")),
        (r#"[{"labels":{"a":"b}]"#, parsing("unexpected EOF")),
        (r#"[{"labels":{"a":"b"}},]"#, parsing("invalid character ']' looking for beginning of value")),
        (r#"[{"labels":{"a":"b",}}]"#, parsing("invalid character '}' looking for beginning of object key string")),
        ("[01]", parsing("invalid character '1' after array element")),
        ("[1.]", parsing("invalid character ']' in numeric literal")),
        ("[nul]", parsing("invalid character ']' in literal null (expecting 'l')")),
        (
            r#"[{"labels":{"a":"b"},"startsAt":"foo"}]"#,
            parsing(r#"parsing time "foo" as "2006-01-02": cannot parse "foo" as "2006""#),
        ),
        ("[{}]", required("0.labels")),
        (r#"[{"labels":null}]"#, required("0.labels")),
        (r#"[{"labels":{"a":"b"}},null]"#, required("1")),
        (r#"[{"labels":{"a":"b"}},{"generatorURL":"foo"}]"#, not_a_uri(1, "foo")),
        (r#"[{"labels":{"a":"b"},"generatorURL":"foo bar"},{}]"#, not_a_uri(0, "foo bar")),
        (r#"[{"labels":{"a":"b"},"generatorURL":"http://h/\u0001"}]"#, not_a_uri(0, r"http://h/\x01")),
        (r#"[{"labels":{"a":"b"},"generatorURL":"mailto:x"}]"#, taken()),
        (r#"[{"labels":{}}]"#, handler(no_labels)),
        (r#"[{"labels":{"a":"","":""}}]"#, handler(no_labels)),
        (r#"[{"labels":{"":"b"}}]"#, handler(r#"invalid label set: invalid name """#)),
        (r#"[{"labels":{"a":"b"},"annotations":{"":""}}]"#, handler(r#"invalid annotations: invalid name """#)),
        (r#"[{"labels":{"a":"b"},"startsAt":"2026-01-02","endsAt":"2026-01-01"}]"#, handler(order)),
        (r#"[{"labels":{"":"b"},"startsAt":"2026-01-02","endsAt":"2026-01-01"}]"#, handler(order)),
        (r#"[{"labels":{"a":"b"},"startsAt":"2027-01-01"}]"#, handler(order)),
        (
            r#"[{"labels":{"a":"b"},"startsAt":"2026-01-02","endsAt":"2026-01-01"},{"labels":{}},{"labels":{"":"x"}},
                {"labels":{"a":"1"},"startsAt":"2026-01-02","endsAt":"2026-01-01"}]"#,
            handler(&format!("{order}\n{no_labels}\ninvalid label set: invalid name \"\"\n{order}")),
        ),
    ];
    run(async || {
        let service = Service::start();
        for (body, expected) in rows {
            let answer = service.post("/api/v2/alerts", body).await;
            assert_eq!((answer.status, answer.body), expected, "{body}");
        }
    });
}

#[test]
fn an_alert_is_shown_byte_for_byte() {
    run(async || {
        let service = Service::start();
        let body = r#"[{"LABELS":{"alertname":"A1","team":"x","empty":"","z":"\ud800<&>\u2028\u0000é"},
            "unknown":[{"deep":{}}],"annotations":{"a":"","b":null},
            "startsAt":"2026-11-22T20:30:00.123456789+05:30","generatorURL":"http://prom/graph?a&b"}]"#;
        assert_eq!(service.post("/api/v2/alerts", body).await.status, 200);
        let shown = service.get("/api/v2/alerts").await;
        let fingerprint = shown.body.split("\"fingerprint\":\"").nth(1).unwrap().get(..16).unwrap().to_owned();
        let expected = [
            r#"[{"annotations":{"a":"","b":""},"endsAt":"2026-11-22T15:05:00.123Z","fingerprint":""#,
            &fingerprint,
            r#"","receivers":[{"name":"team-X"},{"name":"team-X"}],"startsAt":"2026-11-22T20:30:00.123+05:30","#,
            r#""status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},"#,
            r#""updatedAt":"2026-11-22T15:00:00.123Z","generatorURL":"http://prom/graph?a\u0026b","#,
            r#""labels":{"alertname":"A1","team":"x","z":"#,
            "\"\u{fffd}\\u003c\\u0026\\u003e\\u2028\\u0000é\"}}]\n",
        ];
        assert_eq!(shown.body, expected.concat());
    });
}

#[test]
fn what_is_valid_of_a_batch_is_kept_and_counted() {
    run(async || {
        let service = Service::start();
        let body =
            r#"[{"labels":{"alertname":"good","a":"1","a":"2"},"labels":{"b":"3"}},{"labels":{"":"x"}},{"labels":{}}]"#;
        assert_eq!(service.post("/api/v2/alerts", body).await.status, 400);
        let shown = service.get("/api/v2/alerts").await.body;
        assert!(shown.contains(r#""labels":{"a":"2","alertname":"good","b":"3"}"#), "{shown}");
        let metrics = service.get("/metrics").await.body;
        for line in [
            r#"alertmanager_alerts_received_total{status="firing",version="v2"} 3"#,
            r#"alertmanager_alerts_invalid_total{version="v2"} 2"#,
            r#"alertmanager_alerts{state="active"} 1"#,
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line}");
        }
    });
}

#[test]
fn bytes_that_are_no_text_become_replacement_characters() {
    run(async || {
        let service = Service::start();
        let body = b"[{\"labels\":{\"a\":\"\xff\xe2\x82x\"}}]".to_vec();
        assert_eq!(service.post("/api/v2/alerts", body).await.status, 200);
        let shown = service.get("/api/v2/alerts").await.body;
        assert!(shown.contains("\"labels\":{\"a\":\"\u{fffd}\u{fffd}\u{fffd}x\"}"), "{shown}");
    });
}

#[test]
fn filters() {
    run(async || {
        let service = Service::start();
        let body = r#"[{"labels":{"alertname":"A","team":"x"}},{"labels":{"alertname":"B"}},
            {"labels":{"alertname":"over"},"endsAt":"2026-11-22T14:00:00Z"}]"#;
        assert_eq!(service.post("/api/v2/alerts", body).await.status, 200);
        for (query, expected) in [
            ("", "A B"),
            ("?filter=team%3Dx", "A"),
            ("?filter=team%3D%22%22", "B"),
            ("?filter=team!%3D%22%22", "A"),
            ("?filter=alertname%3D~%22A|B%22&filter=team!%3Dx", "B"),
            ("?filter=%zz", "A B"),
            ("?active=false", ""),
            ("?active=&silenced=no&inhibited=0&unprocessed=false", "A B"),
            ("?receiver=default", "B"),
            ("?receiver=team", ""),
            ("?receiver=team-.*", "A"),
            ("?receiver=", "A B"),
            ("?receiver_matchers=owner%3D%22a%3Cb%22", "A"),
        ] {
            let answer = service.get(&format!("/api/v2/alerts{query}")).await;
            let names = answer.body.split("\"alertname\":\"").skip(1).filter_map(|rest| rest.split('"').next());
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            assert_eq!(names.join(" "), expected, "{query}");
        }
        for (query, expected) in [
            ("filter=foo", "bad matcher format: foo"),
            ("filter=", "bad matcher format: "),
            ("filter=%7Ba=%22b%22%7D", "unexpected open or close brace: {a=\"b\"}"),
            ("receiver=%5B", "failed to parse receiver param: error parsing regexp: missing closing ]: `[)$`"),
            ("receiver=(", "failed to parse receiver param: error parsing regexp: missing closing ): `^(?:()$`"),
            ("receiver_matchers=foo", "failed to parse receiver_matchers param: bad matcher format: foo"),
            ("filter=a%3D~%22(%22", "error parsing regexp: missing closing ): `^(?:()$`"),
        ] {
            let answer = service.get(&format!("/api/v2/alerts?{query}")).await;
            assert_eq!((answer.status, answer.body), handler(expected), "{query}");
        }
    });
}

#[test]
fn status_and_receivers() {
    run(async || {
        let service = Service::start();
        let expected = [
            r#"{"cluster":{"peers":[],"status":"disabled"},"config":{"original":"route: <x>\n"},"#,
            r#""uptime":"2026-11-22T15:00:00.123Z","versionInfo":{"branch":"main","buildDate":"","buildUser":"","#,
            r#""goVersion":"","revision":"r1","version":"0.34.0"}}"#,
            "\n",
        ];
        assert_eq!(service.get("/api/v2/status").await.body, expected.concat());
        let expected = [
            r#"[{"labels":{"name":"default"},"name":"default"},{"labels":{"name":"team-X","owner":"a<b"},"#,
            r#""name":"team-X"},{"labels":{"name":"unused"},"name":"unused"}]"#,
            "\n",
        ];
        assert_eq!(service.get("/api/v2/receivers").await.body, expected.concat());
        assert_eq!(
            service.get("/api/v2/receivers?receiver_matchers=owner%3D~.%2B&receiver_matchers=name%3Dteam-X").await.body,
            "[{\"labels\":{\"name\":\"team-X\",\"owner\":\"a<b\"},\"name\":\"team-X\"}]\n"
        );
        let member = super::ClusterInfo { name: "n1".into(), address: "127.0.0.1:9094".into() };
        let service = Service::with(|state| state.status.cluster = Some(member));
        let shown = service.get("/api/v2/status").await.body;
        let cluster =
            r#"{"cluster":{"name":"n1","peers":[{"address":"127.0.0.1:9094","name":"n1"}],"status":"ready"},"#;
        assert!(shown.starts_with(cluster), "{shown}");
    });
}
