//! What a template sees: a notification, and what the plant adds to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::config::TemplateEngine;
use crate::core::notification::Data;
use crate::time::Timestamp;

/// Names to values, sorted by name.
pub type Pairs = BTreeMap<String, String>;

/// Everything that a template sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// The notification.
    pub data: Data,
    /// The asset concerned, if it is known: `asset_code`, `name`, `location`, `criticality`, `supervisor`.
    pub asset: Option<Pairs>,
    /// The work orders concerned, as [`super::order::order`] shows them; the most urgent first.
    pub work_orders: Vec<Value>,
    /// What a mail about a work order says beside it.
    pub order_mail: Option<Value>,
    /// What a digest says, as [`super::order::digest`] shows it.
    pub digest: Option<Value>,
    /// When it is rendered; templates have no other clock.
    pub now: Timestamp,
    /// The time zone that people read times in.
    pub time_zone: Arc<str>,
}

impl Context {
    /// A notification of which neither asset nor work order is known.
    pub fn new(data: Data, now: Timestamp) -> Self {
        Self {
            data,
            asset: None,
            work_orders: Vec::new(),
            order_mail: None,
            digest: None,
            now,
            time_zone: Arc::from("UTC"),
        }
    }
}

/// `alertname` first, then by name: the order in which Alertmanager shows labels.
pub fn sorted_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    let mut sorted: Vec<(&str, &str)> = pairs.into_iter().collect();
    sorted.sort_by_key(|(name, _)| (*name != "alertname", *name));
    sorted
}

/// Which of the two template languages a configuration is written in: `template_engine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Go templates, as Alertmanager has them; where the configuration does not say.
    #[default]
    Go,
    /// Handlebars.
    Handlebars,
}

impl From<TemplateEngine> for Engine {
    fn from(chosen: TemplateEngine) -> Self {
        match chosen {
            TemplateEngine::Go => Self::Go,
            TemplateEngine::Handlebars => Self::Handlebars,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alertname_leads() {
        let sorted = sorted_pairs([("b", "1"), ("alertname", "2"), ("a", "3")]);
        assert_eq!(sorted, [("alertname", "2"), ("a", "3"), ("b", "1")]);
    }
}
