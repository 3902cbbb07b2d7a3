//! Listens, and serves each connection until it ends or the service stops.
//!
//! A client that is slow or silent costs one connection and nothing else: headers must arrive in 5 seconds, connections
//! are counted, and beyond the limit new ones wait unaccepted. On stop nothing new is accepted, idle connections close,
//! and what is being answered has 10 seconds to end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::metrics::Metrics;

/// In how long the header of a request must arrive, and the next request on a connection begin.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// How long what is being answered may take once the service stops.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait after `accept` failed, as it does when file descriptors run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves at most `connections` at a time on all listeners until `stop` is cancelled, then drains. Returns when the last connection has ended or its time
/// is over.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    connections: usize,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let connections = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let (tracker, abort) = (TaskTracker::new(), CancellationToken::new());
    let accepting = TaskTracker::new();
    for listener in listeners {
        let shared = Shared {
            router: router.clone(),
            metrics: Arc::clone(&metrics),
            connections: Arc::clone(&connections),
            tracker: tracker.clone(),
            stop: stop.clone(),
            abort: abort.clone(),
        };
        accepting.spawn(accept(listener, shared));
    }
    accepting.close();
    accepting.wait().await;
    tracker.close();
    if tokio::time::timeout(DRAIN, tracker.wait()).await.is_err() {
        tracing::warn!(open = tracker.len(), "connections were cut off at stop");
        abort.cancel();
        tracker.wait().await;
    }
}

#[derive(Clone)]
struct Shared {
    router: Router,
    metrics: Arc<Metrics>,
    connections: Arc<Semaphore>,
    tracker: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

async fn accept(listener: TcpListener, shared: Shared) {
    loop {
        let next = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&shared.connections).acquire_owned().await.ok()?;
            Some((permit, listener.accept().await))
        };
        let (permit, accepted) = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = next => match next {
                Some(next) => next,
                None => return,
            },
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, shared.clone());
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

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Shared) {
    let _counted = shared.metrics.connection();
    // An answer is one write; waiting for more to send would only delay it. Failing at that is harmless.
    let _ = stream.set_nodelay(true);
    let router = shared.router;
    let service = tower::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shared.stop.cancelled() => {
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
