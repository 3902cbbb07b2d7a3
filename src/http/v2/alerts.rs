//! `GET` and `POST /api/v2/alerts`.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::filter::{BadQuery, ReceiverFilter};
use super::shown::{Wanted, write_alert};
use crate::core::change::Actor;
use crate::core::ingest::{Batch, Rejected};
use crate::core::label::Fingerprint;
use crate::core::matcher::Mode;
use crate::core::view::View;
use crate::driver::aside;
use crate::http::alerts_body::{Refused, parse_alerts};
use crate::http::pieces::{self, Document, PIECE};
use crate::http::query::Query;
use crate::http::{AppState, reply};
use crate::time::Timestamp;

/// A body that is longer keeps others waiting while it is read.
const LONG: usize = 1 << 20;
/// How many alerts are looked at in one step of an answer, at most.
const LOOKED_AT: usize = 4096;

/// Lists the firing alerts that the query wants, by fingerprint.
pub async fn list(state: &AppState, query: &Query) -> Response {
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    match Listing::of(view, query, state.mode, state.clock.now()) {
        Ok(listing) => pieces::json(listing).await,
        Err(error) => error.reply(),
    }
}

/// The alerts as far as they are written.
struct Listing {
    view: Arc<View>,
    wanted: Wanted,
    receivers: ReceiverFilter,
    next: Fingerprint,
    /// What stands before the next alert.
    separator: char,
}

impl Listing {
    fn of(view: Arc<View>, query: &Query, mode: Mode, now: Timestamp) -> Result<Self, BadQuery> {
        let wanted = Wanted::of(query, mode, now)?;
        let receivers = ReceiverFilter::of(query, mode, &view.policy)?;
        Ok(Self { view, wanted, receivers, next: Fingerprint(0), separator: '[' })
    }
}

impl Document for Listing {
    fn step(&mut self, out: &mut String) -> bool {
        let view = &*self.view;
        for (looked_at, kept) in view.alerts.from(self.next).enumerate() {
            if looked_at == LOOKED_AT || out.len() >= PIECE {
                self.next = kept.fingerprint;
                return true;
            }
            let routes = kept.verdict.routes.iter().map(|route| view.policy.route(*route));
            if !self.wanted.may_want(kept) || !self.receivers.wants_any(routes.clone().map(|route| route.receiver)) {
                continue;
            }
            let Some(status) = self.wanted.status(view, kept) else { continue };
            out.push(std::mem::replace(&mut self.separator, ','));
            let names = routes.map(|route| &*view.policy.receiver_of(route).name);
            write_alert(out, kept, &status, names, &[]);
        }
        out.push_str(if self.separator == '[' { "[]" } else { "]" });
        false
    }
}

/// Takes alerts in. What is not named in a 400 is durable when this answers.
pub async fn post(state: &AppState, address: String, body: &[u8]) -> Response {
    let parse = || parse_alerts(body, state.mode, &state.limits);
    let parsed = match if body.len() > LONG { aside(parse) } else { parse() } {
        Ok(parsed) => parsed,
        Err(error) => return error.reply(),
    };
    let now = state.clock.now();
    for refused in &parsed.refused {
        let firing = refused.ends_at.is_zero() || refused.ends_at > now;
        state.metrics.alert_refused(firing);
    }
    let expected = expected_refusals(&parsed.batch);
    let rejected = if parsed.batch.is_empty() {
        Vec::new()
    } else {
        match state.driver.put_alerts(Actor::Sender(address), parsed.batch).await {
            Ok(rejected) => rejected,
            Err(error) => return reply::unavailable(&error),
        }
    };
    match message(parsed.refused, rejected, &expected) {
        None => reply::empty(StatusCode::OK),
        Some(message) => reply::json_error(StatusCode::BAD_REQUEST, &message),
    }
}

/// The places in the batch of alerts that the engine is going to refuse. Only the order of messages hangs on this: the
/// engine, which alone knows `resolve_timeout`, says what it refused in order but not where.
fn expected_refusals(batch: &Batch) -> Vec<usize> {
    let refused =
        batch.iter().enumerate().filter(|(_, alert)| !alert.ends_at.is_zero() && alert.ends_at < alert.starts_at);
    refused.map(|(place, _)| place).collect()
}

/// All that was refused, a line each, in the order of the body.
fn message(refused: Vec<Refused>, rejected: Vec<Rejected>, expected: &[usize]) -> Option<String> {
    if refused.is_empty() && rejected.is_empty() {
        return None;
    }
    // From a place in the batch to one in the body: skip what did not get into the batch.
    let in_body = |place: usize| refused.iter().fold(place, |at, refused| at + usize::from(refused.index <= at));
    let places = expected.iter().map(|place| in_body(*place)).chain(std::iter::repeat(usize::MAX));
    let mut lines: Vec<(usize, String)> = places.zip(&rejected).map(|(place, why)| (place, why.to_string())).collect();
    lines.extend(refused.iter().map(|refused| (refused.index, refused.why.to_string())));
    lines.sort_by_key(|line| line.0);
    let lines: Vec<String> = lines.into_iter().map(|line| line.1).collect();
    Some(lines.join("\n"))
}
