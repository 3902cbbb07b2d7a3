//! Power cuts, simulated on every file of the store, names in folders included: what was acknowledged is there.
//!
//! The real program runs with a shim between it and its files: it starts, takes load, ends with a checkpoint, several
//! times. Then the disk is built as a power cut at a random instant may have left it, the store is opened, and all that
//! was acknowledged before that instant must be in it, whole. What a receiver was told before it was decided and stored
//! before, and is known to have been: two receivers are there to see it, one with bad spells and one that never answers. One
//! such disk is then the start of another life.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use andon::core::outbox::{Thread, group_key_hash};
use andon::time::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::disk::log::{self, Step};
use crate::disk::model::Disk;
use crate::disk::record;
use crate::disk::state::State;
use crate::support::copy_folder;
use crate::support::http::Client;
use crate::support::process::{Andon, Place};
use crate::support::random::{Random, budget};
use crate::support::webhook::Webhook;

/// Those who are told, by their place among the receiver's webhooks.
struct Told([Webhook; 2]);

impl Told {
    fn start(random: &mut Random) -> Self {
        let hooks = [Webhook::start(), Webhook::start()];
        hooks[0].has_bad_spells(Some(Random::of(random.next())));
        hooks[1].never_answers();
        Self(hooks)
    }

    /// Each alert is a group of its own, which is told at once.
    fn config(&self) -> String {
        format!(
            "route: {{receiver: plant, group_by: [id], group_wait: 0s, group_interval: 200ms}}\n\
             receivers: [{{name: plant, webhook_configs: [{{url: '{}'}}, {{url: '{}'}}]}}]\n",
            self.0[0].url(),
            self.0[1].url()
        )
    }
}

/// What was acknowledged or seen outside, and how long the log was by then.
struct Acknowledged {
    log: usize,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Fires(String),
    Over(String),
    Silence(String),
    SilenceEnded(String),
    /// Somebody took on the group of this alert.
    TakenOn(String),
    /// A webhook was told of an alert, by a notification with this name.
    Told {
        hook: usize,
        name: String,
        alert: String,
        firing: bool,
    },
}

/// What a process did to its disk, and what it acknowledged.
struct Recording {
    log: Vec<u8>,
    steps: Vec<(usize, Step)>,
    acknowledged: Vec<Acknowledged>,
}

#[test]
fn nothing_acknowledged_is_lost_by_a_power_cut() {
    let mut random = Random::for_test("power_loss");
    let cuts = budget(120, 2_000);
    let told = Told::start(&mut random);
    let place = Place::with_config(&told.config());
    let recording = recorded(&place, &told, &mut random, 0..4);
    // The first cuts begin with an empty disk, the others with what one of them left.
    let base = TempDir::new().expect("a folder for the test");
    let (mut disk, middle) = (Disk::default(), recording.steps.len() * 2 / 3);
    recording.steps[..middle].iter().for_each(|(_, step)| disk.take(step, &recording.log));
    disk.cut(&mut random, &recording.log, place.path(), base.path());
    try_cuts(&recording, Disk::default(), place.path(), &mut random, cuts * 2 / 3);

    let before = recording.acknowledged_at(recording.steps[middle - 1].0);
    let again = Place::with_config(&told.config());
    copy_folder(&base.path().join("data"), &again.path().join("data"));
    let disk = Disk::holding(again.path());
    let mut recording = recorded(&again, &told, &mut random, 4..6);
    recording.acknowledged.extend(before.into_iter().map(|what| Acknowledged { log: 0, what }));
    try_cuts(&recording, disk, again.path(), &mut random, cuts / 3);
}

/// Runs so many lives with load; each but the last ends well, and the next goes on from it.
fn recorded(place: &Place, told: &Told, random: &mut Random, lives: std::ops::Range<u64>) -> Recording {
    let outside = TempDir::new().expect("a folder for the log");
    let log = outside.path().join("disk.log");
    let acknowledged = Mutex::new(Vec::new());
    for life in lives.clone() {
        let mut command = place.command(&[]);
        record(&mut command, place.path(), &log);
        let seen: Vec<_> = told.0.iter().map(|webhook| webhook.told().len()).collect();
        let (andon, ended) = (Andon::start(command), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for (hook, webhook) in told.0.iter().enumerate() {
                let (log, acknowledged, ended, seen) = (&log, &acknowledged, &ended, seen[hook]);
                scope.spawn(move || look_on(hook, webhook, seen, log, ended, acknowledged));
            }
            std::thread::scope(|scope| {
                for client in 0..2 {
                    let random = Random::of(random.next());
                    let (andon, log, acknowledged) = (&andon, &log, &acknowledged);
                    scope.spawn(move || load(andon, log, format!("{life}-{client}"), random, acknowledged));
                }
            });
            if life + 1 < lives.end {
                assert_eq!(andon.stop().code(), Some(0));
            } else {
                andon.kill();
            }
            ended.store(true, Ordering::SeqCst);
        });
    }
    let log = std::fs::read(log).expect("the shim wrote a log");
    let acknowledged = acknowledged.into_inner().expect("no thread panicked");
    let count = |is: fn(&What) -> bool| acknowledged.iter().filter(|one| is(&one.what)).count();
    let told = [
        count(|what| matches!(what, What::Told { hook: 0, .. })),
        count(|what| matches!(what, What::Told { hook: 1, .. })),
    ];
    let taken_on = count(|what| matches!(what, What::TakenOn(_)));
    println!("{} were acknowledged or seen, {told:?} told, {taken_on} taken on", acknowledged.len());
    assert!(acknowledged.len() > 100 && told[0].min(told[1]) > 20 && taken_on > 5, "there was load");
    Recording { steps: log::read(&log), log, acknowledged }
}

/// Notes what a webhook is told after the first so many, until the process has ended.
fn look_on(
    hook: usize,
    webhook: &Webhook,
    mut seen: usize,
    log: &Path,
    ended: &AtomicBool,
    acknowledged: &Mutex<Vec<Acknowledged>>,
) {
    loop {
        let last = ended.load(Ordering::SeqCst);
        if last {
            webhook.drained();
        }
        let told = webhook.told_since(seen);
        seen += told.len();
        let log = std::fs::metadata(log).map_or(0, |log| log.len() as usize);
        let mut acknowledged = acknowledged.lock().expect("no thread panicked");
        for message in told {
            let name = message.header("webhook-id").expect("every notification has a name").to_owned();
            let alert = &message.json()["alerts"][0];
            let (firing, alert) = (alert["status"] == "firing", alert["labels"]["id"].as_str().expect("an id").into());
            acknowledged.push(Acknowledged { log, what: What::Told { hook, name, alert, firing } });
        }
        drop(acknowledged);
        if last {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn load(andon: &Andon, log: &Path, name: String, mut random: Random, acknowledged: &Mutex<Vec<Acknowledged>>) {
    let mut client = Client::connect(andon.address()).expect("it listens");
    let until = Instant::now() + Duration::from_millis(700);
    let (mut fires, mut silences, mut number) = (Vec::new(), Vec::new(), 0);
    // A busy machine takes longer for what the test needs.
    while Instant::now() < until || number < 60 {
        number += 1;
        let now = Clock::System.now();
        let (method, path, body, what) = match random.below(7) {
            0 if !fires.is_empty() => {
                let id: String = fires.swap_remove(random.below(fires.len() as u64) as usize);
                ("POST", "/api/v2/alerts".into(), alert(&id, "", Some(now.to_string())), What::Over(id))
            }
            1 => ("POST", "/api/v2/silences".into(), silence(now), What::Silence(String::new())),
            2 if !silences.is_empty() => {
                let id: String = silences.swap_remove(random.below(silences.len() as u64) as usize);
                ("DELETE", format!("/api/v2/silence/{id}"), String::new(), What::SilenceEnded(id))
            }
            3 if !fires.is_empty() => {
                let id: &String = &fires[random.below(fires.len() as u64) as usize];
                let path = format!("/api/andon/v1/groups/{}/ack", group_key_hash(&group_key(id)));
                let body = json!({"who": "ann", "comment": "mine", "until": "1h"}).to_string();
                ("POST", path, body, What::TakenOn(id.clone()))
            }
            _ => {
                let id = format!("{name}-{number}");
                // Some entries of the journal have several parts.
                let text = "x".repeat(random.below(3) as usize * 5_000);
                fires.push(id.clone());
                ("POST", "/api/v2/alerts".into(), alert(&id, &text, None), What::Fires(id))
            }
        };
        let answer = client.request(method, &path, &body).expect("it answers");
        assert_eq!(answer.status(), 200, "{}", answer.body);
        let what = match what {
            What::Silence(_) => {
                let id = answer.json()["silenceID"].as_str().expect("an id").to_owned();
                silences.push(id.clone());
                What::Silence(id)
            }
            what => what,
        };
        let log = std::fs::metadata(log).expect("the shim writes a log").len() as usize;
        acknowledged.lock().expect("no thread panicked").push(Acknowledged { log, what });
    }
}

/// The key of the group of an alert.
fn group_key(id: &str) -> String {
    format!("{{}}:{{id=\"{id}\"}}")
}

fn alert(id: &str, text: &str, ends_at: Option<String>) -> String {
    let mut alert = json!({"labels": {"alertname": "PumpHot", "id": id}, "annotations": {"text": text}});
    if let Some(at) = ends_at {
        alert["endsAt"] = at.into();
    }
    Value::Array(vec![alert]).to_string()
}

fn silence(now: andon::time::Timestamp) -> String {
    let ends_at = now.after(Duration::from_secs(3_600)).to_string();
    let matchers = json!([{"name": "id", "value": "none", "isRegex": false}]);
    let starts_at = now.to_string();
    json!({"matchers": matchers, "createdBy": "a", "comment": "b", "startsAt": starts_at, "endsAt": ends_at})
        .to_string()
}

impl Recording {
    /// What was acknowledged before the log had this length.
    fn acknowledged_at(&self, log: usize) -> Vec<What> {
        let mut before: Vec<_> = self.acknowledged.iter().filter(|one| one.log <= log).collect();
        before.sort_by_key(|one| one.log);
        before.into_iter().map(|one| one.what.clone()).collect()
    }
}

/// Cuts the power at random instants and looks what is left.
fn try_cuts(recording: &Recording, mut disk: Disk, place: &Path, random: &mut Random, cuts: u64) {
    let mut instants: Vec<_> =
        (0..cuts).map(|_| (random.below(recording.steps.len() as u64) as usize, random.next())).collect();
    instants.sort_unstable();
    let (mut taken, lost) = (0, Mutex::new(Vec::new()));
    for at_once in instants.chunks(4) {
        std::thread::scope(|scope| {
            for (instant, seed) in at_once {
                for (_, step) in &recording.steps[taken..=*instant] {
                    disk.take(step, &recording.log);
                }
                taken = taken.max(instant + 1);
                let folder = TempDir::new().expect("a folder for the test");
                disk.cut(&mut Random::of(*seed), &recording.log, place, folder.path());
                let (expected, lost) = (recording.acknowledged_at(recording.steps[*instant].0), &lost);
                scope.spawn(move || {
                    if let Err(what) = holds(&folder.path().join("data"), &expected) {
                        lost.lock().expect("no thread panicked").push(format!("cut at step {instant}: {what}"));
                    }
                });
            }
        });
    }
    let lost = lost.into_inner().expect("no thread panicked");
    assert!(lost.is_empty(), "{} of {cuts} cuts:\n{}", lost.len(), lost.join("\n"));
}

/// Opens the store and compares it with what must be in it.
fn holds(folder: &Path, expected: &[What]) -> Result<(), String> {
    let (state, damage, _) = State::open(folder, false).map_err(|error| error.to_string())?;
    if let Some(damage) = damage {
        return Err(format!("it is taken for damaged: {damage}"));
    }
    let now = Clock::System.now();
    let is_over = |id: &str| state.is_over(id);
    let believes = |hook: usize, alert: &str| {
        let group_key = group_key(alert);
        let of = |thread: &Thread| thread.index as usize == hook && *thread.group_key == *group_key;
        state.told.iter().any(|(thread, told)| of(thread) && !(told.open.is_empty() && told.firing.is_empty()))
    };
    let waiting: BTreeSet<_> = state.outbox.values().map(|row| row.notification_id()).collect();
    let waits = |name: &String| waiting.contains(name);
    let missing = expected.iter().find(|what| match what {
        What::Fires(id) => !state.alerts.contains_key(id),
        What::Over(id) => !is_over(id),
        What::Silence(id) => !state.silences.contains_key(id),
        What::SilenceEnded(id) => state.silences.get(id).is_none_or(|silence| silence.ends_at > now),
        What::TakenOn(id) => !state.taken_on.contains(&*group_key(id)) && !is_over(id),
        // A newer state of the thread may have taken its place.
        What::Told { hook, name, alert, firing: true } => !waits(name) && !believes(*hook, alert) && !is_over(alert),
        What::Told { hook, name, alert, firing: false } => !waits(name) && believes(*hook, alert),
    });
    missing.map_or(Ok(()), |what| Err(format!("{what:?} was acknowledged and is not there")))
}

/// Each name on the way to the store is durable before there is anything under it.
#[test]
fn every_folder_that_is_made_for_the_store_is_synced_into_the_one_above() {
    for relative in [true, false] {
        let place = Place::with_config("route: {receiver: plant}\nreceivers: [{name: plant}]\n");
        let (here, log) = (place.path().canonicalize().expect("it is there"), place.path().join("log"));
        let data = here.join("plant/line/data");
        let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
        command.arg(format!("--config.file={}", place.config_file().display())).current_dir(&here);
        command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
        if !relative {
            command.arg(format!("--storage.path={}", data.display()));
        }
        record(&mut command, &here, &log);
        drop(Andon::start(command));
        let steps = log::read(&std::fs::read(&log).expect("it was written"));
        let step =
            |wanted: Step| steps.iter().position(|(_, step)| *step == wanted).unwrap_or_else(|| panic!("{wanted:?}"));
        if relative {
            step(Step::FolderSynced { path: here });
            continue;
        }
        let mut before = 0;
        for folder in [&here.join("plant"), &here.join("plant/line"), &data] {
            let made = step(Step::FolderMade { path: folder.clone() });
            assert!(made >= before, "{} is made in a folder that is durable", folder.display());
            let above = folder.parent().expect("it has one").to_owned();
            before = step(Step::FolderSynced { path: above });
            assert!(before > made, "{} is durable", folder.display());
        }
    }
}
