//! `work-orders`: lists and shows orders; what changes them is in [`changes`].
//!
//! An order's `ETag` is its number and revision. A list comes in pages, the newest first; the `Link` header leads to the
//! next, and `X-Total-Count` says how many orders there are in all pages.

pub mod changes;
mod fields;
mod shown;

use std::sync::Arc;

use axum::response::Response;
use http::header::{ETAG, HeaderName, IF_NONE_MATCH, LINK};
use http::{HeaderMap, StatusCode};

use super::Call;
use super::object::list;
use crate::core::label::Fingerprint;
use crate::core::view::View;
use crate::core::work_order::{Kind, Priority, Status, WorkOrder};
use crate::http::query::Query;
use crate::http::reply;
use crate::time::Timestamp;

/// How many orders a page has where nothing is said.
const PAGE: usize = 500;
/// How many it has at most.
const LARGEST_PAGE: usize = 1_000;
/// What a list can be asked for.
const PARAMETERS: [&str; 9] = ["status", "priority", "type", "asset", "receiver", "overdue", "text", "limit", "after"];

/// `GET work-orders`
pub fn all(view: &View, call: &Call<'_>) -> Response {
    let now = call.state.clock.now();
    let (wanted, limit) = match (Wanted::of(&call.query), limit(&call.query)) {
        (Ok(wanted), Ok(limit)) => (wanted, limit),
        (Err(message), _) | (_, Err(message)) => return reply::andon_error(StatusCode::BAD_REQUEST, &message),
    };
    let mut orders: Vec<_> = view.work_orders.values().filter(|order| wanted.wants(order, now)).collect();
    orders.sort_by(|a, b| b.opened_at.cmp(&a.opened_at).then_with(|| a.number.cmp(&b.number)));
    let total = orders.len();
    let after = call.query.last("after");
    let start = match after.map(|number| orders.iter().position(|order| *order.number == *number)) {
        None => 0,
        Some(Some(place)) => place + 1,
        Some(None) => {
            let message = format!("after: there is no {:?} in this list", after.unwrap_or_default());
            return reply::andon_error(StatusCode::BAD_REQUEST, &message);
        }
    };
    let page: Vec<_> = orders.into_iter().skip(start).take(limit).collect();
    let tag = list_tag(&page, total, now);
    if unchanged(call.request.headers(), &tag) {
        return not_modified(&tag);
    }
    let mut answer = reply::json(list(page.iter().map(|order| shown::work_order(order, now))));
    if let Some(last) = page.last().filter(|_| start + page.len() < total) {
        reply::set(&mut answer, LINK, &next_link(call, &last.number, limit));
    }
    reply::set(&mut answer, HeaderName::from_static("x-total-count"), &total.to_string());
    reply::set(&mut answer, ETAG, &tag);
    answer
}

/// `GET work-orders/{number}`
pub fn one(view: &View, call: &Call<'_>) -> Response {
    match view.work_orders.get(call.name(0)) {
        Some(order) if unchanged(call.request.headers(), &order.etag()) => not_modified(&order.etag()),
        Some(order) => order_answer(StatusCode::OK, order, call.state.clock.now()),
        None => unknown(call.name(0)),
    }
}

/// `GET work-orders/{number}/history`
pub fn history(view: &View, call: &Call<'_>) -> Response {
    match view.work_orders.get(call.name(0)) {
        Some(order) => reply::json(shown::history(order)),
        None => unknown(call.name(0)),
    }
}

/// An order with its `ETag`.
fn order_answer(status: StatusCode, order: &WorkOrder, now: Timestamp) -> Response {
    let mut answer = reply::json(shown::work_order(order, now));
    *answer.status_mut() = status;
    reply::set(&mut answer, ETAG, &order.etag());
    answer
}

fn unknown(number: &str) -> Response {
    let message = format!("there is no work order {number:?}; GET /api/andon/v1/work-orders lists them all");
    reply::andon_error(StatusCode::NOT_FOUND, &message)
}

/// Which orders a list has.
struct Wanted<'a> {
    statuses: Vec<Status>,
    priorities: Vec<Priority>,
    kinds: Vec<Kind>,
    asset: Option<&'a str>,
    receiver: Option<&'a str>,
    overdue: Option<bool>,
    text: Option<String>,
}

impl<'a> Wanted<'a> {
    fn of(query: &'a Query) -> Result<Self, String> {
        if let Some(name) = query.names().find(|name| !PARAMETERS.contains(name)) {
            return Err(format!("unknown parameter {name:?}; there are {}", PARAMETERS.join(", ")));
        }
        let overdue = match query.last("overdue") {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => return Err(format!("overdue: {other:?} is neither true nor false")),
        };
        Ok(Self {
            statuses: words(query, "status", Status::ALL, Status::as_str)?,
            priorities: words(query, "priority", Priority::ALL, Priority::as_str)?,
            kinds: words(query, "type", Kind::ALL, Kind::as_str)?,
            asset: query.last("asset"),
            receiver: query.last("receiver"),
            overdue,
            text: query.last("text").map(str::to_lowercase),
        })
    }

    fn wants(&self, order: &WorkOrder, now: Timestamp) -> bool {
        fn among<T: PartialEq>(wanted: &[T], found: &T) -> bool {
            wanted.is_empty() || wanted.contains(found)
        }
        let says = |text: &str| {
            let said = [&*order.number, &order.title, &order.description, &order.assignee];
            let asset = [order.asset.code.as_str(), order.asset.name.as_str()];
            said.into_iter().chain(asset).any(|said| said.to_lowercase().contains(text))
        };
        among(&self.statuses, &order.status)
            && among(&self.priorities, &order.priority)
            && among(&self.kinds, &order.kind)
            && self.asset.is_none_or(|asset| order.asset.code == asset)
            && self.receiver.is_none_or(|receiver| *order.receiver == *receiver)
            && self.overdue.is_none_or(|overdue| order.is_overdue(now) == overdue)
            && self.text.as_deref().is_none_or(says)
    }
}

/// The words of a parameter, which may come several times and have several words with commas between them.
fn words<T: Copy>(query: &Query, name: &str, all: &[T], word_of: fn(T) -> &'static str) -> Result<Vec<T>, String> {
    let words = query.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty());
    let known = |word: &str| {
        let found = all.iter().copied().find(|known| word_of(*known) == word);
        found.ok_or_else(|| format!("{name}: unknown {word:?}; there are {}", listed(all, word_of)))
    };
    words.map(known).collect()
}

/// All words, with commas between them.
fn listed<T: Copy>(all: &[T], word_of: fn(T) -> &'static str) -> String {
    all.iter().map(|known| word_of(*known)).collect::<Vec<_>>().join(", ")
}

fn limit(query: &Query) -> Result<usize, String> {
    let Some(text) = query.last("limit") else { return Ok(PAGE) };
    match text.parse() {
        Ok(limit) if (1..=LARGEST_PAGE).contains(&limit) => Ok(limit),
        _ => Err(format!("limit: {text:?} is no number from 1 to {LARGEST_PAGE}")),
    }
}

fn next_link(call: &Call<'_>, last: &str, limit: usize) -> String {
    let query = call.request.uri().query().unwrap_or_default();
    let kept = query.split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty() && name != "after" && name != "limit"
    });
    let pairs: Vec<_> = kept.map(str::to_owned).chain([format!("limit={limit}"), format!("after={last}")]).collect();
    format!("<{}/api/andon/v1/work-orders?{}>; rel=\"next\"", call.state.route_prefix, pairs.join("&"))
}

/// Differs where any order of the page does, or how many there are, or which of them are overdue.
fn list_tag(page: &[&Arc<WorkOrder>], total: usize, now: Timestamp) -> String {
    let tags: Vec<_> = page.iter().map(|order| (order.etag(), order.is_overdue(now).to_string())).collect();
    let total = total.to_string();
    let pairs = tags.iter().map(|(tag, overdue)| (tag.as_str(), overdue.as_str())).chain([("total", total.as_str())]);
    format!("\"{}\"", Fingerprint::of(pairs))
}

/// Whether the client has this version.
fn unchanged(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    known.split(',').map(|known| known.trim().trim_start_matches("W/")).any(|known| known == tag || known == "*")
}

fn not_modified(tag: &str) -> Response {
    let mut answer = reply::empty(StatusCode::NOT_MODIFIED);
    reply::set(&mut answer, ETAG, tag);
    answer
}
