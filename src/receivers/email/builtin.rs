//! What a mail says where its template failed or the whole is too large, and the note that says so.

use std::fmt::Write as _;

use crate::core::label::LabelSet;
use crate::receivers::body::Data;
use crate::receivers::notice;

/// The most alerts that are spelled out.
const ALERTS: usize = 200;

/// The plain text.
pub(super) fn text(data: &Data) -> String {
    first_alerts(notice::subject(data), data, ALERTS, None)
}

/// The subject, the first `most` of the alerts, where values have at most so many characters, and where all are.
pub(super) fn first_alerts(subject: String, data: &Data, most: usize, longest: Option<usize>) -> String {
    let mut out = subject;
    out.push('\n');
    for alert in data.alerts.iter().take(most) {
        let mut since = String::new();
        alert.starts_at.write_millis(&mut since);
        let _ = write!(out, "\n{} since {since}\n", alert.status.to_uppercase());
        write_pairs(&mut out, &alert.labels, longest);
        write_pairs(&mut out, &alert.annotations, longest);
        if !alert.generator_url.is_empty() && longest.is_none_or(|longest| alert.generator_url.len() <= longest) {
            let _ = writeln!(out, "  Source: {}", alert.generator_url);
        }
    }
    if let Some(more) = data.alerts.len().checked_sub(most).filter(|more| *more > 0) {
        let _ = write!(out, "\n… and {more} more\n");
    }
    let _ = write!(out, "\nAll alerts: {}/#/alerts\n", data.external_url);
    out
}

fn write_pairs(out: &mut String, pairs: &LabelSet, longest: Option<usize>) {
    for (name, value) in pairs {
        let mut value = value.to_owned();
        if let Some(longest) = longest {
            notice::shorten(&mut value, longest);
        }
        let _ = writeln!(out, "  {name}: {value}");
    }
}

/// The page: the plain text.
pub(super) fn html(data: &Data) -> String {
    page(&text(data))
}

/// A page of plain text.
pub(super) fn page(text: &str) -> String {
    format!("<!DOCTYPE html><html><body><pre style=\"white-space: pre-wrap\">{}</pre></body></html>", escape(text))
}

/// Adds the note to the parts that there are.
pub(super) fn add_note(text: &mut String, html: &mut String, note: &str) {
    if !text.is_empty() || html.is_empty() {
        let _ = write!(text, "\n{note}\n");
    }
    if !html.is_empty() {
        let note = format!("<p><small>{}</small></p>", escape(note));
        let end = html.rfind("</body>").unwrap_or(html.len());
        html.insert_str(end, &note);
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
