//! Real sockets and a real disk: receivers that hang, clients that never finish, a mail server that never greets, a disk
//! that is full and one that is read-only. None of it keeps the others from being told, or `/-/healthy` from answering.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use andon::time::Clock;
use serde_json::json;

use crate::disk;
use crate::support::http::{Client, Message};
use crate::support::process::{Andon, Place};
use crate::support::random::budget;
use crate::support::webhook::Webhook;
use crate::support::{skip, until};

pub const SECOND: Duration = Duration::from_secs(1);

/// Accepts connections and never says anything; keeps them open.
struct Silent(String);

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        std::thread::spawn(move || {
            let _kept: Vec<_> = listener.incoming().collect();
        });
        Self(address)
    }
}

pub fn post(andon: &Andon, name: &str) -> Message {
    let alert = json!([{"labels": {"alertname": name}, "startsAt": Clock::System.now().to_string()}]);
    andon.request("POST", "/api/v2/alerts", &alert.to_string())
}

pub fn is_told(webhook: &Webhook, name: &str) -> bool {
    webhook.told().iter().any(|told| told.json()["groupLabels"]["alertname"] == name)
}

pub fn healthy(andon: &Andon) {
    let began = Instant::now();
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(andon.get(path).status(), 200, "{path}");
    }
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
}

/// A root that tells two receivers, each group at once.
pub fn config(first: &str, second: &str) -> String {
    format!(
        "route:\n  receiver: first\n  group_by: [alertname]\n  group_wait: 0s\n  group_interval: 1s\n  routes:\n  \
         - {{receiver: first, continue: true}}\n  - {{receiver: second}}\n\
         receivers:\n- name: first\n  {first}\n- name: second\n  {second}\n"
    )
}

pub fn webhook_to(address: &str) -> String {
    format!("webhook_configs: [{{url: 'http://{address}/'}}]")
}

#[test]
fn receivers_that_hang_delay_nobody_else() {
    let (well, silent) = (Webhook::start(), Silent::start());
    // A thousand that hang, on as many routes, and one that is well.
    let routes = (0..1_000).map(|n| format!("  - {{receiver: hangs-{n}, continue: true}}\n")).collect::<String>();
    let receivers = (0..1_000).map(|n| format!("- name: hangs-{n}\n  {}\n", webhook_to(&silent.0)));
    let place = Place::with_config(&format!(
        "route:\n  receiver: well\n  group_by: [alertname]\n  group_wait: 0s\n  group_interval: 1s\n  routes:\n{routes}  \
         - {{receiver: well}}\nreceivers:\n- name: well\n  {}\n{}",
        webhook_to(&well.address()),
        receivers.collect::<String>()
    ));
    let andon = place.start(&[]);
    let times = (0..9).map(|number| {
        let (name, began) = (format!("Alert{number}"), Instant::now());
        assert_eq!(post(&andon, &name).status(), 200);
        until(20 * SECOND, "who is well is told", || is_told(&well, &name).then_some(()));
        let took = began.elapsed();
        healthy(&andon);
        took
    });
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    println!("told after {times:?}");
    // What waits for one that hangs waits for five seconds and more. The third of nine: a thousand rows are stored for each
    // alert, which takes a busy machine most of a second, and now and then longer.
    assert!(times[2] < 2 * SECOND, "{times:?}");
    let memory = resident_mib(&andon);
    assert!(memory < 400, "{memory} MiB");
    // The drain has its bound, whatever hangs.
    let began = Instant::now();
    assert_eq!(andon.stop().code(), Some(0));
    assert!(began.elapsed() < 15 * SECOND, "{:?}", began.elapsed());
}

#[test]
fn a_mail_server_that_never_greets_holds_up_no_webhook_beside_it() {
    let (well, silent) = (Webhook::start(), Silent::start());
    let mail = format!("email_configs: [{{to: a@b, from: c@d, smarthost: '{}', require_tls: false}}]", silent.0);
    let both = format!("webhook_configs: [{{url: '{}'}}]\n  {mail}", well.url());
    let place = Place::with_config(&config(&both, &webhook_to(&well.address())));
    let andon = place.start(&[]);
    for number in 0..3 {
        let name = format!("Alert{number}");
        assert_eq!(post(&andon, &name).status(), 200);
        until(5 * SECOND, "the webhook is told", || is_told(&well, &name).then_some(()));
    }
    until(45 * SECOND, "the conversation is given up", || {
        let failed = r#"alertmanager_notification_requests_failed_total{integration="email""#;
        let metrics = andon.get("/metrics").body;
        metrics.lines().any(|line| line.starts_with(failed) && !line.ends_with(" 0")).then_some(())
    });
}

#[test]
fn clients_that_never_finish_cost_a_connection_and_nothing_else() {
    let well = Webhook::start();
    let place = Place::with_config(&config(&webhook_to(&well.address()), &webhook_to(&well.address())));
    let andon = place.start(&["--web.get-concurrency=8"]);
    let text = "x".repeat(100_000);
    for number in 0..20 {
        let alert = json!([{"labels": {"alertname": "Large", "n": number.to_string()}, "annotations": {"text": text}}]);
        assert_eq!(andon.request("POST", "/api/v2/alerts", &alert.to_string()).status(), 200);
    }
    let connect = || TcpStream::connect(andon.address()).expect("it accepts");
    // Two megabytes each, which nobody reads.
    let unread: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(b"GET /api/v2/alerts HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is sent");
            stream
        })
        .collect();
    let mut halves: Vec<_> = (0..1_000)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost:").expect("it is sent");
            stream
        })
        .collect();
    healthy(&andon);
    assert_eq!(post(&andon, "Meanwhile").status(), 200);
    until(5 * SECOND, "what comes meanwhile is told", || is_told(&well, "Meanwhile").then_some(()));
    let began = Instant::now();
    for stream in &mut halves {
        stream.set_read_timeout(Some(20 * SECOND)).expect("a time");
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let by_timeout = ended.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!by_timeout, "it is still open");
    }
    assert!(began.elapsed() < 15 * SECOND, "{:?}", began.elapsed());
    healthy(&andon);
    drop(unread);
}

/// A small disk of its own, where this process may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mounted(path: &Path) -> Option<Self> {
        std::fs::create_dir(path).expect("a new folder");
        let room = "size=40m,nr_inodes=200";
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", room, "tmpfs"]).arg(path).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(path.to_owned()))
    }

    /// Makes files until there may be no more, in a folder that is removed to end it.
    fn fill_with_files(&self) -> PathBuf {
        let folder = self.0.join("fillers");
        std::fs::create_dir(&folder).expect("there is room");
        let made = (0..1_000).map(|n| std::fs::File::create(folder.join(n.to_string())));
        assert!(made.take_while(Result::is_ok).count() < 500, "no file is too much");
        folder
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).expect("a file");
        for block in [1 << 20, 4096, 1] {
            while file.write_all(&vec![7; block]).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_alerts_and_tells_what_is_stored() {
    let place = Place::with_config("");
    let Some(disk) = SmallDisk::mounted(&place.path().join("data")) else {
        return skip("a small disk cannot be mounted here; run as root");
    };
    let filler = disk.0.join("filler");
    let empty = || std::fs::remove_file(&filler).expect("it can be removed");
    a_disk_that_cannot_be_written(&place, place.command(&[]), || disk.fill(), empty);
}

/// It is killed and started again while the disk is full.
#[test]
fn a_start_on_a_full_disk_refuses_alerts_and_tells_what_is_stored() {
    let place = Place::with_config("");
    let Some(disk) = SmallDisk::mounted(&place.path().join("data")) else {
        return skip("a small disk cannot be mounted here; run as root");
    };
    let (well, late) = (Webhook::start(), TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let address = late.local_addr().expect("it is bound").to_string();
    drop(late);
    place.write_config(&config(&webhook_to(&address), &webhook_to(&well.address())));
    let andon = place.start(&[]);
    assert_eq!(post(&andon, "Stored").status(), 200);
    until(5 * SECOND, "it is told", || is_told(&well, "Stored").then_some(()));
    disk.fill();
    until(20 * SECOND, "alerts are refused", || {
        (post(&andon, &format!("Refused{}", Clock::System.now().subsec_nanos())).status() == 503).then_some(())
    });
    andon.kill();

    let andon = place.start(&[]);
    let refused = post(&andon, "RefusedAfterTheStart");
    assert_eq!((refused.status(), refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    let ready = andon.get("/-/ready");
    assert!(ready.status() == 503 && ready.body.contains("nothing can be stored: "), "{}", ready.body);
    assert!(ready.body.contains("the disk is full: "), "{}", ready.body);
    assert_eq!(andon.get("/-/healthy").status(), 200);
    let alerts = andon.get("/api/v2/alerts").body;
    assert!(alerts.contains("Stored") && !alerts.contains("RefusedAfterTheStart"), "{alerts}");
    let late = Webhook::listening_on(&address);
    until(90 * SECOND, "what is stored is told", || is_told(&late, "Stored").then_some(()));
    assert_eq!(andon.get("/-/ready").status(), 503, "it is still full");

    std::fs::remove_file(disk.0.join("filler")).expect("it can be removed");
    until(20 * SECOND, "it recovers by itself", || (post(&andon, "After").status() == 200).then_some(()));
    assert_eq!(andon.get("/-/ready").body, "OK");
    until(10 * SECOND, "what comes afterwards is told", || is_told(&well, "After").then_some(()));
    assert_eq!(andon.stop().code(), Some(0));
}

/// Nothing is full but the list of files: what needs no new file goes on, and so does a start.
#[test]
fn a_disk_that_may_have_no_more_files_costs_nothing_that_was_taken() {
    let well = Webhook::start();
    let place = Place::with_config(&config(&webhook_to(&well.address()), "webhook_configs: []"));
    let Some(disk) = SmallDisk::mounted(&place.path().join("data")) else {
        return skip("a small disk cannot be mounted here; run as root");
    };
    let andon = place.start(&[]);
    assert_eq!(post(&andon, "Before").status(), 200);
    let fillers = disk.fill_with_files();
    assert_eq!(post(&andon, "Meanwhile").status(), 200, "the journal is one file");
    until(5 * SECOND, "it is told", || is_told(&well, "Meanwhile").then_some(()));
    healthy(&andon);
    andon.kill();
    let andon = place.start(&[]);
    let alerts = andon.get("/api/v2/alerts").body;
    assert!(alerts.contains("Before") && alerts.contains("Meanwhile"), "{alerts}");
    std::fs::remove_dir_all(&fillers).expect("they can be removed");
    until(20 * SECOND, "alerts are taken", || (post(&andon, "After").status() == 200).then_some(()));
    until(5 * SECOND, "it is told", || is_told(&well, "After").then_some(()));
    assert_eq!(andon.stop().code(), Some(0));
    let alerts = place.start(&[]).get("/api/v2/alerts").body;
    assert!(["Before", "Meanwhile", "After"].iter().all(|name| alerts.contains(name)), "{alerts}");
}

/// The system keeps a disk from becoming read-only while a file on it is open; an error on it does not ask.
#[test]
fn a_disk_that_became_read_only_refuses_alerts_and_tells_what_is_stored() {
    let place = Place::with_config("");
    let read_only = place.path().join("read-only");
    let mut command = place.command(&[]);
    disk::fail_while(&mut command, &place.path().join("data"), "1+:EROFS", &read_only);
    let begin = || std::fs::write(&read_only, "").expect("there is room");
    let end = || std::fs::remove_file(&read_only).expect("it was made");
    a_disk_that_cannot_be_written(&place, command, begin, end);
}

fn a_disk_that_cannot_be_written(place: &Place, command: Command, begin: impl FnOnce(), end: impl FnOnce()) {
    let well = Webhook::start();
    // Nobody listens there yet: what is to be told there waits in the outbox.
    let late = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = late.local_addr().expect("it is bound").to_string();
    drop(late);
    place.write_config(&config(&webhook_to(&address), &webhook_to(&well.address())));
    let andon = Andon::start(command);
    assert_eq!(post(&andon, "Stored").status(), 200);
    until(5 * SECOND, "it is told", || is_told(&well, "Stored").then_some(()));

    begin();
    let refused = until(20 * SECOND, "alerts are refused", || {
        let answer = post(&andon, &format!("Refused{}", Clock::System.now().subsec_nanos()));
        (answer.status() != 200).then_some(answer)
    });
    assert_eq!((refused.status(), refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    let ready = andon.get("/-/ready");
    assert!(ready.status() == 503 && ready.body.contains("nothing can be stored: "), "{}", ready.body);
    assert_eq!(andon.get("/-/healthy").status(), 200);
    assert!(andon.get("/api/v2/alerts").body.contains("Stored"), "reading goes on");
    let late = Webhook::listening_on(&address);
    until(90 * SECOND, "what is stored is told", || is_told(&late, "Stored").then_some(()));
    assert_eq!(andon.get("/-/ready").status(), 503, "it still cannot be written");

    end();
    until(20 * SECOND, "it recovers by itself", || (post(&andon, "After").status() == 200).then_some(()));
    assert_eq!(andon.get("/-/ready").body, "OK");
    until(10 * SECOND, "what comes afterwards is told", || is_told(&well, "After").then_some(()));
    andon.kill();
    let alerts = place.start(&[]).get("/api/v2/alerts").body;
    assert!(alerts.contains("Stored") && alerts.contains("After"), "{alerts}");
}

#[test]
fn an_outbox_that_is_full_sheds_alerts_until_somebody_was_told() {
    let place = Place::with_config("");
    let late = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = late.local_addr().expect("it is bound").to_string();
    drop(late);
    place.write_config(&config(&webhook_to(&address), "webhook_configs: []"));
    let andon = place.start(&["--limits.outbox=5"]);
    let refused = (0..200).map(|number| post(&andon, &format!("Alert{number}"))).find(|answer| answer.status() != 200);
    let refused = refused.expect("the limit is reached");
    assert_eq!((refused.status(), refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    assert!(refused.body.contains("notifications wait, which is the limit"), "{}", refused.body);
    healthy(&andon);
    let _late = Webhook::listening_on(&address);
    until(70 * SECOND, "there is room again", || (post(&andon, "After").status() == 200).then_some(()));
}

#[test]
fn alerts_beyond_the_limit_are_shed_and_those_that_are_known_still_end() {
    let place = Place::with_config(&config("webhook_configs: []", "webhook_configs: []"));
    let andon = place.start(&["--limits.alerts=10", "--alerts.gc-interval=1s"]);
    for number in 0..10 {
        assert_eq!(post(&andon, &format!("Alert{number}")).status(), 200);
    }
    let refused = post(&andon, "OneMore");
    assert_eq!((refused.status(), refused.header("retry-after").is_some()), (503, true), "{}", refused.body);
    healthy(&andon);
    let over = json!([{"labels": {"alertname": "Alert0"}, "endsAt": Clock::System.now().to_string()}]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", &over.to_string()).status(), 200);
    until(20 * SECOND, "there is room again", || (post(&andon, "OneMore").status() == 200).then_some(()));
}

/// Every alert is a group of its own and is to be told to ten integrations that never answer: a hundred thousand alerts and a
/// million rows in the long form.
#[test]
fn so_many_alerts_and_rows_as_there_may_be_are_held_in_bounded_memory_and_over_a_kill() {
    const INTEGRATIONS: usize = 10;
    let alerts = budget(2_000, 100_000) as usize;
    let (rows, silent) = (alerts * INTEGRATIONS, Silent::start());
    let hooks = format!("- url: 'http://{}/'\n  ", silent.0).repeat(INTEGRATIONS);
    let place = Place::with_config(&format!(
        "route:\n  receiver: team\n  group_by: [n]\n  group_wait: 0s\n  group_interval: 1h\n\
         receivers:\n- name: team\n  webhook_configs:\n  {hooks}\n"
    ));
    let andon = place.start(&[&format!("--limits.outbox={rows}")]);
    let empty = resident_mib(&andon);
    let mut client = Client::connect(andon.address()).expect("it accepts");
    let numbers: Vec<usize> = (0..alerts).collect();
    for numbers in numbers.chunks(500) {
        let alert = |n: &usize| json!({"labels": {"alertname": "Alert", "n": n.to_string(), "line": "press-7"}});
        let body = serde_json::Value::from(numbers.iter().map(alert).collect::<Vec<_>>()).to_string();
        let answer = client.request("POST", "/api/v2/alerts", &body).expect("it answers");
        assert_eq!(answer.status(), 200, "{}", answer.body);
    }
    let waiting = |andon: &Andon| {
        let metrics = andon.get("/metrics").body;
        let queues = metrics.lines().filter(|line| line.starts_with("andon_outbox_rows"));
        queues.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as usize
    };
    until(120 * SECOND, "all wait", || (waiting(&andon) == rows).then_some(()));
    healthy(&andon);
    let memory = resident_mib(&andon);
    println!("{alerts} alerts, {rows} rows: {empty} MiB before, {memory} MiB with them");
    assert!(memory <= empty + 60 + ((rows as u64 * 1_500) >> 20), "{memory} MiB, {empty} MiB before");
    let refused = post(&andon, "OneMore");
    assert_eq!(refused.status(), 503, "{}", refused.body);
    andon.kill();
    let began = Instant::now();
    let andon = place.start(&[&format!("--limits.outbox={rows}")]);
    println!("{:?} for the start", began.elapsed());
    assert_eq!(waiting(&andon), rows);
    healthy(&andon);
    assert_eq!(andon.stop().code(), Some(0));
}

/// So many groups fire and end, again and again, and their receiver never answers.
#[test]
fn memory_does_not_grow_with_time() {
    const ALERTS: usize = 400;
    let silent = Silent::start();
    let place = Place::with_config(&config(&webhook_to(&silent.0), "webhook_configs: []"));
    let andon = place.start(&["--alerts.gc-interval=1s"]);
    let mut client = Client::connect(andon.address()).expect("it accepts");
    let cycles = budget(60, 2_000);
    let mut early = 0;
    for cycle in 1..=cycles {
        for over in [false, true] {
            let now = Clock::System.now();
            let alert = |number: usize| {
                let labels = json!({"alertname": format!("Alert{}", number / 4), "n": number.to_string()});
                if over { json!({"labels": labels, "endsAt": now.to_string()}) } else { json!({"labels": labels}) }
            };
            let body = serde_json::Value::from((0..ALERTS).map(alert).collect::<Vec<_>>()).to_string();
            let answer = client.request("POST", "/api/v2/alerts", &body).expect("it answers");
            assert_eq!(answer.status(), 200, "{}", answer.body);
        }
        // Each group is flushed a second after the last time.
        std::thread::sleep(SECOND / 5);
        if cycle == cycles / 4 {
            early = resident_mib(&andon);
        }
    }
    let late = resident_mib(&andon);
    assert!(late <= early + early / 4 + 8, "{late} MiB after {cycles} rounds, {early} MiB after a quarter of them");
    healthy(&andon);
}

/// Forty groups wait for a receiver that is away for longer than its circuit takes to open, and a restart comes in between.
#[test]
fn what_waited_through_an_outage_and_a_restart_is_told_in_a_few_messages() {
    let late = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = late.local_addr().expect("it is bound").to_string();
    drop(late);
    let place = Place::with_config(&config(&webhook_to(&address), "webhook_configs: []"));
    let andon = place.start(&[]);
    for number in 0..40 {
        assert_eq!(post(&andon, &format!("Alert{number}")).status(), 200);
    }
    until(120 * SECOND, "it is probed", || {
        andon.get("/api/andon/v1/receivers").body.contains("\"probedAt\":\"").then_some(())
    });
    andon.kill();
    let andon = place.start(&[]);
    let late = Webhook::listening_on(&address);
    let named = until(120 * SECOND, "all is told", || {
        let named: std::collections::BTreeSet<String> = late
            .told()
            .iter()
            .flat_map(|told| told.json()["alerts"].as_array().cloned().unwrap_or_default())
            .map(|alert| alert["labels"]["alertname"].to_string())
            .collect();
        (named.len() == 40).then(|| late.told().len())
    });
    assert!(named <= 5, "{named} messages");
    assert!(late.told().iter().any(|told| told.json()["groupLabels"]["digest"].is_string()));
    assert_eq!(andon.stop().code(), Some(0));
}

/// What the process has in memory.
fn resident_mib(andon: &Andon) -> u64 {
    let metrics = andon.get("/metrics").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    let bytes: f64 = line.and_then(|bytes| bytes.parse().ok()).expect("it is measured");
    bytes as u64 >> 20
}
