//! Listens, and serves each connection until it ends or the service stops.
//!
//! A client that is slow or silent costs one connection and nothing else, and not for ever: headers must arrive in 5
//! seconds, an answer of which nothing is read for 30 ends its connection ([`super::patience`]), connections
//! are counted, and where there are too many the one that has been idle for longest makes room ([`super::idle`]). Where all are
//! busy, a few more are told to come again, or that Andon is healthy, so that many clients do
//! not get a healthy process killed; beyond these new ones wait unaccepted. On stop nothing new is accepted, idle connections close,
//! and what is being answered has 10 seconds to end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::idle::{Idle, Seat};
use super::patience::Patient;
use super::request_line::Encoding;
use crate::metrics::Metrics;

/// In how long the header of a request must arrive, and the next request on a connection begin.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(5);
/// How long a client may read nothing of its answer.
pub(super) const READ_TIME: Duration = Duration::from_secs(30);
/// How long what is being answered may take once the service stops.
const DRAIN: Duration = Duration::from_secs(10);
/// How many connections beyond the limit are answered all the same: with health, or with 503.
const BEYOND: usize = 64;
/// In how long the header of a request must arrive there.
const BEYOND_HEADER_TIME: Duration = Duration::from_millis(500);
/// How long a connection that makes room may take to go.
const GOING: Duration = Duration::from_millis(50);
/// How long to wait after `accept` failed, as it does when file descriptors run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves at most `connections` at a time on all listeners until `stop` is cancelled, or one of them fails, then drains.
/// Returns when the last connection has ended or its time is over.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    connections: usize,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let connections = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let (beyond, idle) = (Arc::new(Semaphore::new(BEYOND)), Arc::<Idle>::default());
    let (tracker, abort) = (TaskTracker::new(), CancellationToken::new());
    let (mut accepting, stop) = (JoinSet::new(), stop.child_token());
    for listener in listeners {
        let shared = Shared {
            router: router.clone(),
            metrics: Arc::clone(&metrics),
            connections: Arc::clone(&connections),
            beyond: Arc::clone(&beyond),
            idle: Arc::clone(&idle),
            tracker: tracker.clone(),
            stop: stop.clone(),
            abort: abort.clone(),
        };
        accepting.spawn(accept(listener, shared));
    }
    until_all_end(accepting, &stop).await;
    tracker.close();
    if tokio::time::timeout(DRAIN, tracker.wait()).await.is_err() {
        tracing::warn!(open = tracker.len(), "connections were cut off at stop");
        abort.cancel();
        tracker.wait().await;
    }
}

/// One that ends before the stop ends the others: nobody would notice that one address of several is deaf.
async fn until_all_end(mut accepting: JoinSet<()>, stop: &CancellationToken) {
    while let Some(ended) = accepting.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "A listener failed");
        }
        stop.cancel();
    }
}

#[derive(Clone)]
struct Shared {
    router: Router,
    metrics: Arc<Metrics>,
    connections: Arc<Semaphore>,
    beyond: Arc<Semaphore>,
    idle: Arc<Idle>,
    tracker: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

/// Marks a request that came over a connection beyond the limit: it is answered if it asks for health, and is the last one
/// of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Crowded;

impl Shared {
    /// Leave for one more connection, and whether it is beyond the limit. The semaphores are never closed.
    async fn permit(&self) -> Option<(OwnedSemaphorePermit, bool)> {
        loop {
            let (within, beyond) = (Arc::clone(&self.connections), Arc::clone(&self.beyond));
            tokio::select! {
                biased;
                permit = within.acquire_owned() => return Some((permit.ok()?, false)),
                permit = beyond.acquire_owned() => return Some((permit.ok()?, true)),
                () = tokio::time::sleep(GOING) => drop(self.idle.make_room()),
            }
        }
    }

    /// A place within the limit for a connection that was accepted beyond it, if there is one by now or one that is idle
    /// makes room.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let within = Arc::clone(&self.connections);
        if let Ok(permit) = Arc::clone(&within).try_acquire_owned() {
            return Some(permit);
        }
        if !self.idle.make_room() {
            return None;
        }
        tokio::time::timeout(GOING, within.acquire_owned()).await.ok()?.ok()
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    loop {
        let next = async {
            let (permit, crowded) = shared.permit().await?;
            let accepted = listener.accept().await;
            match if crowded { shared.room().await } else { None } {
                Some(permit) => Some((permit, false, accepted)),
                None => Some((permit, crowded, accepted)),
            }
        };
        let (permit, crowded, accepted) = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = next => match next {
                Some(next) => next,
                None => return,
            },
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, crowded, shared.clone());
                shared.tracker.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, crowded: bool, shared: Shared) {
    let _counted = shared.metrics.http.connection();
    // An answer is one write; waiting for more to send would only delay it. Failing at that is harmless.
    let _ = stream.set_nodelay(true);
    let router = shared.router;
    // Beyond the limit there is nothing to make room for: these have little time.
    let seat = (!crowded).then(|| Arc::new(shared.idle.seat()));
    let (sits, asked) = (seat.clone(), Arc::new(AtomicBool::new(false)));
    let was_asked = Arc::clone(&asked);
    let service = tower::service_fn(move |request: hyper::Request<Incoming>| {
        was_asked.store(true, Ordering::Relaxed);
        let sits = sits.clone();
        sits.as_deref().inspect(|seat| seat.busy());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        if crowded {
            request.extensions_mut().insert(Crowded);
        }
        let router = router.clone();
        async move {
            let answer = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            sits.as_deref().inspect(|seat| seat.idle());
            Ok::<_, Infallible>(answer)
        }
    });
    let stream = Encoding::new(Patient::new(stream, READ_TIME));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if crowded { BEYOND_HEADER_TIME } else { HEADER_TIME })
        .keep_alive(!crowded)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = until_it_is_to_end(&shared.stop, seat.as_deref()) => {
            if !shared.stop.is_cancelled() && !asked.load(Ordering::Relaxed) {
                return;
            }
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = &mut connection => ended,
                () = shared.abort.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

/// Until the service stops, or another connection needs the place.
async fn until_it_is_to_end(stop: &CancellationToken, seat: Option<&Seat>) {
    match seat {
        Some(seat) => tokio::select! {
            () = stop.cancelled() => {}
            () = seat.told_to_go() => {}
        },
        None => stop.cancelled().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_fails_ends_the_others() {
        let stop = CancellationToken::new();
        let mut accepting = JoinSet::new();
        let stopped = stop.clone();
        accepting.spawn(async move { stopped.cancelled().await });
        accepting.spawn(async { panic!("a bug") });
        until_all_end(accepting, &stop).await;
        assert!(stop.is_cancelled());
    }
}
