//! The last attempts of each integration, with what was said and heard, for people who ask why.
//!
//! In memory and bounded; gone with the process. How each attempt ended, and the beginning of the answer, the journal
//! keeps. What comes in is without secrets already.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::core::note::{AttemptEnd, Heard};
use crate::core::outbox::{Delivery, Exchange, IntegrationKey};
use crate::time::Timestamp;

/// How many attempts are kept of each integration.
const KEPT: usize = 5;
/// Of how many integrations; of more than that, those that were told last.
const INTEGRATIONS: usize = 512;
/// How much of a request is kept, in bytes.
const REQUEST: usize = 4 << 10;
/// How much of an answer is kept, in bytes.
const ANSWER: usize = 1 << 10;

/// The last attempts.
#[derive(Debug, Default)]
pub struct Recent(Mutex<BTreeMap<IntegrationKey, VecDeque<Arc<Heard>>>>);

impl Recent {
    /// Keeps an attempt with a row.
    pub fn keep(&self, at: Timestamp, row: &Delivery, end: AttemptEnd, error: &str, exchange: &Exchange) {
        let about = match row.alerts.first() {
            Some(first) if row.group_labels.is_empty() => first.alert.labels.clone(),
            _ => row.group_labels.clone(),
        };
        let exchange =
            Exchange { request: beginning(&exchange.request, REQUEST), answer: beginning(&exchange.answer, ANSWER) };
        let (id, number, error) = (row.id, row.attempts.saturating_add(1), beginning(error, ANSWER));
        let attempt = Arc::new(Heard { at, id, number, about, end, error, exchange });
        let mut kept = self.0.lock();
        let last = kept.entry(row.thread.integration_key()).or_default();
        last.push_front(attempt);
        last.truncate(KEPT);
        if kept.len() > INTEGRATIONS {
            let at = |of: &VecDeque<Arc<Heard>>| of.front().map(|attempt| attempt.at);
            let oldest = kept.iter().min_by_key(|(_, last)| at(last)).map(|(key, _)| key.clone());
            oldest.map(|key| kept.remove(&key));
        }
    }

    /// Those of an integration, the latest first.
    pub fn of(&self, key: &IntegrationKey) -> Vec<Arc<Heard>> {
        self.0.lock().get(key).into_iter().flatten().cloned().collect()
    }
}

/// The beginning of a text, cut between characters, with a mark where something is left out.
fn beginning(text: &str, most: usize) -> String {
    match text.get(..text.floor_char_boundary(most)) {
        Some(beginning) if beginning.len() < text.len() => format!("{beginning}…"),
        _ => text.to_owned(),
    }
}

/// What of an answer the journal keeps: the status and the beginning of the body, on one line.
pub(super) fn in_short(answer: &str) -> String {
    const KEPT: usize = 256;
    let mut words = answer.split_whitespace();
    let mut short = words.next().unwrap_or_default().to_owned();
    for (place, word) in words.enumerate() {
        if short.len() > KEPT {
            break;
        }
        short.push_str(if place == 0 { ": " } else { " " });
        short.push_str(word);
    }
    beginning(&short, KEPT)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::receivers::test_support::{delivery, told};

    #[test]
    fn the_last_attempts_of_an_integration_are_kept_and_no_more() {
        let recent = Recent::default();
        let mut row = delivery(vec![told(&[("a", "1")], &[], false)]);
        let exchange = Exchange { request: "é".repeat(REQUEST), answer: "x".repeat(ANSWER) };
        for attempts in 0..9 {
            row.attempts = attempts;
            recent.keep(Timestamp::EPOCH, &row, AttemptEnd::Retry, "busy", &exchange);
        }
        let kept = recent.of(&row.thread.integration_key());
        assert_eq!(kept.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [9, 8, 7, 6, 5]);
        assert_eq!(kept[0].exchange.request, format!("{}…", "é".repeat(REQUEST / 2)));
        assert_eq!(kept[0].exchange.answer, exchange.answer);
        assert_eq!(kept[0].about.to_string(), r#"{a="1"}"#);
        row.thread.index = 7;
        assert!(recent.of(&row.thread.integration_key()).is_empty());
    }

    #[test]
    fn of_many_integrations_those_that_were_told_last_are_kept() {
        let recent = Recent::default();
        let mut row = delivery(vec![told(&[("a", "1")], &[], false)]);
        for index in 0..INTEGRATIONS as u32 + 3 {
            row.thread.index = index;
            let at = Timestamp::EPOCH.after(Duration::from_secs(index.into()));
            recent.keep(at, &row, AttemptEnd::Delivered, "", &Exchange::default());
        }
        let kept = |index| {
            let key = IntegrationKey { index, ..row.thread.integration_key() };
            recent.of(&key).len()
        };
        assert_eq!([kept(0), kept(2), kept(3), kept(INTEGRATIONS as u32 + 2)], [0, 0, 1, 1]);
    }

    #[test]
    fn the_journal_keeps_the_status_and_the_beginning_of_the_body() {
        for (answer, short) in [
            ("", String::new()),
            ("200\n\n", "200".into()),
            ("202\n\n{\"status\":\n \"success\"}\n", "202: {\"status\": \"success\"}".into()),
            (&*format!("200\n\n{}", "é".repeat(900)), format!("200: {}…", "é".repeat(125))),
        ] {
            assert_eq!(in_short(answer), short);
        }
    }
}
