//! The stored forms of what changes are about.
//!
//! A struct's form is its fields in the order listed here. A field that is added to the struct does not compile until
//! it is added here too, which makes a new format. The same list gives the JSON form of exports.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::json::{self, Json, NotThat};
use super::wire::{Malformed, Reader, Stored};
use crate::core::ack::{Ack, AckEnd};
use crate::core::alert::Alert;
use crate::core::asset::{Asset, SparePart};
use crate::core::change::{Actor, GroupId, StoredGroup};
use crate::core::dedup::NoNews;
use crate::core::flush::HeldBack;
use crate::core::matcher::{Matcher, Op};
use crate::core::mirrored::Mirrored;
use crate::core::note::{AttemptEnd, Attempted, FlushVerdict, Flushed, Held, Notified};
use crate::core::order_mail::{Digest, DigestLine, News, OrderNews, OrdersBehind};
use crate::core::outbox::{DeadLetter, Delivery, DeliveryId, Exchange, Reason, Standing, Thread, Told, ToldAlert};
use crate::core::silence::{Silence, SilenceId};
use crate::core::work_order::{
    AlertOnOrder, Condition, HistoryEntry, Kind, LadderStep, Note, OrderEvent, Priority, Status, WorkOrder,
};

/// The form of a struct: its fields, in this order; and of two that may be absent one byte that says which follow.
macro_rules! fields {
    ($type:ident { $($field:ident),+ $(,)? } $(and $first:ident, $second:ident)?) => {
        impl Stored for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)+
                $(put_two(&self.$first, &self.$second, out);)?
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                $(let $field = Stored::take(from)?;)+
                $(let ($first, $second) = take_two(from)?;)?
                Ok(Self { $($field,)+ $($first, $second)? })
            }
        }

        impl Json for $type {
            fn show(&self) -> Value {
                Map::from_iter([
                    $((stringify!($field).to_owned(), self.$field.show()),)+
                    $((stringify!($first).to_owned(), self.$first.show()),)?
                    $((stringify!($second).to_owned(), self.$second.show()),)?
                ])
                .into()
            }

            fn read(value: &Value) -> Result<Self, NotThat> {
                let known = [$(stringify!($field),)+ $(stringify!($first), stringify!($second),)?];
                let object = json::object_of(value, &known)?;
                Ok(Self {
                    $($field: json::field(object, stringify!($field))?,)+
                    $($first: json::field(object, stringify!($first))?,)?
                    $($second: json::field(object, stringify!($second))?,)?
                })
            }
        }
    };
}

/// Two things that may be absent: the sum of 1 for the first and 2 for the second, then those that are there. Without the
/// second it is the form of the first alone.
fn put_two(first: &Option<impl Stored>, second: &Option<impl Stored>, out: &mut Vec<u8>) {
    out.push(u8::from(first.is_some()) + 2 * u8::from(second.is_some()));
    if let Some(first) = first {
        first.put(out);
    }
    if let Some(second) = second {
        second.put(out);
    }
}

fn take_two<A: Stored, B: Stored>(from: &mut Reader<'_>) -> Result<(Option<A>, Option<B>), Malformed> {
    let which = from.byte()?;
    if which > 3 {
        return Err(from.malformed("neither there nor absent"));
    }
    let first = if which & 1 == 1 { Some(A::take(from)?) } else { None };
    let second = if which & 2 == 2 { Some(B::take(from)?) } else { None };
    Ok((first, second))
}

/// The form of an enum without fields: one byte, never reused; in JSON the variant's name.
macro_rules! codes {
    ($type:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl Stored for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.push(match self { $(Self::$variant => $code),+ });
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                match from.byte()? {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(from.malformed(concat!("not a ", stringify!($type)))),
                }
            }
        }

        impl Json for $type {
            fn show(&self) -> Value {
                match self { $(Self::$variant => stringify!($variant)),+ }.into()
            }

            fn read(value: &Value) -> Result<Self, NotThat> {
                match value.as_str() {
                    $(Some(stringify!($variant)) => Ok(Self::$variant),)+
                    _ => Err(NotThat::new(concat!("one of", $(" ", stringify!($variant)),+))),
                }
            }
        }
    };
}

fields!(Alert { labels, annotations, generator_url, starts_at, ends_at, updated_at, timeout });
fields!(GroupId { route_id, labels });
fields!(StoredGroup { id, created_at, next_flush, last_flush, muted_by });
fields!(Silence { id, matchers, starts_at, ends_at, updated_at, created_by, comment, annotations });
fields!(Thread { group_key, receiver, kind, index });
fields!(ToldAlert { alert, resolved });
fields!(Told { episode, next_sequence, at, firing, resolved, open, group_labels, route_labels, receiver_data });
fields!(Delivery {
    id,
    thread,
    episode,
    sequence,
    reason,
    decided_at,
    group_labels,
    route_labels,
    alerts,
    new,
    attempts,
    due_at,
    tried_since,
    last_error,
    receiver_data,
    acknowledged,
    undelivered_since,
    news,
    orders,
} and told_with, named_after);
fields!(Standing { attempts, due_at, tried_since, last_error, undelivered_since, told_with });
fields!(OrderNews { order, event, told });
fields!(Digest { at, since, orders, more });
fields!(DigestLine {
    number,
    title,
    priority,
    status,
    condition,
    asset_code,
    asset_name,
    line,
    assignee,
    opened_at,
    due_at,
});
fields!(DeadLetter { delivery, at, error, exchange });
fields!(Exchange { request, answer });
fields!(AlertOnOrder { labels, annotations, generator_url, starts_at, ended_at, escalates });
fields!(Asset { code, name, kind, location_line, location_station, criticality });
fields!(SparePart { number, name, needed, in_stock, stock_location, lead_time_days });
fields!(Notified { id, thread, group_labels, reason, alerts });
fields!(Attempted { of, number, end, answer });
fields!(Flushed { group_key, group_labels, receiver, verdicts, held, released });
fields!(FlushVerdict { kind, index, told, withheld });
fields!(Held { alert, by, name, who });
fields!(Ack { group_key, group_labels, who, comment, at, until, known });
fields!(Note { at, actor, text });
fields!(Mirrored { order, target, revision, external_id, external_status, error, at });
fields!(HistoryEntry { revision, at, actor, event, text, why });
fields!(WorkOrder {
    number,
    key,
    revision,
    receiver,
    kind,
    priority,
    status,
    condition,
    title,
    description,
    asset,
    parts,
    opened_at,
    updated_at,
    due_at,
    malfunction_start,
    malfunction_end,
    scheduled_start,
    scheduled_end,
    acknowledged_at,
    actual_start,
    actual_end,
    closed_at,
    assignee,
    estimated_hours,
    actual_hours,
    alerts,
    notes,
    history,
    ladder,
    external,
    kept_back,
});

codes!(Op { Equal = 0, NotEqual = 1, Regex = 2, NotRegex = 3 });
codes!(Reason { First = 0, NewAlerts = 1, AllResolved = 2, SomeResolved = 3, Repeat = 4, Acknowledged = 5 });
codes!(AttemptEnd { Delivered = 0, Retry = 1, Refused = 2, GivenUp = 3 });
codes!(HeldBack { Inhibition = 0, ActiveTimeInterval = 1, MuteTimeInterval = 2, Silence = 3, WorkOrder = 4 });
codes!(NoNews { NeverTold = 0, AlreadyTold = 1, HeldBack = 2, Acknowledged = 3 });
codes!(AckEnd { Withdrawn = 0, RanOut = 1, Worsened = 2, Over = 3, GroupGone = 4 });
codes!(Kind { Corrective = 0, Preventive = 1, Predictive = 2, Inspection = 3 });
codes!(Priority { Emergency = 0, High = 1, Medium = 2, Low = 3 });
codes!(Status { Open = 0, Assigned = 1, InProgress = 2, OnHold = 3, Completed = 4, Cancelled = 5 });
codes!(Condition { Active = 0, Cleared = 1, Recurred = 2 });
codes!(LadderStep { Assignee = 0, Supervisor = 1, Manager = 2 });
codes!(OrderEvent {
    Opened = 0,
    Reopened = 1,
    AlertJoined = 2,
    AlertRecovered = 3,
    Recovered = 4,
    Recurred = 5,
    Escalated = 6,
    OverdueAssignee = 7,
    OverdueSupervisor = 8,
    OverdueManager = 9,
    Acknowledged = 10,
    Assigned = 11,
    Started = 12,
    Held = 13,
    Completed = 14,
    Cancelled = 15,
    Noted = 16,
    Changed = 17,
    Linked = 18,
    PageSuppressed = 19,
});

impl Stored for Matcher {
    fn put(&self, out: &mut Vec<u8>) {
        self.name.put(out);
        self.op.put(out);
        self.value.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (name, op, value) = (<Arc<str>>::take(from)?, Op::take(from)?, <Arc<str>>::take(from)?);
        // Only what compiled was ever stored.
        Self::new(name, op, value).map_err(|_| from.malformed("a pattern that does not compile"))
    }
}

impl Stored for News {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Order(news) => {
                out.push(0);
                news.put(out);
            }
            Self::Digest(digest) => {
                out.push(1);
                digest.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            0 => Self::Order(Stored::take(from)?),
            1 => Self::Digest(Stored::take(from)?),
            _ => return Err(from.malformed("not News")),
        })
    }
}

/// Never stored: looked up when a worker takes the row.
impl Stored for OrdersBehind {
    fn put(&self, _: &mut Vec<u8>) {}

    fn take(_: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self::default())
    }
}

impl Stored for DeliveryId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        u64::take(from).map(Self)
    }
}

impl Stored for SilenceId {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.array().map(Uuid::from_bytes).map(Self)
    }
}

impl Stored for Actor {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Sender(address) => {
                out.push(0);
                address.put(out);
            }
            Self::User { name, address } => {
                out.push(1);
                name.put(out);
                address.put(out);
            }
            Self::Clock => out.push(2),
            Self::Worker => out.push(3),
            Self::Reload(by) => {
                out.push(4);
                by.put(out);
            }
            Self::MailLink(recipient) => {
                out.push(5);
                recipient.put(out);
            }
            Self::Mirror { system, person } => {
                out.push(6);
                system.put(out);
                person.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            0 => Self::Sender(Stored::take(from)?),
            1 => Self::User { name: Stored::take(from)?, address: Stored::take(from)? },
            2 => Self::Clock,
            3 => Self::Worker,
            4 => Self::Reload(Stored::take(from)?),
            5 => Self::MailLink(Stored::take(from)?),
            6 => Self::Mirror { system: Stored::take(from)?, person: Stored::take(from)? },
            _ => return Err(from.malformed("not an Actor")),
        })
    }
}
