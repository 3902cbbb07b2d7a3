//! PagerDuty's API as it is published, in this process: what it is sent, what it refuses, what it limits.

use serde_json::{Value, json};

use super::*;
use crate::core::outbox::ToldAlert;
use crate::receivers::stand_in::{Reply, StandIn};
use crate::receivers::test_support::{context, delivery, http_config, inline, labels, told};

pub(crate) fn config(url: &str) -> PagerdutyConfig {
    let template = |name: &str| format!("{{{{ template \"pagerduty.default.{name}\" . }}}}");
    let details = json!({
        "firing": "{{ .Alerts.Firing | toJson }}",
        "num_firing": "{{ .Alerts.Firing | len }}",
        "num_resolved": "{{ .Alerts.Resolved | len }}",
        "resolved": "{{ .Alerts.Resolved | toJson }}",
    });
    PagerdutyConfig {
        routing_key: Some(inline("rk")),
        service_key: None,
        url: url.to_owned(),
        http: http_config(),
        client: template("client"),
        client_url: template("clientURL"),
        description: template("description"),
        details: details.as_object().unwrap().clone(),
        images: Vec::new(),
        links: Vec::new(),
        source: template("client"),
        severity: String::new(),
        class: String::new(),
        component: String::new(),
        group: String::new(),
        timeout: Duration::ZERO,
    }
}

fn row(alerts: Vec<ToldAlert>) -> Delivery {
    let mut row = delivery(alerts);
    row.thread.kind = "pagerduty".into();
    row.thread.group_key = r#"{}:{alertname="A1"}"#.into();
    row.group_labels = labels(&[("alertname", "A1")]);
    row
}

fn one(resolved: bool) -> Delivery {
    row(vec![told(&[("alertname", "A1"), ("i", "<1>")], &[("s", "")], resolved)])
}

/// What PagerDuty says of an event: the checks that its documentation names.
fn accepts(event: &Value) -> Result<(), String> {
    let length = |place: &str| event.pointer(place).and_then(Value::as_str).map_or(0, |text| text.chars().count());
    let mut errors = Vec::new();
    if length("/routing_key") != 2 {
        errors.push("'routing_key' is not valid".to_owned());
    }
    if !(1..=1024).contains(&length("/payload/summary")) {
        errors.push("'payload.summary' is invalid (too long or missing)".to_owned());
    }
    if length("/payload/source") == 0 {
        errors.push("'payload.source' is missing or blank".to_owned());
    }
    if !event.pointer("/payload/severity").is_some_and(|severity| SEVERITIES.contains(&severity.as_str().unwrap())) {
        errors.push("'payload.severity' is invalid (must be one of the following: 'critical', …)".to_owned());
    }
    if length("/dedup_key") > 255 {
        errors.push("'dedup_key' is too long".to_owned());
    }
    if errors.is_empty() { Ok(()) } else { Err(json!(errors).to_string()) }
}

async fn service() -> StandIn {
    StandIn::start(|seen| {
        if seen.body.len() > 512 * 1024 {
            return Reply::With(413, Vec::new(), "Payload Too Large".into());
        }
        let event = serde_json::from_str(&seen.body).unwrap();
        let checked = if seen.line == "POST /v1" { Ok(()) } else { accepts(&event) };
        match checked {
            Ok(()) => Reply::With(202, Vec::new(), json!({"status": "success"}).to_string()),
            Err(errors) => {
                let body =
                    format!(r#"{{"status":"invalid event","message":"Event object is invalid","errors":{errors}}}"#);
                Reply::With(400, Vec::new(), body)
            }
        }
    })
    .await
}

/// Sends with a changed configuration; gives what PagerDuty was sent, and what is told of it.
async fn sent(row: Delivery, change: impl FnOnce(&mut PagerdutyConfig)) -> (String, Sent) {
    let service = service().await;
    let mut config = config(&service.url("/v2/enqueue"));
    change(&mut config);
    let mut sender = Pagerduty::new(&config);
    sender.v1_url = service.url("/v1");
    let sent = sender.send(&row, &context()).await;
    (service.seen().pop().map(|seen| seen.body).unwrap_or_default(), sent.unwrap_or_else(|error| panic!("{error}")))
}

#[tokio::test]
async fn the_event_is_alertmanagers_byte_for_byte() {
    let (body, _) = sent(one(false), |config| {
        config.class = "{{ .CommonLabels.alertname }}".into();
        config.severity = "{{ .CommonLabels.nope }}".into();
        config.images = vec![["{{ .Status }}".into(), String::new(), "h".into()], Default::default()];
        config.links = vec![["l".into(), "t".into()], [String::new(), "no link".into()]];
    })
    .await;
    let expected = concat!(
        r#"{"routing_key":"rk","dedup_key":"91107ddd7f0a8d20d1b5cb5ded2c9da0f9d2a4cf0ce3ec1b4f7a3d9cc2a8bf5d","#,
        r#""event_action":"trigger","payload":{"summary":"[FIRING:1] A1 (\u003c1\u003e)","source":"Alertmanager","#,
        r#""severity":"error","class":"A1","custom_details":{"firing":[{"annotations":{"s":""},"#,
        r#""endsAt":"0001-01-01T00:00:00Z","fingerprint":"5ef7a4f6eea4d1a3","generatorURL":"http://p/g","#,
        r#""labels":{"alertname":"A1","i":"\u003c1\u003e"},"startsAt":"2026-11-22T14:48:28.98664923Z","#,
        r#""status":"firing"}],"num_firing":1,"num_resolved":0,"resolved":[]}},"client":"Alertmanager","#,
        r#""client_url":"http://host:9093/#/alerts?receiver=team","images":[{"src":"firing","alt":"","href":"h"}],"#,
        r#""links":[{"href":"l","text":"t"}]}"#,
        "\n"
    );
    let fingerprint = one(false).alerts[0].alert.fingerprint().to_string();
    let expected = expected.replace("5ef7a4f6eea4d1a3", &fingerprint).replace(
        "91107ddd7f0a8d20d1b5cb5ded2c9da0f9d2a4cf0ce3ec1b4f7a3d9cc2a8bf5d",
        &one(false).thread.group_key_hash(),
    );
    assert_eq!(body, expected);
}

#[tokio::test]
async fn with_templates_of_its_own_the_event_says_when_it_happened() {
    use crate::template::{Engine, Templates};
    let templates = Templates::load(Engine::Handlebars, std::path::Path::new("."), &[]).unwrap();
    let context = Context { templates, ..context() };
    let mut earlier = told(&[("a", "2")], &[], false);
    let began = earlier.alert.starts_at.before(Duration::from_secs(60));
    earlier.alert = std::sync::Arc::new(crate::core::alert::Alert { starts_at: began, ..(*earlier.alert).clone() });
    let over = || told(&[("a", "1")], &[], true);
    let service = service().await;
    let sender = Pagerduty::new(&config(&service.url("/v2/enqueue")));
    //          alerts                                            the first that fires began, or the last was over
    let rows = [
        (vec![over(), told(&[("a", "3")], &[], false), earlier], "2026-11-22T14:47:28.98664923Z"),
        (vec![over()], "2026-11-22T14:49:28.98664923Z"),
    ];
    for (alerts, expected) in rows {
        sender.send(&row(alerts), &context).await.unwrap();
        let event: Value = serde_json::from_str(&service.seen().pop().unwrap().body).unwrap();
        assert_eq!(event["payload"]["timestamp"], expected);
    }
}

#[tokio::test]
async fn what_fires_is_triggered_and_what_is_over_resolved_under_one_key() {
    let mut keys = Vec::new();
    let mixed = row(vec![told(&[("a", "1")], &[], true), told(&[("a", "2")], &[], false)]);
    for (row, action) in [(one(false), "trigger"), (mixed, "trigger"), (one(true), "resolve")] {
        let event: Value = serde_json::from_str(&sent(row, |_| ()).await.0).unwrap();
        assert_eq!(event["event_action"], action);
        keys.push(event["dedup_key"].clone());
    }
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn a_service_key_speaks_the_old_api() {
    let mut actions = Vec::new();
    for resolved in [false, true] {
        let (body, _) = sent(one(resolved), |config| config.service_key = Some(inline("sk"))).await;
        actions.push(body.replace(&one(false).thread.group_key_hash(), "hash"));
    }
    let [trigger, resolve] = [&actions[0], &actions[1]];
    let head = r#"{"service_key":"sk","incident_key":"hash","event_type":"trigger","description":"[FIRING:1] A1 (\u003c1\u003e)","event_action":"","payload":null,"client":"Alertmanager","client_url":"http://host:9093/#/alerts?receiver=team","details":{"firing":["#;
    assert!(trigger.starts_with(head), "{trigger}");
    let head = r#"{"service_key":"sk","incident_key":"hash","event_type":"resolve","description":"[RESOLVED] A1 (\u003c1\u003e)","event_action":"","payload":null,"details":{"firing":[],"num_firing":0,"#;
    assert!(resolve.starts_with(head), "{resolve}");
}

#[tokio::test]
async fn what_pagerduty_would_refuse_is_made_to_fit_and_said() {
    let long = "ü".repeat(2000);
    let (body, said) = sent(one(false), |config| {
        config.description = long;
        config.severity = "Page!".into();
        config.source = "{{ .CommonLabels.nope }}".into();
    })
    .await;
    let event: Value = serde_json::from_str(&body).unwrap();
    let summary = event["payload"]["summary"].as_str().unwrap();
    assert_eq!((summary.chars().count(), summary.ends_with("ü…")), (1024, true));
    assert_eq!(event["payload"]["severity"], "error");
    assert_eq!(event["payload"]["source"], "Andon");
    let expected =
        ["the summary, to 1024 characters", r#"the severity "Page!", which PagerDuty does not know, to "error""#];
    assert_eq!(said.cut, expected);
    let note = format!("Andon: made to fit: {}", expected.join("; "));
    assert_eq!(event["payload"]["custom_details"]["andon_note"], note);
    for (written, severity) in [("Critical", "critical"), (" info\n", "info"), ("warning", "warning")] {
        let (body, said) = sent(one(false), |config| config.severity = written.into()).await;
        assert!(body.contains(&format!(r#""severity":"{severity}""#)) && said.cut.is_empty(), "{body}");
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_loses_the_end_of_its_largest_details() {
    let big = "x".repeat(10_000);
    let alert = |i: i32| told(&[("a", &i.to_string())], &[("big", &big)], false);
    // The longer one is more than a template may give.
    for alerts in [90, 200] {
        let (body, said) = sent(row((0..alerts).map(alert).collect()), |_| ()).await;
        assert!((450_000..=MAX_EVENT).contains(&body.len()), "{} bytes", body.len());
        let event: Value = serde_json::from_str(&body).unwrap();
        let details = &event["payload"]["custom_details"];
        assert_eq!((&details["num_firing"], &details["firing"][0]["labels"]["a"]), (&json!(alerts), &json!("0")));
        let cut = "Custom details firing have been cut because the original event exceeds the maximum size of 512KB";
        assert_eq!((&details["error"], said.cut), (&json!(cut), vec![cut.to_owned()]));
        assert_eq!(said.failed.len(), usize::from(alerts == 200), "{:?}", said.failed);
    }

    // Nothing that can be cut: as Alertmanager does.
    let row = row(vec![told(&[("a", "1")], &[("big", &"x".repeat(600_000))], false)]);
    let big = "{{ .CommonAnnotations.big }}";
    let (body, _) = sent(row, |config| {
        config.details = json!({"a": {"b": big}, "c": big}).as_object().unwrap().clone();
    })
    .await;
    let event: Value = serde_json::from_str(&body).unwrap();
    let removed = "Custom details have been removed because the original event exceeds the maximum size of 512KB";
    assert_eq!(event["payload"]["custom_details"], json!({"error": removed}));

    let (body, said) = sent(one(false), |config| {
        config.links = vec![["l".repeat(200_000), "t".into()]; 3];
    })
    .await;
    let event: Value = serde_json::from_str(&body).unwrap();
    let error = event["payload"]["custom_details"]["error"].as_str().unwrap();
    assert!(error.ends_with("; images and links have been left out") && said.cut.len() == 2, "{error} {:?}", said.cut);
    assert!(event["links"].is_null() && event["images"].is_null());
}

#[tokio::test]
async fn no_text_fills_an_event() {
    let long = "ü".repeat(100_000);
    for old in [false, true] {
        let (body, said) = sent(one(false), |config| {
            config.service_key = old.then(|| inline("sk"));
            let PagerdutyConfig { client, client_url, source, class, component, group, .. } = config;
            for text in [client, client_url, source, class, component, group] {
                *text = long.clone();
            }
            config.severity = long.clone();
        })
        .await;
        assert!(body.len() < 150_000, "{} bytes", body.len());
        let event: Value = serde_json::from_str(&body).unwrap();
        let details = if old { &event["details"] } else { &event["payload"]["custom_details"] };
        let note = details["andon_note"].as_str().unwrap();
        assert!(
            note.starts_with("Andon: made to fit: the client, to 8192 characters; client_url, left out, "),
            "{note}"
        );
        assert_eq!((&details["num_firing"], said.cut.len()), (&json!(1), if old { 2 } else { 7 }), "{:?}", said.cut);
        assert!(event["client_url"].is_null() && said.cut.iter().all(|what| what.len() < 500));
    }
}

#[tokio::test]
async fn a_template_that_fails_does_not_cost_the_page() {
    let (body, said) = sent(one(false), |config| {
        config.description = "{{ .Nope.Nope }}".into();
        config.details.insert("mine".into(), "{{ template \"nope\" }}".into());
    })
    .await;
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(event["payload"]["summary"], "[FIRING:1] A1 (<1>)");
    let details = &event["payload"]["custom_details"];
    assert_eq!((&details["mine"], &details["num_firing"]), (&json!("(its template failed)"), &json!(1)));
    assert!(details["andon_note"].as_str().unwrap().contains("description: template: "), "{details}");
    assert_eq!(said.failed.len(), 2);
}

#[tokio::test]
async fn answers_decide() {
    let refusal = r#"{"status":"invalid event","message":"Event object is invalid","errors":["a","b"]}"#;
    let minute = Some(Duration::from_secs(60));
    //          old    status  header  body      again   error
    let rows = [
        (false, 400, None, refusal, None, "unexpected status code 400: Event object is invalid: a,b"),
        (false, 400, None, "what?", None, "unexpected status code 400: what?"),
        (false, 403, None, "", None, "unexpected status code 403"),
        (true, 403, None, "slow down", Some(minute), "unexpected status code 403"),
        (false, 429, None, "", Some(minute), "unexpected status code 429"),
        (false, 429, Some("7"), "", Some(Some(Duration::from_secs(7))), "unexpected status code 429"),
        (false, 500, None, "oh", Some(None), "unexpected status code 500: oh"),
        (false, 413, None, "", None, "unexpected status code 413"),
    ];
    for (old, status, header, body, again, expected) in rows {
        let headers = header.map(|after: &str| vec![("retry-after", after.to_owned())]).unwrap_or_default();
        let service = StandIn::start(move |_| Reply::With(status, headers.clone(), body.into())).await;
        let mut config = config(&service.url("/v2"));
        config.service_key = old.then(|| inline("sk"));
        let mut sender = Pagerduty::new(&config);
        sender.v1_url = service.url("/v1");
        let error = sender.send(&one(false), &context()).await.unwrap_err();
        assert_eq!(error.to_string(), expected, "{status}");
        let found = if let SendError::Retry { after, .. } = error { Some(after) } else { None };
        assert_eq!(found, again, "{status}");
    }
}

#[tokio::test]
async fn a_key_is_a_template_and_must_say_something() {
    let (body, _) = sent(one(false), |config| config.routing_key = Some(inline("{{ print \"r\" \"k\" }}"))).await;
    assert!(body.starts_with(r#"{"routing_key":"rk","#), "{body}");
    let mut config = config("http://127.0.0.1:1/");
    config.routing_key = Some(inline("{{ .CommonLabels.nope }}"));
    let error = Pagerduty::new(&config).send(&one(false), &context()).await.unwrap_err();
    assert_eq!(error, SendError::refused("routing key cannot be empty"));
    config.routing_key = Some(SecretSource::Env("ANDON_TEST_UNSET".into()));
    let error = Pagerduty::new(&config).send(&one(false), &context()).await.unwrap_err();
    assert!(matches!(error, SendError::NotConfigured { .. }), "{error}");
}

#[tokio::test]
async fn an_acknowledgement_is_an_event_under_the_same_key() {
    let pagerduty = service().await;
    for (old, action) in [(false, "event_action"), (true, "event_type")] {
        let mut row = one(false);
        row.reason = Reason::Acknowledged;
        row.acknowledged = Some(crate::receivers::test_support::ack());
        let mut config = config(&pagerduty.url("/v2"));
        if old {
            (config.service_key, config.routing_key) = (config.routing_key.take(), None);
        }
        let mut sender = Pagerduty::new(&config);
        sender.v1_url = pagerduty.url("/v1");
        sender.send(&row, &context()).await.unwrap();
        let event: Value = serde_json::from_str(&pagerduty.seen().pop().unwrap().body).unwrap();
        let key = if old { "incident_key" } else { "dedup_key" };
        assert_eq!((&event[action], &event[key]), (&json!("acknowledge"), &json!(row.thread.group_key_hash())));
    }
}
