//! How the program starts, reloads and ends, as a service manager and an administrator meet it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::http::Client;
use crate::support::process::{Andon, Place};
use crate::support::until;
use crate::support::webhook::Webhook;

const SECOND: Duration = Duration::from_secs(1);

const GOOD: &str = "route: {receiver: plant}\nreceivers: [{name: plant}]\n";
const OTHER: &str = "route: {receiver: night}\nreceivers: [{name: night}]\n";
const BAD: &str = "route: {receiver: nobody}\nreceivers: [{name: plant}]\n";
const BAD_TEXT: &str = "undefined receiver \"nobody\" used in route";

fn receivers(andon: &Andon) -> String {
    andon.get("/api/v2/receivers").body
}

fn metric(andon: &Andon, name: &str) -> Option<String> {
    let text = andon.get("/metrics").body;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
}

#[test]
fn serves_until_it_is_told_to_end_and_ends_well() {
    let place = Place::with_config(GOOD);
    for signal in ["TERM", "INT"] {
        let mut andon = place.start(&[]);
        assert_eq!(andon.get("/-/healthy").status(), 200);
        assert_eq!(andon.get("/-/ready").status(), 200);
        assert!(andon.address().starts_with("127.0.0.1:") && !andon.address().ends_with(":0"), "{}", andon.address());
        andon.signal(signal);
        assert_eq!(andon.wait().code(), Some(0), "{}", andon.log());
    }
}

#[test]
fn reloads_only_what_is_good() {
    let place = Place::with_config(GOOD);
    let andon = place.start(&[]);
    assert!(receivers(&andon).contains("plant"));

    place.write_config(OTHER);
    andon.signal("HUP");
    until(10 * SECOND, "the new configuration is in force", || receivers(&andon).contains("night").then_some(()));
    assert_eq!(metric(&andon, "alertmanager_config_last_reload_successful").as_deref(), Some("1"));

    place.write_config(BAD);
    andon.signal("HUP");
    until(10 * SECOND, "the refusal is logged", || andon.log().contains("nobody").then_some(()));
    let answer = andon.request("POST", "/-/reload", "");
    assert_eq!(answer.status(), 500);
    assert!(answer.body.starts_with(&format!("failed to reload config: {BAD_TEXT}")), "{}", answer.body);
    assert!(receivers(&andon).contains("night"), "the good one stays");
    assert_eq!(metric(&andon, "alertmanager_config_last_reload_successful").as_deref(), Some("0"));

    place.write_config(GOOD);
    let answer = andon.request("POST", "/-/reload", "");
    assert_eq!((answer.status(), answer.body.as_str()), (200, ""));
    assert!(receivers(&andon).contains("plant"));
    assert_eq!(metric(&andon, "alertmanager_config_last_reload_successful").as_deref(), Some("1"));
    assert_eq!(andon.stop().code(), Some(0));
}

#[test]
fn does_not_start_from_a_bad_configuration_or_flag() {
    let bad = Place::with_config(BAD);
    let good = Place::with_config(GOOD);
    let missing = Place::with_config(GOOD);
    std::fs::remove_file(missing.config_file()).expect("it was written");
    for (place, flag, expected) in [
        (&bad, "--log.level=info", "undefined receiver"),
        (&missing, "--log.level=info", "No such file"),
        (&good, "--bogus", "andon: error: unknown long flag '--bogus', try --help"),
        (&good, "--enable-feature=nope", "unknown option 'nope' for --enable-feature"),
        (&good, "--web.external-url=foo", "invalid \\\"\\\" scheme, only 'http' and 'https' are supported"),
        (&good, "--web.config.file=x.yml", "--web.config.file is refused"),
        (&good, "--cluster.peer=192.0.2.1:9094", "--cluster.peer=192.0.2.1:9094 is refused"),
        (&good, "--web.listen-address=999.0.0.1:1", "999.0.0.1:1"),
    ] {
        let mut andon = place.spawn(&[flag]);
        assert_eq!(andon.wait().code(), Some(1), "{flag}");
        until(SECOND, "the reason is written", || andon.log().contains(expected).then_some(()));
    }
}

#[test]
fn without_a_file_both_names_and_the_flag_are_told() {
    let folder = tempfile::tempdir().expect("there is room");
    for words in [&["--storage.path=data"][..], &["check"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_andon")).args(words).current_dir(&folder).output();
        let output = output.expect("andon runs");
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(["routes.yaml", "alertmanager.yml", "--config.file"].iter().all(|name| said.contains(name)), "{said}");
    }
}

#[test]
fn a_malformed_address_in_the_environment_costs_its_receiver_and_not_the_start() {
    let place = Place::with_config(
        "global: {smtp_smarthost: '${env:ANDON_TEST_HOST}', smtp_from: a@b.example}\n\
         route: {receiver: mail}\nreceivers: [{name: mail, email_configs: [{to: c@d.example}]}]\n",
    );
    let mut command = place.command(&[]);
    command.env("ANDON_TEST_HOST", "mail.example");
    let andon = Andon::start(command);
    assert!(andon.log().contains("the environment variable ANDON_TEST_HOST is not host:port"), "{}", andon.log());
    assert_eq!(andon.request("POST", "/-/reload", "").status(), 200);
    let mut check = Command::new(env!("CARGO_BIN_EXE_andon"));
    let check = check.arg("check").arg(place.config_file()).env("ANDON_TEST_HOST", "mail.example").output();
    let check = check.expect("andon runs");
    let said = String::from_utf8_lossy(&check.stdout);
    assert_eq!(check.status.code(), Some(1), "{said}");
    assert!(said.contains("missing port in address") && said.contains(": 1 error"), "{said}");
}

#[test]
fn one_socket_for_both_families_tells_addresses_as_they_are_known() {
    let place = Place::with_config(GOOD);
    let andon = place.start(&["--web.listen-address=:0"]);
    let (_, port) = andon.address().rsplit_once(':').expect("it has a port");
    let url = format!("--url=http://127.0.0.1:{port}");
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_andon")).args(words).arg(&url).output().expect("andon runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&["alert", "add", "Down"]);
    let history = run(&["history", "alertname=Down", "--kind=alert_fired"]);
    assert!(history.contains("127.0.0.1]") && !history.contains("ffff"), "{history}");
}

#[test]
fn where_nobody_listens_the_flag_for_another_address_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("a port is free");
    let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
    let output = command.args(["alert", &format!("--url=http://{free}")]).output().expect("andon runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.trim_end().ends_with("is Andon running there? --url names another address"), "{said}");
}

#[test]
fn flags_without_meaning_are_named_in_one_warning() {
    let place = Place::with_config(GOOD);
    let andon = place.start(&["--cluster.gossip-interval=1s", "--auto-gomemlimit.ratio=0.5", "--cluster.label="]);
    let log = andon.log();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("level=WARN")).collect();
    let [warning] = warnings.as_slice() else { panic!("{log}") };
    assert!(warning.contains("--cluster.gossip-interval") && warning.contains("--auto-gomemlimit.ratio"), "{warning}");
    assert!(!warning.contains("--cluster.label"), "{warning}");
}

#[test]
fn a_cluster_of_one_is_shown_where_it_is_asked_for() {
    let place = Place::with_config(GOOD);
    let status = |flag: &str| place.start(&[flag]).get("/api/v2/status").json()["cluster"].clone();
    assert_eq!(status("--log.level=info"), serde_json::json!({"status": "disabled", "peers": []}));
}

#[test]
fn the_cluster_address_is_real_and_nothing_listens_there() {
    let place = Place::with_config(GOOD);
    let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
    command.arg(format!("--config.file={}", place.config_file().display())).current_dir(place.path());
    command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address=127.0.0.1:0"]);
    command.args(["--cluster.peer-name=line-1"]);
    let andon = Andon::start(command);
    let cluster = andon.get("/api/v2/status").json()["cluster"].clone();
    assert_eq!((&cluster["status"], &cluster["name"]), (&"ready".into(), &"line-1".into()));
    let peers = cluster["peers"].as_array().expect("a list");
    let [peer] = peers.as_slice() else { panic!("{cluster}") };
    let address = peer["address"].as_str().expect("a text");
    assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{cluster}");
    assert!(std::net::TcpStream::connect(address).is_err(), "nothing is bound");
}

#[test]
fn the_prefix_and_the_external_url_are_obeyed() {
    let place = Place::with_config(GOOD);
    let andon = place.start(&["--web.external-url=http://plant.example/andon/"]);
    assert_eq!(andon.get("/andon/-/ready").status(), 200);
    assert_eq!(andon.get("/-/ready").status(), 404);
}

#[test]
fn the_log_can_be_json() {
    let place = Place::with_config(GOOD);
    let andon = place.spawn(&["--log.format=json"]);
    let line = until(10 * SECOND, "it listens", || {
        let log = andon.log();
        log.lines().find(|line| line.contains("Listening on")).map(str::to_owned)
    });
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line is JSON");
    assert_eq!((&line["level"], &line["msg"]), (&"INFO".into(), &"Listening on".into()));
    assert!(line["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")));
}

#[test]
fn flags_about_silences_are_obeyed() {
    let place = Place::with_config(GOOD);
    let andon = place.start(&["--silences.max-per-silence-bytes=200", "--log.silences"]);
    let post = |comment: &str| {
        let draft = serde_json::json!({
            "matchers": [{"name": "a", "value": "b", "isRegex": false}], "createdBy": "anna", "comment": comment,
            "startsAt": "2030-01-01T00:00:00Z", "endsAt": "2030-01-02T00:00:00Z",
        });
        andon.request("POST", "/api/v2/silences", &draft.to_string())
    };
    let large = post(&"y".repeat(300));
    assert_eq!(large.status(), 400);
    assert!(large.body.contains("silence exceeded maximum size: "), "{}", large.body);
    let small = post("y");
    assert_eq!(small.status(), 200, "{}", small.body);
    let id = small.json()["silenceID"].as_str().expect("an id").to_owned();
    until(SECOND, "the silence is logged", || andon.log().contains(&format!("silence={id}")).then_some(()));
}

#[test]
fn one_of_its_tasks_that_fails_ends_it_so_that_it_is_started_again() {
    let place = Place::with_config(GOOD);
    let mut command = place.command(&[]);
    command.env("ANDON_FAILPOINT", "ReloadCommitted:1:panic");
    let mut andon = Andon::start(command);
    assert_eq!(andon.request("POST", "/api/v2/alerts", r#"[{"labels": {"alertname": "PumpHot"}}]"#).status(), 200);
    andon.signal("HUP");
    assert_eq!(andon.wait().code(), Some(1), "{}", andon.log());
    until(SECOND, "the reason is written", || {
        let log = andon.log();
        (log.contains("the reloader failed") && log.contains("the failpoint ReloadCommitted asks")).then_some(())
    });
    let checkpoints = std::fs::read_dir(place.path().join("data")).expect("it is there").flatten();
    let is_one = |name: String| name.starts_with("checkpoint-");
    let found = checkpoints.filter(|file| file.file_name().into_string().is_ok_and(is_one)).count();
    assert_eq!(found, 1, "it ended as at a stop");
    assert!(place.start(&[]).get("/api/v2/alerts").body.contains("PumpHot"));
}

/// One attempt is answered while it ends, another never.
#[test]
fn what_is_being_sent_when_it_is_told_to_end_has_ten_seconds_and_what_is_left_is_sent_again() {
    let (late, never) = (Webhook::start(), Webhook::start());
    late.answers("200 OK", "ok", 5 * SECOND);
    never.answers("200 OK", "ok", 3600 * SECOND);
    let place = Place::with_config(&format!(
        "route: {{receiver: plant, group_wait: 0s}}\n\
         receivers: [{{name: plant, webhook_configs: [{{url: '{}'}}, {{url: '{}'}}]}}]\n",
        late.url(),
        never.url()
    ));
    let mut andon = place.start(&[]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", r#"[{"labels": {"alertname": "PumpHot"}}]"#).status(), 200);
    let told = |hook: &Webhook| hook.told().into_iter().map(|told| told.header("webhook-id").map(str::to_owned));
    until(10 * SECOND, "both are told", || (told(&late).len() + told(&never).len() == 2).then_some(()));
    andon.signal("TERM");
    until(5 * SECOND, "nothing new is accepted", || TcpStream::connect(andon.address()).is_err().then_some(()));
    assert!(andon.ends_within(15 * SECOND), "{}", andon.log());
    assert_eq!(andon.wait().code(), Some(0), "{}", andon.log());

    never.answers("200 OK", "ok", Duration::ZERO);
    let andon = place.start(&[]);
    let waits = || {
        andon.get("/metrics").body.lines().any(|line| line.starts_with("andon_outbox_rows") && !line.ends_with(" 0"))
    };
    until(10 * SECOND, "all is told", || (!waits()).then_some(()));
    let names: Vec<_> = told(&never).collect();
    assert!(names.len() == 2 && names[0] == names[1], "what was cut off is told again under its name: {names:?}");
    assert_eq!(told(&late).len(), 1, "what was answered meanwhile is not");
}

/// Files that nobody can read to their end, as on a mount that hangs.
#[test]
fn a_secret_and_a_configuration_that_hang_do_not_keep_it_from_ending() {
    let place = Place::with_config(
        "route: {receiver: plant, group_wait: 0s}\n\
         receivers: [{name: plant, webhook_configs: [{url_file: secret, timeout: 1s}]}]\n",
    );
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
    // Whoever opens a pipe to write waits until it is opened to be read.
    let (opened, writers) = std::sync::mpsc::channel();
    let is_read = |path: PathBuf| {
        let opened = opened.clone();
        std::thread::spawn(move || opened.send(std::fs::File::options().write(true).open(path)));
        writers.recv_timeout(10 * SECOND).expect("it is read").expect("it can be opened")
    };
    let secret = place.path().join("secret");
    pipe(&secret);
    let mut andon = place.start(&[]);
    assert_eq!(andon.request("POST", "/api/v2/alerts", r#"[{"labels": {"alertname": "PumpHot"}}]"#).status(), 200);
    let _secret = is_read(secret);
    std::fs::remove_file(place.config_file()).expect("it was written");
    pipe(&place.config_file());
    // Whoever asked for the reload waits for it.
    let mut client = Client::connect(andon.address()).expect("it listens");
    let asking = std::thread::spawn(move || client.request("POST", "/-/reload", ""));
    let _config = is_read(place.config_file());
    andon.signal("TERM");
    assert!(andon.ends_within(15 * SECOND), "{}", andon.log());
    let answer = asking.join().expect("it does not panic").expect("whoever waits is answered");
    assert_eq!((answer.status(), answer.body.trim_end()), (500, "failed to reload config: the service is stopping"));
    assert_eq!(andon.wait().code(), Some(0), "{}", andon.log());
}
