//! Work orders in the plant's own table, in a real PostgreSQL: they land there, what people change there holds, and
//! nothing is lost or doubled while the database is away, while people are at the same row, or while Andon is killed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::postgres::Postgres;
use crate::support::process::{Andon, Place};
use crate::support::prometheus::Prometheus;
use crate::support::{program, until};

const LIMIT: Duration = Duration::from_secs(60);

const CONFIG: &str = "
route: {receiver: maintenance, group_by: [alertname, asset_code], group_wait: 0s, group_interval: 1s}
receivers:
- name: maintenance
  work_order_configs: [{type: corrective, priority: emergency}]
plant_database: {url_file: url, refresh_interval: 1s}
";

struct Plant {
    postgres: Postgres,
    place: Place,
}

impl Plant {
    fn new() -> Option<Self> {
        let postgres = Postgres::start()?;
        let place = Place::with_config(CONFIG);
        std::fs::write(place.path().join("url"), postgres.url()).expect("it is written");
        Some(Self { postgres, place })
    }

    fn until_row(&self, andon: &Andon, what: &str, select: &str, expected: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let found = self.postgres.sql(select);
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "not {what}: {found}, expected {expected}\n{}", andon.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn fire(andon: &Andon, asset: &str) {
    let labels = json!({"alertname": "CriticalAssetOffline", "severity": "critical", "asset_code": asset});
    let body = json!([{"labels": labels, "annotations": {"summary": "It's \"off\"; DROP TABLE\u{0}"}}]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", &body.to_string()).status(), 200);
}

fn recover(andon: &Andon, asset: &str) {
    let labels = json!({"alertname": "CriticalAssetOffline", "severity": "critical", "asset_code": asset});
    let body = json!([{"labels": labels, "endsAt": "2026-01-01T00:00:00Z", "startsAt": "2025-01-01T00:00:00Z"}]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", &body.to_string()).status(), 200);
}

fn orders(andon: &Andon) -> Vec<Value> {
    let list = andon.get("/api/andon/v1/work-orders").json();
    list.as_array().or_else(|| list["workOrders"].as_array()).cloned().unwrap_or_else(|| panic!("{list}"))
}

fn until_order(andon: &Andon, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    until(LIMIT, &format!("{what}\n{}", andon.log()), || orders(andon).into_iter().find(|order| holds(order)))
}

#[test]
fn an_order_lands_in_the_table_and_what_people_change_there_holds() {
    let Some(plant) = Plant::new() else { return };
    let andon = plant.place.start(&[]);
    fire(&andon, "PUMP-001");
    let order = until_order(&andon, "it opens", |order| order["asset"]["code"] == "PUMP-001");
    let number = order["number"].as_str().expect("it has a number");
    plant.until_row(
        &andon,
        "it lands",
        "SELECT work_order_number, asset_code, w.type, priority, w.status, created_by, assigned_to IS NULL,
            w.metadata -> 'andon' ->> 'condition', scheduled_start > now() AT TIME ZONE 'UTC' + interval '3 hours'
           FROM work_orders w JOIN assets a ON a.id = w.asset_id",
        &format!("{number}|PUMP-001|corrective|emergency|open|andon|t|active|t"),
    );

    // People take it, plan it, and write something down.
    plant.postgres.sql(
        "UPDATE work_orders SET status = 'in_progress', assigned_to = 'Jo Müller', scheduled_end = '2030-01-02 03:04:05',
            notes = concat_ws(E'\\n', notes, 'The seal leaks.', 'It''s the 40 mm one.')",
    );
    let order = until_order(&andon, "Andon knows", |order| {
        order["status"] == "in_progress" && order["assignee"] == "Jo Müller"
    });
    let text = order.to_string();
    assert!(text.contains("2030-01-02T03:04:05"), "{text}");
    let shown = andon.get(&format!("/api/andon/v1/work-orders/{number}")).body;
    let shown = if shown.contains("seal") { shown } else { text };
    assert_eq!(shown.matches("The seal leaks.").count(), 1, "{shown}");
    plant.until_row(&andon, "the start is filled in", "SELECT actual_start IS NOT NULL FROM work_orders", "t");

    // What Andon knows goes there, and what people wrote stays.
    recover(&andon, "PUMP-001");
    plant.until_row(
        &andon,
        "the recovery is told",
        "SELECT status, assigned_to, w.metadata -> 'andon' ->> 'condition', notes LIKE '%The seal leaks.%',
            notes LIKE '%[Andon %verify and close%', downtime_hours IS NOT NULL FROM work_orders w",
        "in_progress|Jo Müller|cleared|t|t|t",
    );

    // Done: the history of the asset says so, once.
    plant.postgres.sql("UPDATE work_orders SET status = 'completed', actual_hours = 1.5");
    until_order(&andon, "Andon knows that it is done", |order| order["status"] == "completed");
    let history = "SELECT asset_code, h.type, performed_by, duration_hours FROM maintenance_history h
                     JOIN assets a ON a.id = h.asset_id JOIN work_orders w ON w.id = h.work_order_id";
    plant.until_row(&andon, "it is history", history, "PUMP-001|corrective|Jo Müller|1.5");
    assert_eq!(plant.postgres.sql("SELECT count(*) FROM work_orders"), "1");
}

#[test]
fn an_asset_that_the_table_does_not_have_is_said_clearly() {
    let Some(plant) = Plant::new() else { return };
    let andon = plant.place.start(&[]);
    fire(&andon, "PUMP-999");
    plant.until_row(
        &andon,
        "it lands all the same",
        "SELECT asset_id IS NULL, notes LIKE '%The asset PUMP-999 is not in the table assets%' FROM work_orders",
        "t|t",
    );
    let said = "The asset PUMP-999 is not in the table assets";
    let number = until_order(&andon, "it is there", |_| true)["number"].as_str().expect("a number").to_owned();
    until(LIMIT, "the order says so", || {
        andon.get(&format!("/api/andon/v1/work-orders/{number}")).body.contains(said).then_some(())
    });
}

/// The other way, and with the interval that holds where nobody says another: well within a minute.
#[test]
fn what_is_done_in_andon_stands_in_the_table_soon() {
    let Some(plant) = Plant::new() else { return };
    plant.place.write_config(&CONFIG.replace(", refresh_interval: 1s", ""));
    let andon = plant.place.start(&[]);
    fire(&andon, "PUMP-001");
    let order = until_order(&andon, "it opens", |_| true);
    let path = format!("/api/andon/v1/work-orders/{}", order["number"].as_str().expect("a number"));
    let row = |select: &str| format!("SELECT {select} FROM work_orders");
    #[rustfmt::skip]
    let rows = [
        ("assign", r#"{"assignee": "Bo"}"#, row("status, assigned_to, actual_start"), "assigned|Bo|"),
        ("start", "", row("status, actual_start IS NOT NULL"), "in_progress|t"),
        ("hold", "", row("status"), "on_hold"),
        ("note", r#"{"text": "waits for a seal"}"#, row("notes LIKE '%waits for a seal%'"), "t"),
        ("start", "", row("status"), "in_progress"),
        ("complete", r#"{"actualHours": 2}"#, row("status, actual_hours, actual_end IS NOT NULL"), "completed|2|t"),
    ];
    for (action, body, select, expected) in rows {
        let asked = Instant::now();
        assert_eq!(andon.request("POST", &format!("{path}/{action}"), body).status(), 200, "{action}");
        plant.until_row(&andon, action, &select, expected);
        assert!(asked.elapsed() < Duration::from_secs(30), "{action}: {:?}", asked.elapsed());
    }
    plant.postgres.sql("UPDATE work_orders SET status = 'open', assigned_to = 'Cy'");
    let asked = Instant::now();
    until_order(&andon, "people open it again", |order| order["status"] == "open" && order["assignee"] == "Cy");
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
}

#[test]
fn nothing_waits_for_a_database_that_is_away_and_nothing_is_lost() {
    let Some(mut plant) = Plant::new() else { return };
    plant.postgres.stop();
    let andon = plant.place.start(&[]);
    fire(&andon, "PUMP-001");
    let order = until_order(&andon, "it opens while the database is away", |_| true);
    let number = order["number"].as_str().expect("a number").to_owned();
    let behind = || andon.get("/metrics").body.contains("andon_mirror_orders_behind{system=\"database\"} 1");
    until(LIMIT, "the lag is shown", || behind().then_some(()));
    let lag = || {
        let metrics = andon.get("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix("andon_mirror_lag_seconds{system=\"database\"} "));
        line.and_then(|seconds| seconds.parse::<f64>().ok())
    };
    until(LIMIT, "and grows", || lag().filter(|seconds| *seconds >= 1.0));
    assert_eq!(andon.get("/-/ready").status(), 200);
    plant.postgres.run();
    let select = "SELECT string_agg(work_order_number, ',') FROM work_orders";
    plant.until_row(&andon, "it lands when the database is back", select, &number);

    // Slow: somebody holds the whole table for a while. Alerts are answered meanwhile, and another order opens.
    let mut lock = plant.postgres.psql("mantis");
    lock.args(["-c", "BEGIN; LOCK TABLE work_orders; SELECT pg_sleep(4); COMMIT"]);
    let mut holder = lock.stdout(std::process::Stdio::null()).spawn().expect("psql starts");
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'work_orders'::regclass";
    until(LIMIT, "the table is held", || (plant.postgres.sql(held) == "1").then_some(()));
    let asked = Instant::now();
    fire(&andon, "CNC-001");
    until_order(&andon, "it opens while the table is held", |order| order["asset"]["code"] == "CNC-001");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(holder.wait().expect("it ends").success());
    plant.until_row(&andon, "it lands afterwards", "SELECT count(*) FROM work_orders", "2");

    // Restarted in between, and what people did meanwhile is found.
    plant.postgres.stop();
    recover(&andon, "PUMP-001");
    plant.postgres.run();
    plant.postgres.sql(&format!(
        "UPDATE work_orders SET status = 'on_hold', assigned_to = 'Jo' WHERE work_order_number = '{number}'"
    ));
    until_order(&andon, "Andon knows", |order| {
        order["number"] == *number && order["status"] == "on_hold" && order["assignee"] == "Jo"
    });
    let select = format!(
        "SELECT status, metadata -> 'andon' ->> 'condition' FROM work_orders WHERE work_order_number = '{number}'"
    );
    plant.until_row(&andon, "and both agree", &select, "on_hold|cleared");
    until(LIMIT, "nothing is behind", || {
        andon.get("/metrics").body.contains("andon_mirror_lag_seconds{system=\"database\"} 0\n").then_some(())
    });
}

#[test]
fn people_and_andon_at_the_same_row_at_once() {
    let Some(plant) = Plant::new() else { return };
    let andon = plant.place.start(&[]);
    fire(&andon, "PUMP-001");
    plant.until_row(&andon, "it lands", "SELECT count(*) FROM work_orders", "1");
    // Somebody holds the row in a transaction of their own while Andon has news, and then commits.
    let mut person = plant.postgres.psql("mantis");
    person.args(["-c", "BEGIN; UPDATE work_orders SET status = 'assigned', assigned_to = 'Ann', notes = concat_ws(E'\\n', notes, 'Ann is on her way.'); SELECT pg_sleep(3); COMMIT"]);
    let mut person = person.stdout(std::process::Stdio::null()).spawn().expect("psql starts");
    // Meanwhile it recovers and recurs, again and again, and others edit as well.
    for round in 0..6 {
        recover(&andon, "PUMP-001");
        until_order(&andon, "it is over", |order| order["condition"] == "cleared");
        if round > 2 {
            plant.postgres.sql(&format!(
                "UPDATE work_orders SET notes = concat_ws(E'\\n', notes, 'Round {round}'), estimated_hours = {round}"
            ));
        }
        fire(&andon, "PUMP-001");
        until_order(&andon, "it is back", |order| order["condition"] == "recurred");
    }
    assert!(person.wait().expect("it ends").success());
    plant.until_row(
        &andon,
        "both agree in the end",
        "SELECT status, assigned_to, estimated_hours, metadata -> 'andon' ->> 'condition',
            array_length(string_to_array(notes, 'Ann is on her way.'), 1),
            (SELECT string_agg(array_length(string_to_array(notes, 'Round ' || n), 1)::text, '') FROM generate_series(3, 5) n)
           FROM work_orders",
        "assigned|Ann|5|recurred|2|222",
    );
    let order = until_order(&andon, "Andon knows", |order| order["status"] == "assigned" && order["assignee"] == "Ann");
    let shown = andon.get(&format!("/api/andon/v1/work-orders/{}", order["number"].as_str().expect("a number"))).body;
    for said in ["Ann is on her way.", "Round 3", "Round 4", "Round 5"] {
        assert_eq!(shown.matches(said).count(), 1, "{said}: {shown}");
    }
}

/// Killed again and again while orders open and are taken over: in the end each failure has one order and one row.
#[test]
fn killed_between_any_two_steps() {
    const ASSETS: [&str; 4] = ["MOTOR-001", "PUMP-001", "CNC-001", "COMP-001"];
    let Some(plant) = Plant::new() else { return };
    for round in 0..12_u64 {
        let andon = plant.place.start(&[]);
        let asset = ASSETS[usize::try_from(round).expect("it is small") % ASSETS.len()];
        fire(&andon, asset);
        if round % 3 == 2 {
            plant.postgres.sql(&format!("UPDATE work_orders SET assigned_to = 'Jo {round}', status = 'assigned', notes = concat_ws(E'\\n', notes, 'Seen {round}') WHERE status IN ('open', 'assigned')"));
        }
        // From before the order is committed to long after its row is.
        std::thread::sleep(Duration::from_millis(round * 17 % 120));
        andon.kill();
    }
    let andon = plant.place.start(&[]);
    for asset in ASSETS {
        fire(&andon, asset);
    }
    plant.until_row(
        &andon,
        "each has one row",
        "SELECT string_agg(asset_code, ',' ORDER BY asset_code) FROM work_orders JOIN assets a ON a.id = asset_id",
        "CNC-001,COMP-001,MOTOR-001,PUMP-001",
    );
    let in_table = plant.postgres.sql("SELECT string_agg(work_order_number || coalesce(assigned_to, ''), ',' ORDER BY work_order_number) FROM work_orders");
    until(LIMIT, &format!("Andon has the same as the table: {in_table}\n{}", andon.log()), || {
        let mut here: Vec<_> = orders(&andon)
            .iter()
            .map(|order| {
                format!(
                    "{}{}",
                    order["number"].as_str().unwrap_or_default(),
                    order["assignee"].as_str().unwrap_or_default()
                )
            })
            .collect();
        here.sort();
        (here.join(",") == in_table).then_some(())
    });
    for line in plant.postgres.sql("SELECT notes FROM work_orders").lines().filter(|line| line.starts_with("Seen")) {
        let orders = andon.get("/api/andon/v1/work-orders").body;
        assert!(!orders.contains(&format!("{line}\\n{line}")), "{orders}");
    }
}

/// Enumerations and times with a zone, no further tables, and no more rights than are asked for; and a rule of the plant's
/// own that refuses one order.
#[test]
fn tables_that_are_a_little_different_and_a_row_that_is_refused() {
    let Some(plant) = Plant::new() else { return };
    plant.postgres.sql(
        "DROP TABLE maintenance_history, asset_spare_parts, spare_parts;
         CREATE TYPE order_status AS ENUM ('open', 'assigned', 'in_progress', 'on_hold', 'completed', 'cancelled');
         ALTER TABLE work_orders DROP CONSTRAINT work_orders_status_check, ALTER status DROP DEFAULT,
             ALTER status TYPE order_status USING status::order_status, ALTER scheduled_start TYPE timestamptz,
             ALTER actual_hours TYPE numeric(6, 2), ADD CHECK (title NOT LIKE '%CNC%'), ADD CHECK (length(title) < 200);
         CREATE ROLE andon LOGIN;
         GRANT SELECT ON assets TO andon;
         GRANT SELECT, INSERT, UPDATE ON work_orders TO andon",
    );
    let url = plant.postgres.url().replace("postgres:sesame@", "andon@");
    std::fs::write(plant.place.path().join("url"), url).expect("it is written");
    let andon = plant.place.start(&[]);
    fire(&andon, "CNC-001");
    fire(&andon, "PUMP-001");
    plant.until_row(
        &andon,
        "one is refused, the other lands",
        "SELECT string_agg(status::text, ',') FROM work_orders",
        "open",
    );
    let mirrors = until(LIMIT, "the refusal is shown", || {
        let mirrors = andon.get("/api/andon/v1/mirrors").json();
        (mirrors[0]["refused"].as_array().is_some_and(|refused| refused.len() == 1) && mirrors[0]["ordersBehind"] == 1)
            .then_some(mirrors)
    });
    assert_eq!((&mirrors[0]["system"], &mirrors[0]["up"]), (&json!("database"), &json!(true)), "{mirrors}");
    let error = mirrors[0]["refused"][0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("violates check constraint") && error.contains("23514"), "{error}");

    plant.postgres.sql(
        "UPDATE work_orders SET status = 'completed', actual_hours = 1.25, scheduled_start = '2030-01-02 03:04:05+01'",
    );
    let order = until_order(&andon, "what people did is taken over", |order| order["status"] == "completed");
    assert_eq!((&order["actualHours"], &order["assetCode"]), (&json!(1.25), &json!("PUMP-001")));
    assert!(order["scheduledStart"].as_str().is_some_and(|at| at.starts_with("2030-01-02T02:04:05")), "{order}");
    plant.postgres.sql("ALTER TABLE work_orders DROP CONSTRAINT work_orders_title_check");
    plant.until_row(
        &andon,
        "what was refused lands when it may",
        "SELECT count(*) FROM work_orders WHERE asset_id IS NOT NULL",
        "2",
    );
    until(LIMIT, "nothing is refused any more", || {
        let mirrors = andon.get("/api/andon/v1/mirrors").json();
        (mirrors[0]["refused"] == json!([]) && mirrors[0]["ordersBehind"] == 0).then_some(())
    });
}

/// The closed circle: a row changes, Prometheus fires by the shipped rules, Andon opens the order in the same database,
/// the row recovers, and the order asks for verification. An overdue order of the plant's own opens no other.
#[test]
fn from_a_row_by_prometheus_to_an_order_in_the_same_database() {
    let Some(program) = program("prometheus", "ANDON_PROMETHEUS", "prometheus") else { return };
    let Some(plant) = Plant::new() else { return };
    let andon = plant.place.start(&[]);
    let rules = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring/rules/alerts.yml"));
    let rules = rules.expect("the rules are there").replace("for: 5m", "for: 1s").replace("for: 1h", "for: 1s");
    let rules = rules.replace("interval: 30s", "interval: 1s").replace("interval: 15s", "interval: 1s");
    std::fs::write(plant.place.path().join("alerts.yml"), rules).expect("it is written");
    let settings = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [alerts.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{0}']}}]}}]}}
scrape_configs: [{{job_name: andon, static_configs: [{{targets: ['{0}']}}]}}]
",
        andon.address()
    );
    std::fs::write(plant.place.path().join("prometheus.yml"), settings).expect("it is written");
    let _prometheus = Prometheus::start(&program, plant.place.path());

    plant.postgres.sql("UPDATE assets SET status = 'failed' WHERE asset_code = 'CNC-001'");
    let select = "SELECT asset_code, w.status, w.metadata -> 'andon' ->> 'condition', created_by
                    FROM work_orders w JOIN assets a ON a.id = w.asset_id WHERE created_by = 'andon'";
    plant.until_row(&andon, "the order is in the table", select, "CNC-001|open|active|andon");
    plant.postgres.sql("UPDATE assets SET status = 'operational' WHERE asset_code = 'CNC-001'");
    let verify =
        "SELECT w.metadata -> 'andon' ->> 'condition', notes LIKE '%verify and close%', status FROM work_orders w";
    plant.until_row(&andon, "it asks for verification", verify, "cleared|t|open");

    // The plant's own order is overdue: it is taken over, and an alert about it finds it.
    plant.postgres.sql(
        "INSERT INTO work_orders (work_order_number, asset_id, type, priority, title, scheduled_start)
         SELECT 'PM-7', id, 'preventive', 'high', 'Oil change', now() AT TIME ZONE 'UTC' - interval '1 hour'
           FROM assets WHERE asset_code = 'MOTOR-002'",
    );
    let escalated = "SELECT count(*), string_agg(priority, ',') FILTER (WHERE work_order_number = 'PM-7'),
        bool_or(notes LIKE '%[Andon %overdue: %PM-7%') FROM work_orders";
    plant.until_row(&andon, "the alert about it makes it more urgent and opens no other", escalated, "2|emergency|t");
    until(LIMIT, "Andon knows the plant's order", || {
        orders(&andon).into_iter().find(|order| order["number"] == "PM-7")
    });
    plant.postgres.sql("UPDATE work_orders SET status = 'completed' WHERE work_order_number = 'PM-7'");
    until_order(&andon, "what people do with it is known", |order| {
        order["number"] == "PM-7" && order["status"] == "completed"
    });
}
