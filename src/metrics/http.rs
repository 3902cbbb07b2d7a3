//! How answering requests goes.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{counters, gauge, gauges, histograms};

const HTTP_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const HTTP_BYTES: [f64; 7] = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/// What is counted of it.
pub struct Http {
    seconds: HistogramVec,
    bytes: HistogramVec,
    in_flight: IntGaugeVec,
    limited: IntCounterVec,
    connections: IntGauge,
}

impl Http {
    pub(super) fn new(r: &Registry) -> Self {
        let http = Self {
            seconds: histograms(
                r,
                "alertmanager_http_request_duration_seconds",
                "How long HTTP requests took.",
                &["handler", "method", "code"],
                &HTTP_SECONDS,
            ),
            bytes: histograms(
                r,
                "alertmanager_http_response_size_bytes",
                "How large HTTP responses were.",
                &["handler", "method"],
                &HTTP_BYTES,
            ),
            in_flight: gauges(r, "alertmanager_http_requests_in_flight", "HTTP requests being answered.", &["method"]),
            limited: counters(
                r,
                "alertmanager_http_concurrency_limit_exceeded_total",
                "HTTP requests refused because too many were being answered.",
                &["method"],
            ),
            connections: gauge(r, "andon_http_connections", "Open HTTP connections."),
        };
        http.in_flight.with_label_values(&["get"]);
        http.limited.with_label_values(&["get"]);
        http
    }

    /// An HTTP request was answered. `handler` is the route's pattern, never a path that a client made up. `bytes` is
    /// left out for API v2, as by Alertmanager.
    pub fn answered(&self, handler: &str, method: &str, code: u16, took: Duration, bytes: Option<u64>) {
        let code = code.to_string();
        self.seconds.with_label_values(&[handler, method, &code]).observe(took.as_secs_f64());
        if let Some(bytes) = bytes {
            self.bytes.with_label_values(&[handler, method]).observe(bytes as f64);
        }
    }

    /// Counts a GET request as being answered until the guard is dropped.
    pub fn get_in_flight(&self) -> InFlight {
        InFlight::of(self.in_flight.with_label_values(&["get"]))
    }

    /// A GET request was refused because too many were being answered.
    pub fn get_refused(&self) {
        self.limited.with_label_values(&["get"]).inc();
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connection(&self) -> InFlight {
        InFlight::of(self.connections.clone())
    }
}

/// Something that is going on; it is over when this is dropped.
pub struct InFlight(IntGauge);

impl InFlight {
    fn of(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
