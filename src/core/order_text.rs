//! The texts of a new order, as far as they are templates: who fills them in is no business of the core's.

use std::fmt;

use super::asset::Asset;
use super::outbox::ToldAlert;
use super::policy::WorkOrderRule;
use crate::time::Timestamp;

/// What an order is opened for.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The receiver whose rule it is.
    pub receiver: &'a str,
    /// The rule.
    pub rule: &'a WorkOrderRule,
    /// The alert.
    pub told: &'a ToldAlert,
    /// What is known of the asset.
    pub asset: &'a Asset,
    /// When.
    pub now: Timestamp,
}

/// The texts of an order. What is absent is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderText {
    /// In one line.
    pub title: Option<String>,
    /// In full.
    pub description: Option<String>,
    /// What failed in a template, for a note on the order.
    pub failed: Vec<String>,
}

/// Fills in the texts of new orders. The same occasion gives the same texts, at any time.
pub trait OrderTexts: fmt::Debug + Send + Sync {
    /// The texts for this occasion. A template that fails costs its own text alone.
    fn fill_in(&self, occasion: Occasion<'_>) -> OrderText;
}
