//! What the templates of a maintenance system's requests may say of an order.

use serde_json::{Map, Value, json};

use crate::config::settings::Cmms;
use crate::core::work_order::{Condition, WorkOrder};
use crate::time::Timestamp;

/// Everything that a template may name. `id` is what the system calls the order, `asset_id` what it calls the asset.
pub fn of(settings: &Cmms, order: &WorkOrder, id: &str, asset_id: &Value) -> Value {
    let (status, priority) = (order.status.as_str(), order.priority.as_str());
    let time = |at: Option<Timestamp>| at.map(|at| at.with_offset_minutes(0).to_string());
    let word = |words: &std::collections::BTreeMap<String, String>, ours: &str| {
        words.get(ours).cloned().unwrap_or_else(|| ours.to_owned())
    };
    let parts = order.parts.iter().map(|part| {
        json!({"number": part.number, "name": part.name, "needed": part.needed, "inStock": part.in_stock,
            "leadTimeDays": part.lead_time_days})
    });
    let alerts = order.alerts.values().map(|alert| {
        Value::from(Map::from_iter(alert.labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value)))))
    });
    json!({
        "number": &*order.number,
        "key": &*order.key,
        "id": id,
        "assetId": asset_id,
        "title": order.title,
        "description": order.description,
        "text": text(order),
        "type": order.kind.as_str(),
        "status": word(&settings.statuses, status),
        "ourStatus": status,
        "priority": word(&settings.priorities, priority),
        "ourPriority": priority,
        "condition": order.condition.map(|condition| condition.as_str()),
        "assignee": order.assignee,
        "asset": {
            "code": order.asset.code,
            "name": order.asset.name,
            "type": order.asset.kind,
            "location": order.asset.location(),
            "criticality": order.asset.criticality,
        },
        "openedAt": time(Some(order.opened_at)),
        "dueAt": time(Some(order.due_at)),
        "malfunctionStart": time(order.malfunction_start),
        "malfunctionEnd": time(order.malfunction_end),
        "scheduledStart": time(order.scheduled_start),
        "scheduledEnd": time(order.scheduled_end),
        "actualStart": time(order.actual_start),
        "actualEnd": time(order.actual_end),
        "estimatedHours": order.estimated_hours,
        "actualHours": order.actual_hours,
        "parts": parts.collect::<Vec<_>>(),
        "alerts": alerts.collect::<Vec<_>>(),
        "values": settings.values,
    })
}

/// The description, and what is known beyond it: in full each time, so that sending it twice says it once.
fn text(order: &WorkOrder) -> String {
    let mut lines = vec![order.description.trim().to_owned()];
    let asset = &order.asset;
    if !asset.code.is_empty() {
        let place = asset.location();
        let place = if place.is_empty() { place } else { format!(", {place}") };
        lines.push(format!("Asset: {} {}{place}", asset.code, asset.name));
    }
    match order.condition {
        Some(Condition::Cleared) => {
            let since = order.malfunction_end.map(|end| format!(" since {end}")).unwrap_or_default();
            lines.push(format!("The alarm is over{since}: verify, and close."));
        }
        Some(Condition::Recurred) => lines.push("The alarm was over, and is back.".to_owned()),
        Some(Condition::Active) => lines.push("The alarm is active.".to_owned()),
        None => {}
    }
    for part in &order.parts {
        let lead = part.lead_time_days.map(|days| format!(", {days} days to get more")).unwrap_or_default();
        let lead = if part.is_in_stock() { String::new() } else { lead };
        lines.push(format!(
            "Part {} {}: needs {}, in stock {}{lead}",
            part.number, part.name, part.needed, part.in_stock
        ));
    }
    lines.extend(order.notes.iter().map(|note| format!("{}, {}: {}", note.at, note.actor, note.text)));
    lines.push(format!("Andon {}", order.number));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}
