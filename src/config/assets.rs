//! `assets`: a file that says what the plant's assets are called, where they stand and whom their maintenance concerns.
//!
//! The file is a YAML list, checked as strictly as the configuration. Nothing in it decides who is told; it is offered to
//! templates and work orders.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::error::{Errors, FieldPath, refusal};
use super::fields::{Fields, mismatch};
use super::load::read_limited;
use super::node::{Node, Value};
use super::yaml;
use crate::core::asset::{Assets, KnownAsset, SparePart};

/// One asset. Texts that the file does not have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asset {
    /// Its code: what the label `asset_code` says. Unique, at most 50 characters.
    pub asset_code: Arc<str>,
    /// What people call it.
    pub name: String,
    /// `motor`, `pump`, …
    pub kind: String,
    /// The line that it stands in.
    pub location_line: String,
    /// The station of the line.
    pub location_station: String,
    /// critical, high, medium or low; or nothing.
    pub criticality: String,
    /// Who has to know of its failures.
    pub supervisor: String,
    /// Where that person gets mail.
    pub supervisor_email: String,
    /// The parts that its maintenance takes.
    pub spare_parts: Vec<SparePart>,
}

const CRITICALITIES: [&str; 4] = ["critical", "high", "medium", "low"];
/// The longest code that the plant's database takes.
const MAX_CODE: usize = 50;

/// Reads a file of assets.
///
/// # Errors
/// One text with all that is wrong, each with its place in that file.
pub fn load(path: &str) -> Result<BTreeMap<Arc<str>, Asset>, String> {
    let text = read_limited(Path::new(path)).map_err(|reason| format!("assets: {reason}"))?;
    parse(&text, path)
}

/// What the engine knows of them.
pub(super) fn known(assets: &BTreeMap<Arc<str>, Asset>) -> Assets {
    let known = |asset: &Asset| KnownAsset {
        asset: crate::core::asset::Asset {
            code: asset.asset_code.to_string(),
            name: asset.name.clone(),
            kind: asset.kind.clone(),
            location_line: asset.location_line.clone(),
            location_station: asset.location_station.clone(),
            criticality: asset.criticality.clone(),
        },
        parts: asset.spare_parts.clone(),
    };
    assets.iter().map(|(code, asset)| (Arc::clone(code), known(asset))).collect()
}

fn parse(text: &str, file: &str) -> Result<BTreeMap<Arc<str>, Asset>, String> {
    let root = yaml::read(text)
        .map_err(|error| format!("assets: {file}:{}:{}: {}", error.at.line, error.at.column, error.reason))?;
    let Some(root) = root else { return Ok(BTreeMap::new()) };
    let errors = Errors::default();
    let mut assets: BTreeMap<Arc<str>, Asset> = BTreeMap::new();
    match &root.value {
        Value::Null => {}
        Value::Sequence(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = FieldPath::top().index(i);
                let asset = read(item, path.clone(), &errors);
                if !asset.asset_code.is_empty() && assets.contains_key(&asset.asset_code) {
                    let sentence = format!("asset_code {:?} is not unique", asset.asset_code);
                    errors.add(refusal(item, &path.key("asset_code"), sentence).allowed("each asset once"));
                }
                assets.insert(asset.asset_code.clone(), asset);
            }
        }
        _ => mismatch(&root, &FieldPath::top(), "[]andon.Asset", "a list of assets", &errors),
    }
    match errors.is_empty() {
        true => Ok(assets),
        false => Err(format!("assets: {}", errors.finish(file))),
    }
}

fn read(node: &Node, path: FieldPath, errors: &Errors) -> Asset {
    let mut fields = Fields::of(node, path, "andon.Asset", errors);
    let asset = Asset {
        asset_code: Arc::from(fields.text("asset_code")),
        name: fields.text("name"),
        kind: fields.text("type"),
        location_line: fields.text("location_line"),
        location_station: fields.text("location_station"),
        criticality: fields.text("criticality"),
        supervisor: fields.text("supervisor"),
        supervisor_email: fields.text("supervisor_email"),
        spare_parts: spare_parts(&mut fields),
    };
    if asset.asset_code.is_empty() {
        fields.refuse_field("asset_code", "missing asset_code", "what the label asset_code says");
    }
    if asset.asset_code.chars().count() > MAX_CODE {
        fields.refuse_field("asset_code", "asset_code too long", &format!("at most {MAX_CODE} characters"));
    }
    if !asset.criticality.is_empty() && !CRITICALITIES.contains(&asset.criticality.as_str()) {
        let sentence = format!("unknown criticality {:?}", asset.criticality);
        fields.refuse_field("criticality", sentence, &CRITICALITIES.join(", "));
    }
    fields.finish();
    asset
}

fn spare_parts(fields: &mut Fields<'_, '_>) -> Vec<SparePart> {
    let errors = fields.errors;
    let items = fields.list("spare_parts", "[]andon.SparePart").unwrap_or_default();
    items.into_iter().map(|(path, node)| spare_part(node, path, errors)).collect()
}

fn spare_part(node: &Node, path: FieldPath, errors: &Errors) -> SparePart {
    let mut fields = Fields::of(node, path, "andon.SparePart", errors);
    let part = SparePart {
        number: fields.text("part_number"),
        name: fields.text("name"),
        needed: count(&mut fields, "quantity_per_maintenance").unwrap_or(1),
        in_stock: count(&mut fields, "stock_quantity").unwrap_or(0),
        stock_location: fields.text("stock_location"),
        lead_time_days: count(&mut fields, "lead_time_days"),
    };
    if part.number.is_empty() {
        fields.refuse_field("part_number", "missing part_number", "what the part is ordered by");
    }
    fields.finish();
    part
}

fn count(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<u32> {
    let count = fields.integer(key, "uint32", 0..=i128::from(u32::MAX))?;
    u32::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_assets() {
        let text = "- {asset_code: PUMP-001, name: Cooling pump, type: pump, criticality: critical}\n- asset_code: 7\n";
        let assets = parse(text, "assets.yaml").unwrap();
        assert_eq!(assets.keys().map(|code| &**code).collect::<Vec<_>>(), ["7", "PUMP-001"]);
        assert_eq!(assets["PUMP-001"].kind, "pump");
        let text =
            "- {asset_code: A, spare_parts: [{part_number: SP-1, name: Seal, stock_quantity: 0, lead_time_days: 14}]}";
        let known = known(&parse(text, "assets.yaml").unwrap());
        let part = &known["A"].parts[0];
        assert_eq!((part.needed, part.in_stock, part.lead_time_days), (1, 0, Some(14)));
        assert_eq!(parse("", "assets.yaml").unwrap(), BTreeMap::new());
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let rows = [
            ("{}", "cannot unmarshal !!map into []andon.Asset"),
            ("- name: x", "missing asset_code"),
            ("- {asset_code: a, colour: red}", "field colour not found in type andon.Asset"),
            (
                "- {asset_code: a}\n- {asset_code: a}",
                "asset_code \"a\" is not unique\n  assets.yaml:2:3 [1].asset_code",
            ),
            (
                "- {asset_code: a, criticality: huge}",
                "assets.yaml:1:32 [0].criticality: found \"huge\"; allowed: critical, high, medium, low",
            ),
            ("- {asset_code: a, spare_parts: [{name: Seal}]}", "missing part_number"),
            ("- {asset_code: a, spare_parts: [{part_number: b, colour: red}]}", "field colour not found"),
            ("- [", "assets.yaml:"),
        ];
        for (text, expected) in rows {
            let error = parse(text, "assets.yaml").unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
