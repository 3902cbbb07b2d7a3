//! A real Prometheus, as a process of its own on a free port.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Killed when dropped.
pub struct Prometheus(Child);

impl Prometheus {
    /// Starts it in a folder that holds `prometheus.yml`; it sends what fires again every second.
    pub fn start(program: &Path, folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("prometheus.log")).expect("it is made");
        let mut command = Command::new(program);
        command.current_dir(folder).args(["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"]);
        command.args(["--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self(command.spawn().expect("Prometheus starts"))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
