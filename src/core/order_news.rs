//! Decides which mails about work orders are sent: rows of the outbox in the commit that changed the order.
//!
//! Each order is a thread for each integration that mails. Within it every piece of news is sent, in order: none takes
//! another's place.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::alert::Alert;
use super::change::{Actor, Change};
use super::engine::Engine;
use super::label::{Fingerprint, LabelSet};
use super::order_mail::{DailyAt, Digest, DigestLine, News, OrderMails, OrderNews, OrdersBehind};
use super::outbox::{Delivery, DeliveryId, Reason, Thread, ToldAlert};
use super::work_order::{HistoryEntry, OrderEvent, WorkOrder};
use crate::time::Timestamp;

/// The kind of integration that tells of orders.
const MAIL: &str = "email";
/// How many orders a digest lists.
const LONGEST_DIGEST: usize = 300;
/// How many alerts of an order a row holds.
const MOST_ALERTS: usize = 50;
/// Of how many alerts of a notification the orders are looked up.
const LOOKED_AT: usize = 1_000;
/// How many orders a notification names.
const MOST_BEHIND: usize = 20;

/// Whom a thing that happens to an order concerns.
enum Audience {
    Supervisor,
    Assignee,
    Manager,
}

/// Whom it concerns, if it is news at all.
fn audience(event: OrderEvent) -> Option<Audience> {
    match event {
        OrderEvent::Opened
        | OrderEvent::Reopened
        | OrderEvent::Recovered
        | OrderEvent::Recurred
        | OrderEvent::Escalated
        | OrderEvent::OverdueSupervisor
        | OrderEvent::Completed
        | OrderEvent::Cancelled => Some(Audience::Supervisor),
        OrderEvent::OverdueAssignee => Some(Audience::Assignee),
        OrderEvent::OverdueManager => Some(Audience::Manager),
        OrderEvent::AlertJoined
        | OrderEvent::AlertRecovered
        | OrderEvent::Acknowledged
        | OrderEvent::Assigned
        | OrderEvent::Started
        | OrderEvent::Held
        | OrderEvent::Noted
        | OrderEvent::Changed
        | OrderEvent::Linked
        | OrderEvent::PageSuppressed => None,
    }
}

impl OrderMails {
    /// The receiver that is told at once that this happened to the order; nothing if it waits for the digest, or is no
    /// news.
    fn told_at_once(&self, order: &WorkOrder, event: OrderEvent) -> Option<&Arc<str>> {
        let (urgent, receiver) = match audience(event)? {
            Audience::Supervisor => (matches!(event, OrderEvent::OverdueSupervisor), &self.receiver),
            Audience::Assignee => (true, self.assignee.as_ref().unwrap_or(&self.receiver)),
            Audience::Manager => (true, self.manager.as_ref().unwrap_or(&self.receiver)),
        };
        let waits = self.digest.is_some() && !urgent && !self.at_once.contains(&order.priority);
        (!waits).then_some(receiver)
    }
}

impl Engine {
    /// Enqueues the mails that follow from what the changes from `from` on did to work orders.
    pub(super) fn tell_of_orders(&mut self, now: Timestamp, from: usize) {
        let policy = Arc::clone(&self.state.policy);
        let Some(mails) = &policy.orders.mails else { return };
        let changes = self.log.changes.get(from..).unwrap_or_default();
        let changed = changes.iter().filter_map(|change| match change {
            Change::WorkOrder(order) => Some(Arc::clone(order)),
            _ => None,
        });
        let mut news: Vec<(Arc<str>, OrderNews)> = Vec::new();
        for order in changed.collect::<Vec<_>>() {
            let of_this = order.history.iter().filter(|entry| entry.revision == order.revision);
            // Whoever opened an order elsewhere knows of it.
            let elsewhere =
                |entry: &HistoryEntry| entry.event == OrderEvent::Opened && matches!(entry.actor, Actor::Mirror { .. });
            let of_this = of_this.filter(|entry| !elsewhere(entry));
            let mut told = of_this.filter_map(|entry| Some((mails.told_at_once(&order, entry.event)?, entry.event)));
            // What follows from something else of the same change says where that led.
            let Some((receiver, event)) = told.next_back() else { continue };
            news.push((Arc::clone(receiver), OrderNews { order: Arc::clone(&order), event, told: Vec::new() }));
        }
        for (receiver, mut news) in news {
            news.told = self.who_knows(&news.order);
            let thread = Arc::from(format!("work-order/{}", news.order.number));
            let sequence = u32::try_from(news.order.revision).unwrap_or(u32::MAX);
            let (episode, alerts) = ((news.order.opened_at, sequence), told_alerts(&news.order));
            self.enqueue_news(now, &receiver, thread, episode, alerts, News::Order(Arc::new(news)));
        }
    }

    /// When the next digest is due; at once where it is not known yet from when to count.
    pub(super) fn digest_due(&self) -> Timestamp {
        let digest = self.state.policy.orders.mails.as_ref().and_then(|mails| mails.digest.as_ref());
        let next = |daily: &DailyAt| self.state.digested.map_or(Timestamp::ZERO, |last| daily.next_after(last));
        digest.map_or(Timestamp::MAX, next)
    }

    /// Enqueues the digest, unless there is nothing to say. The first time it only begins to count.
    pub(super) fn tell_digest(&mut self, now: Timestamp) {
        let policy = Arc::clone(&self.state.policy);
        let since = self.state.digested;
        self.state.put_digested(now, &mut self.log);
        let (Some(mails), Some(since)) = (&policy.orders.mails, since) else { return };
        let listed = |order: &&Arc<WorkOrder>| order.closed_at.is_none_or(|closed| closed > since);
        let orders = self.state.work_orders.values().filter(listed);
        let mut orders: Vec<_> = orders.map(|order| DigestLine::of(order)).collect();
        if orders.is_empty() {
            return;
        }
        orders.sort_by(|a, b| {
            let rank = |line: &DigestLine| (!line.status.is_open(), !line.is_overdue(now), line.priority, line.due_at);
            a.line.cmp(&b.line).then_with(|| rank(a).cmp(&rank(b))).then_with(|| a.number.cmp(&b.number))
        });
        let more = u32::try_from(orders.len().saturating_sub(LONGEST_DIGEST)).unwrap_or(u32::MAX);
        orders.truncate(LONGEST_DIGEST);
        let digest = News::Digest(Arc::new(Digest { at: now, since, orders, more }));
        self.enqueue_news(now, &mails.receiver, Arc::from("work-orders/digest"), (now, 0), Vec::new(), digest);
    }

    fn enqueue_news(
        &mut self,
        now: Timestamp,
        receiver: &Arc<str>,
        group_key: Arc<str>,
        (episode, sequence): (Timestamp, u32),
        alerts: Vec<ToldAlert>,
        news: News,
    ) {
        let known = self.state.policy.receivers.iter().find(|known| known.name == *receiver);
        let mailing = known.into_iter().flat_map(|known| known.integrations.iter()).filter(|one| one.kind == MAIL);
        let places: Vec<u32> = mailing.map(|integration| integration.index).collect();
        let alerts: Arc<[ToldAlert]> = Arc::from(alerts);
        for index in places {
            let id = DeliveryId(self.next_delivery);
            self.next_delivery += 1;
            let thread = Thread {
                group_key: Arc::clone(&group_key),
                receiver: Arc::clone(receiver),
                kind: Arc::from(MAIL),
                index,
            };
            let row = Delivery {
                id,
                thread: thread.clone(),
                episode,
                sequence,
                reason: Reason::First,
                decided_at: now,
                group_labels: LabelSet::empty(),
                route_labels: LabelSet::empty(),
                alerts: Arc::clone(&alerts),
                new: BTreeSet::new(),
                attempts: 0,
                due_at: now,
                tried_since: now,
                last_error: String::new(),
                receiver_data: Default::default(),
                acknowledged: None,
                undelivered_since: now,
                news: Some(news.clone()),
                orders: OrdersBehind::default(),
                told_with: None,
                named_after: None,
            };
            self.watch_delivery(&row);
            self.state.put_delivery(row, &mut self.log);
            self.queue(&thread);
        }
    }

    /// Who was told of the order's alerts, or is about to be.
    fn who_knows(&self, order: &WorkOrder) -> Vec<Arc<str>> {
        let of_order = |alert: &Fingerprint| order.alerts.contains_key(alert);
        let told = self.state.ledger.iter().filter(|(_, told)| told.firing.iter().chain(&told.open).any(of_order));
        let telling = self
            .state
            .outbox
            .values()
            .filter(|row| row.news.is_none() && row.alerts.iter().any(|told| of_order(&told.alert.fingerprint())));
        let threads = told.map(|(thread, _)| thread).chain(telling.map(|row| &row.thread));
        let names: BTreeSet<_> = threads.map(|thread| format!("{} ({})", thread.receiver, thread.kind)).collect();
        names.into_iter().map(Arc::from).collect()
    }

    /// A row as a worker gets it: with the orders behind the alerts that it tells.
    pub(super) fn handed_out(&self, row: &Arc<Delivery>) -> Arc<Delivery> {
        if row.news.is_some() {
            return Arc::clone(row);
        }
        let rules: BTreeSet<_> = self
            .state
            .policy
            .receivers
            .iter()
            .flat_map(|receiver| &receiver.work_orders)
            .map(|rule| &rule.key_labels)
            .collect();
        let mut found: Vec<Arc<WorkOrder>> = Vec::new();
        for told in row.alerts.iter().take(LOOKED_AT) {
            let labels = &told.alert.labels;
            let of_key =
                rules.iter().filter_map(|names| self.state.latest_order(&super::orders::key_of(names, labels)));
            let of_key = of_key.filter(|order| order.alerts.contains_key(&told.alert.fingerprint()));
            let named = self.state.work_orders.get(labels.value("work_order_number"));
            for order in of_key.chain(named) {
                let current = order.closed_at.is_none_or(|closed| closed >= row.episode);
                if current && found.len() < MOST_BEHIND && !found.iter().any(|known| known.number == order.number) {
                    found.push(Arc::clone(order));
                }
            }
        }
        if found.is_empty() {
            return Arc::clone(row);
        }
        found.sort_by(|a, b| {
            (!a.status.is_open(), a.priority, &a.number).cmp(&(!b.status.is_open(), b.priority, &b.number))
        });
        Arc::new(Delivery { orders: OrdersBehind(found), ..Delivery::clone(row) })
    }
}

/// The alerts of an order, as a notification tells them.
fn told_alerts(order: &WorkOrder) -> Vec<ToldAlert> {
    let told = order.alerts.values().take(MOST_ALERTS).map(|alert| ToldAlert {
        alert: Arc::new(Alert {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            generator_url: Arc::clone(&alert.generator_url),
            starts_at: alert.starts_at,
            ends_at: alert.ended_at.unwrap_or(Timestamp::MAX),
            updated_at: order.updated_at,
            timeout: false,
        }),
        resolved: alert.ended_at.is_some(),
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by(|a, b| super::flush::told_order(&a.alert.labels, &b.alert.labels));
    told
}
