//! Deliveries with their dead letters, routes, and status.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::response::Response;

use super::form::Form;
use super::scene::{Problem, Scene};
use super::{AppState, done, past, rates};
use crate::core::dead_letters::{DeadLetterCommand, DeadLetterDone};
use crate::core::outbox::DeliveryId;
use crate::ui::deliveries::Configured;
use crate::ui::status::Facts;
use crate::ui::{self, Here, Said};

/// `GET deliveries`
pub async fn deliveries(state: &AppState, scene: &Scene) -> Result<Response, Problem> {
    let (number, attempts) = (scene.page_number(), past::attempts(state).await?);
    let recent = Arc::clone(&state.recent);
    scene
        .show(move |scene| {
            // Files are looked at.
            let configured = scene.config.integrations.iter().map(|shown| Configured {
                receiver: shown.receiver.clone(),
                kind: shown.config.kind().to_owned(),
                index: shown.index,
                used: shown.used,
                missing: shown.config.missing(),
            });
            let configured: Vec<_> = configured.collect();
            let attempts = ui::attempts::Attempts::of(&attempts);
            let page =
                ui::deliveries::deliveries(&scene.sight(), &configured, &attempts, &|key| recent.of(key), number);
            Ok(ui::page("deliveries", &scene.frame(Here::Deliveries, "Deliveries"), &page))
        })
        .await
}

/// `POST dead-letters/{id}/replay` and `…/discard`
pub async fn dead_letter(
    state: &AppState,
    scene: &Scene,
    form: &Form,
    id: &str,
    command: &str,
) -> Result<Response, Problem> {
    let back = "ui/deliveries";
    let id = id.parse().map(DeliveryId).map_err(|_| Problem::not_found("There is no such dead letter.").back(back))?;
    let command = match (command, form.text("reason").trim()) {
        ("replay", _) => DeadLetterCommand::Replay,
        ("discard", "") => return Err(Problem::refused("Say why it is discarded: others will ask.").back(back)),
        ("discard", reason) => DeadLetterCommand::Discard(reason.chars().take(1_024).collect()),
        _ => return Err(Problem::method()),
    };
    match state.driver.dead_letter(scene.actor(), id, command).await {
        Ok(Ok(DeadLetterDone::Waits(_))) => Ok(done(scene, back, Said::Replayed)),
        Ok(Ok(DeadLetterDone::Superseded)) => Ok(done(scene, back, Said::Superseded)),
        Ok(Ok(DeadLetterDone::Discarded)) => Ok(done(scene, back, Said::Discarded)),
        Ok(Err(refused)) => Err(Problem::refused(refused.to_string()).back(back)),
        Err(error) => Err(Problem::not_stored(error.to_string()).back(back)),
    }
}

/// `GET routes`
pub async fn routes(state: &AppState, scene: &Scene) -> Result<Response, Problem> {
    let matched = past::matched(state, scene).await?;
    let typed = scene.query.last("labels").unwrap_or_default().to_owned();
    scene
        .show(move |scene| {
            let page = ui::routes::routes(&scene.sight(), &typed, &matched);
            Ok(ui::page("routes", &scene.frame(Here::Routes, "Routes"), &page))
        })
        .await
}

/// `GET status`
pub async fn status(state: &AppState, scene: &Scene) -> Result<Response, Problem> {
    let health = state.driver.health();
    let facts = Facts {
        started: state.status.started,
        config_hash: scene.config.sha256.clone(),
        config_loaded: scene.config.loaded_at,
        config: scene.config.redacted.clone(),
        store_bytes: health.store_bytes.load(Ordering::Relaxed),
        commits: (health.commits.load(Ordering::Relaxed), health.commit_nanos.load(Ordering::Relaxed)),
        external_url: state.external_url.clone(),
        samples: state.page.rates.samples(),
        every: rates::EVERY.as_secs(),
    };
    scene
        .show(move |scene| {
            let page = ui::status::status(&scene.sight(), &facts);
            Ok(ui::page("status", &scene.frame(Here::Status, "Status"), &page))
        })
        .await
}
