//! `andon demo`: plays a shift at the plant with everything in one process.

use std::process::ExitCode;

use tracing::Level;

use crate::{demo, log};

/// What `andon demo` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// End when the shift is over instead of staying up until Ctrl-C.
    #[arg(long)]
    exit: bool,
}

/// Plays; exit code 1 if somebody was told too little or too much.
pub fn run(arguments: &Arguments) -> ExitCode {
    log::start(Level::ERROR, false);
    match demo::run(arguments.exit) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("andon: error: demo: {error}");
            ExitCode::FAILURE
        }
    }
}
