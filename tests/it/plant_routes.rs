//! The shipped `routes.yaml`, played on the engine alone: who is told of each of the plant's fifteen alerts, what opens
//! an order, and which alerts hold back which others — and which must not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use andon::config::settings::IntegrationConfig;
use andon::config::{Config, Options};
use andon::core::change::Actor;
use andon::core::engine::{self, Engine, Input};
use andon::core::ingest::Batch;
use andon::core::label::LabelSet;
use andon::core::view::View;
use andon::template::{Engine as TemplateEngine, Templates};
use andon::time::Timestamp;

type Labels = &'static [(&'static str, &'static str)];

/// The fifteen: name, severity, component and the labels of the series; then the receiver, the ways in which it is told,
/// and the order that is opened. All that can be about one service is about `rul-prediction`.
#[rustfmt::skip]
const FIFTEEN: [(&str, &str, &str, Labels, &str, &str, &str); 15] = [
    ("ServiceDown", "critical", "infrastructure", &[("job", "rul-prediction"), ("instance", "rul:9095")], "on-call", "pagerduty", ""),
    ("HighCPUUsage", "warning", "infrastructure", &[("container_label_com_docker_compose_service", "rul-prediction"), ("instance", "cadvisor:8084")], "ops", "slack", ""),
    ("HighMemoryUsage", "warning", "infrastructure", &[("container_label_com_docker_compose_service", "rul-prediction"), ("instance", "cadvisor:8084")], "ops", "slack", ""),
    ("PostgreSQLConnectionPoolHigh", "warning", "database", &[("instance", "postgres:9187")], "databases", "slack", ""),
    ("RedisMemoryHigh", "warning", "database", &[("instance", "redis:9121")], "databases", "slack", ""),
    ("DiskSpaceLow", "warning", "infrastructure", &[("instance", "node:9100"), ("mountpoint", "/"), ("device", "/dev/sda1")], "ops", "slack", ""),
    ("HighErrorRate", "critical", "application", &[("job", "rul-prediction")], "on-call", "pagerduty", ""),
    ("SlowResponseTime", "warning", "application", &[("job", "rul-prediction")], "application", "slack", ""),
    ("KafkaConsumerLag", "warning", "messaging", &[("group", "features"), ("topic", "sensor-data")], "data", "slack", ""),
    ("DataIngestionStopped", "critical", "ingestion", &[("job", "rul-prediction")], "on-call", "pagerduty", ""),
    ("MLInferenceSlow", "warning", "ml", &[("job", "rul-prediction"), ("model", "rul_predictor")], "ml", "slack", ""),
    ("HighAnomalyRate", "info", "ml", &[], "ml", "slack", ""),
    ("ModelPerformanceDegraded", "warning", "ml", &[("model", "rul_predictor")], "ml", "slack", ""),
    ("CriticalAssetOffline", "critical", "business", &[("asset_code", "PUMP-001"), ("criticality", "critical"), ("status", "failed")], "asset-offline", "email pagerduty", "corrective emergency 4h"),
    ("MaintenanceOverdue", "warning", "business", &[("asset_code", "PUMP-001"), ("priority", "high"), ("work_order_number", "PM-77")], "maintenance-overdue", "email", "preventive high 24h"),
];

/// What Prometheus adds to everything.
const EXTERNAL: [(&str, &str); 2] = [("cluster", "mantis-cluster"), ("environment", "development")];

fn shipped() -> Config {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("routes.yaml");
    Config::load(&path, &Options::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn labels(alert: &[(&'static str, &'static str)]) -> LabelSet {
    LabelSet::new(alert.iter().copied().chain(EXTERNAL)).expect("they are short")
}

/// The labels of one of the fifteen.
fn labels_of(name: &str) -> Vec<(&'static str, &'static str)> {
    let (name, severity, component, series, ..) =
        FIFTEEN.iter().find(|alert| alert.0 == name).unwrap_or_else(|| panic!("{name} is none of the fifteen"));
    let own = [("alertname", *name), ("severity", *severity), ("component", *component)];
    own.into_iter().chain(series.iter().copied()).collect()
}

#[test]
fn each_of_the_fifteen_finds_its_people() {
    let policy = shipped().policy;
    for (name, .., receiver, kinds, order) in FIFTEEN {
        let taken = policy.walk(&labels(&labels_of(name)));
        assert_eq!(taken.len(), 1, "{name}");
        let found = policy.receiver_of(policy.route(taken[0]));
        assert_eq!(&*found.name, receiver, "{name}");
        let mut told: Vec<_> = found.integrations.iter().map(|integration| integration.kind).collect();
        told.sort_unstable();
        assert_eq!(told.join(" "), kinds, "{name}");
        assert!(found.integrations.iter().all(|integration| integration.send_resolved), "{name} is told resolved");
        let orders = found.work_orders.iter().map(|rule| {
            let hours = rule.due_after.expect("the file says when").as_secs() / 3600;
            format!("{} {} {hours}h", rule.kind.as_str(), rule.priority.as_str())
        });
        assert_eq!(orders.collect::<Vec<_>>().join(", "), order, "{name}");
    }
}

#[test]
fn what_is_none_of_the_fifteen_finds_somebody() {
    let policy = shipped().policy;
    let rows: [(Labels, &str); 6] = [
        (&[("alertname", "New")], "ops"),
        (&[("alertname", "New"), ("severity", "critical"), ("component", "database")], "on-call"),
        (&[("alertname", "New"), ("severity", "warning"), ("component", "database")], "databases"),
        (&[("alertname", "New"), ("severity", "warning"), ("component", "ingestion")], "data"),
        // An order that Andon opened, overdue in its turn, is escalated.
        (&[("alertname", "MaintenanceOverdue"), ("work_order_number", "WO-2026-ABCDEF27")], "maintenance-overdue"),
        (&[("alertname", "MaintenanceOverdue"), ("priority", "critical")], "maintenance-overdue"),
    ];
    for (alert, receiver) in rows {
        let taken = policy.walk(&labels(alert));
        assert_eq!(&*policy.receiver_of(policy.route(taken[0])).name, receiver, "{alert:?}");
    }
}

/// An engine with the shipped rules, some minutes after these alerts arrived.
struct Plant {
    engine: Engine,
    now: Timestamp,
}

impl Plant {
    fn new() -> Self {
        let now = Timestamp::new(1_795_359_600, 0);
        Self { engine: Engine::new(shipped().policy, engine::Options::default(), now), now }
    }

    fn fire(&mut self, alerts: &[Vec<(&'static str, &'static str)>]) {
        let mut batch = Batch::default();
        for alert in alerts {
            let mut labels: Vec<_> = alert.iter().copied().chain(EXTERNAL).collect();
            let ends = self.now.after(Duration::from_secs(24 * 3600));
            batch.push(&mut labels, &mut vec![], "", self.now, ends).expect("they are short");
        }
        self.engine.handle(self.now, Input::Alerts(Actor::Clock, batch));
        self.engine.committed();
    }

    /// Lets time pass and gives what falls due: receiver and alertname, with the minute.
    fn told_within(&mut self, minutes: u64) -> Vec<String> {
        let (start, mut told) = (self.now, Vec::new());
        let end = start.after(Duration::from_secs(minutes * 60));
        loop {
            for row in self.engine.take_due(self.now).into_iter().flatten() {
                let minute = self.now.since(start).as_secs() / 60;
                let alert = row.alerts[0].alert.labels.value("alertname");
                told.push(format!("{minute}m {} {} {alert}", row.thread.receiver, row.thread.kind));
            }
            let next = self.engine.next_deadline();
            if next > end {
                self.now = end;
                return told;
            }
            self.now = next.max(self.now);
            self.engine.handle(self.now, Input::Tick);
            self.engine.committed();
        }
    }

    fn view(&mut self) -> View {
        self.engine.view()
    }

    /// Which alerts are held back, and by which: `target by source`, both by name.
    fn held_back(&mut self) -> BTreeSet<String> {
        let (view, now) = (self.view(), self.now);
        let muting = view.muting(now);
        let name = |fingerprint| {
            let kept = view.alerts.iter().find(|kept| kept.fingerprint == fingerprint);
            kept.map(|kept| kept.alert.labels.value("alertname").to_owned()).expect("a source is kept")
        };
        let held =
            |kept| muting.inhibited_by(kept).map(|source| format!("{} by {}", name(kept.fingerprint), name(source)));
        view.alerts.iter().filter_map(held).collect()
    }
}

/// Every pair of the fifteen was in question: all of them fire at once, about one service and one pump.
#[test]
fn of_all_fifteen_at_once_four_are_held_back() {
    let mut plant = Plant::new();
    plant.fire(&FIFTEEN.map(|alert| labels_of(alert.0)));
    let expected = [
        "HighErrorRate by ServiceDown",
        "MLInferenceSlow by ServiceDown",
        "MaintenanceOverdue by CriticalAssetOffline",
        "SlowResponseTime by ServiceDown",
    ];
    assert_eq!(plant.held_back(), expected.map(str::to_owned).into());

    let told = plant.told_within(60);
    let expected = [
        "0m asset-offline email CriticalAssetOffline",
        "0m asset-offline pagerduty CriticalAssetOffline",
        "0m data slack KafkaConsumerLag",
        "0m databases slack PostgreSQLConnectionPoolHigh",
        "0m databases slack RedisMemoryHigh",
        "0m ml slack ModelPerformanceDegraded",
        "0m on-call pagerduty DataIngestionStopped",
        "0m on-call pagerduty ServiceDown",
        "0m ops slack DiskSpaceLow",
        "0m ops slack HighCPUUsage",
        "0m ops slack HighMemoryUsage",
        // The digest.
        "30m ml slack HighAnomalyRate",
    ];
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());
    let orders: Vec<_> = plant.view().work_orders.values().map(|order| order.key.to_string()).collect();
    assert_eq!(orders, [r#"{alertname="CriticalAssetOffline", asset_code="PUMP-001"}"#]);
}

/// What fires first, what comes then, and whether the second is held back.
#[test]
fn who_holds_back_whom() {
    const PUMP_1: (&str, &str) = ("asset_code", "PUMP-001");
    const PUMP_2: (&str, &str) = ("asset_code", "PUMP-002");
    const ORCHESTRATOR: [(&str, &str); 2] = [("job", "maintenance-orchestrator"), ("instance", "o:9096")];
    let alert = |name, severity, more: &[(&'static str, &'static str)]| {
        let mut labels = vec![("alertname", name), ("severity", severity)];
        labels.extend_from_slice(more);
        labels
    };
    let offline = |more: &[_]| alert("CriticalAssetOffline", "critical", more);
    let overdue = |more: &[_]| alert("MaintenanceOverdue", "warning", more);
    let down = |more: &[_]| alert("ServiceDown", "critical", more);
    let slow = |more: &[_]| alert("SlowResponseTime", "warning", more);
    let with = |one: (&'static str, &'static str)| [one, ORCHESTRATOR[0], ORCHESTRATOR[1]];
    let host = ("instance", "host:9100");
    #[rustfmt::skip]
    let rows = [
        // one asset
        (offline(&[PUMP_1]), overdue(&[PUMP_1]), true, "the pump stands still: its maintenance can wait"),
        (offline(&[PUMP_1]), alert("VibrationHigh", "warning", &[PUMP_1]), true, "of one asset the worst counts"),
        (offline(&[PUMP_1]), alert("VibrationNoted", "info", &[PUMP_1]), true, "of one asset the worst counts"),
        (alert("VibrationHigh", "warning", &[PUMP_1]), alert("VibrationNoted", "info", &[PUMP_1]), true, "warning over info"),
        (alert("VibrationHigh", "warning", &[PUMP_1]), offline(&[PUMP_1]), false, "nothing holds back the worse"),
        (offline(&[PUMP_1]), alert("Fire", "critical", &[PUMP_1]), false, "both are critical"),
        // two assets
        (offline(&[PUMP_1]), overdue(&[PUMP_2]), false, "another pump"),
        (offline(&with(PUMP_1)), overdue(&with(PUMP_2)), false, "another pump, told of by the same service"),
        (offline(&with(PUMP_1)), overdue(&ORCHESTRATOR), false, "who knows which asset"),
        (offline(&ORCHESTRATOR), overdue(&with(PUMP_1)), false, "who knows which asset"),
        // labels that both lack are not equal
        (offline(&[]), overdue(&[]), false, "no asset at all"),
        (down(&[]), slow(&[]), false, "no job at all"),
        (alert("A", "critical", &[]), alert("B", "warning", &[]), false, "nothing in common"),
        (alert("A", "critical", &[("job", "j")]), alert("B", "warning", &[("job", "j")]), false, "no instance"),
        (alert("A", "critical", &[host]), alert("B", "warning", &[host]), false, "no job"),
        // services
        (down(&ORCHESTRATOR), slow(&[ORCHESTRATOR[0]]), true, "what is down is slow"),
        (down(&ORCHESTRATOR), alert("HighErrorRate", "critical", &[ORCHESTRATOR[0]]), true, "what is down fails"),
        (down(&ORCHESTRATOR), slow(&[("job", "preprocessing")]), false, "another service"),
        (down(&ORCHESTRATOR), alert("QueueLong", "warning", &ORCHESTRATOR), true, "the same instance"),
        (down(&ORCHESTRATOR), alert("QueueLong", "warning", &[ORCHESTRATOR[0], ("instance", "p:9096")]), false, "another instance"),
        (slow(&[ORCHESTRATOR[0]]), down(&ORCHESTRATOR), false, "slowness holds back nothing"),
        (alert("HighErrorRate", "critical", &[ORCHESTRATOR[0]]), slow(&[ORCHESTRATOR[0]]), false, "no instance is named"),
        // one service is not the plant
        (down(&ORCHESTRATOR), alert("DiskSpaceLow", "warning", &[("job", "node"), ("instance", "o:9100")]), false, "a disk"),
        (down(&ORCHESTRATOR), alert("PostgreSQLConnectionPoolHigh", "warning", &[("job", "postgres"), ("instance", "o:9187")]), false, "a database"),
        (down(&ORCHESTRATOR), alert("KafkaConsumerLag", "warning", &[("group", "g"), ("topic", "t")]), false, "a queue"),
        (down(&ORCHESTRATOR), offline(&with(PUMP_1)), false, "an asset"),
        (down(&ORCHESTRATOR), overdue(&with(PUMP_1)), false, "an asset, although the service tells of it"),
    ];
    for (first, second, expected, why) in rows {
        let mut plant = Plant::new();
        plant.fire(&[first.clone(), second.clone()]);
        let held = plant.held_back();
        let found = held.contains(&format!("{} by {}", second[0].1, first[0].1));
        assert_eq!(found, expected, "{why}: {second:?} beside {first:?}: {held:?}");
    }
}

/// `status` changes while it is the same failure: one order, one incident.
#[test]
fn a_changing_status_is_the_same_failure() {
    let mut plant = Plant::new();
    let offline = |status| {
        vec![
            ("alertname", "CriticalAssetOffline"),
            ("severity", "critical"),
            ("asset_code", "CNC-001"),
            ("status", status),
        ]
    };
    plant.fire(&[offline("degraded")]);
    assert_eq!(plant.told_within(5).len(), 2, "the page and the mail");
    plant.fire(&[offline("failed")]);
    plant.told_within(5);
    let view = plant.view();
    assert_eq!(view.work_orders.len(), 1);
    let threads: BTreeSet<_> = view.ledger.keys().map(|thread| (&*thread.kind, &*thread.group_key)).collect();
    assert_eq!(threads.len(), 2, "{threads:?}");
}

#[test]
fn every_text_of_the_file_can_be_rendered() {
    let config = shipped();
    let templates = Templates::load(TemplateEngine::Handlebars, Path::new(""), &config.templates).expect("they load");
    let mut checked = 0;
    for integration in config.receivers.iter().flat_map(|receiver| &receiver.integrations) {
        let texts: Vec<&String> = match integration {
            IntegrationConfig::Pagerduty(page) => {
                let own = [&page.description, &page.severity, &page.class, &page.component, &page.group, &page.client];
                own.into_iter().chain(page.links.iter().flatten()).chain([&page.client_url, &page.source]).collect()
            }
            IntegrationConfig::Slack(message) => message.texts.values().collect(),
            IntegrationConfig::Email(mail) => {
                [&mail.html, &mail.text].into_iter().chain(mail.headers.values()).collect()
            }
            other => panic!("{other:?}"),
        };
        for text in texts {
            templates.check(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

/// What the engine may look up is what the file names.
#[test]
fn the_assets_are_the_plants() {
    let assets = shipped().assets;
    let found: Vec<_> =
        assets.values().map(|asset| format!("{} {} {}", asset.asset_code, asset.kind, asset.criticality)).collect();
    let expected = [
        "CNC-001 cnc critical",
        "COMP-001 compressor critical",
        "CONV-001 conveyor medium",
        "MOTOR-001 motor critical",
        "MOTOR-002 motor high",
        "PUMP-001 pump critical",
        "PUMP-002 pump medium",
    ];
    assert_eq!(found, expected);
    let complete = |asset: &Arc<str>| !assets[asset].name.is_empty() && !assets[asset].supervisor.is_empty();
    assert!(assets.keys().all(complete));
}

#[test]
fn on_call_has_somebody_who_hears_what_it_could_not_be_told() {
    let policy = shipped().policy;
    let on_call = policy.receivers.iter().find(|receiver| &*receiver.name == "on-call").expect("it is there");
    let fallback = on_call.rules.fallback.expect("it has one");
    let told = &policy.receivers[fallback.receiver.0 as usize];
    assert_eq!((&*told.name, fallback.after), ("ops", Duration::from_secs(120)));
    assert!(told.integrations.iter().all(|integration| integration.kind != "pagerduty"), "by another way");
    assert!(told.work_orders.is_empty(), "what Andon says of itself is no work for maintenance");
}

/// What stands in comments for those who want it is valid as it stands.
#[test]
fn the_comments_for_mails_and_the_watchdog_can_be_taken_in() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("routes.yaml");
    let (mut text, mut taken_in) = (String::new(), 0);
    let mut indented = false;
    for line in std::fs::read_to_string(&path).expect("it is shipped").lines() {
        let wanted =
            ["# work_order_mails:", "# watchdog:", "# - {matchers: [alertname=\"Watchdog\"]", "# - name: nobody"];
        let bare = line.trim_start();
        let begins = wanted.iter().any(|wanted| bare.starts_with(wanted));
        indented = begins || (indented && line.starts_with("#   "));
        taken_in += usize::from(begins);
        match line.split_once("# ").filter(|_| indented) {
            Some((before, line)) => text += &format!("{before}{line}\n"),
            None => text += &format!("{line}\n"),
        }
    }
    assert_eq!(taken_in, 4);
    let folder = path.parent().expect("it is in a folder");
    let config =
        Config::parse(&text, "routes.yaml", folder, &Options::default()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.policy.own.watchdogs.len(), 1);
    let watchdog = config.policy.walk(&labels(&[("alertname", "Watchdog")]));
    assert!(config.policy.receiver_of(config.policy.route(watchdog[0])).integrations.is_empty());
}
