//! Whether what a group holds is news to a thread.

use std::collections::BTreeSet;
use std::time::Duration;

use super::label::Fingerprint;
use super::outbox::{Reason, Told};
use crate::time::Timestamp;

/// Why nothing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoNews {
    /// Nothing fires, and nothing had been told firing.
    NeverTold,
    /// It was told, and `repeat_interval` has not passed.
    AlreadyTold,
    /// All of it is held back.
    HeldBack,
    /// It was told, and somebody has taken it on.
    Acknowledged,
}

impl NoNews {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NeverTold, Self::AlreadyTold, Self::HeldBack, Self::Acknowledged];

    /// The word in logs, the API and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverTold => "nothing of it had been told",
            Self::AlreadyTold => "already decided",
            Self::HeldBack => "held back",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// What a thread wants to be told.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// Whether it is told what is over.
    pub send_resolved: bool,
    /// After which time it is told again.
    pub repeat_interval: Duration,
}

/// Alertmanager's rules, first match wins, and one of ours: an alert that is still owed (told firing, not told
/// resolved, and left out of the last notification because it was muted then) is news when it is over.
///
/// # Errors
/// The reason why there is nothing to tell.
pub fn news(
    told: Option<&Told>,
    firing: &BTreeSet<Fingerprint>,
    resolved: &BTreeSet<Fingerprint>,
    wants: Wants,
    now: Timestamp,
) -> Result<Reason, NoNews> {
    let Some(told) = told else {
        return if firing.is_empty() { Err(NoNews::NeverTold) } else { Ok(Reason::First) };
    };
    if !firing.is_subset(&told.firing) {
        return Ok(if told.firing.is_empty() { Reason::First } else { Reason::NewAlerts });
    }
    let owed = wants.send_resolved && resolved.iter().any(|alert| told.open.contains(alert));
    if firing.is_empty() {
        return if told.firing.is_empty() && !owed { Err(NoNews::NeverTold) } else { Ok(Reason::AllResolved) };
    }
    if wants.send_resolved && (owed || !resolved.is_subset(&told.resolved)) {
        return Ok(Reason::SomeResolved);
    }
    if told.at < now.before(wants.repeat_interval) {
        return Ok(Reason::Repeat);
    }
    Err(NoNews::AlreadyTold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::label::LabelSet;

    const MINUTE: Duration = Duration::from_secs(60);

    fn set(alerts: &[u64]) -> BTreeSet<Fingerprint> {
        alerts.iter().copied().map(Fingerprint).collect()
    }

    fn told(firing: &[u64], resolved: &[u64], open: &[u64]) -> Option<Told> {
        let (firing, resolved, open) = (set(firing), set(resolved), set(open));
        let (group_labels, route_labels) = (LabelSet::empty(), LabelSet::empty());
        let at = Timestamp::EPOCH;
        Some(Told {
            episode: at,
            next_sequence: 1,
            at,
            firing,
            resolved,
            open,
            group_labels,
            route_labels,
            receiver_data: Default::default(),
        })
    }

    #[test]
    fn first_match_wins() {
        use NoNews::{AlreadyTold, NeverTold};
        use Reason::{AllResolved, First, NewAlerts, Repeat, SomeResolved};
        let with = |send_resolved| Wants { send_resolved, repeat_interval: 60 * MINUTE };
        // told at 0:00, firing, resolved, send_resolved, minute => verdict
        let rows = [
            (None, &[1][..], &[][..], true, 0, Ok(First)),
            (None, &[], &[1], true, 0, Err(NeverTold)),
            (told(&[], &[1], &[]), &[2], &[], true, 0, Ok(First)),
            (told(&[1], &[], &[1]), &[1, 2], &[], true, 0, Ok(NewAlerts)),
            (told(&[1], &[], &[1]), &[], &[1], true, 0, Ok(AllResolved)),
            (told(&[1], &[], &[1]), &[], &[1], false, 0, Ok(AllResolved)),
            (told(&[], &[1], &[]), &[], &[1], true, 0, Err(NeverTold)),
            (told(&[], &[1], &[2]), &[], &[2], true, 0, Ok(AllResolved)),
            (told(&[], &[1], &[2]), &[], &[2], false, 0, Err(NeverTold)),
            (told(&[1, 2], &[], &[1, 2]), &[1], &[2], true, 1, Ok(SomeResolved)),
            (told(&[1, 2], &[], &[]), &[1], &[2], false, 1, Err(AlreadyTold)),
            (told(&[1], &[2], &[1]), &[1], &[2], true, 1, Err(AlreadyTold)),
            (told(&[1], &[], &[1]), &[1], &[], true, 60, Err(AlreadyTold)),
            (told(&[1], &[], &[1]), &[1], &[], true, 61, Ok(Repeat)),
        ];
        for (i, (told, firing, resolved, send_resolved, minute, expected)) in rows.into_iter().enumerate() {
            let now = Timestamp::EPOCH.after(MINUTE * minute);
            let verdict = news(told.as_ref(), &set(firing), &set(resolved), with(send_resolved), now);
            assert_eq!(verdict, expected, "row {i}");
        }
    }
}
