//! The tables of the kinds that Andon parses and checks but cannot send to: those that open incidents or page.

use super::rules;
use super::tables::{HTTP, SEND_RESOLVED};
use crate::config::schema::{Field, Kind, Preset, Schema, flag, no_rules, path, secret, text, text_or, timeout, url};

/// `opsgenie_configs[]`
pub(super) static OPSGENIE: Schema = Schema {
    go_type: "opsgenie.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret("api_key"),
        path("api_key_file"),
        url("api_url"),
        text_or("message", r#"{{ template "opsgenie.default.message" . }}"#),
        text_or("description", r#"{{ template "opsgenie.default.description" . }}"#),
        text_or("source", r#"{{ template "opsgenie.default.source" . }}"#),
        Field::new("details", Kind::TextMap),
        text("entity"),
        Field::new("responders", Kind::Sections(&OPSGENIE_RESPONDER)),
        text("actions"),
        text("tags"),
        text("note"),
        text("priority"),
        flag("update_alerts"),
    ],
    settle: rules::opsgenie,
};

static OPSGENIE_RESPONDER: Schema = Schema {
    go_type: "opsgenie.OpsGenieConfigResponder",
    fields: &[text("id"), text("name"), text("username"), text("type")],
    settle: no_rules,
};

/// `victorops_configs[]`
pub(super) static VICTOROPS: Schema = Schema {
    go_type: "victorops.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret("api_key"),
        path("api_key_file"),
        url("api_url").always(),
        text("routing_key").always(),
        text_or("message_type", "CRITICAL").always(),
        text_or("state_message", r#"{{ template "victorops.default.state_message" . }}"#).always(),
        text_or("entity_display_name", r#"{{ template "victorops.default.entity_display_name" . }}"#).always(),
        text_or("monitoring_tool", r#"{{ template "victorops.default.monitoring_tool" . }}"#).always(),
        Field::new("custom_fields", Kind::TextMap),
    ],
    settle: rules::victorops,
};

/// `jira_configs[]`
pub(super) static JIRA: Schema = Schema {
    go_type: "jira.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        url("api_url"),
        text_or("api_type", "auto"),
        text("project"),
        Field::new("summary", Kind::TextOrSection(&JIRA_FIELD))
            .or(Preset::Text(r#"{{ template "jira.default.summary" . }}"#)),
        Field::new("description", Kind::TextOrSection(&JIRA_FIELD))
            .or(Preset::Text(r#"{{ template "jira.default.description" . }}"#)),
        Field::new("labels", Kind::Texts),
        text_or("priority", r#"{{ template "jira.default.priority" . }}"#),
        text("issue_type"),
        text("reopen_transition"),
        text("resolve_transition"),
        text("wont_fix_resolution"),
        Field::new("reopen_duration", Kind::Duration),
        Field::new("fields", Kind::FreeMap),
    ],
    settle: rules::jira,
};

static JIRA_FIELD: Schema = Schema {
    go_type: "jira.plain",
    fields: &[text("template"), Field::new("enable_update", Kind::OptionalBool)],
    settle: no_rules,
};

/// `incidentio_configs[]`
pub(super) static INCIDENTIO: Schema = Schema {
    go_type: "incidentio.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        url("url").always(),
        path("url_file").always(),
        secret("alert_source_token"),
        path("alert_source_token_file"),
        Field::new("max_alerts", Kind::Unsigned).always(),
        timeout(),
    ],
    settle: rules::incidentio,
};

/// `pushover_configs[]`
pub(super) static PUSHOVER: Schema = Schema {
    go_type: "pushover.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        secret("user_key"),
        path("user_key_file"),
        secret("token"),
        path("token_file"),
        text_or("title", r#"{{ template "pushover.default.title" . }}"#),
        text_or("message", r#"{{ template "pushover.default.message" . }}"#),
        text_or("url", r#"{{ template "pushover.default.url" . }}"#),
        text("url_title"),
        text("device"),
        text("sound"),
        text_or("priority", r#"{{ if eq .Status "firing" }}2{{ else }}0{{ end }}"#),
        Field::new("retry", Kind::GoDurationText).or(Preset::Seconds(60)),
        Field::new("expire", Kind::GoDurationText).or(Preset::Seconds(3600)),
        Field::new("ttl", Kind::GoDurationText),
        flag("html"),
        flag("monospace"),
    ],
    settle: rules::pushover,
};

/// `sns_configs[]`
pub(super) static SNS: Schema = Schema {
    go_type: "sns.plain",
    fields: &[
        SEND_RESOLVED,
        HTTP,
        text("api_url"),
        Field::new("sigv4", Kind::Section(&SIGV4)).always(),
        text("topic_arn"),
        text("phone_number"),
        text("target_arn"),
        text_or("subject", r#"{{ template "sns.default.subject" . }}"#),
        text_or("message", r#"{{ template "sns.default.message" . }}"#),
        Field::new("attributes", Kind::TextMap),
        flag("use_aws_http_client"),
    ],
    settle: rules::sns,
};

static SIGV4: Schema = Schema {
    go_type: "sigv4.plain",
    fields: &[
        text("region"),
        text("access_key"),
        secret("secret_key"),
        text("profile"),
        text("role_arn"),
        text("external_id"),
        flag("use_fips_sts_endpoint"),
    ],
    settle: rules::sigv4,
};
