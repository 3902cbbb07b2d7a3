//! A real PostgreSQL in a folder of its own, on a free port, with the plant's tables. It refuses to run as root, so for
//! root it runs as somebody who may do nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{skip, until};

const START: Duration = Duration::from_secs(30);
const TABLES: &str = include_str!("plant.sql");

/// Ends with the value.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    server: Option<Child>,
    pub port: u16,
    /// Further settings of the server, `name=value`.
    settings: Vec<String>,
}

impl Postgres {
    /// Starts it; nothing, with the reason on standard error, where it is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new())
    }

    /// Starts it with further settings, for which files may be put into its folder.
    pub fn start_with(settings: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        let Some(programs) = programs() else {
            skip(
                "no PostgreSQL; install the Debian package postgresql, or set ANDON_POSTGRES to the folder of its programs",
            );
            return None;
        };
        let folder = TempDir::new().expect("a folder for the test");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let settings = settings(folder.path());
        give_to_nobody(folder.path());
        let data = folder.path().join("data");
        let mut initdb = as_nobody(&programs.join("initdb"));
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
        let made = initdb.stdin(Stdio::null()).output().expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut postgres = Self { folder, programs, server: None, port, settings };
        postgres.run();
        postgres.sql_in("postgres", "CREATE DATABASE mantis");
        postgres.sql(TABLES);
        Some(postgres)
    }

    /// Starts the server again.
    pub fn run(&mut self) {
        let path = self.folder.path();
        let log = fs::File::options().create(true).append(true).open(path.join("log")).expect("it is made");
        let mut command = as_nobody(&self.programs.join("postgres"));
        command.arg("-D").arg(path.join("data"));
        let own = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", path.display()),
            "fsync=off".to_owned(),
        ];
        for setting in own.iter().chain(&self.settings) {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server = Some(command.spawn().expect("PostgreSQL starts"));
        until(START, "PostgreSQL answers", || self.try_sql("postgres", "SELECT 1").ok());
    }

    /// Ends the server at once, with every connection.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let told = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
            assert!(told.expect("there is kill").success(), "it is told to end");
            server.wait().expect("it ends");
        }
    }

    /// For `plant_database`, over TCP.
    pub fn url(&self) -> String {
        format!("postgres://postgres:sesame@127.0.0.1:{}/mantis", self.port)
    }

    /// For `plant_database`, by the socket.
    pub fn socket_url(&self) -> String {
        format!("postgres:///mantis?host={}&port={}&user=postgres", self.folder.path().display(), self.port)
    }

    /// What a statement gives: a line for each row, with `|` between columns. What people do by hand is done so.
    pub fn sql(&self, statement: &str) -> String {
        self.sql_in("mantis", statement)
    }

    fn sql_in(&self, database: &str, statement: &str) -> String {
        self.try_sql(database, statement).unwrap_or_else(|error| panic!("{statement}\n{error}"))
    }

    fn try_sql(&self, database: &str, statement: &str) -> Result<String, String> {
        let output = self.psql(database).args(["-c", statement]).output().expect("psql starts");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// A client that has not started yet.
    pub fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        let port = self.port.to_string();
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-p", &port, "-d", database]);
        command.arg("-h").arg(self.folder.path()).env("TZ", "UTC").stdin(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
            let _ = server.wait();
        }
    }
}

/// The folder of the server's programs, the newest if there are several: Debian does not put them into the search path.
fn programs() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("ANDON_POSTGRES") {
        return Some(PathBuf::from(given));
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path));
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders = newest.map(|path| path.join("bin")).into_iter().chain(std::env::split_paths(&paths));
    folders.into_iter().find(|folder| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file()))
}

fn we_are_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("there is id");
    id.stdout.trim_ascii() == b"0"
}

fn as_nobody(program: &Path) -> Command {
    if !we_are_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}

fn give_to_nobody(folder: &Path) {
    if we_are_root() {
        let given = Command::new("chown").args(["-R", "nobody:nogroup"]).arg(folder).status();
        assert!(given.expect("there is chown").success(), "it is given away");
    }
}
