//! A storm of reloads, good files among bad ones, through the real reloader, engine, driver and workers, while alerts come
//! and go and their receiver takes its time.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::*;
use crate::config::Config;
use crate::core::outbox::Delivery;
use crate::delivery::worker;
use crate::mirror;
use crate::receivers::answer::SendError;
use crate::receivers::notice::Sent;
use crate::receivers::{Context, Sender};
use crate::reload::{self, Reloading};

/// How many files come, two a second.
const FILES: usize = 120;
/// What a receiver takes for each message: a dozen reloads come meanwhile.
const SLOW: Duration = Duration::from_secs(6);

/// What was told, in order: the name of the alert, whether that it is over, and the notification's id.
type Book = Arc<Mutex<Vec<(String, bool, String)>>>;

/// A receiver that takes its time, and has heard nothing before that is over.
struct Slow(Book);

impl Sender for Slow {
    fn send<'a>(&'a self, row: &'a Delivery, _: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(async {
            tokio::time::sleep(SLOW).await;
            let told = row.alerts.iter().map(|told| {
                (told.alert.labels.value("alertname").to_owned(), told.resolved, row.notification_id().to_string())
            });
            self.0.lock().extend(told);
            Ok(Sent::default())
        })
    }
}

/// A file that differs from others in what `marked` gets. Nobody hears of a `Probe`.
fn good(number: usize) -> String {
    format!(
        "route:
  receiver: team
  group_by: [alertname]
  group_wait: 5s
  group_interval: {}s
  routes:
  - matchers: [alertname=\"Probe\"]
    receiver: nobody
    routes:
    - matchers: [file=\"{number}\"]
      receiver: marked
receivers:
- name: team
  webhook_configs: [{{url: 'http://127.0.0.1:1/'}}]
- name: nobody
- name: marked
",
        300 + number % 2
    )
}

/// A file that is wrong, in one of some ways, and what is said of it. Nothing where the file is not there.
fn bad(number: usize) -> (Option<String>, String) {
    let changed = |from: &str, to: &str| Some(good(number).replace(from, to));
    let rows = [
        (
            changed("receiver: marked", &format!("receiver: absent-{number}")),
            format!("undefined receiver \"absent-{number}\" used in route"),
        ),
        (changed("group_wait", "grup_wait"), "field grup_wait not found".into()),
        (changed("- name: nobody", "- name: marked"), "notification config name \"marked\" is not unique".into()),
        (changed("file=\"", "file=~\"("), "error parsing regexp: missing closing )".into()),
        // As whoever writes it has written it so far.
        (changed("matchers: [file", "matchers: [file=\"x"), "matcher value contains unescaped double quote".into()),
        (Some(good(number)[..120].to_owned()), "yaml: line 7: unclosed bracket".into()),
        (Some(String::new()), "no route provided in config".into()),
        (None, "No such file or directory".into()),
    ];
    let place = number % rows.len();
    rows.into_iter().nth(place).expect("it is one of them")
}

/// The service under the configuration of a file, with the real reloader and the real workers.
fn start(path: &Path, book: &Book) -> Arc<AppState> {
    let (config, templates): (Config, Templates) = reload::load_to_serve(path, Mode::Fallback).unwrap();
    let service = Service::with_policy((*config.policy).clone());
    let Service { state, reloads, deliveries, .. } = service;
    let mut receivers = Receivers::new(&config.receivers, Context { clock: state.clock, templates, ..context() }, None);
    receivers.replace("team", || Box::new(Slow(Arc::clone(book))));
    let receivers = Arc::new(ArcSwap::from_pointee(receivers));
    let (mirrors, _) = watch::channel(mirror::Settings::of(&config));
    let reloading =
        Reloading { path: path.to_owned(), state: Arc::clone(&state), receivers: Arc::clone(&receivers), mirrors };
    let (metrics, recent) = (Arc::clone(&state.metrics), Arc::clone(&state.recent));
    let shared = worker::Shared { receivers, driver: state.driver.clone(), metrics, recent };
    let (tasks, never) = (TaskTracker::new(), CancellationToken::new());
    tasks.spawn(reloading.run(reloads, never.clone()));
    tasks.spawn(worker::run(shared, deliveries, never));
    state
}

async fn ask(state: &Arc<AppState>, method: &str, uri: &str, body: String) -> Answer {
    let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    Answer::to(state, request.body(Body::from(body)).unwrap()).await
}

async fn post(state: &Arc<AppState>, name: &str, labels: &str, lasts: Duration) {
    let now = state.clock.now();
    // What is over began before.
    let (starts_at, ends_at) =
        (if lasts.is_zero() { now.before(Duration::from_secs(60)) } else { now }, now.after(lasts));
    let labels = format!(r#"{{"alertname": "{name}"{labels}}}"#);
    let body = format!(r#"[{{"startsAt": "{starts_at}", "endsAt": "{ends_at}", "labels": {labels}}}]"#);
    assert_eq!(ask(state, "POST", "/api/v2/alerts", body).await.status, 200);
}

/// Whether the rules in force are those of this good file: for whoever decides, and for whoever looks.
async fn assert_in_force(state: &Arc<AppState>, file: usize, what: &str) {
    post(state, "Probe", &format!(r#", "file": "{file}""#), Duration::from_secs(600)).await;
    let seen = ask(state, "GET", &format!("/api/v2/alerts?filter=file%3D%22{file}%22"), String::new()).await;
    assert!(seen.body.contains(r#""receivers":[{"name":"marked"}]"#), "{what}: {}", seen.body);
    let shown = state.config.load();
    assert!(shown.original.contains(&format!("file=\"{file}\"\n")), "{what}: {}", shown.original);
}

/// Puts a file in the place of the one before, and has several ask for a reload at once, who hear the same.
async fn reload(state: &Arc<AppState>, path: &Path, text: Option<&str>, askers: usize) -> Answer {
    match text {
        Some(text) => std::fs::write(path, text).unwrap(),
        None => std::fs::remove_file(path).unwrap(),
    }
    let asking = (0..askers).map(|_| ask(state, "POST", "/-/reload", String::new()));
    let mut answers = join_all(asking).await;
    let last = answers.pop().unwrap();
    assert!(answers.iter().all(|answer| (answer.status, &answer.body) == (last.status, &last.body)), "{answers:?}");
    last
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_good_and_bad_files_loses_nothing_and_leaves_the_last_good_one_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let (path, book) = (folder.path().join("routes.yaml"), Book::default());
    std::fs::write(&path, good(0)).unwrap();
    let state = start(&path, &book);
    state.config.store(Arc::new(reload::shown(
        &reload::load_to_serve(&path, Mode::Fallback).unwrap().0,
        &Templates::load(Engine::Go, folder.path(), &[]).unwrap(),
        state.clock.now(),
    )));
    let (mut last_good, mut refused, mut names) = (0, 0, Vec::new());
    for number in 1..=FILES {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let askers = 1 + number % 3;
        if number % 5 < 2 {
            let answer = reload(&state, &path, Some(&good(number)), askers).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{number}");
            last_good = number;
        } else {
            let (text, says) = bad(number);
            let answer = reload(&state, &path, text.as_deref(), askers).await;
            let named = answer.body.starts_with("failed to reload config: ") && answer.body.contains("routes.yaml");
            assert!(answer.status == 500 && named && answer.body.contains(&says), "{number}: {answer:?}");
            refused += 1;
        }
        assert_in_force(&state, last_good, &format!("after file {number}")).await;
        if number % 4 == 0 {
            names.push(format!("A{number:03}"));
            post(&state, names.last().unwrap(), "", Duration::from_secs(36_000)).await;
        }
        // Told firing by then, or about to be.
        if number % 8 == 4 && number > 24 {
            post(&state, &format!("A{:03}", number - 24), "", Duration::ZERO).await;
        }
    }
    assert_eq!((last_good, refused), (FILES, FILES / 5 * 3));
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    assert!(state.driver.view().await.unwrap().outbox.is_empty());
    let mut told: BTreeMap<String, Vec<(bool, String)>> = BTreeMap::new();
    for (name, over, id) in book.lock().drain(..) {
        told.entry(name).or_default().push((over, id));
    }
    for name in &names {
        let number: usize = name[1..].parse().unwrap();
        let ended = number % 8 == 4 && number <= FILES - 24;
        let ends: Vec<bool> = told.remove(name).unwrap_or_default().into_iter().map(|(over, _)| over).collect();
        let expected: &[bool] = if ended { &[false, true] } else { &[false] };
        assert_eq!(ends, expected, "{name}: told once that it fires, and once that it is over");
    }
    assert!(told.is_empty(), "nobody is to hear of {told:?}");
}
