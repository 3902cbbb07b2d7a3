//! `global`: what receivers inherit.
//!
//! The section is read and printed by its table, like the receivers' own; [`check`] holds the rules between its fields,
//! at which Alertmanager looks when the whole file has been read.

use std::path::PathBuf;
use std::time::Duration;

use super::error::{Errors, FieldPath};
use super::http::{HTTP_CONFIG, MAIL_TLS_CONFIG};
use super::node::Node;
use super::schema::{Field, Kind, Preset, Schema, flag, no_rules, path, secret, secret_url, text, text_or, url};
use super::section::Section;

/// What readers of sections need to know besides their section.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The folder of the configuration file: files in `http_config` and templates are relative to it.
    pub base_dir: PathBuf,
    /// See [`super::Options::forgiving`].
    pub forgiving: bool,
}

/// `global`
pub static GLOBAL: Schema = Schema {
    go_type: "config.plain",
    fields: &[
        Field::new("resolve_timeout", Kind::Duration).or(Preset::Seconds(300)).always(),
        Field::new("http_config", Kind::OptionalSection(&HTTP_CONFIG)).or(Preset::Present),
        url("jira_api_url"),
        text("smtp_from"),
        text_or("smtp_hello", "localhost"),
        Field::new("smtp_smarthost", Kind::HostPort),
        text("smtp_auth_username"),
        secret("smtp_auth_password"),
        path("smtp_auth_password_file"),
        secret("smtp_auth_secret"),
        path("smtp_auth_secret_file"),
        text("smtp_auth_identity"),
        flag("smtp_require_tls").or(Preset::True).always(),
        Field::new("smtp_tls_config", Kind::OptionalSection(&MAIL_TLS_CONFIG)).or(Preset::Present),
        Field::new("smtp_force_implicit_tls", Kind::OptionalBool),
        secret_url("slack_api_url"),
        path("slack_api_url_file"),
        secret("slack_app_token"),
        path("slack_app_token_file"),
        url("slack_app_url").or(Preset::Text("https://slack.com/api/chat.postMessage")),
        url("pagerduty_url").or(Preset::Text("https://events.pagerduty.com/v2/enqueue")),
        url("opsgenie_api_url").or(Preset::Text("https://api.opsgenie.com/")),
        secret("opsgenie_api_key"),
        path("opsgenie_api_key_file"),
        url("wechat_api_url").or(Preset::Text("https://qyapi.weixin.qq.com/cgi-bin/")),
        secret("wechat_api_secret"),
        path("wechat_api_secret_file"),
        text("wechat_api_corp_id"),
        url("victorops_api_url").or(Preset::Text("https://alert.victorops.com/integrations/generic/20131114/alert/")),
        secret("victorops_api_key"),
        path("victorops_api_key_file"),
        url("telegram_api_url").or(Preset::Text("https://api.telegram.org")),
        secret("telegram_bot_token"),
        path("telegram_bot_token_file"),
        url("webex_api_url").or(Preset::Text("https://webexapis.com/v1/messages")),
        url("rocketchat_api_url").or(Preset::Text("https://open.rocket.chat/")),
        Field::new("rocketchat_token", Kind::OptionalSecret),
        path("rocketchat_token_file"),
        Field::new("rocketchat_token_id", Kind::OptionalSecret),
        path("rocketchat_token_id_file"),
        secret_url("mattermost_webhook_url"),
        path("mattermost_webhook_url_file"),
    ],
    settle: no_rules,
};

/// Reads the section; without a node, or with an empty one, everything is as Alertmanager presets it.
pub fn read(node: Option<&Node>, path: &FieldPath, context: &Context, errors: &Errors) -> Section {
    match node {
        Some(node) if !node.is_null() => Section::read(&GLOBAL, node, path.clone(), context, errors),
        _ => Section::empty(&GLOBAL),
    }
}

/// After how long an alert without an end is taken for over.
pub fn resolve_timeout(global: &Section) -> Duration {
    global.duration("resolve_timeout")
}

/// Looks at the rules between the fields; to be called when the whole file has been read, before receivers are completed.
pub fn check(global: &Section, node: Option<&Node>, path: &FieldPath, errors: &Errors) {
    let either = |name: &str| global.has(name) || global.has(&format!("{name}_file"));
    let both = |name: &str| {
        if global.has(name) && global.has(&format!("{name}_file")) {
            errors.whole(node, path, format!("at most one of {name} & {name}_file must be configured"));
        }
    };
    both("slack_app_token");
    both("slack_api_url");
    // Who used the app's URL as the webhook's, with a token in each http_config, may add a token here.
    let same = global.text("slack_api_url") == global.text("slack_app_url");
    if either("slack_app_token") && either("slack_api_url") && !same {
        let sentence = "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be \
                        configured";
        errors.whole(node, path, sentence);
    }
    [
        "opsgenie_api_key",
        "victorops_api_key",
        "telegram_bot_token",
        "smtp_auth_password",
        "rocketchat_token",
        "rocketchat_token_id",
        "smtp_auth_secret",
        "wechat_api_secret",
        "mattermost_webhook_url",
    ]
    .into_iter()
    .for_each(both);
}
