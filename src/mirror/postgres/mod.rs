//! The plant's PostgreSQL: its assets and overdue orders as metrics, and work orders in its table.

mod connection;
mod figures;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::connection::Connection;
use super::Shared;
use crate::config::settings::PlantDatabase;

/// For how many intervals a value that was read is shown while the database is away.
const KEPT_INTERVALS: u32 = 4;

/// Shows on `/metrics` what the database says of assets and overdue orders, until `stop`.
pub(super) async fn show_figures(shared: Arc<Shared>, settings: PlantDatabase, stop: CancellationToken) {
    let mut connection = Connection::new(settings.url.clone());
    let mut was_up = true;
    loop {
        let read = tokio::select! {
            () = stop.cancelled() => break,
            read = connection.ask(figures::read) => read,
        };
        let up = read.is_ok();
        match read {
            Ok(figures) => {
                let keep = settings.refresh_interval.saturating_mul(KEPT_INTERVALS);
                shared.metrics.plant_read(figures, shared.clock.now(), keep);
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

/// Waits, and says whether it was stopped meanwhile.
async fn wait(interval: Duration, stop: &CancellationToken) -> bool {
    tokio::time::timeout(interval, stop.cancelled()).await.is_ok()
}
