//! Sends requests over plain sockets: what is sent was made beforehand, and of an answer no more is read than must be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// One connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

/// How the length of a body is given.
enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    /// To `HOST:PORT`.
    pub fn open(address: &str) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{address}: {error}");
        let stream = TcpStream::connect(address).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let stream = BufReader::with_capacity(256 << 10, stream);
        Ok(Self { stream, line: String::new(), body: Vec::new() })
    }

    /// Sends a request and reads its answer, which must be a 200; gives the body.
    pub fn exchange(&mut self, request: &[u8]) -> Result<&[u8], String> {
        self.stream.get_mut().write_all(request).map_err(|error| format!("sending: {error}"))?;
        let failed = |error: std::io::Error| format!("reading an answer: {error}");
        let (mut status, mut length) = (String::new(), Length::Known(0));
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line).map_err(failed)?;
            let header = self.line.trim_end().to_ascii_lowercase();
            if status.is_empty() {
                status = header;
            } else if let Some(value) = header.strip_prefix("content-length:") {
                length = Length::Known(value.trim().parse().map_err(|error| format!("{header}: {error}"))?);
            } else if header == "transfer-encoding: chunked" {
                length = Length::Chunked;
            } else if header.is_empty() {
                break;
            }
        }
        self.body.clear();
        match length {
            Length::Known(length) => self.read(length).map_err(failed)?,
            Length::Chunked => self.read_chunks().map_err(failed)?,
        }
        if status.starts_with("http/1.1 200") {
            Ok(&self.body)
        } else {
            Err(format!("{status}: {}", String::from_utf8_lossy(&self.body)))
        }
    }

    fn read(&mut self, length: usize) -> std::io::Result<()> {
        let from = self.body.len();
        self.body.resize(from + length, 0);
        self.stream.read_exact(&mut self.body[from..])
    }

    fn read_chunks(&mut self) -> std::io::Result<()> {
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line)?;
            let length = usize::from_str_radix(self.line.trim_end(), 16).map_err(std::io::Error::other)?;
            self.read(length)?;
            self.line.clear();
            self.stream.read_line(&mut self.line)?;
            if length == 0 {
                return Ok(());
            }
        }
    }
}

/// Asks once for a path over a connection of its own; gives the body.
pub fn get(address: &str, path: &str) -> Result<Vec<u8>, String> {
    let mut connection = Connection::open(address)?;
    connection.exchange(&get_request(path)).map(<[u8]>::to_vec)
}

/// A whole request for a path.
pub fn get_request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

/// Sends all requests over so many connections, each waiting for its answers.
pub fn send(address: &str, requests: &[Vec<u8>], connections: usize) -> Result<(), String> {
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|first| {
                let share = requests.iter().skip(first).step_by(connections);
                scope.spawn(move || {
                    let mut connection = Connection::open(address)?;
                    share.into_iter().try_for_each(|request| connection.exchange(request).map(|_| ()))
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| "a sender panicked".to_owned())?)
    })
}

/// Sends all requests over one connection, spread evenly over a time.
pub fn send_over(address: &str, requests: &[Vec<u8>], time: Duration) -> Result<(), String> {
    let mut connection = Connection::open(address)?;
    let began = std::time::Instant::now();
    for (place, request) in (0_u32..).zip(requests) {
        let due = time * place / u32::try_from(requests.len()).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        connection.exchange(request)?;
    }
    std::thread::sleep(time.saturating_sub(began.elapsed()));
    Ok(())
}
