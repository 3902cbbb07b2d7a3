//! What the command line asks for.

use std::path::PathBuf;

/// What is said where the command line is not understood.
const USAGE: &str = "\
usage: bench/run [--peer PATH] [--quick] [--runs N] [--only NAME] [--json FILE]
       bench/run --scale [--quick] [--only NAME] [--plot FILE]
       bench/run --history [--quick]";

/// The command line.
pub struct Arguments {
    /// The program that is measured.
    pub andon: PathBuf,
    /// A real Alertmanager, if one is given.
    pub peer: Option<PathBuf>,
    /// Once, and with less where the time is long; for a look, not for a verdict.
    pub quick: bool,
    /// How often each scenario runs.
    pub runs: usize,
    /// Scenarios whose name holds this.
    pub only: String,
    /// Andon alone, from a thousand alerts to a million.
    pub scale: bool,
    /// Andon alone: what reading the history costs.
    pub history: bool,
    /// Where the picture of the scale goes.
    pub plot: PathBuf,
    /// Where the figures go.
    pub json: PathBuf,
}

impl Arguments {
    /// Those of this process.
    pub fn read() -> Result<Self, String> {
        let mut arguments = Self {
            andon: "target/release/andon".into(),
            peer: None,
            quick: false,
            runs: 3,
            only: String::new(),
            scale: false,
            history: false,
            plot: "target/scale.svg".into(),
            json: "target/bench.json".into(),
        };
        let mut args = std::env::args().skip(1);
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} wants a value\n{USAGE}"));
            match flag.as_str() {
                "--andon" => arguments.andon = value()?.into(),
                "--peer" => arguments.peer = Some(value()?.into()),
                "--runs" => arguments.runs = value()?.parse().map_err(|error| format!("--runs: {error}"))?,
                "--only" => arguments.only = value()?,
                "--scale" => arguments.scale = true,
                "--history" => arguments.history = true,
                "--plot" => arguments.plot = value()?.into(),
                "--json" => arguments.json = value()?.into(),
                "--quick" => (arguments.quick, arguments.runs) = (true, 1),
                _ => return Err(format!("{flag} is unknown\n{USAGE}")),
            }
        }
        Ok(arguments)
    }
}
