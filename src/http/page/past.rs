//! What pages show of the history.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use parking_lot::Mutex;

use super::AppState;
use super::scene::{Problem, Scene};
use crate::core::history::{Event, EventKind, Wanted as Asked};
use crate::core::label::Fingerprint;
use crate::driver::{Cursor, HistoryQuery};
use crate::http::andon::history::{cursor, read_cursor, sentence, with_groups};
use crate::time::Timestamp;
use crate::ui::filter::Filter;
use crate::ui::history::{Matched, Wanted};
use crate::ui::{self, Here};

/// Events on a page.
const PER_PAGE: usize = 100;
/// Attempts that are looked at for the page of deliveries.
const ATTEMPTS: usize = 300;
/// In so many pages of the history they are looked for.
const ATTEMPTS_PAGES: usize = 2;
/// Beginnings and ends of alerts of a day that are counted for the page of routes; beyond that only the latest are.
const COUNTED: usize = 40_000;
/// In so many pages of the history they are looked for.
const COUNTED_PAGES: usize = 20;
/// A page of events is looked for in so many pages of the history; further back is the reader's wish.
const LOOKED_AT: usize = 3;
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How old what was counted may be.
const FRESH: Duration = Duration::from_secs(60);

/// How often routes took an alert, as it was counted last, and when.
#[derive(Default)]
pub struct Counted(Mutex<Option<(Timestamp, String, Arc<Matched>)>>);

/// `GET history`
pub async fn page(state: &AppState, scene: &Scene) -> Result<Response, Problem> {
    let query = &scene.query;
    let text = |name| query.last(name).unwrap_or_default().to_owned();
    let wanted = Wanted {
        filter: Filter::read(scene.mode, query.all("filter")),
        receiver: text("receiver"),
        alert: text("alert"),
        group: text("group"),
        kind: text("kind"),
    };
    let after = query.last("cursor").and_then(read_cursor);
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let asked = Asked {
        matchers: wanted.filter.matchers().to_vec(),
        alert: Fingerprint::parse(&wanted.alert),
        receiver: some(&wanted.receiver),
        group: some(&wanted.group),
        kinds: EventKind::ALL.into_iter().filter(|kind| kind.as_str() == wanted.kind).collect(),
        ..Asked::default()
    };
    let query = HistoryQuery { wanted: asked, after, ..HistoryQuery::default() };
    let (found, older) = match wanted.filter.problem() {
        Some(_) => (Vec::new(), None),
        None => {
            let query = with_groups(&state.driver, query).await;
            let query = query.map_err(|error| Problem::not_stored(error.to_string()))?;
            pages(state, query, PER_PAGE, LOOKED_AT).await?
        }
    };
    let older = older.map(cursor);
    let told = |event: Event| {
        let text = sentence(&event);
        (event, text)
    };
    let events: Vec<_> = found.into_iter().map(told).collect();
    scene
        .show(move |scene| {
            let page = ui::history::history(&scene.sight(), &wanted, &events, older, after.is_none());
            Ok(ui::page("history", &scene.frame(Here::History, "History"), &page))
        })
        .await
}

async fn read(state: &AppState, query: HistoryQuery) -> Result<crate::driver::HistoryPage, Problem> {
    state.driver.history(query).await.map_err(|error| Problem::not_stored(error.to_string()))
}

/// So many events, if they are found within so many pages of the history; and where there may be more.
async fn pages(
    state: &AppState,
    mut query: HistoryQuery,
    most: usize,
    pages: usize,
) -> Result<(Vec<Event>, Option<Cursor>), Problem> {
    let mut events = Vec::new();
    for _ in 0..pages {
        query.limit = most - events.len();
        let page = read(state, query.clone()).await?;
        events.extend(page.events);
        query.after = page.next;
        if query.after.is_none() || events.len() >= most {
            break;
        }
    }
    Ok((events, query.after))
}

/// The last attempts to tell anybody, the latest first.
pub async fn attempts(state: &AppState) -> Result<Vec<Event>, Problem> {
    let kinds = vec![EventKind::AttemptFailed, EventKind::Delivered, EventKind::Refused];
    let wanted = Asked { kinds, ..Asked::default() };
    let query = HistoryQuery { wanted, ..HistoryQuery::default() };
    Ok(pages(state, query, ATTEMPTS, ATTEMPTS_PAGES).await?.0)
}

/// How often each route took an alert within a day. Counted at most once a minute and for each configuration.
pub async fn matched(state: &AppState, scene: &Scene) -> Result<Arc<Matched>, Problem> {
    let known = state.page.counted.0.lock().clone();
    if let Some((_, _, counts)) = known.filter(|(at, of, _)| *of == scene.config.sha256 && scene.now.since(*at) < FRESH)
    {
        return Ok(counts);
    }
    let kinds = vec![EventKind::Fired, EventKind::Resolved];
    let wanted = Asked { start: Some(scene.now.before(DAY)), kinds, ..Asked::default() };
    let query = HistoryQuery { wanted, ..HistoryQuery::default() };
    let (events, more) = pages(state, query, COUNTED, COUNTED_PAGES).await?;
    let counts = Arc::new(ui::history::matched(&scene.sight(), &events, more.is_some()));
    *state.page.counted.0.lock() = Some((scene.now, scene.config.sha256.clone(), Arc::clone(&counts)));
    Ok(counts)
}
