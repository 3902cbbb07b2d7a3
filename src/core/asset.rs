//! What the plant says of its assets: names, places, and the parts that their maintenance takes.

use std::collections::BTreeMap;
use std::sync::Arc;

/// One asset. Texts that nobody gave are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asset {
    /// Its code: what the label `asset_code` says.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// `motor`, `pump`, …
    pub kind: String,
    /// The line that it stands in.
    pub location_line: String,
    /// The station of the line.
    pub location_station: String,
    /// critical, high, medium or low.
    pub criticality: String,
}

impl Asset {
    /// `line-1/station-2`, as far as it is known.
    pub fn location(&self) -> String {
        match (self.location_line.as_str(), self.location_station.as_str()) {
            ("", "") => String::new(),
            (place, "") | ("", place) => place.to_owned(),
            (line, station) => format!("{line}/{station}"),
        }
    }
}

/// A part that the maintenance of an asset takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparePart {
    /// Its number.
    pub number: String,
    /// What people call it.
    pub name: String,
    /// How many one maintenance takes.
    pub needed: u32,
    /// How many are in stock.
    pub in_stock: u32,
    /// Where they lie, or empty.
    pub stock_location: String,
    /// After how many days an ordered one arrives, if that is known.
    pub lead_time_days: Option<u32>,
}

impl SparePart {
    /// Whether there are as many as one maintenance takes.
    pub fn is_in_stock(&self) -> bool {
        self.in_stock >= self.needed
    }
}

/// An asset with what its maintenance takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownAsset {
    /// The asset.
    pub asset: Asset,
    /// The parts, in the order of their numbers.
    pub parts: Vec<SparePart>,
}

/// Assets by code.
pub type Assets = BTreeMap<Arc<str>, KnownAsset>;
