//! Reads what the plant's two headline alerts stand on: the status of every asset, and the orders that are overdue.

use sqlx::postgres::PgConnection;

use crate::metrics::plant::{AssetStatus, Overdue, PlantFigures};

/// How many assets, and how many orders, are shown at most: each is a series in whatever scrapes us.
const LIMIT: usize = 5_000;

/// What depends most on an asset comes first, so that the limit cuts off the rest.
const ASSETS: &str = "
    SELECT asset_code::text, coalesce(name::text, ''), coalesce(criticality::text, ''), coalesce(status::text, ''),
           coalesce(type::text, ''), coalesce(location_line::text, ''), coalesce(location_station::text, '')
      FROM assets WHERE asset_code IS NOT NULL
     ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], criticality::text) NULLS LAST, asset_code
     LIMIT $1";

/// As the plant's dashboards count: the planned start is past, and the order is neither completed nor cancelled.
const OVERDUE: &str = "
    SELECT coalesce(o.priority::text, ''), o.work_order_number::text, coalesce(a.asset_code::text, ''),
           coalesce(a.name::text, '')
      FROM work_orders o LEFT JOIN assets a ON a.id = o.asset_id
     WHERE o.scheduled_start < now() AT TIME ZONE 'UTC' AND o.status::text NOT IN ('completed', 'cancelled')
     ORDER BY array_position(ARRAY['emergency', 'high', 'medium', 'low'], o.priority::text) NULLS LAST, o.scheduled_start
     LIMIT $1";

type AssetRow = (String, String, String, String, String, String, String);
type OverdueRow = (String, String, String, String);

/// Reads both tables.
///
/// # Errors
/// Whatever the database says.
pub async fn read(connection: &mut PgConnection) -> Result<PlantFigures, sqlx::Error> {
    // One more than is shown tells that there are more.
    let limit = i64::try_from(LIMIT).unwrap_or(i64::MAX).saturating_add(1);
    let mut assets: Vec<AssetRow> = sqlx::query_as(ASSETS).bind(limit).fetch_all(&mut *connection).await?;
    let mut overdue: Vec<OverdueRow> = sqlx::query_as(OVERDUE).bind(limit).fetch_all(&mut *connection).await?;
    let incomplete = assets.len() > LIMIT || overdue.len() > LIMIT;
    assets.truncate(LIMIT);
    overdue.truncate(LIMIT);
    let asset = |(code, name, criticality, status, kind, line, station): AssetRow| AssetStatus {
        code,
        name,
        criticality,
        status,
        kind,
        line,
        station,
    };
    let order =
        |(priority, number, asset_code, asset_name): OverdueRow| Overdue { priority, number, asset_code, asset_name };
    Ok(PlantFigures {
        assets: assets.into_iter().map(asset).collect(),
        overdue: overdue.into_iter().map(order).collect(),
        incomplete,
    })
}
