//! Every refusal with its words, and what is printed for `config.original`.

use std::path::Path;

use crate::config::error::{Errors, FieldPath};
use crate::config::fields::Fields;
use crate::config::global::{self, Context};
use crate::config::print::{Map, Printed};
use crate::config::secret::Secret;
use crate::config::settings::{Auth, IntegrationConfig, SecretSource};
use crate::config::yaml;

/// Reads `global` and `receivers` of a text; answers the first sentence, or what is printed of them.
fn load(text: &str) -> Result<(Printed, Vec<super::Receiver>), String> {
    let errors = Errors::default();
    let context = Context { base_dir: "/etc/andon".into(), forgiving: false };
    let document = yaml::read(text).map_err(|error| error.reason)?.ok_or("empty")?;
    let mut top = Fields::of(&document, FieldPath::top(), "config.plain", &errors);
    let node = top.raw("global");
    let global = global::read(node, &top.at("global"), &context, &errors);
    let mut raw = Vec::new();
    for (path, node) in top.list("receivers", "[]config.Receiver").unwrap_or_default() {
        let mut fields = Fields::of(node, path, "config.plain", &errors);
        raw.push(super::read(&mut fields, &context));
        fields.finish();
    }
    global::check(&global, node, &top.at("global"), &errors);
    top.ignore(&["route"]);
    top.finish();
    let receivers: Vec<_> =
        raw.into_iter().map(|raw| raw.complete(&global, Path::new("/etc/andon"), &errors)).collect();
    if !errors.is_empty() {
        return Err(errors.finish("routes.yaml").sentence());
    }
    let mut printed = Map::new();
    printed.put("global", global.printed());
    printed.put("receivers", Printed::List(receivers.iter().map(|receiver| receiver.printed(false, true)).collect()));
    Ok((printed.done(), receivers))
}

/// A file with one integration.
fn one(kind: &str, integration: &str) -> String {
    format!("receivers: [{{name: r, {kind}_configs: [{integration}]}}]")
}

#[test]
fn refuses_what_alertmanager_refuses_in_its_words() {
    // kind, integration, sentence
    let rows = [
        ("webhook", "{}", "one of url or url_file must be configured"),
        ("webhook", "{url: 'http://a', url_file: f}", "at most one of url & url_file must be configured"),
        (
            "webhook",
            "{url: 'http://a', signing_secret: whsec_c2hvcnQ=}",
            "signing_secret: the secret has 5 bytes: `whsec_` and the base64 of 24 to 64 random bytes is expected",
        ),
        (
            "webhook",
            "{url: 'http://a', signing_secret: x, signing_secret_file: f}",
            "at most one of signing_secret & signing_secret_file must be configured",
        ),
        ("webhook", "{url: 'ftp://a'}", r#"invalid URL: unsupported scheme "ftp" for URL"#),
        ("webhook", "{url: 'http:a'}", "invalid URL: missing host for URL"),
        (
            "webhook",
            "{url: 'http://a/{{ toUpper .A }}'}",
            r#"invalid template syntax: template: :1: function "toUpper" not defined"#,
        ),
        ("discord", "{}", "one of webhook_url or webhook_url_file must be configured"),
        ("discord", "{webhook_url: ''}", r#"unsupported scheme "" for URL"#),
        ("msteams", "{webhook_url: null}", "one of webhook_url or webhook_url_file must be configured"),
        (
            "msteamsv2",
            "{webhook_url: 'http://a', webhook_url_file: f}",
            "at most one of webhook_url & webhook_url_file must be configured",
        ),
        ("pagerduty", "{}", "missing service or routing key in PagerDuty config"),
        (
            "pagerduty",
            "{routing_key: a, routing_key_file: f}",
            "at most one of routing_key & routing_key_file must be configured",
        ),
        (
            "pagerduty",
            "{service_key: a, service_key_file: f}",
            "at most one of service_key & service_key_file must be configured",
        ),
        ("slack", "{}", "no Slack API URL nor App token set either inline or in a file"),
        ("slack", "null", "no Slack API URL nor App token set either inline or in a file"),
        ("slack", "{api_url: 'http://a', api_url_file: f}", "at most one of api_url & api_url_file must be configured"),
        ("slack", "{app_token: a, app_token_file: f}", "at most one of app_token & app_token_file must be configured"),
        (
            "slack",
            "{api_url_file: f, app_token: a}",
            "at most one of api_url/api_url_file & app_token/app_token_file must be configured",
        ),
        (
            "slack",
            "{api_url: 'http://a', update_message: true}",
            "update_message can only be used with bot tokens. api_url must be set to \
             https://slack.com/api/chat.postMessage",
        ),
        (
            "slack",
            "{api_url: 'http://a', reply_in_thread: true}",
            "reply_in_thread can only be used with bot tokens: incoming webhooks do not say where their message stands",
        ),
        (
            "slack",
            "{api_url: 'https://slack.com/api/chat.postMessage', reply_in_thread: true, update_message: true}",
            "at most one of update_message & reply_in_thread must be configured",
        ),
        (
            "slack",
            "{app_token: a, http_config: {authorization: {credentials: b}}}",
            "http authorization can't be set when using Slack App tokens",
        ),
        ("slack", "{api_url: 'http://a', fields: [{value: v}]}", "missing title in Slack field configuration"),
        ("slack", "{api_url: 'http://a', fields: [{title: t}]}", "missing value in Slack field configuration"),
        ("slack", "{api_url: 'http://a', actions: [{}]}", "missing type in Slack action configuration"),
        ("slack", "{api_url: 'http://a', actions: [{type: t, url: u}]}", "missing text in Slack action configuration"),
        (
            "slack",
            "{api_url: 'http://a', actions: [{type: t, text: x}]}",
            "missing name or url in Slack action configuration",
        ),
        (
            "slack",
            "{api_url: 'http://a', actions: [{type: t, text: x, name: n, confirm: {}}]}",
            "missing text in Slack confirmation configuration",
        ),
        ("email", "{}", "missing to address in email config"),
        ("email", "{to: a}", "no global SMTP smarthost set"),
        ("email", "{to: a, smarthost: 'h:1'}", "no global SMTP from set"),
        ("email", "{to: a, smarthost: h}", "address h: missing port in address"),
        ("email", "{to: a, headers: {foo: a, FOO: b}}", r#"duplicate header "Foo" in email config"#),
        ("email", "{to: a, threading: {enabled: true}}", "threading.thread_by_date must be either 'none' or 'daily'"),
        (
            "email",
            "{to: a, threading: {enabled: true, thread_by_date: none}, headers: {references: a}}",
            "conflicting configuration: threading.enabled conflicts with custom References header",
        ),
        ("opsgenie", "{}", "no global OpsGenie API Key set either inline or in a file"),
        ("opsgenie", "{api_key: a, api_key_file: f}", "at most one of api_key & api_key_file must be configured"),
        (
            "opsgenie",
            "{responders: [{id: foo, type: wrong}]}",
            "opsGenieConfig responder {foo   wrong} type does not match valid options \
             ^(team|teams|user|escalation|schedule)$",
        ),
        (
            "opsgenie",
            "{responders: [{type: schedule}]}",
            "opsGenieConfig responder {   schedule} has to have at least one of id, username or name specified",
        ),
        ("victorops", "{}", "missing Routing key in VictorOps config"),
        ("victorops", "{routing_key: r}", "no global VictorOps API Key set"),
        (
            "victorops",
            "{routing_key: r, custom_fields: {entity_id: x}}",
            "victorOps config contains custom field entity_id which cannot be used as it conflicts with the fixed/static \
             fields",
        ),
        ("wechat", "{}", "no global Wechat Api Secret set either inline or in a file"),
        ("wechat", "{api_secret: s}", "no global Wechat CorpID set"),
        (
            "wechat",
            "{message_type: foo}",
            r#"weChat message type "foo" does not match valid options ^(text|markdown)$"#,
        ),
        ("pushover", "{}", "one of user_key or user_key_file must be configured"),
        ("pushover", "{user_key: u}", "one of token or token_file must be configured"),
        (
            "pushover",
            "{user_key: u, token: t, html: true, monospace: true}",
            "at most one of monospace & html must be configured",
        ),
        ("pushover", "{user_key: u, token: t, retry: 5}", r#"time: missing unit in duration "5""#),
        ("pushover", "{user_key: u, token: t, retry: 1d}", r#"time: unknown unit "d" in duration "1d""#),
        ("sns", "{}", "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config"),
        (
            "sns",
            "{topic_arn: t, target_arn: u}",
            "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config",
        ),
        (
            "sns",
            "{topic_arn: t, sigv4: {access_key: a}}",
            "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
        ),
        ("telegram", "{chat_id: 1}", "missing bot_token or bot_token_file on telegram_config"),
        ("telegram", "{bot_token: b}", "missing chat_id or chat_id_file on telegram_config"),
        (
            "telegram",
            "{bot_token: b, chat_id: 1, chat_id_file: f}",
            "at most one of chat_id & chat_id_file must be configured",
        ),
        (
            "telegram",
            "{bot_token: b, chat_id: 1, parse_mode: x}",
            "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string",
        ),
        ("webex", "{}", "missing room_id on webex_config"),
        ("webex", "{room_id: r}", "missing webex_configs.http_config.authorization"),
        ("jira", "{}", "missing project in jira_config"),
        ("jira", "{project: p}", "missing issue_type in jira_config"),
        ("jira", "{project: p, issue_type: t}", "no global Jira Cloud URL set"),
        (
            "jira",
            "{project: p, issue_type: t, api_type: x}",
            "unknown api_type on jira_config, must be auto, cloud or datacenter",
        ),
        ("jira", "{reopen_duration: 5}", r#"not a valid duration string: "5""#),
        ("incidentio", "{}", "one of url or url_file must be configured"),
        (
            "incidentio",
            "{url: 'http://a', http_config: {}}",
            "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be \
             configured",
        ),
        (
            "incidentio",
            "{url: 'http://a', alert_source_token: t, http_config: {authorization: {}}}",
            "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
        ),
        ("rocketchat", "{}", "no global Rocketchat TokenID set either inline or in a file"),
        ("rocketchat", "{token_id: i}", "no global Rocketchat Token set either inline or in a file"),
        ("rocketchat", "{token: t, token_file: f}", "at most one of token & token_file must be configured"),
        ("mattermost", "{}", "missing webhook_url or webhook_url_file on mattermost_config"),
        ("mattermost", "{fields: [{value: v}]}", "missing title in Mattermost field configuration"),
        ("webhook", "null", "missing webhook config"),
        ("jira", "null", "missing jira config"),
        ("webhook", "{bogus: 1}", "yaml: unmarshal errors:\n  line 1: field bogus not found in type webhook.plain"),
        (
            "webhook",
            "{url: 'http://a', max_alerts: -1, timeout: 1d}",
            "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `-1` into uint64\n  line 1: cannot unmarshal \
             !!str `1d` into time.Duration",
        ),
        ("telegram", "{chat_id: '123'}", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `123` into int64"),
        (
            "pagerduty",
            "{routing_key: a, details: [a]}",
            "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into map[string]interface {}",
        ),
    ];
    for (kind, integration, sentence) in rows {
        let found = load(&one(kind, integration)).map(|_| ());
        assert_eq!(found, Err(sentence.to_owned()), "{kind} {integration}");
    }
}

#[test]
fn refuses_contradictions_in_http_config() {
    let rows = [
        (
            "{bearer_token: a, bearer_token_file: f}",
            "at most one of bearer_token & bearer_token_file must be configured",
        ),
        (
            "{basic_auth: {}, bearer_token: x}",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        ),
        (
            "{basic_auth: {username: a, username_file: b}}",
            "at most one of basic_auth username, username_file & username_ref must be configured",
        ),
        (
            "{basic_auth: {password: a, password_file: b}}",
            "at most one of basic_auth password, password_file & password_ref must be configured",
        ),
        (
            "{authorization: {}, bearer_token: x}",
            "authorization is not compatible with bearer_token & bearer_token_file",
        ),
        (
            "{authorization: {credentials: a, credentials_file: b}}",
            "at most one of authorization credentials & credentials_file must be configured",
        ),
        ("{authorization: {type: Basic}}", r#"authorization type cannot be set to "basic", use "basic_auth" instead"#),
        ("{authorization: {}, basic_auth: {}}", "at most one of basic_auth, oauth2 & authorization must be configured"),
        ("{oauth2: {}}", "oauth2 client_id must be configured"),
        ("{oauth2: {client_id: a}}", "oauth2 token_url must be configured"),
        (
            "{oauth2: {client_id: a, token_url: b, no_proxy: c}}",
            "if no_proxy is configured, proxy_url must also be configured",
        ),
        (
            "{oauth2: {client_id: a, token_url: b, client_secret: c, client_secret_file: d}}",
            "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using \
             grant-type=client_credentials",
        ),
        (
            "{proxy_from_environment: true, proxy_url: 'http://x'}",
            "if proxy_from_environment is configured, proxy_url must not be configured",
        ),
        (
            "{proxy_from_environment: true, no_proxy: a}",
            "if proxy_from_environment is configured, no_proxy must not be configured",
        ),
        ("{no_proxy: a}", "if no_proxy is configured, proxy_url must also be configured"),
        (
            "{proxy_connect_header: {a: [b]}}",
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
        ),
        (
            "{tls_config: {cert: c}}",
            "exactly one of key or key_file must be configured when a client certificate is configured",
        ),
        (
            "{tls_config: {key: k}}",
            "exactly one of cert or cert_file must be configured when a client key is configured",
        ),
        ("{tls_config: {ca: c, ca_file: f}}", "at most one of ca, ca_file & ca_ref must be configured"),
        ("{tls_config: {min_version: TLS99}}", "unknown TLS version: TLS99"),
        ("{http_headers: {authorization: {values: [a]}}}", r#"setting header "Authorization" is not allowed"#),
        ("{http_headers: {X: [a]}}", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into config.Header"),
        (
            "{basic_auth: {username_ref: a}}",
            "basic_auth.username_ref names a secret manager, and there is none: use the *_file field",
        ),
    ];
    for (http, sentence) in rows {
        let text = one("webhook", &format!("{{url: 'http://a', http_config: {http}}}"));
        assert_eq!(load(&text).map(|_| ()), Err(sentence.to_owned()), "{http}");
    }
}

#[test]
fn integrations_stand_in_alertmanagers_order_and_say_what_deciding_needs() {
    let text = "
global: {slack_api_url: 'http://s'}
receivers:
- name: r
  slack_configs: [{}, {send_resolved: true}]
  pagerduty_configs: [{routing_key: k}]
  webhook_configs: [{url: 'http://a'}, {url: 'http://b', send_resolved: false}]
";
    let (_, receivers) = load(text).unwrap_or_else(|error| panic!("{error}"));
    let found: Vec<_> = receivers
        .iter()
        .flat_map(|receiver| &receiver.integrations)
        .map(|i| (i.kind, i.index, i.send_resolved, i.says_both))
        .collect();
    let expected = [
        ("webhook", 0, true, true),
        ("webhook", 1, false, true),
        ("pagerduty", 0, true, false),
        ("slack", 0, false, true),
        ("slack", 1, true, true),
    ];
    assert_eq!(found, expected);
}

#[test]
fn settings_are_complete() {
    let text = "
global:
  smtp_smarthost: 'mail:587'
  smtp_from: andon@plant
  smtp_auth_secret_file: /secret
  slack_app_token: ${env:SLACK_TOKEN}
  http_config: {tls_config: {ca_file: ca.pem}}
receivers:
- name: r
  webhook_configs: [{url_file: hook, timeout: 1m, payload: {a: [1, yes, 'yes'], n: dropped}}]
  slack_configs: [{}]
  email_configs: [{to: a@b, headers: {subject: S}, auth_secret: own, tls_config: {ca_file: ca.pem}}]
";
    let (_, receivers) = load(text).unwrap_or_else(|error| panic!("{error}"));
    let found: Vec<_> = receivers.iter().flat_map(|receiver| &receiver.config.integrations).collect();
    let [IntegrationConfig::Webhook(webhook), IntegrationConfig::Email(email), IntegrationConfig::Slack(slack)] =
        found.as_slice()
    else {
        panic!("{found:?}")
    };
    // Files of an http_config are looked for beside the configuration, others as they are written.
    assert_eq!(webhook.url, SecretSource::File("hook".into()));
    assert_eq!(webhook.http.tls.ca, Some(SecretSource::File("/etc/andon/ca.pem".into())));
    assert_eq!(webhook.timeout.as_secs(), 60);
    assert_eq!(webhook.payload, Some(serde_json::json!({"a": [1, true, "yes"]})));
    let credentials = Some(SecretSource::Env("SLACK_TOKEN".into()));
    assert_eq!(slack.http.auth, Auth::Header { scheme: "Bearer".into(), credentials });
    assert_eq!(slack.api_url, SecretSource::Inline(Secret::new("https://slack.com/api/chat.postMessage")));
    assert_eq!(email.smarthost, ("mail".to_owned(), "587".to_owned()));
    assert_eq!(email.auth_secret, Some(SecretSource::Inline(Secret::new("own"))));
    assert_eq!(email.tls.ca, Some(SecretSource::File("ca.pem".into())));
    let headers: Vec<_> = email.headers.iter().map(|(name, template)| (name.as_str(), template.as_str())).collect();
    assert_eq!(headers, [("From", "andon@plant"), ("Subject", "S"), ("To", "a@b")]);
    assert!(email.require_tls);
}

#[test]
fn the_file_of_a_slack_token_is_beside_the_configuration_file() {
    let text = "
receivers:
- name: r
  webhook_configs: [{url: 'http://h', payload: {}}, {url: 'http://h', payload: []}, {url: 'http://h', payload: ''}]
  slack_configs: [{app_token_file: token}]
";
    let (printed, receivers) = load(text).unwrap_or_else(|error| panic!("{error}"));
    let found: Vec<_> = receivers.iter().flat_map(|receiver| &receiver.config.integrations).collect();
    let payloads: Vec<_> = found
        .iter()
        .filter_map(
            |config| if let IntegrationConfig::Webhook(webhook) = config { webhook.payload.clone() } else { None },
        )
        .collect();
    assert_eq!(payloads, [serde_json::json!({}), serde_json::json!([]), serde_json::json!("")]);
    let Some(IntegrationConfig::Slack(slack)) = found.last() else { panic!("{found:?}") };
    let credentials = Some(SecretSource::File("/etc/andon/token".into()));
    assert_eq!(slack.http.auth, Auth::Header { scheme: "Bearer".into(), credentials });
    let text = crate::config::print::print(&printed);
    assert!(text.contains("payload: {}\n") && text.contains("payload: []\n"), "{text}");
}
