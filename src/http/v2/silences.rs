//! `GET` and `POST /api/v2/silences`, `GET` and `DELETE /api/v2/silence/{silenceID}`.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::filter::LabelFilter;
use super::shown::{write_list, write_time};
use crate::core::change::Actor;
use crate::core::silence::{Silence, SilenceDraft, SilenceId, SilenceRefused, SilenceState};
use crate::driver::{Unavailable, aside};
use crate::http::query::Query;
use crate::http::reply::FrameworkError;
use crate::http::silence_body::{PostedSilence, parse_silence, validate};
use crate::http::silence_size::stored_size;
use crate::http::{AppState, reply};
use crate::json::{write_labels, write_string};
use crate::time::Timestamp;

/// Lists silences: active ones first, by their end; then pending ones, by their start; then expired ones, the latest
/// first. A `filter` must stand among a silence's matchers as it is.
pub async fn list(state: &AppState, query: &Query) -> Response {
    let filter = match LabelFilter::of(query, state.mode) {
        Ok(filter) => filter,
        Err(error) => return error.reply(),
    };
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    let now = state.clock.now();
    let shown = [SilenceState::Active, SilenceState::Pending, SilenceState::Expired]
        .map(|state| query.switch(state.as_str()).then_some(state));
    let has_all = |silence: &Silence| filter.matchers().iter().all(|matcher| silence.matchers.contains(matcher));
    let silences = view.silences.values();
    let mut silences: Vec<&Arc<Silence>> =
        silences.filter(|silence| shown.contains(&Some(silence.state(now))) && has_all(silence)).collect();
    silences.sort_by_key(|silence| match silence.state(now) {
        SilenceState::Active => (0, silence.ends_at, Reverse(Timestamp::ZERO)),
        SilenceState::Pending => (1, silence.starts_at, Reverse(Timestamp::ZERO)),
        SilenceState::Expired => (2, Timestamp::ZERO, Reverse(silence.ends_at)),
    });
    let mut out = String::new();
    write_list(&mut out, silences.into_iter(), |out, silence| write_silence(out, silence, now));
    reply::json(out)
}

/// Shows one silence.
pub async fn one(state: &AppState, id: &str) -> Response {
    let id = match silence_id(id) {
        Ok(id) => id,
        Err(error) => return error.reply(),
    };
    match state.driver.view().await {
        Err(error) => reply::unavailable(&error),
        Ok(view) => view.silences.get(&id).map_or_else(
            || reply::empty(StatusCode::NOT_FOUND),
            |silence| {
                let mut out = String::new();
                write_silence(&mut out, silence, state.clock.now());
                reply::json(out)
            },
        ),
    }
}

/// Ends a silence.
pub async fn expire(state: &AppState, id: &str, address: String) -> Response {
    let id = match silence_id(id) {
        Ok(id) => id,
        Err(error) => return error.reply(),
    };
    match end(state, Actor::User { name: String::new(), address }, id).await {
        Ok(_) => reply::empty(StatusCode::OK),
        Err(NotStored::Refused(StatusCode::NOT_FOUND, _)) => reply::empty(StatusCode::NOT_FOUND),
        Err(error) => error.reply(),
    }
}

/// Why a silence was not made, changed or ended.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// It may not be: with the status, and Alertmanager's sentence.
    #[error("{1}")]
    Refused(StatusCode, String),
    /// It cannot be now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl NotStored {
    fn reply(&self) -> Response {
        match self {
            Self::Refused(status, message) => reply::json_error(*status, message),
            Self::Unavailable(error) => reply::unavailable(error),
        }
    }
}

impl From<(StatusCode, SilenceRefused)> for NotStored {
    fn from((status, refused): (StatusCode, SilenceRefused)) -> Self {
        let status = if refused == SilenceRefused::NotFound { StatusCode::NOT_FOUND } else { status };
        Self::Refused(status, refused.to_string())
    }
}

/// Ends a silence.
///
/// # Errors
/// Why it was not ended.
pub async fn end(state: &AppState, actor: Actor, id: SilenceId) -> Result<SilenceId, NotStored> {
    let by = actor.to_string();
    let ended = state.driver.expire_silence(actor, id).await?;
    let id = ended.map_err(|refused| (StatusCode::INTERNAL_SERVER_ERROR, refused))?;
    log(state, "Silence expired", id, &by);
    Ok(id)
}

/// Makes or changes a silence.
pub async fn post(state: &AppState, address: String, body: &[u8]) -> Response {
    let posted = match parse_silence(body) {
        Ok(posted) => posted,
        Err(error) => return error.reply(),
    };
    match store(state, address, posted).await {
        Ok(id) => reply::json(format!("{{\"silenceID\":\"{id}\"}}")),
        Err(error) => error.reply(),
    }
}

/// Makes or changes a silence as it was asked for.
///
/// # Errors
/// Why it was not stored.
pub async fn store(state: &AppState, address: String, posted: PostedSilence) -> Result<SilenceId, NotStored> {
    let bad = |message| NotStored::Refused(StatusCode::BAD_REQUEST, message);
    let compiled = || validate(&posted, state.mode, state.clock.now());
    let long = posted.matchers.iter().any(|matcher| matcher.op.is_regex());
    let matchers = if long { aside(compiled) } else { compiled() }.map_err(bad)?;
    let id = known_form(&posted.id).map_err(|refused| (StatusCode::NOT_FOUND, refused))?;
    let draft = SilenceDraft {
        id,
        fresh_id: SilenceId(Uuid::new_v4()),
        matchers,
        starts_at: posted.starts_at,
        ends_at: posted.ends_at,
        created_by: posted.created_by.clone(),
        comment: posted.comment,
        annotations: posted.annotations,
    };
    within_size(state, &draft).map_err(bad)?;
    let actor = Actor::User { name: posted.created_by, address };
    let by = actor.to_string();
    let stored = state.driver.put_silence(actor, draft).await?;
    let id = stored.map_err(|refused| (StatusCode::BAD_REQUEST, refused))?;
    log(state, "Silence set", id, &by);
    Ok(id)
}

fn within_size(state: &AppState, draft: &SilenceDraft) -> Result<(), String> {
    let Some(limit) = state.limits.silence else { return Ok(()) };
    let size = stored_size(draft, state.clock.now());
    if size <= limit {
        return Ok(());
    }
    Err(format!("silence exceeded maximum size: {size} bytes (limit: {limit} bytes)"))
}

/// `--log.silences`
fn log(state: &AppState, what: &str, id: SilenceId, by: &str) {
    if state.log_silences {
        tracing::info!(silence = %id, by, "{what}");
    }
}

/// The silence a body names. Ids are compared as texts: one in capitals is nobody's.
fn known_form(id: &str) -> Result<Option<SilenceId>, SilenceRefused> {
    if id.is_empty() {
        return Ok(None);
    }
    let known = Uuid::try_parse(id).ok().map(SilenceId).filter(|known| known.to_string() == id);
    known.map(Some).ok_or(SilenceRefused::NotFound)
}

/// The id in a path: a UUID in any of the forms that Go's library reads: without hyphens, as a URN, and with any character
/// before and behind, which are meant to be braces. One that is not written as ids are is nobody's, which is the nil id
/// here: none is made with it.
fn silence_id(text: &str) -> Result<SilenceId, FrameworkError> {
    let inner = match text.len() {
        38 => text.get(1..37).unwrap_or_default(),
        45 if text.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:")) => {
            text.get(9..).unwrap_or_default()
        }
        _ => text,
    };
    match Uuid::try_parse(inner).ok().filter(|_| matches!(inner.len(), 32 | 36)) {
        Some(id) if id.to_string() == text => Ok(SilenceId(id)),
        Some(_) => Ok(SilenceId(Uuid::nil())),
        None => {
            let quoted = crate::core::quote::Quoted(text);
            Err(FrameworkError::new(601, format!("silenceID in path must be of type uuid: {quoted}")))
        }
    }
}

fn write_silence(out: &mut String, silence: &Silence, now: Timestamp) {
    out.push_str("{\"id\":\"");
    out.push_str(&silence.id.to_string());
    out.push_str("\",\"status\":{\"state\":\"");
    out.push_str(silence.state(now).as_str());
    out.push_str("\"},\"updatedAt\":");
    write_time(out, silence.updated_at);
    if !silence.annotations.is_empty() {
        out.push_str(",\"annotations\":");
        write_labels(out, &silence.annotations, true);
    }
    out.push_str(",\"comment\":");
    write_string(out, &silence.comment, true);
    out.push_str(",\"createdBy\":");
    write_string(out, &silence.created_by, true);
    out.push_str(",\"endsAt\":");
    write_time(out, silence.ends_at);
    out.push_str(",\"matchers\":");
    write_list(out, silence.matchers.iter(), |out, matcher| {
        out.push_str(if matcher.op.is_equal() { "{\"isEqual\":true" } else { "{\"isEqual\":false" });
        out.push_str(if matcher.op.is_regex() { ",\"isRegex\":true" } else { ",\"isRegex\":false" });
        out.push_str(",\"name\":");
        write_string(out, &matcher.name, true);
        out.push_str(",\"value\":");
        write_string(out, &matcher.value, true);
        out.push('}');
    });
    out.push_str(",\"startsAt\":");
    write_time(out, silence.starts_at);
    out.push('}');
}
