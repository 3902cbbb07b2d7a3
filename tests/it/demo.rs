//! `andon demo --exit` tells its story: who heard what, what was held back by what, and which work orders opened.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The lines of the demo that tell what happened, without their times.
fn events(output: &str) -> Vec<(&str, &str)> {
    let split = |line| -> Option<(&str, &str)> {
        let (time, rest) = str::trim_start(line).split_once("s  ")?;
        time.parse::<f64>().ok()?;
        rest.split_once("  ").map(|(who, what)| (who.trim(), what.trim()))
    };
    output.lines().filter_map(split).collect()
}

fn play() -> (Output, Duration) {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_andon")).args(["demo", "--exit"]).output().expect("andon starts");
    (output, started.elapsed())
}

#[test]
fn the_demo_tells_its_story_in_less_than_a_minute_and_ends() {
    let (output, took) = play();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{text}");
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(!text.contains('\x1b'), "no colours where no terminal reads");
    let events = events(&text);
    let told = |who: &str, what: &str| events.iter().filter(|(by, said)| *by == who && said.starts_with(what)).count();
    let mail = "to supervisor@plant.example: ";
    #[rustfmt::skip]
    let rows = [
        ("PagerDuty", "trigger Cooling water pump (PUMP-001): ", 1),
        ("PagerDuty", "trigger rul-prediction is down", 1),
        ("PagerDuty", "resolve Cooling water pump (PUMP-001): ", 1),
        ("PagerDuty", "resolve rul-prediction is down", 1),
        ("PagerDuty", "", 4),
        ("Slack", "#ops [WARNING] node-exporter:9100 has 12% of / left", 1),
        ("Slack", "#ml [INFO] 131 anomalies within an hour", 1),
        ("Slack", "#ops [RESOLVED] node-exporter:9100 has 12% of / left", 1),
        ("Slack", "#ml [RESOLVED] 131 anomalies within an hour", 1),
        ("Slack", "", 4),
        ("Mail", &format!("{mail}[CRITICAL] Cooling water pump (PUMP-001): "), 1),
        ("Mail", &format!("{mail}[WARNING] Transfer conveyor (CONV-001): "), 1),
        ("Mail", &format!("{mail}[RESOLVED] Cooling water pump (PUMP-001): "), 1),
        ("Mail", &format!("{mail}[WARNING] Cooling water pump (PUMP-001): Maintenance is overdue"), 1),
        ("Mail", "", 4),
        ("held back", "MaintenanceOverdue PUMP-001: inhibited by CriticalAssetOffline PUMP-001", 1),
        ("held back", "VibrationHigh PUMP-001: inhibited by CriticalAssetOffline PUMP-001", 1),
        ("held back", "HighErrorRate rul-prediction: inhibited by ServiceDown rul-prediction", 1),
        ("held back", "SlowResponseTime rul-prediction: inhibited by ServiceDown rul-prediction", 1),
        ("held back", "", 4),
    ];
    for (who, what, times) in rows {
        assert_eq!(told(who, what), times, "{who} {what}\n{text}");
    }
    assert!(text.contains("http://127.0.0.1:") && !text.contains("localhost"), "{text}");
    let links = text.lines().filter(|line| line.trim_start().starts_with("http://")).count();
    let home = text.lines().filter(|line| line.trim_start().starts_with("http://127.0.0.1:")).count();
    assert!(links > 0 && links == home, "links lead where it listens: {text}");
    let orders: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with("WO-")).collect();
    let kinds =
        ["corrective  emergency  open  cleared", "preventive  high  open  active", "preventive  high  open  active"];
    assert_eq!(orders.len(), kinds.len(), "{text}");
    for (order, kind) in orders.iter().zip(kinds) {
        assert!(order.contains(kind), "{order}");
    }
}
