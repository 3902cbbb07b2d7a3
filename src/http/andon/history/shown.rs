//! Events as the API tells them: the same members for all, a sentence, and what is special to the kind in `detail`.

use serde_json::{Map, Value, json};

use crate::core::history::{Event, What};
use crate::core::label::LabelSet;
use crate::core::note::{AttemptEnd, Attempted, Flushed, Notified};
use crate::core::outbox::{Delivery, Thread, group_key_hash};
use crate::driver::Cursor;
use crate::time::Timestamp;

/// How many label sets one event lists; `detail` says how many there are.
const LISTED: usize = 200;

/// A cursor as text.
pub fn cursor((seq, place): Cursor) -> String {
    format!("{}-{place}", seq.0)
}

/// What happened, in a sentence.
pub fn sentence(event: &Event) -> String {
    told(&event.what).0
}

/// One event.
pub(super) fn event(event: &Event) -> Value {
    let labels = event.labels();
    let (text, mut detail) = told(&event.what);
    if labels.len() > LISTED
        && let Some(detail) = detail.as_object_mut()
    {
        detail.insert("alerts".into(), labels.len().into());
    }
    json!({
        "id": format!("{}-{}", event.seq, event.place),
        "at": time(event.at),
        "kind": event.kind().as_str(),
        "actor": event.actor.as_ref().map(ToString::to_string),
        "text": text,
        "receiver": event.receiver(),
        "group": event.group_key().map(|key| json!({"key": &**key, "hash": group_key_hash(key)})),
        "alerts": labels.into_iter().take(LISTED).map(pairs).collect::<Value>(),
        "detail": detail,
    })
}

fn time(at: Timestamp) -> String {
    let mut out = String::new();
    at.with_offset_minutes(0).write_millis(&mut out);
    out
}

fn pairs(labels: &LabelSet) -> Value {
    labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
}

fn whom(thread: &Thread) -> String {
    format!("{} by {}[{}]", thread.receiver, thread.kind, thread.index)
}

/// A sentence, and the details.
fn told(what: &What) -> (String, Value) {
    match what {
        What::Fired(alert) => {
            let detail = json!({"fingerprint": alert.fingerprint().to_string(), "startsAt": time(alert.starts_at),
                "annotations": pairs(&alert.annotations)});
            (format!("{} fires", alert.labels), detail)
        }
        What::Changed(alert) => {
            let detail = json!({"fingerprint": alert.fingerprint().to_string(), "startsAt": time(alert.starts_at),
                "annotations": pairs(&alert.annotations)});
            (format!("{} says something else", alert.labels), detail)
        }
        What::Resolved(alert) => {
            let detail = json!({"fingerprint": alert.fingerprint().to_string(), "startsAt": time(alert.starts_at),
                "endsAt": time(alert.ends_at)});
            (format!("{} is over", alert.labels), detail)
        }
        What::RanOut(alerts) => (format!("{} alerts are over: nobody sent them again", alerts.len()), json!({})),
        What::Flushed(flushed) => flush(flushed),
        What::Enqueued(row) => enqueued(row),
        What::Superseded(of, by) => {
            let text = format!("notification {} to {} gave way to {}", of.id.0, whom(&of.thread), by.0);
            (text, json!({"notification": of.id.0, "by": by.0}))
        }
        What::RateLimited(of) => {
            let text = format!("notification {} to {} waits: it may not be told so often", of.id.0, whom(&of.thread));
            (text, notified(of))
        }
        What::Attempted(attempt) => attempted(attempt),
        What::DeadLettered(letter) => {
            let row = &letter.delivery;
            let text = format!("notification {} to {} is a dead letter: {}", row.id.0, whom(&row.thread), letter.error);
            (text, json!({"notification": row.id.0, "attempts": row.attempts, "error": letter.error}))
        }
        What::DeadLetterDiscarded(id, reason) => (
            format!("the dead letter {} was put away: {reason}", id.0),
            json!({"notification": id.0, "reason": reason}),
        ),
        What::Silenced(silence) => {
            let matchers = crate::core::matcher::list_string(&silence.matchers);
            let (by, ends) = (&silence.created_by, time(silence.ends_at));
            let detail = json!({"silence": silence.id.to_string(), "matchers": matchers, "createdBy": by,
                "startsAt": time(silence.starts_at), "endsAt": ends, "comment": silence.comment});
            let text = if silence.ends_at <= silence.updated_at {
                format!("the silence {} by {by} ended", silence.id)
            } else {
                format!("{by} silences {matchers} until {ends}: {}", silence.comment)
            };
            (text, detail)
        }
        What::Acknowledged(ack) => {
            let text =
                format!("{} has taken {} on until {}: {}", ack.who, ack.group_labels, time(ack.until), ack.comment);
            (text, json!({"who": ack.who, "until": time(ack.until), "comment": ack.comment}))
        }
        What::AckEnded(key, why) => {
            (format!("the acknowledgement of {key} ended: {}", why.as_str()), json!({"why": why.as_str()}))
        }
        What::WorkOrder(order) => {
            let text = format!("{} is {}: {}", order.number, order.status.as_str(), order.title);
            (text, json!({"workOrder": &*order.number, "status": order.status.as_str(), "revision": order.revision}))
        }
        What::Configured(hash, difference) => {
            let text =
                if difference.is_empty() { "the configuration is in force" } else { "the configuration changed" };
            (text.to_owned(), json!({"sha256": hash, "diff": difference}))
        }
    }
}

fn flush(flushed: &Flushed) -> (String, Value) {
    let verdict = |verdict: &crate::core::note::FlushVerdict| {
        let why = verdict.told.map(|reason| reason.as_str()).or(verdict.withheld.map(|no| no.as_str()));
        json!({"integration": &*verdict.kind, "index": verdict.index, "tells": verdict.told.is_some(), "why": why})
    };
    let held = flushed.held.iter().take(LISTED).map(
        |held| json!({"alert": pairs(&held.alert), "by": held.by.as_str(), "name": &*held.name, "who": &*held.who}),
    );
    let said = flushed.verdicts.iter().map(|verdict| {
        let why = verdict.told.map(|reason| reason.as_str()).or(verdict.withheld.map(|no| no.as_str()));
        format!("{}[{}] {}", verdict.kind, verdict.index, why.unwrap_or_default())
    });
    let mut text = format!("{} was looked at for {}", flushed.group_labels, flushed.receiver);
    let said: Vec<_> = said.collect();
    if !said.is_empty() {
        text += &format!(": {}", said.join(", "));
    }
    if let Some(first) = flushed.held.first() {
        let who = if first.who.is_empty() { String::new() } else { format!(" ({})", first.who) };
        text += &format!("; {} held back, by {} {}{who}", flushed.held.len(), first.by.as_str(), first.name);
    }
    if !flushed.released.is_empty() {
        text += &format!("; {} not held back any more", flushed.released.len());
    }
    let detail = json!({
        "verdicts": flushed.verdicts.iter().map(verdict).collect::<Value>(),
        "heldBack": held.collect::<Value>(),
        "released": flushed.released.iter().take(LISTED).map(pairs).collect::<Value>(),
    });
    (text, detail)
}

fn enqueued(row: &Delivery) -> (String, Value) {
    let firing = row.alerts.iter().filter(|told| !told.resolved).count();
    let over = row.alerts.len() - firing;
    let text = format!(
        "notification {} to {} was decided: {} ({firing} firing, {over} over)",
        row.id.0,
        whom(&row.thread),
        row.reason
    );
    let detail = json!({
        "notification": row.id.0,
        "notificationId": row.notification_id(),
        "integration": &*row.thread.kind,
        "index": row.thread.index,
        "reason": row.reason.as_str(),
        "firing": firing,
        "resolved": over,
        "decidedAt": time(row.decided_at),
    });
    (text, detail)
}

fn notified(of: &Notified) -> Value {
    json!({"notification": of.id.0, "integration": &*of.thread.kind, "index": of.thread.index,
        "reason": of.reason.as_str()})
}

fn attempted(attempt: &Attempted) -> (String, Value) {
    let Attempted { of, number, end, answer } = attempt;
    let how = match end {
        AttemptEnd::Delivered if answer.is_empty() => "was delivered".to_owned(),
        AttemptEnd::Delivered => format!("was delivered: {answer}"),
        AttemptEnd::Retry => format!("failed and is tried again: {answer}"),
        AttemptEnd::Refused => format!("was refused: {answer}"),
        AttemptEnd::GivenUp => format!("failed and is given up: {answer}"),
    };
    let mut detail = notified(of);
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("attempt".into(), (*number).into());
        detail.insert("end".into(), end.as_str().into());
        detail.insert("answer".into(), answer.as_str().into());
    }
    (format!("attempt {number} of notification {} to {} {how}", of.id.0, whom(&of.thread)), detail)
}
