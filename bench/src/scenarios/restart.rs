//! Ends the server and starts it again.

use super::{Run, SETTLE, Values};
use crate::alerts::Alerts;
use crate::server::Server;
use crate::{client, configs};

const ALERTS: usize = 100_000;

/// In order, and by force.
pub fn restart(run: &Run<'_>) -> Result<Values, String> {
    let mut server = Server::start(run.program, &configs::ingest())?;
    client::send(&server.address, &Alerts::of(ALERTS).requests(), 2)?;
    let killed = server.restart("-KILL")?;
    let mut forgotten = ALERTS - server.alerts_listed()?;
    std::thread::sleep(SETTLE);
    let stopped = server.restart("-TERM")?;
    forgotten = forgotten.max(ALERTS - server.alerts_listed()?);
    Ok(vec![("restart", stopped), ("restart_killed", killed), ("restart_forgotten", forgotten as f64)])
}
