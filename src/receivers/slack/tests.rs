//! Slack's two interfaces in this process: what they are sent, and what their answers lead to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::settings::SlackField;
use crate::receivers::stand_in::{Reply, StandIn};
use crate::receivers::test_support::{context, delivery, http_config, inline, labels, told};

/// A configuration with Alertmanager's defaults.
pub(crate) fn config(url: &str) -> SlackConfig {
    let default = |name: &str| format!("{{{{ template \"slack.default.{name}\" . }}}}");
    let mut texts: std::collections::BTreeMap<&'static str, String> =
        ["channel", "message_text", "image_url", "thumb_url"].map(|name| (name, String::new())).into();
    for name in ["username", "color", "title", "pretext", "text", "fallback", "footer"] {
        texts.insert(name, default(name));
    }
    for (name, theirs) in [
        ("title_link", "titlelink"),
        ("callback_id", "callbackid"),
        ("icon_emoji", "iconemoji"),
        ("icon_url", "iconurl"),
    ] {
        texts.insert(name, default(theirs));
    }
    SlackConfig {
        api_url: inline(url),
        http: http_config(),
        texts,
        fields: Vec::new(),
        actions: Vec::new(),
        short_fields: false,
        link_names: false,
        mrkdwn_in: Vec::new(),
        update_message: false,
        reply_in_thread: false,
        timeout: Duration::ZERO,
    }
}

fn row() -> Delivery {
    let mut row = delivery(vec![told(&[("alertname", "A1"), ("i", "<!channel> & <http://x|y>")], &[], false)]);
    row.group_labels = labels(&[("alertname", "A1")]);
    row
}

async fn webhook() -> StandIn {
    StandIn::start(|_| Reply::With(200, vec![("content-type", "text/html".into())], "ok".into())).await
}

async fn sent(change: impl FnOnce(&mut SlackConfig)) -> (String, Sent) {
    let slack = webhook().await;
    let mut config = config(&slack.url("/services/T0/B0/x"));
    change(&mut config);
    let sent = Slack::new(&config).send(&row(), &context()).await.unwrap();
    (slack.seen().pop().unwrap().body, sent)
}

#[tokio::test]
async fn the_message_is_alertmanagers_and_labels_arrive_as_text() {
    let (body, said) = sent(|_| ()).await;
    let subject = r"[FIRING:1] A1 (\u0026lt;!channel\u0026gt; \u0026amp; \u0026lt;http://x|y\u0026gt;)";
    let link = "http://host:9093/#/alerts?receiver=team";
    let expected = format!(
        concat!(
            r#"{{"username":"Alertmanager","attachments":[{{"title":"{0}","title_link":"{1}","text":"","#,
            r#""fallback":"{0} | {1}","callback_id":"","footer":"","color":"danger","#,
            r#""mrkdwn_in":["fallback","pretext","text"]}}]}}"#,
            "\n"
        ),
        subject, link
    );
    assert_eq!((body, said), (expected, Sent::default()));
}

#[tokio::test]
async fn all_that_can_be_said_stands_in_alertmanagers_order() {
    let (body, _) = sent(|config| {
        config.texts.extend([
            ("channel", "#c".to_owned()),
            ("icon_emoji", ":e:".to_owned()),
            ("icon_url", "u".to_owned()),
            ("message_text", "m {{ .CommonLabels.i }}".to_owned()),
            ("pretext", "p".to_owned()),
            ("image_url", "http://i/?a=1&b={{ .CommonLabels.alertname }}".to_owned()),
            ("thumb_url", "t".to_owned()),
            ("title", String::new()),
            ("title_link", String::new()),
            ("fallback", String::new()),
            ("color", String::new()),
        ]);
        config.link_names = true;
        config.short_fields = true;
        config.mrkdwn_in = vec!["text".into()];
        let field = |short| SlackField { title: "{{ .Status }}".into(), value: "v".into(), short };
        config.fields = vec![field(None), field(Some(false))];
        config.actions = vec![
            json!({"type": "button", "text": "go", "url": "u", "style": "primary"}),
            json!({"type": "button", "text": "{{ .CommonLabels.i }}", "name": "n", "value": "v",
                   "confirm": {"text": "sure?", "ok_text": "y", "title": "t", "dismiss_text": "n"}}),
        ];
    })
    .await;
    let expected = concat!(
        r##"{"channel":"#c","username":"Alertmanager","icon_emoji":":e:","icon_url":"u","link_names":true,"##,
        r##""text":"m \u0026lt;!channel\u0026gt; \u0026amp; \u0026lt;http://x|y\u0026gt;","attachments":[{"pretext":"p","##,
        r##""text":"","fallback":"","callback_id":"","fields":[{"title":"firing","value":"v","short":true},"##,
        r##"{"title":"firing","value":"v","short":false}],"actions":[{"type":"button","text":"go","url":"u","##,
        r##""style":"primary"},{"type":"button","text":"\u0026lt;!channel\u0026gt; \u0026amp; \u0026lt;http://x|y\u0026gt;","##,
        r##""name":"n","value":"v","confirm":{"text":"sure?","title":"t","ok_text":"y","dismiss_text":"n"}}],"##,
        r##""image_url":"http://i/?a=1\u0026b=A1","thumb_url":"t","footer":"","mrkdwn_in":["text"]}]}"##,
        "\n"
    );
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_template_that_fails_is_said_in_the_message() {
    let (body, said) = sent(|config| {
        config.texts.insert("text", "{{ .Nope.Nope }}".into());
        config.texts.insert("title", "t".repeat(2000));
    })
    .await;
    let message: Value = serde_json::from_str(&body).unwrap();
    let attachment = &message["attachments"][0];
    let text = attachment["text"].as_str().unwrap();
    assert!(text.starts_with("firing: A1\nAndon: a template failed") && text.contains("&lt;.Nope"), "{text}");
    assert!(text.ends_with("\nAndon: made to fit: the title, to 1024 characters"), "{text}");
    assert_eq!(attachment["title"].as_str().unwrap().chars().count(), 1024);
    assert_eq!((said.failed.len(), said.cut.len()), (1, 1));
}

#[tokio::test]
async fn no_text_is_longer_than_slack_takes_and_the_message_says_what_was_cut() {
    let long = "ü<".repeat(50_000);
    let (body, said) = sent(|config| {
        for name in ["message_text", "title", "pretext", "text", "fallback", "footer", "title_link", "username"] {
            config.texts.insert(name, long.clone());
        }
        config.fields = vec![SlackField { title: long.clone(), value: long.clone(), short: None }; 50];
        let asks = json!({"text": long, "title": long, "ok_text": long, "dismiss_text": long});
        config.actions = vec![json!({"type": "button", "text": long, "url": long, "confirm": asks}); 5];
    })
    .await;
    let message: Value = serde_json::from_str(&body).unwrap();
    let attachment = &message["attachments"][0];
    let length = |value: &Value| value.as_str().unwrap_or_default().chars().count();
    assert_eq!(length(&message["text"]), 40_000);
    for (name, expected) in [("title", 1024), ("pretext", 8000), ("fallback", 8000), ("title_link", 0)] {
        assert_eq!(length(&attachment[name]), expected, "{name}");
        assert!(expected == 0 || attachment[name].as_str().unwrap().ends_with('…'), "{name}");
    }
    assert_eq!((length(&attachment["fields"][0]["title"]), length(&attachment["fields"][0]["value"])), (1024, 8000));
    assert_eq!(length(&attachment["fields"][49]["value"]), 0, "there is no room left");
    let text = attachment["text"].as_str().unwrap();
    let (cut, note) = text.split_once('\n').unwrap();
    assert!((cut.chars().count(), cut.ends_with('…')) == (7000, true) && length(&attachment["text"]) <= 8000);
    let first = "Andon: made to fit: the text of the message, to 40000 characters; username, left out, since it has";
    assert!(note.starts_with(first) && said.cut.contains(&"the text, to 7000 characters".to_owned()), "{note}");
    assert!(body.len() < 350_000, "{} bytes", body.len());
    // What fits stays as it is, also where it fits exactly.
    let exact = "x".repeat(8000);
    let (body, said) = sent(|config| drop(config.texts.insert("text", exact.clone()))).await;
    assert!(body.contains(&format!("\"text\":\"{exact}\"")) && said.cut.is_empty());
}

#[tokio::test]
async fn answers_decide() {
    let text = |status, body: &str| Reply::With(status, vec![("content-type", "text/html".into())], body.into());
    let limited = || Reply::With(429, vec![("retry-after", "30".into())], String::new());
    let long = format!(r#"{{"ok":true,"message":"{}"}}"#, "x".repeat(100_000));
    let refused = |error: &str| Reply::json(&format!(r#"{{"ok":false,"error":"{error}"}}"#));
    //          answer, given once                                    again        error
    let rows = [
        (text(200, "ok"), None, ""),
        (Reply::json(r#"{"ok":true,"ts":"1.2","channel":"C1"}"#), None, ""),
        (Reply::json(&long), None, ""),
        (refused("channel_not_found"), Some(false), "error response from Slack: channel_not_found"),
        (refused("ratelimited"), Some(true), "error response from Slack: ratelimited"),
        (refused("internal_error"), Some(true), "error response from Slack: internal_error"),
        (Reply::json("oops"), Some(true), "could not unmarshal JSON response \"oops\""),
        (text(200, "no_text"), Some(false), "received an error response from Slack: no_text"),
        (text(404, "no_service"), Some(false), "unexpected status code 404: no_service"),
        (text(400, "invalid_payload"), Some(false), "unexpected status code 400: invalid_payload"),
        (text(500, "rollup_error"), Some(true), "unexpected status code 500: rollup_error"),
        (limited(), Some(true), "unexpected status code 429"),
    ];
    for (reply, again, expected) in rows {
        let reply = parking_lot::Mutex::new(Some(reply));
        let slack = StandIn::start(move |_| reply.lock().take().unwrap()).await;
        let mut config = config(&slack.url("/"));
        config.texts.insert("channel", "#c".into());
        let result = Slack::new(&config).send(&row(), &context()).await;
        match (result, again) {
            (Ok(sent), None) => assert!(sent.data.is_empty(), "it is not to be changed"),
            (Err(error), Some(again)) => {
                assert_eq!(error.to_string(), format!("channel \"#c\": {expected}"));
                assert_eq!(matches!(error, SendError::Retry { .. }), again, "{expected}");
            }
            (result, _) => panic!("{expected}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn one_message_is_changed_and_posted_anew_when_it_is_gone() {
    let posts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&posts);
    let slack = StandIn::start(move |seen| {
        if seen.line.ends_with("/api/chat.update") {
            let gone = seen.body.contains(r#""ts":"0.2""#);
            return match gone {
                true => Reply::json(r#"{"ok":false,"error":"message_not_found"}"#),
                false => Reply::json(r#"{"ok":true,"ts":"0.1","channel":"C1"}"#),
            };
        }
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        Reply::json(&format!(r#"{{"ok":true,"ts":"0.{number}","channel":"C1"}}"#))
    })
    .await;
    let mut config = config(&slack.url("/api/chat.postMessage"));
    config.update_message = true;
    config.texts.insert("channel", "#c".into());
    let sender = Slack::new(&config);
    let kept =
        |ts: &str| -> ReceiverData { [("threadTs".into(), ts.into()), ("channelId".into(), "C1".into())].into() };
    let mut row = row();
    //          why               known       request             begins with                       kept
    let rows = [
        (Reason::First, None, "chat.postMessage", r##"{"channel":"#c","username""##, "0.1"),
        (Reason::NewAlerts, Some("0.1"), "chat.update", r#"{"channel":"C1","ts":"0.1","username""#, "0.1"),
        (Reason::First, Some("0.1"), "chat.postMessage", r##"{"channel":"#c","username""##, "0.2"),
        (Reason::Repeat, Some("0.2"), "chat.postMessage", r##"{"channel":"#c","username""##, "0.3"),
    ];
    for (reason, known, method, begins, ts) in rows {
        row.reason = reason;
        row.receiver_data = known.map(kept).unwrap_or_default();
        let sent = sender.send(&row, &context()).await.unwrap();
        let seen = slack.seen().pop().unwrap();
        assert!(seen.line.ends_with(method) && seen.body.starts_with(begins), "{} {}", seen.line, seen.body);
        assert_eq!(sent.data, kept(ts), "{reason}");
    }
}

#[tokio::test]
async fn later_notifications_reply_to_the_first_message_where_that_is_wanted() {
    let count = Arc::new(AtomicUsize::new(0));
    let slack = StandIn::start(move |seen| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        // As Slack does: a reply to what was deleted is refused.
        match seen.body.contains(r#""thread_ts":"0.9""#) {
            true => Reply::json(r#"{"ok":false,"error":"thread_not_found"}"#),
            false => Reply::json(&format!(r#"{{"ok":true,"ts":"1.{number}","channel":"C1"}}"#)),
        }
    })
    .await;
    let mut config = config(&slack.url("/api/chat.postMessage"));
    config.reply_in_thread = true;
    config.texts.insert("channel", "#c".into());
    let sender = Slack::new(&config);
    let kept =
        |ts: &str| -> ReceiverData { [("threadTs".into(), ts.into()), ("channelId".into(), "C1".into())].into() };
    let mut row = row();
    //          why                 known        begins with                                           to be kept
    let rows = [
        (Reason::First, None, r##"{"channel":"#c","username""##, kept("1.1")),
        (Reason::NewAlerts, Some("1.1"), r#"{"channel":"C1","thread_ts":"1.1","username""#, ReceiverData::new()),
        (Reason::AllResolved, Some("1.1"), r#"{"channel":"C1","thread_ts":"1.1","username""#, ReceiverData::new()),
        (Reason::First, Some("1.1"), r##"{"channel":"#c","username""##, kept("1.4")),
        (Reason::Repeat, Some("0.9"), r##"{"channel":"#c","username""##, kept("1.6")),
    ];
    for (reason, known, begins, data) in rows {
        row.reason = reason;
        row.receiver_data = known.map(kept).unwrap_or_default();
        let sent = sender.send(&row, &context()).await.unwrap();
        let seen = slack.seen().pop().unwrap();
        assert!(seen.line.ends_with("chat.postMessage") && seen.body.starts_with(begins), "{}", seen.body);
        assert_eq!(sent.data, data, "{reason}");
    }
}

#[tokio::test]
async fn without_its_url_it_waits() {
    let mut config = config("");
    config.api_url = crate::config::settings::SecretSource::Env("ANDON_TEST_UNSET".into());
    let error = Slack::new(&config).send(&row(), &context()).await.unwrap_err();
    assert_eq!(error.to_string(), "not configured: the environment variable ANDON_TEST_UNSET is not set");
}

#[test]
fn who_has_taken_the_group_on_is_shown_in_the_message_or_said_in_a_short_one() {
    let body = async |update: bool, known: bool, acknowledged: bool| {
        let slack = StandIn::start(|_| {
            let json = vec![("content-type", "application/json".into())];
            Reply::With(200, json, json!({"ok": true, "ts": "1.5", "channel": "C1"}).to_string())
        })
        .await;
        let mut config = config(&slack.url("/api/chat.postMessage"));
        config.update_message = update;
        let mut row = row();
        row.reason = Reason::Acknowledged;
        row.acknowledged = acknowledged.then(crate::receivers::test_support::ack);
        if known {
            row.receiver_data = [(TS.into(), "1.5".into()), (CHANNEL.into(), "C1".into())].into();
        }
        Slack::new(&config).send(&row, &context()).await.unwrap();
        let seen = slack.seen().pop().unwrap();
        (seen.line, serde_json::from_str::<Value>(&seen.body).unwrap())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sentence = "Acknowledged by ann until 2026-11-22 17:00 UTC: &lt;on&gt; my way";
        let (line, changed) = body(true, true, true).await;
        assert_eq!(line, "POST /api/chat.update");
        assert_eq!((&changed["ts"], &changed["attachments"][1]["text"]), (&json!("1.5"), &json!(sentence)));
        assert!(changed["attachments"][0]["title"].as_str().unwrap().contains("A1"), "{changed}");
        let (line, short) = body(false, false, true).await;
        assert_eq!(line, "POST /api/chat.postMessage");
        assert_eq!(short["attachments"].as_array().unwrap().len(), 1, "{short}");
        assert_eq!(short["attachments"][0]["text"], json!(sentence));
        let (_, ended) = body(true, true, false).await;
        assert_eq!(ended["attachments"][1]["text"], json!("The acknowledgement has ended."));
    });
}
