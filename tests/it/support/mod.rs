//! What the tests from outside stand on: the real program, a client, and a webhook that listens.

pub mod atlas;
pub mod browser;
pub mod http;
pub mod mail_sink;
pub mod postfix;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod random;
pub mod webhook;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Asks until there is an answer, and fails with `what` after `limit`.
pub fn until<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "after {limit:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A program from the environment's variable or the search path. Where there is none, says how to get it, and
/// whether that is a failure is up to `ANDON_NO_SKIP`.
pub fn program(name: &str, variable: &str, package: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found =
        given.or_else(|| std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file()));
    if found.is_none() {
        skip(&format!("no {name}; install the Debian package {package}, or set {variable} to its path"));
    }
    found
}

/// A Python that has this module, which a Debian package brings; nothing, with the reason, where there is none.
pub fn python_with(module: &str, package: &str) -> Option<PathBuf> {
    // Debian's packages are Debian's Python's, which need not be the first in the search path.
    let known = [program("python3", "ANDON_PYTHON", "python3")?, PathBuf::from("/usr/bin/python3")];
    let has_it = |python: &PathBuf| {
        let mut command = std::process::Command::new(python);
        let asked = command.args(["-c", &format!("import {module}")]).stderr(std::process::Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    let found = known.into_iter().find(has_it);
    if found.is_none() {
        skip(&format!("no Python with {module}; install the Debian package {package}"));
    }
    found
}

/// Says that a test is left out, and why. Whether that is a failure is up to `ANDON_NO_SKIP`.
pub fn skip(why: &str) {
    let skipped = format!("SKIPPED: {why}\n");
    assert!(std::env::var_os("ANDON_NO_SKIP").is_none_or(|value| value.is_empty()), "{skipped}");
    // Past the capture of the test's output: a skip must be seen.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes());
}

/// Copies a folder with all that is in it; files with holes keep them.
pub fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").args(["-r", "--sparse=always"]).args([from, to]).status();
    assert!(copied.expect("there is cp").success(), "{} is copied", from.display());
}
