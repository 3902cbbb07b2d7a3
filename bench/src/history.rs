//! What reading the history costs where as much is kept as is by default: 256 MiB. Andon alone.
//!
//! Alerts fire and are over in turn until the journal is full. Then pages, filters, explanations and the pages for people
//! are asked for, and the whole history is exported; and the same alerts are sent with and without an export beside.

use std::time::{Duration, Instant};

use crate::alerts::{Alerts, now, time};
use crate::arguments::Arguments;
use crate::client::{self, Connection};
use crate::configs;
use crate::server::Server;

/// Alerts of one round.
const ALERTS: usize = 20_000;
/// Each writes about nine MiB.
const ROUNDS: usize = 32;

/// Fills a journal, measures, prints a table as Markdown.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let server = Server::start(&arguments.andon, &configs::ingest())?;
    let rounds = if arguments.quick { 2 } else { ROUNDS };
    let began = now();
    for round in 0..rounds {
        send(&server, round)?;
        eprintln!("history: round {} of {rounds}", round + 1);
    }
    println!("\nThe store takes {:.0} MiB.\n\n| asked for | ms | bytes |\n|---|---:|---:|", stored(&server)?);
    let middle = time(began + (now() - began) / 2);
    let first = first_alert(&server)?;
    for (what, path) in [
        ("the newest 100 events", "/api/andon/v1/history".to_owned()),
        ("the oldest 100", "/api/andon/v1/history?order=oldest".to_owned()),
        ("100 before a moment in the middle", format!("/api/andon/v1/history?end={middle}")),
        ("100 from a moment in the middle on", format!("/api/andon/v1/history?order=oldest&start={middle}")),
        ("of one alert", format!("/api/andon/v1/history?alert={first}")),
        ("a filter that nothing matches: one page of it", "/api/andon/v1/history?filter=nobody%3D%22x%22".to_owned()),
        ("explain an alert", format!("/api/andon/v1/explain?alert={first}")),
        ("explain it as of a moment in the middle", format!("/api/andon/v1/explain?alert={first}&at={middle}")),
        ("/ui/history", "/ui/history".to_owned()),
        ("/ui/history, a filter that nothing matches", "/ui/history?filter=nobody%3D%22x%22".to_owned()),
        ("/ui/deliveries", "/ui/deliveries".to_owned()),
        ("/ui/routes, counted anew", "/ui/routes".to_owned()),
        ("/ui/routes, within the minute", "/ui/routes".to_owned()),
        ("/ui/alerts/…", format!("/ui/alerts/{first}")),
    ] {
        let (took, bytes) = once(&server, &path)?;
        println!("| {what} | {took:.0} | {bytes} |");
    }
    let (took, bytes) = once(&server, "/api/andon/v1/history?format=jsonl")?;
    println!("| all of it, as JSON Lines | {took:.0} | {bytes} |");
    println!("\n| 20 000 alerts, new or over | s | longest answer, ms |\n|---|---:|---:|");
    let (took, longest) = send(&server, rounds)?;
    println!("| alone | {took:.2} | {longest:.0} |");
    let (took, longest) = std::thread::scope(|scope| {
        let export = scope.spawn(|| client::get(&server.address, "/api/andon/v1/history?format=jsonl"));
        std::thread::sleep(Duration::from_millis(300));
        let sent = send(&server, rounds + 1);
        let whole = !export.is_finished();
        export.join().map_err(|_| "the export panicked".to_owned())??;
        if whole { sent } else { Err("the export ended before the alerts were sent".to_owned()) }
    })?;
    println!("| while all of it is exported | {took:.2} | {longest:.0} |");
    send(&server, rounds)?;
    println!("\n| a page, with 20 000 alerts firing | ms | bytes |\n|---|---:|---:|");
    for (what, path) in [
        ("now", "/"),
        ("now, filtered", "/?filter=instance%3D~%22.*7%3A9100%22%2C%20severity%3D%22critical%22"),
        ("a silence of all, with its preview", "/ui/silences/new?filter=plant%3D%22south%22"),
        ("routes", "/ui/routes"),
        ("deliveries", "/ui/deliveries"),
        ("status", "/ui/status"),
    ] {
        let (took, bytes) = once(&server, path)?;
        println!("| {what} | {took:.0} | {bytes} |");
    }
    Ok(())
}

/// Sends a round of alerts, firing in one and over in the next. Gives the seconds it took, and the longest answer in
/// milliseconds.
fn send(server: &Server, round: usize) -> Result<(f64, f64), String> {
    let fires = round.is_multiple_of(2);
    let ends_in = if fires { Duration::from_secs(7_200) } else { Duration::ZERO };
    let starts = now() - Duration::from_secs(60);
    let requests = Alerts { ends_in, starts, ..Alerts::of(ALERTS) }.requests();
    let mut connection = Connection::open(&server.address)?;
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    for request in &requests {
        let asked = Instant::now();
        connection.exchange(request)?;
        longest = longest.max(asked.elapsed());
    }
    Ok((began.elapsed().as_secs_f64(), longest.as_secs_f64() * 1e3))
}

fn once(server: &Server, path: &str) -> Result<(f64, usize), String> {
    let began = Instant::now();
    let body = client::get(&server.address, path).map_err(|error| format!("{path}: {error}"))?;
    Ok((began.elapsed().as_secs_f64() * 1e3, body.len()))
}

/// MiB on disk, as its metrics say.
fn stored(server: &Server) -> Result<f64, String> {
    let metrics = String::from_utf8_lossy(&server.get("/metrics")?).into_owned();
    let value = metrics.lines().find_map(|line| line.strip_prefix("andon_store_size_bytes "));
    let bytes: f64 = value.and_then(|value| value.parse().ok()).ok_or("there is no andon_store_size_bytes")?;
    Ok(bytes / f64::from(1 << 20))
}

/// The fingerprint of one of the alerts.
fn first_alert(server: &Server) -> Result<String, String> {
    let body = server.get("/api/andon/v1/history?limit=1&kind=alert_fired")?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let fingerprint = text.split("\"fingerprint\":\"").nth(1).and_then(|rest| rest.get(..16));
    fingerprint.map(str::to_owned).ok_or_else(|| format!("no alert in {text}"))
}
