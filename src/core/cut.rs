//! A notification that is too large to be stored is cut, rather than not told. Nothing is cut until the store refused a
//! commit of that notification alone.

use std::sync::Arc;

use super::alert::Alert;
use super::change::StoredGroup;
use super::engine::{Engine, ROOM, ROW};
use super::label::LabelSet;
use super::outbox::ToldAlert;
use crate::time::Timestamp;

/// So much of an annotation stays.
const STAYS: usize = 256;
/// The annotation of the first alert that says what was cut.
const SAYS: &str = "andon_cut";

/// The alerts as they are where they weigh no more than `most`; else without the rest of long annotations, and if need be
/// only the first of them.
pub(super) fn cut(mut alerts: Vec<ToldAlert>, most: usize) -> Vec<ToldAlert> {
    if !shorten(&mut alerts, most) {
        return alerts;
    }
    let (count, mut weight) = (alerts.len(), 0);
    let fit = alerts.iter().take_while(|told| {
        weight += told.alert.weight();
        weight <= most
    });
    let stay = fit.count().max(1);
    alerts.truncate(stay);
    let mut says = "this notification was too large to be stored: long annotations are cut".to_owned();
    if stay < count {
        says += &format!(", and {} of its {count} alerts are left out", count - stay);
    }
    if let Some(first) = alerts.first_mut() {
        let annotations = first.alert.annotations.iter().chain([(SAYS, says.as_str())]);
        let annotations = LabelSet::new(annotations).unwrap_or_else(|_| first.alert.annotations.clone());
        first.alert = Arc::new(Alert { annotations, ..Alert::clone(&first.alert) });
    }
    alerts
}

/// Cuts long annotations where the alerts weigh more than `most`. Says whether they did.
pub(super) fn shorten(alerts: &mut [ToldAlert], most: usize) -> bool {
    let weight: usize = alerts.iter().map(|told| told.alert.weight()).sum();
    if weight <= most {
        return false;
    }
    for told in alerts {
        told.alert = Arc::new(Alert { annotations: shorter(&told.alert.annotations), ..Alert::clone(&told.alert) });
    }
    true
}

fn shorter(annotations: &LabelSet) -> LabelSet {
    let cut = |text: &str| match text.get(..text.floor_char_boundary(STAYS)) {
        Some(beginning) if beginning.len() < text.len() => format!("{beginning}…"),
        _ => text.to_owned(),
    };
    let pairs: Vec<_> = annotations.iter().map(|(name, value)| (name, cut(value))).collect();
    let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
    // What is shorter than what was in a set is short enough.
    LabelSet::new(pairs).unwrap_or_else(|_| LabelSet::empty())
}

impl Engine {
    /// About how many bytes that has.
    pub fn pending_bytes(&mut self) -> usize {
        self.log.weight()
    }

    /// How many flushes are part of that.
    pub fn flushed(&self) -> usize {
        self.flushed.len()
    }

    /// From now on a batch is made of about so many bytes where it could be more: [`ROOM`], when nothing is cut any more
    /// either, or less.
    pub fn make_room(&mut self, room: usize) {
        self.room = room;
        if room == ROOM {
            self.row_most = ROW;
        }
    }

    /// A batch of one flush was too large with so many bytes: from now on a notification is cut where it would be larger
    /// than half of that, so that somebody hears of it, and others are not kept waiting. Says whether it can be cut further.
    pub fn cut_notifications(&mut self, bytes: usize) -> bool {
        let before = self.row_most;
        self.row_most = before.min(bytes) / 2;
        self.row_most < before
    }

    /// The batch was the flush of one group, was too large, and can be cut no further: once it is taken back, that group
    /// waits as if it had been flushed, so that others are told meanwhile. Not stored. Gives its key.
    pub fn set_aside(&mut self, now: Timestamp) -> Option<Arc<str>> {
        let flushed = self.flushed.first().copied();
        self.rolled_back();
        self.row_most = ROW;
        let group = self.group(flushed?)?;
        let (key, route) = (Arc::clone(&group.key), self.state.policy.route(group.route));
        let later = StoredGroup { next_flush: now.after(route.group_interval), ..StoredGroup::clone(&group.stored) };
        self.state.groups.update(flushed?, Arc::new(later));
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: usize, text: usize) -> ToldAlert {
        let (number, text) = (number.to_string(), "ä".repeat(text));
        let labels = LabelSet::new([("alertname", "A"), ("instance", number.as_str())]).unwrap();
        let annotations = LabelSet::new([("log", text.as_str()), ("summary", "S")]).unwrap();
        let at = Timestamp::EPOCH;
        let (generator_url, timeout) = (Arc::from(""), false);
        let alert = Alert { labels, annotations, generator_url, starts_at: at, ends_at: at, updated_at: at, timeout };
        ToldAlert { alert: Arc::new(alert), resolved: false }
    }

    #[test]
    fn what_is_too_large_loses_long_annotations_first_and_says_so() {
        let alerts: Vec<_> = (0..10).map(|number| told(number, 5_000)).collect();
        assert_eq!(cut(alerts.clone(), 200_000), alerts);
        let shorter = cut(alerts.clone(), 50_000);
        assert_eq!(shorter.len(), 10);
        let annotation = |told: &ToldAlert, name| told.alert.annotations.get(name).map(str::to_owned);
        assert_eq!(annotation(&shorter[9], "log"), Some("ä".repeat(STAYS / 2) + "…"));
        assert_eq!(annotation(&shorter[9], "summary").as_deref(), Some("S"));
        let says = "this notification was too large to be stored: long annotations are cut";
        assert_eq!(annotation(&shorter[0], SAYS).as_deref(), Some(says));
        let fewer = cut(alerts.clone(), 2_000);
        assert!((2..9).contains(&fewer.len()), "{}", fewer.len());
        let left_out = format!("{says}, and {} of its 10 alerts are left out", 10 - fewer.len());
        assert_eq!(annotation(&fewer[0], SAYS), Some(left_out));
        assert_eq!(cut(alerts, 0).len(), 1, "somebody is told something in any case");
    }
}
