//! The calendar entry of a work order (RFC 5545): one for its whole life, updated and taken back as the order moves.

use std::fmt::Write as _;
use std::time::Duration;

use crate::core::work_order::WorkOrder;
use crate::time::Timestamp;

/// How long before its end an entry begins.
const LENGTH: Duration = Duration::from_secs(1800);
/// The longest line in bytes, without its end.
const LINE: usize = 75;

/// A calendar entry on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// `REQUEST`, or `CANCEL` once the order is closed.
    pub(super) method: &'static str,
    /// The file.
    pub(super) text: String,
}

/// Who sends the entry, and to whom: addresses.
pub(super) struct Between<'a> {
    pub(super) organizer: &'a str,
    pub(super) attendee: &'a str,
    /// What makes the entry's name unique.
    pub(super) domain: &'a str,
}

/// The entry of an order as it is; its end is when the work is due.
pub(super) fn entry(order: &WorkOrder, between: &Between<'_>, description: &str, stamp: Timestamp) -> Entry {
    let open = order.status.is_open();
    let method = if open { "REQUEST" } else { "CANCEL" };
    let place = [order.asset.name.as_str(), &order.asset.location()].map(str::to_owned);
    let place: Vec<String> = place.into_iter().filter(|part| !part.is_empty()).collect();
    let mut out = String::new();
    let mut line = |text: String| fold(&mut out, &text);
    line("BEGIN:VCALENDAR".into());
    line("VERSION:2.0".into());
    line("PRODID:-//Andon//Work orders//EN".into());
    line(format!("METHOD:{method}"));
    line("BEGIN:VEVENT".into());
    line(format!("UID:{}@{}", escape(&order.number), between.domain));
    line(format!("SEQUENCE:{}", order.revision));
    line(format!("DTSTAMP:{}", utc(stamp)));
    line(format!("DTSTART:{}", utc(order.due_at.before(LENGTH))));
    line(format!("DTEND:{}", utc(order.due_at)));
    line(format!("SUMMARY:{} due: {}", escape(&order.number), escape(&order.title)));
    line(format!("LOCATION:{}", escape(&place.join(", "))));
    line(format!("DESCRIPTION:{}", escape(description)));
    line(format!("ORGANIZER:mailto:{}", between.organizer));
    line(format!("ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:{}", between.attendee));
    line(format!("STATUS:{}", if open { "CONFIRMED" } else { "CANCELLED" }));
    line("TRANSP:TRANSPARENT".into());
    line("END:VEVENT".into());
    line("END:VCALENDAR".into());
    Entry { method, text: out }
}

/// `20261122T184828Z`
fn utc(at: Timestamp) -> String {
    let [year, month, day, hour, minute, second] = at.with_offset_minutes(0).civil();
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// A text value: what has a meaning in the file is escaped, so that a label cannot write a line of its own.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Appends a line, broken where it is too long, between characters.
fn fold(out: &mut String, text: &str) {
    let mut room = LINE;
    for c in text.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = LINE - 1;
        }
        room -= c.len_utf8();
        out.push(c);
    }
    let _ = out.write_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_writes_a_line_of_its_own_and_no_line_is_too_long() {
        let mut out = String::new();
        fold(&mut out, &format!("SUMMARY:{}", escape(&format!("a;b,c\\d\r\nATTENDEE:x {}", "ü".repeat(200)))));
        assert!(out.starts_with("SUMMARY:a\\;b\\,c\\\\d\\nATTENDEE:x ü"), "{out}");
        assert!(out.ends_with("\r\n") && out.lines().all(|line| line.len() <= LINE), "{out}");
        assert_eq!(out.replace("\r\n ", "").matches("\r\n").count(), 1);
        assert_eq!(utc(Timestamp::new(1_795_359_600, 5).with_offset_minutes(60)), "20261122T150000Z");
    }
}
