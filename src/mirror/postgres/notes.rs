//! The column `notes`: one text that people write into, and to which Andon only ever appends.
//!
//! Each line of Andon's begins with `[Andon`. Every other line is somebody's note; which of them are new follows from the
//! notes that the order has, so looking twice adds nothing twice.

use std::collections::BTreeSet;

use super::columns::{Left, TOLD_IN_NOTES};
use crate::core::change::Actor;
use crate::core::work_order::WorkOrder;
use crate::time::Timestamp;

const OURS: &str = "[Andon";
/// How much of one line is taken over.
const LONGEST_LINE: usize = 2_000;
/// How much is taken over at once.
const LONGEST_NOTE: usize = 9_000;

/// What people wrote and the order does not have yet, in their order; the rest of very much is taken the next time.
pub fn new_from_people(order: &WorkOrder, notes: &str, system: &str) -> Option<String> {
    let theirs = |actor: &Actor| matches!(actor, Actor::Mirror { system: from, .. } if from == system);
    let known = order.notes.iter().filter(|note| theirs(&note.actor)).flat_map(|note| note.text.lines());
    let known: BTreeSet<String> = known.map(clipped).collect();
    let mut new = String::new();
    for line in notes.lines().map(clipped).filter(|line| !line.is_empty() && !line.starts_with(OURS)) {
        if known.contains(&line) || new.lines().any(|taken| taken == line) {
            continue;
        }
        if new.chars().count() + line.chars().count() > LONGEST_NOTE {
            break;
        }
        if !new.is_empty() {
            new.push('\n');
        }
        new.push_str(&line);
    }
    (!new.is_empty()).then_some(new)
}

fn clipped(line: &str) -> String {
    line.trim().chars().take(LONGEST_LINE).collect()
}

/// The lines to append for what was noted and happened since a row was written.
pub fn to_append(order: &WorkOrder, left: Option<&Left>, system: &str) -> String {
    let left = left.cloned().unwrap_or_default();
    let theirs = |actor: &Actor| matches!(actor, Actor::Mirror { system: from, .. } if from == system);
    let noted = order.notes.iter().skip(left.notes).filter(|note| !theirs(&note.actor));
    let noted = noted.map(|note| (note.at, line(note.at, &note.actor, &note.text)));
    let happened = order.since(left.revision).filter(|entry| TOLD_IN_NOTES.contains(&entry.event));
    let happened = happened.filter(|entry| !theirs(&entry.actor));
    let happened = happened.map(|entry| (entry.at, line(entry.at, &entry.actor, &entry.text)));
    let mut lines: Vec<_> = noted.chain(happened).collect();
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// `[Andon 2026-11-22 14:48 UTC, Jo] text`, in one line.
fn line(at: Timestamp, actor: &Actor, text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let by = match actor {
        Actor::Clock => String::new(),
        actor => format!(", {}", actor.to_string().replace(|c: char| c.is_control() || c == ']', " ")),
    };
    let [year, month, day, hour, minute, _] = at.with_offset_minutes(0).civil();
    format!("{OURS} {year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC{by}] {text}")
}

/// What is said where the asset is not in the table.
pub fn missing_asset(code: &str) -> String {
    format!("The asset {code} is not in the table assets: this order has no asset_id.")
}
