//! What was counted in the last hour, for the plots: in memory, since the start.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::driver::Handle;
use crate::time::Clock;
use crate::ui::status::Sample;

/// How often is counted.
pub const EVERY: Duration = Duration::from_secs(15);
/// How many counts are kept: an hour's.
const KEPT: usize = 241;

/// The counts.
#[derive(Default)]
pub struct Rates(Mutex<VecDeque<Sample>>);

impl Rates {
    /// Counts until the end of the service.
    pub async fn run(&self, driver: Handle, clock: Clock, stop: CancellationToken) {
        loop {
            let Ok(view) = driver.view().await else { return };
            let now = clock.now();
            let firing = view.alerts.iter().filter(|kept| !view.grace.resolved(&kept.alert, now)).count();
            self.add(Sample {
                received: view.counters.received.iter().sum(),
                notified: view.counters.notified.iter().sum(),
                firing: firing as u64,
                waiting: view.outbox.len() as u64,
            });
            drop(view);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    fn add(&self, sample: Sample) {
        let mut samples = self.0.lock();
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// All of them, oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        self.0.lock().iter().copied().collect()
    }
}
