//! A disk under the test's control: the real `andon` runs with `tests/disk/shim.c` between it and its files. What it
//! does to them is written down, so that [`model`] can say what a power cut leaves; or one operation fails.

pub mod log;
pub mod model;
pub mod state;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The shim, compiled once. It needs a C compiler, as some of Andon's dependencies do.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/shim.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-shim-{}.so", std::process::id()));
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([library.as_path(), Path::new(source)])
            .args(["-ldl", "-lpthread"])
            .status();
        assert!(compiled.expect("there is a C compiler, cc").success(), "{source} compiles");
        library
    })
}

/// Has the files under `folder` watched, and what is done to them appended to `log`.
pub fn record(command: &mut Command, folder: &Path, log: &Path) {
    watch(command, folder).env("DISK_LOG", log);
}

/// Has the operations on the files under `folder` fail as the shim says; `hit` is made when one was.
pub fn fail(command: &mut Command, folder: &Path, how: &str, hit: &Path) {
    watch(command, folder).env("DISK_FAIL", how).env("DISK_HIT", hit);
}

/// Has what reads the files under `folder` fail, and nothing else, as the shim says; but for sled's own reading of its log.
pub fn fail_reads(command: &mut Command, folder: &Path, how: &str, hit: &Path) {
    fail(command, folder, how, hit);
    command.env("DISK_READS", "1");
}

/// Has the operations fail, as long as the file `reason` exists.
pub fn fail_while(command: &mut Command, folder: &Path, how: &str, reason: &Path) {
    watch(command, folder).env("DISK_FAIL", how).env("DISK_FAIL_WHILE", reason);
}

fn watch<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env("LD_PRELOAD", shim()).env("DISK_FOLDER", folder)
}
