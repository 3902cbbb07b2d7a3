//! The tables of the kinds that Andon parses and checks but cannot send to: those that post to a chat.

use super::rules;
use super::tables::{HTTP, SEND_RESOLVED, SEND_RESOLVED_NOT};
use crate::config::schema::{Field, Kind, Schema, flag, no_rules, path, secret, secret_url, text, text_or, url};

/// `discord_configs[]`
pub(super) static DISCORD: Schema = Schema {
    go_type: "discord.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret_url("webhook_url"),
        path("webhook_url_file"),
        text("content"),
        text_or("title", r#"{{ template "discord.default.title" . }}"#),
        text_or("message", r#"{{ template "discord.default.message" . }}"#),
        text("username"),
        text("avatar_url"),
    ],
    settle: rules::webhook_url,
};

/// `webex_configs[]`
pub(super) static WEBEX: Schema = Schema {
    go_type: "webex.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        url("api_url"),
        text_or("message", r#"{{ template "webex.default.message" . }}"#),
        text("room_id").always(),
    ],
    settle: rules::webex,
};

/// `msteams_configs[]`
pub(super) static MSTEAMS: Schema = Schema {
    go_type: "msteams.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret_url("webhook_url"),
        path("webhook_url_file"),
        text_or("title", r#"{{ template "msteams.default.title" . }}"#),
        text_or("summary", r#"{{ template "msteams.default.summary" . }}"#),
        text_or("text", r#"{{ template "msteams.default.text" . }}"#),
    ],
    settle: rules::webhook_url,
};

/// `msteamsv2_configs[]`
pub(super) static MSTEAMSV2: Schema = Schema {
    go_type: "msteamsv2.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret_url("webhook_url"),
        path("webhook_url_file"),
        text_or("title", r#"{{ template "msteamsv2.default.title" . }}"#),
        text_or("text", r#"{{ template "msteamsv2.default.text" . }}"#),
    ],
    settle: rules::webhook_url,
};

/// `telegram_configs[]`
pub(super) static TELEGRAM: Schema = Schema {
    go_type: "telegram.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        url("api_url").always(),
        secret("bot_token"),
        path("bot_token_file"),
        Field::new("chat_id", Kind::Integer),
        path("chat_id_file"),
        Field::new("message_thread_id", Kind::Integer),
        text_or("message", r#"{{ template "telegram.default.message" . }}"#),
        flag("disable_notifications"),
        text_or("parse_mode", "HTML"),
    ],
    settle: rules::telegram,
};

/// `wechat_configs[]`
pub(super) static WECHAT: Schema = Schema {
    go_type: "wechat.plain",
    fields: &[
        SEND_RESOLVED_NOT,
        HTTP,
        secret("api_secret"),
        path("api_secret_file"),
        text("corp_id"),
        text_or("message", r#"{{ template "wechat.default.message" . }}"#),
        url("api_url"),
        text_or("to_user", r#"{{ template "wechat.default.to_user" . }}"#),
        text_or("to_party", r#"{{ template "wechat.default.to_party" . }}"#),
        text_or("to_tag", r#"{{ template "wechat.default.to_tag" . }}"#),
        text_or("agent_id", r#"{{ template "wechat.default.agent_id" . }}"#),
        text("message_type"),
    ],
    settle: rules::wechat,
};

/// `rocketchat_configs[]`
pub(super) static ROCKETCHAT: Schema = Schema {
    go_type: "rocketchat.plain",
    fields: &[
        SEND_RESOLVED_NOT,
        HTTP,
        url("api_url"),
        Field::new("token_id", Kind::OptionalSecret),
        path("token_id_file"),
        Field::new("token", Kind::OptionalSecret),
        path("token_file"),
        text("channel"),
        text_or("color", r#"{{ if eq .Status "firing" }}red{{ else }}green{{ end }}"#),
        text_or("title", r#"{{ template "rocketchat.default.title" . }}"#),
        text_or("title_link", r#"{{ template "rocketchat.default.titlelink" . }}"#),
        text_or("text", r#"{{ template "rocketchat.default.text" . }}"#),
        Field::new("fields", Kind::Sections(&ROCKETCHAT_FIELD)),
        flag("short_fields").always(),
        text_or("emoji", r#"{{ template "rocketchat.default.emoji" . }}"#),
        text_or("icon_url", r#"{{ template "rocketchat.default.iconurl" . }}"#),
        text("image_url"),
        text("thumb_url"),
        flag("link_names").always(),
        Field::new("actions", Kind::Sections(&ROCKETCHAT_ACTION)),
    ],
    settle: rules::rocketchat,
};

static ROCKETCHAT_FIELD: Schema = Schema {
    go_type: "rocketchat.RocketchatAttachmentField",
    fields: &[Field::new("short", Kind::OptionalBool).always(), text("title").always(), text("value").always()],
    settle: no_rules,
};

// Alertmanager gives these no names of their own, so they are the Go names in lower case.
static ROCKETCHAT_ACTION: Schema = Schema {
    go_type: "rocketchat.RocketchatAttachmentAction",
    fields: &[
        text("type").always(),
        text("text").always(),
        text("url").always(),
        text("imageurl").always(),
        flag("iswebview").always(),
        text("webviewheightratio").always(),
        text("msg").always(),
        flag("msginchatwindow").always(),
        text("msgprocessingtype").always(),
    ],
    settle: no_rules,
};

/// `mattermost_configs[]`
pub(super) static MATTERMOST: Schema = Schema {
    go_type: "mattermost.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret_url("webhook_url"),
        path("webhook_url_file"),
        text("channel"),
        text_or("username", r#"{{ template "mattermost.default.username" . }}"#),
        text_or("text", r#"{{ template "mattermost.default.text" . }}"#),
        text_or("fallback", r#"{{ template "mattermost.default.fallback" . }}"#),
        text_or("color", r#"{{ template "mattermost.default.color" . }}"#),
        text("pretext"),
        text("author_name"),
        text("author_link"),
        text("author_icon"),
        text_or("title", r#"{{ template "mattermost.default.title" . }}"#),
        text_or("title_link", r#"{{ template "mattermost.default.titlelink" . }}"#),
        Field::new("fields", Kind::Sections(&MATTERMOST_FIELD)),
        text("thumb_url"),
        text("footer"),
        text("footer_icon"),
        text("image_url"),
        text("icon_url"),
        text("icon_emoji"),
        Field::new("attachments", Kind::Sections(&MATTERMOST_ATTACHMENT)),
        text("type"),
        Field::new("props", Kind::OptionalSection(&MATTERMOST_PROPS)),
        Field::new("priority", Kind::OptionalSection(&MATTERMOST_PRIORITY)),
    ],
    settle: rules::mattermost,
};

static MATTERMOST_FIELD: Schema = Schema {
    go_type: "mattermost.plain",
    fields: &[text("title"), text("value"), Field::new("short", Kind::OptionalBool)],
    settle: rules::mattermost_field,
};

static MATTERMOST_ATTACHMENT: Schema = Schema {
    go_type: "mattermost.MattermostAttachment",
    fields: &[
        text("fallback"),
        text("color"),
        text("pretext"),
        text("text"),
        text("author_name"),
        text("author_link"),
        text("author_icon"),
        text("title"),
        text("title_link"),
        Field::new("fields", Kind::Sections(&MATTERMOST_FIELD)),
        text("thumb_url"),
        text("footer"),
        text("footer_icon"),
        text("image_url"),
    ],
    settle: no_rules,
};

static MATTERMOST_PROPS: Schema =
    Schema { go_type: "mattermost.MattermostProps", fields: &[text("card")], settle: no_rules };

static MATTERMOST_PRIORITY: Schema = Schema {
    go_type: "mattermost.MattermostPriority",
    fields: &[text("priority"), flag("requested_ack"), flag("persistent_notifications")],
    settle: no_rules,
};
