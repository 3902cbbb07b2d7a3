//! Work orders as templates see them: one as `workOrder`, those of a digest as `digest`.

use serde_json::{Value, json};

use crate::core::change::Actor;
use crate::core::order_mail::{Digest, DigestLine};
use crate::core::work_order::{Status, WorkOrder};
use crate::time::Timestamp;

/// How many entries of its history and how many notes an order shows, the newest of each.
const SHOWN: usize = 10;

/// A work order, with `url` where it can be looked at.
pub fn order(order: &WorkOrder, external_url: &str, now: Timestamp) -> Value {
    let asset = &order.asset;
    json!({
        "number": &*order.number,
        "title": order.title,
        "description": order.description,
        "kind": order.kind.as_str(),
        "priority": order.priority.as_str(),
        "status": words(order.status),
        "condition": order.condition.map(|condition| condition.as_str()).unwrap_or_default(),
        "assignee": order.assignee,
        "opened": order.opened_at.to_string(),
        "due": order.due_at.to_string(),
        "overdue": order.is_overdue(now),
        "malfunctionStart": time(order.malfunction_start),
        "malfunctionEnd": time(order.malfunction_end),
        "url": url(external_url, &order.number),
        "asset": {
            "code": asset.code, "name": asset.name, "kind": asset.kind,
            "location": asset.location(), "criticality": asset.criticality,
        },
        "parts": order.parts.iter().map(|part| json!({
            "number": part.number, "name": part.name, "needed": part.needed, "inStock": part.in_stock,
            "isInStock": part.is_in_stock(), "stockLocation": part.stock_location,
            "leadTimeDays": part.lead_time_days,
        })).collect::<Vec<_>>(),
        "notes": order.notes.iter().rev().take(SHOWN).map(|note| json!({
            "at": note.at.to_string(), "who": who(&note.actor), "text": note.text,
        })).collect::<Vec<_>>(),
        "history": order.history.iter().rev().take(SHOWN).map(|entry| json!({
            "at": entry.at.to_string(), "who": who(&entry.actor), "text": entry.text, "why": entry.why,
        })).collect::<Vec<_>>(),
    })
}

/// A digest: its orders line by line, in their order.
pub fn digest(digest: &Digest, external_url: &str) -> Value {
    let count = |what: &dyn Fn(&DigestLine) -> bool| digest.orders.iter().filter(|line| what(line)).count();
    let mut lines: Vec<(&str, Vec<Value>)> = Vec::new();
    for order in &digest.orders {
        let shown = digest_line(order, external_url, digest.at);
        match lines.last_mut().filter(|(line, _)| *line == order.line) {
            Some((_, orders)) => orders.push(shown),
            None => lines.push((&order.line, vec![shown])),
        }
    }
    json!({
        "at": digest.at.to_string(),
        "since": digest.since.to_string(),
        "open": count(&|line| line.status.is_open()),
        "overdue": count(&|line| line.is_overdue(digest.at)),
        "recovered": count(&recovered),
        "closed": count(&|line| !line.status.is_open()),
        "more": digest.more,
        "lines": lines.into_iter().map(|(line, orders)| json!({"line": line, "orders": orders})).collect::<Vec<_>>(),
    })
}

fn digest_line(line: &DigestLine, external_url: &str, now: Timestamp) -> Value {
    json!({
        "number": &*line.number,
        "title": line.title,
        "priority": line.priority.as_str(),
        "status": words(line.status),
        "open": line.status.is_open(),
        "overdue": line.is_overdue(now),
        "recovered": recovered(line),
        "asset": line.asset_code,
        "assetName": line.asset_name,
        "assignee": line.assignee,
        "opened": line.opened_at.to_string(),
        "due": line.due_at.to_string(),
        "url": url(external_url, &line.number),
    })
}

/// Whether its failure is over and somebody has to verify that.
fn recovered(line: &DigestLine) -> bool {
    line.status.is_open() && line.condition == Some(crate::core::work_order::Condition::Cleared)
}

/// Who did it, as people call them.
fn who(actor: &Actor) -> String {
    match actor {
        Actor::Clock => "Andon".into(),
        other => other.to_string(),
    }
}

/// `in progress`
fn words(status: Status) -> String {
    status.as_str().replace('_', " ")
}

fn time(at: Option<Timestamp>) -> Value {
    at.map(|at| at.to_string()).into()
}

fn url(external_url: &str, number: &str) -> String {
    let number: String = url::form_urlencoded::byte_serialize(number.as_bytes()).collect();
    format!("{external_url}/ui/work-orders/{number}")
}
