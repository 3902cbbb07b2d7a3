//! What mails tell of work orders, and to whom: the news of one order, and digests of all of them.
//!
//! A mail about an order is a row of the outbox like any other, in a thread of its own, which holds the order as it was
//! right after what it tells. It is decided here by what an order's history says, whoever changed the order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::interval::Location;
use super::work_order::{Condition, OrderEvent, Priority, Status, WorkOrder};
use crate::time::Timestamp;

/// Who gets mails about work orders: the configuration's `work_order_mails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderMails {
    /// Who supervises: the receiver whose mails tell what happens to orders.
    pub receiver: Arc<str>,
    /// Who reminds the assignee of an order that is overdue; nothing for the supervisor.
    pub assignee: Option<Arc<str>>,
    /// Who is told last of an order that is overdue; nothing for the supervisor.
    pub manager: Option<Arc<str>>,
    /// The priorities of which every piece of news is mailed at once; the others stand in the digest.
    pub at_once: BTreeSet<Priority>,
    /// When a digest is sent; nothing for never.
    pub digest: Option<DailyAt>,
}

/// A time of day, somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyAt {
    /// Minutes since midnight.
    pub minute: u16,
    /// Where.
    pub location: Location,
}

impl DailyAt {
    /// The first such moment after `at`. Where a clock is put forward over it, it is the moment after the gap.
    pub fn next_after(&self, at: Timestamp) -> Timestamp {
        let (zone, at) = (self.location.zone(), at.to_jiff());
        let (hour, minute) = (i8::try_from(self.minute / 60), i8::try_from(self.minute % 60));
        let (Ok(hour), Ok(minute)) = (hour, minute) else { return Timestamp::MAX };
        let mut day = at.to_zoned(zone.clone()).date();
        // Today, tomorrow, or the day after, should a day be missing in that place.
        for _ in 0..3 {
            let moment = zone.to_ambiguous_zoned(day.at(hour, minute, 0, 0)).compatible();
            match (moment, day.tomorrow()) {
                (Ok(moment), _) if moment.timestamp() > at => return Timestamp::from_jiff(moment.timestamp()),
                (_, Ok(tomorrow)) => day = tomorrow,
                _ => break,
            }
        }
        Timestamp::MAX
    }
}

/// What a row tells of work orders.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// What happened to one.
    Order(Arc<OrderNews>),
    /// How all stand.
    Digest(Arc<Digest>),
}

/// What happened to one work order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderNews {
    /// The order right after.
    pub order: Arc<WorkOrder>,
    /// The thing that happened that matters most.
    pub event: OrderEvent,
    /// Who else was told of its alerts: receivers and how they are told.
    pub told: Vec<Arc<str>>,
}

/// How the work orders stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// When.
    pub at: Timestamp,
    /// Since when closed orders are listed.
    pub since: Timestamp,
    /// The orders, by the line of their asset, the most urgent first.
    pub orders: Vec<DigestLine>,
    /// How many more there are.
    pub more: u32,
}

/// An order in a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestLine {
    /// Its number.
    pub number: Arc<str>,
    /// In one line.
    pub title: String,
    /// How urgent.
    pub priority: Priority,
    /// Where the work stands.
    pub status: Status,
    /// Where the failure stands, if there is one.
    pub condition: Option<Condition>,
    /// The asset's code, or empty.
    pub asset_code: String,
    /// What people call the asset, or empty.
    pub asset_name: String,
    /// The line that the asset stands in, or empty.
    pub line: String,
    /// Who has it; empty for nobody.
    pub assignee: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it is to be done.
    pub due_at: Timestamp,
}

impl DigestLine {
    /// The line of an order.
    pub fn of(order: &WorkOrder) -> Self {
        Self {
            number: Arc::clone(&order.number),
            title: order.title.clone(),
            priority: order.priority,
            status: order.status,
            condition: order.condition,
            asset_code: order.asset.code.clone(),
            asset_name: order.asset.name.clone(),
            line: order.asset.location_line.clone(),
            assignee: order.assignee.clone(),
            opened_at: order.opened_at,
            due_at: order.due_at,
        }
    }

    /// Whether it is to be done, and was to be done before `now`.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status.is_open() && self.due_at < now
    }
}

/// The orders behind a notification about alerts, as they stand when a worker takes its row. Looked up then, and never
/// stored: a notification that is sent late names the order as it is by then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrdersBehind(pub Vec<Arc<WorkOrder>>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_that_of_the_place() {
        let at = |text: &str| Timestamp::from_jiff(text.parse().unwrap());
        //            now                      place            minute     next
        let rows = [
            ("2026-11-22T04:00:00Z", "Europe/Berlin", 390, "2026-11-22T05:30:00Z"),
            ("2026-11-22T05:30:00Z", "Europe/Berlin", 390, "2026-11-23T05:30:00Z"),
            ("2026-07-01T00:00:00Z", "Europe/Berlin", 390, "2026-07-01T04:30:00Z"),
            // The clock is put forward from 2 to 3: half past two is half past three.
            ("2026-03-28T23:00:00Z", "Europe/Berlin", 150, "2026-03-29T01:30:00Z"),
            ("2026-11-22T23:59:00Z", "UTC", 0, "2026-11-23T00:00:00Z"),
            // In Apia there was no 30 December 2011.
            ("2011-12-29T23:00:00Z", "Pacific/Apia", 0, "2011-12-30T10:00:00Z"),
        ];
        for (now, place, minute, expected) in rows {
            let daily = DailyAt { minute, location: place.parse().unwrap() };
            assert_eq!(daily.next_after(at(now)), at(expected), "{now} {place} {minute}");
        }
    }
}
