//! The tables of the kinds that Andon can send to: webhook, PagerDuty, Slack and mail.

use super::rules;
use crate::config::http::{HTTP_CONFIG, MAIL_TLS_CONFIG};
use crate::config::schema::{
    Field, Kind, Preset, Schema, flag, no_rules, path, secret, secret_url, text, text_or, timeout, url,
};

/// `send_resolved` of the kinds that report what is over unless told not to.
pub(super) const SEND_RESOLVED: Field = Field::new("send_resolved", Kind::Bool).or(Preset::True).always();
/// `send_resolved` of the kinds that report what is over only where told so.
pub(super) const SEND_RESOLVED_NOT: Field = Field::new("send_resolved", Kind::Bool).always();
/// `http_config`, which `global` gives where the key is absent.
pub(super) const HTTP: Field = Field::new("http_config", Kind::OptionalSection(&HTTP_CONFIG));

/// `webhook_configs[]`
pub(super) static WEBHOOK: Schema = Schema {
    go_type: "webhook.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        Field::new("url", Kind::SecretTemplateUrl),
        path("url_file").always(),
        Field::new("max_alerts", Kind::Unsigned).always(),
        timeout(),
        Field::new("payload", Kind::Free),
        secret("signing_secret").own(),
        path("signing_secret_file").own(),
    ],
    settle: rules::webhook,
};

/// `pagerduty_configs[]`
pub(super) static PAGERDUTY: Schema = Schema {
    go_type: "pagerduty.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret("service_key"),
        path("service_key_file"),
        secret("routing_key"),
        path("routing_key_file"),
        url("url"),
        text_or("client", r#"{{ template "pagerduty.default.client" . }}"#),
        text_or("client_url", r#"{{ template "pagerduty.default.clientURL" . }}"#),
        text_or("description", r#"{{ template "pagerduty.default.description" .}}"#),
        Field::new("details", Kind::FreeMap),
        Field::new("images", Kind::Sections(&PAGERDUTY_IMAGE)),
        Field::new("links", Kind::Sections(&PAGERDUTY_LINK)),
        text("source"),
        text("severity"),
        text("class"),
        text("component"),
        text("group"),
        timeout(),
    ],
    settle: rules::pagerduty,
};

static PAGERDUTY_IMAGE: Schema =
    Schema { go_type: "pagerduty.PagerdutyImage", fields: &[text("src"), text("alt"), text("href")], settle: no_rules };

static PAGERDUTY_LINK: Schema =
    Schema { go_type: "pagerduty.PagerdutyLink", fields: &[text("href"), text("text")], settle: no_rules };

/// The details that every PagerDuty event has unless the configuration says otherwise; sorted.
pub(super) const PAGERDUTY_DETAILS: [(&str, &str); 4] = [
    ("firing", "{{ .Alerts.Firing | toJson }}"),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
    ("resolved", "{{ .Alerts.Resolved | toJson }}"),
];

/// `slack_configs[]`
pub(super) static SLACK: Schema = Schema {
    go_type: "slack.plain",
    fields: &[
        SEND_RESOLVED_NOT,
        HTTP,
        secret_url("api_url"),
        path("api_url_file"),
        secret("app_token"),
        path("app_token_file"),
        url("app_url"),
        text("channel"),
        text_or("username", r#"{{ template "slack.default.username" . }}"#),
        text_or("color", r#"{{ template "slack.default.color" . }}"#),
        text_or("title", r#"{{ template "slack.default.title" . }}"#),
        text_or("title_link", r#"{{ template "slack.default.titlelink" . }}"#),
        text_or("pretext", r#"{{ template "slack.default.pretext" . }}"#),
        text_or("text", r#"{{ template "slack.default.text" . }}"#),
        text("message_text"),
        Field::new("fields", Kind::Sections(&SLACK_FIELD)),
        flag("short_fields").always(),
        text_or("footer", r#"{{ template "slack.default.footer" . }}"#),
        text_or("fallback", r#"{{ template "slack.default.fallback" . }}"#),
        text_or("callback_id", r#"{{ template "slack.default.callbackid" . }}"#),
        text_or("icon_emoji", r#"{{ template "slack.default.iconemoji" . }}"#),
        text_or("icon_url", r#"{{ template "slack.default.iconurl" . }}"#),
        text("image_url"),
        text("thumb_url"),
        flag("link_names").always(),
        Field::new("mrkdwn_in", Kind::Texts),
        Field::new("actions", Kind::Sections(&SLACK_ACTION)),
        flag("update_message").always(),
        timeout(),
        flag("reply_in_thread").own(),
    ],
    settle: rules::slack,
};

/// The templates of a Slack message, by their keys.
pub(super) const SLACK_TEXTS: [&str; 15] = [
    "channel",
    "username",
    "color",
    "title",
    "title_link",
    "pretext",
    "text",
    "message_text",
    "fallback",
    "callback_id",
    "footer",
    "icon_emoji",
    "icon_url",
    "image_url",
    "thumb_url",
];

static SLACK_FIELD: Schema = Schema {
    go_type: "slack.plain",
    fields: &[text("title"), text("value"), Field::new("short", Kind::OptionalBool)],
    settle: rules::slack_field,
};

static SLACK_ACTION: Schema = Schema {
    go_type: "slack.plain",
    fields: &[
        text("type"),
        text("text"),
        text("url"),
        text("style"),
        text("name"),
        text("value"),
        Field::new("confirm", Kind::OptionalSection(&SLACK_CONFIRM)),
    ],
    settle: rules::slack_action,
};

static SLACK_CONFIRM: Schema = Schema {
    go_type: "slack.plain",
    fields: &[text("text"), text("title"), text("ok_text"), text("dismiss_text")],
    settle: rules::slack_confirm,
};

/// `email_configs[]`
pub(super) static EMAIL: Schema = Schema {
    go_type: "email.plain",
    fields: &[
        SEND_RESOLVED_NOT,
        text("to"),
        text("from"),
        text("hello"),
        Field::new("smarthost", Kind::HostPort),
        text("auth_username"),
        secret("auth_password"),
        path("auth_password_file"),
        secret("auth_secret"),
        path("auth_secret_file"),
        text("auth_identity"),
        Field::new("headers", Kind::TextMap),
        text_or("html", r#"{{ template "email.default.html" . }}"#),
        text("text"),
        Field::new("require_tls", Kind::OptionalBool),
        Field::new("tls_config", Kind::OptionalSection(&MAIL_TLS_CONFIG)),
        Field::new("force_implicit_tls", Kind::OptionalBool),
        Field::new("threading", Kind::Section(&EMAIL_THREADING)),
    ],
    settle: rules::email,
};

static EMAIL_THREADING: Schema =
    Schema { go_type: "email.ThreadingConfig", fields: &[flag("enabled"), text("thread_by_date")], settle: no_rules };

/// The subject of a mail where no header says otherwise.
pub(super) const EMAIL_SUBJECT: &str = r#"{{ template "email.default.subject" . }}"#;
