//! What single steps cost: `bench/run --micro`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use andon::config::{Config, Options as ConfigOptions};
use andon::core::alert::Alert;
use andon::core::change::{Actor, Change};
use andon::core::engine::{Engine, Input, Options};
use andon::core::ingest::Batch;
use andon::core::label::LabelSet;
use andon::core::matcher::{Matcher, Mode, Op};
use andon::core::policy::Policy;
use andon::core::silence::{SilenceDraft, SilenceId};
use andon::http::Limits;
use andon::http::alerts_body::parse_alerts;
use andon::store::sled::{Options as StoreOptions, SledStore};
use andon::store::{Fence, Store};
use andon::time::Timestamp;
use divan::{Bencher, black_box};
use uuid::Uuid;

const BATCH: usize = 64;

fn main() {
    divan::main();
}

fn now() -> Timestamp {
    Timestamp::new(1_795_359_600, 0)
}

fn policy(routes: usize) -> Arc<Policy> {
    let routes: String = (0..routes)
        .map(|number| format!("  - matchers: ['asset_code=~\"(P|V)-.*{number:04}[a-c]?\"']\n    receiver: plant\n"))
        .collect();
    let text = format!(
        "receivers:\n- name: plant\n  webhook_configs:\n  - url: http://127.0.0.1:9/\n\
         inhibit_rules:\n- source_matchers: ['severity=\"critical\"']\n  \
         target_matchers: ['severity=\"warning\"']\n  equal: [line]\n\
         route:\n  receiver: plant\n  group_by: [alertname]\n  group_wait: 30s\n  routes:\n  \
         - matchers: ['severity=\"none\"']\n{routes}"
    );
    let config = Config::parse(&text, "bench.yml", Path::new(""), &ConfigOptions::default());
    config.map(|config| config.policy).unwrap_or_else(|errors| panic!("{errors}"))
}

fn pairs(number: usize) -> [(&'static str, String); 8] {
    [
        ("alertname", format!("PumpVibration{}", number % 100)),
        ("asset_code", format!("P-{number:06}")),
        ("instance", format!("10.0.{}.{}:9100", number / 256 % 256, number % 256)),
        ("job", "plc".into()),
        ("line", format!("line-{}", number % 12)),
        ("plant", "south".into()),
        ("severity", if number.is_multiple_of(3) { "critical" } else { "warning" }.into()),
        ("team", format!("team-{}", number % 7)),
    ]
}

fn labels(number: usize) -> LabelSet {
    let pairs = pairs(number);
    LabelSet::new(pairs.iter().map(|(name, value)| (*name, value.as_str()))).expect("they are short")
}

fn body() -> String {
    let alert = |number: usize| {
        let labels: Vec<_> = pairs(number).iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        format!(
            "{{\"labels\":{{{}}},\"annotations\":{{\"summary\":\"Vibration of pump {number} is above its limit\"}},\
             \"startsAt\":\"2026-11-22T15:00:00Z\",\"endsAt\":\"2026-11-22T16:00:00Z\",\
             \"generatorURL\":\"http://prometheus.plant.example/graph?g0.expr=vibration&g0.tab=1\"}}",
            labels.join(",")
        )
    };
    format!("[{}]", (0..BATCH).map(alert).collect::<Vec<_>>().join(","))
}

fn batch(numbers: std::ops::Range<usize>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        let pairs = pairs(number);
        let mut labels = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ends = now().after(Duration::from_secs(3_600));
        batch.push(&mut labels, &mut Vec::new(), "http://p/graph", now(), ends).expect("they are short");
    }
    batch
}

fn sender() -> Actor {
    Actor::Sender("127.0.0.1".into())
}

/// An engine with so many alerts.
fn engine(policy: Arc<Policy>, alerts: usize) -> Engine {
    let mut engine = Engine::new(policy, Options::default(), now());
    engine.handle(now(), Input::Alerts(sender(), batch(0..alerts)));
    engine.committed();
    engine
}

#[divan::bench]
fn parse_a_body_of_64_alerts(bencher: Bencher) {
    let (body, limits) = (body(), Limits::default());
    bencher
        .bench(|| parse_alerts(black_box(body.as_bytes()), Mode::Fallback, &limits).map(|parsed| parsed.batch.len()));
}

#[divan::bench]
fn hash_a_label_set(bencher: Bencher) {
    let labels = labels(77);
    bencher.bench(|| black_box(&labels).fingerprint());
}

#[divan::bench(args = [1, 100, 1_000])]
fn walk_the_route_tree(bencher: Bencher, routes: usize) {
    let (policy, labels) = (policy(routes), labels(77));
    bencher.bench(|| policy.walk(black_box(&labels)));
}

#[divan::bench(args = [1_000, 20_000])]
fn who_inhibits_an_alert(bencher: Bencher, alerts: usize) {
    let view = engine(policy(0), alerts).view();
    let target = view.alerts.iter().find(|kept| !kept.verdict.target_of.is_empty()).expect("two thirds are targets");
    bencher.bench(|| view.muting(now()).inhibited_by(black_box(target)));
}

#[divan::bench(args = [10, 1_000, 10_000])]
fn who_silences_an_alert(bencher: Bencher, silences: usize) {
    let mut engine = engine(policy(0), 1);
    for number in 0..silences {
        let matcher = Matcher::new("asset_code", Op::Regex, format!("(P|V)-0{number:05}.*")).expect("it is a pattern");
        let draft = SilenceDraft {
            id: None,
            fresh_id: SilenceId(Uuid::from_u128(number as u128)),
            matchers: vec![matcher],
            starts_at: now(),
            ends_at: now().after(Duration::from_secs(3_600)),
            created_by: "bench".into(),
            comment: "planned work".into(),
            annotations: LabelSet::empty(),
        };
        engine.handle(now(), Input::Silence(sender(), draft));
    }
    engine.committed();
    let (view, labels) = (engine.view(), labels(7));
    bencher.bench(|| view.muting(now()).silenced_by(black_box(&labels)));
}

#[divan::bench(args = [1, 100, 10_000])]
fn one_flush(bencher: Bencher, alerts: usize) {
    let policy = policy(0);
    let same_name = |engine: &mut Engine| {
        let mut batch = Batch::default();
        for number in 0..alerts {
            let pairs = pairs(number);
            let mut labels: Vec<_> = pairs.iter().skip(1).map(|(name, value)| (*name, value.as_str())).collect();
            labels.push(("alertname", "PumpVibration"));
            let ends = now().after(Duration::from_secs(3_600));
            batch.push(&mut labels, &mut Vec::new(), "", now(), ends).expect("they are short");
        }
        engine.handle(now(), Input::Alerts(sender(), batch));
        engine.committed();
    };
    let loaded = || {
        let mut engine = Engine::new(Arc::clone(&policy), Options::default(), now());
        same_name(&mut engine);
        engine
    };
    bencher.with_inputs(loaded).bench_local_refs(|engine| {
        engine.handle(now().after(Duration::from_secs(31)), Input::Tick);
        engine.committed().len()
    });
}

/// Each with its fdatasync.
#[divan::bench(args = [1, 64, 1_024], sample_count = 50)]
fn one_commit(bencher: Bencher, alerts: usize) {
    let folder = std::env::temp_dir().join(format!("andon-bench-commit-{}-{alerts}", std::process::id()));
    let mut store = SledStore::open(&folder, StoreOptions::default()).expect("the folder is new");
    store.load().expect("it is empty");
    let alert = |number: usize| {
        let (annotations, generator_url) = (LabelSet::empty(), Arc::from("http://p/graph"));
        let (starts_at, ends_at, updated_at) = (now(), now().after(Duration::from_secs(3_600)), now());
        let labels = labels(number);
        Change::Alert(Arc::new(Alert {
            labels,
            annotations,
            generator_url,
            starts_at,
            ends_at,
            updated_at,
            timeout: false,
        }))
    };
    let changes: Vec<_> = (0..alerts).map(alert).collect();
    bencher.bench_local(|| store.commit(now(), &changes, Fence::default()).expect("there is room"));
    drop(store);
    // What cannot be removed is in nobody's way.
    let _ = std::fs::remove_dir_all(&folder);
}
