//! Server-sent events: tells open pages that something was stored, so that they fetch themselves anew.
//!
//! Nothing of what happened is in an event: a page shows what its own filter wants. A stream looks at a counter once a
//! second, which costs nothing; the number of streams has a limit, and the end of the service ends them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::driver::Handle;
use crate::http::reply;

/// How many pages may listen at once; further ones show what was true when they were loaded.
const STREAMS: usize = 256;
/// How often a stream looks.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks without news something is said all the same, so that a dead connection is noticed.
const QUIET: u32 = 20;

/// The streams.
pub struct Live {
    permits: Arc<Semaphore>,
    stop: CancellationToken,
}

struct Stream {
    driver: Handle,
    seen: u64,
    quiet: u32,
    begun: bool,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Live {
    /// None yet.
    pub fn new(stop: CancellationToken) -> Self {
        Self { permits: Arc::new(Semaphore::new(STREAMS)), stop }
    }

    /// One more, or 503.
    pub fn stream(&self, driver: Handle) -> Response {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let message = format!("{STREAMS} pages listen already; this one shows what is true when it is loaded");
            return reply::text_error(StatusCode::SERVICE_UNAVAILABLE, &message);
        };
        let seen = commits(&driver);
        let stream = Stream { driver, seen, quiet: 0, begun: false, stop: self.stop.clone(), _permit: permit };
        let events = futures_util::stream::unfold(stream, Stream::next);
        reply::with_type(StatusCode::OK, HeaderValue::from_static("text/event-stream"), Body::from_stream(events))
    }
}

impl Stream {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if !self.begun {
            self.begun = true;
            return Some((Ok(Bytes::from_static(b"retry: 5000\n\n")), self));
        }
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => {}
            }
            let now = commits(&self.driver);
            self.quiet += 1;
            let event: &'static [u8] = match (now == self.seen, self.quiet) {
                (false, _) => b"event: changed\ndata: 1\n\n",
                (true, QUIET..) => b": still here\n\n",
                (true, _) => continue,
            };
            (self.seen, self.quiet) = (now, 0);
            return Some((Ok(Bytes::from_static(event)), self));
        }
    }
}

fn commits(driver: &Handle) -> u64 {
    driver.health().commits.load(Ordering::Relaxed)
}
