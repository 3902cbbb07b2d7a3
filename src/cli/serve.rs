//! `andon` with flags: read them, start the log, serve.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use crate::flags::{self, Asked, Flags};
use crate::{app, log};

/// Serves until a signal ends it. Nothing but the answer to `--help` and `--version` goes to standard output.
pub fn run(args: &[String]) -> ExitCode {
    match flags::read(args) {
        Ok(Asked::Help) => super::say(&help()),
        Ok(Asked::Version) => super::say(&version()),
        Ok(Asked::Serve(flags)) => return serve(&flags),
        Err(error) => {
            eprintln!("andon: error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn serve(flags: &Flags) -> ExitCode {
    log::start(flags.log.level, flags.log.json);
    match app::run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            tracing::error!(err, "Andon cannot go on");
            // A line of a log has its ends of lines escaped, which a person who has just started it cannot read.
            if err.contains('\n') && std::io::stderr().is_terminal() {
                eprintln!("\n{err}");
            }
            ExitCode::FAILURE
        }
    }
}

/// The text of `--help`: all commands, and all flags of the service.
pub(super) fn help() -> String {
    format!(
        "Andon: an alert router that is a drop-in for Prometheus Alertmanager.\n\n\
         usage: andon [<flags>]              serve\n\
         \x20      andon COMMAND …             one of the commands below; andon COMMAND --help says more\n\n\
         Commands:\n{}\n\
         Flags:{}",
        super::commands(),
        flags::help()
    )
}

/// In the form of Alertmanager's, which tools read: name, version, then lines of the build.
fn version() -> String {
    format!(
        "andon, version {} (branch: , revision: )\n  build user:       \n  build date:       \n  \
         alertmanager:     {}\n  platform:         {}/{}\n",
        env!("CARGO_PKG_VERSION"),
        crate::metrics::ALERTMANAGER_VERSION,
        std::env::consts::OS,
        crate::metrics::architecture(),
    )
}
