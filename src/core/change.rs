//! What is stored: absolute changes of keyed state, and who caused them.
//!
//! A change says "this is now so", never "add one", so committing it twice is harmless. The whole state is a list of
//! changes as well: a checkpoint is the shortest list that leads to it.

use std::fmt;
use std::sync::Arc;

use super::ack::{Ack, AckEnd};
use super::alert::Alert;
use super::label::{Fingerprint, LabelSet};
use super::mirrored::Mirrored;
use super::note::Note;
use super::outbox::{DeadLetter, Delivery, DeliveryId, Standing, Thread, Told};
use super::silence::{Silence, SilenceId};
use super::work_order::WorkOrder;
use crate::time::Timestamp;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A sender of alerts, at this address.
    Sender(String),
    /// A person or program at the API, by the name it gave and its address.
    User {
        /// As far as known.
        name: String,
        /// Where the request came from.
        address: String,
    },
    /// The passing of time.
    Clock,
    /// A delivery worker.
    Worker,
    /// A reload of the configuration, by whom.
    Reload(String),
    /// Whoever opened a signed link of a mail: the recipient that the mail was sent to.
    MailLink(String),
    /// Another system that work orders are mirrored to (`postgres`, `atlas`, …), and the person it names, or empty.
    Mirror {
        /// Which system.
        system: String,
        /// Who there, as far as known.
        person: String,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sender(address) => write!(f, "sender {address}"),
            Self::User { name, address } if name.is_empty() => write!(f, "user at {address}"),
            Self::User { name, address } => write!(f, "{name} at {address}"),
            Self::Clock => f.write_str("clock"),
            Self::Worker => f.write_str("delivery"),
            Self::Reload(by) => write!(f, "reload by {by}"),
            Self::MailLink(recipient) => write!(f, "{recipient} by mail"),
            Self::Mirror { system, person } if person.is_empty() => f.write_str(system),
            Self::Mirror { system, person } => write!(f, "{person} in {system}"),
        }
    }
}

/// A group's identity: the route (its unique id) and the group labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId {
    /// [`super::policy::Route::id`].
    pub route_id: Arc<str>,
    /// The labels that the group's alerts share.
    pub labels: LabelSet,
}

/// What of a group is stored. Its alerts are found again by routing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGroup {
    /// Which group.
    pub id: GroupId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is flushed next.
    pub next_flush: Timestamp,
    /// When it was last flushed; zero if never.
    pub last_flush: Timestamp,
    /// The time intervals that muted it at the last flush.
    pub muted_by: Vec<Arc<str>>,
}

/// One change of the stored state.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The changes after this one, up to the next of its kind, are this one's doing. Changes no state.
    By(Actor),
    /// The alert with these labels is now so.
    Alert(Arc<Alert>),
    /// The alert was sent again and nothing but these times changed. May be stored late.
    Refreshed {
        /// Which alert.
        fingerprint: Fingerprint,
        /// When it ends.
        ends_at: Timestamp,
        /// When it was received.
        updated_at: Timestamp,
    },
    /// The alert is no longer kept.
    AlertGone(Fingerprint),
    /// The group is now so.
    Group(Arc<StoredGroup>),
    /// The group was flushed and had nothing to tell: only its timer moved. May be stored late.
    GroupTimer {
        /// Which group.
        id: GroupId,
        /// When it is flushed next.
        next_flush: Timestamp,
        /// When it was last flushed.
        last_flush: Timestamp,
    },
    /// The group is gone.
    GroupGone(GroupId),
    /// The silence is now so.
    Silence(Arc<Silence>),
    /// The silence is no longer kept.
    SilenceGone(SilenceId),
    /// What the thread was last told is now this, or nothing.
    Told(Thread, Option<Arc<Told>>),
    /// The outbox row is now so.
    Outbox(Arc<Delivery>),
    /// What the outbox row says is the same, and this is how it stands now.
    Standing(DeliveryId, Standing),
    /// The outbox row is gone: delivered, superseded, or dead.
    OutboxGone(DeliveryId),
    /// The dead letter is now so.
    Dead(Arc<DeadLetter>),
    /// The dead letter is gone.
    DeadGone(DeliveryId),
    /// The dead letter is gone, since somebody put it away.
    DeadDiscarded {
        /// Which.
        id: DeliveryId,
        /// Why.
        reason: String,
    },
    /// The work order is now so.
    WorkOrder(Arc<WorkOrder>),
    /// A digest of the work orders was decided at this moment, or there was nothing for one to say.
    Digested(Timestamp),
    /// The work order is no longer kept.
    WorkOrderGone(Arc<str>),
    /// The group's acknowledgement is now so.
    Ack(Arc<Ack>),
    /// The group with this key is not acknowledged any more, and why.
    AckGone(Arc<str>, AckEnd),
    /// What another system has taken of a work order is now this. It goes with the order.
    Mirrored(Arc<Mirrored>),
    /// Something happened that no change of state tells. Changes no state.
    Noted(Note),
    /// The configuration in force is now this one (SHA-256 of the file's bytes in hexadecimal, and its text without
    /// secrets). Changes no other state.
    Config {
        /// SHA-256 of the file.
        hash: String,
        /// The configuration, redacted.
        text: String,
    },
}

impl Change {
    /// Whether it may wait for the next commit that is made anyhow, at most about a second.
    pub fn is_lazy(&self) -> bool {
        matches!(self, Self::Refreshed { .. } | Self::GroupTimer { .. } | Self::Noted(_) | Self::By(_))
    }

    /// About how many bytes it takes where it is stored.
    pub fn weight(&self) -> usize {
        const SMALL: usize = 64;
        SMALL
            + match self {
                Self::Alert(alert) => alert.weight(),
                Self::Outbox(row) => row.weight(),
                Self::Dead(letter) => {
                    letter.delivery.weight() + letter.exchange.request.len() + letter.exchange.answer.len()
                }
                Self::Told(_, Some(told)) => 9 * (told.firing.len() + told.resolved.len() + told.open.len()),
                Self::WorkOrder(order) => order.weight(),
                Self::Noted(note) => note.weight(),
                Self::Config { text, .. } => text.len(),
                _ => 0,
            }
    }

    /// So many bytes it takes where it is stored at the least: texts of what may become very large.
    pub fn least(&self) -> usize {
        match self {
            Self::Alert(alert) => alert.text(),
            Self::Outbox(row) => row.text(),
            Self::Dead(letter) => letter.delivery.text() + letter.exchange.request.len() + letter.exchange.answer.len(),
            Self::Config { text, .. } => text.len(),
            _ => 0,
        }
    }
}
