//! The Andon of the plant, which may be killed at any time.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::http::Client;
use crate::support::process::Andon;

/// It comes back at the same address.
pub struct Router {
    address: String,
    start: Box<dyn Fn() -> Andon + Send + Sync>,
    running: Mutex<Option<Andon>>,
    logs: Mutex<String>,
}

impl Router {
    pub fn start(folder: &Path, port: u16, environment: Vec<(String, String)>) -> Self {
        let folder = folder.to_owned();
        let address = format!("127.0.0.1:{port}");
        let listen = format!("--web.listen-address={address}");
        let start = move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
            command.current_dir(&folder).args(["--config.file=routes.yaml", "--storage.path=data"]);
            // Nothing of the environment that the tests run in reaches it.
            command.args([&listen, "--cluster.listen-address="]).env_clear().envs(environment.iter().cloned());
            Andon::start(command)
        };
        let running = Mutex::new(Some(start()));
        Self { address, start: Box::new(start), running, logs: Mutex::default() }
    }

    /// Kills it so many times, each after some time, and starts it again.
    pub fn kill_at_random(&self, kills: u32, over: &AtomicBool) {
        let (mut seed, _) = uuid::Uuid::new_v4().as_u64_pair();
        for _ in 0..kills {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let moment = Instant::now() + Duration::from_millis(1_000 + (seed >> 33) % 9_000);
            // At a moment, not after an event: that is what random means. The last ones may come at the very end.
            while Instant::now() < moment && !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let mut running = lock(&self.running);
            if let Some(killed) = running.take() {
                let log = killed.log();
                killed.kill();
                lock(&self.logs).push_str(&format!("{log}\n-- killed --\n"));
            }
            *running = Some((self.start)());
        }
    }

    pub fn log(&self) -> String {
        let running = lock(&self.running);
        let log = format!("{}{}", lock(&self.logs), running.as_ref().map(Andon::log).unwrap_or_default());
        let last = log.lines().count().saturating_sub(60);
        log.lines().skip(last).map(|line| format!("{line}\n")).collect()
    }

    /// Whether it took the alerts.
    pub fn post_alerts(&self, alerts: &Value) -> bool {
        let posted = Client::connect(&self.address)
            .and_then(|mut client| client.request("POST", "/api/v2/alerts", &alerts.to_string()));
        posted.is_ok_and(|answer| answer.status() == 200)
    }

    /// Ends it as a power cut does.
    pub fn kill(self) {
        if let Some(running) = lock(&self.running).take() {
            running.kill();
        }
    }

    /// Nothing while it is dead.
    pub fn text(&self, path: &str) -> Option<String> {
        let answer = Client::connect(&self.address).and_then(|mut client| client.request("GET", path, "")).ok()?;
        (answer.status() == 200).then_some(answer.body)
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.text(path).map(|body| serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }
}

/// One that stays free while the router is dead, as nobody else asks for it.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
