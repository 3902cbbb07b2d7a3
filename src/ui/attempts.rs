//! The last attempts of each integration: from the journal, and with what was said and heard where it is still known.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Sight;
use super::held::group_name;
use super::words::{When, short};
use crate::core::history::{Event, What};
use crate::core::label::LabelSet;
use crate::core::note::{AttemptEnd, Heard};
use crate::core::outbox::{DeliveryId, IntegrationKey};
use crate::time::Timestamp;

/// Attempts that are shown for each integration.
const SHOWN: usize = 5;

/// An attempt to tell.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// For its place on the page.
    id: String,
    at: When,
    about: String,
    word: &'static str,
    class: &'static str,
    number: u32,
    answer: String,
    /// What was said and heard; empty where nobody remembers.
    request: String,
    heard: String,
}

/// Attempts of which the journal tells, by integration, the latest first.
pub struct Attempts(BTreeMap<IntegrationKey, Vec<(Timestamp, Attempted)>>);

struct Attempted {
    id: DeliveryId,
    number: u32,
    about: LabelSet,
    end: AttemptEnd,
    answer: String,
}

impl Attempt {
    /// Takes its request and answer out of the room that there is; leaves them away where there is none.
    pub(super) fn fit(&mut self, room: &mut usize) {
        match room.checked_sub(self.request.len() + self.heard.len()) {
            Some(rest) => *room = rest,
            None => (self.request, self.heard) = Default::default(),
        }
    }
}

impl Attempts {
    /// From events that come the latest first.
    pub fn of(events: &[Event]) -> Self {
        let mut all: BTreeMap<IntegrationKey, Vec<(Timestamp, Attempted)>> = BTreeMap::new();
        for event in events {
            let What::Attempted(attempted) = &event.what else { continue };
            let known = all.entry(attempted.of.thread.integration_key()).or_default();
            if known.len() < SHOWN {
                let (of, number, end) = (&attempted.of, attempted.number, attempted.end);
                let about = of.alerts.first().filter(|_| of.group_labels.is_empty()).unwrap_or(&of.group_labels);
                let (about, answer) = (about.clone(), attempted.answer.clone());
                known.push((event.at, Attempted { id: of.id, number, about, end, answer }));
            }
        }
        Self(all)
    }

    /// The last ones of an integration, those that a worker remembers among them.
    pub(super) fn shown(&self, sight: &Sight<'_>, key: &IntegrationKey, remembered: &[Arc<Heard>]) -> Vec<Attempt> {
        let stored = self.0.get(key).into_iter().flatten();
        let stored: BTreeMap<_, _> = stored.map(|(at, one)| ((one.id, one.number), (*at, one))).collect();
        let heard: BTreeMap<_, _> = remembered.iter().map(|heard| ((heard.id, heard.number), heard)).collect();
        let only_heard = heard.iter().filter(|(which, _)| !stored.contains_key(*which));
        let mut shown: Vec<_> = only_heard.map(|(_, heard)| (heard.at, of_memory(sight, heard))).collect();
        shown.extend(stored.iter().map(|(which, (at, one))| {
            let heard = heard.get(which).map(|heard| &***heard);
            (*at, attempt(sight, *at, one, heard))
        }));
        shown.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        shown.into_iter().map(|(_, attempt)| attempt).take(SHOWN).collect()
    }
}

/// An attempt of which the journal does not tell, or no more.
fn of_memory(sight: &Sight<'_>, heard: &Heard) -> Attempt {
    let (id, number, end) = (heard.id, heard.number, heard.end);
    let (about, answer) = (heard.about.clone(), heard.error.clone());
    attempt(sight, heard.at, &Attempted { id, number, about, end, answer }, Some(heard))
}

fn attempt(sight: &Sight<'_>, at: Timestamp, of: &Attempted, heard: Option<&Heard>) -> Attempt {
    let (word, class) = match of.end {
        AttemptEnd::Delivered => ("told", "good"),
        AttemptEnd::Retry => ("failed", "soon"),
        AttemptEnd::Refused => ("refused", "failing"),
        AttemptEnd::GivenUp => ("given up", "failing"),
    };
    let exchange = heard.map(|heard| &heard.exchange);
    Attempt {
        id: format!("{}-{}", of.id.0, of.number),
        at: When::new(at, sight.now),
        about: group_name(&of.about),
        word,
        class,
        number: of.number,
        answer: short(&of.answer),
        request: exchange.map(|exchange| exchange.request.clone()).unwrap_or_default(),
        heard: exchange.map(|exchange| exchange.answer.clone()).unwrap_or_default(),
    }
}
