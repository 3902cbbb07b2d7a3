//! Pages that are only looked at.

use axum::response::Response;

use super::scene::{Problem, Scene};
use super::{AppState, orders, past, service, silences};
use crate::core::label::Fingerprint;
use crate::http::query::Query;
use crate::ui::filter::Filter;
use crate::ui::now::{State, Wanted};
use crate::ui::{self, Here};

/// Answers a GET.
///
/// # Errors
/// What the page says instead.
pub async fn answer(state: &AppState, scene: &Scene, path: &str) -> Result<Response, Problem> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [""] => now(scene, &scene.query).await,
        ["alerts", fingerprint] => alert(scene, fingerprint).await,
        ["work-orders"] => orders::list(scene).await,
        ["work-orders", number] => orders::one(scene, number).await,
        ["groups", hash, "ack"] => orders::ack_form(scene, hash).await,
        ["history"] => past::page(state, scene).await,
        ["deliveries"] => service::deliveries(state, scene).await,
        ["routes"] => service::routes(state, scene).await,
        ["status"] => service::status(state, scene).await,
        ["silences"] => silences::list(scene).await,
        ["silences", "new"] => silences::new(scene).await,
        ["silences", id] => silences::edit(scene, id).await,
        _ => Err(Problem::not_found("There is no page at this address.")),
    }
}

async fn now(scene: &Scene, query: &Query) -> Result<Response, Problem> {
    let wanted = Wanted {
        filter: Filter::read(scene.mode, query.all("filter")),
        receiver: query.last("receiver").unwrap_or_default().into(),
        state: State::from_word(query.last("state").unwrap_or_default()),
        group: query.last("group").unwrap_or_default().into(),
        page: scene.page_number(),
    };
    scene
        .show(move |scene| Ok(ui::page("now", &scene.frame(Here::Now, "Now"), &ui::now::now(&scene.sight(), &wanted))))
        .await
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
