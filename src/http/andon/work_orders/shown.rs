//! Work orders as the API writes them.

use super::super::object::{Object, list};
use crate::core::asset::{Asset, SparePart};
use crate::core::label::Fingerprint;
use crate::core::work_order::{AlertOnOrder, HistoryEntry, Note, WorkOrder};
use crate::time::Timestamp;

/// An order with all that is known of it, but for its history, which has an endpoint of its own.
pub fn work_order(order: &WorkOrder, now: Timestamp) -> String {
    let mut object = Object::new();
    object.text("number", &order.number);
    object.text("key", &order.key);
    object.number("revision", order.revision);
    object.text("receiver", &order.receiver);
    object.text("type", order.kind.as_str());
    object.text("priority", order.priority.as_str());
    object.text("status", order.status.as_str());
    match order.condition {
        Some(condition) => object.text("condition", condition.as_str()),
        None => object.raw("condition", "null"),
    }
    object.flag("overdue", order.is_overdue(now));
    object.text("title", &order.title);
    object.text("description", &order.description);
    object.text("assetCode", &order.asset.code);
    object.raw("asset", &asset(&order.asset));
    object.raw("parts", &list(order.parts.iter().map(part)));
    object.text("assignee", &order.assignee);
    for (key, at) in [
        ("openedAt", Some(order.opened_at)),
        ("updatedAt", Some(order.updated_at)),
        ("dueAt", Some(order.due_at)),
        ("malfunctionStart", order.malfunction_start),
        ("malfunctionEnd", order.malfunction_end),
        ("scheduledStart", order.scheduled_start),
        ("scheduledEnd", order.scheduled_end),
        ("acknowledgedAt", order.acknowledged_at),
        ("actualStart", order.actual_start),
        ("actualEnd", order.actual_end),
        ("closedAt", order.closed_at),
    ] {
        object.time(key, at);
    }
    object.hours("estimatedHours", order.estimated_hours);
    object.hours("actualHours", order.actual_hours);
    object.raw("alerts", &list(order.alerts.iter().map(|(fingerprint, on_order)| alert(*fingerprint, on_order))));
    object.raw("notes", &list(order.notes.iter().map(note)));
    let mut external = Object::new();
    order.external.iter().for_each(|(system, name)| external.text(system, name));
    object.raw("external", &external.end());
    object.end()
}

fn asset(asset: &Asset) -> String {
    let mut object = Object::new();
    object.text("code", &asset.code);
    object.text("name", &asset.name);
    object.text("type", &asset.kind);
    object.text("location", &asset.location());
    object.text("criticality", &asset.criticality);
    object.end()
}

fn part(part: &SparePart) -> String {
    let mut object = Object::new();
    object.text("number", &part.number);
    object.text("name", &part.name);
    object.number("needed", part.needed.into());
    object.number("inStock", part.in_stock.into());
    object.text("stockLocation", &part.stock_location);
    match part.lead_time_days {
        Some(days) => object.number("leadTimeDays", days.into()),
        None => object.raw("leadTimeDays", "null"),
    }
    object.end()
}

fn alert(fingerprint: Fingerprint, alert: &AlertOnOrder) -> String {
    let mut object = Object::new();
    object.text("fingerprint", &fingerprint.to_string());
    object.time("startsAt", Some(alert.starts_at));
    object.time("endedAt", alert.ended_at);
    object.labels("labels", &alert.labels);
    object.labels("annotations", &alert.annotations);
    object.text("generatorURL", &alert.generator_url);
    object.end()
}

fn note(note: &Note) -> String {
    let mut object = Object::new();
    object.time("at", Some(note.at));
    object.text("actor", &note.actor.to_string());
    object.text("text", &note.text);
    object.end()
}

/// What happened to an order, the oldest first.
pub fn history(order: &WorkOrder) -> String {
    list(order.history.iter().map(entry))
}

fn entry(entry: &HistoryEntry) -> String {
    let mut object = Object::new();
    object.number("revision", entry.revision);
    object.time("at", Some(entry.at));
    object.text("actor", &entry.actor.to_string());
    object.text("event", entry.event.as_str());
    object.text("text", &entry.text);
    object.text("why", &entry.why);
    object.end()
}
