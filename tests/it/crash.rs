//! Fifty times `kill -9` under load, on the same data: what was accepted is told, and resolved, and told so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use andon::time::Clock;
use serde_json::{Value, json};

use crate::support::http::{Client, Message};
use crate::support::process::Place;
use crate::support::until;
use crate::support::webhook::Webhook;

const KILLS: u64 = 50;
const ALERTS_PER_LOT: u64 = 5;
/// How many attempts Andon may have in flight to one receiver: so many may be doubled by a crash.
const IN_FLIGHT: usize = 64;
/// Every alert but those of each tenth lot is resolved once it was told.
const KEPT: u64 = 10;

/// What Andon answered with 200.
#[derive(Default)]
struct Accepted {
    lots: u64,
    fired: BTreeSet<String>,
    resolved: BTreeSet<String>,
    silences: BTreeSet<String>,
}

#[test]
fn nothing_accepted_is_forgotten_by_fifty_kills() {
    let webhook = Webhook::start();
    let place = Place::with_config(&config(&webhook));
    let accepted = Mutex::new(Accepted::default());
    let mut told_at_kill = Vec::new();
    for kill in 0..KILLS {
        let andon = place.start(&["--alerts.gc-interval=1s"]);
        std::thread::scope(|scope| {
            scope.spawn(|| fire(andon.address(), &accepted));
            scope.spawn(|| resolve(andon.address(), &accepted, &webhook));
            scope.spawn(|| silence(andon.address(), &accepted));
            std::thread::sleep(random_moment(kill));
            andon.signal("KILL");
        });
        andon.kill();
        told_at_kill.push(webhook.drained());
    }
    let andon = place.start(&[]);
    let accepted = lock(&accepted);
    assert!(accepted.lots > KILLS && accepted.silences.len() > 50, "there was load");
    let everything_told = || {
        let told = statuses(&webhook.told());
        let has = |alert: &String, status| told.contains(&(alert.clone(), status));
        let all =
            accepted.fired.iter().all(|alert| has(alert, true)) && accepted.resolved.iter().all(|a| has(a, false));
        all.then_some(())
    };
    until(Duration::from_secs(30), "everything accepted is told", everything_told);

    let kept: BTreeSet<_> = texts(&andon.get("/api/v2/alerts").json(), |alert| &alert["labels"]["id"]);
    let firing: BTreeSet<_> = accepted.fired.difference(&accepted.resolved).cloned().collect();
    assert_eq!(firing.difference(&kept).count(), 0, "alerts were forgotten");
    assert_eq!(kept.intersection(&accepted.resolved).count(), 0, "what was resolved fires again");
    let silences = texts(&andon.get("/api/v2/silences").json(), |silence| &silence["id"]);
    assert_eq!(accepted.silences.difference(&silences).count(), 0, "silences were forgotten");
    doubles_are_those_in_flight(&webhook.told(), &told_at_kill);
}

/// The same notification comes again only after a crash, under its id, and no more often than it may have been in
/// flight; and no other notification says the same.
fn doubles_are_those_in_flight(told: &[Message], told_at_kill: &[usize]) {
    let life = |place: usize| told_at_kill.iter().filter(|until| **until <= place).count();
    let mut last_life: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last_said = BTreeMap::new();
    let mut doubles = vec![0; told_at_kill.len() + 1];
    for (place, message) in told.iter().enumerate() {
        let id = message.header("webhook-id").expect("every notification has an id");
        if let Some(before) = last_life.insert(id, life(place)) {
            assert!(before < life(place), "{id} was told twice without a crash in between");
            doubles[life(place)] += 1;
        }
        let said = statuses(std::slice::from_ref(message));
        let lot = message.json()["groupLabels"]["lot"].to_string();
        if let Some((other, same)) = last_said.insert(lot, (id, said.clone())) {
            assert!(other == id || same != said, "{other} and {id} say the same: {said:?}");
        }
    }
    let most = doubles.iter().max().copied().unwrap_or_default();
    assert!(most <= IN_FLIGHT, "{most} notifications were doubled by one crash");
}

fn config(webhook: &Webhook) -> String {
    format!(
        "route: {{receiver: plant, group_by: [lot], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}}\n\
         receivers:\n- name: plant\n  webhook_configs: [{{url: '{}'}}]\n",
        webhook.url()
    )
}

/// Some time within the first half second, another in each life.
fn random_moment(kill: u64) -> Duration {
    let mixed = (kill + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Duration::from_millis(30 + mixed % 470)
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
        if !post_alerts(&mut client, &ids, false) {
            return;
        }
        lock(accepted).fired.extend(ids);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Resolves what was told as firing.
fn resolve(address: &str, accepted: &Mutex<Accepted>, webhook: &Webhook) {
    let Ok(mut client) = Client::connect(address) else { return };
    loop {
        let told = statuses(&webhook.told());
        let open: Vec<_> = {
            let accepted = lock(accepted);
            let told = told.into_iter().filter(|(_, firing)| *firing).map(|(id, _)| id);
            told.filter(|id| !accepted.resolved.contains(id) && !lot_of(id).is_multiple_of(KEPT)).take(50).collect()
        };
        if !open.is_empty() {
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

fn silence(address: &str, accepted: &Mutex<Accepted>) {
    let Ok(mut client) = Client::connect(address) else { return };
    let now = Clock::System.now();
    let draft = json!({
        "matchers": [{"name": "lot", "value": "none", "isRegex": false}], "createdBy": "test", "comment": "crash",
        "startsAt": now.to_string(), "endsAt": now.after(Duration::from_secs(3_600)).to_string(),
    });
    while let Ok(answer) = client.request("POST", "/api/v2/silences", &draft.to_string()) {
        assert_eq!(answer.status(), 200, "{}", answer.body);
        let id = answer.json()["silenceID"].as_str().expect("an id").to_owned();
        lock(accepted).silences.insert(id);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether Andon accepted them; otherwise it is dead.
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
    match client.request("POST", "/api/v2/alerts", &body) {
        Ok(answer) => {
            assert_eq!(answer.status(), 200, "{}", answer.body);
            true
        }
        Err(_) => false,
    }
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
