//! The accept loop over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::server::{HEADER_TIME, READ_TIME, serve};
use super::{Clock, Service, run};

const GET: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: andon\r\n\r\n";

async fn listening(count: usize, stop: &CancellationToken) -> (Service, Vec<SocketAddr>, TaskTracker) {
    let service = Service::with_clock(Clock::System, |_| {});
    let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        listeners.push(listener);
    }
    let tasks = TaskTracker::new();
    let router = super::router(Arc::clone(&service.state));
    tasks.spawn(serve(listeners, router, 16, Arc::clone(&service.state.metrics), stop.clone()));
    tasks.close();
    (service, addresses, tasks)
}

fn in_real_time(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test());
}

#[test]
fn every_address_answers_and_a_stop_closes_idle_connections() {
    in_real_time(async || {
        let stop = CancellationToken::new();
        let (_service, addresses, tasks) = listening(2, &stop).await;
        let mut idle = Vec::new();
        for address in addresses {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(GET).await.unwrap();
            let mut answer = vec![0; 15];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, b"HTTP/1.1 200 OK");
            idle.push(stream);
        }
        stop.cancel();
        for mut stream in idle {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            assert!(rest.ends_with(b"\r\n\r\nOK"), "{}", String::from_utf8_lossy(&rest));
        }
        tasks.wait().await;
    });
}

/// The HTTP library alone answers 400.
#[test]
fn an_address_may_hold_quotes_as_typed_by_hand() {
    in_real_time(async || {
        let stop = CancellationToken::new();
        let (_service, addresses, _tasks) = listening(1, &stop).await;
        let mut stream = TcpStream::connect(addresses[0]).await.unwrap();
        // Twice: the connection is kept, and each of its requests is looked at.
        for _ in 0..2 {
            stream.write_all(b"GET /api/v2/alerts?filter=a=~\"b|<c>\" HTTP/1.1\r\nHost: andon\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"[]\n") {
                let byte = stream.read_u8().await.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&answer)));
                answer.push(byte);
            }
            assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
        }
        stop.cancel();
    });
}

/// What comes until the connection is closed, which must be when the next header should have been there. In paused time:
/// nothing but that limit can close it.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let (began, mut rest) = (tokio::time::Instant::now(), Vec::new());
    let ended = tokio::time::timeout(10 * HEADER_TIME, stream.read_to_end(&mut rest)).await;
    let took = began.elapsed();
    assert!(ended.is_ok(), "it is still open after {took:?}");
    let moment = Duration::from_millis(500);
    assert!(HEADER_TIME - moment <= took && took <= HEADER_TIME + moment, "closed after {took:?}");
    rest
}

#[test]
fn half_a_header_is_not_waited_for() {
    run(async || {
        let stop = CancellationToken::new();
        let (_service, addresses, _tasks) = listening(1, &stop).await;
        let mut stream = TcpStream::connect(addresses[0]).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
        let rest = until_closed(&mut stream).await;
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    });
}

#[test]
fn a_connection_over_which_nothing_comes_is_closed() {
    run(async || {
        let stop = CancellationToken::new();
        let (_service, addresses, _tasks) = listening(1, &stop).await;
        let mut stream = TcpStream::connect(addresses[0]).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, b"");
    });
}

#[test]
fn a_connection_that_is_kept_and_not_used_again_is_closed() {
    run(async || {
        let stop = CancellationToken::new();
        let (_service, addresses, _tasks) = listening(1, &stop).await;
        let mut stream = TcpStream::connect(addresses[0]).await.unwrap();
        for _ in 0..2 {
            stream.write_all(GET).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\nOK") {
                answer.push(stream.read_u8().await.unwrap());
            }
            tokio::time::sleep(HEADER_TIME / 2).await;
        }
        let began = tokio::time::Instant::now();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(10 * HEADER_TIME, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && rest.is_empty(), "it is still open after {:?}: {rest:?}", began.elapsed());
        assert!(began.elapsed() <= HEADER_TIME, "closed after {:?} more", began.elapsed());
    });
}

/// Over a real socket, in paused time: its buffers are full, and nothing but the limit can end the connection.
#[test]
fn an_answer_that_nobody_reads_is_given_up() {
    const LENGTH: usize = 64 << 20;
    run(async || {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let router = axum::Router::new().fallback(async || vec![b'x'; LENGTH]);
        let metrics = Arc::new(crate::metrics::Metrics::new(crate::time::Timestamp::EPOCH));
        tasks.spawn(serve(vec![listener], router, 16, metrics, stop));
        stream.write_all(GET).await.unwrap();
        tokio::time::sleep(3 * READ_TIME).await;
        let mut taken = Vec::new();
        // It may end with a reset.
        let _ = stream.read_to_end(&mut taken).await;
        assert!(taken.starts_with(b"HTTP/1.1 200 OK") && taken.len() < LENGTH, "{} of {LENGTH}", taken.len());
    });
}

/// A connection whose request waits for its body.
async fn half_asked(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server says when it reads the body, so that the stop comes in the middle of the request.
    stream.write_all(b"Expect: 100-continue\r\n\r\n").await.unwrap();
    let mut go_on = vec![0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn what_is_being_answered_at_a_stop_is_answered() {
    in_real_time(async || {
        let stop = CancellationToken::new();
        let (_service, addresses, tasks) = listening(1, &stop).await;
        let mut stream = half_asked(addresses[0]).await;
        stop.cancel();
        stream.write_all(b"[]").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        tasks.wait().await;
    });
}

/// In paused time: nothing but the limit can end it.
#[test]
fn what_is_not_answered_within_ten_seconds_of_a_stop_is_cut_off() {
    run(async || {
        let stop = CancellationToken::new();
        let (_service, addresses, tasks) = listening(1, &stop).await;
        let mut stream = half_asked(addresses[0]).await;
        let stopped = tokio::time::Instant::now();
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(3600), tasks.wait()).await;
        assert!(ended.is_ok(), "it is waited for");
        assert_eq!(stopped.elapsed().as_secs(), 10);
        let mut rest = Vec::new();
        // It may end with a reset.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    });
}
