//! Every operation on the store's files fails once: the N-th, for N = 1, 2, … until a run meets no failure.
//!
//! Whatever fails, the program takes what it can store and refuses the rest with 503, or does not start and says why; it
//! goes on by itself when the disk does; and the next start has all that was taken, nothing that was refused, and does
//! not take the store for damaged. A receiver is told all that was taken, under one name each, and nothing that was refused.
//!
//! What reads fails likewise, in a second test: then a start comes up whole or says why it does not, and takes no file for
//! damaged that is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use andon::core::outbox::group_key_hash;
use andon::time::Clock;
use serde_json::{Value, json};

use crate::disk;
use crate::support::copy_folder;
use crate::support::http::Message;
use crate::support::process::{Andon, Place};
use crate::support::random::budget;
use crate::support::until;
use crate::support::webhook::Webhook;

/// What an operation answers.
const KINDS: [&str; 3] = ["EIO", "ENOSPC", "SHORT"];
/// Runs at the same time; most of each is waiting.
const AT_ONCE: usize = 6;

/// Each alert is a group of its own, and told at once. One webhook is there for all runs, each of which has a path of its own.
fn config(webhook: &Webhook, run: &str) -> String {
    format!(
        "route: {{receiver: plant, group_by: [id], group_wait: 0s, group_interval: 200ms}}\n\
         receivers: [{{name: plant, webhook_configs: [{{url: 'http://{}/{run}'}}]}}]\n",
        webhook.address()
    )
}

/// What the store has been through before the run.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    EndedWell,
    Killed,
    /// So often that a checkpoint is dropped when the run ends.
    EndedWellThrice,
    /// Killed with entries of many parts.
    KilledWithLarge,
    /// The journal's file was damaged: the start sets it aside.
    Damaged,
}

impl Before {
    /// In each of which a few alerts fired.
    fn lives(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::EndedWellThrice => 3,
            _ => 1,
        }
    }
}

/// How many alerts fired in each life before.
const OLD: usize = 3;

#[test]
fn any_operation_on_the_store_may_fail_once() {
    let scenarios = [
        Before::EndedWell,
        Before::Nothing,
        Before::Killed,
        Before::EndedWellThrice,
        Before::KilledWithLarge,
        Before::Damaged,
    ];
    let webhook = Webhook::start();
    for before in scenarios.into_iter().take(budget(1, 6) as usize) {
        let start = prepared(before, &webhook);
        for kind in KINDS {
            let met = every_operation(|number| fails_once(&start, before, &webhook, &format!("{number}:{kind}")));
            println!("{before:?} {kind}: {met} operations failed");
            assert!(met > 30, "{met} operations are not all");
        }
    }
}

#[test]
fn a_start_that_may_not_read_something_comes_up_whole_or_says_why() {
    for how in [":EIO", ":EMFILE"].into_iter().take(budget(1, 2) as usize) {
        nothing_is_taken_for_damaged_that_is_not(how);
    }
}

/// Has each reading fail as the shim says, in one start after the other.
fn nothing_is_taken_for_damaged_that_is_not(how: &str) {
    let scenarios = [Before::EndedWellThrice, Before::Killed, Before::KilledWithLarge];
    let webhook = Webhook::start();
    for before in scenarios.into_iter().take(budget(1, 3) as usize) {
        let (start, refused) = (prepared(before, &webhook), AtomicU64::new(0));
        let met = every_operation(|number| {
            let (met, listened) = reads_fail(&start, before, &webhook, &format!("{number}{how}"));
            refused.fetch_add(u64::from(!listened), Ordering::SeqCst);
            met
        });
        let refused = refused.into_inner();
        println!("{before:?} N{how}: {met} times something was not read, {refused} starts were refused");
        assert!(met > 10 && refused > 0, "{met} are not all, {refused} were refused");
    }
}

/// Fails one operation after the other by `fails_once`; says how many there are.
fn every_operation(fails_once: impl Fn(u64) -> bool + Sync) -> u64 {
    let (next, all_met) = (AtomicU64::new(1), AtomicBool::new(false));
    let met = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !all_met.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if fails_once(number) {
                        met.fetch_add(1, Ordering::SeqCst);
                    } else {
                        all_met.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    met.into_inner()
}

/// One run in which one operation fails; says whether there was one.
fn fails_once(start: &Place, before: Before, webhook: &Webhook, how: &str) -> bool {
    let run = format!("{before:?}/{how}");
    let place = Place::with_config(&config(webhook, &run));
    copy_folder(&start.path().join("data"), &place.path().join("data"));
    let (data, hit) = (place.path().join("data"), place.path().join("hit"));
    let mut command = place.command(&[]);
    disk::fail(&mut command, &data, how, &hit);
    let mut book = Book::default();
    let how = &run;
    if let Some(mut andon) = Andon::spawn(command).if_it_listens() {
        book.tell(&andon, how);
        andon.signal("TERM");
        andon.wait();
        // sled gives up by panicking, which is caught.
        assert!(!andon.log().contains("panicked at src/"), "{how}\n{}", andon.log());
    }
    let andon = place.start(&[]);
    book.must_hold(&andon, how);
    book.must_be_told(webhook, how);
    let ready = andon.get("/-/ready");
    let damaged = matches!(before, Before::Damaged);
    assert!(ready.status() == 200 && (damaged || ready.body == "OK"), "{how}: {}", ready.body);
    hit.exists()
}

/// The disk fails for good at the N-th operation of a start, so the end of what was opened fails as well.
#[test]
fn a_disk_that_fails_for_good_while_it_starts_is_told_as_an_error() {
    let webhook = Webhook::start();
    let start = prepared(Before::EndedWell, &webhook);
    let mut refused = 0;
    for number in 1.. {
        let place = Place::with_config(&config(&webhook, "fails"));
        copy_folder(&start.path().join("data"), &place.path().join("data"));
        let mut command = place.command(&[]);
        let hit = place.path().join("hit");
        disk::fail(&mut command, &place.path().join("data"), &format!("{number}+:EIO"), &hit);
        let mut andon = Andon::spawn(command);
        if andon.listens() {
            assert_eq!(andon.get("/-/healthy").status(), 200);
            break;
        }
        assert_eq!(andon.wait().code(), Some(1), "{number}: an error, and no panic\n{}", andon.log());
        refused += 1;
    }
    assert!(refused > 10, "{refused} operations are not all that a start needs");
}

/// A start in which something is not read; says whether there was something, and whether the start listened.
fn reads_fail(start: &Place, before: Before, webhook: &Webhook, how: &str) -> (bool, bool) {
    let place = Place::with_config(&config(webhook, "reads"));
    copy_folder(&start.path().join("data"), &place.path().join("data"));
    let (data, hit) = (place.path().join("data"), place.path().join("hit"));
    let is_whole = |andon: &Andon| {
        let ready = andon.get("/-/ready");
        assert!(ready.status() == 200 && ready.body == "OK", "{how}: {}\n{}", ready.body, andon.log());
        let alerts = andon.get("/api/v2/alerts").json();
        let count = alerts.as_array().expect("a list").len();
        assert_eq!(count, OLD * before.lives(), "{how}: {alerts}\n{}", andon.log());
    };
    let mut command = place.command(&[]);
    disk::fail_reads(&mut command, &data, how, &hit);
    let mut andon = Andon::spawn(command);
    let listened = andon.listens();
    if listened {
        is_whole(&andon);
    } else {
        assert_eq!(andon.wait().code(), Some(1));
        until(Duration::from_secs(5), "it says why it does not start", || {
            andon.log().contains("os error").then_some(())
        });
    }
    let met = hit.exists();
    let log = andon.log();
    andon.kill();
    let names = fs::read_dir(&data).expect("a folder").flatten().map(|file| file.file_name());
    let aside: Vec<_> = names.filter(|name| name.to_string_lossy().contains("damaged")).collect();
    assert!(aside.is_empty(), "{how}: {aside:?} was set aside\n{log}");
    is_whole(&place.start(&[]));
    (met, listened)
}

/// What was taken and what was refused.
#[derive(Default)]
struct Book {
    taken: BTreeSet<String>,
    over: BTreeSet<String>,
    refused: BTreeSet<String>,
    /// The groups that somebody has taken on.
    taken_on: BTreeSet<String>,
}

impl Book {
    fn tell(&mut self, andon: &Andon, how: &str) {
        for number in 0..4 {
            let id = format!("again-{number}");
            until(Duration::from_secs(20), "what failed once works again", || {
                was_taken(&andon.request("POST", "/api/v2/alerts", &alert(&id, false)), how).then_some(())
            });
            self.taken.insert(id);
            let id = format!("once-{number}");
            let taken = was_taken(&andon.request("POST", "/api/v2/alerts", &alert(&id, false)), how);
            let book = if taken { &mut self.taken } else { &mut self.refused };
            book.insert(id);
        }
        let id = "again-0".to_owned();
        until(Duration::from_secs(20), "what failed once works again", || {
            was_taken(&andon.request("POST", "/api/v2/alerts", &alert(&id, true)), how).then_some(())
        });
        self.over.insert(id);
        let id = "again-1".to_owned();
        let path = format!("/api/andon/v1/groups/{}/ack", group_key_hash(&group_key(&id)));
        let body = json!({"who": "ann", "comment": "mine", "until": "1h"}).to_string();
        until(Duration::from_secs(20), "what failed once works again", || {
            was_taken(&andon.request("POST", &path, &body), how).then_some(())
        });
        self.taken_on.insert(group_key(&id));
    }

    /// All that was taken is told, once it was decided under one name however often, and nothing that was refused.
    fn must_be_told(&self, webhook: &Webhook, how: &str) {
        let begin = format!("POST /{how} ");
        let told = || webhook.told().into_iter().filter(|message| message.first_line.starts_with(&begin));
        let says = |body: &Value, id: &str, status: &str| {
            let alerts = body["alerts"].as_array().into_iter().flatten();
            alerts.into_iter().any(|alert| alert["labels"]["id"] == id && alert["status"] == status)
        };
        until(Duration::from_secs(30), &format!("{how}: all is told"), || {
            let bodies: Vec<_> = told().map(|message| message.json()).collect();
            let is_told = |id: &String, status| bodies.iter().any(|body| says(body, id, status));
            let firing = self.taken.iter().map(String::as_str).chain(["after"]);
            let firing = firing.map(str::to_owned).all(|id| is_told(&id, "firing"));
            (firing && self.over.iter().all(|id| is_told(id, "resolved"))).then_some(())
        });
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for message in told() {
            let body = message.json();
            let refused = self.refused.iter().find(|id| says(&body, id, "firing"));
            assert!(refused.is_none(), "{how}: {refused:?} was refused and is told");
            let name = message.header("webhook-id").expect("every notification has a name").to_owned();
            names.entry(format!("{} {}", body["groupKey"], body["status"])).or_default().insert(name);
        }
        let twice = names.iter().find(|(_, names)| names.len() > 1);
        assert!(twice.is_none(), "{how}: one thing is told under several names: {twice:?}");
    }

    fn must_hold(&self, andon: &Andon, how: &str) {
        let alerts = andon.get("/api/v2/alerts").json();
        let ids = alerts.as_array().expect("a list").iter().filter_map(|alert| alert["labels"]["id"].as_str());
        let firing: BTreeSet<_> = ids.map(str::to_owned).collect();
        let expected: BTreeSet<_> = self.taken.difference(&self.over).cloned().collect();
        assert!(firing.is_superset(&expected), "{how}: {expected:?} were taken, {firing:?} are there");
        assert!(firing.is_disjoint(&self.refused), "{how}: {:?} were refused, {firing:?} are there", self.refused);
        assert!(firing.is_disjoint(&self.over), "{how}: {:?} are over, {firing:?} fire", self.over);
        let groups = andon.get("/api/andon/v1/groups").json();
        let groups = groups.as_array().expect("a list").iter();
        let acknowledged = groups.filter(|group| !group["acknowledged"].is_null());
        let acknowledged: BTreeSet<_> =
            acknowledged.filter_map(|group| group["key"].as_str().map(str::to_owned)).collect();
        assert_eq!(acknowledged, self.taken_on, "{how}: the groups that somebody has taken on");
        let answer = andon.request("POST", "/api/v2/alerts", &alert("after", false));
        assert_eq!(answer.status(), 200, "{how}: {}", answer.body);
    }
}

fn group_key(id: &str) -> String {
    format!("{{}}:{{id=\"{id}\"}}")
}

fn was_taken(answer: &Message, how: &str) -> bool {
    let refused = answer.status() == 503 && answer.header("retry-after").is_some();
    assert!(answer.status() == 200 || refused, "{how}: {}: {}", answer.status(), answer.body);
    answer.status() == 200
}

fn alert(id: &str, over: bool) -> String {
    let mut alert = json!({"labels": {"alertname": "PumpHot", "id": id}});
    if over {
        alert["endsAt"] = Clock::System.now().to_string().into();
    }
    json!([alert]).to_string()
}

fn prepared(before: Before, webhook: &Webhook) -> Place {
    let place = Place::with_config(&config(webhook, "prepared"));
    let data = place.path().join("data");
    fs::create_dir(&data).expect("a new folder");
    // Room that need not be written again in each run; a file with a hole has its length.
    File::create(data.join("ballast")).and_then(|file| file.set_len(16 << 20)).expect("there is room");
    for spare in 1..=4 {
        File::create(data.join(format!("ballast.{spare}"))).expect("there is room");
    }
    let text = if matches!(before, Before::KilledWithLarge) { "x".repeat(100_000) } else { String::new() };
    for life in 0..before.lives() {
        let andon = place.start(&[]);
        for number in 0..OLD {
            let labels = json!({"alertname": "Old", "id": format!("{life}-{number}")});
            let body = json!([{"labels": labels, "annotations": {"text": text}}]).to_string();
            assert_eq!(andon.request("POST", "/api/v2/alerts", &body).status(), 200);
        }
        match before {
            Before::Killed | Before::KilledWithLarge => andon.kill(),
            _ => drop(andon.stop()),
        }
    }
    if matches!(before, Before::Damaged) {
        damage(&data.join("journal/db"));
    }
    place
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("it was written");
    bytes.iter_mut().take(64).for_each(|byte| *byte ^= 0x5A);
    fs::write(path, bytes).expect("there is room");
}
