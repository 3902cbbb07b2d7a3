//! The plant's PostgreSQL: its assets and overdue orders as metrics, and work orders in its table.

mod assets;
mod columns;
mod connection;
mod figures;
mod mirror;
mod notes;
mod orders;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use self::connection::Connection;
use super::Shared;
use crate::config::settings::PlantDatabase;
use crate::core::asset::Assets;
use crate::metrics::plant::PlantFigures;

pub(super) use mirror::Table;

/// What the table is called in histories, metrics and the API.
pub(super) const SYSTEM: &str = "database";

/// For how many intervals a value that was read is shown while the database is away.
const KEPT_INTERVALS: u32 = 4;

/// Shows on `/metrics` what the database says of assets and overdue orders, and tells the engine what it says of assets
/// and their parts, until `stop`.
pub(super) async fn show_figures(shared: Arc<Shared>, settings: PlantDatabase, stop: CancellationToken) {
    let mut connection = Connection::new(settings.url.clone());
    let (mut was_up, mut told) = (true, None);
    loop {
        let read = tokio::select! {
            () = stop.cancelled() => break,
            read = connection.ask(read) => read,
        };
        let up = read.is_ok();
        match read {
            Ok((figures, assets)) => {
                let keep = settings.refresh_interval.saturating_mul(KEPT_INTERVALS);
                shared.metrics.plant_read(figures, shared.clock.now(), keep);
                // What could not be told now is told the next time.
                if told.as_ref() != Some(&assets) && shared.driver.assets(Arc::clone(&assets)).await.is_ok() {
                    told = Some(assets);
                }
            }
            Err(trouble) => {
                shared.metrics.plant_away();
                if was_up {
                    tracing::warn!(%trouble, "The plant's database cannot be read");
                }
            }
        }
        if up && !was_up {
            tracing::info!("The plant's database can be read again");
        }
        was_up = up;
        if wait(settings.refresh_interval, &stop).await {
            break;
        }
    }
    connection.close().await;
}

async fn read(connection: &mut PgConnection) -> Result<(PlantFigures, Arc<Assets>), sqlx::Error> {
    let figures = figures::read(connection).await?;
    let assets = assets::read(connection, &figures.assets).await?;
    Ok((figures, Arc::new(assets)))
}

/// Waits, and says whether it was stopped meanwhile.
async fn wait(interval: Duration, stop: &CancellationToken) -> bool {
    tokio::time::timeout(interval, stop.cancelled()).await.is_ok()
}
