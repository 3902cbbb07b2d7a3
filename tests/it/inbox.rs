//! What reaches the supervisor's inbox from the plant's database: the parts that a repair takes, and when the missing ones
//! would come; and what is not urgent, as one mail at a time of day somewhere.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::order_mail::{header, look, part};
use crate::support::mail_sink::{MailSink, read};
use crate::support::postgres::Postgres;
use crate::support::process::{Andon, Place};
use crate::support::{program, until};

const LIMIT: Duration = Duration::from_secs(40);

fn config(sink: &MailSink, more: &str) -> String {
    format!(
        "global: {{smtp_from: andon@plant.example, smtp_smarthost: '{}', smtp_require_tls: false}}
route: {{receiver: orders, group_by: [alertname, asset_code], group_wait: 0s, group_interval: 1s}}
receivers:
- name: orders
  work_order_configs: [{{priority_from: [priority], priority: emergency}}]
- name: supervisor
  email_configs: [{{to: supervisor@plant.example}}]
{more}",
        sink.address()
    )
}

fn fire(andon: &Andon, asset: &str, priority: &str) {
    let labels =
        json!({"alertname": "CriticalAssetOffline", "severity": "critical", "asset_code": asset, "priority": priority});
    let annotations = json!({"summary": format!("{asset} stands still"), "action": "Go there"});
    let body = json!([{"labels": labels, "annotations": annotations}]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", &body.to_string()).status(), 200);
}

fn now() -> jiff::Timestamp {
    andon::time::Clock::System.now().to_jiff()
}

fn mails(sink: &MailSink, python: &std::path::Path, andon: &Andon, count: usize, limit: Duration) -> Vec<Value> {
    let mails = until(limit, &format!("{count} mails\n{}", andon.log()), || {
        let mails = sink.mails();
        (mails.len() >= count).then_some(mails)
    });
    assert_eq!(mails.len(), count, "{mails:#?}");
    mails.iter().map(|mail| read(python, mail.text.as_bytes())).collect()
}

#[test]
fn parts_go_from_the_database_to_the_mail_with_the_lead_time_of_what_is_missing() {
    let Some(python) = program("python3", "ANDON_PYTHON", "python3") else { return };
    let Some(postgres) = Postgres::start() else { return };
    postgres.sql(
        "INSERT INTO spare_parts (part_number, name, stock_quantity, stock_location, lead_time_days)
         VALUES ('SP-7', 'Wälzlager <6204>', 0, 'A3', 14), ('SP-8', 'Shaft seal', 4, 'shelf B/2', 3), ('SP-9', 'Belt', 0, NULL, 90);
         INSERT INTO asset_spare_parts (asset_id, spare_part_id, quantity_per_maintenance)
         SELECT a.id, p.id, n FROM (VALUES ('PUMP-001', 'SP-7', 2), ('PUMP-001', 'SP-8', 1), ('CONV-001', 'SP-9', 1)) AS o (code, part, n)
           JOIN assets a ON a.asset_code = code JOIN spare_parts p ON p.part_number = part",
    );
    let sink = MailSink::start();
    let place = Place::with_config(&config(
        &sink,
        "work_order_mails: {receiver: supervisor}
plant_database: {url_file: url, refresh_interval: 1s}
time_zone: Asia/Kolkata
",
    ));
    std::fs::write(place.path().join("url"), postgres.url()).expect("it is written");
    let andon = place.start(&[]);
    until(LIMIT, "Andon has read the tables", || {
        andon.get("/metrics").body.contains("asset_status{asset_code=\"PUMP-001\"").then_some(())
    });
    fire(&andon, "PUMP-001", "");
    let mail = mails(&sink, &python, &andon, 1, LIMIT).remove(0);
    let (text, html) = (part(&mail, "text/plain"), part(&mail, "text/html"));
    for line in [
        "- Wälzlager <6204> (SP-7): 2 needed, 0 in stock - NOT ENOUGH, 14 days to get",
        "- Shaft seal (SP-8): 1 needed, 4 in stock, at shelf B/2",
        "out of stock: Wälzlager <6204> (SP-7), 0 of 2, lead time 14 days",
        "Where:      line-2/station-1",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert!(!text.contains("Belt") && !html.contains("Belt"), "another asset's: {text}");
    for piece in
        ["Wälzlager &lt;6204&gt; (SP-7)", "0 in stock</strong>, 14 days to get", "4 in stock</span>, at shelf B/2"]
    {
        assert!(html.contains(piece), "no {piece:?} in {html}");
    }
    // The time of the place is said, with its name.
    let due = text.lines().find(|line| line.starts_with("Due:")).unwrap_or_default();
    assert!(due.ends_with(" IST"), "{due}");
    look("parts", html);

    let number = header(&mail, "Subject").split(' ').next().unwrap_or_default().to_owned();
    let shown = andon.get(&format!("/api/andon/v1/work-orders/{number}")).json();
    let part = shown["parts"].as_array().and_then(|parts| parts.iter().find(|part| part["number"] == "SP-7"));
    assert_eq!(part.map(|part| &part["leadTimeDays"]), Some(&json!(14)), "{shown}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
    command.args(["work-order", "show", &number, "--url", &format!("http://{}", andon.address())]);
    let printed = String::from_utf8_lossy(&command.output().expect("andon runs").stdout).into_owned();
    assert!(printed.contains("part SP-7 Wälzlager <6204>: needs 2, 0 in stock, 14 days to get"), "{printed}");
    let row = "SELECT notes LIKE '%lead time 14 days%', metadata -> 'andon' -> 'parts' @> '[{\"part_number\": \"SP-7\", \"lead_time_days\": 14}]' FROM work_orders";
    until(LIMIT, &format!("the row says so: {}", postgres.sql(row)), || (postgres.sql(row) == "t|t").then_some(()));
}

#[test]
fn what_is_not_urgent_is_one_mail_at_its_time_of_day() {
    let Some(python) = program("python3", "ANDON_PYTHON", "python3") else { return };
    let sink = MailSink::start();
    // The next minute that is not about to begin, as a clock in India shows it: half an hour off the others.
    let soon = now() + jiff::SignedDuration::from_secs(75);
    let there = soon.in_tz("Asia/Kolkata").expect("the zone is known");
    let digest = format!(
        "work_order_mails: {{receiver: supervisor, digest: {{at: '{}', time_zone: Asia/Kolkata}}}}\nassets: assets.yaml\n",
        there.strftime("%H:%M")
    );
    let place = Place::with_config(&config(&sink, &digest));
    let assets = "[{asset_code: CONV-001, name: Förderband, location_line: line-2}, {asset_code: CNC-001, location_line: line-3}]";
    std::fs::write(place.path().join("assets.yaml"), assets).expect("it is written");
    let andon = place.start(&[]);
    fire(&andon, "CONV-001", "medium");
    fire(&andon, "CNC-001", "low");
    fire(&andon, "PUMP-001", "emergency");
    let urgent = mails(&sink, &python, &andon, 1, LIMIT).remove(0);
    assert!(header(&urgent, "Subject").contains("[EMERGENCY] opened"), "only what is urgent is told at once");
    let mail = mails(&sink, &python, &andon, 2, Duration::from_secs(120)).remove(1);
    assert!(now().as_second() >= soon.as_second() / 60 * 60, "not before its time");
    let (text, html) = (part(&mail, "text/plain"), part(&mail, "text/html"));
    assert_eq!(header(&mail, "Subject"), format!("Work orders {}: 3 open", there.strftime("%Y-%m-%d")));
    assert!(text.starts_with(&format!("WORK ORDERS, {}", there.strftime("%d %b %Y %H:%M IST"))), "{text}");
    assert_eq!((header(&mail, "Auto-Submitted"), header(&mail, "To")), ("auto-generated", "supervisor@plant.example"));
    assert_eq!(mail["defects"], json!([]), "{mail}");
    let places =
        ["\nNO LINE\n", "PUMP-001", "\nLINE-2\n", "Förderband", "\nLINE-3\n", "CNC-001"].map(|said| text.find(said));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "line by line: {places:?} in {text}");
    assert!(html.contains("Förderband") && html.matches(" IST").count() == 3, "{html}");
    look("digest", html);
}
