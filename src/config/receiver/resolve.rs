//! What an integration's section means: the settings that the senders read.

use super::tables::SLACK_TEXTS;
use crate::config::environment;
use crate::config::http::{resolve_http, resolve_tls, text_of, texts};
use crate::config::secret::Secret;
use crate::config::section::{Datum, Section};
use crate::config::settings::{
    EmailConfig, HttpConfig, IntegrationConfig, PagerdutyConfig, SecretSource, SlackConfig, SlackField, WebhookConfig,
};
use crate::config::value;

/// Makes the settings of an integration that is complete: [`super::inherit`] has found nothing missing.
pub(super) type Resolve = fn(&Section) -> IntegrationConfig;

fn http(section: &Section) -> HttpConfig {
    let default = || Section::empty(&crate::config::http::HTTP_CONFIG);
    resolve_http(&section.section("http_config").cloned().unwrap_or_else(default))
}

fn string(section: &Section, name: &str) -> String {
    section.text(name).to_owned()
}

fn source(section: &Section, inline: &str) -> SecretSource {
    section.source(inline, &format!("{inline}_file")).unwrap_or_else(|| SecretSource::Inline(Secret::default()))
}

pub(super) fn webhook(section: &Section) -> IntegrationConfig {
    IntegrationConfig::Webhook(Box::new(WebhookConfig {
        url: source(section, "url"),
        http: http(section),
        max_alerts: section.unsigned("max_alerts"),
        timeout: section.duration("timeout"),
        payload: section.has("payload").then(|| json(section.get("payload"))),
        signing_secret: section.source("signing_secret", "signing_secret_file"),
    }))
}

pub(super) fn pagerduty(section: &Section) -> IntegrationConfig {
    let texts = |section: &Section, names: [&str; 3]| names.map(|name| string(section, name));
    IntegrationConfig::Pagerduty(Box::new(PagerdutyConfig {
        routing_key: section.source("routing_key", "routing_key_file"),
        service_key: section.source("service_key", "service_key_file"),
        url: environment::replaced(section.text("url")),
        http: http(section),
        client: string(section, "client"),
        client_url: string(section, "client_url"),
        description: string(section, "description"),
        details: section.map("details").iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        images: section.sections("images").map(|image| texts(image, ["src", "alt", "href"])).collect(),
        links: section.sections("links").map(|link| ["href", "text"].map(|name| string(link, name))).collect(),
        source: string(section, "source"),
        severity: string(section, "severity"),
        class: string(section, "class"),
        component: string(section, "component"),
        group: string(section, "group"),
        timeout: section.duration("timeout"),
    }))
}

pub(super) fn slack(section: &Section) -> IntegrationConfig {
    // With a token the message goes to the app's URL, which inheriting has put in place of the other.
    let with_token = section.has("app_token") || section.has("app_token_file");
    let api_url = match with_token {
        true => value::secret_source(&environment::replaced(section.text("app_url"))),
        false => source(section, "api_url"),
    };
    let field = |field: &Section| SlackField {
        title: string(field, "title"),
        value: string(field, "value"),
        short: field.optional_flag("short"),
    };
    IntegrationConfig::Slack(Box::new(SlackConfig {
        api_url,
        http: http(section),
        texts: SLACK_TEXTS.iter().map(|name| (*name, environment::replaced(section.text(name)))).collect(),
        fields: section.sections("fields").map(field).collect(),
        actions: section.sections("actions").map(said).collect(),
        short_fields: section.flag("short_fields"),
        link_names: section.flag("link_names"),
        mrkdwn_in: texts(section.list("mrkdwn_in")),
        update_message: section.flag("update_message"),
        reply_in_thread: section.flag("reply_in_thread"),
        timeout: section.duration("timeout"),
    }))
}

pub(super) fn email(section: &Section) -> IntegrationConfig {
    let named = |name: &str| environment::replaced(section.text(name));
    let auth_username = named("auth_username");
    // Where the environment gives no name nobody logs in, and no secret is asked for.
    let login = !auth_username.is_empty() || environment::reference(section.text("auth_username")).is_none();
    let smarthost = value::host_port_named(section.text("smarthost"));
    let (host, port) = match environment::unset(&smarthost) {
        // Whole, so that it shows what is not set.
        Some(_) => (smarthost.as_str(), ""),
        None => value::split_host_port(&smarthost).unwrap_or_default(),
    };
    let threading = section.section("threading").filter(|threading| threading.flag("enabled"));
    let mut complete = section.clone();
    super::inherit::mail_headers(&mut complete);
    let headers = complete.map("headers").iter();
    let headers = headers.map(|(name, template)| (name.clone(), environment::replaced(&text_of(template))));
    IntegrationConfig::Email(Box::new(EmailConfig {
        to: named("to"),
        from: named("from"),
        smarthost: (host.to_owned(), port.to_owned()),
        hello: named("hello"),
        auth_password: login.then(|| section.source("auth_password", "auth_password_file")).flatten(),
        auth_secret: login.then(|| section.source("auth_secret", "auth_secret_file")).flatten(),
        auth_username,
        auth_identity: named("auth_identity"),
        headers: headers.collect(),
        html: string(section, "html"),
        text: string(section, "text"),
        require_tls: section.flag("require_tls"),
        tls: section.section("tls_config").map(resolve_tls).unwrap_or_default(),
        force_implicit_tls: section.optional_flag("force_implicit_tls"),
        threading: threading.map(|threading| match threading.text("thread_by_date") {
            "daily" => "daily",
            _ => "none",
        }),
    }))
}

/// A value that is sent as JSON. Numbers that JSON does not have become null.
fn json(datum: &Datum) -> serde_json::Value {
    use serde_json::{Number, Value};
    match datum {
        Datum::Bool(value) => Value::Bool(*value),
        Datum::Integer(number) => Number::from_i128(*number).map_or(Value::Null, Value::Number),
        Datum::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Datum::List(items) => Value::Array(items.iter().map(json).collect()),
        Datum::Map(entries) => Value::Object(entries.iter().map(|(key, value)| (key.clone(), json(value))).collect()),
        Datum::Text(_) | Datum::Secret(_) => Value::String(text_of(datum)),
        Datum::Section(section) => said(section),
        Datum::Nothing | Datum::Duration(_) => Value::Null,
    }
}

/// What a section says, by its keys.
fn said(section: &Section) -> serde_json::Value {
    let entries = section.entries().filter(|(name, _)| section.has(name));
    serde_json::Value::Object(entries.map(|(name, datum)| (name.to_owned(), json(datum))).collect())
}
