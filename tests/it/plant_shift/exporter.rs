//! The plant's services and exporters as Prometheus sees them: a proxy that answers for all of them by their names, so
//! that targets and their labels are those of the plant.
//!
//! Each condition is a switch. Counters go on from scrape to scrape, as those of a real service do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::support::http::Message;

/// What can be wrong on the plant: a word for the condition, and what it is about.
pub type Trouble = (&'static str, &'static str);

/// Listens until the test's process ends.
pub struct Exporter {
    port: u16,
    plant: Arc<Mutex<Plant>>,
}

#[derive(Default)]
struct Plant {
    troubles: BTreeSet<Trouble>,
    /// Counters by service and series, with the moment when they were last asked for.
    counters: BTreeMap<(String, String), (Option<Instant>, f64)>,
    scrapes: BTreeMap<String, u64>,
}

impl Exporter {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let exporter = Self { port, plant: Arc::default() };
        let plant = Arc::clone(&exporter.plant);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &plant);
            }
        });
        exporter
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn begin(&self, troubles: &[Trouble]) {
        lock(&self.plant).troubles.extend(troubles);
    }

    pub fn end(&self, troubles: &[Trouble]) {
        lock(&self.plant).troubles.retain(|trouble| !troubles.contains(trouble));
    }

    /// How often a service was asked.
    pub fn scrapes(&self, service: &str) -> u64 {
        lock(&self.plant).scrapes.get(service).copied().unwrap_or_default()
    }
}

fn lock(plant: &Mutex<Plant>) -> MutexGuard<'_, Plant> {
    plant.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One scrape a connection; whoever went away gets no answer.
fn answer(mut stream: &TcpStream, plant: &Mutex<Plant>) {
    let Ok(Some(request)) = Message::read(&mut BufReader::new(stream)) else { return };
    // `GET http://rul-prediction:9095/metrics HTTP/1.1`
    let service = request.first_line.split("http://").nth(1).and_then(|url| url.split(':').next()).unwrap_or_default();
    let mut plant = lock(plant);
    *plant.scrapes.entry(service.to_owned()).or_default() += 1;
    let down = plant.has("down", service);
    let (status, body) =
        if down { ("503 Service Unavailable", String::new()) } else { ("200 OK", plant.metrics(service)) };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close");
    let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
}

impl Plant {
    fn has(&self, what: &str, of: &str) -> bool {
        self.troubles.iter().any(|trouble| *trouble == (what, of))
    }

    /// `bad` while there is the trouble, else `good`.
    fn value(&self, what: &str, of: &str, bad: f64, good: f64) -> f64 {
        if self.has(what, of) { bad } else { good }
    }

    /// A line for a counter that grows by `rate` a second.
    fn counter(&mut self, out: &mut String, service: &str, series: &str, rate: f64) {
        let (asked, value) = self.counters.entry((service.to_owned(), series.to_owned())).or_default();
        let now = Instant::now();
        *value += asked.map_or(0.0, |asked| (now - asked).as_secs_f64() * rate);
        *asked = Some(now);
        let _ = writeln!(out, "{series} {value}");
    }

    /// A histogram of ten observations a second, all within a second, or all between one and ten.
    fn histogram(&mut self, out: &mut String, service: &str, name: &str, labels: &str, slow: bool) {
        for (le, rate) in [("1", if slow { 0.0 } else { 10.0 }), ("10", 10.0), ("+Inf", 10.0)] {
            self.counter(out, service, &format!("{name}_bucket{{le=\"{le}\"{labels}}}"), rate);
        }
    }

    fn metrics(&mut self, service: &str) -> String {
        let mut out = String::new();
        match service {
            "postgres-exporter" => {
                let used = self.value("connections", "postgres", 90.0, 20.0);
                let _ = writeln!(out, "pg_stat_database_numbackends{{datname=\"mantis\"}} {used}");
                let _ = writeln!(out, "pg_settings_max_connections{{server=\"postgres:5432\"}} 100");
                self.assets(&mut out);
            }
            "redis-exporter" => {
                let used = self.value("memory", "redis", 90.0, 20.0);
                let _ = writeln!(out, "redis_memory_used_bytes {used}\nredis_memory_max_bytes 100");
            }
            "node-exporter" => {
                let labels = r#"{device="/dev/sda1",fstype="ext4",mountpoint="/"}"#;
                let left = self.value("disk", "/", 10.0, 60.0);
                let _ =
                    writeln!(out, "node_filesystem_avail_bytes{labels} {left}\nnode_filesystem_size_bytes{labels} 100");
            }
            "cadvisor" => {
                let labels =
                    r#"{container_label_com_docker_compose_service="preprocessing",name="mantis-preprocessing"}"#;
                let used = self.value("memory", "preprocessing", 95.0, 40.0);
                let _ = writeln!(out, "container_memory_usage_bytes{labels} {used}");
                let _ = writeln!(out, "container_spec_memory_limit_bytes{labels} 100");
                let rate = self.value("cpu", "preprocessing", 5.0, 0.1);
                self.counter(&mut out, service, &format!("container_cpu_usage_seconds_total{labels}"), rate);
            }
            "kafka-exporter" => {
                let lag = self.value("lag", "features", 25_000.0, 5.0);
                let labels = r#"{consumergroup="features",partition="0",topic="sensor-data"}"#;
                let _ = writeln!(out, "kafka_consumergroup_lag{labels} {lag}");
            }
            service => self.service(&mut out, service),
        }
        out
    }

    fn service(&mut self, out: &mut String, service: &str) {
        let failed = self.value("errors", service, 50.0, 0.0);
        for (status, rate) in [("200", 100.0), ("500", failed)] {
            self.counter(out, service, &format!("http_requests_total{{status=\"{status}\"}}"), rate);
        }
        let slow = self.has("slow", service);
        self.histogram(out, service, "processing_duration_seconds", "", slow);
        match service {
            "ingestion-iiot" => {
                let rate = self.value("no data", service, 0.0, 40.0);
                self.counter(out, service, "sensor_data_ingested_total", rate);
            }
            "anomaly-detection" => {
                let rate = self.value("anomalies", service, 100.0, 0.0);
                self.counter(out, service, "anomalies_detected_total", rate);
            }
            "rul-prediction" => {
                let slow = self.has("slow inference", service);
                self.histogram(out, service, "ml_inference_duration_seconds", ",model=\"rul_predictor\"", slow);
                let error = self.value("wrong", service, 900.0, 10.0);
                let _ = writeln!(out, "rul_prediction_mae{{model=\"rul_predictor\"}} {error}");
            }
            _ => {}
        }
    }

    /// As the exporter's queries name them, which the configuration of Prometheus puts right.
    fn assets(&self, out: &mut String) {
        for (asset, kind, criticality) in [("PUMP-001", "pump", "critical"), ("MOTOR-002", "motor", "high")] {
            let status = if self.has("offline", asset) { "failed" } else { "operational" };
            let _ = writeln!(
                out,
                "asset_status_current{{asset_code=\"{asset}\",asset_name=\"{asset}\",type=\"{kind}\",\
                 criticality=\"{criticality}\",status=\"{status}\",location_line=\"line-1\",location_station=\"station-1\"}} 1"
            );
            let overdue = self.value("overdue", asset, 1.0, 0.0);
            let _ = writeln!(
                out,
                "work_order_overdue_current{{priority=\"high\",asset_code=\"{asset}\",work_order_number=\"PM-{asset}\"}} {overdue}"
            );
        }
    }
}
