//! A stand-in for a mail server (RFC 5321, without encryption and login): takes mails and hands on what they say.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::heard::Ear;
use super::mail;

/// No line and no mail is longer.
const LONGEST: u64 = 4 << 20;

/// Starts the mail server on a free port.
///
/// # Errors
/// If there is none.
pub async fn start(ear: Ear, tasks: &mut JoinSet<()>) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    tasks.spawn(async move {
        let mut conversations = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let ear = ear.clone();
            conversations.spawn(async move {
                if let Err(error) = converse(stream, &ear).await {
                    tracing::debug!(%error, "A conversation with the mail server broke off");
                }
            });
        }
    });
    Ok(address)
}

/// Where a conversation stands.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

async fn converse(stream: TcpStream, ear: &Ear) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 mail.plant.example ESMTP stand-in").await?;
    let mut envelope = Envelope::default();
    while let Some(line) = line(&mut stream).await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-mail.plant.example\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "HELO" | "NOOP" => "250 OK",
            "RSET" => {
                envelope = Envelope::default();
                "250 OK"
            }
            "MAIL" => {
                envelope = Envelope { from: Some(address(&line)), to: Vec::new() };
                "250 OK"
            }
            "RCPT" if envelope.from.is_some() => {
                envelope.to.push(address(&line));
                "250 OK"
            }
            "DATA" if !envelope.to.is_empty() => {
                say(&mut stream, "354 End data with <CR><LF>.<CR><LF>").await?;
                let Some(text) = data(&mut stream).await? else { return Ok(()) };
                // Who hands on last may be gone: the demo ends.
                let _ = ear.send(mail::heard(&text, &std::mem::take(&mut envelope).to));
                "250 OK: taken"
            }
            "RCPT" | "DATA" => "503 Bad sequence of commands",
            "QUIT" => return say(&mut stream, "221 Bye").await,
            _ => "502 Command not implemented",
        };
        say(&mut stream, answer).await?;
    }
    Ok(())
}

async fn say(stream: &mut BufReader<TcpStream>, answer: &str) -> std::io::Result<()> {
    stream.write_all(format!("{answer}\r\n").as_bytes()).await
}

/// A line without its end; nothing at the end of the conversation.
async fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_until(b'\n', &mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((!bytes.is_empty()).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The mail up to the lone dot; a dot that was put before a dot is taken away.
async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    while let Some(line) = line(stream).await? {
        if line == "." {
            return Ok(Some(text));
        }
        if text.len() as u64 > LONGEST {
            return Ok(None);
        }
        text += line.strip_prefix('.').unwrap_or(&line);
        text.push('\n');
    }
    Ok(None)
}

/// What stands between `<` and `>`.
fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}
