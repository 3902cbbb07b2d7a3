//! Slack: incoming webhooks and `chat.postMessage`; where the configuration wants it, later notifications of an episode
//! change its first message (`chat.update`) or are replies to it (`thread_ts`).
//!
//! Messages are Alertmanager's, with one difference on purpose: in texts for people, what labels and annotations say is
//! escaped as Slack demands, so that a label can neither mention a channel nor draw a link. What is longer than Slack takes
//! is cut, and the text says so. Slack's answer counts, not its status alone: 200 with `ok: false` is a refusal.

mod fit;
mod message;
mod reply;
#[cfg(test)]
pub(crate) mod tests;

use futures_util::future::BoxFuture;

use self::reply::{Posted, judge};
use super::answer::SendError;
use super::http::{HttpClient, Post};
use super::notice::{Notice, Sent};
use super::{Context, Sender, secret};
use crate::config::settings::SlackConfig;
use crate::core::outbox::{Delivery, Reason, ReceiverData};
use crate::time::Timestamp;

/// The method of Slack's API that posts, and the one that changes what was posted.
const POST: &str = "chat.postMessage";
const UPDATE: &str = "chat.update";
/// What is kept of a message that may be changed later, under Alertmanager's names.
const TS: &str = "threadTs";
const CHANNEL: &str = "channelId";

/// One `slack_configs` entry, ready to send.
pub struct Slack {
    config: SlackConfig,
    client: HttpClient,
}

/// A message that was posted before.
struct Earlier<'a> {
    ts: &'a str,
    channel: &'a str,
}

impl Slack {
    /// Opens nothing until the first notification.
    pub fn new(config: &SlackConfig) -> Self {
        Self { config: config.clone(), client: HttpClient::new(&config.http) }
    }

    async fn attempt(&self, delivery: &Delivery, context: &Context) -> Result<Sent, SendError> {
        let (mut notice, _) = Notice::new(delivery, context, 0);
        notice.escape(escape);
        let url = secret::read(&self.config.api_url).await?;
        let channel = notice.plain("channel", self.config.text("channel"));
        let mut attachments = message::write(&self.config, &mut notice);
        attachments.acknowledged = notice.acknowledgement(delivery);
        let changes_a_message = self.config.update_message && self.earlier(delivery).is_some();
        if delivery.reason == Reason::Acknowledged && !changes_a_message {
            // There is no message to change: a short one says it, and repeats nothing.
            attachments.leave_out_alerts();
        }
        let now = context.clock.now();
        let Some(earlier) = self.earlier(delivery) else {
            let posted = self.post(&url, &attachments.body(&channel, None), &channel, now).await?;
            return Ok(notice.sent(self.keep(posted)));
        };
        let (method, name) =
            if self.config.update_message { (url.replace(POST, UPDATE), "ts") } else { (url.clone(), "thread_ts") };
        let body = attachments.body(earlier.channel, Some((name, earlier.ts)));
        match self.post(&method, &body, earlier.channel, now).await {
            // The message was deleted, or may not be changed any more: what is to be told is told anew.
            Err(error) if reply::is_gone(&error) => {
                let posted = self.post(&url, &attachments.body(&channel, None), &channel, now).await?;
                Ok(notice.sent(self.keep(posted)))
            }
            // Replies stand under the first message, not under each other.
            Ok(_) if self.config.reply_in_thread => Ok(notice.sent(ReceiverData::new())),
            result => Ok(notice.sent(self.keep(result?))),
        }
    }

    async fn post(&self, url: &str, body: &str, channel: &str, now: Timestamp) -> Result<Posted, SendError> {
        let post = Post { url, headers: &[], body: body.to_owned().into(), secrets: &[] };
        let answered = match self.client.post(post).await {
            Ok(answer) => judge(answer, now),
            Err(error) => Err(error),
        };
        answered.map_err(|error| reply::in_channel(error, channel))
    }

    /// Whether later notifications have to do with the first message of the episode.
    fn goes_on(&self) -> bool {
        self.config.update_message || self.config.reply_in_thread
    }

    /// The message of the episode, where it matters.
    fn earlier<'a>(&self, delivery: &'a Delivery) -> Option<Earlier<'a>> {
        if !self.goes_on() || delivery.reason == Reason::First {
            return None;
        }
        Some(Earlier { ts: delivery.receiver_data.get(TS)?, channel: delivery.receiver_data.get(CHANNEL)? })
    }

    fn keep(&self, posted: Posted) -> ReceiverData {
        let Posted { ts: Some(ts), channel: Some(channel) } = posted else { return ReceiverData::new() };
        if !self.goes_on() {
            return ReceiverData::new();
        }
        [(TS.into(), ts.into()), (CHANNEL.into(), channel.into())].into()
    }
}

impl Sender for Slack {
    fn send<'a>(&'a self, delivery: &'a Delivery, context: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(self.attempt(delivery, context))
    }
}

/// The three characters that Slack gives a meaning, as it wants them written.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
