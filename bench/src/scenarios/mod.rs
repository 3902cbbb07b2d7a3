//! What is measured, and what must come of it.

mod ingest;
mod read;
mod restart;
mod storm;

use std::path::Path;
use std::time::Duration;

use crate::server::Server;

/// Work that a server does after its answer counts as well, so it gets this long.
const SETTLE: Duration = Duration::from_secs(3);

/// One server in one run.
pub struct Run<'a> {
    /// The program.
    pub program: &'a Path,
    /// Whether less is to be done where the time is long.
    pub quick: bool,
}

/// What a run gave: a measure's key and its value.
pub type Values = Vec<(&'static str, f64)>;

/// A figure.
pub struct Measure {
    /// Its key in the JSON file.
    pub key: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What it is counted in.
    pub unit: &'static str,
    /// What is demanded of Andon.
    pub goal: Goal,
}

/// What is demanded of Andon's figure.
#[derive(Clone, Copy)]
pub enum Goal {
    /// To be so many times smaller than the peer's.
    Ratio(f64),
    /// Not to be greater.
    AtMost(f64),
    /// Both.
    RatioAndAtMost(f64, f64),
    /// Nothing; it is shown.
    Shown,
}

/// Some figures that come from one load.
pub struct Scenario {
    /// For `--only`.
    pub name: &'static str,
    /// What comes of it.
    pub measures: &'static [Measure],
    /// How.
    pub run: fn(&Run<'_>) -> Result<Values, String>,
}

const fn measure(key: &'static str, what: &'static str, unit: &'static str, goal: Goal) -> Measure {
    Measure { key, what, unit, goal }
}

/// All of them.
pub const ALL: [Scenario; 9] = [
    Scenario {
        name: "ingest",
        measures: &[
            measure("new", "new alerts, 64 a request, 2 connections: CPU per alert", "µs", Goal::Ratio(8.0)),
            measure("refresh", "the same alerts again: CPU per alert", "µs", Goal::Ratio(15.0)),
            measure("single", "one new alert a request, 64 connections: CPU per alert", "µs", Goal::Ratio(3.0)),
            measure("memory", "resident memory per active alert, of 50 000", "B", Goal::Ratio(2.5)),
            measure("empty", "resident memory, empty", "MiB", Goal::Ratio(1.5)),
        ],
        run: ingest::ingest,
    },
    Scenario {
        name: "routes",
        measures: &[measure("routes", "refresh with 1 000 regex routes: CPU per alert", "µs", Goal::Ratio(20.0))],
        run: ingest::routes,
    },
    Scenario {
        name: "get",
        measures: &[
            measure("get", "GET /api/v2/alerts, 20 000 alerts: CPU", "ms", Goal::Ratio(15.0)),
            measure("get_one", "the same with a filter that matches one: CPU", "ms", Goal::Ratio(20.0)),
            measure("get_groups", "GET /api/v2/alerts/groups, 20 000 alerts: CPU", "ms", Goal::Ratio(15.0)),
        ],
        run: read::get,
    },
    Scenario {
        name: "silences",
        measures: &[
            measure("silences", "first GET, 10 000 alerts, 1 000 regex silences: time", "ms", Goal::Ratio(30.0)),
            measure("silences_again", "the next GET: time", "ms", Goal::Shown),
        ],
        run: read::silences,
    },
    Scenario {
        name: "inhibition",
        measures: &[measure("inhibition", "GET, 20 000 alerts, 1/3 sources: CPU", "ms", Goal::Ratio(15.0))],
        run: read::inhibition,
    },
    Scenario {
        name: "storm",
        measures: &[
            measure("storm", "20 000 groups to one webhook: from group_wait to the last", "s", Goal::Ratio(5.0)),
            measure("storm_cpu", "of it, CPU", "s", Goal::Shown),
            measure("storm_memory", "of it, most resident memory", "MiB", Goal::Ratio(6.0)),
            measure("storm_doubled", "of it, notifications doubled", "", Goal::AtMost(0.0)),
            measure("storm_lost", "of it, groups never told", "", Goal::AtMost(0.0)),
        ],
        run: storm::storm,
    },
    Scenario {
        name: "page",
        measures: &[
            measure("page", "a page during the storm: median time from POST to receiver", "ms", Goal::Shown),
            measure("page_worst", "the slowest of 40", "ms", Goal::Shown),
        ],
        run: storm::page,
    },
    Scenario {
        name: "restart",
        measures: &[
            measure("restart", "restart with 100 000 alerts: until ready", "s", Goal::AtMost(2.0)),
            measure("restart_killed", "the same after kill -9", "s", Goal::AtMost(2.0)),
            measure("restart_forgotten", "alerts forgotten by both", "", Goal::AtMost(0.0)),
        ],
        run: restart::restart,
    },
    Scenario {
        name: "minute",
        measures: &[measure(
            "minute",
            "100 000 alerts, refreshed every minute: CPU of one core",
            "%",
            Goal::RatioAndAtMost(10.0, 5.0),
        )],
        run: ingest::minute,
    },
];

/// The CPU seconds that something costs the server, with what it does in the time after.
fn cpu(server: &Server, act: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let before = server.cpu()?;
    act()?;
    std::thread::sleep(SETTLE);
    Ok(server.cpu()? - before)
}
