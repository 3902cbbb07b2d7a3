//! `andon demo`: a shift at the plant, in some seconds and with nothing else installed.
//!
//! Andon itself, with the shipped routes and a store in a folder that is removed at the end, serves in this process; the
//! shift comes in through its HTTP API; PagerDuty, Slack and the mail server are small stand-ins that speak the real
//! ones' protocols. What is printed is what the stand-ins heard and what the API answers. The demo fails where
//! somebody was told too little or too much.

mod api;
mod heard;
mod mail;
mod over_http;
mod plant;
mod shift;
mod show;
mod smtp;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::{self, Within};
use crate::flags::{self, Asked};
use crate::time::Clock;
use api::{Api, Held};
use heard::Heard;
use plant::StandIns;
use shift::{ACTS, Act, Alert};
use show::{Show, Tone};

/// How long anybody may take to hear what he has to.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a person has to read, before each part of the shift.
const TO_READ: Duration = Duration::from_secs(2);
/// Where an alert router listens by convention.
const PORT: u16 = 9093;

/// Plays the shift; then stays up until Ctrl-C, unless `exit` says otherwise.
///
/// # Errors
/// One line: what could not be started, or who heard too little or too much.
pub fn run(exit: bool) -> Result<(), String> {
    // Only a provider that was installed before stands in the way, and that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = Folder::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(play(&folder.0, exit))
}

async fn play(folder: &Path, exit: bool) -> Result<(), String> {
    let mut tasks = JoinSet::new();
    let (ear, heard) = mpsc::unbounded_channel();
    let at = StandIns {
        pagerduty: over_http::pagerduty(ear.clone(), &mut tasks).await?,
        slack: over_http::slack(ear.clone(), &mut tasks).await?,
        smtp: smtp::start(ear, &mut tasks).await?,
    };
    let config = write(folder, &at)?;
    let stop = CancellationToken::new();
    let _stopped_at_the_end = stop.clone().drop_guard();
    let (mut andon, url) = start(&config, folder, stop.clone()).await?;
    let mut stage = Stage { show: Show::new(), api: Api::new(url.clone())?, heard, held: Vec::new(), told: 0 };
    stage.opening(&url);
    let ended = tokio::select! {
        // Ctrl-C ends Andon, and with it the demo.
        ended = &mut andon => return flat(ended),
        ended = stage.shift() => ended,
    };
    if ended.is_ok() && !exit {
        stage.show.heading(format!("Andon stays up at {url} until Ctrl-C."));
        return tokio::select! {
            ended = &mut andon => flat(ended),
            () = stage.listen() => Ok(()),
        };
    }
    stop.cancel();
    ended.and(flat(andon.await))
}

fn flat(ended: Result<Result<(), String>, tokio::task::JoinError>) -> Result<(), String> {
    ended.unwrap_or_else(|error| Err(error.to_string()))
}

/// Writes the configuration; its path.
fn write(folder: &Path, at: &StandIns) -> Result<PathBuf, String> {
    let config = folder.join("routes.yaml");
    for (path, text) in [(config.clone(), plant::routes(at)?), (folder.join("assets.yaml"), plant::ASSETS.to_owned())] {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(config)
}

/// Starts Andon on port 9093, or on another if that one is taken; its end, and its URL.
async fn start(
    config: &Path,
    folder: &Path,
    stop: CancellationToken,
) -> Result<(JoinHandle<Result<(), String>>, String), String> {
    let free = TcpListener::bind(("127.0.0.1", PORT)).is_ok();
    let port = if free { PORT } else { 0 };
    let args = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", folder.join("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let Asked::Serve(flags) = flags::read(&args)? else {
        return Err("the demo's own flags ask for something else".into());
    };
    let (listening, address) = oneshot::channel();
    // It listens here and nowhere else, so its links lead here.
    let within = Within { listening: Some(listening), stop, at_home: true };
    let andon = tokio::task::spawn_blocking(move || app::run_within(&flags, within));
    match address.await {
        Ok(address) => Ok((andon, format!("http://{address}"))),
        Err(_) => Err(flat(andon.await).err().unwrap_or_else(|| "Andon ended".into())),
    }
}

/// What the shift is played with.
struct Stage {
    show: Show,
    api: Api,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// What was held back so far.
    held: Vec<Held>,
    told: usize,
}

impl Stage {
    fn opening(&self, url: &str) {
        self.show.line(Tone::Bold, "Andon demo: a shift at the plant");
        self.show.line(
            Tone::Dim,
            format!("Andon serves at {url} with the shipped routes.yaml; its waits are cut to seconds."),
        );
        self.show.line(
            Tone::Dim,
            "PagerDuty, Slack and the mail server are stand-ins in this process: below is what they received.",
        );
    }

    async fn shift(&mut self) -> Result<(), String> {
        for (number, act) in ACTS.iter().enumerate() {
            if self.show.live {
                tokio::time::sleep(TO_READ).await;
            }
            self.show.heading(format!("{}. {}", number + 1, act.title));
            self.act(act).await?;
        }
        self.ending().await
    }

    async fn act(&mut self, act: &Act) -> Result<(), String> {
        let describe = |alert: &&Alert| {
            let labels = serde_json::Value::Object(alert.labels());
            format!("{} ({})", api::title(&labels), labels["severity"].as_str().unwrap_or_default())
        };
        for (alerts, what) in [(act.fires, "fires"), (act.over, "is over")] {
            for alert in alerts {
                self.show.event("Prometheus", Tone::Plain, &format!("{} {what}", describe(alert)));
            }
        }
        let mut now = String::new();
        Clock::System.now().write_millis(&mut now);
        self.api.post(act.fires, act.over, &now).await?;
        self.expect(act).await?;
        self.check_held(act).await
    }

    /// Listens until everybody has heard what he has to.
    async fn expect(&mut self, act: &Act) -> Result<(), String> {
        let mut missing = act.tells.to_vec();
        while !missing.is_empty() {
            let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
            let Ok(Some(heard)) = heard else {
                return Err(format!("nobody heard of {missing:?}"));
            };
            self.show.heard(&heard);
            self.told += 1;
            let expected = |(by, part): &(heard::By, &str)| *by == heard.by && heard.headline.contains(part);
            let at = missing.iter().position(expected);
            let at = at.ok_or_else(|| format!("{} was told what it should not be", heard.by.as_str()))?;
            missing.remove(at);
        }
        Ok(())
    }

    /// Shows what the API says is held back since this act, and by what.
    async fn check_held(&mut self, act: &Act) -> Result<(), String> {
        let held = self.api.held().await?;
        let new: Vec<_> = held.into_iter().filter(|held| !self.held.contains(held)).collect();
        for held in &new {
            let what = format!("{}: inhibited by {}", held.alert, held.by);
            self.show.event("held back", Tone::Yellow, &what);
        }
        let found: Vec<_> = new.iter().map(|held| (held.alert.as_str(), held.by.as_str())).collect();
        if found != act.holds {
            return Err(format!("held back were {found:?}, not {:?}", act.holds));
        }
        self.held.extend(new);
        Ok(())
    }

    async fn ending(&mut self) -> Result<(), String> {
        self.show.heading("The work orders, as /api/andon/v1/work-orders lists them");
        let orders = self.api.work_orders().await?;
        for order in &orders {
            let text = |key: &str| order[key].as_str().unwrap_or_default();
            let due = text("dueAt").get(..16).unwrap_or_default().replace('T', " ");
            let head = [text("number"), text("type"), text("priority"), text("status"), text("condition")].join("  ");
            self.show.line(Tone::Plain, format!("  {head}  due {due} UTC"));
            self.show.more(text("title"));
        }
        if orders.len() != 3 {
            return Err(format!("there are {} work orders, not 3", orders.len()));
        }
        if let Ok(heard) = self.heard.try_recv() {
            self.show.heard(&heard);
            return Err(format!("{} was told what it should not be", heard.by.as_str()));
        }
        let (told, held, orders) = (self.told, self.held.len(), orders.len());
        self.show.heading(format!("{told} messages told, {held} alerts held back, {orders} work orders opened."));
        Ok(())
    }

    /// Shows what is heard from here on.
    async fn listen(&mut self) {
        while let Some(heard) = self.heard.recv().await {
            self.show.heard(&heard);
        }
    }
}

/// A folder of the demo's own; removed with all that is in it when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("andon-demo-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
