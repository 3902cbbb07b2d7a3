//! A receiver of webhooks that takes everything and remembers whom it was told of, and when.
//!
//! One thread serves all connections: a storm opens thousands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// What came in.
#[derive(Default)]
struct Heard {
    /// The group keys, and how often each came.
    groups: HashMap<Vec<u8>, usize>,
    last: Option<Instant>,
    /// When each page came, by its asset.
    pages: HashMap<Vec<u8>, Instant>,
}

/// A receiver that listens. Its thread lives as long as the process.
pub struct Webhook {
    /// `HOST:PORT`
    pub address: String,
    heard: Arc<Mutex<Heard>>,
}

impl Webhook {
    /// Listens on a free port.
    pub fn listen() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let listener = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(([127, 0, 0, 1], 0).into())?;
            socket.listen(16_384)
        });
        let listener = listener.map_err(|error| format!("a webhook could not listen: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        let heard = Arc::<Mutex<Heard>>::default();
        let shared = Arc::clone(&heard);
        std::thread::spawn(move || {
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let heard = Arc::clone(&shared);
                    // A connection that breaks is the server's matter: it sends again.
                    tokio::task::spawn_local(async move { serve(stream, &heard).await.ok() });
                }
            });
        });
        Ok(Self { address, heard })
    }

    fn heard<T>(&self, of: impl FnOnce(&Heard) -> T) -> T {
        of(&self.heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// How many groups it was told of, and how many notifications were one too many.
    pub fn groups(&self) -> (usize, usize) {
        self.heard(|heard| (heard.groups.len(), heard.groups.values().map(|count| count - 1).sum()))
    }

    /// When the last notification came.
    pub fn last(&self) -> Option<Instant> {
        self.heard(|heard| heard.last)
    }

    /// When the page for this asset came.
    pub fn page(&self, asset: &str) -> Option<Instant> {
        self.heard(|heard| heard.pages.get(asset.as_bytes()).copied())
    }
}

async fn serve(mut stream: TcpStream, heard: &Mutex<Heard>) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let (head, length) = loop {
            if let Some(found) = head_of(&buffer) {
                break found;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        note(&buffer[..head], &buffer[head..head + length], heard);
        buffer.drain(..head + length);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
    }
}

/// Where the head of a request ends, and how long its body is.
fn head_of(buffer: &[u8]) -> Option<(usize, usize)> {
    let end = find(buffer, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(buffer.get(..end)?).ok()?;
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Some((end, length.next()?.1.trim().parse().ok()?))
}

fn note(head: &[u8], body: &[u8], heard: &Mutex<Heard>) {
    let now = Instant::now();
    let mut heard = heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if head.starts_with(b"POST /page") {
        heard.pages.entry(value_of(body, br#""asset_code":""#)).or_insert(now);
        return;
    }
    *heard.groups.entry(value_of(body, br#""groupKey":""#)).or_default() += 1;
    heard.last = Some(now);
}

/// The text behind a key, up to the next quote that closes it.
fn value_of(body: &[u8], key: &[u8]) -> Vec<u8> {
    let Some(from) = find(body, key).map(|at| at + key.len()) else { return Vec::new() };
    let mut escaped = false;
    let closes = |byte: &&u8| {
        let closes = **byte == b'"' && !escaped;
        escaped = **byte == b'\\' && !escaped;
        !closes
    };
    body[from..].iter().take_while(closes).copied().collect()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
