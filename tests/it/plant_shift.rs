//! A shift on the plant: a real Prometheus with the shipped rules, the real Andon with the shipped routes, and people who
//! are told. Each of the fifteen alerts fires and is over; who was told what and how often, what was held back by what and
//! what was not, and which orders opened, is compared with what the plant wants. And the same with a router that is killed
//! five times meanwhile.
//!
//! Only durations and windows are shorter than the plant's, targets are reached through a stand-in, and the mail server
//! does not encrypt.

mod exporter;
mod people;
mod router;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::Place;
use crate::support::prometheus::Prometheus;
use crate::support::{program, until};
use exporter::{Exporter, Trouble};
use people::{People, Told};
use router::{Router, free_port};

const LIMIT: Duration = Duration::from_secs(60);
const KILLS: u32 = 5;

/// What goes wrong on the plant, the alert that tells of it and what it is about, and who has to know.
#[rustfmt::skip]
const FIFTEEN: [(Trouble, &str, &[&str]); 15] = [
    (("down", "preprocessing"), "ServiceDown preprocessing", &["pagerduty"]),
    (("cpu", "preprocessing"), "HighCPUUsage cadvisor:8084", &["slack ops"]),
    (("memory", "preprocessing"), "HighMemoryUsage cadvisor:8084", &["slack ops"]),
    (("connections", "postgres"), "PostgreSQLConnectionPoolHigh postgres-exporter:9187", &["slack databases"]),
    (("memory", "redis"), "RedisMemoryHigh redis-exporter:9121", &["slack databases"]),
    (("disk", "/"), "DiskSpaceLow node-exporter:9100", &["slack ops"]),
    (("errors", "feature-extraction"), "HighErrorRate feature-extraction", &["pagerduty"]),
    (("slow", "anomaly-detection"), "SlowResponseTime anomaly-detection", &["slack application"]),
    (("lag", "features"), "KafkaConsumerLag features", &["slack data"]),
    (("no data", "ingestion-iiot"), "DataIngestionStopped ingestion-iiot", &["pagerduty"]),
    (("slow inference", "rul-prediction"), "MLInferenceSlow rul_predictor", &["slack ml"]),
    // The digest is about all of machine learning.
    (("anomalies", "anomaly-detection"), "ml", &["slack ml"]),
    (("wrong", "rul-prediction"), "ModelPerformanceDegraded rul_predictor", &["slack ml"]),
    (("offline", "PUMP-001"), "CriticalAssetOffline PUMP-001", &["mail", "pagerduty"]),
    (("overdue", "MOTOR-002"), "MaintenanceOverdue MOTOR-002", &["mail"]),
];

/// Whom, what, and each time whether it fired; the same notification received twice is one.
type Transcript = BTreeMap<(String, String), Vec<bool>>;

#[test]
fn the_right_people_know() {
    play(0);
}

#[test]
fn the_same_people_know_although_the_router_is_killed() {
    play(KILLS);
}

/// On a machine where nothing is set up Andon starts, says what is missing, opens orders, and tells everything later.
#[test]
fn what_is_not_set_up_waits_and_the_order_opens() {
    let place = Place::with_config(&shortened(&read("routes.yaml"), &ROUTES));
    std::fs::write(place.path().join("assets.yaml"), read("assets.yaml")).expect("it is written");
    let port = free_port();
    let router = Router::start(place.path(), port, Vec::new());
    let receivers = until(LIMIT, "the receivers are listed", || router.get("/api/andon/v1/receivers"));
    let receivers = receivers.as_array().cloned().unwrap_or_else(|| panic!("{receivers}"));
    assert_eq!(receivers.len(), 9, "{receivers:#?}");
    for one in &receivers {
        assert_eq!(one["configured"], false, "{one}");
        assert!(
            one["missing"].as_str().is_some_and(|missing| missing.contains("variable") && missing.contains("ANDON_")),
            "{one}"
        );
    }
    let labels = json!({"alertname": "CriticalAssetOffline", "severity": "critical", "asset_code": "CNC-001"});
    let annotations = json!({"summary": "Critical asset CNC-001 is failed"});
    let alerts = json!([{"labels": labels, "annotations": annotations}]);
    assert!(router.post_alerts(&alerts), "{}", router.log());
    until(LIMIT, "the order opens", || {
        let orders = router.get("/api/andon/v1/work-orders")?;
        (orders[0]["assetCode"] == "CNC-001" && orders[0]["priority"] == "emergency").then_some(())
    });
    router.kill();

    let people = People::start();
    let _router = Router::start(place.path(), port, people.environment());
    let expected = [("mail", "CriticalAssetOffline CNC-001"), ("pagerduty", "CriticalAssetOffline CNC-001")];
    let expected: Transcript =
        expected.iter().map(|(whom, what)| (((*whom).to_owned(), (*what).to_owned()), vec![true])).collect();
    // What waits is tried once a minute.
    until(2 * LIMIT, "what waited is told", || (transcript(&people.told()) == expected).then_some(()));
}

fn play(kills: u32) {
    let Some(prometheus) = program("prometheus", "ANDON_PROMETHEUS", "prometheus") else { return };
    let shift = Shift::new();
    let _prometheus = Prometheus::start(&prometheus, shift.place.path());
    let over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let killer = scope.spawn(|| shift.router.kill_at_random(kills, over));
        // However the shift ends, the killer must not go on.
        let _over = Over(over);
        shift.all_fifteen();
        shift.one_service_is_down();
        shift.an_asset_is_offline();
        over.store(true, Ordering::SeqCst);
        killer.join().expect("the killer ends");
    });
    shift.compare(kills);
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Shift {
    place: Place,
    exporter: Exporter,
    people: People,
    router: Router,
    expected: Mutex<Transcript>,
}

impl Shift {
    fn new() -> Self {
        let (exporter, people) = (Exporter::start(), People::start());
        let place = Place::with_config(&shortened(&read("routes.yaml"), &ROUTES));
        let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).expect("it is written");
        write("assets.yaml", &read("assets.yaml"));
        let port = free_port();
        write("prometheus.yml", &prometheus_yml(&exporter.url(), port));
        std::fs::create_dir(place.path().join("rules")).expect("a folder for the rules");
        write("rules/alerts.yml", &shortened(&read("monitoring/rules/alerts.yml"), &ALERTS));
        write("rules/recording_rules.yml", &shortened(&read("monitoring/rules/recording_rules.yml"), &RECORDED));
        let router = Router::start(place.path(), port, people.environment());
        Self { place, exporter, people, router, expected: Mutex::default() }
    }

    /// Each alert for itself: nothing is held back, each of its people is told firing once, and resolved once.
    fn all_fifteen(&self) {
        let troubles = FIFTEEN.map(|(trouble, ..)| trouble);
        self.exporter.begin(&troubles);
        self.expect(true, FIFTEEN.iter().flat_map(|(_, what, whom)| whom.iter().map(move |whom| (*whom, *what))));
        let alerts = self.until_alerts("all fifteen fire", |alerts| alerts.len() == 15);
        assert!(alerts.iter().all(|alert| alert["status"]["state"] == "active"), "{alerts:#?}");

        self.exporter.end(&troubles);
        self.expect(false, FIFTEEN.iter().flat_map(|(_, what, whom)| whom.iter().map(move |whom| (*whom, *what))));
        self.until_alerts("nothing fires", |alerts| alerts.is_empty());
    }

    /// What is down holds back what it fails at; not what others fail at, and no disk.
    fn one_service_is_down(&self) {
        const SERVICE: &str = "rul-prediction";
        let fails = [("errors", SERVICE), ("slow", SERVICE), ("slow inference", SERVICE)];
        let others = [("disk", "/"), ("errors", "feature-extraction"), ("memory", "redis")];
        self.exporter.begin(&fails);
        self.exporter.begin(&others);
        let before = self.exporter.scrapes(SERVICE);
        // Prometheus has to see it fail before it sees nothing any more.
        until(LIMIT, "the failing service is scraped", || (self.exporter.scrapes(SERVICE) > before + 3).then_some(()));
        self.exporter.begin(&[("down", SERVICE)]);
        self.expect(true, [("pagerduty", "ServiceDown rul-prediction")]);
        let alerts = self.until_alerts("three are held back", |alerts| held_back(alerts).len() == 3);
        let by_service = ["HighErrorRate", "MLInferenceSlow", "SlowResponseTime"];
        let by_service = by_service.map(|name| format!("{name} by ServiceDown"));
        assert_eq!(held_back(&alerts), by_service.into(), "{alerts:#?}");
        self.expect(
            true,
            [
                ("slack ops", "DiskSpaceLow node-exporter:9100"),
                ("slack databases", "RedisMemoryHigh redis-exporter:9121"),
                ("pagerduty", "HighErrorRate feature-extraction"),
            ],
        );

        self.exporter.end(&fails);
        self.exporter.end(&others);
        // Only a service whose failures are forgotten comes back without them.
        self.until_alerts("no failure is remembered", |alerts| held_back(alerts).is_empty());
        self.exporter.end(&[("down", SERVICE)]);
        self.expect(
            false,
            [
                ("slack ops", "DiskSpaceLow node-exporter:9100"),
                ("slack databases", "RedisMemoryHigh redis-exporter:9121"),
                ("pagerduty", "HighErrorRate feature-extraction"),
                ("pagerduty", "ServiceDown rul-prediction"),
            ],
        );
        self.until_alerts("nothing fires", |alerts| alerts.is_empty());
    }

    /// A pump that stands still holds back that its own maintenance is overdue, and nobody else's.
    fn an_asset_is_offline(&self) {
        let (pump, motor) = (("overdue", "PUMP-001"), ("overdue", "MOTOR-002"));
        self.exporter.begin(&[("offline", "PUMP-001")]);
        let offline = [("mail", "CriticalAssetOffline PUMP-001"), ("pagerduty", "CriticalAssetOffline PUMP-001")];
        self.expect(true, offline);
        self.exporter.begin(&[pump, motor]);
        self.expect(true, [("mail", "MaintenanceOverdue MOTOR-002")]);
        let alerts = self.until_alerts("both are overdue", |alerts| alerts.len() == 3);
        let expected = "MaintenanceOverdue by CriticalAssetOffline".to_owned();
        assert_eq!(held_back(&alerts), [expected].into(), "{alerts:#?}");
        let orders = self.orders();
        assert!(!orders.iter().any(|order| order.contains("PM-PUMP-001")), "nobody was told, yet {orders:?}");

        // It runs again, and its maintenance is still overdue: now it is worth telling.
        self.exporter.end(&[("offline", "PUMP-001")]);
        self.expect(false, offline);
        self.expect(true, [("mail", "MaintenanceOverdue PUMP-001")]);
        self.exporter.end(&[pump, motor]);
        self.expect(false, [("mail", "MaintenanceOverdue PUMP-001"), ("mail", "MaintenanceOverdue MOTOR-002")]);
        self.until_alerts("nothing fires", |alerts| alerts.is_empty());
    }

    /// Waits until these people were told this, and nobody anything else.
    fn expect<'a>(&self, firing: bool, who_and_what: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let mut expected = lock(&self.expected);
        for (whom, what) in who_and_what {
            expected.entry((whom.to_owned(), what.to_owned())).or_default().push(firing);
        }
        let told_enough = |found: &Transcript| {
            expected.iter().all(|(about, times)| found.get(about).is_some_and(|found| found.len() >= times.len()))
        };
        let deadline = std::time::Instant::now() + LIMIT;
        loop {
            let found = transcript(&self.people.told());
            if told_enough(&found) {
                break;
            }
            if std::time::Instant::now() > deadline {
                panic!("{}\n{}", self.router.log(), difference(&expected, &found));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn until_alerts(&self, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        until(LIMIT, what, || {
            let alerts = self.router.get("/api/v2/alerts")?;
            let alerts = alerts.as_array().cloned().unwrap_or_default();
            holds(&alerts).then_some(alerts)
        })
    }

    /// The keys of all work orders, with their priorities.
    fn orders(&self) -> Vec<String> {
        let list = until(LIMIT, "the orders are listed", || self.router.get("/api/andon/v1/work-orders"));
        let list =
            list.as_array().or_else(|| list["workOrders"].as_array()).cloned().unwrap_or_else(|| panic!("{list}"));
        let mut orders: Vec<_> =
            list.iter().map(|order| format!("{} {} {}", order["key"], order["priority"], order["condition"])).collect();
        orders.sort();
        orders
    }

    /// At the end: everybody was told exactly what was expected, and each failure has one order.
    fn compare(&self, kills: u32) {
        let told = self.people.told();
        let (expected, found) = (lock(&self.expected), transcript(&told));
        assert!(*expected == found, "{}", difference(&expected, &found));
        if kills == 0 {
            let once: usize = found.values().map(Vec::len).sum();
            assert_eq!(told.len(), once, "without a crash nothing comes twice");
        }
        let order = |labels: &str, priority: &str| format!("{:?} {priority:?} \"cleared\"", format!("{{{labels}}}"));
        let overdue = |asset: &str| {
            let labels =
                format!("alertname=\"MaintenanceOverdue\", asset_code=\"{asset}\", work_order_number=\"PM-{asset}\"");
            order(&labels, "high")
        };
        let offline = order(r#"alertname="CriticalAssetOffline", asset_code="PUMP-001""#, "emergency");
        // People close orders, so what failed a second time was noted on the first order.
        assert_eq!(self.orders(), [offline, overdue("MOTOR-002"), overdue("PUMP-001")]);
        let dead = until(LIMIT, "the metrics are shown", || self.router.text("/metrics"));
        assert!(!dead.lines().any(|line| line.starts_with("andon_dead_letters") && !line.ends_with(" 0")), "{dead}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `target by source`, by their names.
fn held_back(alerts: &[Value]) -> BTreeSet<String> {
    let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
    let held = alerts.iter().filter(|alert| alert["status"]["state"] == "suppressed");
    let by = |alert: &Value| {
        let source = alerts.iter().find(|source| source["fingerprint"] == alert["status"]["inhibitedBy"][0]);
        format!("{} by {}", name(alert), source.map_or_else(|| "what is gone".to_owned(), name))
    };
    held.map(by).collect()
}

/// What came in, by whom and what; what came again under its id counts once. PagerDuty is told of what its key means
/// with the trigger.
fn transcript(told: &[Told]) -> Transcript {
    let mut found = Transcript::new();
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    let mut last: BTreeMap<(&str, &str), (&str, bool)> = BTreeMap::new();
    for one in told {
        let what = match (one.whom.as_str(), one.firing) {
            ("pagerduty", true) => keys.entry(&one.id).or_insert(&one.what),
            ("pagerduty", false) => keys.get(&*one.id).copied().unwrap_or("a resolve without a trigger"),
            _ => &one.what,
        };
        if last.insert((&one.whom, what), (&one.id, one.firing)) != Some((&one.id, one.firing)) {
            found.entry((one.whom.clone(), what.to_owned())).or_default().push(one.firing);
        }
    }
    found
}

fn difference(expected: &Transcript, found: &Transcript) -> String {
    let about: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differ = about.into_iter().filter(|about| expected.get(*about) != found.get(*about));
    let line = |about: &(String, String)| {
        format!("{about:?}: expected {:?}, told {:?}\n", expected.get(about), found.get(about))
    };
    differ.map(line).collect()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

type Shorter = [(&'static str, &'static str)];

/// What is waited for is an order of magnitude longer than a scrape, and what holds back fires before what it holds back.
const ROUTES: [(&str, &str); 7] = [
    ("group_wait: 10s", "group_wait: 3s"),
    ("group_wait: 30s", "group_wait: 3s"),
    ("group_wait: 30m", "group_wait: 5s"),
    ("group_interval: 5m", "group_interval: 1s"),
    ("group_interval: 1m", "group_interval: 1s"),
    ("group_interval: 6h", "group_interval: 1s"),
    ("smtp_require_tls: true", "smtp_require_tls: false"),
];
const ALERTS: [(&str, &str); 8] = [
    ("for: 2m\n", "for: 1s\n"),
    ("for: 3m\n", "for: 2s\n"),
    ("for: 5m\n", "for: 6s\n"),
    ("for: 10m\n", "for: 6s\n"),
    ("for: 30m\n", "for: 6s\n"),
    ("for: 1h\n", "for: 6s\n"),
    ("[5m]", "[15s]"),
    ("[2m]", "[5s]"),
];
const RECORDED: [(&str, &str); 6] = [
    ("interval: 15s\n", "interval: 1s\n"),
    ("interval: 30s\n", "interval: 1s\n"),
    ("interval: 60s\n", "interval: 1s\n"),
    ("[1m]", "[15s]"),
    ("[5m]", "[15s]"),
    ("[1h]", "[15s]"),
];

fn shortened(text: &str, shorter: &Shorter) -> String {
    shorter.iter().fold(text.to_owned(), |text, (long, short)| {
        assert!(text.contains(long), "nothing is {long:?} any more");
        text.replace(long, short)
    })
}

/// The plant's own, with all targets behind one proxy.
fn prometheus_yml(proxy: &str, andon: u16) -> String {
    let times = [
        ("scrape_interval: 15s", "scrape_interval: 1s"),
        ("scrape_interval: 30s", "scrape_interval: 1s"),
        ("scrape_timeout: 10s", "scrape_timeout: 1s"),
        ("evaluation_interval: 15s", "evaluation_interval: 1s"),
    ];
    let text = shortened(&read("monitoring/prometheus.yml"), &times);
    let (head, scraped) = text.split_once("\nscrape_configs:").expect("it scrapes");
    let head = head.replace("andon:9093", &format!("127.0.0.1:{andon}"));
    let scraped = scraped.replace("\n  static_configs:", &format!("\n  proxy_url: {proxy}\n  static_configs:"));
    format!("{head}\nscrape_configs:{scraped}")
}
