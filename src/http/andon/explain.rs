//! `GET explain`: why somebody is, or is not, told of an alert.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;

use super::Call;
use crate::core::alert_set::Kept;
use crate::core::history::{Event, EventKind, Wanted};
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::matcher::{Mode, Op, parse_matchers};
use crate::core::view::View;
use crate::driver::{HistoryQuery, Unavailable, ViewThen};
use crate::explain::{Explanation, explain, text};
use crate::http::query::Query;
use crate::http::v2::filter::LabelFilter;
use crate::http::{AppState, reply, times};
use crate::time::Timestamp;

/// How many alerts one answer explains.
const MOST: usize = 20;
/// Of how long the attempts are told.
const ATTEMPTS_OF: Duration = Duration::from_secs(2 * 24 * 3_600);
/// In so many pages of the history they are looked for.
const MOST_PAGES: usize = 5;
/// How many attempts are looked at, the latest.
const MOST_ATTEMPTS: usize = 500;

/// Which alerts are asked about.
enum Asked {
    /// One that is kept.
    Alert(Fingerprint),
    /// One that need not be.
    Labels(LabelSet),
    /// All that match.
    Filter(LabelFilter),
}

/// Answers with the state of this moment, or of another.
pub async fn answer(call: Call<'_>) -> Response {
    let text = match call.query.last("format") {
        None | Some("json") => false,
        Some("text") => true,
        Some(other) => return bad(&format!("format: {other:?} is neither json nor text")),
    };
    let asked = match read(&call.query, call.state.mode) {
        Ok(asked) => asked,
        Err(message) => return bad(&message),
    };
    let view = match call.state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    let now = call.state.clock.now();
    let (view, now, notes) = match call.query.last("at").map(times::parse) {
        None => (view, now, Vec::new()),
        Some(Err(error)) => return bad(&format!("at: {error}")),
        Some(Ok(at)) if at > now => return bad("at: this moment is still to come"),
        Some(Ok(at)) => match call.state.driver.view_then(at, view).await {
            Ok(ViewThen { view, notes }) => (view, at, notes),
            Err(error) => return reply::unavailable(&error),
        },
    };
    // A view of a hundred thousand alerts takes a while.
    let explained = tokio::task::spawn_blocking(move || explained(&view, &asked, now)).await;
    match explained {
        Ok(Ok((mut explanations, matched))) => {
            explanations.iter_mut().for_each(|explanation| explanation.notes.clone_from(&notes));
            if let Err(error) = add_attempts(call.state, &mut explanations, now).await {
                let note = format!("the attempts to tell could not be read: {error}");
                explanations.iter_mut().for_each(|explanation| explanation.notes.push(note.clone()));
            }
            shown(&explanations, matched, text)
        }
        Ok(Err(message)) => reply::andon_error(StatusCode::NOT_FOUND, &message),
        Err(_) => reply::andon_error(StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    }
}

/// Adds the attempts to tell the alerts that the history keeps, since the first of them fired.
async fn add_attempts(state: &AppState, explanations: &mut [Explanation], now: Timestamp) -> Result<(), Unavailable> {
    let earliest = now.before(ATTEMPTS_OF);
    let Some(start) = explanations.iter().map(|explanation| explanation.since().unwrap_or(earliest)).min() else {
        return Ok(());
    };
    let kinds = vec![EventKind::AttemptFailed, EventKind::Delivered, EventKind::Refused];
    let alert = match explanations {
        [one] => Some(one.fingerprint),
        _ => None,
    };
    let wanted = Wanted { alert, kinds, start: Some(start.max(earliest)), end: Some(now), ..Wanted::default() };
    let mut query = HistoryQuery { wanted, limit: MOST_ATTEMPTS, ..HistoryQuery::default() };
    let mut events = Vec::new();
    let mut pages = 0;
    let rest = loop {
        let page = state.driver.history(query.clone()).await?;
        events.extend(page.events);
        (query.after, query.limit, pages) = (page.next, MOST_ATTEMPTS.saturating_sub(events.len()), pages + 1);
        if query.after.is_none() || query.limit == 0 || pages == MOST_PAGES {
            break query.after.is_some();
        }
    };
    for explanation in explanations {
        if explanation.since().is_some_and(|since| since < earliest) {
            let since = text::time(earliest);
            explanation.notes.push(format!("attempts are told since {since}: the history has those from before"));
        }
        if rest {
            explanation.notes.push("older attempts were not looked for: the history has them".to_owned());
        }
        let fingerprint = explanation.fingerprint;
        let about = |event: &&Event| event.labels().iter().any(|labels| labels.fingerprint() == fingerprint);
        let attempts = events.iter().rev().filter(about);
        explanation.add_attempts(attempts.filter_map(|event| Some((event.at, event.attempt()?))));
    }
    Ok(())
}

/// The explanations, and how many alerts matched where a filter was given.
fn explained(view: &View, asked: &Asked, now: Timestamp) -> Result<(Vec<Explanation>, Option<usize>), String> {
    match asked {
        Asked::Alert(fingerprint) => {
            let unknown = || format!("no alert {fingerprint} is kept; with labels=… it is explained as if it fired");
            let kept = view.alerts.get(*fingerprint).ok_or_else(unknown)?;
            Ok((vec![explain(view, &kept.alert.labels, now)], None))
        }
        Asked::Labels(labels) => Ok((vec![explain(view, labels, now)], None)),
        Asked::Filter(filter) => {
            let matching: Vec<&Kept> = view.alerts.iter().filter(|kept| filter.wants(&kept.alert.labels)).collect();
            let first = matching.iter().take(MOST);
            Ok((first.map(|kept| explain(view, &kept.alert.labels, now)).collect(), Some(matching.len())))
        }
    }
}

fn shown(explanations: &[Explanation], matched: Option<usize>, text: bool) -> Response {
    if text {
        let mut texts: Vec<_> = explanations.iter().map(Explanation::to_string).collect();
        let all = matched.unwrap_or(explanations.len());
        if all > explanations.len() || all == 0 {
            texts.push(format!("{all} alerts match; {} are explained\n", explanations.len()));
        }
        return reply::text(StatusCode::OK, texts.join("\n"));
    }
    match (matched, explanations) {
        (None, [one]) => reply::json(one.to_json().to_string()),
        (matched, all) => {
            let all: serde_json::Value = all.iter().map(Explanation::to_json).collect();
            reply::json(serde_json::json!({"matched": matched, "explanations": all}).to_string())
        }
    }
}

fn read(query: &Query, mode: Mode) -> Result<Asked, String> {
    let filtered = query.last("filter").is_some();
    match (query.last("alert"), query.last("labels"), filtered) {
        (Some(text), None, false) => {
            let fingerprint = Fingerprint::parse(text);
            fingerprint
                .map(Asked::Alert)
                .ok_or_else(|| format!("alert: {text:?} is no fingerprint (16 hexadecimal digits)"))
        }
        (None, Some(text), false) => labels(text, mode).map(Asked::Labels),
        (None, None, true) => {
            LabelFilter::of(query, mode).map(Asked::Filter).map_err(|error| format!("filter: {error}"))
        }
        _ => Err("say which alert: one of alert=FINGERPRINT, labels=…, filter=…".to_owned()),
    }
}

/// A label set that is written as matchers, all of them equalities.
pub fn labels(text: &str, mode: Mode) -> Result<LabelSet, String> {
    let (matchers, _) = parse_matchers(mode, text).map_err(|error| format!("labels: {error}"))?;
    if let Some(other) = matchers.iter().find(|matcher| matcher.op != Op::Equal) {
        return Err(format!("labels: {other} is no label; a label is name=\"value\""));
    }
    let pairs = matchers.iter().map(|matcher| (&*matcher.name, &*matcher.value));
    match LabelSet::new(pairs) {
        Ok(labels) if !labels.is_empty() => Ok(labels),
        Ok(_) => Err("labels: there is none".to_owned()),
        Err(_) => Err("labels: a name or value is too long".to_owned()),
    }
}

fn bad(message: &str) -> Response {
    reply::andon_error(StatusCode::BAD_REQUEST, message)
}
