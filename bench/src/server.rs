//! A server under measurement: a process on a free port with a folder of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::client;

/// What Linux counts processor time in, per second, on every machine that it runs on today.
const TICKS: f64 = 100.0;

/// Killed, and its folder removed, when dropped.
pub struct Server {
    program: PathBuf,
    child: Child,
    folder: PathBuf,
    /// `HOST:PORT`, as its log says.
    pub address: String,
}

impl Server {
    /// Starts it with this configuration on an empty store and waits until it listens.
    pub fn start(program: &Path, config: &str) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("andon-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let file = folder.join("config.yml");
        fs::write(&file, config).map_err(|error| format!("{}: {error}", file.display()))?;
        let (child, address) = run(program, &folder)?;
        Ok(Self { program: program.to_owned(), child, folder, address })
    }

    /// Ends it with a signal and starts it anew on the same store. Gives the seconds from the new start until it is
    /// ready.
    pub fn restart(&mut self, signal: &str) -> Result<f64, String> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        if !sent.is_ok_and(|status| status.success()) {
            return Err(format!("no signal {signal} could be sent"));
        }
        self.child.wait().map_err(|error| error.to_string())?;
        let began = Instant::now();
        (self.child, self.address) = run(&self.program, &self.folder)?;
        while client::get(&self.address, "/-/ready").is_err() {
            if began.elapsed() > Duration::from_secs(120) {
                return Err("it does not become ready".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// Seconds of processor time that it has used, in user and kernel.
    pub fn cpu(&self) -> Result<f64, String> {
        cpu_of(&self.child.id().to_string())
    }

    /// Bytes of resident memory now.
    pub fn resident(&self) -> Result<f64, String> {
        self.status("VmRSS:")
    }

    /// The most bytes of resident memory there have been.
    pub fn peak(&self) -> Result<f64, String> {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> Result<f64, String> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or_else(|| format!("no {key}"))?;
        let kib = line.trim().trim_end_matches(" kB").parse::<f64>().map_err(|error| error.to_string())?;
        Ok(kib * 1024.0)
    }

    /// What it said to this path.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        client::get(&self.address, path)
    }

    /// How many alerts its API lists.
    pub fn alerts_listed(&self) -> Result<usize, String> {
        let body = self.get("/api/v2/alerts")?;
        let key = b"\"fingerprint\":";
        Ok(body.windows(key.len()).filter(|window| window == key).count())
    }
}

/// Seconds of processor time of a process; `self` is this one.
pub fn cpu_of(process: &str) -> Result<f64, String> {
    cpu_in(process, 14)
}

/// Seconds of processor time of all servers that have ended so far.
pub fn cpu_of_ended() -> Result<f64, String> {
    cpu_in("self", 16)
}

/// What stands in two fields after each other: the time in user and in kernel.
fn cpu_in(process: &str, field: usize) -> Result<f64, String> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name in brackets may hold anything; after it come the fields from the third on.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<f64>().ok());
    let (user, kernel) = ticks(field).zip(ticks(field + 1)).ok_or_else(|| format!("{path} cannot be read"))?;
    Ok((user + kernel) / TICKS)
}

/// Runs the program in its folder until it says where it listens.
fn run(program: &Path, folder: &Path) -> Result<(Child, String), String> {
    let mut child = Command::new(program)
        .arg(format!("--config.file={}", folder.join("config.yml").display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut log = BufReader::new(child.stderr.take().ok_or("it is piped")?);
    let mut lines = String::new();
    loop {
        let from = lines.len();
        if log.read_line(&mut lines).map_err(|error| error.to_string())? == 0 {
            return Err(format!("{} ended:\n{lines}", program.display()));
        }
        let line = lines[from..].trim_end();
        if line.contains(r#"msg="Listening on""#) {
            let address = line.split("address=").nth(1).unwrap_or_default().to_owned();
            // A pipe that nobody reads would stop it.
            std::thread::spawn(move || std::io::copy(&mut log.by_ref(), &mut std::io::sink()));
            return Ok((child, address));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What cannot be ended or removed now is in nobody's way.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
