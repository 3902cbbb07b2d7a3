//! `GET /api/v2/receivers`.

use axum::response::Response;

use super::filter::{labels_match, receiver_matchers};
use super::shown::write_list;
use crate::http::query::Query;
use crate::http::{AppState, reply};
use crate::json::write_string;

/// Lists all receivers in the order of the configuration.
pub async fn list(state: &AppState, query: &Query) -> Response {
    let matchers = match receiver_matchers(query, state.mode) {
        Ok(matchers) => matchers,
        Err(error) => return error.reply(),
    };
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    let mut out = String::new();
    let wanted = view.policy.receivers.iter().filter(|receiver| labels_match(&matchers, receiver));
    write_list(&mut out, wanted, |out, receiver| {
        out.push_str("{\"labels\":{");
        for (i, (name, value)) in receiver.labels.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_string(out, name, false);
            out.push(':');
            write_string(out, value, false);
        }
        out.push_str("},\"name\":");
        write_string(out, &receiver.name, false);
        out.push('}');
    });
    reply::json(out)
}
