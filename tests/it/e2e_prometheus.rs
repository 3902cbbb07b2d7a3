//! A real Prometheus evaluates a rule over a real scrape and sends to the real Andon, which tells a webhook.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::http::Message;
use crate::support::process::Place;
use crate::support::prometheus::Prometheus;
use crate::support::webhook::Webhook;
use crate::support::{program, until};

const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn what_prometheus_fires_and_recovers_is_told() {
    let Some(prometheus) = program("prometheus", "ANDON_PROMETHEUS", "prometheus") else { return };
    let pump = Pump::start();
    let webhook = Webhook::start();
    let place = Place::with_config(&format!(
        "route: {{receiver: plant, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}}\n\
         receivers:\n- name: plant\n  webhook_configs: [{{url: '{}'}}]\n",
        webhook.url()
    ));
    let andon = place.start(&["--web.external-url=http://andon.plant.example"]);
    write_rules(place.path(), pump.port, andon.address());
    let _running = Prometheus::start(&prometheus, place.path());

    pump.temperature.store(95, Ordering::SeqCst);
    until(LIMIT, "the webhook is told of the hot pump", || (!webhook.told().is_empty()).then_some(()));
    let shown = andon.get("/api/v2/alerts").json();
    assert_eq!(shown[0]["labels"]["alertname"], "PumpHot");
    assert_eq!(shown[0]["status"]["state"], "active");

    pump.temperature.store(40, Ordering::SeqCst);
    until(LIMIT, "the webhook is told of the recovery", || {
        webhook.told().iter().any(|message| message.json()["status"] == "resolved").then_some(())
    });
    let told: Vec<_> = webhook.told().iter().map(Message::json).collect();
    assert_eq!(told.iter().map(|body| &body["status"]).collect::<Vec<_>>(), ["firing", "resolved"], "{told:?}");
    for body in &told {
        assert_eq!((&body["version"], &body["receiver"]), (&"4".into(), &"plant".into()));
        assert_eq!(body["externalURL"], "http://andon.plant.example");
        let alert = &body["alerts"][0];
        assert_eq!(alert["labels"]["asset_code"], "P-101");
        assert_eq!(alert["annotations"]["summary"], "P-101 is at 95 degrees");
        assert!(alert["generatorURL"].as_str().is_some_and(|url| url.contains("/graph?")), "{alert}");
    }
    assert_eq!(told[0]["alerts"][0]["startsAt"], told[1]["alerts"][0]["startsAt"]);
    assert_ne!(told[1]["alerts"][0]["endsAt"], Value::from("0001-01-01T00:00:00Z"));
}

/// A pump with a thermometer, as an exporter shows it.
struct Pump {
    port: u16,
    temperature: Arc<AtomicU64>,
}

impl Pump {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let temperature = Arc::new(AtomicU64::new(40));
        let shown = Arc::clone(&temperature);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // One scrape a connection; whoever went away gets no answer.
                let Ok(Some(_)) = Message::read(&mut BufReader::new(&stream)) else { continue };
                let body =
                    format!("pump_temperature_celsius{{asset_code=\"P-101\"}} {}\n", shown.load(Ordering::SeqCst));
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { port, temperature }
    }
}

fn write_rules(folder: &Path, pump: u16, andon: &str) {
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs: [{{job_name: pumps, static_configs: [{{targets: ['127.0.0.1:{pump}']}}]}}]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{andon}']}}]}}]}}\n"
    );
    let rules = "groups: [{name: pumps, rules: [{alert: PumpHot, expr: pump_temperature_celsius > 80, labels: \
                 {severity: critical}, annotations: {summary: '{{ $labels.asset_code }} is at {{ $value }} degrees'}}]}]\n";
    std::fs::write(folder.join("prometheus.yml"), config).expect("it is written");
    std::fs::write(folder.join("rules.yml"), rules).expect("it is written");
}
