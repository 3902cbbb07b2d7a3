//! The rules between the fields of one integration, in Alertmanager's order and words.

use super::tables::PAGERDUTY_DETAILS;
use crate::config::section::{Datum, Section};
use crate::config::{signing, template_syntax, value};
use crate::core::quote::Quoted;

/// The sentences of one integration's broken rules.
struct Rules<'s>(&'s mut Vec<String>);

impl Rules<'_> {
    fn refuse(&mut self, broken: bool, sentence: impl Into<String>) {
        if broken {
            self.0.push(sentence.into());
        }
    }

    fn one_of(&mut self, section: &Section, name: &str) {
        let none = !section.has(name) && !section.has(&format!("{name}_file"));
        self.refuse(none, format!("one of {name} or {name}_file must be configured"));
        self.at_most_one(section, name);
    }

    fn at_most_one(&mut self, section: &Section, name: &str) {
        let both = section.has(name) && section.has(&format!("{name}_file"));
        self.refuse(both, format!("at most one of {name} & {name}_file must be configured"));
    }
}

pub(super) fn webhook(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.one_of(section, "url");
    rules.at_most_one(section, "signing_secret");
    // What comes from the environment is looked at when it is used, and `<secret>` stands where it is shown.
    let secret = section.text("signing_secret");
    let looked_at = section.has("signing_secret") && !secret.starts_with("${") && secret != value::SECRET;
    if looked_at && let Err(why) = signing::keys(secret) {
        rules.refuse(true, format!("signing_secret: {why}"));
    }
}

/// The chats that post to a `webhook_url`: Discord, and both of Microsoft Teams.
pub(super) fn webhook_url(section: &mut Section, sentences: &mut Vec<String>) {
    Rules(sentences).one_of(section, "webhook_url");
}

pub(super) fn mattermost(section: &mut Section, sentences: &mut Vec<String>) {
    Rules(sentences).at_most_one(section, "webhook_url");
}

pub(super) fn mattermost_field(section: &mut Section, sentences: &mut Vec<String>) {
    for field in ["title", "value"] {
        Rules(sentences).refuse(!section.has(field), format!("missing {field} in Mattermost field configuration"));
    }
}

pub(super) fn pagerduty(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    let keys = ["routing_key", "service_key", "routing_key_file", "service_key_file"];
    rules.refuse(!keys.iter().any(|key| section.has(key)), "missing service or routing key in PagerDuty config");
    rules.at_most_one(section, "routing_key");
    rules.at_most_one(section, "service_key");
    if !section.has("source") {
        section.set("source", Datum::Text(section.text("client").to_owned()));
    }
    let mut details = section.map("details").to_vec();
    for (name, template) in PAGERDUTY_DETAILS {
        if !details.iter().any(|(known, _)| known == name) {
            details.push((name.to_owned(), Datum::Text(template.to_owned())));
        }
    }
    section.set("details", Datum::Map(details));
}

pub(super) fn slack(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.at_most_one(section, "api_url");
    rules.at_most_one(section, "app_token");
    let url = section.has("api_url") || section.has("api_url_file");
    let token = section.has("app_token") || section.has("app_token_file");
    rules.refuse(url && token, "at most one of api_url/api_url_file & app_token/app_token_file must be configured");
    // The status page shows the URL as `<secret>`, and what it shows must load.
    let bot = ["https://slack.com/api/chat.postMessage", value::SECRET].contains(&section.text("api_url"));
    rules.refuse(
        section.flag("update_message") && !bot,
        "update_message can only be used with bot tokens. api_url must be set to \
         https://slack.com/api/chat.postMessage",
    );
    rules.refuse(
        section.flag("reply_in_thread") && section.has("api_url") && !bot,
        "reply_in_thread can only be used with bot tokens: incoming webhooks do not say where their message stands",
    );
    rules.refuse(
        section.flag("reply_in_thread") && section.flag("update_message"),
        "at most one of update_message & reply_in_thread must be configured",
    );
}

pub(super) fn slack_field(section: &mut Section, sentences: &mut Vec<String>) {
    for field in ["title", "value"] {
        Rules(sentences).refuse(!section.has(field), format!("missing {field} in Slack field configuration"));
    }
}

pub(super) fn slack_action(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    for field in ["type", "text"] {
        rules.refuse(!section.has(field), format!("missing {field} in Slack action configuration"));
    }
    if section.has("url") {
        section.set("name", Datum::Text(String::new()));
        section.set("value", Datum::Text(String::new()));
        section.set("confirm", Datum::Nothing);
    } else {
        rules.refuse(!section.has("name"), "missing name or url in Slack action configuration");
    }
}

pub(super) fn slack_confirm(section: &mut Section, sentences: &mut Vec<String>) {
    Rules(sentences).refuse(!section.has("text"), "missing text in Slack confirmation configuration");
}

pub(super) fn email(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.refuse(!section.has("to"), "missing to address in email config");
    let mut headers: Vec<(String, Datum)> = Vec::new();
    for (name, template) in section.map("headers") {
        let name = value::canonical_header(name);
        let twice = headers.iter().any(|(known, _)| *known == name);
        rules.refuse(twice, format!("duplicate header {} in email config", Quoted(&name)));
        headers.push((name, template.clone()));
    }
    if let Some(threading) = section.section("threading")
        && threading.flag("enabled")
    {
        for name in ["References", "In-Reply-To"] {
            rules.refuse(
                headers.iter().any(|(known, _)| known == name),
                format!("conflicting configuration: threading.enabled conflicts with custom {name} header"),
            );
        }
        rules.refuse(
            !["none", "daily"].contains(&threading.text("thread_by_date")),
            "threading.thread_by_date must be either 'none' or 'daily'",
        );
    }
    section.set("headers", Datum::Map(headers));
}

pub(super) fn opsgenie(section: &mut Section, sentences: &mut Vec<String>) {
    const TYPES: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];
    let mut rules = Rules(sentences);
    rules.at_most_one(section, "api_key");
    for responder in section.sections("responders") {
        let [id, name, username, kind] = ["id", "name", "username", "type"].map(|field| responder.text(field));
        let who = |kind: &str| format!("opsGenieConfig responder {{{id} {name} {username} {kind}}}");
        rules.refuse(
            [id, name, username].iter().all(|text| text.is_empty()),
            format!("{} has to have at least one of id, username or name specified", who(kind)),
        );
        let lower = kind.to_lowercase();
        if !kind.contains("{{") {
            rules.refuse(
                !TYPES.contains(&lower.as_str()),
                format!("{} type does not match valid options ^({})$", who(&lower), TYPES.join("|")),
            );
        } else if let Err(reason) = template_syntax::check(kind) {
            rules.refuse(true, format!("{} type contains invalid template syntax: {reason}", who(kind)));
        }
    }
}

pub(super) fn victorops(section: &mut Section, sentences: &mut Vec<String>) {
    const RESERVED: [&str; 7] = [
        "routing_key",
        "message_type",
        "state_message",
        "entity_display_name",
        "monitoring_tool",
        "entity_id",
        "entity_state",
    ];
    let mut rules = Rules(sentences);
    rules.refuse(!section.has("routing_key"), "missing Routing key in VictorOps config");
    rules.at_most_one(section, "api_key");
    for name in RESERVED {
        rules.refuse(
            section.map("custom_fields").iter().any(|(known, _)| known == name),
            format!(
                "victorOps config contains custom field {name} which cannot be used as it conflicts with the \
                 fixed/static fields"
            ),
        );
    }
}

pub(super) fn jira(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.refuse(!section.has("project"), "missing project in jira_config");
    rules.refuse(!section.has("issue_type"), "missing issue_type in jira_config");
    rules.refuse(
        !["auto", "cloud", "datacenter"].contains(&section.text("api_type")),
        "unknown api_type on jira_config, must be auto, cloud or datacenter",
    );
}

pub(super) fn incidentio(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.one_of(section, "url");
    rules.at_most_one(section, "alert_source_token");
    let token = section.has("alert_source_token") || section.has("alert_source_token_file");
    let authorization = section.section("http_config").map(|http| http.has("authorization"));
    rules.refuse(
        authorization == Some(true) && token,
        "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
    );
    rules.refuse(
        authorization == Some(false) && !token,
        "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured",
    );
}

pub(super) fn pushover(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.one_of(section, "user_key");
    rules.one_of(section, "token");
    let both = section.flag("html") && section.flag("monospace");
    rules.refuse(both, "at most one of monospace & html must be configured");
}

pub(super) fn sns(section: &mut Section, sentences: &mut Vec<String>) {
    let named = ["target_arn", "topic_arn", "phone_number"].iter().filter(|field| section.has(field)).count();
    // Alertmanager accepts one of them, and all three.
    Rules(sentences)
        .refuse(named % 2 == 0, "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config");
}

pub(super) fn sigv4(section: &mut Section, sentences: &mut Vec<String>) {
    Rules(sentences).refuse(
        section.has("access_key") != section.has("secret_key"),
        "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
    );
}

pub(super) fn webex(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.refuse(!section.has("room_id"), "missing room_id on webex_config");
    let authorization = section.section("http_config").is_some_and(|http| http.has("authorization"));
    rules.refuse(!authorization, "missing webex_configs.http_config.authorization");
}

pub(super) fn telegram(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.at_most_one(section, "bot_token");
    let neither = !section.has("chat_id") && !section.has("chat_id_file");
    rules.refuse(neither, "missing chat_id or chat_id_file on telegram_config");
    rules.at_most_one(section, "chat_id");
    rules.refuse(
        !["", "Markdown", "MarkdownV2", "HTML"].contains(&section.text("parse_mode")),
        "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string",
    );
}

pub(super) fn wechat(section: &mut Section, sentences: &mut Vec<String>) {
    if !section.has("message_type") {
        section.set("message_type", Datum::Text("text".into()));
    }
    let mut rules = Rules(sentences);
    let kind = section.text("message_type");
    rules.refuse(
        !["text", "markdown"].contains(&kind),
        format!("weChat message type {} does not match valid options ^(text|markdown)$", Quoted(kind)),
    );
    rules.at_most_one(section, "api_secret");
}

pub(super) fn rocketchat(section: &mut Section, sentences: &mut Vec<String>) {
    let mut rules = Rules(sentences);
    rules.at_most_one(section, "token");
    rules.at_most_one(section, "token_id");
}
