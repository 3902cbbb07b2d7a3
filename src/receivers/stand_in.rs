//! A small real HTTP server in the place of a receiver: answers as told and keeps what it was sent.

use std::convert::Infallible;
use std::future::pending;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `POST /path`, or with the whole URL where a proxy is spoken to.
    pub(crate) line: String,
    /// All headers.
    pub(crate) headers: HeaderMap,
    /// The body, as text.
    pub(crate) body: String,
}

impl Seen {
    /// A header's values, joined; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> String {
        let values: Vec<_> = self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        values.join(" | ")
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// Answers with a status, headers and a body.
    With(u16, Vec<(&'static str, String)>, String),
    /// Never answers.
    Hang,
    /// Answers 200 and promises a body that never comes.
    Stall,
    /// Answers 500 with a body of 600 MB, and counts the bytes that were taken from it.
    Huge(Arc<AtomicUsize>),
}

impl Reply {
    /// A status alone.
    pub(crate) fn status(status: u16) -> Self {
        Self::With(status, Vec::new(), String::new())
    }

    /// A body of JSON.
    pub(crate) fn json(body: &str) -> Self {
        Self::With(200, vec![("content-type", "application/json".into())], body.into())
    }
}

/// The server; it ends when dropped.
pub(crate) struct StandIn {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl StandIn {
    /// Listens on a free port of this machine.
    pub(crate) async fn start(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (reply, all) = (Arc::new(reply), Arc::clone(&seen));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (reply, all) = (Arc::clone(&reply), Arc::clone(&all));
                let service = service_fn(move |request| answer(request, Arc::clone(&reply), Arc::clone(&all)));
                // A client that hangs up is no matter.
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { drop(connection.await) });
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    /// A URL on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    reply: Arc<impl Fn(&Seen) -> Reply>,
    all: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let seen = Seen {
        line: format!("{} {}", head.method, head.uri),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let reply = reply(&seen);
    all.lock().push(seen);
    let (status, headers, body) = match reply {
        Reply::With(status, headers, body) => (status, headers, Full::new(Bytes::from(body)).boxed()),
        Reply::Hang => pending().await,
        Reply::Stall => (200, Vec::new(), BoxBody::new(Stall)),
        Reply::Huge(taken) => (500, Vec::new(), BoxBody::new(Huge { taken })),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(body).unwrap())
}

struct Stall;

impl Body for Stall {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

struct Huge {
    taken: Arc<AtomicUsize>,
}

impl Body for Huge {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const PIECE: &[u8] = &[b'x'; 64 * 1024];
        if self.taken.fetch_add(PIECE.len(), Ordering::Relaxed) >= 600 << 20 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PIECE)))))
    }
}

/// An HTTPS server for one request after the other.
/// Answers 200 and sends the request's text to the channel.
pub(crate) fn start_tls(server: Arc<rustls::ServerConfig>) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&server)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut text = String::new();
            let mut piece = [0; 4096];
            // The body ends with the line feed of the JSON; a failed handshake ends the reading.
            while !text.ends_with("}\n") {
                match tls.read(&mut piece) {
                    Ok(read) if read > 0 => text.push_str(&String::from_utf8_lossy(&piece[..read])),
                    _ => break,
                }
            }
            if text.is_empty() {
                continue;
            }
            drop(tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
            tls.conn.send_close_notify();
            drop(tls.flush());
            if seen.send(text).is_err() {
                return;
            }
        }
    });
    (address, requests)
}
