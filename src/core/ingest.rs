//! Alerts as they arrive: parsed and hashed by whoever received them, not yet looked up.
//!
//! A [`Batch`] holds all texts of a request in one string, so that an alert that is already known costs no allocation.

use std::ops::Range;

use super::label::{self, Fingerprint, Pairs, TooLong};
use crate::time::Timestamp;

/// The alerts of one request, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    text: String,
    items: Vec<Item>,
}

#[derive(Clone, Debug)]
struct Item {
    labels: Range<usize>,
    annotations: Range<usize>,
    generator_url: Range<usize>,
    fingerprint: Fingerprint,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// One alert of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Arriving<'a> {
    /// The labels in packed form, empty values left out.
    pub labels: &'a str,
    /// The annotations in packed form.
    pub annotations: &'a str,
    /// Where it comes from, or empty.
    pub generator_url: &'a str,
    /// Of the labels.
    pub fingerprint: Fingerprint,
    /// As sent; the zero time if it was not.
    pub starts_at: Timestamp,
    /// As sent; the zero time if it was not.
    pub ends_at: Timestamp,
}

impl Batch {
    /// With room for so many alerts and bytes of text.
    pub fn with_capacity(alerts: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), items: Vec::with_capacity(alerts) }
    }

    /// Adds an alert. Sorts both lists of pairs and leaves out labels without a value.
    ///
    /// # Errors
    /// [`TooLong`] if a name or value does not fit; the batch is then as before.
    pub fn push(
        &mut self,
        labels: &mut Vec<(&str, &str)>,
        annotations: &mut Vec<(&str, &str)>,
        generator_url: &str,
        starts_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<(), TooLong> {
        label::sort_pairs(labels);
        labels.retain(|(_, value)| !value.is_empty());
        label::sort_pairs(annotations);
        let start = self.text.len();
        let mut append = |pairs: &[(&str, &str)]| {
            let from = self.text.len();
            label::pack(pairs, &mut self.text).map(|()| from..self.text.len())
        };
        let packed = append(labels).and_then(|labels| Ok((labels, append(annotations)?)));
        let (packed_labels, annotations) = packed.inspect_err(|_| self.text.truncate(start))?;
        let from = self.text.len();
        self.text.push_str(generator_url);
        let fingerprint = Fingerprint::of(labels.iter().copied());
        let generator_url = from..self.text.len();
        self.items.push(Item { labels: packed_labels, annotations, generator_url, fingerprint, starts_at, ends_at });
        Ok(())
    }

    /// The alerts in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = Arriving<'_>> {
        self.items.iter().map(|item| Arriving {
            labels: &self.text[item.labels.clone()],
            annotations: &self.text[item.annotations.clone()],
            generator_url: &self.text[item.generator_url.clone()],
            fingerprint: item.fingerprint,
            starts_at: item.starts_at,
            ends_at: item.ends_at,
        })
    }

    /// How many bytes the texts of all its alerts have.
    pub fn text(&self) -> usize {
        self.text.len()
    }

    /// How many alerts it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<'a> Arriving<'a> {
    /// How many bytes its texts have.
    pub fn text(&self) -> usize {
        self.labels.len() + self.annotations.len() + self.generator_url.len()
    }

    /// The labels.
    pub fn labels(&self) -> Pairs<'a> {
        Pairs::of(self.labels)
    }

    /// The annotations.
    pub fn annotations(&self) -> Pairs<'a> {
        Pairs::of(self.annotations)
    }
}

/// Why an alert of a batch was not taken. The texts are Alertmanager's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// No label has a value.
    #[error("at least one label pair required")]
    NoLabels,
    /// It would end before it starts.
    #[error("start time must be before end time")]
    EndsBeforeStart,
    /// A label has a name that the mode does not allow.
    #[error("invalid label set: invalid name {0}")]
    LabelName(String),
    /// An annotation has a name that the mode does not allow.
    #[error("invalid annotations: invalid name {0}")]
    AnnotationName(String),
    /// It goes beyond a limit of ours; names the limit.
    #[error("{0}")]
    Limit(String),
}
