//! The stored form of changes: compact, versioned, and safe to read from a damaged disk.
//!
//! An **entry** is one byte for the format, the time of the decision, and the changes up to the end of the bytes, each
//! one byte for its kind and then its fields. Numbers are varints, texts and lists are preceded by their length, label
//! sets stand as their packed text. The journal and the checkpoints are both made of entries.
//!
//! Promised: what was encoded is decoded to the same; any other bytes give an error, never a panic, and never more
//! memory than a fixed multiple of the input. Once released, a form is not changed: a new form is a new format, with a
//! step in [`super::migrate`].

pub mod json;
mod notes;
mod parts;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
mod wire;

use crate::core::change::{Actor, Change};
use crate::time::Timestamp;

pub use wire::Malformed;
pub(crate) use wire::Reader;
use wire::Stored;
pub(super) use wire::put_number;

/// The format that is written, and the newest that is read.
pub const FORMAT: u8 = 1;

/// Appends an entry to `out`.
pub fn encode_entry<'a>(at: Timestamp, changes: impl IntoIterator<Item = &'a Change>, out: &mut Vec<u8>) {
    begin_entry(at, out);
    for change in changes {
        put_change(change, out);
    }
}

/// Begins an entry that [`put_change`] goes on with.
pub(super) fn begin_entry(at: Timestamp, out: &mut Vec<u8>) {
    out.push(FORMAT);
    at.put(out);
}

/// Appends one change to an entry.
pub(super) fn put_change(change: &Change, out: &mut Vec<u8>) {
    change.put(out);
}

/// Takes an entry of the present format apart. Takes any bytes: this is the entry point for fuzzing.
///
/// # Errors
/// [`Malformed`] if the bytes are not exactly one entry.
pub fn decode_entry(bytes: &[u8]) -> Result<(Timestamp, Vec<Change>), Malformed> {
    let mut from = Reader::new(bytes);
    let at = take_head(&mut from)?;
    let mut changes = Vec::new();
    while !from.is_empty() {
        changes.push(Change::take(&mut from)?);
    }
    Ok((at, changes))
}

/// The time of an entry, without its changes.
pub(super) fn entry_time(bytes: &[u8]) -> Result<Timestamp, Malformed> {
    take_head(&mut Reader::new(bytes))
}

fn take_head(from: &mut Reader<'_>) -> Result<Timestamp, Malformed> {
    if from.byte()? != FORMAT {
        return Err(from.malformed("an entry of another format"));
    }
    Timestamp::take(from)
}

/// The first byte of each kind of change. Never reused.
mod kind {
    pub const BY: u8 = 1;
    pub const ALERT: u8 = 2;
    pub const REFRESHED: u8 = 3;
    pub const ALERT_GONE: u8 = 4;
    pub const GROUP: u8 = 5;
    pub const GROUP_TIMER: u8 = 6;
    pub const GROUP_GONE: u8 = 7;
    pub const SILENCE: u8 = 8;
    pub const SILENCE_GONE: u8 = 9;
    pub const TOLD: u8 = 10;
    pub const OUTBOX: u8 = 11;
    pub const OUTBOX_GONE: u8 = 12;
    pub const STANDING: u8 = 41;
    pub const DEAD: u8 = 13;
    pub const DEAD_GONE: u8 = 14;
    pub const WORK_ORDER: u8 = 15;
    pub const CONFIG: u8 = 16;
    pub const WORK_ORDER_GONE: u8 = 20;
    pub const MIRRORED: u8 = 24;
    pub const DIGESTED: u8 = 35;
    pub const DEAD_DISCARDED: u8 = 40;
    pub const ACK: u8 = 27;
    pub const ACK_GONE: u8 = 28;
    pub const NOTED: u8 = 29;
}

impl Stored for Change {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::By(actor) => put_as(kind::BY, actor, out),
            Self::Alert(alert) => put_as(kind::ALERT, alert, out),
            Self::Refreshed { fingerprint, ends_at, updated_at } => {
                put_as(kind::REFRESHED, fingerprint, out);
                ends_at.put(out);
                updated_at.put(out);
            }
            Self::AlertGone(fingerprint) => put_as(kind::ALERT_GONE, fingerprint, out),
            Self::Group(group) => put_as(kind::GROUP, group, out),
            Self::GroupTimer { id, next_flush, last_flush } => {
                put_as(kind::GROUP_TIMER, id, out);
                next_flush.put(out);
                last_flush.put(out);
            }
            Self::GroupGone(id) => put_as(kind::GROUP_GONE, id, out),
            Self::Silence(silence) => put_as(kind::SILENCE, silence, out),
            Self::SilenceGone(id) => put_as(kind::SILENCE_GONE, id, out),
            Self::Told(thread, told) => {
                put_as(kind::TOLD, thread, out);
                told.put(out);
            }
            Self::Outbox(delivery) => put_as(kind::OUTBOX, delivery, out),
            Self::Standing(id, standing) => {
                put_as(kind::STANDING, id, out);
                standing.put(out);
            }
            Self::OutboxGone(id) => put_as(kind::OUTBOX_GONE, id, out),
            Self::Dead(letter) => put_as(kind::DEAD, letter, out),
            Self::DeadGone(id) => put_as(kind::DEAD_GONE, id, out),
            Self::DeadDiscarded { id, reason } => {
                put_as(kind::DEAD_DISCARDED, id, out);
                reason.put(out);
            }
            Self::WorkOrder(order) => put_as(kind::WORK_ORDER, order, out),
            Self::Digested(at) => put_as(kind::DIGESTED, at, out),
            Self::WorkOrderGone(number) => put_as(kind::WORK_ORDER_GONE, number, out),
            Self::Noted(note) => put_as(kind::NOTED, note, out),
            Self::Ack(ack) => put_as(kind::ACK, ack, out),
            Self::AckGone(group_key, why) => {
                put_as(kind::ACK_GONE, group_key, out);
                why.put(out);
            }
            Self::Mirrored(mirrored) => put_as(kind::MIRRORED, mirrored, out),
            Self::Config { hash, text } => {
                put_as(kind::CONFIG, hash, out);
                text.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            kind::BY => Self::By(Actor::take(from)?),
            kind::ALERT => Self::Alert(Stored::take(from)?),
            kind::REFRESHED => Self::Refreshed {
                fingerprint: Stored::take(from)?,
                ends_at: Stored::take(from)?,
                updated_at: Stored::take(from)?,
            },
            kind::ALERT_GONE => Self::AlertGone(Stored::take(from)?),
            kind::GROUP => Self::Group(Stored::take(from)?),
            kind::GROUP_TIMER => Self::GroupTimer {
                id: Stored::take(from)?,
                next_flush: Stored::take(from)?,
                last_flush: Stored::take(from)?,
            },
            kind::GROUP_GONE => Self::GroupGone(Stored::take(from)?),
            kind::SILENCE => Self::Silence(Stored::take(from)?),
            kind::SILENCE_GONE => Self::SilenceGone(Stored::take(from)?),
            kind::TOLD => Self::Told(Stored::take(from)?, Stored::take(from)?),
            kind::OUTBOX => Self::Outbox(Stored::take(from)?),
            kind::STANDING => Self::Standing(Stored::take(from)?, Stored::take(from)?),
            kind::OUTBOX_GONE => Self::OutboxGone(Stored::take(from)?),
            kind::DEAD => Self::Dead(Stored::take(from)?),
            kind::DEAD_GONE => Self::DeadGone(Stored::take(from)?),
            kind::DEAD_DISCARDED => Self::DeadDiscarded { id: Stored::take(from)?, reason: Stored::take(from)? },
            kind::WORK_ORDER => Self::WorkOrder(Stored::take(from)?),
            kind::DIGESTED => Self::Digested(Stored::take(from)?),
            kind::WORK_ORDER_GONE => Self::WorkOrderGone(Stored::take(from)?),
            kind::MIRRORED => Self::Mirrored(Stored::take(from)?),
            kind::CONFIG => Self::Config { hash: Stored::take(from)?, text: Stored::take(from)? },
            kind::NOTED => Self::Noted(Stored::take(from)?),
            kind::ACK => Self::Ack(Stored::take(from)?),
            kind::ACK_GONE => Self::AckGone(Stored::take(from)?, Stored::take(from)?),
            _ => return Err(from.malformed("a kind of change that is not known")),
        })
    }
}

fn put_as(kind: u8, first: &impl Stored, out: &mut Vec<u8>) {
    out.push(kind);
    first.put(out);
}
