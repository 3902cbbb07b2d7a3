//! A small mail server for tests that does as it should, but for what it is told to do wrong.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::connection::Stream;

/// How long it is from a byte to the next where they drip.
const DRIP: Duration = Duration::from_millis(100);

/// What the server does in the place of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing, and keeps the connection.
    Hang,
    /// Answers this line.
    Say(&'static str),
    /// Closes the connection.
    Close,
    /// Answers with a line of ten megabytes.
    Endless,
    /// Answers a byte now and then, without an end.
    Drip,
}

/// What the server offers.
#[derive(Clone, Copy)]
pub(crate) struct Offers {
    /// The lines after the server's name, in clear.
    pub(crate) clear: &'static [&'static str],
    /// The same after encryption.
    pub(crate) encrypted: &'static [&'static str],
    /// Whether TLS comes first.
    pub(crate) implicit_tls: bool,
}

/// The commands of one connection, and the mails that were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Everything but the mail itself; the end of a mail is `.`.
    pub(crate) commands: Vec<String>,
    /// With the dots as they were.
    pub(crate) mails: Vec<String>,
}

type Rule = dyn Fn(&str) -> Option<Fault> + Send + Sync;

/// The server; it ends when dropped.
pub(crate) struct MailServer {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    /// The certificate of the authority that issued the server's, in PEM form.
    pub(crate) ca: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

struct Shared {
    offers: Offers,
    rule: Box<Rule>,
    tls: TlsAcceptor,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl MailServer {
    /// Listens. `rule` is asked about `greeting`, each command, each end of a mail (`.`) and each TLS `handshake`.
    pub(crate) async fn start(offers: Offers, rule: impl Fn(&str) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self::start_with(offers, rule, certificates(false)).await
    }

    /// The same with a certificate whose time is over.
    pub(crate) async fn start_expired(offers: Offers) -> Self {
        Self::start_with(offers, |_| None, certificates(true)).await
    }

    async fn start_with(
        offers: Offers,
        rule: impl Fn(&str) -> Option<Fault> + Send + Sync + 'static,
        (ca, tls): (String, TlsAcceptor),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { offers, rule: Box::new(rule), tls, seen: Arc::clone(&seen) });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&shared);
                connections.spawn(async move { shared.serve(Box::new(stream)).await });
            }
        });
        Self { port, ca, seen, _tasks: tasks }
    }

    /// What was seen, connection by connection.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// All mails that were taken.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.seen().into_iter().flat_map(|seen| seen.mails).collect()
    }
}

/// An authority, and a server's certificate of it for localhost and 127.0.0.1.
fn certificates(expired: bool) -> (String, TlsAcceptor) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    if expired {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(crate::receivers::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key)
        .unwrap();
    (ca_pem, TlsAcceptor::from(Arc::new(config)))
}

/// What comes instead of the server's part of a handshake, once the client has begun its own.
async fn no_handshake(mut stream: Box<dyn Stream>, fault: Fault) -> std::io::Result<()> {
    stream.read_u8().await?;
    match fault {
        Fault::Close => return Ok(()),
        Fault::Say(text) => stream.write_all(text.as_bytes()).await?,
        Fault::Endless => stream.write_all(&[b'x'; 10 << 20]).await?,
        Fault::Hang => {}
        Fault::Drip => {
            // The beginning of a record of 16 KiB, so that each byte may be one of a good handshake.
            stream.write_all(&[0x16, 3, 3, 0x40, 0]).await?;
            loop {
                stream.flush().await?;
                tokio::time::sleep(DRIP).await;
                stream.write_all(&[2]).await?;
            }
        }
    }
    stream.flush().await?;
    std::future::pending().await
}

impl Shared {
    async fn serve(&self, stream: Box<dyn Stream>) {
        let place = {
            let mut seen = self.seen.lock();
            seen.push(Seen::default());
            seen.len() - 1
        };
        let clear = if self.offers.implicit_tls { Some(stream) } else { self.talk(stream, place, false).await };
        let Some(clear) = clear else { return };
        if let Some(fault) = (self.rule)("handshake") {
            // Whoever is hung up on is no matter.
            return drop(no_handshake(clear, fault).await);
        }
        let Ok(stream) = self.tls.accept(clear).await else { return };
        self.talk(Box::new(stream), place, true).await;
    }

    /// Ends with the stream if it is to be encrypted now.
    async fn talk(&self, stream: Box<dyn Stream>, place: usize, encrypted: bool) -> Option<Box<dyn Stream>> {
        let mut stream = BufReader::new(stream);
        if !encrypted || self.offers.implicit_tls {
            self.answer(&mut stream, place, "greeting", "220 stand-in\r\n").await?;
        }
        loop {
            let line = self.line(&mut stream).await?;
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            let good = match verb.as_str() {
                "EHLO" => self.hello(encrypted),
                "HELO" => "250 stand-in\r\n".into(),
                "DATA" => "354 go on\r\n".into(),
                "AUTH" if line == "AUTH LOGIN" => "334 VXNlcm5hbWU6\r\n".into(),
                "AUTH" if line == "AUTH CRAM-MD5" => "334 PDFAYj4=\r\n".into(),
                "AUTH" => "235 welcome\r\n".into(),
                _ if line == "cGF0" => "334 UGFzc3dvcmQ6\r\n".into(),
                _ if !line.contains(' ') && line.len() > 4 && verb != "STARTTLS" => "235 welcome\r\n".into(),
                _ => "250 ok\r\n".to_owned(),
            };
            let agreed = self.answer(&mut stream, place, &line, &good).await?;
            match verb.as_str() {
                "STARTTLS" => return Some(stream.into_inner()),
                "QUIT" => return None,
                "DATA" if agreed => self.mail(&mut stream, place).await?,
                _ => {}
            }
        }
    }

    fn hello(&self, encrypted: bool) -> String {
        let offers = if encrypted { self.offers.encrypted } else { self.offers.clear };
        let mut lines = vec!["stand-in"];
        lines.extend(offers);
        let last = lines.len() - 1;
        let line = |(i, text): (usize, &&str)| format!("250{}{text}\r\n", if i == last { ' ' } else { '-' });
        lines.iter().enumerate().map(line).collect()
    }

    async fn mail(&self, stream: &mut BufReader<Box<dyn Stream>>, place: usize) -> Option<()> {
        let mut mail = String::new();
        loop {
            let line = self.line(stream).await?;
            if line == "." {
                break;
            }
            mail.push_str(&line);
            mail.push_str("\r\n");
        }
        // Taken before it is answered: the answer may get lost.
        if !matches!((self.rule)("."), Some(Fault::Say(_))) {
            self.seen.lock()[place].mails.push(mail);
        }
        self.answer(stream, place, ".", "250 taken\r\n").await.map(drop)
    }

    async fn line(&self, stream: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Answers, and says whether that was `good`; nothing where the connection is to end.
    async fn answer(
        &self,
        stream: &mut BufReader<Box<dyn Stream>>,
        place: usize,
        to: &str,
        good: &str,
    ) -> Option<bool> {
        self.seen.lock()[place].commands.push(to.to_owned());
        let fault = (self.rule)(to);
        let text = match fault {
            None => good.to_owned(),
            Some(Fault::Say(line)) => format!("{line}\r\n"),
            Some(Fault::Endless) => "250-".to_owned() + &"x".repeat(10 << 20),
            Some(Fault::Close) => return None,
            Some(Fault::Drip) => loop {
                stream.write_all(b"2").await.ok()?;
                stream.flush().await.ok()?;
                tokio::time::sleep(DRIP).await;
            },
            Some(Fault::Hang) => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                return None;
            }
        };
        stream.write_all(text.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        Some(fault.is_none())
    }
}
