//! The real Andon mails through a real Postfix; what arrives is read by Python's `email`.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::mail_sink::read;
use crate::support::postfix::{PASSWORD, Postfix};
use crate::support::process::Place;
use crate::support::{program, until};

const LIMIT: Duration = Duration::from_secs(40);

const ALERTS: &str = r#"[{"labels": {"alertname": "PumpHot", "site": "Köln <Süd>"},
    "annotations": {"summary": "95 °C\r\nBcc: spy@elsewhere.example"}, "generatorURL": "http://prometheus/graph"}]"#;

fn config(server: &Postfix) -> String {
    let (port, tls_port, ca) = (server.port, server.tls_port, server.ca_file().display().to_string());
    format!(
        "global:\n  smtp_from: Andon <andon@plant.example>\n  smtp_smarthost: localhost:{port}\n  \
           smtp_auth_username: andon\n  smtp_tls_config: {{ca_file: '{ca}'}}\n\
         route: {{receiver: maintenance, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
         receivers:\n- name: maintenance\n  email_configs:\n  \
           # STARTTLS and PLAIN; nobody is not known there.\n  \
           - to: 'nobody@plant.example, Jo <supervisor@plant.example>'\n    auth_password_file: password\n    \
             send_resolved: true\n    threading: {{enabled: true, thread_by_date: none}}\n    \
             headers: {{Subject: '{{{{ .CommonAnnotations.summary }}}} {{{{ .Status }}}}'}}\n    \
             text: '{{{{ range .Alerts }}}}{{{{ .Labels.site }}}}{{{{ end }}}}'\n  \
           # TLS from the first byte and CRAM-MD5, with the defaults.\n  \
           - to: shift@plant.example\n    smarthost: localhost:{tls_port}\n    force_implicit_tls: true\n    \
             auth_secret: {PASSWORD}\n"
    )
}

#[test]
fn mails_arrive_as_they_were_meant() {
    let Some(python) = program("python3", "ANDON_PYTHON", "python3") else { return };
    let Some(server) = Postfix::start() else { return };
    let place = Place::with_config(&config(&server));
    std::fs::write(place.path().join("password"), format!("{PASSWORD}\n")).expect("it is written");
    let andon = place.start(&["--web.external-url=http://andon.plant.example"]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", ALERTS).status(), 200);
    let arrived = |user: &str, count: usize| {
        let what = format!("{count} mails for {user}");
        until(LIMIT, &what, || {
            let mails = server.mails(user);
            if mails.len() < count && andon.log().contains("Notify attempt failed") {
                panic!("{}\n{}", andon.log(), server.log());
            }
            (mails.len() >= count).then_some(mails)
        })
    };

    let own = read_file(&python, &arrived("supervisor", 1)[0]);
    let header = |mail: &Value, name: &str| mail["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(own["defects"], Value::Array(Vec::new()), "{own}");
    assert_eq!(header(&own, "Subject"), "95 °C  Bcc: spy@elsewhere.example firing");
    assert_eq!(own["headers"].get("Bcc"), None);
    assert_eq!(header(&own, "From"), "Andon <andon@plant.example>");
    assert_eq!(header(&own, "To"), "nobody@plant.example, Jo <supervisor@plant.example>");
    assert_eq!(header(&own, "Auto-Submitted"), "auto-generated");
    assert!(header(&own, "Message-Id").ends_with("@plant.example>"), "{own}");
    assert_eq!(own["type"], "multipart/alternative");
    assert_eq!(own["parts"][0], serde_json::json!(["text/plain", "Köln <Süd>"]));
    assert_eq!(own["parts"][1][0], "text/html");
    let page = own["parts"][1][1].as_str().expect("a page is text");
    assert!(page.contains("Köln &lt;Süd&gt;") && !page.contains("<Süd>"), "{page}");

    let default = read_file(&python, &arrived("shift", 1)[0]);
    assert_eq!(header(&default, "Subject"), "[FIRING:1] PumpHot (Köln <Süd>)");
    assert_eq!(default["parts"].as_array().map(Vec::len), Some(1), "Alertmanager's default is a page alone");

    let resolved = ALERTS.replacen("\"generatorURL\"", "\"endsAt\": \"2026-01-01T00:00:00Z\", \"generatorURL\"", 1);
    let resolved = resolved.replacen("{\"labels\"", "{\"startsAt\": \"2025-12-31T00:00:00Z\", \"labels\"", 1);
    assert_eq!(andon.request("POST", "/api/v2/alerts", &resolved).status(), 200);
    let second = read_file(&python, &arrived("supervisor", 2)[1]);
    assert_eq!(header(&second, "Subject"), "95 °C  Bcc: spy@elsewhere.example resolved");
    assert_eq!(header(&second, "References"), header(&own, "References"));
    assert_eq!(header(&second, "References"), header(&second, "In-Reply-To"));
    assert_ne!(header(&second, "Message-Id"), header(&own, "Message-Id"));
    assert_eq!(server.mails("shift").len(), 1, "mail is not sent when all is over, unless asked for");
    let log = server.log();
    assert!(log.contains("sasl_method=PLAIN") && log.contains("sasl_method=CRAM-MD5"), "{log}");
}

fn read_file(python: &Path, mail: &Path) -> Value {
    read(python, &std::fs::read(mail).expect("it can be read"))
}
