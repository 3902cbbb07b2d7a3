//! Now: the groups that fire, the worst and newest first, and what holds them back.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::Serialize;

use super::Sight;
use super::filter::Filter;
use super::held::{HeldBack, States};
use super::link;
use super::parts::{Pager, paged};
use super::row::{GroupRow, OpenOrders, Rows, group_row};
use super::words::{Severity, count, thousands};
use crate::core::alert_set::Kept;
use crate::core::matcher::{Matcher, Op};
use crate::core::outbox::group_key_hash;
use crate::core::view::GroupView;
use crate::time::Timestamp;

/// Groups on one page.
const GROUPS: usize = 25;
/// Alerts of a group on a page of groups, and on the page of one group.
const ALERTS: usize = 8;
const ALERTS_OF_ONE: usize = 100;

/// Which alerts somebody wants to see, by what holds them back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// All that fire.
    #[default]
    All,
    /// Those that nothing holds back.
    Told,
    /// Those that a silence matches.
    Silenced,
    /// Those that another alert inhibits.
    Inhibited,
    /// Those whose group is muted by time.
    Muted,
    /// Those whose group somebody has taken on.
    Acknowledged,
    /// Those on whose asset somebody is at work.
    AtWork,
}

impl State {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::All, "", "All"),
        (Self::Told, "active", "Active"),
        (Self::Silenced, "silenced", "Silenced"),
        (Self::Inhibited, "inhibited", "Inhibited"),
        (Self::Muted, "muted", "Muted by time"),
        (Self::Acknowledged, "acknowledged", "Acknowledged"),
        (Self::AtWork, "at-work", "Being worked on"),
    ];

    /// From the word in the URL.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map_or(Self::All, |(state, _, _)| *state)
    }

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(state, _, _)| *state == self).map_or("", |(_, word, _)| word)
    }

    fn includes(self, states: States) -> bool {
        match self {
            Self::All => true,
            Self::Told => states.told(),
            Self::Silenced => states.silenced,
            Self::Inhibited => states.inhibited,
            Self::Muted => states.muted,
            Self::Acknowledged => states.acknowledged,
            Self::AtWork => states.at_work,
        }
    }
}

/// What somebody wants to see: all of it stands in the URL.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Matchers.
    pub filter: Filter,
    /// A receiver, or empty.
    pub receiver: String,
    /// What holds them back.
    pub state: State,
    /// The hash of one group's key, or empty.
    pub group: String,
    /// Which page, from 1.
    pub page: usize,
}

impl Wanted {
    fn href(&self) -> String {
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        link::query(&[
            ("filter", &self.filter.text()),
            ("receiver", &self.receiver),
            ("state", self.state.word()),
            ("group", &self.group),
            ("page", &page),
        ])
    }

    /// The same from the first page on, after a change.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = Self { page: 1, ..self.clone() };
        change(&mut other);
        other.href()
    }

    /// The link that narrows the filter to a label's value.
    pub(super) fn narrowed(&self, name: &str, value: &str) -> String {
        let matcher = Matcher::new(name, Op::Equal, value);
        matcher.map_or_else(|_| String::new(), |matcher| self.with(|other| other.filter = other.filter.and(matcher)))
    }
}

/// The page.
#[derive(Debug, Serialize)]
pub struct Now {
    filter: String,
    problem: Option<String>,
    receiver: String,
    receivers: Vec<Choice>,
    state: &'static str,
    group: String,
    /// Whether anything narrows the list, and the way back.
    narrowed: bool,
    states: Vec<Choice>,
    severities: Vec<Choice>,
    summary: String,
    /// Whether nothing fires at all.
    calm: bool,
    groups: Vec<GroupRow>,
    pager: Pager,
    silence_href: String,
}

/// One of several things to choose.
#[derive(Debug, Serialize)]
struct Choice {
    word: String,
    label: String,
    count: String,
    href: String,
    current: bool,
}

/// A group with those of its alerts that are wanted.
pub(super) struct Found<'a> {
    pub group: &'a Arc<GroupView>,
    pub alerts: Vec<(&'a Kept, States)>,
    held: bool,
    worst: Severity,
    newest: Timestamp,
}

/// Counts of what the filter finds, whatever the state.
#[derive(Default)]
struct Tally {
    states: [usize; 7],
    severities: [usize; 4],
    any: bool,
}

/// Makes the page.
pub fn now(sight: &Sight<'_>, wanted: &Wanted) -> Now {
    let held = HeldBack::new(sight);
    let mut tally = Tally::default();
    let mut found: Vec<_> =
        sight.view.groups.iter().filter_map(|group| find(sight, wanted, &held, group, &mut tally)).collect();
    found.sort_by_cached_key(|found| (found.held, found.worst, Reverse(found.newest), Arc::clone(&found.group.key)));
    let (groups, alerts) = (found.len(), found.iter().map(|found| found.alerts.len()).sum());
    let one = !wanted.group.is_empty();
    // Of one group the pages are pages of its alerts.
    let (found, pager, skipped) = if one {
        let pages = found.first().map_or(1, |found| found.alerts.len().div_ceil(ALERTS_OF_ONE));
        let of_pages: Vec<usize> = (0..pages).collect();
        let (at, pager) = paged(of_pages, 1, wanted.page, |page| wanted.with(|other| other.page = page));
        (found, pager, at.first().map_or(0, |page| page * ALERTS_OF_ONE))
    } else {
        let (found, pager) = paged(found, GROUPS, wanted.page, |page| wanted.with(|other| other.page = page));
        (found, pager, 0)
    };
    let limit = if one { ALERTS_OF_ONE } else { ALERTS };
    let rows = Rows { sight, wanted, held: &held, orders: OpenOrders::of(sight.view) };
    Now {
        filter: wanted.filter.text(),
        problem: wanted.filter.problem().map(str::to_owned),
        receiver: wanted.receiver.clone(),
        receivers: receivers(sight, wanted),
        state: wanted.state.word(),
        group: wanted.group.clone(),
        narrowed: !wanted.filter.is_empty() || one || !wanted.receiver.is_empty() || wanted.state != State::All,
        states: states(wanted, &tally),
        severities: severities(wanted, &tally),
        summary: format!("{} in {}", count(alerts, "alert"), count(groups, "group")),
        calm: !tally.any,
        groups: found.iter().map(|found| group_row(&rows, found, skipped, limit)).collect(),
        pager,
        silence_href: format!("ui/silences/new{}", link::query(&[("filter", &wanted.filter.text())])),
    }
}

fn find<'a>(
    sight: &Sight<'a>,
    wanted: &Wanted,
    held: &HeldBack<'_>,
    group: &'a Arc<GroupView>,
    tally: &mut Tally,
) -> Option<Found<'a>> {
    let view = sight.view;
    let receiver = view.policy.receiver_of(view.policy.route(group.route));
    let members = group.members.iter().filter_map(|fingerprint| view.alerts.get(*fingerprint));
    let mut firing = members.filter(|kept| !view.grace.resolved(&kept.alert, sight.now)).peekable();
    tally.any |= firing.peek().is_some();
    if !wanted.receiver.is_empty() && *receiver.name != *wanted.receiver
        || !wanted.group.is_empty() && group_key_hash(&group.key) != wanted.group
    {
        return None;
    }
    let mut alerts: Vec<(&Kept, States)> = Vec::new();
    for kept in firing.filter(|kept| wanted.filter.wants(&kept.alert.labels)) {
        let states = held.states(kept, Some(group));
        tally.count(states, severity(kept));
        if wanted.state.includes(states) {
            alerts.push((kept, states));
        }
    }
    alerts.sort_by_key(|(kept, states)| {
        (!states.told(), severity(kept), Reverse(kept.alert.starts_at), kept.fingerprint)
    });
    let worst = alerts.iter().map(|(kept, _)| severity(kept)).min()?;
    let newest = alerts.iter().map(|(kept, _)| kept.alert.starts_at).max()?;
    let held = alerts.iter().all(|(_, states)| !states.told());
    Some(Found { group, alerts, held, worst, newest })
}

/// How bad an alert is.
pub(super) fn severity(kept: &Kept) -> Severity {
    Severity::of(kept.alert.labels.value("severity"))
}

impl Tally {
    fn count(&mut self, states: States, severity: Severity) {
        for (count, (state, _, _)) in self.states.iter_mut().zip(State::ALL) {
            *count += usize::from(state.includes(states));
        }
        for (count, (known, _)) in self.severities.iter_mut().zip(SEVERITIES) {
            *count += usize::from(known == severity);
        }
    }
}

const SEVERITIES: [(Severity, &str); 4] = [
    (Severity::Critical, "critical"),
    (Severity::Warning, "warning"),
    (Severity::Info, "info"),
    (Severity::None, "other"),
];

fn states(wanted: &Wanted, tally: &Tally) -> Vec<Choice> {
    let all = State::ALL.into_iter().zip(tally.states);
    // What is not there is not offered, but what is asked for is.
    let offered = all.filter(|((state, _, _), number)| {
        *number > 0 || *state == wanted.state || matches!(state, State::All | State::Told | State::Silenced)
    });
    let choices = offered.map(|((state, word, label), number)| Choice {
        word: word.into(),
        label: label.into(),
        count: thousands(number),
        href: wanted.with(|other| other.state = state),
        current: state == wanted.state,
    });
    choices.collect()
}

fn severities(wanted: &Wanted, tally: &Tally) -> Vec<Choice> {
    let found = SEVERITIES.into_iter().zip(tally.severities).filter(|(_, number)| *number > 0);
    let choices = found.map(|((severity, label), number)| Choice {
        word: severity.class().into(),
        label: label.into(),
        count: thousands(number),
        // The words of a class differ; a filter on the usual one is what people expect.
        href: if severity == Severity::None { String::new() } else { wanted.narrowed("severity", label) },
        current: false,
    });
    choices.collect()
}

fn receivers(sight: &Sight<'_>, wanted: &Wanted) -> Vec<Choice> {
    let policy = &sight.view.policy;
    let mut used: Vec<_> = policy.routes.iter().map(|route| &policy.receiver_of(route).name).collect();
    used.sort_unstable();
    used.dedup();
    let choice = |name: &Arc<str>| Choice {
        word: name.to_string(),
        label: name.to_string(),
        count: String::new(),
        href: String::new(),
        current: **name == *wanted.receiver,
    };
    used.into_iter().map(choice).collect()
}
