//! What a plant meets that has not put all its keys and templates in place yet, and what people do about receivers.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::process::{Andon, Place};
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

/// What `andon` prints when it is asked about a running one, and whether it says that all went well.
fn asked(andon: &Andon, words: &[&str]) -> (bool, String) {
    let url = format!("--url=http://{}", andon.address());
    let output = Command::new(env!("CARGO_BIN_EXE_andon")).args(words).arg(url).output().expect("andon runs");
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_receiver_is_tried_and_its_dead_letters_are_read_sent_again_and_put_away_from_the_command_line() {
    const SECRET: &str = "hunter2-in-a-header";
    let webhook = Webhook::start();
    let place = Place::with_config(&format!(
        "route: {{receiver: r, group_wait: 0s, group_by: [alertname]}}\nreceivers:\n- name: r\n  webhook_configs:\n  \
         - url: '{}'\n    http_config: {{authorization: {{credentials: {SECRET}}}}}\n",
        webhook.url()
    ));
    let andon = place.start(&[]);
    let ask = |words: &[&str]| {
        let (well, text) = asked(&andon, words);
        assert!(!text.contains(SECRET), "{words:?}: {text}");
        (well, text)
    };
    let (well, text) = ask(&["receivers", "test", "r"]);
    assert!(well && text.contains("webhook[0]: delivered in ") && text.contains("    ok"), "{text}");
    let tried = webhook.told().pop().expect("it was told");
    assert_eq!(tried.header("authorization"), Some(&*format!("Bearer {SECRET}")));
    assert!(tried.body.to_lowercase().contains("test"), "{}", tried.body);

    webhook.answers("403 Forbidden", "<go away>", Duration::ZERO);
    let (well, text) = ask(&["receivers", "test", "r"]);
    assert!(!well && text.contains("webhook[0]: refused in ") && text.contains("<go away>"), "{text}");
    assert!(!ask(&["receivers", "test", "nobody"]).0);

    let post = |name: &str| andon.request("POST", "/api/v2/alerts", &ALERT.replace("\"A\"", &format!("\"{name}\"")));
    for name in ["First", "Second", "Third"] {
        assert_eq!(post(name).status(), 200);
    }
    let letters = until(LIMIT, "all are refused", || {
        let (well, text) = ask(&["dead-letter", "list", "--receiver", "r"]);
        (well && text.lines().count() == 4).then_some(text)
    });
    let id_of = |line: usize| letters.lines().nth(line).and_then(|line| line.split(' ').next()).expect("an id");
    assert!(letters.contains("webhook[0]") && letters.contains("403"), "{letters}");
    let (well, text) = ask(&["dead-letter", "show", id_of(1)]);
    assert!(well && text.contains("heard\n") && text.contains("<go away>") && text.contains("alertname"), "{text}");
    let (well, text) = ask(&["dead-letter", "discard", id_of(1), "--reason", "told by phone"]);
    assert!(well && text.contains("discarded"), "{text}");
    assert!(!ask(&["dead-letter", "show", id_of(1)]).0, "it is gone");
    assert!(andon.get("/api/andon/v1/history?kind=dead_letter").body.contains("told by phone"));

    webhook.answers("200 OK", "ok", Duration::ZERO);
    let seen = webhook.told().len();
    let (well, text) = ask(&["dead-letter", "replay", id_of(2)]);
    assert!(well && text.contains("wait"), "{text}");
    until(LIMIT, "it is told", || (webhook.told_since(seen).len() == 1).then_some(()));
    let (well, text) = ask(&["dead-letter", "replay", "--receiver", "r"]);
    assert!(well && text.contains("1 wait to be sent"), "{text}");
    until(LIMIT, "the other is told as well", || (webhook.told_since(seen).len() == 2).then_some(()));
    assert_eq!(ask(&["dead-letter", "list"]).1.lines().count(), 1, "none is left");
}

/// SIGTERM while one receiver is slow and another never answers: what the slow one heard is not said again at the next
/// start; what the other one may have heard is, under the same id.
#[test]
fn what_is_being_told_at_the_stop_is_told_once_or_again_under_the_same_id() {
    let (slow, hangs) = (Webhook::start(), Webhook::start());
    let config = format!(
        "route: {{receiver: r, group_wait: 0s}}\nreceivers:\n- name: r\n  webhook_configs:\n  - url: '{}'\n    \
         signing_secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n  - url: '{}'\n    \
         signing_secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        slow.url(),
        hangs.url()
    );
    let place = Place::with_config(&config);
    slow.answers("200 OK", "ok", Duration::from_secs(3));
    hangs.answers("200 OK", "ok", Duration::from_secs(60));
    let andon = place.start(&[]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", ALERT).status(), 200);
    until(LIMIT, "both are being told", || (slow.told().len() + hangs.told().len() == 2).then_some(()));
    let began = Instant::now();
    assert_eq!(andon.stop().code(), Some(0));
    assert!((3..14).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    hangs.answers("200 OK", "ok", Duration::ZERO);
    let andon = place.start(&[]);
    until(LIMIT, "the other one is told again", || (hangs.told().len() == 2).then_some(()));
    let ids: Vec<_> = hangs.told().iter().map(|told| told.header("webhook-id").map(str::to_owned)).collect();
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    until(LIMIT, "nothing waits any more", || {
        let metrics = andon.get("/metrics").body;
        let mut rows = metrics.lines().filter(|line| line.starts_with("andon_outbox_rows{"));
        rows.all(|line| line.ends_with(" 0")).then_some(())
    });
    assert_eq!(slow.told().len(), 1, "what was answered during the stop was stored");
}
