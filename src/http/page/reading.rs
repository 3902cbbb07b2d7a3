//! Pages that are only looked at.

use axum::response::Response;

use super::scene::{Problem, Scene};
use crate::core::label::Fingerprint;
use crate::http::query::Query;
use crate::ui::filter::Filter;
use crate::ui::now::{State, Wanted};
use crate::ui::{self, Here};

/// Answers a GET.
///
/// # Errors
/// What the page says instead.
pub async fn answer(scene: &Scene, path: &str) -> Result<Response, Problem> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [""] => now(scene, &scene.query).await,
        ["alerts", fingerprint] => alert(scene, fingerprint).await,
        _ => Err(Problem::not_found("There is no page at this address.")),
    }
}

async fn now(scene: &Scene, query: &Query) -> Result<Response, Problem> {
    let wanted = Wanted {
        filter: Filter::read(scene.mode, query.all("filter")),
        receiver: query.last("receiver").unwrap_or_default().into(),
        state: State::from_word(query.last("state").unwrap_or_default()),
        group: query.last("group").unwrap_or_default().into(),
        page: page_number(query),
    };
    scene.show(move |scene| Ok(ui::page("now", &scene.frame(Here::Now, "Now"), &ui::now::now(&scene.sight(), &wanted)))).await
}

/// `page`, from 1.
fn page_number(query: &Query) -> usize {
    query.last("page").and_then(|page| page.parse().ok()).unwrap_or(1)
}

async fn alert(scene: &Scene, fingerprint: &str) -> Result<Response, Problem> {
    let gone = || Problem::not_found("There is no such alert any more: it is over and was forgotten.");
    let fingerprint = Fingerprint::parse(fingerprint).ok_or_else(gone)?;
    scene
        .show(move |scene| {
            let page = ui::alert::alert(&scene.sight(), fingerprint).ok_or_else(gone)?;
            Ok(ui::page("alert", &scene.frame(Here::Now, "Alert"), &page))
        })
        .await
}
