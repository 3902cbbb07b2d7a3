//! What readers see: the committed state of one moment, shared and never copied whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ack::Ack;
use super::alert::Alert;
use super::alert_set::{AlertSet, Kept};
use super::circuit::Faring;
use super::engine::Counters;
use super::inhibit::Inhibitor;
use super::label::{Fingerprint, LabelSet};
use super::look::{AtWork, Look};
use super::mirrored::{Mirrored, MirroredKey};
use super::outbox::{DeadLetter, Delivery, DeliveryId, IntegrationKey, Thread, Told};
use super::policy::{Integration, Policy, RouteIdx};
use super::shared_map::SharedMap;
use super::silence::{SilenceId, Silences};
use super::work_order::WorkOrder;
use crate::time::Timestamp;

/// When alerts may run out. After an outage of ours, senders get time to send again before anything is taken for over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// When the outage began: what ran out before then is over.
    pub from: Timestamp,
    /// Until when nothing that ran out since `from` is taken for over.
    pub until: Timestamp,
}

impl Grace {
    /// No outage.
    pub const NONE: Self = Self { from: Timestamp::ZERO, until: Timestamp::ZERO };

    /// Whether the alert is over at `now`: said to be by its sender, or run out and not within the grace.
    pub fn resolved(&self, alert: &Alert, now: Timestamp) -> bool {
        alert.ended(now) && (alert.ended_explicitly() || now >= self.until || alert.ends_at <= self.from)
    }
}

/// A group as readers see it.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// Its route.
    pub route: RouteIdx,
    /// The labels its alerts share.
    pub labels: LabelSet,
    /// Its group key.
    pub key: Arc<str>,
    /// Its alerts, ascending.
    pub members: Vec<Fingerprint>,
    /// The time intervals that muted it at its last flush.
    pub muted_by: Vec<Arc<str>>,
    /// When it is flushed next.
    pub next_flush: Timestamp,
    /// When it was last flushed; zero if never.
    pub last_flush: Timestamp,
}

/// The committed state of one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The rules in force.
    pub policy: Arc<Policy>,
    /// The alerts, resolved ones among them until they are forgotten.
    pub alerts: AlertSet,
    /// The groups, in no order that means anything.
    pub groups: Vec<Arc<GroupView>>,
    /// The silences, expired ones among them until they are forgotten.
    pub silences: Arc<Silences>,
    /// All work orders by number.
    pub work_orders: Arc<BTreeMap<Arc<str>, Arc<WorkOrder>>>,
    /// The work orders in progress, by the code of their asset.
    pub at_work: Arc<AtWork>,
    /// What other systems have taken of work orders, by number and system.
    pub mirrored: Arc<BTreeMap<MirroredKey, Arc<Mirrored>>>,
    /// What waits to be told.
    pub outbox: SharedMap<DeliveryId, Arc<Delivery>>,
    /// What could not be told.
    pub dead_letters: Arc<BTreeMap<DeliveryId, Arc<DeadLetter>>>,
    /// The acknowledgements by group key; one whose time is over may still be among them.
    pub acks: Arc<BTreeMap<Arc<str>, Arc<Ack>>>,
    /// What every thread was last told.
    pub ledger: SharedMap<Thread, Arc<Told>>,
    /// The sources of the inhibit rules.
    pub(super) inhibitor: Inhibitor,
    /// How the integrations fare that were sent anything since the start.
    pub faring: BTreeMap<IntegrationKey, Faring>,
    /// Integrations that the rules have no more, and that can still be told what is over.
    pub former: Arc<BTreeMap<IntegrationKey, Integration>>,
    /// When alerts may run out.
    pub grace: Grace,
    /// What was counted since the start.
    pub counters: Counters,
    /// The text of the configuration in force, as far as known, without secrets.
    pub configuration: Arc<str>,
    /// The rows that a worker is sending.
    pub in_flight: Arc<BTreeSet<DeliveryId>>,
    /// The rows that a worker keeps until their receiver may be told again (`rate_limit`).
    pub parked: Arc<BTreeSet<DeliveryId>>,
    /// Whether what was told firing is told resolved although it is muted by then.
    pub resolved_while_muted: bool,
    /// No group is flushed before this moment.
    pub not_before: Timestamp,
}

/// Who holds back which alert at one moment.
#[derive(Clone, Copy)]
pub struct Muting<'a> {
    view: &'a View,
    now: Timestamp,
}

impl View {
    /// What the engine would look at when it flushed a group.
    pub fn look(&self) -> Look<'_> {
        Look {
            policy: &self.policy,
            alerts: &self.alerts,
            inhibitor: &self.inhibitor,
            silences: &self.silences,
            acks: &self.acks,
            at_work: &self.at_work,
            ledger: &self.ledger,
            grace: self.grace,
            fires_as_of: None,
            resolved_while_muted: self.resolved_while_muted,
        }
    }

    /// What holds alerts back at `now`, over all alerts and silences of the view.
    pub fn muting(&self, now: Timestamp) -> Muting<'_> {
        Muting { view: self, now }
    }
}

impl Muting<'_> {
    /// The active silences that match, the one that was made first at first.
    pub fn silenced_by(&self, labels: &LabelSet) -> Vec<SilenceId> {
        self.view.silences.silencing(labels, self.now).map(|silence| silence.id).collect()
    }

    /// The work orders in progress on the alert's asset that keep pages back.
    pub fn kept_back_by(&self, labels: &LabelSet) -> Vec<Arc<str>> {
        let at_work = Some(&self.view.at_work).filter(|_| self.view.policy.orders.suppress_pages);
        at_work.and_then(|orders| orders.get(labels.value("asset_code"))).into_iter().flatten().cloned().collect()
    }

    /// The source that inhibits the alert, if one does.
    pub fn inhibited_by(&self, kept: &Kept) -> Option<Fingerprint> {
        let view = self.view;
        let firing = |source: &Alert| !view.grace.resolved(source, self.now);
        view.inhibitor.inhibits(&view.policy, &view.alerts, kept, firing).map(|by| by.source)
    }
}
