//! How cost grows with how much there is, Andon alone: alerts and groups, routes, silences, inhibit rules.
//!
//! Of every series each step is compared with the one before: a cost that grows by more than n log n is named.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::alerts::{Alerts, silence};
use crate::arguments::Arguments;
use crate::client::{self, Connection};
use crate::configs;
use crate::plot::{self, Series};
use crate::server::Server;

/// By how much a step may cost more than n log n demands: machines are noisy.
const TOLERANCE: f64 = 1.5;

/// One step of a series: how many, and what each figure was.
struct Step {
    count: usize,
    values: Vec<f64>,
}

/// A series: what grows, and what is measured.
struct Growth {
    what: &'static str,
    figures: &'static [&'static str],
    steps: Vec<Step>,
}

/// Measures all series, prints them as Markdown, and draws them.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let sizes = |all: &'static [usize]| if arguments.quick { &all[..all.len() - 1] } else { all };
    let andon = &arguments.andon;
    let wanted = |what: &str| what.contains(&arguments.only);
    let mut all = Vec::new();
    if wanted("alerts") {
        let steps = each(sizes(&[1_000, 10_000, 100_000, 1_000_000]), |count| alerts(andon, count));
        let figures = &["new: s CPU", "refresh: s CPU", "GET: s CPU", "memory: MiB", "restart: s"];
        all.push(Growth { what: "alerts", figures, steps: steps? });
    }
    if wanted("groups") {
        let steps = each(sizes(&[1_000, 10_000, 100_000, 1_000_000]), |count| groups(andon, count));
        let figures = &["new: s CPU", "flush of all: s CPU", "GET groups: s CPU"];
        all.push(Growth { what: "groups", figures, steps: steps? });
    }
    let rules: &[usize] = sizes(&[10, 100, 1_000, 10_000]);
    if wanted("routes") {
        let steps = each(rules, |count| under(andon, &configs::regex_routes(count)));
        let figures = &["new: µs CPU per alert", "refresh: µs CPU per alert", "GET: s CPU"];
        all.push(Growth { what: "routes, for 20 000 alerts", figures, steps: steps? });
    }
    if wanted("inhibit rules") {
        let steps = each(rules, |count| under(andon, &configs::inhibit_rules(count)));
        let figures = &["new: µs CPU per alert", "refresh: µs CPU per alert", "GET: s CPU"];
        all.push(Growth { what: "inhibit rules, for 20 000 alerts", figures, steps: steps? });
    }
    if wanted("silences") {
        let steps = each(rules, |count| silences(andon, count))?;
        let figures = &["new silences: s CPU", "first GET: s CPU", "next GET: s CPU"];
        all.push(Growth { what: "silences, for 20 000 alerts", figures, steps });
    }
    all.iter().for_each(print);
    draw(&all, &arguments.plot)
}

fn each(sizes: &[usize], measure: impl Fn(usize) -> Result<Vec<f64>, String>) -> Result<Vec<Step>, String> {
    let step = |count: &usize| {
        let values = measure(*count)?;
        eprintln!("scale: {count}: {values:.3?}");
        Ok(Step { count: *count, values })
    };
    sizes.iter().map(step).collect()
}

/// The CPU seconds that something costs the server, up to when it has nothing to do any more.
fn cpu(server: &Server, act: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let before = server.cpu()?;
    act()?;
    let mut last = server.cpu()?;
    loop {
        std::thread::sleep(Duration::from_millis(1_500));
        let now = server.cpu()?;
        if now - last < 0.05 {
            return Ok(now - before);
        }
        last = now;
    }
}

/// Sends alerts in portions, so that what waits to be sent takes little room.
fn send(server: &Server, alerts: &Alerts) -> Result<(), String> {
    const PORTION: usize = 65_536;
    for from in (alerts.from..alerts.from + alerts.count).step_by(PORTION) {
        let count = PORTION.min(alerts.from + alerts.count - from);
        client::send(&server.address, &Alerts { from, count, ..alerts.clone() }.requests(), 2)?;
    }
    Ok(())
}

/// A GET whose answer need not be kept: the mean of some.
fn get(server: &Server, path: &str) -> Result<f64, String> {
    let mut connection = Connection::open(&server.address)?;
    let request = client::get_request(path);
    let (began, before, mut count) = (Instant::now(), server.cpu()?, 0);
    while count < 3 || (count < 200 && began.elapsed() < Duration::from_secs(1)) {
        connection.exchange(&request)?;
        count += 1;
    }
    Ok((server.cpu()? - before) / f64::from(count))
}

fn alerts(andon: &Path, count: usize) -> Result<Vec<f64>, String> {
    let mut server = Server::start(andon, &configs::ingest())?;
    let alerts = Alerts { ends_in: Duration::from_secs(7_200), ..Alerts::of(count) };
    let new = cpu(&server, || send(&server, &alerts))?;
    let refresh = cpu(&server, || send(&server, &alerts.later(60)))?;
    let memory = server.resident()? / f64::from(1 << 20);
    let get = get(&server, "/api/v2/alerts")?;
    let restart = server.restart("-TERM")?;
    let listed = server.alerts_listed()?;
    if listed != count {
        return Err(format!("after the restart there are {listed} alerts of {count}"));
    }
    Ok(vec![new, refresh, get, memory, restart])
}

fn groups(andon: &Path, count: usize) -> Result<Vec<f64>, String> {
    let server = Server::start(andon, &configs::groups(5 + count / 20_000))?;
    let alerts = Alerts { ends_in: Duration::from_secs(7_200), ..Alerts::of(count) };
    let before = server.cpu()?;
    send(&server, &alerts)?;
    let sent = server.cpu()?;
    let groups = get(&server, "/api/v2/alerts/groups")?;
    let shown = server.cpu()?;
    std::thread::sleep(Duration::from_secs(10 + count as u64 / 20_000));
    Ok(vec![sent - before, server.cpu()? - shown, groups])
}

fn under(andon: &Path, config: &str) -> Result<Vec<f64>, String> {
    const ALERTS: usize = 20_000;
    let server = Server::start(andon, config)?;
    let alerts = Alerts::of(ALERTS);
    let new = cpu(&server, || send(&server, &alerts))?;
    let refresh = cpu(&server, || send(&server, &alerts.later(60)))?;
    let each = |seconds: f64| seconds * 1e6 / ALERTS as f64;
    Ok(vec![each(new), each(refresh), get(&server, "/api/v2/alerts")?])
}

fn silences(andon: &Path, count: usize) -> Result<Vec<f64>, String> {
    let server = Server::start(andon, &configs::ingest())?;
    send(&server, &Alerts::of(20_000))?;
    let requests: Vec<_> = (0..count).map(|number| silence("asset_code", &format!("(P|V)-0{number:05}.*"))).collect();
    let new = cpu(&server, || client::send(&server.address, &requests, 2))?;
    let before = server.cpu()?;
    client::get(&server.address, "/api/v2/alerts")?;
    let first = server.cpu()? - before;
    Ok(vec![new, first, get(&server, "/api/v2/alerts")?])
}

fn print(growth: &Growth) {
    let mut text = format!("\n| {} | {} |\n|---:|", growth.what, growth.figures.join(" | "));
    growth.figures.iter().for_each(|_| text.push_str("---:|"));
    for step in &growth.steps {
        let values: Vec<_> = step.values.iter().map(|value| format!("{value:.3}")).collect();
        // Writing into a string does not fail.
        let _ = write!(text, "\n| {} | {} |", step.count, values.join(" | "));
    }
    println!("{text}");
    for (place, figure) in growth.figures.iter().enumerate() {
        for pair in growth.steps.windows(2) {
            let [small, great] = pair else { continue };
            let n_log_n = |step: &Step| step.count as f64 * (step.count as f64).log2();
            let most = n_log_n(great) / n_log_n(small) * TOLERANCE;
            let (before, after) = (small.values[place], great.values[place]);
            // What is too short to be measured says nothing.
            if before > 0.02 && after / before > most {
                println!("{figure}: from {} to {} it grows faster than n log n", small.count, great.count);
            }
        }
    }
}

fn draw(all: &[Growth], to: &Path) -> Result<(), String> {
    let series = all.iter().flat_map(|growth| {
        growth.figures.iter().enumerate().filter(|(_, figure)| figure.ends_with("s CPU")).map(|(place, figure)| {
            let points = growth.steps.iter().map(|step| (step.count as f64, step.values[place])).collect();
            Series { name: format!("{}, {}", growth.what, figure.trim_end_matches(": s CPU")), points }
        })
    });
    let svg = plot::svg("CPU seconds, by how many there are", &series.collect::<Vec<_>>());
    std::fs::write(to, svg).map_err(|error| format!("{}: {error}", to.display()))
}
