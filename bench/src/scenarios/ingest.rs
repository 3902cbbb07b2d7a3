//! Taking alerts in.

use std::time::Duration;

use super::{Run, SETTLE, Values, cpu};
use crate::alerts::Alerts;
use crate::server::Server;
use crate::{client, configs};

const ALERTS: usize = 50_000;
const REFRESHES: usize = 4;

/// New alerts, refreshes, single alerts; memory before and behind the first.
pub fn ingest(run: &Run<'_>) -> Result<Values, String> {
    let server = Server::start(run.program, &configs::ingest())?;
    std::thread::sleep(SETTLE);
    let empty = server.resident()?;
    let post = |alerts: &Alerts, connections: usize| {
        let requests = alerts.requests();
        let seconds = cpu(&server, || client::send(&server.address, &requests, connections))?;
        Ok::<_, String>(seconds * 1e6 / alerts.count as f64)
    };
    let alerts = Alerts::of(ALERTS);
    let new = post(&alerts, 2)?;
    let memory = (server.resident()? - empty) / ALERTS as f64;
    let rounds = if run.quick { 2 } else { REFRESHES };
    let mut refresh = 0.0;
    for round in 1..=rounds {
        refresh += post(&alerts.later(60 * round), 2)? / rounds as f64;
    }
    let single = post(&Alerts { from: ALERTS, per_request: 1, ..Alerts::of(ALERTS / 5) }, 64)?;
    let empty = empty / f64::from(1 << 20);
    Ok(vec![("new", new), ("refresh", refresh), ("single", single), ("memory", memory), ("empty", empty)])
}

/// Refreshes where there are many routes.
pub fn routes(run: &Run<'_>) -> Result<Values, String> {
    let server = Server::start(run.program, &configs::regex_routes(1_000))?;
    let alerts = Alerts::of(10_000);
    client::send(&server.address, &alerts.requests(), 2)?;
    std::thread::sleep(SETTLE);
    let rounds = if run.quick { 2 } else { 5 };
    let requests: Vec<_> = (1..=rounds).flat_map(|round| alerts.later(60 * round).requests()).collect();
    let seconds = cpu(&server, || client::send(&server.address, &requests, 2))?;
    Ok(vec![("routes", seconds * 1e6 / (alerts.count * rounds) as f64)])
}

/// What 100 000 alerts cost that are sent again each minute: the share of one core, over a whole minute or more.
pub fn minute(run: &Run<'_>) -> Result<Values, String> {
    const MINUTE: Duration = Duration::from_secs(60);
    let server = Server::start(run.program, &configs::ingest())?;
    let alerts = Alerts::of(100_000);
    client::send(&server.address, &alerts.requests(), 2)?;
    std::thread::sleep(SETTLE);
    let minutes = if run.quick { 1 } else { 2 };
    let rounds: Vec<_> = (1..=minutes).map(|minute| alerts.later(60 * minute).requests()).collect();
    let before = server.cpu()?;
    rounds.iter().try_for_each(|requests| client::send_over(&server.address, requests, MINUTE))?;
    let seconds = server.cpu()? - before;
    Ok(vec![("minute", seconds * 100.0 / (MINUTE.as_secs_f64() * minutes as f64))])
}
