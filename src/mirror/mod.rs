//! Work orders elsewhere: in the plant's database, and what that database says of the plant.
//!
//! Andon's own store is the truth and the outbox: an order with its revision is committed before anybody else hears of it.
//! Whatever is elsewhere may be away for any time; that delays nothing here, and nothing is lost.

mod cmms;
mod postgres;
mod target;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::config::settings::{Cmms, PlantDatabase};
use crate::driver::Handle;
use crate::metrics::Metrics;
use crate::time::Clock;

/// What every task here stands on.
pub struct Shared {
    /// Tells the time.
    pub clock: Clock,
    /// Where changes go and come from.
    pub driver: Handle,
    /// Where it is shown how things are.
    pub metrics: Arc<Metrics>,
}

/// Where work orders are besides here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    plant_database: Option<PlantDatabase>,
    cmms: Vec<Cmms>,
}

impl Settings {
    /// What a configuration says.
    pub fn of(config: &Config) -> Self {
        Self { plant_database: config.plant_database.clone(), cmms: config.cmms.clone() }
    }
}

/// Keeps what is elsewhere the same as here, until `stop`; after a reload as the new settings say.
pub async fn run(shared: Shared, mut settings: watch::Receiver<Settings>, stop: CancellationToken) {
    let shared = Arc::new(shared);
    let mut knows_assets = false;
    loop {
        let (tasks, stop_these) = (TaskTracker::new(), stop.child_token());
        let current = settings.borrow_and_update().clone();
        shared.metrics.plant_configured(current.plant_database.is_some());
        if knows_assets && current.plant_database.is_none() {
            // Only a service that is stopping does not take this.
            let _ = shared.driver.assets(Arc::default()).await;
        }
        knows_assets = current.plant_database.is_some();
        let passed_on = current.plant_database.iter().filter(|database| database.work_orders);
        let names = current.cmms.iter().map(|cmms| &*cmms.name);
        shared.metrics.mirrors(passed_on.clone().map(|_| postgres::SYSTEM).chain(names));
        for cmms in &current.cmms {
            tasks.spawn(target::keep(cmms::System::new(cmms), Arc::clone(&shared), stop_these.clone()));
        }
        for database in passed_on {
            tasks.spawn(target::keep(postgres::Table::new(database), Arc::clone(&shared), stop_these.clone()));
        }
        if let Some(database) = current.plant_database {
            tasks.spawn(postgres::show_figures(Arc::clone(&shared), database, stop_these.clone()));
        }
        tasks.close();
        tokio::select! {
            () = stop.cancelled() => {}
            changed = settings.changed() => if changed.is_err() {
                // Nobody is left who could change anything.
                stop.cancelled().await;
            }
        }
        stop_these.cancel();
        tasks.wait().await;
        if stop.is_cancelled() {
            return;
        }
    }
}
