//! `andon store`: look at a store, take its state out, and put one into an empty store. Only while no Andon runs on it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::{Output, say};
use crate::config::{self, Config};
use crate::core::change::Change;
use crate::core::engine::Engine;
use crate::store::export::{self, Head};
use crate::store::record::json::show_change;
use crate::store::sled::{Copied, Options, SledStore};
use crate::store::{Loaded, Store as _};

/// What `andon store` can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Say what the store holds and whether all of it can be read; changes nothing.
    Check {
        #[command(flatten)]
        store: StorePath,
        /// text or json.
        #[arg(long, default_value = "text")]
        output: Output,
    },
    /// Write the state as JSON Lines; changes nothing.
    Export {
        #[command(flatten)]
        store: StorePath,
        /// Where to; by default to standard output.
        file: Option<PathBuf>,
    },
    /// Put a state that was exported into a store that is empty, or not there yet.
    Import {
        #[command(flatten)]
        store: StorePath,
        /// The export; `-` for standard input.
        file: PathBuf,
    },
}

/// Which store.
#[derive(clap::Args)]
pub struct StorePath {
    /// The folder of the store, as for the service.
    #[arg(long = "storage.path", default_value = "data/")]
    path: PathBuf,
}

/// Does it; exit code 1 if it could not be done, or if something is damaged.
pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Check { store, output } => check(&store.path, *output),
        Command::Export { store, file } => export(&store.path, file.as_deref()),
        Command::Import { store, file } => import(&store.path, file),
    };
    done.unwrap_or_else(|error| {
        eprintln!("andon: error: {error}");
        ExitCode::FAILURE
    })
}

/// The state in the store, condensed, and what was loaded besides.
fn state(path: &Path) -> Result<(Vec<Change>, Loaded), String> {
    let mut loaded = Copied::of(path).and_then(|mut copy| copy.load()).map_err(|error| error.to_string())?;
    // Nothing is routed, so any rules will do.
    let rules = "route: {receiver: none}\nreceivers: [{name: none}]\n";
    let config = Config::parse(rules, "", Path::new(""), &config::Options::default());
    let policy = config.map_err(|errors| errors.to_string())?.policy;
    let changes = std::mem::take(&mut loaded.changes);
    Ok((Engine::condensed(Arc::clone(&policy), changes), loaded))
}

fn check(path: &Path, output: Output) -> Result<ExitCode, String> {
    let (state, loaded) = state(path)?;
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for change in &state {
        let shown = show_change(change);
        let kind = shown.as_object().and_then(|one| one.keys().next()).cloned().unwrap_or_default();
        *kinds.entry(kind).or_default() += 1;
    }
    let last = loaded.last.map(|at| at.to_string());
    say(&match output {
        Output::Json => {
            let report = json!({
                "path": path, "ok": loaded.damage.is_none(), "damage": loaded.damage, "entry": loaded.seq.0,
                "at": last, "state": kinds,
            });
            format!("{report}\n")
        }
        Output::Text => {
            let counts: Vec<_> =
                kinds.iter().map(|(kind, count)| format!("{count} {}", kind.replace('_', " "))).collect();
            let counts = if counts.is_empty() { "nothing".into() } else { counts.join(", ") };
            let last = last.unwrap_or_else(|| "never".into());
            let verdict = loaded.damage.as_ref().map_or("good".into(), |damage| format!("damaged: {damage}"));
            format!("{}: {verdict}\nlast entry {}, of {last}\n{counts}\n", path.display(), loaded.seq.0)
        }
    });
    Ok(if loaded.damage.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn export(path: &Path, file: Option<&Path>) -> Result<ExitCode, String> {
    let (state, loaded) = state(path)?;
    let head = Head::of(&loaded);
    let written = match file {
        Some(file) => File::create(file).and_then(|to| {
            let mut out = BufWriter::new(to);
            export::write(head, &state, &mut out)?;
            out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
        }),
        None => export::write(head, &state, &mut BufWriter::new(std::io::stdout().lock())),
    };
    let to = file.map_or_else(|| "standard output".into(), |file| file.display().to_string());
    written.map_err(|error| format!("{to}: {error}"))?;
    match loaded.damage {
        None => Ok(ExitCode::SUCCESS),
        Some(damage) => Err(format!("what could be read was exported, but the store is damaged: {damage}")),
    }
}

fn import(path: &Path, file: &Path) -> Result<ExitCode, String> {
    let named = |error: String| format!("{}: {error}", file.display());
    let from: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(|error| named(error.to_string()))?)
    };
    let (head, state) = export::read(BufReader::new(from)).map_err(named)?;
    let in_store = |error: crate::store::StoreError| format!("{}: {error}", path.display());
    let mut store = SledStore::open(path, Options::default()).map_err(in_store)?;
    let loaded = store.load().map_err(in_store)?;
    if loaded.last.is_some() || !loaded.changes.is_empty() || loaded.damage.is_some() {
        return Err(format!("{}: the store is not empty: name another folder, or move this one away", path.display()));
    }
    // A checkpoint is there as a whole or not at all.
    store.checkpoint(head.at, &mut state.iter().cloned()).map_err(in_store)?;
    say(&format!("{}: {} things imported, as of {}\n", path.display(), state.len(), head.at));
    Ok(ExitCode::SUCCESS)
}
