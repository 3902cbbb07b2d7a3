//! An alert as API v2 shows it, and which alerts a client wants to see.

use super::filter::{BadQuery, LabelFilter};
use crate::core::alert_set::Kept;
use crate::core::label::Fingerprint;
use crate::core::matcher::Mode;
use crate::core::silence::SilenceId;
use crate::core::view::View;
use crate::http::query::Query;
use crate::json::{write_labels, write_string};
use crate::time::Timestamp;

/// What holds an alert back at this moment.
pub struct Status {
    inhibited_by: Option<Fingerprint>,
    silenced_by: Vec<SilenceId>,
    /// Work orders in progress on the alert's asset: they stand beside the time intervals in `mutedBy`.
    kept_back_by: Vec<std::sync::Arc<str>>,
}

/// Which alerts a client wants to see, and what is true of them now.
pub struct Wanted {
    now: Timestamp,
    labels: LabelFilter,
    active: bool,
    silenced: bool,
    inhibited: bool,
}

impl Wanted {
    /// From the query.
    ///
    /// # Errors
    /// A filter that cannot be read.
    pub fn of(query: &Query, mode: Mode, now: Timestamp) -> Result<Self, BadQuery> {
        Ok(Self {
            now,
            labels: LabelFilter::of(query, mode)?,
            active: query.switch("active"),
            silenced: query.switch("silenced"),
            inhibited: query.switch("inhibited"),
        })
    }

    /// Whether the alert may be wanted, without looking further than at what is at hand.
    pub fn may_want(&self, kept: &Kept) -> bool {
        self.labels.may_want(kept)
    }

    /// The alert's status if the alert is wanted. Resolved alerts never are.
    pub fn status(&self, view: &View, kept: &Kept) -> Option<Status> {
        if view.grace.resolved(&kept.alert, self.now) || !self.labels.wants(&kept.alert.labels) {
            return None;
        }
        let muting = view.muting(self.now);
        let status = Status {
            inhibited_by: muting.inhibited_by(kept),
            silenced_by: muting.silenced_by(&kept.alert.labels),
            kept_back_by: muting.kept_back_by(&kept.alert.labels),
        };
        let (silenced, inhibited) = (!status.silenced_by.is_empty(), status.inhibited_by.is_some());
        let wanted =
            (self.active || silenced || inhibited) && (self.silenced || !silenced) && (self.inhibited || !inhibited);
        wanted.then_some(status)
    }
}

/// Appends the alert as an object. `muted_by` are time intervals.
pub fn write_alert<'a>(
    out: &mut String,
    kept: &Kept,
    status: &Status,
    receivers: impl Iterator<Item = &'a str>,
    muted_by: &[std::sync::Arc<str>],
) {
    let alert = &kept.alert;
    out.push_str("{\"annotations\":");
    write_labels(out, &alert.annotations, true);
    out.push_str(",\"endsAt\":");
    write_time(out, alert.ends_at);
    out.push_str(",\"fingerprint\":\"");
    write_fingerprint(out, kept.fingerprint);
    out.push_str("\",\"receivers\":");
    write_list(out, receivers, |out, name| {
        out.push_str("{\"name\":");
        write_string(out, name, true);
        out.push('}');
    });
    out.push_str(",\"startsAt\":");
    write_time(out, alert.starts_at);
    out.push_str(",\"status\":{\"inhibitedBy\":");
    write_list(out, status.inhibited_by.iter(), |out, source| {
        out.push('"');
        write_fingerprint(out, *source);
        out.push('"');
    });
    out.push_str(",\"mutedBy\":");
    let muted_by = || muted_by.iter().chain(&status.kept_back_by);
    write_list(out, muted_by(), |out, name| write_string(out, name, true));
    out.push_str(",\"silencedBy\":");
    write_list(out, status.silenced_by.iter(), |out, id| write_string(out, &id.to_string(), true));
    let active = status.inhibited_by.is_none() && status.silenced_by.is_empty() && muted_by().next().is_none();
    out.push_str(",\"state\":\"");
    out.push_str(if active { "active" } else { "suppressed" });
    out.push_str("\"},\"updatedAt\":");
    write_time(out, alert.updated_at);
    if !alert.generator_url.is_empty() {
        out.push_str(",\"generatorURL\":");
        write_string(out, &alert.generator_url, true);
    }
    out.push_str(",\"labels\":");
    write_labels(out, &alert.labels, true);
    out.push('}');
}

/// Appends a time in quotes.
pub fn write_time(out: &mut String, at: Timestamp) {
    out.push('"');
    at.write_millis(out);
    out.push('"');
}

fn write_fingerprint(out: &mut String, fingerprint: Fingerprint) {
    out.extend((0..16).rev().filter_map(|place| char::from_digit((fingerprint.0 >> (4 * place) & 0xF) as u32, 16)));
}

/// Appends a list in brackets.
pub fn write_list<T>(out: &mut String, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}
