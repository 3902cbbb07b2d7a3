//! The command line. With flags and no subcommand, `andon` serves and stands in for the `alertmanager` binary.

mod flag_table;
pub mod flags;
mod kingpin;
mod serve;
pub mod this_host;

use std::process::ExitCode;

/// The version of Alertmanager whose wire Andon speaks.
pub const ALERTMANAGER_VERSION: &str = "0.34.0";

/// Reads the command line, does what it says and tells how it went.
pub fn run() -> ExitCode {
    let args: Vec<String> = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.first().map(String::as_str) {
        Some("serve") => serve::run(args.get(1..).unwrap_or_default()),
        _ => serve::run(&args),
    }
}
