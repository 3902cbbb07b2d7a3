//! `GET history`: what happened, page by page or all of it, from the journal.

mod shown;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderValue;
use serde_json::json;

use self::shown::event;
pub use self::shown::{cursor, sentence};
use super::Call;
use crate::core::history::{EventKind, GroupsOf, Wanted};
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::matcher::Mode;
use crate::driver::{Cursor, Handle, HistoryQuery, Seq, Unavailable};
use crate::http::query::Query;
use crate::http::v2::filter::LabelFilter;
use crate::http::{reply, times};
use crate::time::Timestamp;

/// For each second that an export reads it rests for so many.
const IDLE_PARTS: u32 = 2;
/// How many events a page has where nobody says.
const PAGE: usize = 100;
/// How many events a page has at most.
const LARGEST_PAGE: usize = 1_000;

/// Answers with a page, or with all lines.
pub(super) async fn answer(call: Call<'_>) -> Response {
    let (query, lines) = match read(&call.query, call.state.mode) {
        Ok(read) => read,
        Err(message) => return reply::andon_error(StatusCode::BAD_REQUEST, &message),
    };
    let query = match with_groups(&call.state.driver, query).await {
        Ok(query) => query,
        Err(error) => return reply::unavailable(&error),
    };
    if lines {
        return all_lines(call.state.driver.clone(), query).await;
    }
    match call.state.driver.history(query).await {
        Ok(page) => {
            let events: serde_json::Value = page.events.iter().map(event).collect();
            reply::json(json!({"events": events, "next": page.next.map(cursor)}).to_string())
        }
        Err(error) => reply::unavailable(&error),
    }
}

/// Adds the groups of the alert that is asked about: found by its labels, which the state has, or else the history.
pub async fn with_groups(driver: &Handle, mut query: HistoryQuery) -> Result<HistoryQuery, Unavailable> {
    let Some(alert) = query.wanted.alert else { return Ok(query) };
    let view = driver.view().await?;
    let labels = match view.alerts.get(alert) {
        Some(kept) => Some(kept.alert.labels.clone()),
        None => labels_then(driver, alert, query.wanted.end).await?,
    };
    query.wanted.groups = labels.map(|labels| Arc::new(GroupsOf::new(&view.policy, &labels)));
    Ok(query)
}

/// The labels of an alert that is forgotten, if they are found within one page of the history.
async fn labels_then(
    driver: &Handle,
    alert: Fingerprint,
    end: Option<Timestamp>,
) -> Result<Option<LabelSet>, Unavailable> {
    let wanted = Wanted { alert: Some(alert), end, ..Wanted::default() };
    let page = driver.history(HistoryQuery { wanted, limit: 1, ..HistoryQuery::default() }).await?;
    let labels = page.events.iter().flat_map(|event| event.labels());
    Ok(labels.into_iter().find(|labels| labels.fingerprint() == alert).cloned())
}

/// All events that are wanted, each on a line; a page is read when the one before was sent, and not at once, so that the
/// processor is free for what must not wait.
async fn all_lines(driver: Handle, query: HistoryQuery) -> Response {
    // The first page is read before the answer begins, so that what fails at once is an error and not an empty file.
    let first = match lines(&driver, query.clone()).await {
        Ok(first) => first,
        Err(error) => return reply::unavailable(&error),
    };
    let pages = futures_util::stream::unfold(Some(first), move |page| {
        let (driver, query) = (driver.clone(), query.clone());
        async move {
            let (text, next) = page?;
            let rest = match next {
                Some(after) => {
                    let began = tokio::time::Instant::now();
                    let rest = lines(&driver, HistoryQuery { after: Some(after), ..query }).await;
                    tokio::time::sleep(began.elapsed() * IDLE_PARTS).await;
                    match rest {
                        Ok(rest) => Some(rest),
                        // The answer breaks off: what came is whole lines.
                        Err(error) => return Some((Err(std::io::Error::other(error)), None)),
                    }
                }
                None => None,
            };
            Some((Ok(Bytes::from(text)), rest))
        }
    });
    let lines = HeaderValue::from_static("application/x-ndjson");
    reply::with_type(StatusCode::OK, lines, Body::from_stream(pages))
}

async fn lines(driver: &Handle, query: HistoryQuery) -> Result<(String, Option<Cursor>), Unavailable> {
    let page = driver.history(query).await?;
    let lines = page.events.iter().map(|one| format!("{}\n", event(one)));
    Ok((lines.collect(), page.next))
}

/// The query, and whether lines are wanted.
fn read(query: &Query, mode: Mode) -> Result<(HistoryQuery, bool), String> {
    let lines = match query.last("format") {
        None | Some("json") => false,
        Some("jsonl") => true,
        Some(other) => return Err(format!("format: {other:?} is neither json nor jsonl")),
    };
    let oldest_first = match query.last("order") {
        None => lines,
        Some("newest") => false,
        Some("oldest") => true,
        Some(other) => return Err(format!("order: {other:?} is neither newest nor oldest")),
    };
    let limit = match query.last("limit").map(str::parse) {
        None if lines => LARGEST_PAGE,
        None => PAGE,
        Some(Ok(limit)) if (1..=LARGEST_PAGE).contains(&limit) => limit,
        Some(_) => return Err(format!("limit: this takes a number from 1 to {LARGEST_PAGE}")),
    };
    let alert = query.last("alert").map(|text| {
        let wrong = || format!("alert: {text:?} is no fingerprint (16 hexadecimal digits)");
        Fingerprint::parse(text).ok_or_else(wrong)
    });
    let filter = LabelFilter::of(query, mode).map_err(|error| format!("filter: {error}"))?;
    let wanted = Wanted {
        start: time(query, "start")?,
        end: time(query, "end")?,
        matchers: filter.matchers().to_vec(),
        alert: alert.transpose()?,
        groups: None,
        receiver: query.last("receiver").map(str::to_owned),
        group: query.last("group").map(str::to_owned),
        kinds: kinds(query)?,
    };
    let after = query.last("cursor").map(|text| read_cursor(text).ok_or_else(|| format!("cursor: {text:?} is none")));
    Ok((HistoryQuery { wanted, limit, after: after.transpose()?, oldest_first }, lines))
}

fn time(query: &Query, name: &str) -> Result<Option<Timestamp>, String> {
    query.last(name).map(|text| times::parse(text).map_err(|error| format!("{name}: {error}"))).transpose()
}

fn kinds(query: &Query) -> Result<Vec<EventKind>, String> {
    let words = query.all("kind").flat_map(|words| words.split(',')).filter(|word| !word.is_empty());
    let kind = |word: &str| EventKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    let known = || EventKind::ALL.map(EventKind::as_str).join(", ");
    words.map(|word| kind(word).ok_or_else(|| format!("kind: {word:?} is none of {}", known()))).collect()
}

/// A cursor from its text.
pub fn read_cursor(text: &str) -> Option<Cursor> {
    let (seq, place) = text.split_once('-')?;
    Some((Seq(seq.parse().ok()?), place.parse().ok()?))
}
