//! What the plant's database says of assets and overdue orders, under the names and labels that the plant's alerts
//! stand on.
//!
//! A value that was read stays for a while when the database is away, so that its restart resolves no alert; then it goes
//! away, for nobody knows any more whether it is so. `andon_plant_database_up` tells at once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use parking_lot::Mutex;

use super::family;
use crate::time::Timestamp;

/// One asset and the status that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetStatus {
    /// `asset_code`
    pub code: String,
    /// `name`
    pub name: String,
    /// `criticality`
    pub criticality: String,
    /// `status`
    pub status: String,
    /// `type`
    pub kind: String,
    /// `location_line`
    pub line: String,
    /// `location_station`
    pub station: String,
}

/// A work order whose planned start is past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// `priority`
    pub priority: String,
    /// `work_order_number`
    pub number: String,
    /// The asset's code, or empty.
    pub asset_code: String,
    /// The asset's name, or empty.
    pub asset_name: String,
}

/// What the tables said at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlantFigures {
    /// Every asset, as far as the limit goes.
    pub assets: Vec<AssetStatus>,
    /// Every overdue order, as far as the limit goes.
    pub overdue: Vec<Overdue>,
    /// Whether there are more rows than are shown.
    pub incomplete: bool,
}

/// The plant's part of the metrics; empty where no database is configured.
#[derive(Default)]
pub(super) struct Plant(Mutex<Option<Known>>);

struct Known {
    up: bool,
    figures: PlantFigures,
    read_at: Timestamp,
    keep: Duration,
}

impl Plant {
    /// A database is configured, and was not asked yet.
    pub(super) fn configured(&self) {
        let nothing =
            Known { up: false, figures: PlantFigures::default(), read_at: Timestamp::ZERO, keep: Duration::ZERO };
        self.0.lock().get_or_insert(nothing);
    }

    /// No database is configured.
    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }

    /// The tables were read. Unless they are read again, this is shown for `keep`.
    pub(super) fn read(&self, figures: PlantFigures, read_at: Timestamp, keep: Duration) {
        *self.0.lock() = Some(Known { up: true, figures, read_at, keep });
    }

    /// The tables could not be read.
    pub(super) fn away(&self) {
        if let Some(known) = &mut *self.0.lock() {
            known.up = false;
        }
    }

    /// Appends the metrics as of `now`.
    pub(super) fn write(&self, out: &mut String, now: Timestamp) {
        let known = self.0.lock();
        let Some(known) = &*known else { return };
        let up = f64::from(u8::from(known.up));
        let help = "Whether the plant's database could be read when it was last tried.";
        family::write(out, "andon_plant_database_up", "gauge", help, [("", up)]);
        let read_at = if known.read_at.is_zero() { 0.0 } else { known.read_at.as_secs_f64() };
        let help = "When the plant's database was last read.";
        family::write(out, "andon_plant_database_last_read_timestamp_seconds", "gauge", help, [("", read_at)]);
        if now.since(known.read_at) > known.keep {
            return;
        }
        let incomplete = f64::from(u8::from(known.figures.incomplete));
        let help = "Whether the plant's database has more assets or overdue orders than are shown.";
        family::write(out, "andon_plant_database_incomplete", "gauge", help, [("", incomplete)]);
        let samples = |labels: &BTreeSet<String>, out: &mut String, name: &str, help: &str| {
            family::write(out, name, "gauge", help, labels.iter().map(|labels| (labels.as_str(), 1.0)));
        };
        let assets = known.figures.assets.iter().map(AssetStatus::labels).collect();
        samples(&assets, out, "asset_status", "1 for the status that an asset is in.");
        let overdue = known.figures.overdue.iter().map(Overdue::labels).collect();
        samples(&overdue, out, "work_order_overdue", "Work orders that should have begun.");
    }
}

impl AssetStatus {
    fn labels(&self) -> String {
        braced(&[
            ("asset_code", &self.code),
            ("asset_name", &self.name),
            ("criticality", &self.criticality),
            ("status", &self.status),
            ("type", &self.kind),
            ("location_line", &self.line),
            ("location_station", &self.station),
        ])
    }
}

impl Overdue {
    fn labels(&self) -> String {
        braced(&[
            ("priority", &self.priority),
            ("work_order_number", &self.number),
            ("asset_code", &self.asset_code),
            ("asset_name", &self.asset_name),
        ])
    }
}

/// Labels in braces; to Prometheus an empty label is none, so it is left out.
fn braced(labels: &[(&str, &String)]) -> String {
    let mut out = String::from("{");
    for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        let separator = if out.len() > 1 { "," } else { "" };
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        // Writing to a string cannot fail.
        let _ = write!(out, "{separator}{name}=\"{value}\"");
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(plant: &Plant, at: i64) -> String {
        let mut out = String::new();
        plant.write(&mut out, Timestamp::new(at, 0));
        out.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    fn figures() -> PlantFigures {
        let pump = AssetStatus {
            code: "PUMP-001".into(),
            name: "The \"big\" pump\\\nrest".into(),
            criticality: "critical".into(),
            status: "failed".into(),
            ..AssetStatus::default()
        };
        let order = Overdue { priority: "high".into(), number: "PM-1".into(), ..Overdue::default() };
        // A table without the unique column that it should have must not spoil the whole exposition.
        PlantFigures { assets: vec![pump.clone(), pump], overdue: vec![order], incomplete: false }
    }

    #[test]
    fn labels_are_the_plants_and_a_value_that_is_too_old_goes_away() {
        let plant = Plant::default();
        assert_eq!(text(&plant, 100), "", "nothing is configured");
        plant.configured();
        let never = "andon_plant_database_up 0\nandon_plant_database_last_read_timestamp_seconds 0";
        assert_eq!(text(&plant, 100), never);
        plant.read(figures(), Timestamp::new(100, 0), Duration::from_secs(60));
        let asset = r#"asset_status{asset_code="PUMP-001",asset_name="The \"big\" pump\\\nrest",criticality="critical",status="failed"} 1"#;
        let shown = text(&plant, 160);
        assert!(shown.contains("andon_plant_database_up 1"), "{shown}");
        assert_eq!(shown.matches(asset).count(), 1, "{shown}");
        assert!(shown.contains(r#"work_order_overdue{priority="high",work_order_number="PM-1"} 1"#), "{shown}");
        plant.away();
        let shown = text(&plant, 160);
        assert!(shown.contains("andon_plant_database_up 0") && shown.contains(asset), "it may be back soon: {shown}");
        let shown = text(&plant, 161);
        assert!(!shown.contains("asset_status") && !shown.contains("work_order_overdue"), "{shown}");
        assert!(shown.contains("andon_plant_database_last_read_timestamp_seconds 100"), "{shown}");
        plant.forget();
        assert_eq!(text(&plant, 161), "");
    }
}
