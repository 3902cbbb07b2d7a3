//! The supervisor's inbox: mails about a work order through a real Postfix, read by Python's `email`, looked at in
//! Chromium, and acted on by their buttons.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::browser::{Browser, Look};
use crate::support::mail_sink::{read, read_calendar};
use crate::support::postfix::Postfix;
use crate::support::process::{Andon, Place};
use crate::support::{program, python_with, until};

const LIMIT: Duration = Duration::from_secs(40);
const PASSWORD: &str = crate::support::postfix::PASSWORD;

/// What fires; its texts try to be headers, HTML and lines of a calendar.
const FIRING: &str = r#"[{"labels": {"alertname": "CriticalAssetOffline", "asset_code": "PUMP-001",
    "asset_name": "Kühlwasserpumpe <b>Süd</b>", "severity": "critical", "status": "failed"},
    "annotations": {"summary": "PUMP-001 steht\r\nBcc: spy@elsewhere.example", "action": "Look <script>alert(1)</script> at the breaker",
    "description": "Offline for 5 minutes\nEND:VCALENDAR"}}]"#;

fn config(server: &Postfix) -> String {
    let (port, ca) = (server.port, server.ca_file().display().to_string());
    format!(
        "global:\n  smtp_from: Andon <andon@plant.example>\n  smtp_smarthost: localhost:{port}\n  \
           smtp_auth_username: andon\n  smtp_auth_password: {PASSWORD}\n  smtp_tls_config: {{ca_file: '{ca}'}}\n\
         route: {{receiver: orders, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
         work_order_mails: {{receiver: supervisor}}\n\
         receivers:\n\
         - name: orders\n  webhook_configs: [{{url: 'http://127.0.0.1:9/'}}]\n  \
           work_order_configs: [{{priority: emergency}}]\n\
         - name: supervisor\n  email_configs: [{{to: 'Jo <supervisor@plant.example>, shift@plant.example'}}]\n"
    )
}

pub fn part<'a>(mail: &'a Value, kind: &str) -> &'a str {
    let parts = mail["parts"].as_array().into_iter().flatten();
    parts.filter(|part| part[0] == kind).find_map(|part| part[1].as_str()).unwrap_or_default()
}

pub fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_object().expect("a mail has headers");
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
}

/// The path of the button with this label.
fn button(mail: &Value, label: &str) -> String {
    let text = part(mail, "text/plain");
    let after = text.split_once(&format!("- {label}:\n  ")).unwrap_or_else(|| panic!("no {label} in {text}")).1;
    let url = after.lines().next().unwrap_or_default();
    url.strip_prefix("http://andon.plant.example").unwrap_or_else(|| panic!("{url}")).to_owned()
}

fn order(andon: &Andon) -> Value {
    let orders = andon.get("/api/andon/v1/work-orders").json();
    let orders = orders.as_array().or_else(|| orders["workOrders"].as_array()).cloned().unwrap_or_default();
    assert_eq!(orders.len(), 1, "{orders:?}");
    orders[0].clone()
}

#[test]
fn a_supervisor_works_from_the_inbox() {
    let Some(python) = program("python3", "ANDON_PYTHON", "python3") else { return };
    let Some(server) = Postfix::start() else { return };
    let place = Place::with_config(&config(&server));
    let andon = place.start(&["--web.external-url=http://andon.plant.example", "--web.route-prefix=/"]);
    let arrived = |user: &str, count: usize| {
        let mails = until(LIMIT, &format!("{count} mails for {user}: {}", andon.log()), || {
            let mails = server.mails(user);
            (mails.len() >= count).then_some(mails)
        });
        assert_eq!(mails.len(), count, "{}", andon.log());
        read(&python, &std::fs::read(&mails[count - 1]).expect("it can be read"))
    };
    assert_eq!(andon.request("POST", "/api/v2/alerts", FIRING).status(), 200);
    let opened = arrived("supervisor", 1);
    look("order", part(&opened, "text/html"));
    let shown = until(LIMIT, "the attempt is listed", || {
        let attempts = andon.get("/api/andon/v1/receivers/supervisor/attempts").json().to_string();
        attempts.contains("Start work").then_some(attempts)
    });
    let token = &button(&opened, "Start work")["/mail/".len()..];
    assert!(shown.contains("/mail/<secret>"), "{shown}");
    assert!(!shown.contains(&token[..40]), "nobody else may press the supervisor's buttons: {shown}");
    check_opened(&opened, order(&andon)["number"].as_str().expect("an order has a number"));
    assert_eq!(
        header(&arrived("shift", 1), "To"),
        "shift@plant.example",
        "each gets a mail, with buttons of their own"
    );

    // Programs that look for danger follow links.
    let start = button(&opened, "Start work");
    let before = order(&andon);
    let asked = andon.get(&start);
    assert!(asked.status() == 200 && asked.body.contains("<form method=\"post\">"), "{}", asked.body);
    assert_eq!(order(&andon), before, "a GET changes nothing");
    let last = start.chars().last().expect("a token is not empty");
    let forged = format!("{}{}", &start[..start.len() - 1], if last == 'A' { 'B' } else { 'A' });
    assert_eq!(andon.request("POST", &forged, "").status(), 403);
    assert_eq!(order(&andon), before);
    assert_eq!(andon.request("POST", &start, "").status(), 200);
    assert_eq!(order(&andon)["status"], "in_progress");

    let over = FIRING.replacen("\"annotations\"", "\"endsAt\": \"2026-01-01T00:00:00Z\", \"annotations\"", 1);
    let over = over.replacen("{\"labels\"", "{\"startsAt\": \"2025-12-31T00:00:00Z\", \"labels\"", 1);
    assert_eq!(andon.request("POST", "/api/v2/alerts", &over).status(), 200);
    let recovered = arrived("supervisor", 2);
    assert!(header(&recovered, "Subject").contains("recovered"), "{recovered}");
    assert!(part(&recovered, "text/plain").contains("Verify that the asset works"), "{recovered}");
    assert_eq!(andon.request("POST", &button(&recovered, "Complete"), "").status(), 200);
    let completed = arrived("supervisor", 3);
    for later in [&recovered, &completed] {
        assert_eq!(header(later, "In-Reply-To"), header(&opened, "Message-ID"));
        assert_eq!(header(later, "References"), header(&opened, "Message-ID"));
        assert_ne!(header(later, "Message-ID"), header(&opened, "Message-ID"));
    }
    check_calendars(&[&opened, &recovered, &completed]);
    assert!(!part(&completed, "text/plain").contains("/mail/"), "nothing is left to do");
    let late = andon.request("POST", &start, "");
    assert_eq!((late.status(), order(&andon)["status"].as_str()), (409, Some("completed")), "{}", late.body);
}

fn check_opened(mail: &Value, number: &str) {
    assert_eq!(mail["defects"], Value::Array(Vec::new()), "{mail}");
    assert_eq!(mail["type"], "multipart/mixed");
    let subject = header(mail, "Subject");
    assert!(
        subject.starts_with(&format!("{number} [EMERGENCY] opened: Kühlwasserpumpe <b>Süd</b> (PUMP-001)")),
        "{subject}"
    );
    assert_eq!(mail["headers"].get("Bcc"), None, "{mail}");
    assert_eq!(header(mail, "To"), "supervisor@plant.example");
    assert_eq!(header(mail, "Message-ID"), format!("<{number}@plant.example>"));
    assert_eq!(header(mail, "In-Reply-To"), "");
    assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
    assert_eq!(header(mail, "List-Id"), "Andon work orders <work-orders.andon.plant.example>");
    let (text, page) = (part(mail, "text/plain"), part(mail, "text/html"));
    for said in [number, "PUMP-001", "WHAT IS WRONG", "WHAT TO DO", "at the breaker", "orders (webhook)", "Acknowledge"]
    {
        assert!(text.contains(said), "no {said:?} in {text}");
        assert!(page.contains(said), "no {said:?} in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("<b>Süd") && page.contains("&lt;script&gt;"), "{page}");
}

/// One entry for the whole life, as Python's icalendar reads it: the same name, rising numbers, taken back at the end.
fn check_calendars(mails: &[&Value]) {
    let Some(python) = python_with("icalendar", "python3-icalendar") else { return };
    let entries: Vec<_> = mails.iter().map(|mail| read_calendar(&python, part(mail, "text/calendar"))).collect();
    let of_all = |name: &str| entries.iter().map(|entry| entry[name].clone()).collect::<Vec<_>>();
    let uids = of_all("uid");
    assert!(
        uids[0].as_str().is_some_and(|uid| uid.starts_with("WO-")) && uids.iter().all(|uid| *uid == uids[0]),
        "{uids:?}"
    );
    let sequences: Vec<u64> = of_all("sequence").iter().filter_map(Value::as_u64).collect();
    assert!(sequences.len() == mails.len() && sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    assert_eq!(of_all("method"), ["REQUEST", "REQUEST", "CANCEL"]);
    assert_eq!(of_all("status"), ["CONFIRMED", "CONFIRMED", "CANCELLED"]);
    let allowed = [
        "ATTENDEE",
        "DESCRIPTION",
        "DTEND",
        "DTSTAMP",
        "DTSTART",
        "LOCATION",
        "ORGANIZER",
        "SEQUENCE",
        "STATUS",
        "SUMMARY",
        "TRANSP",
        "UID",
    ];
    for entry in &entries {
        assert_eq!(entry["names"], json!(allowed), "no label wrote a line: {entry}");
        assert_eq!(entry["attendee"], "mailto:supervisor@plant.example");
        assert!(
            entry["location"].as_str().is_some_and(|place| place.contains("Kühlwasserpumpe <b>Süd</b>")),
            "{entry}"
        );
        let time = |name: &str| entry[name].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok()).expect("a time");
        assert_eq!(time("dtend").as_second() - time("dtstart").as_second(), 1800, "it ends when the work is due");
        assert!(time("dtend") > time("dtstamp"), "{entry}");
    }
}

/// Lets Chromium draw a mail as a phone and as a desk shows it: nothing is wider than the screen. `ANDON_MAIL_PICTURES`
/// names a folder that keeps the pictures.
pub fn look(name: &str, html: &str) {
    let Some(mut browser) = Browser::start("nowhere.invalid") else { return };
    let kept = std::env::var_os("ANDON_MAIL_PICTURES").map(std::path::PathBuf::from);
    for (screen, width) in [("phone", 400), ("desk", 1280)] {
        browser.look(Look { width, height: 900, scripts: false, dark: false });
        browser.show(html);
        let wide = browser.eval("document.documentElement.scrollWidth").as_u64();
        assert_eq!(wide, Some(u64::from(width)), "{name}: nobody has to scroll sideways on a {screen}");
        let picture = browser.picture(4000);
        let picture = base64::engine::general_purpose::STANDARD.decode(picture).expect("a picture is base64");
        assert!(picture.len() > 10_000, "{name} on a {screen}: {} bytes", picture.len());
        if let Some(folder) = &kept {
            std::fs::write(folder.join(format!("{name}-{screen}.png")), picture).expect("it is written");
        }
    }
    assert!(browser.wrong.is_empty(), "{:#?}", browser.wrong);
}
