//! Andon and the plant's PostgreSQL, a real one: what it says of assets and orders, over TCP, by the socket and over TLS,
//! while it is there and while it is away.

use std::time::Duration;

use crate::support::postgres::Postgres;
use crate::support::process::{Andon, Place};
use crate::support::until;

const LIMIT: Duration = Duration::from_secs(30);

const CONFIG: &str =
    "route: {receiver: r}\nreceivers: [{name: r}]\nplant_database: {url_file: url, refresh_interval: 1s}\n";

fn place(url: &str) -> Place {
    let place = Place::with_config(CONFIG);
    std::fs::write(place.path().join("url"), url).expect("it is written");
    place
}

/// The lines of the exposition that begin so.
fn metrics(andon: &Andon, beginning: &str) -> Vec<String> {
    let text = andon.get("/metrics").body;
    text.lines().filter(|line| line.starts_with(beginning)).map(str::to_owned).collect()
}

fn until_metric(andon: &Andon, line: &str) {
    until(LIMIT, &format!("{line}\n{}", andon.log()), || metrics(andon, line).first().map(drop));
}

#[test]
fn assets_and_overdue_orders_are_shown_as_the_rows_have_them() {
    let Some(mut postgres) = Postgres::start() else { return };
    postgres.sql(
        "INSERT INTO work_orders (work_order_number, asset_id, type, priority, status, title, scheduled_start)
         SELECT 'PM-' || n, (SELECT id FROM assets WHERE asset_code = code), 'preventive', priority, status, 'Oil', at
           FROM (VALUES (1, 'PUMP-001', 'high', 'open', now() AT TIME ZONE 'UTC' - interval '1 minute'),
                        (2, 'PUMP-002', 'high', 'completed', now() AT TIME ZONE 'UTC' - interval '1 day'),
                        (3, 'PUMP-002', 'low', 'on_hold', now() AT TIME ZONE 'UTC' + interval '1 minute'),
                        (4, 'nobody''s', 'emergency', 'assigned', now() AT TIME ZONE 'UTC' - interval '1 year'))
             AS o (n, code, priority, status, at)",
    );
    let place = place(&postgres.url());
    let andon = place.start(&[]);
    until_metric(&andon, "andon_plant_database_up 1");
    let pump = r#"asset_status{asset_code="PUMP-001",asset_name="Cooling pump",criticality="critical",status="operational",type="pump",location_line="line-2",location_station="station-1"} 1"#;
    let assets = metrics(&andon, "asset_status{");
    assert_eq!(assets.len(), 7, "{assets:#?}");
    assert!(assets.iter().any(|line| line == pump), "{assets:#?}");
    let overdue = [
        r#"work_order_overdue{priority="emergency",work_order_number="PM-4"} 1"#,
        r#"work_order_overdue{priority="high",work_order_number="PM-1",asset_code="PUMP-001",asset_name="Cooling pump"} 1"#,
    ];
    assert_eq!(metrics(&andon, "work_order_overdue{"), overdue);

    postgres.sql("UPDATE assets SET status = 'failed' WHERE asset_code = 'PUMP-001'");
    until_metric(&andon, &pump.replace("operational", "failed"));
    assert_eq!(metrics(&andon, "asset_status{asset_code=\"PUMP-001\"").len(), 1);

    // Away: that is told at once, and what nobody knows any more is not shown for long.
    postgres.stop();
    until_metric(&andon, "andon_plant_database_up 0");
    until(LIMIT, "old values go away", || metrics(&andon, "asset_status{").is_empty().then_some(()));
    assert_eq!(andon.get("/-/ready").status(), 200);
    postgres.run();
    until_metric(&andon, &pump.replace("operational", "failed"));
    let log = andon.log();
    assert!(log.contains("The plant's database cannot be read"), "{log}");
    assert!(log.contains("The plant's database can be read again"), "{log}");
    assert!(!log.contains("sesame") && !andon.get("/api/andon/v1/config").body.contains("sesame"), "{log}");

    // It is no longer configured.
    place.write_config("route: {receiver: r}\nreceivers: [{name: r}]\n");
    andon.signal("HUP");
    until(LIMIT, "it is forgotten", || metrics(&andon, "andon_plant_database").is_empty().then_some(()));
}

#[test]
fn by_the_socket() {
    let Some(postgres) = Postgres::start() else { return };
    let place = place(&postgres.socket_url());
    // Only to read: no order is passed on.
    place.write_config(&CONFIG.replace("refresh_interval: 1s", "refresh_interval: 1s, work_orders: false"));
    let andon = place.start(&[]);
    until_metric(&andon, "andon_plant_database_up 1");
    assert!(metrics(&andon, "andon_mirror").is_empty());
    assert_eq!(andon.get("/api/andon/v1/mirrors").json(), serde_json::json!([]));
}

#[test]
fn over_tls_only_whom_the_authority_vouches_for() {
    let mut authority = String::new();
    let with_tls = Postgres::start_with(|folder| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).and_then(|params| params.self_signed(&key));
        let pem = certificate.expect("a certificate").pem();
        authority = folder.join("server.crt").display().to_string();
        std::fs::write(&authority, pem).expect("it is written");
        let key_file = folder.join("server.key");
        std::fs::write(&key_file, key.serialize_pem()).expect("it is written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key_file, private).expect("it is ours");
        vec!["ssl=on".into(), format!("ssl_cert_file={authority}"), format!("ssl_key_file={}", key_file.display())]
    });
    let Some(postgres) = with_tls else { return };
    let url = |host: &str, more: &str| {
        format!("postgres://postgres:sesame@{host}:{}/mantis?sslmode=verify-full{more}", postgres.port)
    };
    let place = place(&url("localhost", ""));
    let andon = place.start(&[]);
    until(LIMIT, "an authority that nobody knows is refused", || andon.log().contains("cannot be read").then_some(()));
    assert!(!andon.log().contains("sesame"), "{}", andon.log());
    // The file is read anew each time.
    let known = format!("&sslrootcert={authority}");
    std::fs::write(place.path().join("url"), url("localhost", &known)).expect("it is written");
    until_metric(&andon, "andon_plant_database_up 1");
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = 'andon'";
    assert_eq!(postgres.sql(encrypted), "t");
    std::fs::write(place.path().join("url"), url("127.0.0.1", &known)).expect("it is written");
    until_metric(&andon, "andon_plant_database_up 0");
}
