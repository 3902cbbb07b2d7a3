//! Alerts arrive: defaults, validation, merging, and the groups they fall into.

use std::sync::Arc;

use super::alert::{Alert, Times};
use super::alert_set::Kept;
use super::change::{Actor, Change, GroupId, StoredGroup};
use super::engine::{Engine, Options, Output};
use super::ingest::{Arriving, Batch, Rejected};
use super::label::LabelSet;
use super::note::Note;
use super::policy::RouteIdx;
use crate::time::Timestamp;

impl Engine {
    pub(super) fn put_alerts(&mut self, now: Timestamp, actor: Actor, batch: &Batch) -> Output {
        if let Some(limit) = self.full(batch) {
            // What was refused with it is sent again, and must not run out before.
            self.suspend(now, now);
            self.resume(now);
            return Output::Full(limit);
        }
        self.by(actor);
        self.log.expects(batch.len());
        let rejected = batch.iter().filter_map(|arriving| self.put_alert(now, &arriving).err()).collect();
        Output::Rejected(rejected)
    }

    /// The limit that keeps what is new in the batch out. What is known may always be sent again as it is, and end.
    fn full(&self, batch: &Batch) -> Option<String> {
        let Options { max_alerts, max_alert_bytes, max_outbox, .. } = self.options;
        let (kept, waiting, text) = (self.state.alerts.len(), self.state.outbox.len(), self.state.alerts.text());
        if kept + batch.len() <= max_alerts && waiting < max_outbox && text + batch.text() <= max_alert_bytes {
            return None;
        }
        let known = |arriving: &Arriving<'_>| self.state.alerts.get(arriving.fingerprint);
        let new = batch.iter().filter(|arriving| known(arriving).is_none()).count();
        let grows = |arriving: Arriving<'_>| {
            let before = known(&arriving).map_or(0, |kept| kept.alert.text());
            arriving.text().saturating_sub(before)
        };
        let more: usize = batch.iter().map(grows).sum();
        if more > 0 && text + more > max_alert_bytes {
            return Some(format!("all alerts may have {max_alert_bytes} bytes of text together, which is the limit"));
        }
        if kept + new > max_alerts {
            return Some(format!("{max_alerts} alerts are kept, which is the limit"));
        }
        (new > 0 && waiting >= max_outbox).then(|| format!("{max_outbox} notifications wait, which is the limit"))
    }

    fn put_alert(&mut self, now: Timestamp, arriving: &Arriving<'_>) -> Result<(), Rejected> {
        let times = self.times(now, arriving);
        self.counters.received[usize::from(times.ends_at <= now)] += 1;
        let valid = if times.ends_at < times.starts_at {
            Err(Rejected::EndsBeforeStart)
        } else if arriving.labels.is_empty() {
            Err(Rejected::NoLabels)
        } else {
            Ok(())
        };
        valid.inspect_err(|_| self.counters.invalid += 1)?;
        if !self.refresh(now, arriving, times) {
            self.renew(now, arriving, times);
        }
        Ok(())
    }

    /// Takes in what says nothing new but how long it holds, as nearly everything does that arrives: it takes no memory,
    /// and is in its groups. Says whether it was that.
    fn refresh(&mut self, now: Timestamp, arriving: &Arriving<'_>, arrived: Times) -> bool {
        let Some(known) = self.state.alerts.get(arriving.fingerprint).map(|kept| &kept.alert) else { return false };
        let times = Times::merged(known.times(), arrived, now);
        let same = known.times().begins_as(times)
            && known.labels.packed() == arriving.labels
            && known.annotations.packed() == arriving.annotations
            && *known.generator_url == *arriving.generator_url;
        if !same || !self.is_grouped(known, times.ends_at, now) {
            return false;
        }
        if arrived.ends_at > now && !self.state.last_seen.is_empty() {
            let labels = known.labels.clone();
            self.watched(now, &labels);
        }
        self.state.refresh_alert(arriving.fingerprint, times, &mut self.log);
        true
    }

    /// Whether a version of a known alert with this end is in its groups already: what fires and fired is, and what is
    /// over and was over has been.
    fn is_grouped(&self, known: &Alert, ends_at: Timestamp, now: Timestamp) -> bool {
        let (was_firing, firing) = (!self.state.grace.resolved(known, now), ends_at > now);
        (was_firing && firing) || (!was_firing && !firing && known.ends_at == ends_at)
    }

    /// Takes in an alert that is new, or says something new.
    fn renew(&mut self, now: Timestamp, arriving: &Arriving<'_>, times: Times) {
        let Times { starts_at, ends_at, updated_at, timeout } = times;
        let stored = self.state.alerts.get(arriving.fingerprint);
        let same = |text: &str, known: Option<&LabelSet>| match known {
            Some(known) if known.packed() == text => known.clone(),
            // What a batch holds was packed by it.
            _ => LabelSet::from_pack(text),
        };
        let known = stored.map(|stored| &stored.alert);
        let arrived = Alert {
            labels: same(arriving.labels, known.map(|known| &known.labels)),
            annotations: same(arriving.annotations, known.map(|known| &known.annotations)),
            generator_url: match known {
                Some(known) if *known.generator_url == *arriving.generator_url => Arc::clone(&known.generator_url),
                _ => self.state.urls.get(arriving.generator_url),
            },
            starts_at,
            ends_at,
            updated_at,
            timeout,
        };
        let alert = match known {
            Some(known) => Alert::merged(known, arrived, now),
            None => arrived,
        };
        if ends_at > now {
            self.watched(now, &alert.labels);
        }
        self.store_alert(now, arriving, alert);
    }

    /// The times of an alert that does not say them all: it starts now (or when it ended), and ends by a timeout.
    fn times(&self, now: Timestamp, arriving: &Arriving<'_>) -> Times {
        let (mut starts_at, mut ends_at) = (arriving.starts_at, arriving.ends_at);
        if starts_at.is_zero() {
            starts_at = if ends_at.is_zero() { now } else { ends_at };
        }
        let timeout = ends_at.is_zero();
        if timeout {
            ends_at = now.after(self.state.policy.resolve_timeout);
        }
        Times { starts_at, ends_at, updated_at: now, timeout }
    }

    fn store_alert(&mut self, now: Timestamp, arriving: &Arriving<'_>, alert: Alert) {
        let fingerprint = arriving.fingerprint;
        let firing = !alert.ended(now);
        let alert = Arc::new(alert);
        let (mut newer, mut grouped, mut changed) = (None, false, false);
        if let Some(known) = self.state.alerts.get(fingerprint) {
            let was_firing = !self.state.grace.resolved(&known.alert, now);
            if known.alert.labels == alert.labels {
                newer = Some(known.newer(Arc::clone(&alert)));
                grouped = self.is_grouped(&known.alert, alert.ends_at, now);
                changed = was_firing && firing && !says_the_same(&known.alert, &alert);
            }
        } else if firing && self.limited(&alert, now) {
            self.counters.limited += 1;
            return;
        }
        let kept = match newer {
            Some(newer) => newer,
            None => Kept::new(fingerprint, Arc::clone(&alert), self.state.verdict(&alert.labels)),
        };
        let verdict = Arc::clone(&kept.verdict);
        self.state.put_alert(kept, Change::Alert(Arc::clone(&alert)), &mut self.log);
        if changed {
            self.note(Note::Changed(fingerprint));
        }
        if !grouped {
            for route in &verdict.routes {
                self.join(now, *route, fingerprint, &alert);
            }
        }
    }

    /// Whether a new alert is beyond the limit of its alertname.
    fn limited(&mut self, alert: &Alert, now: Timestamp) -> bool {
        let limit = self.options.per_alertname_limit;
        self.state.per_name.as_mut().is_some_and(|per_name| per_name.firing(alert, now) >= limit)
    }

    /// Puts an alert into its group on a route, making the group if need be. A group made by an alert that is older
    /// than `group_wait` is flushed at once.
    pub(super) fn join(
        &mut self,
        now: Timestamp,
        route: RouteIdx,
        fingerprint: super::label::Fingerprint,
        alert: &Alert,
    ) {
        let rules = self.state.policy.route(route);
        let labels = rules.packed_group_labels(&alert.labels);
        let group = match self.state.groups.find(route, &labels) {
            Some(group) => group,
            None => {
                let waited = alert.starts_at.after(rules.group_wait) < now;
                let next_flush = if waited { now } else { now.after(rules.group_wait) };
                let id = GroupId { route_id: Arc::clone(&rules.id), labels: rules.group_labels(&alert.labels) };
                let (last_flush, muted_by) = (Timestamp::ZERO, Vec::new());
                let stored = StoredGroup { id, created_at: now, next_flush, last_flush, muted_by };
                self.state.add_group(route, stored, &mut self.log)
            }
        };
        self.state.join(group, fingerprint, &mut self.log);
    }
}

/// Whether two versions differ in nothing but how long they hold.
fn says_the_same(known: &Alert, alert: &Alert) -> bool {
    known.annotations == alert.annotations
        && known.generator_url == alert.generator_url
        && known.times().begins_as(alert.times())
}
