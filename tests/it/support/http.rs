//! Plain HTTP/1.1 over one socket, both sides of it, for tests that must not depend on the code they test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer, or a request that came in.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// `HTTP/1.1 200 OK`, or `POST / HTTP/1.1`.
    pub first_line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.first_line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Reads one message; nothing at the end of the stream.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut message = Self { first_line: line(from)?, ..Self::default() };
        if message.first_line.is_empty() {
            return Ok(None);
        }
        loop {
            let header = line(from)?;
            let Some((name, value)) = header.split_once(':') else { break };
            message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut body = Vec::new();
        if message.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&line(from)?, 16).map_err(io::Error::other)?;
                from.take(size as u64).read_to_end(&mut body)?;
                line(from)?;
                if size == 0 {
                    break;
                }
            }
        } else {
            let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            body.resize(length, 0);
            from.read_exact(&mut body)?;
        }
        message.body = String::from_utf8(body).map_err(io::Error::other)?;
        Ok(Some(message))
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// One connection to a server, kept for several requests.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request with a JSON body, empty for none, and reads the answer.
    pub fn request(&mut self, method: &str, path: &str, body: &str) -> io::Result<Message> {
        self.send(method, path, "Content-Type: application/json\r\n", body.as_bytes())
    }

    /// Sends a request with these header lines and any bytes, and reads the answer.
    pub fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Message> {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: andon\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        Message::read(&mut self.stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
