//! What is to be told and what was told: outbox rows, dead letters, and the ledger.
//!
//! Three names are kept apart. A **thread** is an integration of a receiver times a group: a PagerDuty incident, a mail
//! thread. An **episode** runs from first told firing to told resolved. A **notification id** names one notification of
//! an episode and stays the same over all attempts to send it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::ack::Ack;
use super::alert::Alert;
use super::label::{Fingerprint, LabelSet};
use super::order_mail::{News, OrdersBehind};
use super::policy::Integration;
use super::urgency::Urgency;
use crate::time::Timestamp;

/// An integration of a receiver times a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thread {
    /// The group key, as in webhook bodies.
    pub group_key: Arc<str>,
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// The integration's kind: `webhook`, …
    pub kind: Arc<str>,
    /// The integration's place among those of its kind.
    pub index: u32,
}

impl Thread {
    /// The thread of a group and an integration of a receiver.
    pub fn of(group_key: &Arc<str>, receiver: &Arc<str>, integration: &Integration) -> Self {
        Self {
            group_key: Arc::clone(group_key),
            receiver: Arc::clone(receiver),
            kind: Arc::from(integration.kind),
            index: integration.index,
        }
    }

    /// The integration that the thread speaks to.
    pub fn integration_key(&self) -> IntegrationKey {
        IntegrationKey { receiver: Arc::clone(&self.receiver), kind: Arc::clone(&self.kind), index: self.index }
    }

    /// The integration as people read it: `webhook[0]`.
    pub fn integration(&self) -> String {
        format!("{}[{}]", self.kind, self.index)
    }

    /// SHA-256 of the group key in hexadecimal: Alertmanager's key for what must not be sent as text (`dedup_key`).
    pub fn group_key_hash(&self) -> String {
        group_key_hash(&self.group_key)
    }
}

/// SHA-256 of a group key in hexadecimal.
pub fn group_key_hash(group_key: &str) -> String {
    hex(&Sha256::digest(group_key.as_bytes()))
}

/// An integration of a receiver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntegrationKey {
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// The integration's kind.
    pub kind: Arc<str>,
    /// Its place among those of its kind.
    pub index: u32,
}

/// An outbox row's id: ascending in the order of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// Why a notification is sent. The words are those of Alertmanager's `notification_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Nothing of the group had been told.
    First,
    /// An alert fires that had not been told.
    NewAlerts,
    /// All that had been told firing is over.
    AllResolved,
    /// Some of it is over.
    SomeResolved,
    /// Nothing changed, but `repeat_interval` has passed.
    Repeat,
    /// Somebody has taken the group on, or does so no more. Only for who can show it; Alertmanager has no such word.
    Acknowledged,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::First, Self::NewAlerts, Self::AllResolved, Self::SomeResolved, Self::Repeat, Self::Acknowledged];

    /// The words on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first notification",
            Self::NewAlerts => "new alerts added",
            Self::AllResolved => "all alerts resolved",
            Self::SomeResolved => "some alerts resolved",
            Self::Repeat => "repeat interval elapsed",
            Self::Acknowledged => "acknowledged",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An alert as it is told: with the verdict of the flush on whether it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldAlert {
    /// The alert as it was at the flush.
    pub alert: Arc<Alert>,
    /// Whether it was over at the flush.
    pub resolved: bool,
}

/// A row of the outbox: one decision to notify one integration.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Where it belongs; rows of a thread are sent in order, one at a time.
    pub thread: Thread,
    /// When the thread's episode began.
    pub episode: Timestamp,
    /// The notification's number within the episode, from 0.
    pub sequence: u32,
    /// Why.
    pub reason: Reason,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The labels of the group.
    pub group_labels: LabelSet,
    /// The labels of the route.
    pub route_labels: LabelSet,
    /// What is told, in Alertmanager's order; empty only where it is news of orders.
    pub alerts: Arc<[ToldAlert]>,
    /// The alerts that the thread is told firing for the first time: not told, if this cannot be delivered.
    pub new: BTreeSet<Fingerprint>,
    /// Attempts that failed so far.
    pub attempts: u32,
    /// When the next attempt is due.
    pub due_at: Timestamp,
    /// Since when it is tried: the decision, or the last moment at which its receiver was not configured.
    pub tried_since: Timestamp,
    /// What the last attempt met, or empty.
    pub last_error: String,
    /// What the receiver wanted to know again when it was last told of the episode.
    pub receiver_data: ReceiverData,
    /// Who had taken the group on when it was decided.
    pub acknowledged: Option<Arc<Ack>>,
    /// Since when the thread waits for this row, or for those whose place it took.
    pub undelivered_since: Timestamp,
    /// What it tells of work orders; nothing where it tells alerts.
    pub news: Option<News>,
    /// The orders behind its alerts, once a worker has it.
    pub orders: OrdersBehind,
    /// The message that it is told in together with others, by the first of the rows that were in it.
    pub told_with: Option<DeliveryId>,
    /// What its receiver was called when it was decided, if it has another name by now: its id is made of that.
    pub named_after: Option<Arc<str>>,
}

impl Delivery {
    /// Whether anything it tells still fires.
    pub fn firing(&self) -> bool {
        self.alerts.iter().any(|told| !told.resolved)
    }

    /// How urgent it is: as its most urgent alert, over or not, or as the order that it is about.
    pub fn urgency(&self) -> Urgency {
        let of_alerts = self.alerts.iter().map(|told| Urgency::of(&told.alert.labels));
        let of_order = match &self.news {
            Some(News::Order(news)) => Some(Urgency::of_order(news.order.priority)),
            Some(News::Digest(_)) | None => None,
        };
        of_alerts.chain(of_order).min().unwrap_or(Urgency::Rest)
    }

    /// The name of this notification: the same over all attempts to send it, over restarts and names of its receiver, and
    /// no other's. Hexadecimal SHA-256 of thread, episode and sequence, each text preceded by its length.
    pub fn notification_id(&self) -> String {
        let thread = &self.thread;
        let mut hash = Sha256::new();
        let receiver = self.named_after.as_ref().unwrap_or(&thread.receiver);
        for text in [&thread.group_key, receiver, &thread.kind] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(thread.index.to_be_bytes());
        hash.update(self.episode.secs().to_be_bytes());
        hash.update(self.episode.subsec_nanos().to_be_bytes());
        hash.update(self.sequence.to_be_bytes());
        hex(&hash.finalize())
    }
}

/// How a row stands: what may change of it while what it says stays the same. It is stored by itself, since a row may be
/// large, and is tried often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// [`Delivery::attempts`].
    pub attempts: u32,
    /// [`Delivery::due_at`].
    pub due_at: Timestamp,
    /// [`Delivery::tried_since`].
    pub tried_since: Timestamp,
    /// [`Delivery::last_error`].
    pub last_error: String,
    /// [`Delivery::undelivered_since`].
    pub undelivered_since: Timestamp,
    /// [`Delivery::told_with`].
    pub told_with: Option<DeliveryId>,
}

impl Delivery {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            attempts: self.attempts,
            due_at: self.due_at,
            tried_since: self.tried_since,
            last_error: self.last_error.clone(),
            undelivered_since: self.undelivered_since,
            told_with: self.told_with,
        }
    }

    /// The same row, and how it stands now.
    #[must_use]
    pub fn stands(self, now: Standing) -> Self {
        let Standing { attempts, due_at, tried_since, last_error, undelivered_since, told_with } = now;
        Self { attempts, due_at, tried_since, last_error, undelivered_since, told_with, ..self }
    }

    /// Whether it says what another row says, however that one stands.
    pub fn says_what(&self, other: &Self) -> bool {
        // To copy a list of alerts is to share it, so that nothing large is compared.
        Arc::ptr_eq(&self.alerts, &other.alerts) && other.clone().stands(self.standing()) == *self
    }

    /// About how many bytes it takes where it is stored.
    pub fn weight(&self) -> usize {
        let alerts: usize = self.alerts.iter().map(|told| told.alert.weight()).sum();
        let order = match &self.news {
            Some(News::Order(news)) => news.order.weight(),
            Some(News::Digest(digest)) => 256 * digest.orders.len(),
            None => 0,
        };
        alerts + 9 * self.new.len() + order + 256
    }

    /// How many of these bytes are the texts of its alerts.
    pub fn text(&self) -> usize {
        self.alerts.iter().map(|told| told.alert.text()).sum()
    }
}

/// A notification that was refused for good, or that was tried for too long.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// What could not be delivered.
    pub delivery: Delivery,
    /// Since when it is dead.
    pub at: Timestamp,
    /// What the receiver answered, without secrets.
    pub error: String,
    /// The last attempt.
    pub exchange: Exchange,
}

/// What an attempt said and what it heard, for people: without secrets, and cut to a readable size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// What was sent; empty if it did not come to that.
    pub request: String,
    /// What came back; empty if nothing did.
    pub answer: String,
}

/// What a thread was last told: the ledger's entry. It goes when nothing told is firing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When the episode began.
    pub episode: Timestamp,
    /// The number of the next notification of the episode.
    pub next_sequence: u32,
    /// When it was last told.
    pub at: Timestamp,
    /// The alerts told firing in the last notification (Alertmanager's notification log).
    pub firing: BTreeSet<Fingerprint>,
    /// The alerts told resolved in the last notification.
    pub resolved: BTreeSet<Fingerprint>,
    /// The alerts told firing and not yet told resolved, over the whole episode: what is owed.
    pub open: BTreeSet<Fingerprint>,
    /// The labels of the group, kept for a thread whose group is gone.
    pub group_labels: LabelSet,
    /// The labels of the route, likewise.
    pub route_labels: LabelSet,
    /// What the receiver wants to know again at the next notification of the episode.
    pub receiver_data: ReceiverData,
}

impl Told {
    /// Whether the thread was told that this alert fires, and not yet that it is over.
    pub fn fires(&self, alert: Fingerprint) -> bool {
        self.open.contains(&alert) || self.firing.contains(&alert)
    }

    /// The entry of the row's thread as it would be if of the row's episode nothing had been told.
    pub fn without(row: &Delivery) -> Self {
        Self {
            episode: row.episode,
            next_sequence: row.sequence.saturating_add(1),
            at: row.decided_at,
            firing: BTreeSet::new(),
            resolved: BTreeSet::new(),
            open: BTreeSet::new(),
            group_labels: row.group_labels.clone(),
            route_labels: row.route_labels.clone(),
            receiver_data: row.receiver_data.clone(),
        }
    }
}

/// What a receiver wants to know again at the next notification of an episode, as Slack the message that it may change.
pub type ReceiverData = BTreeMap<Arc<str>, Arc<str>>;

/// How an attempt to send ended, as a worker reports it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered {
        /// What it wants to know again; where it is empty, what it wanted before stands.
        data: ReceiverData,
        /// The beginning of what it answered, without secrets.
        answer: String,
    },
    /// Worth another attempt.
    Retry {
        /// What went wrong, without secrets.
        error: String,
        /// What the receiver asked for (`Retry-After`), if it did.
        after: Option<Duration>,
        /// What was said and heard.
        exchange: Exchange,
    },
    /// The receiver answered, and puts this notification off, not others: they may be sent meanwhile.
    PutOff {
        /// What it said, without secrets.
        error: String,
        /// When it is worth another attempt.
        after: Option<Duration>,
        /// What was said and heard.
        exchange: Exchange,
        /// Whether some of those who are to have it have it.
        others_have_it: bool,
    },
    /// There is nobody to send to until somebody configures the receiver: nothing was attempted, and the row waits.
    NotConfigured {
        /// What is missing, without secrets.
        error: String,
    },
    /// The receiver understood and refused: the same request will fail again.
    Refused {
        /// What it said, without secrets.
        error: String,
        /// What was said and heard.
        exchange: Exchange,
    },
}

impl Outcome {
    /// The receiver took it, wants to know nothing again, and had nothing to say.
    pub fn delivered() -> Self {
        Self::Delivered { data: ReceiverData::new(), answer: String::new() }
    }

    /// Whether it says when this notification, and not only its receiver, is worth another attempt.
    pub fn is_own_time(&self) -> bool {
        match self {
            Self::Retry { after, .. } => after.is_some(),
            Self::NotConfigured { .. } | Self::PutOff { .. } => true,
            Self::Delivered { .. } | Self::Refused { .. } => false,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId(7),
            thread: Thread {
                group_key: r#"{}:{alertname="R1", cluster="c"}"#.into(),
                receiver: "team".into(),
                kind: "webhook".into(),
                index: 0,
            },
            episode: Timestamp::new(1_795_359_600, 5),
            sequence: 0,
            reason: Reason::First,
            decided_at: Timestamp::EPOCH,
            group_labels: LabelSet::empty(),
            route_labels: LabelSet::empty(),
            alerts: Arc::from([]),
            new: Default::default(),
            attempts: 0,
            tried_since: Timestamp::ZERO,
            due_at: Timestamp::EPOCH,
            last_error: String::new(),
            receiver_data: Default::default(),
            acknowledged: None,
            undelivered_since: Timestamp::EPOCH,
            news: None,
            orders: Default::default(),
            told_with: None,
            named_after: None,
        }
    }

    #[test]
    fn the_hash_of_a_group_key_is_alertmanagers() {
        let expected = "37346d72ce6161179c74e6d7f1357f229f90584fd4c2129786348af96340d993";
        assert_eq!(delivery().thread.group_key_hash(), expected);
    }

    #[test]
    fn a_notification_id_stays_over_attempts_and_differs_otherwise() {
        let id = delivery().notification_id();
        assert_eq!(id.len(), 64);
        let tried = Delivery {
            id: DeliveryId(9),
            attempts: 3,
            due_at: Timestamp::MAX,
            last_error: "500".into(),
            episode: delivery().episode.with_offset_minutes(60),
            ..delivery()
        };
        assert_eq!(tried.notification_id(), id);
        let change: [fn(&mut Delivery); 7] = [
            |d| d.sequence = 1,
            |d| d.episode = Timestamp::new(1_795_359_600, 6),
            |d| d.thread.index = 1,
            |d| d.thread.kind = "slack".into(),
            |d| d.thread.receiver = "teams".into(),
            |d| d.thread.group_key = "{}:{}".into(),
            |d| (d.thread.receiver, d.thread.kind) = ("teamweb".into(), "hook".into()),
        ];
        for (i, change) in change.iter().enumerate() {
            let mut other = delivery();
            change(&mut other);
            assert_ne!(other.notification_id(), id, "change {i}");
        }
    }
}
