//! Who wins where Andon and the plant's people changed the same row.

use std::sync::Arc;

use serde_json::{Value, json};

use super::columns::{self, Row, edit, to_leave, wanted};
use super::{SYSTEM, notes};
use crate::core::change::Actor;
use crate::core::work_order::{Note, Priority, Status, WorkOrder};
use crate::store::record::samples;
use crate::time::Timestamp;

fn order() -> WorkOrder {
    WorkOrder {
        status: Status::Open,
        priority: Priority::High,
        assignee: String::new(),
        scheduled_start: None,
        notes: Vec::new(),
        history: Vec::new(),
        ..samples::work_order()
    }
}

/// A row as Andon wrote it for the order, with what people changed in it since.
fn row(order: &WorkOrder, people: Value) -> Row {
    let ours = wanted(order);
    let mut row = json!({"notes": null, "andon": to_leave(order, &ours, &ours)});
    for (name, value) in &ours {
        row[name] = value.clone();
    }
    for (name, value) in people.as_object().into_iter().flatten() {
        row[name] = value.clone();
    }
    Row::read(&row)
}

/// What is taken over, and what is written, as words.
fn merged(now: &WorkOrder, row: &Row) -> (String, String) {
    let changed = row.changed_by_people(&wanted(now));
    let edit = edit(now, &changed);
    let mut taken = Vec::new();
    taken.extend(edit.status.map(|status| format!("status={}", status.as_str())));
    taken.extend(edit.priority.map(|priority| format!("priority={}", priority.as_str())));
    taken.extend(edit.assignee.map(|name| format!("assignee={name}")));
    taken.extend(edit.scheduled_start.map(|at| format!("start={}", at.map_or("none".into(), |at| at.to_string()))));
    taken.extend(edit.actual_hours.map(|hours| format!("hours={hours:?}")));
    taken.extend(edit.title.map(|title| format!("title={title}")));
    let written: Vec<String> = row.to_write(&wanted(now)).keys().cloned().collect();
    (taken.join(" "), written.join(" "))
}

#[test]
fn people_win_and_what_only_andon_changed_is_written() {
    let before = order();
    let assigned = WorkOrder { status: Status::Assigned, assignee: "Ann".into(), ..before.clone() };
    let urgent = WorkOrder { priority: Priority::Emergency, ..before.clone() };
    #[rustfmt::skip]
    let rows: [(&WorkOrder, Value, &str, &str); 11] = [
        (&before, json!({}), "", ""),
        (&before, json!({"status": "in_progress"}), "status=in_progress", ""),
        (&before, json!({"status": "completed", "actual_hours": 2}), "status=completed hours=Some(2.0)", ""),
        (&assigned, json!({}), "", "assigned_to status"),
        // Both: the person wins; what only Andon changed is written all the same.
        (&assigned, json!({"assigned_to": "Bob"}), "assignee=Bob", "status"),
        (&assigned, json!({"assigned_to": "Ann"}), "", "status"),
        (&urgent, json!({"status": "on_hold"}), "status=on_hold", "priority"),
        // The form of a time does not matter, nor that nothing is planned.
        (&before, json!({"scheduled_start": "2030-01-02T03:04:05+01:00"}), "start=2030-01-02T02:04:05Z", ""),
        (&before, json!({"scheduled_start": null}), "start=none", ""),
        // What means nothing to Andon stays as it is in both.
        (&urgent, json!({"status": "waiting", "scheduled_start": "infinity", "actual_hours": -1, "title": " "}), "", "priority"),
        (&before, json!({"assigned_to": "", "downtime_hours": 7, "title": "Leak\nat the\u{7} seal"}), "title=Leak at the  seal", ""),
    ];
    for (now, people, taken, written) in rows {
        let found = merged(now, &row(&before, people.clone()));
        assert_eq!((found.0.as_str(), found.1.as_str()), (taken, written), "{people}");
    }
}

#[test]
fn what_was_looked_at_once_is_settled_even_where_both_differ() {
    let order = order();
    let people = row(&order, json!({"status": "waiting", "downtime_hours": 7}));
    assert!(!people.is_settled(&order));
    // As Andon leaves it then.
    let mut after = json!({"andon": to_leave(&order, &wanted(&order), &people.columns)});
    for (name, value) in &people.columns {
        after[name] = value.clone();
    }
    let after = Row::read(&after);
    assert!(after.is_settled(&order));
    assert_eq!(merged(&order, &after), (String::new(), String::new()));
    let newer = WorkOrder { revision: order.revision + 1, ..order };
    assert!(!after.is_settled(&newer));
}

#[test]
fn a_row_that_andon_never_wrote_is_taken_as_it_is() {
    let order = order();
    let mut foreign = row(&order, json!({"status": "assigned", "title": "Oil change"}));
    foreign.left = None;
    assert_eq!(merged(&order, &foreign), ("status=assigned title=Oil change".into(), String::new()));
}

#[test]
fn notes_are_taken_once_and_given_once() {
    let by_hand = Actor::User { name: "Jo".into(), address: "here".into() };
    let theirs = Actor::Mirror { system: SYSTEM.into(), person: String::new() };
    let at = Timestamp::new(1_795_359_600, 0);
    let note = |actor: &Actor, text: &str| Note { at, actor: actor.clone(), text: text.into() };
    let mut order = order();
    order.notes = vec![note(&by_hand, "Look at\nthe seal"), note(&theirs, "It leaks.\nBadly.")];
    let appended = notes::to_append(&order, None, SYSTEM);
    assert_eq!(appended, "[Andon 2026-11-22 15:00 UTC, Jo at here] Look at the seal");
    let column = format!("{appended}\n It leaks. \r\nBadly.\n\nSomebody was here.\nSomebody was here.");
    assert_eq!(notes::new_from_people(&order, &column, SYSTEM).as_deref(), Some("Somebody was here."));
    order.notes.push(note(&theirs, "Somebody was here."));
    assert_eq!(notes::new_from_people(&order, &column, SYSTEM), None);
    let left = columns::Left { notes: 1, ..columns::Left::default() };
    assert_eq!(notes::to_append(&order, Some(&left), SYSTEM), "");
    // Of more than is read, the line that was cut is not taken for a line.
    let cut = Row::read(&json!({"notes": format!("{}\nwhole", "x".repeat(columns::NOTES_READ - 6))}));
    assert_eq!(cut.notes, "whole");
    // Ten megabytes are taken in parts, each of which an order takes, and come to an end.
    let long: String = (0..2_000).map(|n| format!("{n} {}\n", "x".repeat(5_000))).collect();
    let first = notes::new_from_people(&order, &long, SYSTEM).expect("there is something new");
    assert!(first.chars().count() <= 10_000, "{}", first.len());
    order.notes.push(note(&theirs, &first));
    let second = notes::new_from_people(&order, &long, SYSTEM).expect("there is more");
    assert!(first.starts_with("0 x") && second.starts_with("4 x"), "{}", second.get(..9).unwrap_or_default());
}

#[test]
fn whatever_an_order_holds_can_be_stored() {
    let mut order = order();
    order.title = "t\0".repeat(300);
    order.assignee = "a".repeat(255);
    order.key = Arc::from("k\0");
    let ours = wanted(&order);
    let text = format!("{}{}", json!(ours), to_leave(&order, &ours, &ours));
    assert!(!text.contains("\\u0000"), "PostgreSQL knows no NUL");
    assert_eq!(ours["title"].as_str().map(|title| title.chars().count()), Some(255));
    assert_eq!(ours["assigned_to"].as_str().map(str::len), Some(100));
}
