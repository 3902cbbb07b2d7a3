//! Everything fires: what a receiver hears, and when.

use std::time::{Duration, Instant};

use super::{Run, Values};
use crate::alerts::Alerts;
use crate::client;
use crate::configs::{self, GROUP_WAIT};
use crate::server::Server;
use crate::webhook::Webhook;

const GROUPS: usize = 20_000;
const PAGES: usize = 40;
/// Nothing more comes after so long without anything.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a storm may last.
const PATIENCE: Duration = Duration::from_secs(180);

/// A storm until its end.
pub fn storm(run: &Run<'_>) -> Result<Values, String> {
    let webhook = Webhook::listen()?;
    let server = Server::start(run.program, &configs::storm(&webhook.address))?;
    client::send(&server.address, &Alerts::of(GROUPS).requests(), 2)?;
    let (begins, before) = (Instant::now() + GROUP_WAIT, server.cpu()?);
    let last = loop {
        std::thread::sleep(Duration::from_millis(200));
        let quiet = webhook.last().is_none_or(|last| last.elapsed() > SILENCE);
        // What is doubled comes late: the end is when nothing comes any more.
        if begins.elapsed() > PATIENCE || (begins.elapsed() > SILENCE && quiet) {
            break webhook.last().ok_or("nothing was told")?;
        }
    };
    let (told, doubled) = webhook.groups();
    Ok(vec![
        ("storm", last.saturating_duration_since(begins).as_secs_f64()),
        ("storm_cpu", server.cpu()? - before),
        ("storm_memory", server.peak()? / f64::from(1 << 20)),
        ("storm_doubled", doubled as f64),
        ("storm_lost", (GROUPS - told.min(GROUPS)) as f64),
    ])
}

/// Pages while a storm is told.
pub fn page(run: &Run<'_>) -> Result<Values, String> {
    let webhook = Webhook::listen()?;
    let server = Server::start(run.program, &configs::storm(&webhook.address))?;
    let began = Instant::now();
    client::send(&server.address, &Alerts::of(GROUPS).requests(), 2)?;
    std::thread::sleep((GROUP_WAIT + Duration::from_millis(200)).saturating_sub(began.elapsed()));
    let mut times = Vec::new();
    for number in 0..PAGES {
        let from = 900_000 + number;
        let page = Alerts { from, team: Some("page"), ..Alerts::of(1) };
        let sent = Instant::now();
        client::send(&server.address, &page.requests(), 1)?;
        let asset = format!("P-{from:06}");
        let heard = loop {
            if let Some(heard) = webhook.page(&asset) {
                break heard;
            }
            if sent.elapsed() > PATIENCE {
                return Err("a page did not come".into());
            }
            std::thread::sleep(Duration::from_micros(500));
        };
        times.push(heard.saturating_duration_since(sent).as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(20));
    }
    times.sort_by(f64::total_cmp);
    Ok(vec![("page", times[PAGES / 2]), ("page_worst", times[PAGES - 1])])
}
