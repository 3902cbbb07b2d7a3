//! What the tables say of assets and of the parts that their maintenance takes, for work orders and templates.

use std::sync::Arc;

use sqlx::postgres::PgConnection;

use crate::core::asset::{Asset, Assets, KnownAsset, SparePart};
use crate::metrics::plant::AssetStatus;

/// How many parts are read at most, of all assets together.
const LIMIT: i64 = 20_000;

/// A plant may keep its parts elsewhere, or to itself.
const HAS_PARTS: &str = "
    SELECT coalesce(has_table_privilege(to_regclass('spare_parts'), 'SELECT')
                AND has_table_privilege(to_regclass('asset_spare_parts'), 'SELECT'), false)";

const PARTS: &str = "
    SELECT a.asset_code::text, coalesce(p.part_number::text, ''), coalesce(p.name::text, ''),
           coalesce(n.quantity_per_maintenance, 0)::bigint, coalesce(p.stock_quantity, 0)::bigint,
           coalesce(p.stock_location::text, ''), p.lead_time_days::bigint
      FROM asset_spare_parts n JOIN assets a ON a.id = n.asset_id JOIN spare_parts p ON p.id = n.spare_part_id
     WHERE a.asset_code IS NOT NULL ORDER BY a.asset_code, p.part_number LIMIT $1";

type PartRow = (String, String, String, i64, i64, String, Option<i64>);

/// The assets that were read, with their parts.
///
/// # Errors
/// Whatever the database says.
pub async fn read(connection: &mut PgConnection, assets: &[AssetStatus]) -> Result<Assets, sqlx::Error> {
    let mut known: Assets = assets.iter().map(|asset| (Arc::from(asset.code.as_str()), known(asset))).collect();
    if !sqlx::query_scalar(HAS_PARTS).fetch_one(&mut *connection).await? {
        return Ok(known);
    }
    let rows: Vec<PartRow> = sqlx::query_as(PARTS).bind(LIMIT).fetch_all(connection).await?;
    let count = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
    for (code, number, name, needed, in_stock, stock_location, lead_time) in rows {
        if let Some(asset) = known.get_mut(code.as_str()) {
            asset.parts.push(SparePart {
                number,
                name,
                needed: count(needed),
                in_stock: count(in_stock),
                stock_location,
                lead_time_days: lead_time.map(count),
            });
        }
    }
    Ok(known)
}

fn known(asset: &AssetStatus) -> KnownAsset {
    let asset = Asset {
        code: asset.code.clone(),
        name: asset.name.clone(),
        kind: asset.kind.clone(),
        location_line: asset.line.clone(),
        location_station: asset.station.clone(),
        criticality: asset.criticality.clone(),
    };
    KnownAsset { asset, parts: Vec::new() }
}
