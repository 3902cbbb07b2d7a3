//! The same configuration and the same alerts for Andon and for a real Alertmanager: their mails must say the same, to
//! the mail server and to whoever reads them.
//!
//! `ANDON_PEER` is the path of an alertmanager. Not compared are what differs on purpose (`Message-Id`,
//! `Auto-Submitted`), the time, how a text is encoded, and the markup of the default page, which is our own.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::mail_sink::{MailSink, read};
use crate::support::process::{Andon, Place};
use crate::support::program;

const LIMIT: Duration = Duration::from_secs(30);

/// `PEER` is the mail server.
const CONFIG: &str = r#"
global: {smtp_smarthost: 'PEER', smtp_from: 'Andon <andon@plant.example>', smtp_require_tls: false, smtp_hello: plant.example}
route: {receiver: 'a.b+c', group_by: [alertname, zone], group_wait: 3s, group_interval: 1s, repeat_interval: 4h}
receivers:
- name: 'a.b+c'
  email_configs:
  - {to: c@plant.example, send_resolved: true}
  - to: 'a@plant.example, "Jo, early" <b@plant.example>'
    send_resolved: true
    threading: {enabled: true, thread_by_date: none}
    headers: {subject: '{{ .Status }} ☃ {{ .GroupLabels.zone }}', x-team: '{{ .Receiver }}', Reply-To: '{{ .CommonAnnotations.contact }}'}
    text: "{{ range .Alerts }}{{ .Labels.instance }}: {{ .Annotations.long }}\n.{{ .Labels.g }}\n{{ end }}"
    html: '<a href="{{ .ExternalURL }}" title="{{ .CommonLabels.g }}">{{ range .Alerts }}{{ .Labels.g }}=3D{{ end }}</a>'
  - {to: d@plant.example, text: only text, html: '', headers: {Subject: "  {{ .NotificationReason }}  "}}
"#;

/// How many mails there are after the alerts fired, and after they are over.
const MAILS: [usize; 2] = [3, 5];

fn alerts(start: jiff::Timestamp, over: bool) -> String {
    let ends = if over { json!((start + Duration::from_millis(500)).to_string()) } else { Value::Null };
    let alert = |instance: &str| {
        let mut alert = json!({
            "labels": {"alertname": "R1", "zone": "line 1", "instance": instance, "g": "é <b> & \"q\""},
            "annotations": {"long": "äx ".repeat(200), "contact": "Jo <jo@plant.example>"},
            "startsAt": start.to_string(),
        });
        if over {
            alert["endsAt"] = ends.clone();
        }
        alert
    };
    json!([alert("i2"), alert("i1")]).to_string()
}

/// Lets a service tell of two alerts that fire and then are over; the mails, by recipient.
fn play(service: &Andon, sink: &MailSink, start: jiff::Timestamp) -> Vec<(Vec<String>, String)> {
    for (over, count) in [false, true].into_iter().zip(MAILS) {
        let answer = service.request("POST", "/api/v2/alerts", &alerts(start, over));
        assert_eq!(answer.status(), 200, "{answer:?}");
        let deadline = Instant::now() + LIMIT;
        while sink.mails().len() < count {
            assert!(Instant::now() < deadline, "{:?}\n{}", sink.mails(), service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let mut mails: Vec<_> = sink.mails().into_iter().map(|mail| (mail.commands, mail.text)).collect();
    // Integrations are told at the same time; what one is told stays in order.
    mails.sort_by(|(left, _), (right, _)| left.cmp(right));
    mails
}

/// What is to be the same.
fn comparable(mut mail: Value) -> Value {
    if let Some(headers) = mail["headers"].as_object_mut() {
        for name in ["Message-Id", "Auto-Submitted", "Date", "Content-Type"] {
            headers.remove(name);
        }
    }
    let is_default = mail["headers"]["To"] == "c@plant.example";
    for part in mail["parts"].as_array_mut().into_iter().flatten() {
        if is_default {
            part[1] = Value::Null;
        }
    }
    mail
}

#[test]
fn mails_say_what_alertmanagers_say() {
    let Some(peer) = std::env::var_os("ANDON_PEER").filter(|path| !path.is_empty()) else {
        let skipped = "SKIPPED: no peer; set ANDON_PEER to the path of an alertmanager\n";
        // Past the capture of the test's output: a skip must be seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes());
        return;
    };
    let Some(python) = program("python3", "ANDON_PYTHON", "python3") else { return };
    let (ours, theirs) = (MailSink::start(), MailSink::start());
    let place = |sink: &MailSink| Place::with_config(&CONFIG.replace("PEER", &sink.address()));
    let (our_place, their_place) = (place(&ours), place(&theirs));
    let external_url = "--web.external-url=http://h.example:9093";
    let andon = our_place.start(&[external_url]);
    let mut command = Command::new(peer);
    command.current_dir(their_place.path()).args(["--config.file=routes.yaml", "--storage.path=data", external_url]);
    command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
    let alertmanager = Andon::start(command);

    let start = andon::time::Clock::System.now().to_jiff();
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| play(&alertmanager, &theirs, start));
        (play(&andon, &ours, start), theirs.join().expect("the other player ends"))
    });
    assert_eq!((ours.len(), theirs.len()), (MAILS[1], MAILS[1]));
    for ((our_commands, our), (their_commands, their)) in ours.iter().zip(&theirs) {
        assert_eq!(our_commands, their_commands);
        let (our, their) = (read(&python, our.as_bytes()), read(&python, their.as_bytes()));
        assert_eq!(comparable(our), comparable(their), "{our_commands:?}");
    }
}
