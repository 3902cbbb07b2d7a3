//! One notification being written: its templates filled in, and what failed in them.
//!
//! Promised: a template that fails costs its own text and nothing else. A built-in text takes its place, and the
//! notification goes out with a note that names what failed. Only where nothing could be sent without the text (a URL, a
//! key, an address) the notification is refused, and becomes a dead letter.

use std::sync::Arc;

use serde_json::Value;

use super::Context;
use super::answer::SendError;
use crate::config::Asset;
use crate::core::label::LabelSet;
use crate::core::notification::{AlertData, Data};
use crate::core::order_mail::News;
use crate::core::outbox::{Delivery, Reason, ReceiverData};
use crate::template::{self, Pairs, TemplateError, Templates, sorted_pairs};

/// How much of a failure a note quotes, in characters.
const QUOTED: usize = 300;

/// What went out, as the worker has to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// What the receiver wants to know again at the next notification of the episode.
    pub data: ReceiverData,
    /// The templates that failed, each with its place and reason.
    pub failed: Vec<String>,
    /// What was shortened to fit the receiver's limits.
    pub cut: Vec<String>,
}

/// One notification being written.
pub struct Notice<'a> {
    templates: &'a Templates,
    context: template::Context,
    /// The same with every value escaped for the place that texts go to.
    escaped: Option<Box<template::Context>>,
    sent: Sent,
}

impl<'a> Notice<'a> {
    /// Begins a notification; `max_alerts` keeps only the first so many alerts, 0 keeps all. The second value says how
    /// many were left out.
    pub fn new(delivery: &Delivery, context: &'a Context, max_alerts: u64) -> (Self, usize) {
        let (data, left_out) = Data::new(delivery, &context.external_url, max_alerts);
        let mut shown = template::Context::new(data, context.clock.now());
        shown.time_zone = Arc::clone(&context.time_zone);
        let code = match &delivery.news {
            Some(News::Order(news)) => &*news.order.asset.code,
            _ => shown.data.common_labels.value("asset_code"),
        };
        shown.asset = context.assets.get(code).map(asset);
        let orders = delivery.orders.0.iter();
        shown.work_orders =
            orders.map(|order| template::order::order(order, &context.external_url, shown.now)).collect();
        let notice = Self { templates: &context.templates, context: shown, escaped: None, sent: Sent::default() };
        (notice, left_out)
    }

    /// Lets [`Notice::text`] see every name and value that comes from alerts and assets through `escape`.
    pub fn escape(&mut self, escape: fn(&str) -> String) {
        let template::Context { data, asset, work_orders, .. } = &self.context;
        let alert = |alert: &AlertData| AlertData {
            labels: escaped(&alert.labels, escape),
            annotations: escaped(&alert.annotations, escape),
            generator_url: escape(&alert.generator_url).into(),
            ..alert.clone()
        };
        let data = Data {
            alerts: data.alerts.iter().map(alert).collect(),
            group_labels: escaped(&data.group_labels, escape),
            common_labels: escaped(&data.common_labels, escape),
            common_annotations: escaped(&data.common_annotations, escape),
            ..data.clone()
        };
        let asset: Option<Pairs> =
            asset.as_ref().map(|asset| asset.iter().map(|(name, value)| (name.clone(), escape(value))).collect());
        let work_orders = work_orders.iter().map(|order| escaped_texts(order, escape)).collect();
        self.escaped = Some(Box::new(template::Context { data, asset, work_orders, ..self.context.clone() }));
    }

    /// What the notification says.
    pub fn data(&self) -> &Data {
        &self.context.data
    }

    /// What templates see.
    pub fn shown(&self) -> &template::Context {
        &self.context
    }

    /// Fills in one of the templates that Andon ships, as HTML or as text. Where that fails, `built_in` takes its place.
    pub fn own(
        &mut self,
        name: &str,
        shown: &template::Context,
        html: bool,
        built_in: impl FnOnce() -> String,
    ) -> String {
        self.templates.render_own(name, html, shown).unwrap_or_else(|error| {
            self.failed(name, &error);
            built_in()
        })
    }

    /// Whether the configuration is one of Alertmanager's, so that bodies must be too.
    pub fn is_alertmanagers(&self) -> bool {
        self.templates.engine() == template::Engine::Go
    }

    /// Fills in a text for people. Where that fails, `built_in` takes its place.
    pub fn text(&mut self, name: &str, template: &str, built_in: impl FnOnce(&Data) -> String) -> String {
        let context = self.escaped.as_deref().unwrap_or(&self.context);
        match self.templates.render_text(template, context) {
            Ok(text) => text,
            Err(error) => {
                let text = built_in(&context.data);
                self.failed(name, &error);
                text
            }
        }
    }

    /// Fills in a page. Where that fails, `built_in` takes its place; it must give HTML.
    pub fn html(&mut self, name: &str, template: &str, built_in: impl FnOnce(&Data) -> String) -> String {
        self.templates.render_html(template, &self.context).unwrap_or_else(|error| {
            self.failed(name, &error);
            built_in(&self.context.data)
        })
    }

    /// Fills in a text that is none for people: a colour, a link, a key. Where that fails it is empty.
    pub fn plain(&mut self, name: &str, template: &str) -> String {
        self.templates.render_text(template, &self.context).unwrap_or_else(|error| {
            self.failed(name, &error);
            String::new()
        })
    }

    /// Fills in a text without which nothing can be sent.
    ///
    /// # Errors
    /// [`SendError::Refused`] with what is wrong in the template.
    pub fn required(&self, name: &str, template: &str) -> Result<String, SendError> {
        let rendered = self.templates.render_text(template, &self.context);
        rendered.map_err(|error| SendError::refused(format!("{name}: {error}")))
    }

    /// Fills in a value that is templates all the way down; nothing where that fails.
    pub fn value(&mut self, name: &str, value: &Value) -> Option<Value> {
        match self.templates.render_payload(value, &self.context) {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed(name, &error);
                None
            }
        }
    }

    /// What the notification says, with the labels of the route filled in; those that fail are left out.
    pub fn data_with_route_labels(&mut self) -> Data {
        let (labels, failed) = self.templates.route_labels(&self.context);
        self.sent.failed.extend(failed.iter().map(TemplateError::to_string));
        let labels = LabelSet::new(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // The output of a template is shorter than a value may be, and the names were in a set before.
        Data { route_labels: labels.unwrap_or_else(|_| LabelSet::empty()), ..self.context.data.clone() }
    }

    /// Notes that something was shortened, and why; once, also where it happens in several mails.
    pub fn cut(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.sent.cut.contains(&what) {
            self.sent.cut.push(what);
        }
    }

    /// A line about the templates that failed and one about what was cut, to be read by whoever gets the notification;
    /// nothing if all is well.
    pub fn note(&self) -> Option<String> {
        let mut lines = Vec::new();
        let Sent { failed, cut, .. } = &self.sent;
        if let Some(first) = failed.first() {
            let first: String = first.chars().take(QUOTED).collect();
            let more = match failed.len() {
                1 => String::new(),
                all => format!(" (and {} more)", all - 1),
            };
            lines.push(format!("Andon: a template failed, a built-in text stands in its place: {first}{more}"));
        }
        if !cut.is_empty() {
            let mut cut = cut.join("; ");
            shorten(&mut cut, QUOTED);
            lines.push(format!("Andon: made to fit: {cut}"));
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// A sentence about who has taken the group on, or does so no more; nothing where nobody ever did.
    pub fn acknowledgement(&self, delivery: &Delivery) -> Option<String> {
        match &delivery.acknowledged {
            None => (delivery.reason == Reason::Acknowledged).then(|| "The acknowledgement has ended.".to_owned()),
            Some(ack) => {
                let until = template::local_time(ack.until, &self.context.time_zone);
                let comment = if ack.comment.is_empty() { String::new() } else { format!(": {}", ack.comment) };
                Some(format!("Acknowledged by {} until {until}{comment}", ack.who))
            }
        }
    }

    /// The end: it was sent, and `data` is wanted at the next notification of the episode.
    pub fn sent(self, data: ReceiverData) -> Sent {
        Sent { data, ..self.sent }
    }

    fn failed(&mut self, name: &str, error: &TemplateError) {
        self.sent.failed.push(format!("{name}: {error}"));
    }
}

/// Alertmanager's subject, for where the template of one fails.
pub fn subject(data: &Data) -> String {
    let firing = data.alerts.iter().filter(|alert| alert.status == "firing").count();
    let count = if data.status == "firing" { format!(":{firing}") } else { String::new() };
    let values = |labels: &LabelSet| {
        let values: Vec<&str> = sorted_pairs(labels.iter()).into_iter().map(|(_, value)| value).collect();
        values.join(" ")
    };
    let mut subject = format!("[{}{count}] {}", data.status.to_uppercase(), values(&data.group_labels));
    let more = data.common_labels.filtered(|name| data.group_labels.get(name).is_none());
    if !more.is_empty() {
        subject.push_str(&format!(" ({})", values(&more)));
    }
    subject
}

/// Shortens a text to `limit` characters as Alertmanager does, the last one a `…`. Says whether it was too long.
pub fn shorten(text: &mut String, limit: usize) -> bool {
    let Some((at, _)) = text.char_indices().nth(limit) else { return false };
    let end = text.char_indices().nth(limit.saturating_sub(1)).map_or(at, |(end, _)| end);
    text.truncate(end);
    text.push('…');
    true
}

/// The value with every text in it escaped.
fn escaped_texts(value: &Value, escape: fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => escape(text).into(),
        Value::Array(items) => items.iter().map(|item| escaped_texts(item, escape)).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), escaped_texts(value, escape))).collect(),
        other => other.clone(),
    }
}

/// What templates see of an asset.
fn asset(asset: &Asset) -> Pairs {
    let location = [&asset.location_line, &asset.location_station];
    let location: Vec<&str> = location.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let pairs = [
        ("asset_code", asset.asset_code.to_string()),
        ("name", asset.name.clone()),
        ("kind", asset.kind.clone()),
        ("location", location.join("/")),
        ("criticality", asset.criticality.clone()),
        ("supervisor", asset.supervisor.clone()),
        ("supervisor_email", asset.supervisor_email.clone()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn escaped(labels: &LabelSet, escape: fn(&str) -> String) -> LabelSet {
    let pairs: Vec<(String, String)> = labels.iter().map(|(name, value)| (escape(name), escape(value))).collect();
    let escaped = LabelSet::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    // What does not fit is longer than any chat takes; nothing unescaped may stand in its place.
    escaped.unwrap_or_else(|_| LabelSet::empty())
}

#[cfg(test)]
mod tests;
