//! What an integration was told, what waits for it, and what the next flush tells it.

use std::sync::Arc;

use super::subject::Subject;
use super::{AlertState, LastTold, Stage, ThreadNow, Trouble, Verdict, Waiting};
use crate::core::dedup::NoNews;
use crate::core::look::{Member, News};
use crate::core::outbox::{Delivery, DeliveryId, Thread};
use crate::core::policy::{Integration, Route};
use crate::time::Timestamp;

impl Subject<'_> {
    pub(super) fn thread(
        &self,
        thread: Thread,
        integration: &Integration,
        route: &Route,
        members: &[Member],
        next_flush: Timestamp,
    ) -> ThreadNow {
        let alert = self.kept.fingerprint;
        let verdict = match self.look.news(next_flush, &thread, integration, route, members) {
            Err(no) => Verdict::Nothing(no),
            Ok(News { reason, alerts, .. }) => {
                let mut sent = alerts.iter().filter(|told| integration.send_resolved || !told.resolved).peekable();
                match sent.peek() {
                    None => Verdict::NotWanted,
                    Some(_) => Verdict::Told(reason, sent.any(|told| told.alert.fingerprint() == alert)),
                }
            }
        };
        let told = self.view.ledger.get(&thread);
        let last_told = told.map(|told| LastTold {
            at: (!told.at.is_zero()).then_some(told.at),
            open: told.open.contains(&alert) || told.firing.contains(&alert),
        });
        let tells = |row: &Delivery| row.alerts.iter().any(|told| told.alert.fingerprint() == alert);
        let rows = self.view.outbox.values().filter(|row| row.thread == thread && tells(row));
        let dead = self.view.dead_letters.values();
        let dead = dead.filter(|letter| letter.delivery.thread == thread && tells(&letter.delivery));
        ThreadNow {
            instead: self.instead(verdict, told.map(|told| told.at), route, next_flush),
            last_told,
            verdict,
            verdict_at: next_flush,
            trouble: self.trouble(&thread),
            waiting: rows.map(|row| self.waiting(row)).collect(),
            dead: dead.map(|letter| (letter.at, letter.error.clone())).collect(),
            attempts: Vec::new(),
            thread,
        }
    }

    fn waiting(&self, row: &Arc<Delivery>) -> Waiting {
        let stage = if self.view.in_flight.contains(&row.id) {
            Stage::InFlight
        } else if self.view.parked.contains(&row.id) {
            Stage::RateLimited
        } else {
            self.earlier(row).map_or(Stage::Waits, Stage::Behind)
        };
        let Delivery { id, reason, decided_at, attempts, due_at, ref last_error, .. } = **row;
        Waiting { id, reason, decided_at, attempts, due_at, last_error: last_error.clone(), stage }
    }

    /// The first notification of a row's thread, if it is another one: only the first is ever due.
    fn earlier(&self, row: &Delivery) -> Option<DeliveryId> {
        let before = self.view.outbox.values().filter(|other| other.thread == row.thread && other.id < row.id);
        before.map(|other| other.id).min()
    }

    /// What keeps the thread's integration from being told anything.
    fn trouble(&self, thread: &Thread) -> Option<Trouble> {
        let faring = self.view.faring.get(&thread.integration_key())?;
        if let Some(missing) = &faring.not_configured {
            // As the attempt says it, which begins with what the kind of trouble says.
            let missing = missing.strip_prefix("not configured: ").unwrap_or(missing);
            return Some(Trouble::NotConfigured(Arc::from(missing)));
        }
        let error = faring.last_error.as_ref().map_or_else(|| Arc::from(""), |(_, error)| Arc::clone(error));
        // A probe that is due is made at once, or is under way.
        let probed_at = faring.probed_at.map(|at| at.max(self.now));
        faring.failing_since.map(|since| Trouble::Failing { since, failures: faring.failures, error, probed_at })
    }

    fn instead(&self, verdict: Verdict, told_at: Option<Timestamp>, route: &Route, next: Timestamp) -> Option<String> {
        let no = match verdict {
            Verdict::Told(_, true) => return None,
            Verdict::Told(_, false) => {
                return Some(match self.state {
                    AlertState::Resolved { .. } => "the alert is over; it would have to fire again".to_owned(),
                    _ => "this alert is left out: what holds it back would have to end".to_owned(),
                });
            }
            Verdict::NotWanted => return Some("send_resolved would have to be true".to_owned()),
            Verdict::Nothing(no) => no,
        };
        Some(match no {
            NoNews::NeverTold => "an alert of the group would have to fire: nothing of it had been told".to_owned(),
            NoNews::HeldBack if *self.state == AlertState::NotKnown => {
                "what holds it back would have to end".to_owned()
            }
            NoNews::HeldBack => match self.state {
                AlertState::Resolved { .. } => "it is over, and the group has nothing to tell".to_owned(),
                _ => "what holds the alerts of the group back would have to end".to_owned(),
            },
            NoNews::Acknowledged => "the acknowledgement would have to end, or a new alert to join".to_owned(),
            NoNews::AlreadyTold => {
                let again = told_at.map(|at| repeats_at(at, route, next));
                let again = again.map(|at| format!(" by {}", super::text::time(at))).unwrap_or_default();
                format!("a new alert would have to join, one be over, or repeat_interval pass, as it will{again}")
            }
        })
    }
}

/// The first flush that repeats what was told at a moment.
pub(super) fn repeats_at(told_at: Timestamp, route: &Route, next_flush: Timestamp) -> Timestamp {
    let due = told_at.after(route.repeat_interval);
    let interval = route.group_interval.as_secs().max(1);
    // The flush must be later than the interval's end, not at it.
    let missing = due.since(next_flush).as_secs();
    let flushes = if due < next_flush { 0 } else { missing / interval + 1 };
    next_flush.after(std::time::Duration::from_secs(flushes * interval))
}
