//! One conversation with a mail server: connect, encrypt, log in, hand over one mail, leave.
//!
//! What goes wrong before the mail is spoken of (greeting, encryption, login) says nothing about the mail, so it is worth
//! another attempt whatever the code: somebody will mend the server or the configuration. From MAIL on, 4xx is worth
//! another attempt after [`PAUSE`] and 5xx is refused; but of a mail that is too large for the server a short one is
//! handed over in its place, in the same conversation. A connection is used for one mail and never kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::auth::{Login, Mechanism};
use super::connection::{Connection, Reply, Step, Trouble};
use super::short::{Outline, Why};
use crate::mail_link;
use crate::metrics::FailureReason;
use crate::receivers::answer::SendError;
use crate::receivers::exchange;

/// How long a server that said "not now" is left alone: greylisting wants minutes, and a faster pace looks like abuse.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a server that refused a mail for its size may take until it is ready for a short one.
const RESET_LIMIT: Duration = Duration::from_secs(5);
/// How long leaving may take; the mail is delivered by then.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

/// How to get in.
pub(super) struct Access {
    /// The server.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// What we call ourselves.
    pub(super) hello: String,
    /// Whether TLS comes first of all.
    pub(super) implicit_tls: bool,
    /// Whether STARTTLS is a must; if not, it is not used.
    pub(super) require_tls: bool,
    /// How to encrypt; present where one of these two is set.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The name that the server's certificate must bear.
    pub(super) server_name: String,
    /// Whom to log in as, if at all.
    pub(super) login: Option<Login>,
}

/// One mail.
pub(super) struct Letter {
    /// Whom it is from.
    pub(super) from: Address,
    /// Whom it goes to; never empty.
    pub(super) to: Vec<Address>,
    /// Headers and body.
    pub(super) message: Vec<u8>,
}

/// As a person reads it: the envelope, then headers and body.
impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "MAIL FROM:<{}>", self.from)?;
        self.to.iter().try_for_each(|address| writeln!(f, "RCPT TO:<{address}>"))?;
        write!(f, "\n{}", String::from_utf8_lossy(&self.message))
    }
}

/// What came of a mail that at least one recipient has.
pub(super) struct HandedOver {
    /// Those who do not have it, with the reason.
    pub(super) refused: Vec<(Address, Trouble)>,
    /// Why some have the short one, or all.
    pub(super) shortened: Option<String>,
}

/// What the server did with the mail, as a person reads it.
impl fmt::Display for HandedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shortened {
            Some(why) => write!(f, "the server took a shorter mail: {why}")?,
            None => write!(f, "the server took it")?,
        }
        let mut refused = self.refused.iter();
        refused.try_for_each(|(address, trouble)| write!(f, "; not for {address}: {}", trouble.text()))
    }
}

/// Hands `letter` over, or what is made of `outline` where the letter is too large. What only some are still to get is waited
/// for `until` then: the others have theirs.
///
/// # Errors
/// Why nobody has it, as far as is known: after a lost connection the server may have taken it.
pub(super) async fn deliver(
    access: &Access,
    letter: &Letter,
    outline: &Outline<'_>,
    until: Instant,
    step: &Step,
) -> Result<HandedOver, SendError> {
    let mut entered = enter(access, step).await?;
    let result = hand_over_what_fits(&mut entered, access, letter, outline, until, step).await;
    // Politeness only, so neither its failure nor its silence counts, nor may it make the attempt too long.
    let patience = Instant::now() + QUIT_LIMIT;
    let _ = tokio::time::timeout_at(patience.min(until), entered.0.command("QUIT", Quit, 2)).await;
    result
}

/// The whole letter, and the short one to those for whom the whole one is too large.
async fn hand_over_what_fits<'a>(
    entered: &mut (Connection<'a>, Capabilities),
    access: &Access,
    letter: &Letter,
    outline: &Outline<'_>,
    until: Instant,
    step: &'a Step,
) -> Result<HandedOver, SendError> {
    let (size, limit) = (letter.message.len(), entered.1.size());
    let (why, to, mut refused, begun) = match limit {
        Some(limit) if size > limit => (Why::over(limit, size), letter.to.clone(), Vec::new(), false),
        _ => {
            let (said, to, refused) = match hand_over(&mut entered.0, &entered.1, letter).await {
                Err(Stopped::TooLarge(_, trouble)) => (trouble.text().to_owned(), letter.to.clone(), Vec::new()),
                Err(stopped) => return Err(stopped.into()),
                Ok(refused) => {
                    let (large, refused): (Vec<_>, _) = refused.into_iter().partition(|(_, why)| why.is_about_size());
                    let Some((_, why)) = large.first() else { return all_or_nobody(letter, refused, None) };
                    (why.text().to_owned(), large.into_iter().map(|(address, _)| address).collect(), refused)
                }
            };
            (Why::refused(&said, limit, size), to, refused, true)
        }
    };
    let others_have_it = letter.to.len() > to.len() + refused.len();
    let short = Letter { from: letter.from.clone(), to, message: outline.write(&why) };
    // Whoever may read what was sent is not to act in its recipient's name.
    exchange::request(|| mail_link::without_tokens(&short.to_string()));
    let handing = hand_over_instead(entered, access, begun, &short, step);
    let handed = match others_have_it {
        true => {
            tokio::time::timeout_at(until, handing).await.unwrap_or_else(|_| Err(SendError::retry("no answer in time")))
        }
        false => handing.await,
    };
    match handed {
        Ok(more) => refused.extend(more),
        // To fail would be to send it to the others again.
        Err(error) if others_have_it => {
            let trouble = match error {
                SendError::Refused { error, .. } => Trouble::Never(error),
                error => Trouble::NotNow(error.to_string()),
            };
            refused.extend(short.to.into_iter().map(|address| (address, trouble.clone())));
        }
        Err(error) => return Err(error),
    }
    all_or_nobody(letter, refused, Some(why.said))
}

/// A mail in the place of one that was begun, or not.
async fn hand_over_instead<'a>(
    entered: &mut (Connection<'a>, Capabilities),
    access: &Access,
    begun: bool,
    letter: &Letter,
    step: &'a Step,
) -> Result<Vec<(Address, Trouble)>, SendError> {
    if begun {
        // Whatever the server still holds of the other one is to be forgotten; some hang up instead.
        let forgotten = tokio::time::timeout(RESET_LIMIT, entered.0.command("RSET", Rset, 2)).await;
        if !matches!(forgotten, Ok(Ok(_))) {
            *entered = enter(access, step).await?;
        }
    }
    Ok(hand_over(&mut entered.0, &entered.1, letter).await?)
}

fn all_or_nobody(
    letter: &Letter,
    refused: Vec<(Address, Trouble)>,
    shortened: Option<String>,
) -> Result<HandedOver, SendError> {
    if refused.len() == letter.to.len() { Err(nobody(&refused)) } else { Ok(HandedOver { refused, shortened }) }
}

/// What the server can do: the lines of its answer to EHLO.
struct Capabilities(Vec<String>);

impl Capabilities {
    /// What stands after a keyword, if the keyword is there.
    fn find(&self, keyword: &str) -> Option<&str> {
        self.0.iter().find_map(|line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            word.eq_ignore_ascii_case(keyword).then(|| rest.trim())
        })
    }

    /// The largest mail that the server takes, in bytes, if it says so; 0 says that there is no limit.
    fn size(&self) -> Option<usize> {
        self.find("SIZE")?.parse().ok().filter(|limit| *limit > 0)
    }
}

async fn enter<'a>(access: &Access, step: &'a Step) -> Result<(Connection<'a>, Capabilities), SendError> {
    let mut connection = connect(access, step).await?;
    if access.implicit_tls {
        connection = encrypt(connection, access, "establish TLS connection to server").await?;
    }
    let greeting = connection.greeting().await;
    greeting.map_err(|trouble| no_entry("create SMTP client", &trouble))?;
    let mut capabilities = hello(&mut connection, access).await?;
    if access.require_tls && !access.implicit_tls {
        if capabilities.find("STARTTLS").is_none() {
            let Access { host, port, .. } = access;
            let missing = format!(
                "'require_tls' is true (default) but \"{host}:{port}\" does not advertise the STARTTLS extension"
            );
            return Err(SendError::Retry { error: missing, after: Some(PAUSE), failure: FailureReason::Other });
        }
        let ready = connection.command("STARTTLS", Starttls, 2).await;
        ready.map_err(|trouble| no_entry("send STARTTLS command", &trouble))?;
        connection = encrypt(connection, access, "send STARTTLS command").await?;
        // What the server said in clear counts no more.
        capabilities = hello(&mut connection, access).await?;
    }
    if let (Some(login), Some(offered)) = (&access.login, capabilities.find("AUTH")) {
        log_in(&mut connection, access, login, offered).await?;
    }
    Ok((connection, capabilities))
}

async fn connect<'a>(access: &Access, step: &'a Step) -> Result<Connection<'a>, SendError> {
    *step.lock() = "connecting";
    let address = (access.host.as_str(), access.port);
    let failed = |error: &dyn std::fmt::Display| SendError::retry(format!("establish connection to server: {error}"));
    match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(Connection::new(Box::new(stream), step)),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&format!("no answer within {CONNECT_LIMIT:?}"))),
    }
}

async fn encrypt<'a>(connection: Connection<'a>, access: &Access, what: &str) -> Result<Connection<'a>, SendError> {
    let Some(config) = &access.tls else { return Err(SendError::retry(format!("{what}: no TLS configuration"))) };
    let name = ServerName::try_from(access.server_name.clone())
        .map_err(|error| SendError::retry(format!("{what}: the name {:?}: {error}", access.server_name)))?;
    connection.encrypt(Arc::clone(config), name).await.map_err(|trouble| no_entry(what, &trouble))
}

async fn hello(connection: &mut Connection<'_>, access: &Access) -> Result<Capabilities, SendError> {
    let ehlo = Ehlo::new(ClientId::Domain(access.hello.clone()));
    let reply = match connection.command("EHLO", ehlo, 2).await {
        // So old that it knows only HELO.
        Err(Trouble::Never(_)) => connection.command("HELO", format!("HELO {}\r\n", access.hello), 2).await,
        other => other,
    };
    let lines = reply.map_err(|trouble| no_entry("send EHLO command", &trouble))?.lines;
    // The first line is the server's name.
    Ok(Capabilities(lines.into_iter().skip(1).collect()))
}

async fn log_in(
    connection: &mut Connection<'_>,
    access: &Access,
    login: &Login,
    offered: &str,
) -> Result<(), SendError> {
    let failed = |error, after| SendError::Retry { error, after, failure: FailureReason::Auth };
    let mechanism = login.choose(offered);
    let (name, result) = match mechanism
        .map_err(|error| failed(format!("find auth mechanism: {error}"), Some(PAUSE)))?
    {
        Mechanism::CramMd5 { secret } => ("CRAM-MD5", cram_md5(connection, login, secret).await),
        Mechanism::Plain { .. } if !connection.encrypted && !is_this_machine(&access.host) => {
            return Err(failed("PLAIN auth: unencrypted connection, so the password is not sent".into(), Some(PAUSE)));
        }
        Mechanism::Plain { password } => {
            let command = format!("AUTH PLAIN {}\r\n", login.plain(password));
            ("PLAIN", connection.command("AUTH", command, 2).await)
        }
        Mechanism::Login { password } => ("LOGIN", prompted(connection, login, password).await),
    };
    result.map(drop).map_err(|trouble| failed(format!("{name} auth: {}", trouble.text()), trouble.pause()))
}

async fn cram_md5(connection: &mut Connection<'_>, login: &Login, secret: &str) -> Result<Reply, Trouble> {
    let challenge = connection.command("AUTH", "AUTH CRAM-MD5\r\n", 3).await?;
    let Some(answer) = login.cram_md5(secret, &challenge.lines.concat()) else {
        return Err(Trouble::Lost("the server's challenge is not base64".into()));
    };
    connection.command("AUTH", format!("{answer}\r\n"), 2).await
}

async fn prompted(connection: &mut Connection<'_>, login: &Login, password: &str) -> Result<Reply, Trouble> {
    let mut prompt = connection.command("AUTH", "AUTH LOGIN\r\n", 3).await?;
    for good in [3, 2] {
        let Some(answer) = login.answer_prompt(password, &prompt.lines.concat()) else {
            return Err(Trouble::Lost("the server asks for neither user nor password".into()));
        };
        prompt = connection.command("AUTH", format!("{answer}\r\n"), good).await?;
    }
    Ok(prompt)
}

/// Why a mail was not handed over.
enum Stopped {
    /// The server takes no mail of this size; where that was said.
    TooLarge(&'static str, Trouble),
    /// Something else.
    Otherwise(SendError),
}

impl Stopped {
    fn at(what: &'static str, trouble: Trouble) -> Self {
        if trouble.is_about_size() { Self::TooLarge(what, trouble) } else { Self::Otherwise(judged(what, trouble)) }
    }
}

impl From<Stopped> for SendError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::TooLarge(what, trouble) => judged(what, trouble),
            Stopped::Otherwise(error) => error,
        }
    }
}

/// One mail, to whoever is accepted; gives those who are not, which may be all.
async fn hand_over(
    connection: &mut Connection<'_>,
    capabilities: &Capabilities,
    letter: &Letter,
) -> Result<Vec<(Address, Trouble)>, Stopped> {
    let parameters = parameters(capabilities, letter).map_err(Stopped::Otherwise)?;
    let mail = Mail::new(Some(letter.from.clone()), parameters);
    connection.command("MAIL", mail, 2).await.map_err(|trouble| Stopped::at("send MAIL command", trouble))?;
    let mut refused = Vec::new();
    for address in &letter.to {
        match connection.command("RCPT", Rcpt::new(address.clone(), Vec::new()), 2).await {
            Ok(_) => {}
            Err(Trouble::Lost(text)) => return Err(Stopped::at("send RCPT command", Trouble::Lost(text))),
            Err(trouble) => refused.push((address.clone(), trouble)),
        }
    }
    if refused.len() < letter.to.len() {
        connection.command("DATA", Data, 3).await.map_err(|trouble| Stopped::at("send DATA command", trouble))?;
        connection.message(&letter.message).await.map_err(|trouble| Stopped::at("delivery failure", trouble))?;
    }
    Ok(refused)
}

/// What is said of the mail beside whom it is from.
fn parameters(capabilities: &Capabilities, letter: &Letter) -> Result<Vec<MailParameter>, SendError> {
    let mut parameters = Vec::new();
    if capabilities.find("SIZE").is_some() {
        parameters.push(MailParameter::Size(letter.message.len()));
    }
    if capabilities.find("8BITMIME").is_some() {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let mut addresses = std::iter::once(&letter.from).chain(&letter.to);
    if addresses.any(|address| !address.to_string().is_ascii()) {
        if capabilities.find("SMTPUTF8").is_none() {
            return Err(SendError::refused("an address is not ASCII, and the server does not know SMTPUTF8"));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    Ok(parameters)
}

/// All were refused: for good only if none may be accepted later.
fn nobody(refused: &[(Address, Trouble)]) -> SendError {
    let text = refused.iter().map(|(address, trouble)| format!("{address}: {}", trouble.text()));
    let text = text.collect::<Vec<_>>().join("; ");
    let later = refused.iter().any(|(_, trouble)| matches!(trouble, Trouble::NotNow(_)));
    let error = format!("send RCPT command: {text}");
    if later { SendError::PutOff { error, after: PAUSE, others_have_it: false } } else { SendError::refused(error) }
}

/// What went wrong with the mail itself.
fn judged(what: &str, trouble: Trouble) -> SendError {
    let error = format!("{what}: {}", trouble.text());
    match trouble {
        Trouble::NotNow(_) => SendError::Retry { error, after: Some(PAUSE), failure: FailureReason::Other },
        Trouble::Never(_) => SendError::refused(error),
        Trouble::Lost(_) => SendError::retry(error),
    }
}

/// What went wrong before the mail was spoken of.
fn no_entry(what: &str, trouble: &Trouble) -> SendError {
    let error = format!("{what}: {}", trouble.text());
    SendError::Retry { error, after: trouble.pause(), failure: FailureReason::Other }
}

impl Trouble {
    /// How long to leave the server alone; a lost connection may come back at any time.
    fn pause(&self) -> Option<Duration> {
        (!matches!(self, Self::Lost(_))).then_some(PAUSE)
    }
}

fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}
