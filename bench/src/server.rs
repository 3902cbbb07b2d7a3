//! A server under measurement: a process on a free port with an empty store.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const CONFIG: &str = "route:\n  receiver: plant\n  group_by: [alertname]\n  group_wait: 1h\n  group_interval: 1h\n  \
                      routes:\n  - matchers: ['severity=\"critical\"']\n    receiver: plant\n  \
                      - matchers: ['team=~\"team-[0-3]\"']\n    receiver: plant\n\
                      receivers:\n- name: plant\n\
                      inhibit_rules:\n- source_matchers: ['severity=\"critical\"']\n  \
                      target_matchers: ['severity=\"warning\"']\n  equal: [asset_code]\n";
/// What Linux counts processor time in, per second, on every machine that it runs on today.
const TICKS: f64 = 100.0;

/// Killed, and its folder removed, when dropped.
pub struct Server {
    child: Child,
    folder: PathBuf,
    /// `HOST:PORT`, as its log says.
    pub address: String,
}

impl Server {
    /// Starts it and waits until it listens.
    pub fn start(program: &Path) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("andon-bench-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let config = folder.join("config.yml");
        fs::write(&config, CONFIG).map_err(|error| format!("{}: {error}", config.display()))?;
        let mut child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut log = BufReader::new(child.stderr.take().ok_or("it is piped")?);
        let mut server = Self { child, folder, address: String::new() };
        let mut lines = String::new();
        while server.address.is_empty() {
            let from = lines.len();
            if log.read_line(&mut lines).map_err(|error| error.to_string())? == 0 {
                return Err(format!("{} ended:\n{lines}", program.display()));
            }
            let line = lines[from..].trim_end();
            if line.contains(r#"msg="Listening on""#) {
                server.address = line.split("address=").nth(1).unwrap_or_default().to_owned();
            }
        }
        // A pipe that nobody reads would stop it.
        std::thread::spawn(move || std::io::copy(&mut log.by_ref(), &mut std::io::sink()));
        Ok(server)
    }

    /// Seconds of processor time that it has used, in user and kernel.
    pub fn cpu(&self) -> Result<f64, String> {
        let stat = self.proc("stat")?;
        // The name in brackets may hold anything; after it come the fields from the third on.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<f64>().ok());
        let (user, kernel) = ticks(14).zip(ticks(15)).ok_or("/proc/PID/stat cannot be read")?;
        Ok((user + kernel) / TICKS)
    }

    /// Bytes of resident memory.
    pub fn resident(&self) -> Result<f64, String> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib = line.trim().trim_end_matches(" kB").parse::<f64>().map_err(|error| error.to_string())?;
        Ok(kib * 1024.0)
    }

    fn proc(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
