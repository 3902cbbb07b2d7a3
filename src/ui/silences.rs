//! Silences: who silenced what until when, and how much that mutes; and the form that makes one.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Sight;
use super::filter::Filter;
use super::held::name;
use super::link;
use super::parts::{Pager, paged};
use super::words::{When, count, short, thousands};
use crate::core::alert_set::Kept;
use crate::core::label::LabelSet;
use crate::core::matcher::Matcher;
use crate::core::silence::{Silence, SilenceId, SilenceState};
use crate::time::Timestamp;

/// Silences on one page.
const PER_PAGE: usize = 40;
/// An active silence that ends within this time is about to.
const SOON: Duration = Duration::from_secs(3_600);
/// Alerts that a preview names.
const NAMED: usize = 12;
/// A silence that mutes so many of a hundred firing alerts is probably wider than it was meant.
const WIDE: usize = 50;

/// What somebody wants to see.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Matchers that must stand among a silence's own, as in the API.
    pub filter: Filter,
    /// A state, or nothing for those that hold or will.
    pub state: Option<SilenceState>,
    /// Which page, from 1.
    pub page: usize,
}

/// The list.
#[derive(Debug, Serialize)]
pub struct Silences {
    filter: String,
    problem: Option<String>,
    state: &'static str,
    states: Vec<Choice>,
    silences: Vec<Row>,
    pager: Pager,
}

#[derive(Debug, Serialize)]
struct Choice {
    label: &'static str,
    count: String,
    href: String,
    current: bool,
}

/// A silence in the list.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    state: &'static str,
    is_over: bool,
    soon: bool,
    matchers: Vec<String>,
    by: String,
    comment: String,
    starts: When,
    ends: When,
    mutes: String,
    mutes_none: bool,
}

/// The word in the URL, and its state.
pub fn state_from_word(word: &str) -> Option<SilenceState> {
    [SilenceState::Pending, SilenceState::Active, SilenceState::Expired]
        .into_iter()
        .find(|state| state.as_str() == word)
}

impl Wanted {
    fn href(&self, state: Option<SilenceState>, page: usize) -> String {
        let page = if page > 1 { page.to_string() } else { String::new() };
        let state = state.map_or("", SilenceState::as_str);
        format!("ui/silences{}", link::query(&[("filter", &self.filter.text()), ("state", state), ("page", &page)]))
    }

    fn shows(&self, state: SilenceState) -> bool {
        self.state.map_or(state != SilenceState::Expired, |wanted| wanted == state)
    }
}

/// Makes the list: active ones by their end, then those to come by their start, then the others, the latest first.
pub fn silences(sight: &Sight<'_>, wanted: &Wanted) -> Silences {
    let has_all = |silence: &Silence| wanted.filter.matchers().iter().all(|matcher| silence.matchers.contains(matcher));
    let all = sight.view.silences.values().filter(|_| wanted.filter.problem().is_none());
    let all: Vec<_> = all.filter(|silence| has_all(silence)).collect();
    let number = |state| all.iter().filter(|silence| silence.state(sight.now) == state).count();
    let (active, pending) = (number(SilenceState::Active), number(SilenceState::Pending));
    let states = [
        (None, "Active and to come", active + pending),
        (Some(SilenceState::Active), "Active", active),
        (Some(SilenceState::Pending), "To come", pending),
        (Some(SilenceState::Expired), "Ended", number(SilenceState::Expired)),
    ];
    let mut shown: Vec<_> = all.into_iter().filter(|silence| wanted.shows(silence.state(sight.now))).collect();
    shown.sort_by_key(|silence| match silence.state(sight.now) {
        SilenceState::Active => (0, silence.ends_at, Reverse(Timestamp::ZERO)),
        SilenceState::Pending => (1, silence.starts_at, Reverse(Timestamp::ZERO)),
        SilenceState::Expired => (2, Timestamp::ZERO, Reverse(silence.ends_at)),
    });
    let (shown, pager) = paged(shown, PER_PAGE, wanted.page, |page| wanted.href(wanted.state, page));
    let choices = states.into_iter().map(|(state, label, number)| Choice {
        label,
        count: thousands(number),
        href: wanted.href(state, 1),
        current: state == wanted.state,
    });
    Silences {
        filter: wanted.filter.text(),
        problem: wanted.filter.problem().map(str::to_owned),
        state: wanted.state.map_or("", SilenceState::as_str),
        states: choices.collect(),
        silences: shown.into_iter().map(|silence| row(sight, silence)).collect(),
        pager,
    }
}

fn row(sight: &Sight<'_>, silence: &Arc<Silence>) -> Row {
    let state = silence.state(sight.now);
    let mutes = muted(sight, &silence.matchers).count();
    Row {
        id: silence.id.to_string(),
        state: state.as_str(),
        is_over: state == SilenceState::Expired,
        soon: state == SilenceState::Active && silence.ends_at.since(sight.now) < SOON,
        matchers: silence.matchers.iter().map(|matcher| short(&matcher.to_string())).collect(),
        by: short(&silence.created_by),
        comment: short(&silence.comment),
        starts: When::new(silence.starts_at, sight.now),
        ends: When::new(silence.ends_at, sight.now),
        mutes: count(mutes, "alert"),
        mutes_none: mutes == 0,
    }
}

/// The firing alerts that the matchers accept.
fn muted<'a>(sight: &'a Sight<'_>, matchers: &'a [Matcher]) -> impl Iterator<Item = &'a Kept> {
    let view = sight.view;
    let firing = view.alerts.iter().filter(|kept| !view.grace.resolved(&kept.alert, sight.now));
    firing.filter(|kept| matchers.iter().all(|matcher| matcher.matches(kept.alert.labels.value(&matcher.name))))
}

/// What stands in the fields of the form.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fields {
    /// The silence to change, or empty for a new one.
    pub id: String,
    /// One matcher on each line.
    pub matchers: String,
    /// From when; empty for now.
    pub starts: String,
    /// For how long, or until when.
    pub until: String,
    /// Who.
    pub by: String,
    /// Why.
    pub comment: String,
}

impl Fields {
    /// Fields that change a silence; those of one that has ended make it anew.
    pub fn of(silence: &Silence, now: Timestamp, by: &str) -> Self {
        let matchers: Vec<String> = silence.matchers.iter().map(Matcher::to_string).collect();
        let over = silence.state(now) == SilenceState::Expired;
        let length = silence.ends_at.since(silence.starts_at);
        Self {
            id: if over { String::new() } else { silence.id.to_string() },
            matchers: matchers.join("\n"),
            starts: if over || silence.starts_at <= now { String::new() } else { field_time(silence.starts_at) },
            until: if over {
                crate::config::duration::format(whole_minutes(length))
            } else {
                field_time(silence.ends_at)
            },
            by: if over && !by.is_empty() { by.to_owned() } else { silence.created_by.clone() },
            comment: silence.comment.clone(),
        }
    }

    /// Fields that silence exactly these labels.
    pub fn of_labels(labels: &LabelSet) -> String {
        use crate::core::matcher::Op;
        let matchers = labels.iter().filter_map(|(name, value)| Matcher::new(name, Op::Equal, value).ok());
        matchers.map(|matcher| matcher.to_string()).collect::<Vec<_>>().join("\n")
    }
}

fn whole_minutes(length: Duration) -> Duration {
    Duration::from_secs((length.as_secs() / 60).max(1) * 60)
}

/// `2026-11-22 15:00 UTC`, as the fields take it.
pub fn field_time(at: Timestamp) -> String {
    let [year, month, day, hour, minute, _] = at.with_offset_minutes(0).civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// The form, with what it would do.
#[derive(Debug, Serialize)]
pub struct SilencePage {
    fields: Fields,
    problems: Vec<String>,
    preview: Option<Preview>,
    /// What is known of the silence that is changed.
    known: Option<Known>,
}

#[derive(Debug, Serialize)]
struct Known {
    id: String,
    state: &'static str,
    is_over: bool,
    updated: When,
    starts: When,
    ends: When,
}

/// How much a silence would mute now.
#[derive(Debug, Serialize)]
struct Preview {
    text: String,
    wide: bool,
    none: bool,
    alerts: Vec<Named>,
    more: usize,
}

#[derive(Debug, Serialize)]
struct Named {
    name: String,
    fingerprint: String,
}

/// The form. `matchers` are those of its fields, if they can be read; `problems` say what is wrong.
pub fn form(
    sight: &Sight<'_>,
    fields: Fields,
    matchers: Option<&[Matcher]>,
    problems: Vec<String>,
    known: Option<&Silence>,
) -> SilencePage {
    let known = known.map(|silence| Known {
        id: silence.id.to_string(),
        state: silence.state(sight.now).as_str(),
        is_over: silence.state(sight.now) == SilenceState::Expired,
        updated: When::new(silence.updated_at, sight.now),
        starts: When::new(silence.starts_at, sight.now),
        ends: When::new(silence.ends_at, sight.now),
    });
    let preview = matchers.filter(|matchers| !matchers.is_empty()).map(|matchers| preview(sight, matchers));
    SilencePage { fields, problems, preview, known }
}

fn preview(sight: &Sight<'_>, matchers: &[Matcher]) -> Preview {
    let view = sight.view;
    let firing = view.alerts.iter().filter(|kept| !view.grace.resolved(&kept.alert, sight.now)).count();
    let found: Vec<_> = muted(sight, matchers).collect();
    let named = found
        .iter()
        .take(NAMED)
        .map(|kept| Named { name: name(&kept.alert.labels), fingerprint: kept.fingerprint.to_string() });
    Preview {
        text: format!("It would mute {} of {} that fire now", count(found.len(), "alert"), thousands(firing)),
        wide: found.len() > 4 && found.len() * 100 > firing * WIDE,
        none: found.is_empty(),
        alerts: named.collect(),
        more: found.len().saturating_sub(NAMED),
    }
}

/// The silence with this id.
pub fn find<'a>(sight: &Sight<'a>, id: &str) -> Option<&'a Arc<Silence>> {
    uuid::Uuid::try_parse(id).ok().and_then(|id| sight.view.silences.get(&SilenceId(id)))
}
