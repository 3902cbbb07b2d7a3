//! What of a row is shared between Andon and the plant's people, and who wins where both changed it.
//!
//! With every write Andon leaves in the row (`metadata.andon`) what it wanted then and what the row said then. From these
//! two, the row and the order it follows, column by column, who changed what since; it needs no memory of ours, so a crash
//! between a write here and a commit there does no harm. What people changed wins; what only Andon changed is written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::core::order_command::OrderEdit;
use crate::core::work_order::{Kind, OrderEvent, Priority, Status, WorkOrder};
use crate::time::Timestamp;

/// The longest title and name that the table takes, in characters.
const LONGEST_TITLE: usize = 255;
const LONGEST_NAME: usize = 100;
/// How much of the notes is read, in characters: people write at the end.
pub const NOTES_READ: usize = 60_000;
/// How many alerts are named in the row.
const MOST_ALERTS: usize = 20;

/// The columns that both may change, by name.
pub type Columns = BTreeMap<String, Value>;

/// What the order says, as the row should have it.
pub fn wanted(order: &WorkOrder) -> Columns {
    let downtime = order.malfunction_start.zip(order.malfunction_end);
    let downtime = downtime.map(|(start, end)| end.since(start).as_secs_f64() / 3600.0);
    let columns = [
        ("type", Value::from(order.kind.as_str())),
        ("priority", Value::from(order.priority.as_str())),
        ("status", Value::from(order.status.as_str())),
        ("title", text(&order.title, LONGEST_TITLE)),
        ("description", text(&order.description, usize::MAX)),
        // The plant calls an order overdue when its planned start is past: without a plan that is when it is due.
        ("scheduled_start", time(order.scheduled_start.or(Some(order.due_at)))),
        ("scheduled_end", time(order.scheduled_end)),
        ("actual_start", time(order.actual_start)),
        ("actual_end", time(order.actual_end)),
        ("assigned_to", text(&order.assignee, LONGEST_NAME)),
        ("estimated_hours", Value::from(order.estimated_hours)),
        ("actual_hours", Value::from(order.actual_hours)),
        ("downtime_hours", Value::from(downtime)),
    ];
    columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A text as PostgreSQL takes it: no NUL, not too long, and nothing rather than empty.
fn text(text: &str, longest: usize) -> Value {
    let text: String = text.replace('\0', "\u{fffd}").chars().take(longest).collect();
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

/// UTC, to the microsecond, as PostgreSQL keeps it.
fn time(at: Option<Timestamp>) -> Value {
    let Some(at) = at else { return Value::Null };
    let [year, month, day, hour, minute, second] = at.with_offset_minutes(0).civil();
    let micros = at.subsec_nanos() / 1_000;
    Value::from(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}"))
}

/// A row as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The shared columns, in the form of [`wanted`].
    pub columns: Columns,
    /// The column `notes`.
    pub notes: String,
    /// What Andon left in it; nothing in a row that it never wrote.
    pub left: Option<Left>,
}

/// What Andon leaves in a row for itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// The revision of the order that was written.
    pub revision: u64,
    /// How many of the order's notes were written.
    pub notes: usize,
    /// What Andon wanted.
    pub wanted: Columns,
    /// What the row said.
    pub seen: Columns,
}

impl Row {
    /// From the columns as JSON: the shared ones, `notes`, and `andon`, which is `metadata.andon`.
    pub fn read(row: &Value) -> Self {
        let columns = |from: &Value| -> Columns {
            let entries = from.as_object().into_iter().flatten();
            entries.map(|(name, value)| (name.clone(), canonical(name, value))).collect()
        };
        let mut all = columns(row);
        let notes = all.remove("notes").as_ref().and_then(Value::as_str).map(whole_lines).unwrap_or_default();
        let left = all.remove("andon").filter(|andon| andon["revision"].is_u64()).map(|andon| {
            let wanted = columns(&andon["wanted"]);
            let mut seen = wanted.clone();
            seen.extend(columns(&andon["differs"]));
            let notes = andon["notes"].as_u64().and_then(|notes| usize::try_from(notes).ok()).unwrap_or(0);
            Left { revision: andon["revision"].as_u64().unwrap_or(0), notes, wanted, seen }
        });
        Self { columns: all, notes, left }
    }

    /// The columns that people changed since Andon last looked; of a row that it never wrote, those that differ.
    pub fn changed_by_people(&self, wanted: &Columns) -> Columns {
        let before = self.left.as_ref().map_or(wanted, |left| &left.seen);
        let changed =
            |(name, value): &(&String, &Value)| before.get(*name) != Some(value) && wanted.contains_key(*name);
        self.columns.iter().filter(changed).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What of the order is to be written: what Andon changed, and people did not.
    pub fn to_write(&self, wanted: &Columns) -> Columns {
        let people = self.changed_by_people(wanted);
        let before = |name: &String| self.left.as_ref().and_then(|left| left.wanted.get(name));
        let changed = |(name, value): &(&String, &Value)| {
            !people.contains_key(*name) && before(name) != Some(value) && self.columns.get(*name) != Some(value)
        };
        wanted.iter().filter(changed).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Whether the row says all that the order says, and Andon knows all that people changed.
    pub fn is_settled(&self, order: &WorkOrder) -> bool {
        let wanted = wanted(order);
        let known = self.left.as_ref().is_some_and(|left| left.revision == order.revision);
        known && self.changed_by_people(&wanted).is_empty()
    }
}

/// Of notes that are longer than what is read of them, the line that was cut says nothing.
fn whole_lines(notes: &str) -> String {
    match notes.chars().count() < NOTES_READ {
        true => notes.to_owned(),
        false => notes.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default(),
    }
}

/// A value in the form that [`wanted`] has, so that equal ones are equal.
fn canonical(name: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(text) if ["scheduled_start", "scheduled_end", "actual_start", "actual_end"].contains(&name) => {
            parse_time(text).map_or_else(|| value.clone(), |at| time(Some(at)))
        }
        Value::Number(number) if name.ends_with("_hours") => Value::from(number.as_f64()),
        _ => value.clone(),
    }
}

/// A time as PostgreSQL shows it in JSON; one without an offset is UTC.
fn parse_time(text: &str) -> Option<Timestamp> {
    let instant = text.parse::<jiff::Timestamp>().ok();
    let civil = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    instant.or_else(|| civil().map(|zoned| zoned.timestamp())).map(Timestamp::from_jiff)
}

/// What people changed, as a change of the order; what means nothing to Andon is left out.
pub fn edit(order: &WorkOrder, changed: &Columns) -> OrderEdit {
    let mut edit = OrderEdit::default();
    let ours = wanted(order);
    for (name, value) in changed.iter().filter(|(name, value)| ours.get(*name) != Some(value)) {
        let text = value.as_str().unwrap_or_default();
        let at = || (value.is_null() || parse_time(text).is_some()).then(|| parse_time(text));
        let hours = || {
            (value.is_null() || value.as_f64().is_some_and(|hours| (0.0..=100_000.0).contains(&hours)))
                .then(|| value.as_f64())
        };
        match name.as_str() {
            "status" => edit.status = Status::parse(text),
            "priority" => edit.priority = Priority::parse(text),
            "type" => edit.kind = Kind::parse(text),
            "title" if !text.trim().is_empty() => edit.title = Some(one_line(text)),
            "description" => edit.description = Some(text.chars().take(10_000).collect()),
            "assigned_to" => edit.assignee = Some(one_line(text)),
            "scheduled_start" => edit.scheduled_start = at(),
            "scheduled_end" => edit.scheduled_end = at(),
            "actual_start" => edit.actual_start = at(),
            "actual_end" => edit.actual_end = at(),
            "estimated_hours" => edit.estimated_hours = hours(),
            "actual_hours" => edit.actual_hours = hours(),
            _ => {}
        }
    }
    edit
}

/// A text in one line that an order takes.
pub fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_TITLE).collect();
    line.trim().to_owned()
}

/// What Andon leaves in the row: what the plant's people may want to know, and what it needs itself to see later who
/// changed what.
pub fn to_leave(order: &WorkOrder, wanted: &Columns, row: &Columns) -> Value {
    let object = |columns: &Columns| {
        Value::from(Map::from_iter(columns.iter().map(|(name, value)| (name.clone(), value.clone()))))
    };
    let differs = row.iter().filter(|(name, value)| wanted.get(*name).is_some_and(|wanted| wanted != *value));
    let differs: Columns = differs.map(|(name, value)| (name.clone(), value.clone())).collect();
    let alerts = order.alerts.values().take(MOST_ALERTS).map(|alert| {
        let labels = alert.labels.iter().map(|(name, value)| (name.replace('\0', "\u{fffd}"), text(value, usize::MAX)));
        Value::from(Map::from_iter(labels))
    });
    let parts = order.parts.iter().map(|part| {
        let (number, name) = (text(&part.number, usize::MAX), text(&part.name, usize::MAX));
        json!({"part_number": number, "name": name, "needed": part.needed, "in_stock": part.in_stock,
            "lead_time_days": part.lead_time_days})
    });
    json!({
        "key": text(&order.key, usize::MAX),
        "receiver": text(&order.receiver, usize::MAX),
        "condition": order.condition.map(|condition| condition.as_str()),
        "malfunction_start": time(order.malfunction_start),
        "malfunction_end": time(order.malfunction_end),
        "due_at": time(Some(order.due_at)),
        "alerts": alerts.collect::<Vec<_>>(),
        "parts": parts.collect::<Vec<_>>(),
        "revision": order.revision,
        "notes": order.notes.len(),
        "wanted": object(wanted),
        "differs": object(&differs),
    })
}

/// What happened to the order and people should read in its notes; what has a note of its own is told by that.
pub const TOLD_IN_NOTES: [OrderEvent; 7] = [
    OrderEvent::Recovered,
    OrderEvent::Recurred,
    OrderEvent::Reopened,
    OrderEvent::AlertJoined,
    OrderEvent::OverdueAssignee,
    OrderEvent::OverdueSupervisor,
    OrderEvent::OverdueManager,
];
