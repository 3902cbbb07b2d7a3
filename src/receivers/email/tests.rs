//! Conversations with a mail server that fails in every way at every step.

mod faults;
mod recipients;
mod size;

use std::time::Duration;

use super::stand_in::{Fault, MailServer, Offers};
use super::*;
use crate::config::settings::TlsConfig;
use crate::core::label::LabelSet;
use crate::receivers::test_support::{context, delivery, inline, labels, told};

/// Encrypts, and then lets log in.
const STARTTLS: Offers = Offers { clear: &["STARTTLS"], encrypted: &["8BITMIME", "AUTH PLAIN"], implicit_tls: false };
/// Has nothing to offer.
const BARE: Offers = Offers { clear: &[], encrypted: &[], implicit_tls: false };
/// Encrypts from the first byte.
const TLS: Offers = Offers { clear: &[], encrypted: &["AUTH PLAIN"], implicit_tls: true };

fn config(server: &MailServer) -> EmailConfig {
    let headers = [
        ("Subject", "{{ .Status }} {{ .GroupLabels.alertname }}"),
        ("To", "a@plant.example"),
        ("From", "andon@plant.example"),
    ];
    EmailConfig {
        to: "a@plant.example".into(),
        from: "andon@plant.example".into(),
        smarthost: ("127.0.0.1".into(), server.port.to_string()),
        hello: "localhost".into(),
        auth_username: "pat".into(),
        auth_password: Some(inline("sesame")),
        auth_secret: None,
        auth_identity: String::new(),
        headers: headers.map(|(name, template)| (name.to_owned(), template.to_owned())).into(),
        html: "<p>{{ .CommonLabels.alertname }}</p>".into(),
        text: String::new(),
        require_tls: false,
        tls: TlsConfig { ca: Some(inline(&server.ca)), ..TlsConfig::default() },
        force_implicit_tls: None,
        threading: None,
    }
}

fn row() -> Delivery {
    let mut row = delivery(vec![told(&[("alertname", "R<1>"), ("site", "Köln")], &[("summary", "1 > 0")], false)]);
    row.thread.kind = "email".into();
    row.group_labels = labels(&[("alertname", "R<1>")]);
    row
}

async fn send(config: &EmailConfig, limit: Duration) -> Result<Sent, SendError> {
    let email = Email { limit, ..Email::new(config) };
    tokio::time::timeout(limit + PATIENT, email.send(&row(), &context())).await.expect("the conversation ends")
}

const PATIENT: Duration = Duration::from_secs(30);

/// What an attempt came to.
#[derive(Debug, PartialEq)]
enum Verdict {
    Sent,
    Again(Option<u64>),
    Refused,
}

fn verdict(result: &Result<Sent, SendError>) -> Verdict {
    match result {
        Ok(_) => Verdict::Sent,
        Err(SendError::Retry { after, .. }) => Verdict::Again(after.map(|after| after.as_secs())),
        Err(SendError::PutOff { after, .. }) => Verdict::Again(Some(after.as_secs())),
        Err(SendError::Refused { .. }) => Verdict::Refused,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_conversation_is_what_the_book_says() {
    let server = MailServer::start(STARTTLS, |_| None).await;
    let mut config = EmailConfig {
        require_tls: true,
        to: "a@plant.example, b@plant.example, a@plant.example".into(),
        ..config(&server)
    };
    config.text = ".{{ .Status }}\nKöln {{ .CommonLabels.site }}".into();
    send(&config, PATIENT).await.unwrap();
    send(&config, PATIENT).await.unwrap();
    let seen = server.seen();
    let expected = [
        "greeting",
        "EHLO localhost",
        "STARTTLS",
        "EHLO localhost",
        "AUTH PLAIN AHBhdABzZXNhbWU=",
        "MAIL FROM:<andon@plant.example> BODY=8BITMIME",
        "RCPT TO:<a@plant.example>",
        "RCPT TO:<b@plant.example>",
        "DATA",
        ".",
        "QUIT",
    ];
    assert_eq!(seen[0].commands, expected);
    let mails = server.mails();
    let header = |mail: &str, name: &str| {
        mail.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(String::from))
    };
    // The same name at each attempt: that of the notification.
    let id = format!("<{}@plant.example>", row().notification_id());
    assert_eq!([0, 1].map(|i| header(&mails[i], "Message-Id")), [Some(id.clone()), Some(id)]);
    assert_eq!(header(&mails[0], "Subject").as_deref(), Some("firing R<1>"));
    assert_eq!(header(&mails[0], "Auto-Submitted").as_deref(), Some("auto-generated"));
    assert!(header(&mails[0], "Date").unwrap().ends_with("0000"), "{}", mails[0]);
    assert!(mails[0].contains("\r\n\r\n..firing\r\nK=C3=B6ln K=C3=B6ln\r\n"), "{}", mails[0]);
    assert!(mails[0].contains("<p>R&lt;1&gt;</p>"), "{}", mails[0]);
}

#[tokio::test]
async fn encryption_is_as_configured() {
    //  offers    require  implicit  server's name  Ok, or a piece of the error
    let rows: [(_, _, _, _, Result<bool, &str>); 9] = [
        (STARTTLS, true, None, "", Ok(true)),
        // Alertmanager's way: where it is no must, it is not used.
        (STARTTLS, false, None, "", Ok(false)),
        (BARE, false, None, "", Ok(false)),
        (
            BARE,
            true,
            None,
            "",
            Err("'require_tls' is true (default) but \"127.0.0.1:PORT\" does not advertise the STARTTLS extension"),
        ),
        (TLS, true, Some(true), "", Ok(true)),
        (TLS, false, Some(true), "localhost", Ok(true)),
        (TLS, true, Some(true), "mail.example", Err("establish TLS connection to server: invalid peer certificate")),
        (STARTTLS, true, None, "mail.example", Err("send STARTTLS command: invalid peer certificate")),
        (STARTTLS, true, Some(true), "", Err("establish TLS connection to server: ")),
    ];
    for (offers, require_tls, force_implicit_tls, server_name, expected) in rows {
        let server = MailServer::start(offers, |_| None).await;
        let mut config = EmailConfig { require_tls, force_implicit_tls, ..config(&server) };
        config.tls.server_name = server_name.into();
        let result = send(&config, PATIENT).await;
        match expected {
            Ok(encrypted) => {
                result.unwrap();
                let commands = &server.seen()[0].commands;
                let was = offers.implicit_tls || commands.iter().any(|command| command == "STARTTLS");
                assert_eq!(was, encrypted, "{commands:?}");
            }
            Err(says) => {
                let says = says.replace("PORT", &server.port.to_string());
                assert!(
                    matches!(&result, Err(SendError::Retry { error, .. }) if error.starts_with(&says)),
                    "{result:?} {says}"
                );
                assert!(server.mails().is_empty());
            }
        }
    }
    // Whoever trusts another authority does not trust this server.
    let (server, other) = (MailServer::start(STARTTLS, |_| None).await, MailServer::start(STARTTLS, |_| None).await);
    let result = send(&EmailConfig { require_tls: true, tls: config(&other).tls, ..config(&server) }, PATIENT).await;
    assert!(result.unwrap_err().to_string().contains("invalid peer certificate"));
    // What came in clear is never taken for encrypted.
    let server =
        MailServer::start(STARTTLS, |line| (line == "STARTTLS").then_some(Fault::Say("220 go\r\n250 ok"))).await;
    let result = send(&EmailConfig { require_tls: true, ..config(&server) }, PATIENT).await;
    assert!(matches!(verdict(&result), Verdict::Again(None)) && server.mails().is_empty(), "{result:?}");
}

#[tokio::test]
async fn logging_in_takes_what_the_server_offers() {
    const ALL: Offers = Offers { clear: &["AUTH LOGIN PLAIN CRAM-MD5"], encrypted: &[], implicit_tls: false };
    const CRAM: Offers = Offers { clear: &["auth CRAM-MD5 PLAIN"], encrypted: &[], implicit_tls: false };
    const OTHER: Offers = Offers { clear: &["AUTH XOAUTH2"], encrypted: &[], implicit_tls: false };
    let cram = "cGF0IGNkNTM0YWE4NjFiY2Y5ZTZhYTkxZWY3ZWM3NmNiZjk2";
    //  offers  password  secret   commands, or the error
    let rows: [(_, _, _, Result<&[&str], &str>); 6] = [
        (ALL, Some("sesame"), None, Ok(&["AUTH LOGIN", "cGF0", "c2VzYW1l"])),
        (ALL, None, Some("s"), Ok(&["AUTH CRAM-MD5", cram])),
        (CRAM, Some("sesame"), Some("s"), Ok(&["AUTH CRAM-MD5", cram])),
        (CRAM, Some("sesame"), None, Ok(&["AUTH PLAIN AHBhdABzZXNhbWU="])),
        (BARE, Some("sesame"), None, Ok(&[])),
        (
            OTHER,
            Some("sesame"),
            None,
            Err("find auth mechanism: unknown auth mechanism: XOAUTH2; Andon knows CRAM-MD5, PLAIN and LOGIN"),
        ),
    ];
    for (offers, password, secret, expected) in rows {
        let server = MailServer::start(offers, |_| None).await;
        let (auth_password, auth_secret) = (password.map(inline), secret.map(inline));
        let result = send(&EmailConfig { auth_password, auth_secret, ..config(&server) }, PATIENT).await;
        assert_eq!(result.as_ref().map(drop).map_err(ToString::to_string), expected.map(drop).map_err(String::from));
        let Ok(expected) = expected else { continue };
        let commands = server.seen()[0].commands.clone();
        let start = 2..commands.len() - 5;
        assert_eq!(commands[start], *expected, "{commands:?}");
    }
    // A server that repeats what it was sent does not make it public.
    let server = MailServer::start(CRAM, |line| {
        line.starts_with("AUTH").then_some(Fault::Say("535 AHBhdABzZXNhbWU= is sesame or c2VzYW1l"))
    })
    .await;
    let error = send(&config(&server), PATIENT).await.unwrap_err();
    assert_eq!(error.to_string(), "PLAIN auth: 535 <redacted> is <redacted> or <redacted>");
    assert_eq!(error.failure(), FailureReason::Auth);
}

#[tokio::test]
async fn a_template_that_fails_costs_its_own_text_alone() {
    let server = MailServer::start(BARE, |_| None).await;
    let mut config = EmailConfig { html: "{{ template \"nope\" . }}".into(), ..config(&server) };
    config.headers.insert("Subject".into(), "{{ .Nope.Nope }}".into());
    let sent = send(&config, PATIENT).await.unwrap();
    assert_eq!(sent.failed.len(), 2, "{:?}", sent.failed);
    let mail = server.mails().remove(0);
    for piece in [
        "Subject: =?utf-8?B?W0ZJUklORzoxXSBSPDE+IChLw7Zsbik=?=\r\n",
        "alertname: R&lt;1&gt;",
        "summary: 1 &gt; 0",
        "<p><small>Andon: a template failed",
    ] {
        assert!(mail.contains(piece), "{piece:?} in {mail}");
    }
}

#[test]
fn threads_hang_on_one_name() {
    let mut row = row();
    row.thread.group_key = r#"{}:{alertname="R1", cluster="c"}"#.into();
    let answers = |threading, row: &Delivery| {
        let tls = TlsConfig::default();
        let server = ("127.0.0.1".into(), "25".into());
        let config = EmailConfig { threading, smarthost: server, tls, ..empty_config() };
        Email::new(&config).frame(row, &context(), "id", "x.example").answers
    };
    assert_eq!(answers(None, &row), None);
    assert_eq!(answers(Some("none"), &row).as_deref(), Some("<alert-37346d72ce616117-@alertmanager>"));
    let daily = answers(Some("daily"), &row).unwrap();
    assert!(daily.starts_with("<alert-37346d72ce616117-2026-11-2") && daily.ends_with("@alertmanager>"), "{daily}");
    row.thread.group_key = "{}:{}".into();
    assert_ne!(answers(Some("none"), &row).as_deref(), Some("<alert-37346d72ce616117-@alertmanager>"));
}

fn empty_config() -> EmailConfig {
    EmailConfig {
        to: String::new(),
        from: String::new(),
        smarthost: Default::default(),
        hello: String::new(),
        auth_username: String::new(),
        auth_password: None,
        auth_secret: None,
        auth_identity: String::new(),
        headers: BTreeMap::new(),
        html: String::new(),
        text: String::new(),
        require_tls: true,
        tls: TlsConfig::default(),
        force_implicit_tls: None,
        threading: None,
    }
}

#[tokio::test]
async fn label_values_inject_nothing() {
    let server = MailServer::start(BARE, |_| None).await;
    let evil = "x\r\nBcc: spy@y.example\r\n\r\n.\r\nQUIT\r\n\u{0}\u{202e}<script>é";
    let mut config = EmailConfig { text: "{{ .CommonLabels.evil }}".into(), ..config(&server) };
    config.html = "<b>{{ .CommonLabels.evil }}</b>".into();
    for name in ["Subject", "To", "X-Evil"] {
        config.headers.insert(name.into(), "{{ .CommonLabels.evil }}".into());
    }
    let mut row = delivery(vec![told(&[("alertname", "A"), ("evil", evil)], &[], false)]);
    row.group_labels = LabelSet::empty();
    Email::new(&config).send(&row, &context()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].commands.len(), 7, "{:?}", seen[0].commands);
    let mail = &seen[0].mails[0];
    let (headers, body) = mail.split_once("\r\n\r\n").unwrap();
    assert!(!headers.to_lowercase().contains("\r\nbcc") && !headers.contains("QUIT"), "{headers}");
    assert!(!body.contains("<script>") || body.matches("<script>").count() == 1, "only in the plain text: {body}");
    assert!(body.contains("&lt;script&gt;") && mail.is_ascii(), "{body}");
}
