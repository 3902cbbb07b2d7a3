//! `andon check`: everything that is wrong with a configuration file, at once, before it is put in force.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Output, say};
use crate::config::{Config, ConfigError, ConfigErrors};
use crate::core::matcher::Mode;
use crate::flags::default_config_file;
use crate::reload;

/// What `andon check` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The file; by default routes.yaml where one stands here, else alertmanager.yml.
    file: Option<PathBuf>,
    /// text or json.
    #[arg(long, default_value = "text")]
    output: Output,
    /// Which grammar matchers and names of labels follow, as the service's --enable-feature says.
    #[arg(long, default_value = "fallback")]
    mode: GrammarMode,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum GrammarMode {
    Fallback,
    ClassicMode,
    Utf8StrictMode,
}

/// Checks; exit code 1 if anything is wrong.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mode = match arguments.mode {
        GrammarMode::Fallback => Mode::Fallback,
        GrammarMode::ClassicMode => Mode::Classic,
        GrammarMode::Utf8StrictMode => Mode::Utf8Strict,
    };
    let file = arguments.file.clone().unwrap_or_else(|| default_config_file().into());
    let result = reload::load(&file, mode);
    let name = file.to_string_lossy();
    let report = match (&result, arguments.output) {
        (Ok((config, _)), Output::Text) => good_text(&name, config),
        (Err(errors), Output::Text) => bad_text(errors),
        (Ok((config, _)), Output::Json) => json!({
            "file": name, "ok": true, "errors": [], "warnings": config.warnings,
        })
        .to_string(),
        (Err(errors), Output::Json) => {
            let list: Vec<_> = errors.list.iter().map(error_json).collect();
            json!({"file": name, "ok": false, "errors": list, "warnings": []}).to_string()
        }
    };
    say(&(report.trim_end().to_owned() + "\n"));
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn good_text(name: &str, config: &Config) -> String {
    let policy = &config.policy;
    let mut out = format!(
        "{name}: good. Routes: {}, receivers: {}, inhibit rules: {}, time intervals: {}\n",
        policy.routes.len(),
        policy.receivers.len(),
        policy.inhibit_rules.len(),
        policy.intervals.len()
    );
    for warning in &config.warnings {
        // Writing into a string does not fail.
        let _ = writeln!(out, "warning: {warning}");
    }
    out
}

fn bad_text(errors: &ConfigErrors) -> String {
    let mut out = String::new();
    for error in &errors.list {
        let _ = writeln!(out, "error: {}\n  {}", error.sentence, errors.place(error));
    }
    let count = errors.list.len();
    let _ = writeln!(out, "{}: {count} {}", errors.file, if count == 1 { "error" } else { "errors" });
    out
}

fn error_json(error: &ConfigError) -> Value {
    json!({
        "line": error.at.map(|at| at.line),
        "column": error.at.map(|at| at.column),
        "field": error.path,
        "message": error.sentence,
        "found": error.found,
        "allowed": error.allowed,
    })
}
