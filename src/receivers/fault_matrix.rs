//! Every kind of receiver that speaks HTTP against everything that can go wrong on the way, one cell each, over real
//! sockets. (Mail has its own table: `email/tests.rs`.)

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::answer::SendError;
use super::stand_in::start_tls;
use super::test_support::{context, delivery, told, webhook_config};
use super::{Context, Integration, pagerduty, slack};
use crate::config::settings::{IntegrationConfig, PagerdutyConfig, ReceiverConfig, SlackConfig, WebhookConfig};
use crate::core::outbox::Delivery;
use crate::time::Clock;

/// Long enough for anything that is not meant to hang.
const PATIENT: Duration = Duration::from_secs(30);
/// For what hangs.
const SHORT: Duration = Duration::from_millis(700);

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Taken,
    /// Worth another attempt, after so many seconds if the receiver asks for a time.
    Again(Option<u64>),
    Refused,
}

/// The server's side of a cell.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nobody listens.
    Refused,
    /// The connection is never made.
    NoConnection,
    /// The name is nobody's.
    NoName,
    /// The encryption is never agreed on.
    NoHandshake,
    /// The certificate is nobody's.
    BadCertificate,
    /// The request is read, these bytes are sent, and then this.
    Answer(&'static str, Then),
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Close,
    Hang,
    Reset,
    /// A byte now and then, without an end.
    Drip,
    /// These bytes, one now and then: what would be a good answer takes longer than an attempt may.
    Slowly(&'static str),
    /// Bytes as fast as they are taken, without an end.
    Flood,
    /// A gzip stream that grows to 160 times its size where it is unpacked, without an end.
    Bomb,
}

const KINDS: [&str; 4] = ["webhook", "pagerduty", "slack webhook", "slack app"];

fn table() -> Vec<(&'static str, Fault, [End; 4])> {
    use End::{Again, Refused, Taken};
    use Then::{Bomb, Close, Drip, Flood, Hang, Reset, Slowly};
    let same = |end| [end; 4];
    let again = same(Again(None));
    let answer = Fault::Answer;
    vec![
        // what                      fault                                     webhook, PagerDuty, Slack by URL, by token
        ("refused", Fault::Refused, again),
        ("hangs at connect", Fault::NoConnection, again),
        ("no such name", Fault::NoName, again),
        ("hangs in the handshake", Fault::NoHandshake, again),
        ("bad certificate", Fault::BadCertificate, again),
        ("hangs before the header", answer("", Hang), again),
        ("hangs in the header", answer("HTTP/1.1 200 OK\r\nContent-Le", Hang), again),
        ("a slow status line", answer("", Slowly("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")), again),
        ("slow headers", answer("HTTP/1.1 200 OK\r\n", Slowly("Content-Length: 2\r\n\r\nok")), again),
        ("a slow header without an end", answer("HTTP/1.1 200 OK\r\nX-Slow: ", Drip), again),
        ("closes before the answer", answer("", Close), again),
        ("resets before the answer", answer("", Reset), again),
        ("no HTTP", answer("220 smtp.example ESMTP\r\n", Close), again),
        // The status is the verdict: what was taken is not sent again because the rest of the answer fails.
        ("hangs in the body", answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Hang), same(Taken)),
        ("slow bytes", answer("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", Drip), same(Taken)),
        ("endless body", answer("HTTP/1.1 200 OK\r\n\r\n", Flood), [Taken, Taken, Refused, Refused]),
        ("endless error", answer("HTTP/1.1 500 No\r\n\r\n", Flood), again),
        (
            "a body that unpacks without an end",
            answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", Bomb),
            [Taken, Taken, Refused, Refused],
        ),
        ("longer than it is", answer("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok", Close), same(Taken)),
        (
            "shorter than it is",
            answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", Close),
            [Taken, Taken, Refused, Refused],
        ),
        ("two lengths", answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", Close), again),
        ("no length at all", answer("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok", Close), again),
        (
            "another type",
            answer("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 2\r\n\r\nok", Close),
            same(Taken),
        ),
        ("200 ok", answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Close), same(Taken)),
        (
            "200 with an error",
            answer(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n\
                 {\"ok\":false,\"error\":\"channel_not_found\"}",
                Close,
            ),
            [Taken, Taken, Refused, Refused],
        ),
        (
            "200 with an error that passes",
            answer(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n\
                 {\"ok\":false,\"error\":\"ratelimited\"}",
                Close,
            ),
            [Taken, Taken, Again(None), Again(None)],
        ),
        ("204", answer("HTTP/1.1 204 No Content\r\n\r\n", Close), [Taken, Taken, Refused, Refused]),
        (
            "302",
            answer("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", Close),
            same(Refused),
        ),
        ("400", answer("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", Close), same(Refused)),
        ("401", answer("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", Close), same(Refused)),
        ("404", answer("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", Close), same(Refused)),
        ("408", answer("HTTP/1.1 408 No\r\nContent-Length: 0\r\n\r\n", Close), again),
        ("410", answer("HTTP/1.1 410 No\r\nContent-Length: 0\r\n\r\n", Close), same(Refused)),
        ("413", answer("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", Close), same(Refused)),
        ("425", answer("HTTP/1.1 425 No\r\nContent-Length: 0\r\n\r\n", Close), again),
        // PagerDuty's limit is by the minute.
        (
            "429",
            answer("HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", Close),
            [Again(None), Again(Some(60)), Again(None), Again(None)],
        ),
        (
            "429 in 7 s",
            answer("HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", Close),
            same(Again(Some(7))),
        ),
        (
            // At most an hour is waited.
            "429 at a date",
            answer("HTTP/1.1 429 No\r\nRetry-After: Sun, 22 Nov 2026 18:00:00 GMT\r\nContent-Length: 0\r\n\r\n", Close),
            same(Again(Some(3600))),
        ),
        ("500", answer("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Close), again),
        ("502", answer("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", Close), again),
        ("503", answer("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Close), again),
        (
            "503 in 90 s",
            answer("HTTP/1.1 503 No\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n", Close),
            same(Again(Some(90))),
        ),
    ]
}

#[tokio::test]
async fn every_kind_survives_every_fault() {
    let mut cells = Vec::new();
    for (what, fault, ends) in table() {
        for (kind, expected) in KINDS.into_iter().zip(ends) {
            cells.push(async move {
                let server = Server::start(fault).await;
                let Ok(result) = tokio::time::timeout(2 * PATIENT, attempt(kind, &server.url, server.timeout)).await
                else {
                    return Some(format!("{kind} × {what}: the attempt does not end"));
                };
                let wrong = end(&result) != expected;
                wrong.then(|| format!("{kind} × {what}: {result:?}, but {expected:?} is right"))
            });
        }
    }
    let wrong: Vec<_> = join_all(cells).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} cells\n{}", wrong.len(), wrong.join("\n"));
}

fn end(result: &Result<(), SendError>) -> End {
    match result {
        Ok(()) => End::Taken,
        Err(SendError::Retry { after, .. }) => End::Again(after.map(|after| after.as_secs())),
        Err(SendError::PutOff { after, .. }) => End::Again(Some(after.as_secs())),
        Err(SendError::Refused { .. } | SendError::NotConfigured { .. }) => End::Refused,
    }
}

/// One attempt by the way that the worker takes.
async fn attempt(kind: &str, url: &str, timeout: Duration) -> Result<(), SendError> {
    let config = match kind {
        "webhook" => IntegrationConfig::Webhook(Box::new(WebhookConfig { timeout, ..webhook_config(url) })),
        "pagerduty" => {
            IntegrationConfig::Pagerduty(Box::new(PagerdutyConfig { timeout, ..pagerduty::tests::config(url) }))
        }
        "slack webhook" => IntegrationConfig::Slack(Box::new(SlackConfig { timeout, ..slack::tests::config(url) })),
        _ => IntegrationConfig::Slack(Box::new(SlackConfig {
            timeout,
            update_message: true,
            ..slack::tests::config(url)
        })),
    };
    let receiver = ReceiverConfig {
        name: "team".into(),
        was: Vec::new(),
        integrations: Vec::new(),
        rate_limit: None,
        digest: true,
    };
    let integration = Integration::new(&config, &receiver, None);
    let now = super::test_support::starts_at();
    let context = Context { clock: Clock::Virtual { epoch: now, started: tokio::time::Instant::now() }, ..context() };
    let row: Delivery = delivery(vec![told(&[("alertname", "A1")], &[], false)]);
    integration.attempt(&row, &context).await.map(drop)
}

/// The other end; it ends when dropped.
struct Server {
    url: String,
    timeout: Duration,
    _tasks: JoinSet<()>,
    _kept: Vec<TcpStream>,
}

impl Server {
    async fn start(fault: Fault) -> Self {
        let mut server = Self { url: String::new(), timeout: PATIENT, _tasks: JoinSet::new(), _kept: Vec::new() };
        let url = |scheme: &str, address: SocketAddr| format!("{scheme}://{address}/x");
        match fault {
            Fault::NoName => server.url = "http://nobody.invalid/x".into(),
            Fault::Refused => {
                let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
                server.url = url("http", free.local_addr().unwrap());
            }
            Fault::NoConnection => {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let listener = socket.listen(0).unwrap();
                let address = listener.local_addr().unwrap();
                // Nobody accepts, so the queue is full after the first few, and further ones wait for ever.
                while let Ok(Ok(kept)) = tokio::time::timeout(SHORT / 7, TcpStream::connect(address)).await {
                    server._kept.push(kept);
                }
                server._tasks.spawn(async move {
                    let _listener = listener;
                    std::future::pending::<()>().await;
                });
                (server.url, server.timeout) = (url("http", address), SHORT);
            }
            Fault::NoHandshake => {
                (server.url, server.timeout) = (url("https", server.listen("", Then::Hang).await), SHORT);
            }
            Fault::BadCertificate => server.url = url("https", start_tls(certificate_of_nobody()).0),
            Fault::Answer(bytes, then) => {
                server.url = url("http", server.listen(bytes, then).await);
                let slow = matches!(then, Then::Hang | Then::Drip | Then::Slowly(_));
                let hangs = slow && !bytes.ends_with("\r\n\r\n");
                server.timeout = if hangs { SHORT } else { PATIENT };
            }
        }
        server
    }

    async fn listen(&mut self, bytes: &'static str, then: Then) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self._tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever is hung up on is no matter.
                drop(answer(stream, bytes, then).await);
            }
        });
        address
    }
}

async fn answer(mut stream: TcpStream, bytes: &str, then: Then) -> std::io::Result<()> {
    let mut seen = Vec::new();
    // All bodies are JSON objects: the request is over with the last brace, or with what follows it.
    while !seen.trim_ascii_end().ends_with(b"}") && stream.read_buf(&mut seen).await? > 0 {}
    stream.write_all(bytes.as_bytes()).await?;
    match then {
        Then::Close => stream.shutdown().await,
        Then::Hang => std::future::pending().await,
        Then::Reset => stream.set_zero_linger(),
        Then::Drip => loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(SHORT / 10).await;
        },
        Then::Slowly(bytes) => {
            // Longer than an attempt, by a good deal: nobody's scheduling decides.
            for byte in bytes.bytes() {
                tokio::time::sleep(SHORT / 10).await;
                stream.write_all(&[byte]).await?;
            }
            stream.shutdown().await
        }
        Then::Flood => loop {
            stream.write_all(&[b'x'; 16 << 10]).await?;
        },
        Then::Bomb => {
            // A header, then one block in the fixed code: a zero, and again and again 258 more of it.
            stream.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63, 0x18]).await?;
            let more = [0x05, 0xa3, 0x60, 0x14, 0x8c, 0x82, 0x51, 0x30, 0x0a, 0x46, 0xc1, 0x28, 0x18].repeat(1_000);
            loop {
                stream.write_all(&more).await?;
            }
        }
    }
}

fn certificate_of_nobody() -> Arc<rustls::ServerConfig> {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(super::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Arc::new(config)
}
