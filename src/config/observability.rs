//! `tracing` and `event_recorder`: read and checked because Alertmanager's files have them, and otherwise ignored.
//!
//! Andon's own history is its journal. Outputs of the event recorder other than webhooks are taken as they are and not
//! shown, for they may hold secrets of which no table here knows.

use super::error::FieldPath;
use super::fields::Fields;
use super::http::{HEADER, HTTP_CONFIG, TLS_CONFIG};
use super::load::Scope;
use super::schema::{Field, Kind, Schema, flag, no_rules, text, text_or};
use super::section::{Datum, Section};

static TRACING: Schema = Schema {
    go_type: "tracing.plain",
    fields: &[
        text_or("client_type", "grpc"),
        text("endpoint"),
        Field::new("sampling_fraction", Kind::Free),
        flag("insecure"),
        Field::new("tls_config", Kind::OptionalSection(&TLS_CONFIG)),
        Field::new("headers", Kind::SectionMap(&HEADER)),
        text("compression"),
        Field::new("timeout", Kind::Duration),
    ],
    settle: settle_tracing,
};

fn settle_tracing(section: &mut Section, sentences: &mut Vec<String>) {
    let client = section.text("client_type");
    if !["http", "grpc"].contains(&client) {
        sentences.push(format!("expected tracing client type to be to be http or grpc, but got {client}"));
    }
    if section.text("endpoint").is_empty() {
        sentences.push("tracing endpoint must be set".into());
    }
    let compression = section.text("compression");
    if !["", "gzip"].contains(&compression) {
        sentences.push(format!("invalid compression type {compression} provided, valid options: gzip"));
    }
    if !matches!(section.get("sampling_fraction"), Datum::Nothing | Datum::Integer(_) | Datum::Float(_)) {
        sentences.push("sampling_fraction has to be a number".into());
    }
}

static EVENT_RECORDER: Schema = Schema {
    go_type: "eventrecorder.Config",
    fields: &[Field::new("webhook_outputs", Kind::Sections(&WEBHOOK_OUTPUT))],
    settle: no_rules,
};

static WEBHOOK_OUTPUT: Schema = Schema {
    go_type: "eventrecorder.plain",
    fields: &[
        Field::new("url", Kind::SecretUrl),
        Field::new("http_config", Kind::OptionalSection(&HTTP_CONFIG)),
        Field::new("timeout", Kind::GoDuration),
        Field::new("workers", Kind::Integer),
        Field::new("max_retries", Kind::Integer),
        Field::new("retry_backoff", Kind::GoDuration),
        flag("batch"),
    ],
    settle: settle_webhook_output,
};

fn settle_webhook_output(section: &mut Section, sentences: &mut Vec<String>) {
    if !section.has("url") {
        sentences.push("event_recorder webhook output requires a url".into());
    }
}

/// Outputs that are not looked into.
const OTHER_OUTPUTS: [&str; 3] = ["file_outputs", "kafka_outputs", "stdout_outputs"];

/// Reads `tracing`.
pub(super) fn tracing(top: &mut Fields<'_, '_>, scope: &Scope<'_>) -> Option<Section> {
    let node = top.take("tracing")?;
    Some(Section::read(&TRACING, node, top.at("tracing"), &scope.context, scope.errors))
}

/// Reads `event_recorder`.
pub(super) fn event_recorder(top: &mut Fields<'_, '_>, scope: &Scope<'_>) -> Option<Section> {
    let mut fields = top.section("event_recorder", EVENT_RECORDER.go_type)?;
    let mut outputs = Vec::new();
    let items = fields.list("webhook_outputs", "[]eventrecorder.WebhookOutput").unwrap_or_default();
    for (path, node) in items {
        outputs.push(webhook_output(node, path, scope));
    }
    for key in OTHER_OUTPUTS {
        // Only that it is a list is checked.
        let _ignored = fields.list(key, "[]eventrecorder.Output");
    }
    fields.finish();
    let mut section = Section::empty(&EVENT_RECORDER);
    section.set("webhook_outputs", Datum::List(outputs));
    Some(section)
}

fn webhook_output(node: &super::node::Node, path: FieldPath, scope: &Scope<'_>) -> Datum {
    Datum::Section(Box::new(Section::read(&WEBHOOK_OUTPUT, node, path, &scope.context, scope.errors)))
}
