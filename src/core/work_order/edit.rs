//! How an order changes: every change is written into its history as it is made.

use super::{HistoryEntry, Note, OrderEvent, Status, WorkOrder};
use crate::core::change::Actor;
use crate::time::Timestamp;

/// How many entries a history keeps.
const LONGEST_HISTORY: usize = 500;
/// How many of them are the first ones.
const KEPT_BEGINNING: usize = 50;

/// Who changes an order, when and why.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'a Actor,
    /// Why, in their words; or empty.
    pub why: &'a str,
}

impl By<'_> {
    /// Andon itself.
    pub fn clock(at: Timestamp) -> Self {
        By { at, actor: &Actor::Clock, why: "" }
    }
}

impl WorkOrder {
    /// Notes in the history that something happened.
    pub fn record(&mut self, by: By<'_>, event: OrderEvent, text: impl Into<String>) {
        let (actor, text, why) = (by.actor.clone(), text.into(), by.why.to_owned());
        let revision = self.revision.saturating_add(1);
        if self.history.len() >= LONGEST_HISTORY {
            self.history.remove(KEPT_BEGINNING);
        }
        self.history.push(HistoryEntry { revision, at: by.at, actor, event, text, why });
    }

    /// Adds a note.
    pub fn note(&mut self, by: By<'_>, text: impl Into<String>) {
        self.notes.push(Note { at: by.at, actor: by.actor.clone(), text: text.into() });
    }

    /// Goes one step of the state machine, which must have it.
    pub fn go(&mut self, by: By<'_>, to: Status) {
        let from = std::mem::replace(&mut self.status, to);
        let mut text = format!("status: {} to {}", from.as_str(), to.as_str());
        let event = match to {
            Status::Open if !from.is_open() => {
                (self.closed_at, self.actual_end) = (None, None);
                self.ladder.clear();
                // Whoever had it does not have it again without being asked.
                self.assignee.clear();
                OrderEvent::Reopened
            }
            Status::Open | Status::Assigned => {
                if to == Status::Open && !self.assignee.is_empty() {
                    text += &format!("; assignee: {} to nobody", self.assignee);
                    self.assignee.clear();
                }
                OrderEvent::Assigned
            }
            Status::InProgress => {
                self.actual_start.get_or_insert(by.at);
                OrderEvent::Started
            }
            Status::OnHold => OrderEvent::Held,
            Status::Completed => {
                self.actual_end = Some(by.at);
                OrderEvent::Completed
            }
            Status::Cancelled => OrderEvent::Cancelled,
        };
        if to != Status::Open && to != Status::Cancelled {
            self.acknowledged_at.get_or_insert(by.at);
        }
        if !to.is_open() {
            self.closed_at = Some(by.at);
        }
        self.record(by, event, text);
    }

    /// Gives the order to somebody, whatever its status is then.
    pub fn give_to(&mut self, by: By<'_>, assignee: &str) {
        let name = |name: &str| if name.is_empty() { "nobody".to_owned() } else { name.to_owned() };
        let text = format!("assignee: {} to {}", name(&self.assignee), name(assignee));
        assignee.clone_into(&mut self.assignee);
        self.record(by, OrderEvent::Assigned, text);
        if !assignee.is_empty() {
            self.acknowledged_at.get_or_insert(by.at);
        }
    }
}
