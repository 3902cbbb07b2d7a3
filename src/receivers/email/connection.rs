//! A connection to a mail server: commands and replies, each bounded, before and after encryption.
//!
//! lettre's own connection is not used: it waits for ever, reads lines of any length, knows no CRAM-MD5, and takes for
//! encrypted what a server (or somebody between) sent in clear before the handshake.

use std::fmt::Display;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio_rustls::TlsConnector;

/// The longest line of a reply; RFC 5321 allows 512.
const LINE: u64 = 4096;
/// The most lines of one reply.
const LINES: usize = 128;
/// How much of a reply an error quotes, in characters.
const QUOTED: usize = 512;
/// What is said of a connection that ended.
const CLOSED: &str = "the server closed the connection";

/// What bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What a conversation is doing: named in the error if its time runs out there.
pub(super) type Step = Mutex<&'static str>;

/// A reply with a good code.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// Its lines, without the code.
    pub(super) lines: Vec<String>,
}

/// Why there was no good reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// 4xx
    NotNow(String),
    /// 5xx
    Never(String),
    /// No connection, or a reply that makes no sense.
    Lost(String),
}

impl Trouble {
    /// What was said or what happened.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::NotNow(text) | Self::Never(text) | Self::Lost(text) => text,
        }
    }

    /// Whether the server takes no mail of this size: 552, or any 5xx with an enhanced code that says so.
    pub(super) fn is_about_size(&self) -> bool {
        let Self::Never(text) = self else { return false };
        let mut words = text.split(' ');
        words.next() == Some("552") || words.next().is_some_and(|enhanced| ["5.3.4", "5.2.3"].contains(&enhanced))
    }
}

/// An open connection.
pub(super) struct Connection<'a> {
    stream: BufReader<Box<dyn Stream>>,
    step: &'a Step,
    /// Whether nobody can listen.
    pub(super) encrypted: bool,
}

impl<'a> Connection<'a> {
    /// A connection over `stream`.
    pub(super) fn new(stream: Box<dyn Stream>, step: &'a Step) -> Self {
        Self { stream: BufReader::new(stream), step, encrypted: false }
    }

    /// Encrypts the connection.
    ///
    /// # Errors
    /// [`Trouble::Lost`]; the connection is of no use any more.
    pub(super) async fn encrypt(self, config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Trouble> {
        *self.step.lock() = "the TLS handshake";
        if !self.stream.buffer().is_empty() {
            return Err(Trouble::Lost("the server sent more than it was asked for before encryption".into()));
        }
        let stream = TlsConnector::from(config).connect(name, self.stream.into_inner()).await.map_err(lost)?;
        Ok(Self { stream: BufReader::new(Box::new(stream)), step: self.step, encrypted: true })
    }

    /// The first words of the server.
    ///
    /// # Errors
    /// [`Trouble`] unless they are a welcome.
    pub(super) async fn greeting(&mut self) -> Result<Reply, Trouble> {
        *self.step.lock() = "the greeting";
        self.reply(2).await
    }

    /// Sends a command, which ends with CRLF, and reads the reply, which must begin with the digit `good`.
    ///
    /// # Errors
    /// [`Trouble`] if it does not.
    pub(super) async fn command(
        &mut self,
        step: &'static str,
        command: impl Display,
        good: u16,
    ) -> Result<Reply, Trouble> {
        *self.step.lock() = step;
        self.write(command.to_string().as_bytes()).await?;
        self.reply(good).await
    }

    /// Sends a mail, whose lines end with CRLF, after DATA.
    ///
    /// # Errors
    /// [`Trouble`] unless the server took it.
    pub(super) async fn message(&mut self, message: &[u8]) -> Result<Reply, Trouble> {
        *self.step.lock() = "the end of the mail";
        let Err(trouble) = self.write(&stuffed(message)).await else { return self.reply(2).await };
        // A server that has had enough may say so and hang up before all is there.
        match self.reply(2).await {
            Err(said @ (Trouble::NotNow(_) | Trouble::Never(_))) => Err(said),
            _ => Err(trouble),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(bytes).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)
    }

    async fn reply(&mut self, good: u16) -> Result<Reply, Trouble> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let (code, more, text) = read_line(&line)
                .ok_or_else(|| Trouble::Lost(format!("the server answered what is no SMTP: {}", quoted(&line))))?;
            lines.push(text.to_owned());
            if more && lines.len() < LINES {
                continue;
            }
            let said = || quoted(&format!("{code} {}", lines.join(" ")));
            return match code / 100 {
                _ if more => Err(Trouble::Lost("the server's reply has too many lines".into())),
                class if class == good => Ok(Reply { lines }),
                4 => Err(Trouble::NotNow(said())),
                5 => Err(Trouble::Never(said())),
                _ => Err(Trouble::Lost(format!("unexpected reply: {}", said()))),
            };
        }
    }

    async fn line(&mut self) -> Result<String, Trouble> {
        let mut line = Vec::new();
        (&mut self.stream).take(LINE).read_until(b'\n', &mut line).await.map_err(lost)?;
        match line.last() {
            Some(b'\n') => Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
            Some(_) if line.len() as u64 == LINE => Err(Trouble::Lost("the server's reply has too long a line".into())),
            _ => Err(Trouble::Lost(CLOSED.into())),
        }
    }
}

fn lost(error: std::io::Error) -> Trouble {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    // There are as many words for it as there are layers.
    let closed = matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe);
    Trouble::Lost(if closed { CLOSED.to_owned() } else { error.to_string() })
}

/// The code, whether more lines follow, and the text.
fn read_line(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = code.parse().ok().filter(|code| (200..=599).contains(code))?;
    match rest.chars().next() {
        None => Some((code, false, "")),
        Some(' ') => Some((code, false, rest.get(1..)?)),
        Some('-') => Some((code, true, rest.get(1..)?)),
        Some(_) => None,
    }
}

/// The beginning of what a server said, without control characters.
fn quoted(text: &str) -> String {
    let mut out: String = text.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(QUOTED).is_some() {
        out.push('…');
    }
    out
}

/// The mail with its end: a dot at the begin of a line is doubled.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_replies_are_read() {
        let rows = [
            ("250 ok", Some((250, false, "ok"))),
            ("250-a b", Some((250, true, "a b"))),
            ("250- ", Some((250, true, " "))),
            ("354", Some((354, false, ""))),
            ("25", None),
            ("2é0 x", None),
            ("250x", None),
            ("+50 x", None),
            ("199 x", None),
            ("600 x", None),
            ("HTTP/1.1 400 Bad Request", None),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(read_line(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_a_server_says_of_the_size_is_known() {
        let never = |text: &str| Trouble::Never(text.into()).is_about_size();
        let about = ["552", "552 too big", "552 5.2.2 full", "554 5.3.4 too big", "550 5.2.3 too big", "523 5.3.4"];
        assert!(about.into_iter().all(never));
        assert!(!["554 5.7.1 no", "550 552 5.3.4", "554", "550 5.3.40 x", ""].into_iter().any(never));
        let others = [Trouble::NotNow("452 4.3.4 later".into()), Trouble::Lost("552 5.3.4".into())];
        assert!(!others.iter().any(Trouble::is_about_size));
    }

    #[test]
    fn dots_are_doubled_and_one_ends_the_mail() {
        let rows = [
            ("a\r\n.b\r\n..\r\nc", "a\r\n..b\r\n...\r\nc\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("", "\r\n.\r\n"),
        ];
        for (mail, expected) in rows {
            assert_eq!(String::from_utf8(stuffed(mail.as_bytes())).unwrap(), expected);
        }
    }
}
