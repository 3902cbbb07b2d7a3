//! Measures what alerts cost: processor time of the server per alert, and its resident memory per alert.
//!
//! `--andon PATH` and, if given, `--peer PATH` (a real Alertmanager) run one after the other on the same configuration,
//! each on an empty store, and get the same load: new alerts, then refreshes of them, in batches of 64 over 2
//! connections; then new alerts one at a time over 64 connections. Every alert has 8 labels. Bodies are made
//! beforehand, and the load is plain sockets, so that on a small machine the load does not disturb what is measured.
//! What is measured is taking alerts in: the one receiver has no integration, and groups wait longer than the run.

mod load;
mod server;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use load::Kind;
use server::Server;

const BATCH: usize = 64;
const REFRESHES: usize = 5;
/// Work that a server does after its answer counts as well, so it gets this long.
const SETTLE: Duration = Duration::from_secs(3);

struct Arguments {
    andon: PathBuf,
    peer: Option<PathBuf>,
    alerts: usize,
    json: PathBuf,
}

/// One server's figures, in the order of [`NAMES`].
struct Figures([f64; 5]);

const NAMES: [(&str, &str); 5] = [
    ("new_cpu_us", "new, batches of 64: CPU µs per alert"),
    ("refresh_cpu_us", "refresh, batches of 64: CPU µs per alert"),
    ("single_cpu_us", "new, one at a time: CPU µs per alert"),
    ("rss_bytes", "resident memory: bytes per alert"),
    ("empty_rss_bytes", "resident memory, empty: bytes"),
];

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        andon: "target/release/andon".into(),
        peer: None,
        alerts: 50_000,
        json: "target/bench/result.json".into(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{flag} wants a value"));
        match flag.as_str() {
            "--andon" => arguments.andon = value()?.into(),
            "--peer" => arguments.peer = Some(value()?.into()),
            "--json" => arguments.json = value()?.into(),
            "--alerts" => arguments.alerts = value()?.parse().map_err(|error| format!("--alerts: {error}"))?,
            _ => return Err(format!("{flag} is unknown: --andon PATH, --peer PATH, --alerts N, --json FILE")),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let mut results = vec![("andon", measure(&arguments.andon, arguments.alerts)?)];
    if let Some(peer) = &arguments.peer {
        results.push(("peer", measure(peer, arguments.alerts)?));
    }
    print(&results);
    std::fs::write(&arguments.json, json(arguments.alerts, &results)).map_err(|error| format!("{error}"))
}

fn measure(program: &std::path::Path, alerts: usize) -> Result<Figures, String> {
    eprintln!("bench: {} with {alerts} alerts", program.display());
    let server = Server::start(program)?;
    std::thread::sleep(SETTLE);
    let empty = server.resident()?;
    let post = |kind: Kind, count: usize, per_request: usize, connections: usize| -> Result<f64, String> {
        let requests = load::requests(kind, count, per_request);
        let before = server.cpu()?;
        load::send(&server.address, &requests, connections)?;
        std::thread::sleep(SETTLE);
        Ok((server.cpu()? - before) * 1e6 / count as f64)
    };
    let new = post(Kind::New { from: 0 }, alerts, BATCH, 2)?;
    let full = server.resident()?;
    let mut refresh = 0.0;
    for round in 1..=REFRESHES {
        refresh += post(Kind::Refresh { round }, alerts, BATCH, 2)? / REFRESHES as f64;
    }
    let single = post(Kind::New { from: alerts }, alerts / 5, 1, 64)?;
    Ok(Figures([new, refresh, single, (full - empty) / alerts as f64, empty]))
}

fn print(results: &[(&str, Figures)]) {
    print!("{:45}", "");
    for (name, _) in results {
        print!("{name:>14}");
    }
    println!("{}", if results.len() > 1 { "    andon/peer" } else { "" });
    for (row, (_, what)) in NAMES.iter().enumerate() {
        print!("{what:45}");
        let values: Vec<f64> = results.iter().filter_map(|(_, figures)| figures.0.get(row).copied()).collect();
        for value in &values {
            print!("{value:14.1}");
        }
        match values.as_slice() {
            [andon, peer] => println!("{:>14}", format!("1/{:.1}", peer / andon)),
            _ => println!(),
        }
    }
}

fn json(alerts: usize, results: &[(&str, Figures)]) -> String {
    let mut out = format!("{{\"alerts\":{alerts}");
    for (name, figures) in results {
        let fields = NAMES.iter().zip(figures.0).map(|((key, _), value)| format!("\"{key}\":{value:.2}"));
        // Writing into a string does not fail.
        let _ = write!(out, ",\"{name}\":{{{}}}", fields.collect::<Vec<_>>().join(","));
    }
    out + "}\n"
}
