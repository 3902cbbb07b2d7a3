//! Other systems that work orders are passed on to: how far each is behind, and which orders it refuses.

use axum::response::Response;

use super::Call;
use super::object::{Object, list};
use crate::core::mirrored::Mirrored;
use crate::core::view::View;
use crate::http::reply;

/// How many refused orders are named for each system.
const MOST_REFUSED: usize = 200;

/// `GET mirrors`
pub fn all(view: &View, call: &Call<'_>) -> Response {
    let systems = call.state.metrics.mirror_systems();
    reply::json(list(systems.iter().map(|(system, up)| {
        let lag = view.mirror_lag(system, call.state.clock.now());
        let mut object = Object::new();
        object.text("system", system);
        object.flag("up", *up);
        object.number("ordersBehind", u64::try_from(lag.orders).unwrap_or(u64::MAX));
        object.number("lagSeconds", lag.age.as_secs());
        let refused = view.mirrored.values().filter(|known| *known.target == **system && !known.error.is_empty());
        object.raw("refused", &list(refused.take(MOST_REFUSED).map(|known| refusal(known))));
        object.end()
    })))
}

fn refusal(known: &Mirrored) -> String {
    let mut object = Object::new();
    object.text("number", &known.order);
    object.text("error", &known.error);
    object.time("at", Some(known.at));
    object.end()
}
