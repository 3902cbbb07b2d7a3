//! Mail: one notification is one mail, in one conversation with the configured server.
//!
//! Promised: the same `Message-Id` over all attempts and restarts, so that a mail that arrived twice can be seen as one;
//! a recipient that the server refuses does not keep the mail from the others; one deadline over the whole
//! conversation; no connection is used twice. Who was refused stands in the log; who was put off is sent the mail later,
//! alone, as long as this process lives (after a restart all get it again).
//!
//! Refused: several senders, and passwords in clear to another machine with PLAIN.

mod address;
mod auth;
mod builtin;
mod calendar;
mod connection;
mod conversation;
mod header;
mod message;
mod order;
mod short;
#[cfg(test)]
pub(crate) mod stand_in;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lettre::Address;
use parking_lot::Mutex;
use rustls::ClientConfig;

use self::auth::Login;
use self::connection::{Step, Trouble};
use self::conversation::{Access, HandedOver, Letter, PAUSE};
use self::message::{Frame, Texts};
use self::short::Outline;
use super::answer::SendError;
use super::exchange;
use super::notice::{self, Notice, Sent};
use super::secret::{self, Redactor};
use super::{ATTEMPT_LIMIT, Context, Sender, tls};
use crate::config::settings::{EmailConfig, SecretSource};
use crate::core::outbox::{Delivery, ReceiverData};
use crate::mail_link;
use crate::metrics::FailureReason;

/// How long a conversation may take: a little less than the attempt, so that the error can say where it stood.
const CONVERSATION_LIMIT: Duration = ATTEMPT_LIMIT.saturating_sub(Duration::from_secs(1));
/// Of so many notifications it is remembered who has them already.
const REMEMBERED: usize = 1024;

/// One `email_configs` entry, ready to send.
pub struct Email {
    config: EmailConfig,
    limit: Duration,
    encryption: Mutex<Option<(tls::Material, Arc<ClientConfig>)>>,
    /// Notifications that some of their recipients have, while others were put off.
    partly: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Email {
    /// Opens nothing.
    pub fn new(config: &EmailConfig) -> Self {
        Self {
            config: config.clone(),
            limit: CONVERSATION_LIMIT,
            encryption: Mutex::new(None),
            partly: Mutex::new(BTreeMap::new()),
        }
    }

    async fn attempt(&self, delivery: &Delivery, context: &Context) -> Result<Sent, SendError> {
        if let Some(missing) = self.config.unset() {
            return Err(SendError::NotConfigured { missing });
        }
        if let Some(news) = &delivery.news {
            return self.tell(delivery, news, context).await;
        }
        let (mut notice, _) = Notice::new(delivery, context, 0);
        let from = self.sender(&notice)?;
        let (to, unreadable) = self.recipients(&notice)?;
        let texts = self.texts(&mut notice);
        let note = notice.note();
        let id = delivery.notification_id();
        let frame = self.frame(delivery, context, &id, from.domain());
        let message = message::write(&texts, &frame);
        for reason in unreadable {
            tracing::warn!(receiver = &*delivery.thread.receiver, reason, "A recipient of a mail was left out");
        }
        let outline = Outline {
            headers: &texts.headers,
            frame: &frame,
            note: note.as_deref(),
            left: "the first alerts, their values cut, in a built-in text",
            text: &|most| short::alerts(notice.data(), most),
        };
        let shortened = self.send_to_all(&id, Letter { from, to, message }, &outline).await?;
        shortened.into_iter().for_each(|why| notice.cut(why));
        Ok(notice.sent(ReceiverData::new()))
    }

    fn sender(&self, notice: &Notice<'_>) -> Result<Address, SendError> {
        let text = notice.required("from", &self.config.from)?;
        let mut all = address::read_list(&text);
        match (all.pop(), all.len()) {
            (Some(one), 0) => {
                one.map(|mailbox| mailbox.address).map_err(|error| SendError::refused(format!("from: {error}")))
            }
            (last, before) => {
                let count = before + usize::from(last.is_some());
                Err(SendError::refused(format!("must be exactly one 'from' address (got: {count})")))
            }
        }
    }

    /// Whom it goes to, each once, and why others are left out.
    fn recipients(&self, notice: &Notice<'_>) -> Result<(Vec<Address>, Vec<String>), SendError> {
        let text = notice.required("to", &self.config.to)?;
        let (mut known, mut to, mut unreadable) = (BTreeSet::new(), Vec::new(), Vec::new());
        for entry in address::read_list(&text) {
            match entry {
                Ok(mailbox) if known.insert(mailbox.address.to_string()) => to.push(mailbox.address),
                Ok(_) => {}
                Err(reason) => unreadable.push(reason),
            }
        }
        match (to.is_empty(), unreadable.is_empty()) {
            (false, _) => Ok((to, unreadable)),
            (true, true) => Err(SendError::refused("to: there is nobody to send to after templating")),
            (true, false) => Err(SendError::refused(format!("to: {}", unreadable.join("; ")))),
        }
    }

    /// Fills in all templates. What failed is noted in the mail itself.
    fn texts(&self, notice: &mut Notice<'_>) -> Texts {
        let mut headers = Vec::new();
        for (name, template) in &self.config.headers {
            let value = match name.as_str() {
                "Subject" => notice.text(name, template, notice::subject),
                _ => notice.plain(name, template),
            };
            note_cut(name, &value, notice);
            headers.push((name.clone(), value));
        }
        let mut text = notice.text("text", &self.config.text, builtin::text);
        let mut html = notice.html("html", &self.config.html, builtin::html);
        if let Some(note) = notice.note() {
            builtin::add_note(&mut text, &mut html, &note);
        }
        Texts { headers, text, html, calendar: None }
    }

    fn frame(&self, delivery: &Delivery, context: &Context, id: &str, domain: &str) -> Frame {
        let local = |at: crate::time::Timestamp| at.to_jiff().to_zoned(jiff::tz::TimeZone::system());
        let answers = self.config.threading.map(|by| {
            let date = if by == "daily" { local(delivery.decided_at).date().to_string() } else { String::new() };
            let hash = delivery.thread.group_key_hash();
            format!("<alert-{}-{date}@alertmanager>", hash.get(..16).unwrap_or(&hash))
        });
        let now = local(context.clock.now());
        let date = jiff::fmt::rfc2822::to_string(&now).unwrap_or_default();
        Frame { message_id: format!("<{id}@{domain}>"), date, answers }
    }

    /// Sends to those who do not have it yet, and remembers who has it if some are put off.
    /// Says why it was shortened, if it was.
    async fn send_to_all(
        &self,
        id: &str,
        mut letter: Letter,
        outline: &Outline<'_>,
    ) -> Result<Option<String>, SendError> {
        let already = self.partly.lock().get(id).cloned().unwrap_or_default();
        letter.to.retain(|address| !already.contains(&address.to_string()));
        if letter.to.is_empty() {
            return Ok(None);
        }
        let HandedOver { refused, shortened } = self.converse(&letter, outline).await.or_else(|error| match error {
            // The others have it, so this is no failure of the notification.
            SendError::Refused { error, .. } if !already.is_empty() => {
                tracing::warn!(error, "A recipient of a mail was refused; the others have it");
                Ok(HandedOver { refused: Vec::new(), shortened: None })
            }
            error => Err(error),
        })?;
        let (put_off, for_good): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|(_, trouble)| matches!(trouble, Trouble::NotNow(_)));
        for (address, trouble) in for_good {
            tracing::warn!(%address, error = trouble.text(), "A recipient of a mail was refused; the others have it");
        }
        if put_off.is_empty() {
            self.partly.lock().remove(id);
            return Ok(shortened);
        }
        // Those refused for good are not asked again either.
        letter.to.retain(|address| !put_off.iter().any(|(later, _)| later == address));
        self.remember(id, &letter.to);
        let later: Vec<_> = put_off.iter().map(|(address, trouble)| format!("{address}: {}", trouble.text())).collect();
        let error = format!("send RCPT command: {} (the others have it)", later.join("; "));
        Err(SendError::PutOff { error, after: PAUSE, others_have_it: true })
    }

    /// That these are not to be sent the notification again.
    fn remember(&self, id: &str, addresses: &[Address]) {
        let mut partly = self.partly.lock();
        while partly.len() >= REMEMBERED && !partly.contains_key(id) {
            partly.pop_first();
        }
        partly.entry(id.to_owned()).or_default().extend(addresses.iter().map(ToString::to_string));
    }

    async fn converse(&self, letter: &Letter, outline: &Outline<'_>) -> Result<HandedOver, SendError> {
        let step = Step::new("reading the secrets");
        let mut redactor = Redactor::default();
        // Before the whole attempt is over: who has the mail is not to get it again.
        let until = tokio::time::Instant::now() + self.limit.mul_f64(0.9);
        let talk = async {
            let access = self.access(&mut redactor).await?;
            // Whoever may read what was sent is not to act in its recipient's name.
            exchange::request(|| mail_link::without_tokens(&letter.to_string()));
            conversation::deliver(&access, letter, outline, until, &step).await
        };
        let result = tokio::time::timeout(self.limit, talk).await;
        let result = result.map_or_else(
            |_| {
                let error = format!("no answer within {:?}: {}", self.limit, step.lock());
                Err(SendError::Retry { error, after: None, failure: FailureReason::Timeout })
            },
            |result| result.map_err(|error| redacted(error, &redactor)),
        );
        exchange::answer(|| match &result {
            Ok(handed) => redactor.redact(&handed.to_string()),
            Err(error) => error.to_string(),
        });
        result
    }

    async fn access(&self, redactor: &mut Redactor) -> Result<Access, SendError> {
        let config = &self.config;
        let (host, port) = &config.smarthost;
        let port = port_number(port).ok_or_else(|| SendError::refused(format!("smarthost: {port:?} is no port")))?;
        if config.hello.is_empty() || !config.hello.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SendError::refused(format!("hello: {:?} is no host name", config.hello)));
        }
        let implicit_tls = config.force_implicit_tls.unwrap_or(port == 465);
        let tls = if implicit_tls || config.require_tls { Some(self.encryption().await?) } else { None };
        let name = &config.tls.server_name;
        Ok(Access {
            host: host.clone(),
            port,
            hello: config.hello.clone(),
            implicit_tls,
            require_tls: config.require_tls,
            tls,
            server_name: if name.is_empty() { host.clone() } else { name.clone() },
            login: self.login(redactor).await?,
        })
    }

    async fn login(&self, redactor: &mut Redactor) -> Result<Option<Login>, SendError> {
        let config = &self.config;
        if config.auth_username.is_empty() {
            return Ok(None);
        }
        let (user, identity) = (config.auth_username.clone(), config.auth_identity.clone());
        let mut login = Login { user, identity, password: None, secret: None };
        let secrets: [(&mut Option<String>, &Option<SecretSource>); 2] =
            [(&mut login.password, &config.auth_password), (&mut login.secret, &config.auth_secret)];
        for (place, source) in secrets {
            if let Some(source) = source {
                let text = secret::read(source).await?;
                redactor.add(&text);
                *place = (!text.is_empty()).then_some(text);
            }
        }
        // A server may repeat what it was sent, as it was sent.
        login.password.iter().flat_map(|password| login.sent(password)).for_each(|text| redactor.add(&text));
        Ok(Some(login))
    }

    /// The TLS configuration, made anew when one of its files has changed.
    async fn encryption(&self) -> Result<Arc<ClientConfig>, SendError> {
        let material = tls::Material::read(&self.config.tls).await?;
        if let Some((known, config)) = &*self.encryption.lock()
            && *known == material
        {
            return Ok(Arc::clone(config));
        }
        let mut config = tls::client_config(&self.config.tls, &material, false)?;
        config.alpn_protocols.clear();
        let config = Arc::new(config);
        *self.encryption.lock() = Some((material, Arc::clone(&config)));
        Ok(config)
    }
}

impl Sender for Email {
    fn send<'a>(&'a self, delivery: &'a Delivery, context: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(self.attempt(delivery, context))
    }
}

/// Notes that a header is too long, if it is.
fn note_cut(name: &str, value: &str, notice: &mut Notice<'_>) {
    if let Some(longest) = header::too_long(name, value) {
        notice.cut(format!("the header {name}, to {longest} characters"));
    }
}

/// A port, also by the names that mail servers have.
fn port_number(port: &str) -> Option<u16> {
    match port {
        "smtp" => Some(25),
        "smtps" | "submissions" => Some(465),
        "submission" => Some(587),
        port => port.parse().ok(),
    }
}

/// A server may repeat what it was sent.
fn redacted(error: SendError, redactor: &Redactor) -> SendError {
    match error {
        SendError::Retry { error, after, failure } => {
            SendError::Retry { error: redactor.redact(&error), after, failure }
        }
        SendError::Refused { error, failure } => SendError::Refused { error: redactor.redact(&error), failure },
        SendError::PutOff { error, after, others_have_it } => {
            SendError::PutOff { error: redactor.redact(&error), after, others_have_it }
        }
        SendError::NotConfigured { .. } => error,
    }
}
