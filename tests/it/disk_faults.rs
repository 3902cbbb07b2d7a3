//! Every operation on the store's files fails once: the N-th, for N = 1, 2, … until a run meets no failure.
//!
//! Whatever fails, the program takes what it can store and refuses the rest with 503, or does not start and says why; it
//! goes on by itself when the disk does; and the next start has all that was taken, nothing that was refused, and does
//! not take the store for damaged.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use andon::time::Clock;
use serde_json::json;

use crate::disk;
use crate::support::copy_folder;
use crate::support::http::Message;
use crate::support::process::{Andon, Place};
use crate::support::random::budget;
use crate::support::until;

const CONFIG: &str = "route: {receiver: plant}\nreceivers: [{name: plant}]\n";
/// What an operation answers.
const KINDS: [&str; 3] = ["EIO", "ENOSPC", "SHORT"];
/// Runs at the same time; most of each is waiting.
const AT_ONCE: usize = 6;

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
    for before in scenarios.into_iter().take(budget(1, 6) as usize) {
        let start = prepared(before);
        // With all other tests the kinds take turns, in the long run each operation fails in each way.
        for kinds in if budget(0, 1) == 0 { vec![&KINDS[..]] } else { KINDS.chunks(1).collect() } {
            let met = every_operation(&start, before, kinds);
            println!("{before:?} {kinds:?}: {met} operations failed");
            assert!(met > 30, "{met} operations are not all");
        }
    }
}

/// Fails one operation after the other; says how many there are.
fn every_operation(start: &Place, before: Before, kinds: &[&str]) -> u64 {
    let (next, all_met) = (AtomicU64::new(1), AtomicBool::new(false));
    let met = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !all_met.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let kind = kinds[number as usize % kinds.len()];
                    if fails_once(start, before, &format!("{number}:{kind}")) {
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
fn fails_once(start: &Place, before: Before, how: &str) -> bool {
    let place = Place::with_config(CONFIG);
    if start.path().join("data").exists() {
        copy_folder(&start.path().join("data"), &place.path().join("data"));
    }
    let (data, hit) = (place.path().join("data"), place.path().join("hit"));
    let mut command = place.command(&[]);
    disk::fail(&mut command, &data, how, &hit);
    let mut book = Book::default();
    if let Some(mut andon) = Andon::spawn(command).if_it_listens() {
        book.tell(&andon, how);
        andon.signal("TERM");
        andon.wait();
        // sled gives up by panicking, which is caught.
        assert!(!andon.log().contains("panicked at src/"), "{how}\n{}", andon.log());
    }
    let andon = place.start(&[]);
    book.must_hold(&andon, how);
    let ready = andon.get("/-/ready");
    let damaged = matches!(before, Before::Damaged);
    assert!(ready.status() == 200 && (damaged || ready.body == "OK"), "{how}: {}", ready.body);
    hit.exists()
}

/// The disk fails for good at the N-th operation of a start, so the end of what was opened fails as well.
#[test]
fn a_disk_that_fails_for_good_while_it_starts_is_told_as_an_error() {
    let start = prepared(Before::EndedWell);
    let mut refused = 0;
    for number in 1.. {
        let place = Place::with_config(CONFIG);
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

/// What was taken and what was refused.
#[derive(Default)]
struct Book {
    taken: BTreeSet<String>,
    over: BTreeSet<String>,
    refused: BTreeSet<String>,
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
    }

    fn must_hold(&self, andon: &Andon, how: &str) {
        let alerts = andon.get("/api/v2/alerts").json();
        let ids = alerts.as_array().expect("a list").iter().filter_map(|alert| alert["labels"]["id"].as_str());
        let firing: BTreeSet<_> = ids.map(str::to_owned).collect();
        let expected: BTreeSet<_> = self.taken.difference(&self.over).cloned().collect();
        assert!(firing.is_superset(&expected), "{how}: {expected:?} were taken, {firing:?} are there");
        assert!(firing.is_disjoint(&self.refused), "{how}: {:?} were refused, {firing:?} are there", self.refused);
        assert!(firing.is_disjoint(&self.over), "{how}: {:?} are over, {firing:?} fire", self.over);
        let answer = andon.request("POST", "/api/v2/alerts", &alert("after", false));
        assert_eq!(answer.status(), 200, "{how}: {}", answer.body);
    }
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

fn prepared(before: Before) -> Place {
    let place = Place::with_config(CONFIG);
    let data = place.path().join("data");
    fs::create_dir(&data).expect("a new folder");
    // Room that need not be written again in each run; a file with a hole has its length.
    File::create(data.join("ballast")).and_then(|file| file.set_len(16 << 20)).expect("there is room");
    for spare in 1..=4 {
        File::create(data.join(format!("ballast.{spare}"))).expect("there is room");
    }
    let text = if matches!(before, Before::KilledWithLarge) { "x".repeat(100_000) } else { String::new() };
    let lives = match before {
        Before::Nothing => 0,
        Before::EndedWellThrice => 3,
        _ => 1,
    };
    for life in 0..lives {
        let andon = place.start(&[]);
        for number in 0..3 {
            let labels = json!({"alertname": "Old", "number": format!("{life}-{number}")});
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
