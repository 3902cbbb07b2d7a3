//! How many alerts of each alertname have not ended, for `--alerts.per-alertname-limit`: known without looking at all of
//! them for each new one.

use std::collections::{BTreeMap, BTreeSet};

use super::alert::Alert;
use super::label::Fingerprint;
use crate::time::Timestamp;

/// The alerts of each alertname by when they end.
#[derive(Debug, Default)]
pub(super) struct PerName(BTreeMap<Box<str>, Ends>);

type ByEnd = BTreeSet<(Timestamp, Fingerprint)>;

/// The alerts of one name. One that ended is moved when somebody asks, and moved back should the clock be set back.
#[derive(Debug, Default)]
struct Ends {
    to_come: ByEnd,
    over: ByEnd,
}

impl PerName {
    /// Takes an alert in.
    pub(super) fn put(&mut self, fingerprint: Fingerprint, alert: &Alert) {
        let name = name(alert);
        if !self.0.contains_key(name) {
            self.0.insert(name.into(), Ends::default());
        }
        if let Some(ends) = self.0.get_mut(name) {
            ends.to_come.insert((alert.ends_at, fingerprint));
        }
    }

    /// Takes an alert out that was taken in.
    pub(super) fn remove(&mut self, fingerprint: Fingerprint, alert: &Alert) {
        let (name, end) = (name(alert), (alert.ends_at, fingerprint));
        let Some(ends) = self.0.get_mut(name) else { return };
        let _ = ends.to_come.remove(&end) || ends.over.remove(&end);
        if ends.to_come.is_empty() && ends.over.is_empty() {
            self.0.remove(name);
        }
    }

    /// How many alerts of the same name as this one have not ended.
    pub(super) fn firing(&mut self, like: &Alert, now: Timestamp) -> usize {
        let Some(ends) = self.0.get_mut(name(like)) else { return 0 };
        while let Some(first) = ends.to_come.first().copied().filter(|(at, _)| *at <= now) {
            ends.to_come.remove(&first);
            ends.over.insert(first);
        }
        while let Some(last) = ends.over.last().copied().filter(|(at, _)| *at > now) {
            ends.over.remove(&last);
            ends.to_come.insert(last);
        }
        ends.to_come.len()
    }
}

fn name(alert: &Alert) -> &str {
    alert.labels.value("alertname")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::label::LabelSet;

    fn alert(name: &str, ends_at: i64) -> Alert {
        let at = Timestamp::new(ends_at, 0);
        Alert {
            labels: LabelSet::new([("alertname", name)]).unwrap(),
            annotations: LabelSet::empty(),
            generator_url: Arc::from(""),
            starts_at: Timestamp::EPOCH,
            ends_at: at,
            updated_at: Timestamp::EPOCH,
            timeout: false,
        }
    }

    #[test]
    fn counts_what_has_not_ended_whichever_way_the_clock_goes() {
        let mut per_name = PerName::default();
        for (number, ends_at) in [(1, 10), (2, 20), (3, 30)] {
            per_name.put(Fingerprint(number), &alert("a", ends_at));
        }
        per_name.put(Fingerprint(4), &alert("b", 30));
        let at = |seconds| Timestamp::new(seconds, 0);
        let counted = |per_name: &mut PerName| [0, 10, 25, 9, 30].map(|now| per_name.firing(&alert("a", 0), at(now)));
        assert_eq!(counted(&mut per_name), [3, 2, 1, 3, 0]);
        per_name.remove(Fingerprint(3), &alert("a", 30));
        assert_eq!(counted(&mut per_name), [2, 1, 0, 2, 0]);
        assert_eq!((per_name.firing(&alert("b", 0), at(0)), per_name.firing(&alert("c", 0), at(0))), (1, 0));
        for (number, name, ends_at) in [(1, "a", 10), (2, "a", 20), (4, "b", 30)] {
            per_name.remove(Fingerprint(number), &alert(name, ends_at));
        }
        assert!(per_name.0.is_empty());
    }
}
