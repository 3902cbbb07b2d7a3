//! The kinds of change and of actor, as JSON.

use serde_json::Value;

use super::{Json, NotThat, one, only};
use crate::core::change::{Actor, Change};
use crate::core::order_mail::{News, OrdersBehind};

impl Json for Change {
    fn show(&self) -> Value {
        match self {
            Self::By(actor) => one("by", actor.show()),
            Self::Alert(alert) => one("alert", alert.show()),
            Self::Refreshed { fingerprint, ends_at, updated_at } => {
                one("refreshed", vec![fingerprint.show(), ends_at.show(), updated_at.show()].into())
            }
            Self::AlertGone(fingerprint) => one("alert_gone", fingerprint.show()),
            Self::Group(group) => one("group", group.show()),
            Self::GroupTimer { id, next_flush, last_flush } => {
                one("group_timer", vec![id.show(), next_flush.show(), last_flush.show()].into())
            }
            Self::GroupGone(id) => one("group_gone", id.show()),
            Self::Silence(silence) => one("silence", silence.show()),
            Self::SilenceGone(id) => one("silence_gone", id.show()),
            Self::Told(thread, told) => one("told", vec![thread.show(), told.show()].into()),
            Self::Outbox(delivery) => one("outbox", delivery.show()),
            Self::Standing(id, standing) => one("standing", vec![id.show(), standing.show()].into()),
            Self::OutboxGone(id) => one("outbox_gone", id.show()),
            Self::Dead(letter) => one("dead", letter.show()),
            Self::DeadGone(id) => one("dead_gone", id.show()),
            Self::DeadDiscarded { id, reason } => one("dead_discarded", vec![id.show(), reason.show()].into()),
            Self::WorkOrder(order) => one("work_order", order.show()),
            Self::Digested(at) => one("digested", at.show()),
            Self::WorkOrderGone(number) => one("work_order_gone", number.show()),
            Self::Noted(note) => one("noted", note.show()),
            Self::Ack(ack) => one("ack", ack.show()),
            Self::AckGone(group_key, why) => one("ack_gone", vec![group_key.show(), why.show()].into()),
            Self::Mirrored(mirrored) => one("mirrored", mirrored.show()),
            Self::Config { hash, text } => one("config", vec![hash.show(), text.show()].into()),
        }
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let (kind, value) = only(value)?;
        change_of(kind, value).map_err(|not| not.within(kind))
    }
}

fn change_of(kind: &str, value: &Value) -> Result<Change, NotThat> {
    Ok(match kind {
        "by" => Change::By(Json::read(value)?),
        "alert" => Change::Alert(Json::read(value)?),
        "refreshed" => {
            let (fingerprint, ends_at, updated_at) = three(value)?;
            Change::Refreshed { fingerprint, ends_at, updated_at }
        }
        "alert_gone" => Change::AlertGone(Json::read(value)?),
        "group" => Change::Group(Json::read(value)?),
        "group_timer" => {
            let (id, next_flush, last_flush) = three(value)?;
            Change::GroupTimer { id, next_flush, last_flush }
        }
        "group_gone" => Change::GroupGone(Json::read(value)?),
        "silence" => Change::Silence(Json::read(value)?),
        "silence_gone" => Change::SilenceGone(Json::read(value)?),
        "told" => {
            let (thread, told) = Json::read(value)?;
            Change::Told(thread, told)
        }
        "outbox" => Change::Outbox(Json::read(value)?),
        "standing" => {
            let (id, standing) = Json::read(value)?;
            Change::Standing(id, standing)
        }
        "outbox_gone" => Change::OutboxGone(Json::read(value)?),
        "dead" => Change::Dead(Json::read(value)?),
        "dead_gone" => Change::DeadGone(Json::read(value)?),
        "dead_discarded" => {
            let (id, reason) = Json::read(value)?;
            Change::DeadDiscarded { id, reason }
        }
        "work_order" => Change::WorkOrder(Json::read(value)?),
        "digested" => Change::Digested(Json::read(value)?),
        "work_order_gone" => Change::WorkOrderGone(Json::read(value)?),
        "noted" => Change::Noted(Json::read(value)?),
        "ack" => Change::Ack(Json::read(value)?),
        "ack_gone" => {
            let (group_key, why) = Json::read(value)?;
            Change::AckGone(group_key, why)
        }
        "mirrored" => Change::Mirrored(Json::read(value)?),
        "config" => {
            let (hash, text) = Json::read(value)?;
            Change::Config { hash, text }
        }
        _ => return Err(NotThat::new("a kind of change")),
    })
}

fn three<A: Json, B: Json, C: Json>(value: &Value) -> Result<(A, B, C), NotThat> {
    match value.as_array().map(Vec::as_slice) {
        Some([a, b, c]) => Ok((A::read(a)?, B::read(b)?, C::read(c)?)),
        _ => Err(NotThat::new("a list of three")),
    }
}

/// An object with one key: what the news are about.
impl Json for News {
    fn show(&self) -> Value {
        match self {
            Self::Order(news) => one("order", news.show()),
            Self::Digest(digest) => one("digest", digest.show()),
        }
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let (kind, value) = only(value)?;
        Ok(match kind {
            "order" => Self::Order(Json::read(value)?),
            "digest" => Self::Digest(Json::read(value)?),
            _ => return Err(NotThat::new("news of an order, or a digest")),
        })
    }
}

/// Never written: looked up when a worker takes the row.
impl Json for OrdersBehind {
    fn show(&self) -> Value {
        Value::Null
    }

    fn read(_: &Value) -> Result<Self, NotThat> {
        Ok(Self::default())
    }
}

/// An object with one key: how somebody is known, and what is known of them.
impl Json for Actor {
    fn show(&self) -> Value {
        match self {
            Self::Sender(address) => one("sender", address.show()),
            Self::User { name, address } => one("user", vec![name.show(), address.show()].into()),
            Self::Clock => one("clock", Value::Null),
            Self::Worker => one("worker", Value::Null),
            Self::Reload(by) => one("reload", by.show()),
            Self::MailLink(recipient) => one("mail_link", recipient.show()),
            Self::Mirror { system, person } => one("mirror", vec![system.show(), person.show()].into()),
        }
    }

    fn read(value: &Value) -> Result<Self, NotThat> {
        let (kind, value) = only(value)?;
        Ok(match kind {
            "sender" => Self::Sender(Json::read(value)?),
            "user" => {
                let (name, address) = Json::read(value)?;
                Self::User { name, address }
            }
            "clock" => Self::Clock,
            "worker" => Self::Worker,
            "reload" => Self::Reload(Json::read(value)?),
            "mail_link" => Self::MailLink(Json::read(value)?),
            "mirror" => {
                let (system, person) = Json::read(value)?;
                Self::Mirror { system, person }
            }
            _ => return Err(NotThat::new("somebody who acts").within(kind)),
        })
    }
}
