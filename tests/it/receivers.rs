//! What a plant meets that has not put all its keys and templates in place yet.

use std::time::Duration;

use crate::support::process::Place;
use crate::support::until;
use crate::support::webhook::Webhook;

const LIMIT: Duration = Duration::from_secs(20);
const ALERT: &str = r#"[{"labels":{"alertname":"A"}}]"#;

#[test]
fn a_receiver_without_its_key_is_shown_and_its_page_waits() {
    let webhook = Webhook::start();
    let place = Place::with_config(&format!(
        "route: {{receiver: r, group_wait: 0s}}\nreceivers:\n- name: r\n  pagerduty_configs: [{{routing_key_file: key}}]\n  \
         slack_configs: [{{api_url: '${{env:ANDON_TEST_UNSET}}'}}]\n  webhook_configs: [{{url: '{}'}}]\n",
        webhook.url()
    ));
    let andon = place.start(&[]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", ALERT).status(), 200);
    until(LIMIT, "the others are told", || (!webhook.told().is_empty()).then_some(()));

    let shown = andon.get("/api/andon/v1/receivers").json();
    let of = |kind: &str| shown.as_array().and_then(|all| all.iter().find(|one| one["integration"] == kind)).cloned();
    let slack = of("slack").expect("it is shown");
    assert_eq!((&slack["configured"], &slack["used"]), (&false.into(), &true.into()), "{slack}");
    assert_eq!(slack["missing"], "the environment variable ANDON_TEST_UNSET is not set");
    assert_eq!(of("pagerduty").map(|it| it["missing"].clone()), Some("there is no file key".into()), "{shown}");
    assert_eq!(of("webhook").map(|it| it["configured"].clone()), Some(true.into()), "{shown}");

    let metrics = until(LIMIT, "both wait for another attempt", || {
        let metrics = andon.get("/metrics").body;
        metrics.contains("andon_outbox_rows{integration=\"pagerduty\"} 1").then_some(metrics)
    });
    for line in [
        "andon_receiver_configured{integration=\"pagerduty[0]\",receiver=\"r\"} 0",
        "andon_receiver_configured{integration=\"webhook[0]\",receiver=\"r\"} 1",
        "andon_outbox_rows{integration=\"slack\"} 1",
        "alertmanager_notification_requests_total{integration=\"slack\"} 0",
        "andon_dead_letters 0",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line}\n{metrics}");
    }
    assert_eq!(andon.log().matches("Not configured").count(), 2, "{}", andon.log());
    // A key that is put in place counts at once.
    std::fs::write(place.path().join("key"), "k").expect("it is written");
    assert!(andon.get("/metrics").body.contains("receiver_configured{integration=\"pagerduty[0]\",receiver=\"r\"} 1"));
}

#[test]
fn a_template_file_that_does_not_parse_is_refused_in_alertmanagers_words() {
    let config = "route: {receiver: r}\nreceivers: [{name: r}]\ntemplates: ['*.tmpl']\n";
    let place = Place::with_config(config);
    std::fs::write(place.path().join("own.tmpl"), "{{ define \"a\" }}fine{{ end }}").expect("it is written");
    let andon = place.start(&[]);
    std::fs::write(place.path().join("own.tmpl"), "first\n{{ define \"a\" }}{{ nope }}{{ end }}")
        .expect("it is written");
    let answer = andon.request("POST", "/-/reload", "");
    let said = "failed to parse templates: template: own.tmpl:2: function ";
    assert_eq!(answer.status(), 500);
    assert!(answer.body.contains(said), "{}", answer.body);
    assert_eq!(andon.stop().code(), Some(0));
    let mut andon = place.spawn(&[]);
    assert_eq!(andon.wait().code(), Some(1));
    until(LIMIT, "it says why", || andon.log().contains(said).then_some(()));
}

#[test]
fn a_template_that_fails_costs_its_own_text_and_is_counted() {
    let webhook = Webhook::start();
    let place = Place::with_config(&format!(
        "route: {{receiver: r, group_wait: 0s}}\nreceivers:\n- name: r\n  webhook_configs: [{{url: '{}', payload: \
         {{text: '{{{{ .Nope.Nope }}}}'}}}}]\n",
        webhook.url()
    ));
    let andon = place.start(&[]);
    andon.request("POST", "/api/v2/alerts", ALERT);
    let told = until(LIMIT, "the webhook is told", || webhook.told().pop()).json();
    assert_eq!(told["alerts"][0]["labels"]["alertname"], "A");
    assert!(told["note"].as_str().is_some_and(|note| note.contains("payload: template: ")), "{told}");
    let line = "andon_template_failures_total{integration=\"webhook\"} 1";
    until(LIMIT, "it is counted", || andon.get("/metrics").body.contains(line).then_some(()));
}
