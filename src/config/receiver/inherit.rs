//! What an integration takes over from `global`, and what is refused where neither says it.
//!
//! The sentences and their order are Alertmanager's. Each function completes one integration.

use std::path::Path;

use super::tables::EMAIL_SUBJECT;
use crate::config::http::set_bearer;
use crate::config::section::{Datum, Section, clean};
use crate::config::value;

/// Completes an integration from `global`, and says what is missing.
pub(super) type Inherit = fn(&mut Section, &Section) -> Result<(), String>;

fn refuse_unless(holds: bool, sentence: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(sentence.to_owned()) }
}

fn has_either(section: &Section, name: &str) -> bool {
    section.has(name) || section.has(&format!("{name}_file"))
}

/// The `http_config` as a whole: a local one is not completed field by field.
pub(super) fn http(section: &mut Section, global: &Section) -> Result<(), String> {
    section.inherit("http_config", global, "http_config");
    Ok(())
}

/// An API's URL; ends with a slash where the paths of the API are appended to it.
fn api_url(section: &mut Section, global: &Section, their_name: &str) {
    section.inherit("api_url", global, their_name);
}

fn slash(section: &mut Section) {
    let url = value::with_slash(section.text("api_url"));
    section.set("api_url", Datum::Text(url));
}

pub(super) fn email(section: &mut Section, global: &Section) -> Result<(), String> {
    section.inherit("tls_config", global, "smtp_tls_config");
    section.inherit("smarthost", global, "smtp_smarthost");
    // One that could not be read is named already, here and below.
    let smarthost = section.has("smarthost") || global.is_broken("smtp_smarthost");
    refuse_unless(smarthost, "no global SMTP smarthost set")?;
    section.inherit("from", global, "smtp_from");
    refuse_unless(section.has("from"), "no global SMTP from set")?;
    section.inherit("hello", global, "smtp_hello");
    section.inherit("auth_username", global, "smtp_auth_username");
    for name in ["auth_password", "auth_secret"] {
        if !has_either(section, name) {
            section.inherit(name, global, &format!("smtp_{name}"));
            section.inherit(&format!("{name}_file"), global, &format!("smtp_{name}_file"));
        }
    }
    section.inherit("auth_identity", global, "smtp_auth_identity");
    section.inherit("require_tls", global, "smtp_require_tls");
    section.inherit("force_implicit_tls", global, "smtp_force_implicit_tls");
    Ok(())
}

/// Adds the headers that every mail has; Alertmanager does so when it builds a receiver that a route reaches.
pub(super) fn mail_headers(section: &mut Section) {
    let mut headers = section.map("headers").to_vec();
    for (name, template) in [("Subject", EMAIL_SUBJECT), ("To", section.text("to")), ("From", section.text("from"))] {
        if !headers.iter().any(|(known, _)| known == name) {
            headers.push((name.to_owned(), Datum::Text(template.to_owned())));
        }
    }
    section.set("headers", Datum::Map(headers));
}

pub(super) fn pagerduty(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    section.inherit("url", global, "pagerduty_url");
    refuse_unless(section.has("url"), "no global PagerDuty URL set")
}

pub(super) fn slack(section: &mut Section, global: &Section) -> Result<(), String> {
    section.inherit("app_url", global, "slack_app_url");
    refuse_unless(section.has("app_url"), "no global Slack App URL set")?;
    let authorized = section.section("http_config").is_some_and(|http| http.has("authorization"));
    if !has_either(section, "app_token") && !authorized && !section.has("api_url") {
        section.inherit("app_token", global, "slack_app_token");
        section.inherit("app_token_file", global, "slack_app_token_file");
    }
    if !has_either(section, "api_url") {
        section.inherit("api_url", global, "slack_api_url");
        section.inherit("api_url_file", global, "slack_api_url_file");
    }
    refuse_unless(
        has_either(section, "api_url") || has_either(section, "app_token") || global.is_broken("slack_api_url"),
        "no Slack API URL nor App token set either inline or in a file",
    )?;
    http(section, global)?;
    if !has_either(section, "app_token") {
        return Ok(());
    }
    let (token, file) = (section.text("app_token").to_owned(), section.text("app_token_file").to_owned());
    let url = section.text("app_url").to_owned();
    if let Some(http) = section.section_mut("http_config") {
        // What the status page shows has both, and has to load again.
        let shown = http.section("authorization").is_some_and(|shown| shown.text("credentials") == value::SECRET);
        let refused = "http authorization can't be set when using Slack App tokens";
        refuse_unless(!http.has("authorization") || (shown && token == value::SECRET), refused)?;
        set_bearer(http, &token, &file);
    }
    section.set("api_url", Datum::Secret(crate::config::secret::Secret::new(url)));
    Ok(())
}

/// The file of a Slack app token has become one of `http_config`, and those are beside the configuration file.
pub(super) fn put_beside(section: &mut Section, base_dir: &Path) {
    if !has_either(section, "app_token") {
        return;
    }
    let authorization = section.section_mut("http_config").and_then(|http| http.section_mut("authorization"));
    if let Some(authorization) = authorization
        && let file = authorization.text("credentials_file")
        && !file.is_empty()
    {
        let file = clean(&base_dir.join(file));
        authorization.set("credentials_file", Datum::Text(file));
    }
}

pub(super) fn opsgenie(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    api_url(section, global, "opsgenie_api_url");
    refuse_unless(section.has("api_url"), "no global OpsGenie URL set")?;
    slash(section);
    section.inherit("api_key", global, "opsgenie_api_key");
    section.inherit("api_key_file", global, "opsgenie_api_key_file");
    refuse_unless(has_either(section, "api_key"), "no global OpsGenie API Key set either inline or in a file")
}

pub(super) fn wechat(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    api_url(section, global, "wechat_api_url");
    refuse_unless(section.has("api_url"), "no global Wechat URL set")?;
    if !has_either(section, "api_secret") {
        section.inherit("api_secret", global, "wechat_api_secret");
        section.inherit("api_secret_file", global, "wechat_api_secret_file");
    }
    let secret = has_either(section, "api_secret");
    refuse_unless(secret, "no global Wechat Api Secret set either inline or in a file")?;
    section.inherit("corp_id", global, "wechat_api_corp_id");
    refuse_unless(section.has("corp_id"), "no global Wechat CorpID set")?;
    slash(section);
    Ok(())
}

pub(super) fn victorops(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    api_url(section, global, "victorops_api_url");
    refuse_unless(section.has("api_url"), "no global VictorOps URL set")?;
    slash(section);
    section.inherit("api_key", global, "victorops_api_key");
    section.inherit("api_key_file", global, "victorops_api_key_file");
    refuse_unless(has_either(section, "api_key"), "no global VictorOps API Key set")
}

pub(super) fn telegram(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    api_url(section, global, "telegram_api_url");
    if !has_either(section, "bot_token") {
        section.inherit("bot_token", global, "telegram_bot_token");
        section.inherit("bot_token_file", global, "telegram_bot_token_file");
    }
    refuse_unless(has_either(section, "bot_token"), "missing bot_token or bot_token_file on telegram_config")
}

pub(super) fn webex(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    api_url(section, global, "webex_api_url");
    refuse_unless(section.has("api_url"), "no global Webex URL set")
}

/// The one kind whose own `http_config` takes something over from the global one: its proxy.
pub(super) fn msteamsv2(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    if let (Some(own), Some(global)) = (section.section_mut("http_config"), global.section("http_config")) {
        own.inherit("proxy_url", global, "proxy_url");
    }
    Ok(())
}

pub(super) fn jira(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    api_url(section, global, "jira_api_url");
    let api_url = section.has("api_url") || global.is_broken("jira_api_url");
    refuse_unless(api_url, "no global Jira Cloud URL set")
}

pub(super) fn rocketchat(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    api_url(section, global, "rocketchat_api_url");
    for (name, sentence) in [
        ("token_id", "no global Rocketchat TokenID set either inline or in a file"),
        ("token", "no global Rocketchat Token set either inline or in a file"),
    ] {
        section.inherit(name, global, &format!("rocketchat_{name}"));
        section.inherit(&format!("{name}_file"), global, &format!("rocketchat_{name}_file"));
        refuse_unless(has_either(section, name), sentence)?;
    }
    Ok(())
}

pub(super) fn mattermost(section: &mut Section, global: &Section) -> Result<(), String> {
    http(section, global)?;
    if !has_either(section, "webhook_url") {
        section.inherit("webhook_url", global, "mattermost_webhook_url");
        section.inherit("webhook_url_file", global, "mattermost_webhook_url_file");
    }
    refuse_unless(has_either(section, "webhook_url"), "missing webhook_url or webhook_url_file on mattermost_config")
}
