//! The real `andon`, as a process of its own on a free port.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::http::{Client, Message};
use super::until;

const START: Duration = Duration::from_secs(20);

/// A folder with a configuration and a store, in which one `andon` at a time runs.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn with_config(config: &str) -> Self {
        let place = Self { folder: TempDir::new().expect("a folder for the test") };
        place.write_config(config);
        place
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("routes.yaml")
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write_config(&self, config: &str) {
        std::fs::write(self.config_file(), config).expect("the configuration is written");
    }

    /// Starts `andon` here; does not wait for anything.
    pub fn spawn(&self, flags: &[&str]) -> Andon {
        Andon::spawn(self.command(flags))
    }

    /// What starts `andon` here.
    pub fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
        command.arg(format!("--config.file={}", self.config_file().display()));
        command.arg(format!("--storage.path={}", self.folder.path().join("data").display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]).args(flags);
        command.current_dir(self.folder.path());
        command
    }

    /// Starts `andon` here and waits until it serves.
    pub fn start(&self, flags: &[&str]) -> Andon {
        self.spawn(flags).listening()
    }
}

/// A running `andon`; killed when dropped.
pub struct Andon {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    address: String,
}

impl Andon {
    pub fn spawn(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("andon starts");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { child, log, address: String::new() }
    }

    /// Starts it and waits until it serves.
    pub fn start(command: Command) -> Self {
        Self::spawn(command).listening()
    }

    /// Everything it has written to standard error.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// `HOST:PORT`, as the line in the log says.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn listening(self) -> Self {
        let log = Arc::clone(&self.log);
        let ended = || format!("andon ended:\n{}", log.lock().unwrap_or_else(PoisonError::into_inner).join("\n"));
        self.if_it_listens().unwrap_or_else(|| panic!("{}", ended()))
    }

    /// Waits until it serves; nothing if it ends before.
    pub fn if_it_listens(mut self) -> Option<Self> {
        self.listens().then_some(self)
    }

    /// Waits until it serves or ends, and says whether it serves.
    pub fn listens(&mut self) -> bool {
        let (log, child) = (Arc::clone(&self.log), &mut self.child);
        let address = until(START, "andon listens", || {
            let lines = log.lock().unwrap_or_else(PoisonError::into_inner);
            match lines.iter().find(|line| line.contains(r#"msg="Listening on""#)) {
                Some(line) => Some(line.split("address=").nth(1).map(str::to_owned)),
                None => child.try_wait().expect("it can be asked").map(|_| None),
            }
        });
        self.address = address.unwrap_or_default();
        !self.address.is_empty()
    }

    /// One request on a connection of its own.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Message {
        let answer = Client::connect(&self.address).and_then(|mut client| client.request(method, path, body));
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    pub fn get(&self, path: &str) -> Message {
        self.request("GET", path, "")
    }

    /// Sends a signal by its short name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.expect("there is a shell").success(), "the signal is sent");
    }

    /// Waits so long for it to end by itself, and says whether it did.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        while std::time::Instant::now() < deadline {
            if self.child.try_wait().expect("it can be asked").is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until(START, "andon ends", || child.try_wait().expect("it can be asked"))
    }

    /// Ends it as a service manager does, and waits.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Andon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
