//! The plant's Prometheus side, `monitoring/`: promtool reads all of it and plays the unit tests of its rules.

use std::path::Path;
use std::process::Command;

use crate::support::program;

#[test]
fn the_rules_of_the_plant_pass_their_unit_tests() {
    let Some(promtool) = program("promtool", "ANDON_PROMTOOL", "prometheus") else { return };
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring/check");
    let output = Command::new(check).env("PROMTOOL", promtool).output().expect("monitoring/check can be started");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

/// The plant's own list. What is not an alert of the plant stands in another file.
const ALERTS: [(&str, &str, &str); 15] = [
    ("ServiceDown", "critical", "2m"),
    ("HighCPUUsage", "warning", "5m"),
    ("HighMemoryUsage", "warning", "5m"),
    ("PostgreSQLConnectionPoolHigh", "warning", "3m"),
    ("RedisMemoryHigh", "warning", "5m"),
    ("DiskSpaceLow", "warning", "10m"),
    ("HighErrorRate", "critical", "5m"),
    ("SlowResponseTime", "warning", "10m"),
    ("KafkaConsumerLag", "warning", "5m"),
    ("DataIngestionStopped", "critical", "10m"),
    ("MLInferenceSlow", "warning", "10m"),
    ("HighAnomalyRate", "info", "30m"),
    ("ModelPerformanceDegraded", "warning", "30m"),
    ("CriticalAssetOffline", "critical", "5m"),
    ("MaintenanceOverdue", "warning", "1h"),
];

#[test]
fn the_fifteen_have_the_names_durations_and_severities_that_the_plant_gave_them() {
    let rules = read("monitoring/rules/alerts.yml");
    let written: Vec<_> = rules
        .split("\n  - alert: ")
        .skip(1)
        .map(|rule| {
            let value = |key: &str| {
                rule.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_else(|| panic!("{key} of {rule}"))
            };
            (rule.lines().next().unwrap_or_default(), value("severity: "), value("for: "))
        })
        .collect();
    assert_eq!(written, ALERTS);
}

#[test]
fn every_alert_has_a_unit_test_and_the_section_that_its_runbook_names() {
    let tests = ["andon", "alerts_infrastructure", "alerts_application", "alerts_ml", "alerts_business"]
        .map(|name| read(&format!("monitoring/rules/tests/{name}.yml")))
        .concat();
    let guide = read("docs/monitoring.md");
    for file in ["monitoring/rules/alerts.yml", "monitoring/rules/andon.yml"] {
        let rules = read(file);
        for rule in rules.split("\n  - alert: ").skip(1) {
            let name = rule.lines().next().unwrap_or_default();
            assert!(tests.contains(&format!("- alertname: {name}\n")), "{file}: {name} fires in no unit test");
            let link = format!("runbook: \"docs/monitoring.md#{}\"", name.to_lowercase());
            assert!(rule.contains(&link), "{file}: {name} lacks {link}");
            assert!(guide.contains(&format!("\n### {name}\n")), "docs/monitoring.md has no section {name}");
        }
    }
}

#[test]
fn every_recorded_rule_is_evaluated_in_a_unit_test() {
    let rules = read("monitoring/rules/recording_rules.yml");
    let tests = read("monitoring/rules/tests/recording_rules.yml");
    let recorded: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    assert_eq!(recorded.len(), 11, "{recorded:#?}");
    for name in recorded {
        let asked = tests.lines().any(|line| line.trim().starts_with("- expr: ") && line.contains(name));
        assert!(asked, "{name} is evaluated in no unit test");
    }
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
