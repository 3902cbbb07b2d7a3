//! Asking what fires.

use std::time::Instant;

use super::{Run, SETTLE, Values};
use crate::alerts::{Alerts, silence};
use crate::client::{self, Connection};
use crate::configs;
use crate::server::Server;

const ALERTS: usize = 20_000;

/// CPU milliseconds for each of some GETs: as many as cost two seconds, at most 50.
fn each(server: &Server, path: &str) -> Result<f64, String> {
    let mut connection = Connection::open(&server.address)?;
    let request = client::get_request(path);
    connection.exchange(&request)?;
    let (before, mut count) = (server.cpu()?, 0);
    loop {
        connection.exchange(&request)?;
        count += 1;
        let spent = server.cpu()? - before;
        if count == 50 || (count >= 3 && spent > 2.0) {
            std::thread::sleep(std::time::Duration::from_millis(200));
            return Ok((server.cpu()? - before) * 1e3 / f64::from(count));
        }
    }
}

/// All alerts, one alert, and all groups.
pub fn get(run: &Run<'_>) -> Result<Values, String> {
    let server = Server::start(run.program, &configs::ingest())?;
    client::send(&server.address, &Alerts::of(ALERTS).requests(), 2)?;
    std::thread::sleep(SETTLE);
    let listed = server.alerts_listed()?;
    if listed != ALERTS {
        return Err(format!("{listed} alerts are listed, and not {ALERTS}"));
    }
    Ok(vec![
        ("get", each(&server, "/api/v2/alerts")?),
        ("get_one", each(&server, "/api/v2/alerts?filter=asset_code%3D%22P-000777%22")?),
        ("get_groups", each(&server, "/api/v2/alerts/groups")?),
    ])
}

/// All alerts, a third of which hold back the others.
pub fn inhibition(run: &Run<'_>) -> Result<Values, String> {
    let server = Server::start(run.program, &configs::inhibition())?;
    let alerts = Alerts { per_asset: 3, ..Alerts::of(ALERTS) };
    client::send(&server.address, &alerts.requests(), 2)?;
    std::thread::sleep(SETTLE);
    Ok(vec![("inhibition", each(&server, "/api/v2/alerts")?)])
}

/// The first and the second GET where silences are new.
pub fn silences(run: &Run<'_>) -> Result<Values, String> {
    let server = Server::start(run.program, &configs::ingest())?;
    client::send(&server.address, &Alerts::of(10_000).requests(), 2)?;
    let silences: Vec<_> = (0..1_000).map(|number| silence("asset_code", &format!("(P|V)-00{number:04}.*"))).collect();
    client::send(&server.address, &silences, 2)?;
    std::thread::sleep(SETTLE);
    let mut connection = Connection::open(&server.address)?;
    let mut time = || {
        let began = Instant::now();
        connection.exchange(&client::get_request("/api/v2/alerts"))?;
        Ok::<_, String>(began.elapsed().as_secs_f64() * 1e3)
    };
    Ok(vec![("silences", time()?), ("silences_again", time()?)])
}
