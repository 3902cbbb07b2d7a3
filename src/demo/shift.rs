//! The shift that is played: what Prometheus says, whom Andon tells, and whom it spares.

use serde_json::{Map, Value};

use super::heard::By;

type Texts = &'static [(&'static str, &'static str)];

/// An alert as a rule of Prometheus makes it.
pub struct Alert {
    name: &'static str,
    severity: &'static str,
    component: &'static str,
    series: Texts,
    summary: &'static str,
    description: &'static str,
}

impl Alert {
    /// Its labels, with those that the plant's Prometheus adds to everything.
    pub fn labels(&self) -> Map<String, Value> {
        let own = [("alertname", self.name), ("severity", self.severity), ("component", self.component)];
        let external = [("cluster", "mantis-cluster"), ("environment", "development")];
        object(own.into_iter().chain(self.series.iter().copied()).chain(external))
    }

    /// Its annotations.
    pub fn annotations(&self) -> Map<String, Value> {
        object([("summary", self.summary), ("description", self.description)])
    }
}

fn object(pairs: impl IntoIterator<Item = (&'static str, &'static str)>) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// One part of the shift.
pub struct Act {
    /// What happens, for people.
    pub title: &'static str,
    /// What begins to fire.
    pub fires: &'static [&'static Alert],
    /// What is over.
    pub over: &'static [&'static Alert],
    /// Who is told, and a part of the headline: each once, and nobody else.
    pub tells: &'static [(By, &'static str)],
    /// Which alerts are held back from now on, and by which.
    pub holds: &'static [(&'static str, &'static str)],
}

const PUMP_OFFLINE: Alert = Alert {
    name: "CriticalAssetOffline",
    severity: "critical",
    component: "business",
    series: &[("asset_code", "PUMP-001"), ("criticality", "critical"), ("type", "pump")],
    summary: "Critical asset PUMP-001 is failed",
    description: "PUMP-001 at line-2, station-1, has not been operational for 5 minutes.",
};
const PUMP_OVERDUE: Alert = Alert {
    name: "MaintenanceOverdue",
    severity: "warning",
    component: "business",
    series: &[("asset_code", "PUMP-001"), ("priority", "high"), ("work_order_number", "PM-77")],
    summary: "Maintenance is overdue: PM-77 of priority high for PUMP-001",
    description: "One work order for PUMP-001 should have begun more than an hour ago.",
};
const PUMP_VIBRATES: Alert = Alert {
    name: "VibrationHigh",
    severity: "warning",
    component: "equipment",
    series: &[("asset_code", "PUMP-001"), ("sensor", "bearing-2")],
    summary: "PUMP-001 vibrates at 9.8 mm/s",
    description: "Bearing 2 of PUMP-001 vibrates at 9.8 mm/s, over 7.1 mm/s.",
};
const SERVICE_DOWN: Alert = Alert {
    name: "ServiceDown",
    severity: "critical",
    component: "infrastructure",
    series: &[("job", "rul-prediction"), ("instance", "rul-prediction:9095")],
    summary: "rul-prediction is down",
    description: "Prometheus has not reached rul-prediction at rul-prediction:9095 for 2 minutes.",
};
const ERRORS: Alert = Alert {
    name: "HighErrorRate",
    severity: "critical",
    component: "application",
    series: &[("job", "rul-prediction")],
    summary: "rul-prediction fails 38% of its requests",
    description: "rul-prediction answers 38% of its requests with 5xx, over 5% for 5 minutes.",
};
const SLOW: Alert = Alert {
    name: "SlowResponseTime",
    severity: "warning",
    component: "application",
    series: &[("job", "rul-prediction")],
    summary: "rul-prediction is slow: P95 is 8.2s",
    description: "5 of 100 items take rul-prediction 8.2s or more, over 5s for 10 minutes.",
};
const DISK: Alert = Alert {
    name: "DiskSpaceLow",
    severity: "warning",
    component: "infrastructure",
    series: &[("instance", "node-exporter:9100"), ("mountpoint", "/"), ("device", "/dev/sda1")],
    summary: "node-exporter:9100 has 12% of / left",
    description: "/dev/sda1 has 12% left, less than 15% for 10 minutes.",
};
const CONVEYOR_OVERDUE: Alert = Alert {
    name: "MaintenanceOverdue",
    severity: "warning",
    component: "business",
    series: &[("asset_code", "CONV-001"), ("priority", "high"), ("work_order_number", "PM-81")],
    summary: "Maintenance is overdue: PM-81 of priority high for CONV-001",
    description: "One work order for CONV-001 should have begun more than an hour ago.",
};
const ANOMALIES: Alert = Alert {
    name: "HighAnomalyRate",
    severity: "info",
    component: "ml",
    series: &[],
    summary: "131 anomalies within an hour",
    description: "131 anomalies were found within the last hour, over 100 for 30 minutes.",
};

/// The shift.
pub static ACTS: [Act; 4] = [
    Act {
        title: "A pump that the plant cannot do without stands still",
        fires: &[&PUMP_OFFLINE, &PUMP_OVERDUE, &PUMP_VIBRATES],
        over: &[],
        tells: &[(By::Pagerduty, "trigger Cooling water pump (PUMP-001)"), (By::Mail, "[CRITICAL] Cooling water pump")],
        holds: &[
            ("MaintenanceOverdue PUMP-001", "CriticalAssetOffline PUMP-001"),
            ("VibrationHigh PUMP-001", "CriticalAssetOffline PUMP-001"),
        ],
    },
    Act {
        title: "A service dies, and a disk on another machine fills up",
        fires: &[&SERVICE_DOWN, &ERRORS, &SLOW, &DISK],
        over: &[],
        tells: &[
            (By::Pagerduty, "trigger rul-prediction is down"),
            (By::Slack, "#ops [WARNING] node-exporter:9100 has 12% of / left"),
        ],
        holds: &[
            ("HighErrorRate rul-prediction", "ServiceDown rul-prediction"),
            ("SlowResponseTime rul-prediction", "ServiceDown rul-prediction"),
        ],
    },
    Act {
        title: "Maintenance of a conveyor is overdue, and there are many anomalies",
        fires: &[&CONVEYOR_OVERDUE, &ANOMALIES],
        over: &[],
        tells: &[
            (By::Mail, "[WARNING] Transfer conveyor (CONV-001)"),
            (By::Slack, "#ml [INFO] 131 anomalies within an hour"),
        ],
        holds: &[],
    },
    Act {
        title: "The pump runs, the service is back, the disk was cleared: what was told is told resolved",
        fires: &[],
        over: &[&PUMP_OFFLINE, &PUMP_VIBRATES, &SERVICE_DOWN, &ERRORS, &SLOW, &DISK, &ANOMALIES],
        tells: &[
            (By::Pagerduty, "resolve Cooling water pump (PUMP-001)"),
            (By::Mail, "[RESOLVED] Cooling water pump (PUMP-001)"),
            (By::Pagerduty, "resolve rul-prediction is down"),
            (By::Slack, "#ops [RESOLVED] node-exporter:9100 has 12% of / left"),
            (By::Slack, "#ml [RESOLVED] 131 anomalies within an hour"),
            // It was held back, and is still true.
            (By::Mail, "[WARNING] Cooling water pump (PUMP-001): Maintenance is overdue"),
        ],
        holds: &[],
    },
];
