//! Connections over which nothing is asked: where there are too many, the one that has been idle for longest makes room.
//!
//! Without this, clients that connect and say nothing would keep out those that have alerts to bring, until the time for
//! a header is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a connection has to ask for something before another may have its place.
const YOUNG: Duration = Duration::from_millis(250);

/// Since when a connection is idle, and which it is.
type Place = (Instant, u64);

/// The connections over which nothing is asked now.
#[derive(Default)]
pub(super) struct Idle(Mutex<Seats>);

#[derive(Default)]
struct Seats {
    idle: BTreeMap<Place, CancellationToken>,
    last: u64,
}

/// A connection's place among the others.
pub(super) struct Seat {
    all: Arc<Idle>,
    number: u64,
    /// Nothing while something is asked.
    place: Mutex<Option<Place>>,
    /// Told to go.
    leave: CancellationToken,
}

impl Idle {
    /// A place for a connection that was just accepted.
    pub(super) fn seat(self: &Arc<Self>) -> Seat {
        let number = {
            let mut seats = self.0.lock();
            seats.last += 1;
            seats.last
        };
        let seat = Seat { all: Arc::clone(self), number, place: Mutex::default(), leave: CancellationToken::new() };
        seat.idle();
        seat
    }

    /// Tells the connection that has been idle for longest to go, unless it has just come. Says whether one was told.
    pub(super) fn make_room(&self) -> bool {
        let mut seats = self.0.lock();
        let oldest = seats.idle.first_entry().filter(|oldest| oldest.key().0.elapsed() >= YOUNG);
        oldest.map(|oldest| oldest.remove().cancel()).is_some()
    }
}

impl Seat {
    /// Something is asked.
    pub(super) fn busy(&self) {
        if let Some(place) = self.place.lock().take() {
            self.all.0.lock().idle.remove(&place);
        }
    }

    /// What was asked is answered.
    pub(super) fn idle(&self) {
        let place = (Instant::now(), self.number);
        *self.place.lock() = Some(place);
        self.all.0.lock().idle.insert(place, self.leave.clone());
    }

    /// Waits until another connection needs the place.
    pub(super) async fn told_to_go(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.busy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_one_that_is_idle_for_longest_goes_and_nobody_who_asks_or_has_just_come() {
        let idle = Arc::<Idle>::default();
        let (asks, first, second) = (idle.seat(), idle.seat(), idle.seat());
        let gone = || [&asks, &first, &second].map(|seat| seat.leave.is_cancelled());
        asks.busy();
        assert!(!idle.make_room(), "all have just come");
        tokio::time::advance(YOUNG).await;
        assert!(idle.make_room());
        assert_eq!(gone(), [false, true, false]);
        asks.idle();
        drop(second);
        assert!(!idle.make_room(), "one was just answered, and one is gone");
        tokio::time::advance(YOUNG).await;
        assert!(idle.make_room() && !idle.make_room());
        asks.told_to_go().await;
        drop((asks, first));
        assert!(idle.0.lock().idle.is_empty());
    }
}
