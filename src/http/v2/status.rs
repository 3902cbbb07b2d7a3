//! `GET /api/v2/status`.

use axum::response::Response;

use super::shown::write_time;
use crate::http::{AppState, reply};
use crate::json::write_string;
use crate::metrics::ALERTMANAGER_VERSION;

/// Says what runs: the cluster (of one, or none), the configuration, since when, and which version of Alertmanager it
/// stands in for.
pub fn show(state: &AppState) -> Response {
    let status = &state.status;
    let mut out = String::from("{\"cluster\":{");
    match &status.cluster {
        None => out.push_str("\"peers\":[],\"status\":\"disabled\""),
        Some(cluster) => {
            out.push_str("\"name\":");
            write_string(&mut out, &cluster.name, false);
            out.push_str(",\"peers\":[{\"address\":");
            write_string(&mut out, &cluster.address, false);
            out.push_str(",\"name\":");
            write_string(&mut out, &cluster.name, false);
            out.push_str("}],\"status\":\"ready\"");
        }
    }
    out.push_str("},\"config\":{\"original\":");
    write_string(&mut out, &state.config.load().original, false);
    out.push_str("},\"uptime\":");
    write_time(&mut out, status.started);
    out.push_str(",\"versionInfo\":{");
    for (i, (key, value)) in [
        ("branch", status.branch.as_str()),
        ("buildDate", &status.build_date),
        ("buildUser", &status.build_user),
        ("goVersion", ""),
        ("revision", &status.revision),
        ("version", ALERTMANAGER_VERSION),
    ]
    .into_iter()
    .enumerate()
    {
        if i > 0 {
            out.push(',');
        }
        write_string(&mut out, key, false);
        out.push(':');
        write_string(&mut out, value, false);
    }
    out.push_str("}}");
    reply::json(out)
}
