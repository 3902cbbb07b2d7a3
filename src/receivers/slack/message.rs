//! The message, with Alertmanager's keys in Alertmanager's order.

use serde_json::{Map, Value};

use super::escape;
use super::fit::{Room, shorten_escaped};
use crate::config::settings::{SlackConfig, SlackField};
use crate::core::notification::Data;
use crate::json::write_string;
use crate::receivers::notice::{Notice, subject};
use crate::receivers::object::Object;

/// The longest title, of an attachment, a field or a button, in characters.
const MAX_TITLE: usize = 1024;
/// The longest text of a message that Slack takes, in characters.
const MAX_TEXT: usize = 40_000;
/// The longest text of an attachment that Slack shows, in characters; its other long texts have the same.
const MAX_ATTACHMENT_TEXT: usize = 8_000;
/// The longest footer that Slack takes, in characters.
const MAX_FOOTER: usize = 300;
/// Room for a note in the text of an attachment, in characters.
const ROOM_FOR_NOTE: usize = 1_000;
/// How many alerts a built-in text names.
const NAMED: usize = 20;
/// What is Markdown where the configuration does not say.
const MRKDWN_IN: [&str; 3] = ["fallback", "pretext", "text"];

/// A message but for where it goes.
pub(super) struct Message {
    username: String,
    icon_emoji: String,
    icon_url: String,
    link_names: bool,
    text: String,
    attachment: String,
    /// Who has taken the group on.
    pub(super) acknowledged: Option<String>,
}

impl SlackConfig {
    /// A template by its key; all are present.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }
}

/// Fills in all templates.
pub(super) fn write(config: &SlackConfig, notice: &mut Notice<'_>) -> Message {
    // First, so that the note in the attachment tells of it.
    let text = notice.text("message_text", config.text("message_text"), |_| String::new());
    let text = Room::new(MAX_TEXT).text(notice, "text of the message", text, MAX_TEXT);
    let mut room = Room::new(MAX_TEXT);
    let [username, icon_emoji, icon_url] =
        ["username", "icon_emoji", "icon_url"].map(|name| room.plain(notice, name, config.text(name)));
    let attachment = attachment(config, notice, room);
    Message { username, icon_emoji, icon_url, link_names: config.link_names, text, attachment, acknowledged: None }
}

impl Message {
    /// Keeps nothing but who has taken the group on.
    pub(super) fn leave_out_alerts(&mut self) {
        self.text.clear();
        self.attachment.clear();
    }

    /// The body for a channel, with what it has to do with an earlier message: `ts` changes the message of that time,
    /// `thread_ts` replies to it.
    pub(super) fn body(&self, channel: &str, earlier: Option<(&str, &str)>) -> String {
        let mut object = Object::empty();
        object.text_if("channel", channel);
        if let Some((name, ts)) = earlier {
            object.text_if(name, ts);
        }
        object.text_if("username", &self.username);
        object.text_if("icon_emoji", &self.icon_emoji);
        object.text_if("icon_url", &self.icon_url);
        if self.link_names {
            object.raw("link_names", "true");
        }
        object.text_if("text", &self.text);
        let taken_on = self.acknowledged.as_deref().map(acknowledgement);
        let attachments = [Some(&self.attachment), taken_on.as_ref()].into_iter().flatten();
        let attachments: Vec<&str> = attachments.map(String::as_str).filter(|text| !text.is_empty()).collect();
        object.raw("attachments", &format!("[{}]", attachments.join(",")));
        object.end() + "\n"
    }
}

fn attachment(config: &SlackConfig, notice: &mut Notice<'_>, mut room: Room) -> String {
    let title = notice.text("title", config.text("title"), subject);
    let title = room.text(notice, "title", title, MAX_TITLE);
    let title_link = room.plain(notice, "title_link", config.text("title_link"));
    let pretext = notice.text("pretext", config.text("pretext"), |_| String::new());
    let pretext = room.text(notice, "pretext", pretext, MAX_ATTACHMENT_TEXT);
    let text = notice.text("text", config.text("text"), named_alerts);
    room.keep_free(MAX_ATTACHMENT_TEXT);
    let fallback = notice.text("fallback", config.text("fallback"), subject);
    let fallback = room.text(notice, "fallback", fallback, MAX_ATTACHMENT_TEXT);
    let callback_id = room.plain(notice, "callback_id", config.text("callback_id"));
    let fields: Vec<String> =
        config.fields.iter().map(|it| field(it, config.short_fields, notice, &mut room)).collect();
    let actions: Vec<String> = config.actions.iter().map(|it| action(it, notice, &mut room)).collect();
    let [image, thumb, color] =
        ["image_url", "thumb_url", "color"].map(|name| room.plain(notice, name, config.text(name)));
    let footer = notice.text("footer", config.text("footer"), |_| String::new());
    let footer = room.text(notice, "footer", footer, MAX_FOOTER);
    let text = with_note(text, notice);
    let mut object = Object::empty();
    object.text_if("title", &title);
    object.text_if("title_link", &title_link);
    object.text_if("pretext", &pretext);
    object.text("text", &text);
    object.text("fallback", &fallback);
    object.text("callback_id", &callback_id);
    object.list_if("fields", &fields);
    object.list_if("actions", &actions);
    object.text_if("image_url", &image);
    object.text_if("thumb_url", &thumb);
    object.text("footer", &footer);
    object.text_if("color", &color);
    let given = config.mrkdwn_in.iter().map(String::as_str);
    let markdown: Vec<&str> = if config.mrkdwn_in.is_empty() { MRKDWN_IN.to_vec() } else { given.collect() };
    let markdown: Vec<String> = markdown.into_iter().map(quoted).collect();
    object.list_if("mrkdwn_in", &markdown);
    object.end()
}

/// The text with the note at its end, if there is one; both together are as long as Slack shows.
fn with_note(text: String, notice: &mut Notice<'_>) -> String {
    let fits = text.chars().nth(MAX_ATTACHMENT_TEXT).is_none();
    if fits && notice.note().is_none() {
        return text;
    }
    let most = MAX_ATTACHMENT_TEXT - ROOM_FOR_NOTE;
    let text = Room::new(most).text(notice, "text", text, most);
    let Some(mut note) = notice.note().map(|note| escape(&note)) else { return text };
    shorten_escaped(&mut note, ROOM_FOR_NOTE - 1);
    let separator = if text.is_empty() { "" } else { "\n" };
    format!("{text}{separator}{note}")
}

/// A second attachment, so that the first one is Alertmanager's.
fn acknowledgement(sentence: &str) -> String {
    let mut object = Object::empty();
    object.text("text", &escape(sentence));
    object.text("fallback", &escape(sentence));
    object.text("color", "#439FE0");
    object.end()
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_string(&mut out, text, true);
    out
}

fn field(field: &SlackField, short: bool, notice: &mut Notice<'_>, room: &mut Room) -> String {
    let mut object = Object::empty();
    let title = notice.text("fields.title", &field.title, |_| String::new());
    object.text("title", &room.text(notice, "title of a field", title, MAX_TITLE));
    let value = notice.text("fields.value", &field.value, |_| String::new());
    object.text("value", &room.text(notice, "value of a field", value, MAX_ATTACHMENT_TEXT));
    object.raw("short", if field.short.unwrap_or(short) { "true" } else { "false" });
    object.end()
}

fn action(action: &Value, notice: &mut Notice<'_>, room: &mut Room) -> String {
    let nothing = Map::new();
    let action = action.as_object().unwrap_or(&nothing);
    let template = |name: &str| action.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut object = Object::empty();
    object.text_if("type", &room.plain(notice, "actions.type", template("type")));
    let text = notice.text("actions.text", template("text"), |_| String::new());
    object.text_if("text", &room.text(notice, "text of an action", text, MAX_TITLE));
    for name in ["url", "style", "name", "value"] {
        object.text_if(name, &room.plain(notice, "actions", template(name)));
    }
    if let Some(confirm) = action.get("confirm").and_then(Value::as_object) {
        let template = |name: &str| confirm.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut asked = Object::empty();
        for name in ["text", "title", "ok_text", "dismiss_text"] {
            let text = notice.text("actions.confirm", template(name), |_| String::new());
            asked.text_if(name, &room.text(notice, "text that asks back", text, MAX_TITLE));
        }
        object.raw("confirm", &asked.end());
    }
    object.end()
}

/// What stands in the place of a text that failed: a line for each of the first alerts.
fn named_alerts(data: &Data) -> String {
    let line = |alert: &crate::core::notification::AlertData| {
        let summary = alert.annotations.get("summary").or_else(|| alert.labels.get("alertname"));
        format!("{}: {} {}", alert.status, summary.unwrap_or("alert"), alert.labels.value("instance"))
            .trim_end()
            .to_owned()
    };
    let mut lines: Vec<String> = data.alerts.iter().take(NAMED).map(line).collect();
    if data.alerts.len() > NAMED {
        lines.push(format!("and {} more", data.alerts.len() - NAMED));
    }
    lines.join("\n")
}
