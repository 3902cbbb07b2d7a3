//! Kills under load, on the same data: a hundred at random moments, and three at each named point between a decision and
//! what follows from it, while the receiver has spells in which it answers 503, or takes what it is told and closes the
//! connection. What was accepted is told, and resolved, and told so.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use andon::failpoint::Point;
use andon::time::Clock;
use serde_json::{Value, json};

use crate::support::http::{Client, Message};
use crate::support::process::{Andon, Place};
use crate::support::random::{Random, budget};
use crate::support::until;
use crate::support::webhook::Webhook;

const ALERTS_PER_LOT: u64 = 5;
/// How many kills one trial consists of.
const KILLS: u64 = 100;
/// How often it ends at each named point.
const TIMES: usize = 3;
/// How many attempts Andon may have in flight to one receiver: so many may be doubled by a crash.
const IN_FLIGHT: usize = 64;
/// How old an answer may be that was not stored when a crash came: its commit takes milliseconds, on a busy machine more.
const UNSTORED: Duration = Duration::from_secs(2);
/// How many requests, one after the other, may be accepted between an answer and a crash that it was not stored by: each
/// is a commit, and an answer is in the one that follows it, or a little later where who reads it was kept from running.
/// Every link of a chain of crashes is held to that; how long a chain is depends on the receiver, which may refuse meanwhile.
const UNSTORED_COMMITS: usize = 10;
/// Every alert but those of each tenth lot is resolved once it was told.
const KEPT: u64 = 10;
/// Of each fifth lot but those, some alerts are over as soon as they fire.
const FLEETING: u64 = 5;

/// What Andon answered with 200.
#[derive(Default)]
struct Accepted {
    lots: u64,
    fired: BTreeSet<String>,
    resolved: BTreeSet<String>,
    /// Of what an end was sent, whether that was answered or not: an end of which only the answer was lost counts.
    ended: BTreeSet<String>,
    /// What was to end as soon as it fired, whether that was answered or not: it need not be told, but if it was told
    /// firing, and its end was accepted, that is told too.
    fleeting: BTreeSet<String>,
    /// When each of the requests that fire was sent and answered, in order.
    commits: Vec<(Instant, Instant)>,
    silences: BTreeSet<String>,
    /// Those of them that were ended by hand.
    expired: BTreeSet<String>,
}

/// A folder, a receiver with a book, and what the book must hold in the end.
struct Trial {
    place: Place,
    webhook: Webhook,
    accepted: Mutex<Accepted>,
    ends: Vec<End>,
}

/// How a life ended.
struct End {
    /// How much was told by then.
    told: usize,
    at: Instant,
}

#[test]
fn nothing_accepted_is_forgotten_by_a_hundred_kills() {
    let mut random = Random::for_test("crash");
    // Each time in a folder of its own: what many lives leave behind makes the next start take long, and finds nothing more.
    for _ in 0..budget(1, 20) {
        let mut trial = Trial::new(random.clone());
        for _ in 0..KILLS {
            let moment = Duration::from_millis(30 + random.below(370));
            let andon = trial.place.start(&["--alerts.gc-interval=1s"]);
            trial.life(andon, |andon| {
                std::thread::sleep(moment);
                andon.signal("KILL");
                Instant::now()
            });
        }
        trial.must_hold(KILLS);
    }
}

#[test]
fn nothing_accepted_is_forgotten_by_an_end_at_any_named_point() {
    let mut random = Random::for_test("crash_at_points");
    for _ in 0..budget(1, 17) {
        let mut trial = Trial::new(random.clone());
        for point in Point::ALL.into_iter().flat_map(|point| [point; TIMES]) {
            trial.end_at(point, &mut random);
        }
        trial.must_hold(TIMES as u64);
    }
}

impl Trial {
    fn new(random: Random) -> Self {
        let webhook = Webhook::start();
        webhook.has_bad_spells(Some(random));
        let place = Place::with_config(&config(&webhook, "4h"));
        Self { place, webhook, accepted: Mutex::default(), ends: Vec::new() }
    }

    /// A life that ends at a named point.
    fn end_at(&mut self, point: Point, random: &mut Random) {
        let passing = match point {
            Point::ReloadCommitted | Point::Drained | Point::CheckpointWritten | Point::CheckpointRenamed => 1,
            _ => 2 + random.below(20),
        };
        let failpoint = format!("{}:{passing}", point.name());
        let mut command = self.place.command(&["--alerts.gc-interval=1s"]);
        command.env("ANDON_FAILPOINT", &failpoint);
        self.life(Andon::start(command), |andon| {
            // Those that only the end reaches, and those that a slow machine takes long to reach.
            let patience = Duration::from_secs(if passing == 1 { 1 } else { 10 });
            if !andon.ends_within(patience) {
                andon.signal("TERM");
            }
            assert_eq!(andon.wait().signal(), Some(9), "a failpoint kills");
            let ended = Instant::now();
            until(Duration::from_secs(5), "the log is read", || {
                andon.log().contains(&format!("ended at the failpoint {}", point.name())).then_some(())
            });
            ended
        });
    }

    /// Loads a running Andon with alerts, resolves, silences and reloads until `end` has ended it, and says when.
    fn life(&mut self, mut andon: Andon, end: impl FnOnce(&mut Andon) -> Instant) {
        let (address, ended) = (andon.address().to_owned(), AtomicBool::new(false));
        let at = std::thread::scope(|scope| {
            scope.spawn(|| fire(&address, &self.accepted));
            scope.spawn(|| resolve(&address, &self.accepted, &self.webhook));
            scope.spawn(|| silence(&address, &self.accepted));
            scope.spawn(|| reload(&address, &self.place, &self.webhook, &ended));
            let at = end(&mut andon);
            ended.store(true, Ordering::SeqCst);
            at
        });
        andon.kill();
        self.ends.push(End { told: self.webhook.drained(), at });
    }

    /// Starts a last time, lets everything come to rest, and compares the book with what was accepted.
    fn must_hold(self, lives: u64) {
        self.webhook.has_bad_spells(None);
        let andon = self.place.start(&[]);
        let accepted = lock(&self.accepted);
        assert!(accepted.lots > lives && accepted.silences.len() > 20, "there was load");
        until(Duration::from_secs(60), "everything accepted is told", || {
            let told = statuses(&self.webhook.told());
            let has = |alert: &String, firing| told.contains(&(alert.clone(), firing));
            let is_told = |alert: &String| has(alert, true) || accepted.fleeting.contains(alert);
            let is_told_over =
                |alert: &String| has(alert, false) || (accepted.fleeting.contains(alert) && !has(alert, true));
            let all = accepted.fired.iter().all(is_told) && accepted.resolved.iter().all(is_told_over);
            all.then_some(())
        });
        let kept: BTreeSet<_> = texts(&andon.get("/api/v2/alerts").json(), |alert| &alert["labels"]["id"]);
        let over = |alert: &&String| accepted.ended.contains(*alert) || accepted.fleeting.contains(*alert);
        let firing: BTreeSet<_> = accepted.fired.iter().filter(|alert| !over(alert)).cloned().collect();
        let forgotten: Vec<_> = firing.difference(&kept).collect();
        assert!(forgotten.is_empty(), "alerts were forgotten: {forgotten:?}");
        let in_doubt = accepted.ended.difference(&accepted.resolved).filter(|alert| !kept.contains(*alert));
        let in_doubt: Vec<_> = in_doubt.map(|alert| (alert.clone(), false)).collect();
        until(Duration::from_secs(20), "what is over although nothing said so is told", || {
            let told = statuses(&self.webhook.told());
            in_doubt.iter().all(|over| told.contains(over)).then_some(())
        });
        assert_eq!(kept.intersection(&accepted.resolved).count(), 0, "what was resolved fires again");
        let silences = andon.get("/api/v2/silences").json();
        let known = texts(&silences, |silence| &silence["id"]);
        assert_eq!(accepted.silences.difference(&known).count(), 0, "silences were forgotten");
        let mut active = silences.as_array().expect("a list").clone();
        active.retain(|silence| silence["status"]["state"] != "expired");
        let active = texts(&active.into(), |silence| &silence["id"]);
        assert_eq!(accepted.expired.intersection(&active).count(), 0, "silences that were ended hold again");
        let unanswered = self.webhook.unanswered();
        let alerts = (accepted.fired.len(), accepted.resolved.len(), accepted.fleeting.len());
        let counts = (alerts, known.len(), self.webhook.told().len(), unanswered.len());
        println!(
            "{counts:?} alerts fired, resolved and fleeting, silences, notifications, and those without an answer"
        );
        assert!(unanswered.len() > 5 && accepted.fleeting.len() > 5, "it was rough");
        let history = |lot: &str| {
            let filter = [format!("lot={}", lot.trim_matches('"')), "--limit=0".to_owned()];
            let words = ["history", "--url", &format!("http://{}", andon.address()), "--output=json"];
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_andon"));
            let output = command.args(words).args(filter).output().expect("andon runs");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        doubles_are_those_in_flight(&self.webhook, &self.ends, &accepted.commits, history);
    }
}

/// The same notification comes again only if it was not answered, or after a crash that came before its answer was stored,
/// under its id, and no more often than it may have been in flight; and no other notification says the same.
fn doubles_are_those_in_flight(
    webhook: &Webhook,
    ends: &[End],
    commits: &[(Instant, Instant)],
    history: impl Fn(&str) -> String,
) {
    let (told, unanswered, answered) = (webhook.told(), webhook.unanswered(), webhook.answered());
    let life = |place: usize| ends.iter().filter(|end| end.told <= place).count();
    let mut last_place: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last_said = BTreeMap::new();
    let mut doubles = vec![0; ends.len() + 1];
    let mut oldest = <(usize, Duration)>::default();
    for (place, message) in told.iter().enumerate() {
        let id = message.header("webhook-id").expect("every notification has an id");
        let before = last_place.insert(id, place);
        if let Some(before) = before.filter(|before| !unanswered.contains(before)) {
            let (then, now) = (life(before), life(place));
            assert!(then < now, "{id} was told twice without a crash in between");
            doubles[now] += 1;
            // Where there is no moment, the crash came before the answer was on its way.
            if let Some(at) = answered.get(&before) {
                let end = ends[then].at;
                let since = |(sent, taken): &&(Instant, Instant)| sent >= at && *taken <= end;
                let age = (commits.iter().filter(since).count(), end.duration_since(*at));
                let kept = age.0 <= UNSTORED_COMMITS && age.1 <= UNSTORED;
                assert!(kept, "{id} was told again, although it was answered {age:?} (commits, time) before the crash");
                oldest = oldest.max(age);
            }
        }
        let said = statuses(std::slice::from_ref(message));
        let lot = message.json()["groupLabels"]["lot"].to_string();
        if let Some((other, same)) = last_said.insert(lot.clone(), (id, said.clone())) {
            let of_lot = || {
                let of_lot = told
                    .iter()
                    .enumerate()
                    .filter(|(_, told)| told.json()["groupLabels"] == message.json()["groupLabels"]);
                let line = |(place, told): (usize, &Message)| {
                    let (id, answered) = (told.header("webhook-id"), answered.contains_key(&place));
                    format!("life {}, answered {answered}: {id:?} {}", life(place), told.json())
                };
                of_lot.map(line).collect::<Vec<_>>().join("\n")
            };
            assert!(other == id || same != said, "{other} and {id} say the same:\n{}\n{}", of_lot(), history(&lot));
        }
    }
    let most = doubles.iter().max().copied().unwrap_or_default();
    let count = doubles.iter().sum::<usize>();
    println!(
        "{count} doubles, at most {most} by one crash, so many commits, and so long, after the answer: {oldest:?}"
    );
    assert!(most <= IN_FLIGHT, "{most} notifications were doubled by one crash");
}

fn config(webhook: &Webhook, repeat: &str) -> String {
    format!(
        "route: {{receiver: plant, group_by: [lot], group_wait: 200ms, group_interval: 1s, repeat_interval: {repeat}}}\n\
         receivers:\n- name: plant\n  webhook_configs: [{{url: '{}'}}]\n",
        webhook.url()
    )
}

fn fire(address: &str, accepted: &Mutex<Accepted>) {
    let Ok(mut client) = Client::connect(address) else { return };
    loop {
        let lot = {
            let mut accepted = lock(accepted);
            accepted.lots += 1;
            accepted.lots
        };
        let ids: Vec<_> = (0..ALERTS_PER_LOT).map(|number| format!("{lot}-{number}")).collect();
        let sent = Instant::now();
        if !post_alerts(&mut client, &ids, false) {
            return;
        }
        lock(accepted).commits.push((sent, Instant::now()));
        lock(accepted).fired.extend(ids.iter().cloned());
        if lot.is_multiple_of(FLEETING) && !lot.is_multiple_of(KEPT) {
            let fleeting = &ids[2..];
            lock(accepted).fleeting.extend(fleeting.iter().cloned());
            if !post_alerts(&mut client, fleeting, true) {
                return;
            }
            lock(accepted).resolved.extend(fleeting.iter().cloned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Resolves what was told as firing.
fn resolve(address: &str, accepted: &Mutex<Accepted>, webhook: &Webhook) {
    let Ok(mut client) = Client::connect(address) else { return };
    let (mut seen, mut told) = (0, BTreeSet::new());
    loop {
        let new = webhook.told_since(seen);
        seen += new.len();
        told.extend(statuses(&new).into_iter().filter(|(_, firing)| *firing).map(|(id, _)| id));
        let open: Vec<_> = {
            let accepted = lock(accepted);
            let open = |id: &&String| !accepted.resolved.contains(*id) && !lot_of(id).is_multiple_of(KEPT);
            told.iter().filter(open).take(50).cloned().collect()
        };
        if !open.is_empty() {
            lock(accepted).ended.extend(open.iter().cloned());
            if !post_alerts(&mut client, &open, true) {
                return;
            }
            lock(accepted).resolved.extend(open);
        } else if client.request("GET", "/-/healthy", "").is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes silences, and ends every second one.
fn silence(address: &str, accepted: &Mutex<Accepted>) {
    let Ok(mut client) = Client::connect(address) else { return };
    let now = Clock::System.now();
    let draft = json!({
        "matchers": [{"name": "lot", "value": "none", "isRegex": false}], "createdBy": "test", "comment": "crash",
        "startsAt": now.to_string(), "endsAt": now.after(Duration::from_secs(3_600)).to_string(),
    });
    while let Ok(answer) = client.request("POST", "/api/v2/silences", &draft.to_string()) {
        if !was_taken(&answer) {
            return;
        }
        let id = answer.json()["silenceID"].as_str().expect("an id").to_owned();
        let number = {
            let mut accepted = lock(accepted);
            accepted.silences.insert(id.clone());
            accepted.silences.len()
        };
        if number.is_multiple_of(2) {
            match client.request("DELETE", &format!("/api/v2/silence/{id}"), "") {
                Ok(answer) if was_taken(&answer) => drop(lock(accepted).expired.insert(id)),
                _ => return,
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Puts one of two configurations in force, again and again.
fn reload(address: &str, place: &Place, webhook: &Webhook, ended: &AtomicBool) {
    let Ok(mut client) = Client::connect(address) else { return };
    for repeat in ["4h", "5h"].iter().cycle() {
        place.write_config(&config(webhook, repeat));
        let answer = client.request("POST", "/-/reload", "");
        if ended.load(Ordering::SeqCst) || !answer.is_ok_and(|answer| was_taken(&answer)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(70));
    }
}

/// Whether Andon accepted them; otherwise it is dead, or about to end.
fn post_alerts(client: &mut Client, ids: &[String], resolved: bool) -> bool {
    let now = Clock::System.now();
    let alert = |id: &String| {
        let mut alert = json!({"labels": {"alertname": "PumpHot", "lot": lot_of(id).to_string(), "id": id}});
        if resolved {
            alert["endsAt"] = now.to_string().into();
        }
        alert
    };
    let body = Value::from(ids.iter().map(alert).collect::<Vec<_>>()).to_string();
    client.request("POST", "/api/v2/alerts", &body).is_ok_and(|answer| was_taken(&answer))
}

/// A service that is ending may say so; nothing else is expected.
fn was_taken(answer: &Message) -> bool {
    assert!(answer.status() == 200 || answer.body.contains("stopping"), "{}: {}", answer.status(), answer.body);
    answer.status() == 200
}

fn lot_of(id: &str) -> u64 {
    id.split('-').next().and_then(|lot| lot.parse().ok()).expect("an id begins with its lot")
}

/// Each alert of the notifications, with whether it was firing.
fn statuses(told: &[Message]) -> BTreeSet<(String, bool)> {
    let mut statuses = BTreeSet::new();
    for body in told.iter().map(Message::json) {
        for alert in body["alerts"].as_array().expect("a list of alerts") {
            let id = alert["labels"]["id"].as_str().expect("an id");
            statuses.insert((id.to_owned(), alert["status"] == "firing"));
        }
    }
    statuses
}

fn texts(list: &Value, of: impl Fn(&Value) -> &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().filter_map(|item| of(item).as_str()).map(str::to_owned).collect()
}

fn lock(accepted: &Mutex<Accepted>) -> MutexGuard<'_, Accepted> {
    accepted.lock().unwrap_or_else(PoisonError::into_inner)
}
