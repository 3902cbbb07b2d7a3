//! What `andon check` says of a file: every mistake with its place, or what the file holds.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::error::{ConfigError, ConfigErrors};
use super::load::{Config, Options};

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What to print on standard output.
    pub text: String,
    /// 0 if the file can be used, else 1.
    pub exit_code: u8,
}

/// Checks a file.
pub fn check(path: &Path, options: &Options, output: Output) -> Report {
    report(&path.to_string_lossy(), &Config::load(path, options), output)
}

fn report(file: &str, loaded: &Result<Config, ConfigErrors>, output: Output) -> Report {
    let text = match output {
        Output::Text => text(file, loaded),
        // A tree of texts and numbers can always be written.
        Output::Json => serde_json::to_string_pretty(&value(file, loaded)).unwrap_or_default() + "\n",
    };
    Report { text, exit_code: u8::from(loaded.is_err()) }
}

fn text(file: &str, loaded: &Result<Config, ConfigErrors>) -> String {
    let mut text = format!("Checking {file}: ");
    match loaded {
        Ok(config) => {
            text += "good\n";
            for (what, count) in contents(config) {
                let _infallible = writeln!(text, "  {count} {what}");
            }
            for warning in &config.warnings {
                let _infallible = writeln!(text, "warning: {warning}");
            }
        }
        Err(errors) => {
            let count = errors.list.len();
            let _infallible = writeln!(text, "{count} mistake{}\n{errors}", if count == 1 { "" } else { "s" });
        }
    }
    text
}

/// What a good file holds.
fn contents(config: &Config) -> [(&'static str, usize); 7] {
    let policy = &config.policy;
    [
        ("routes", policy.routes.len()),
        ("receivers", policy.receivers.len()),
        ("receivers that a route reaches", config.used.len()),
        ("inhibit rules", policy.inhibit_rules.len()),
        ("time intervals", policy.intervals.len()),
        ("patterns of template files", config.templates.len()),
        ("assets", config.assets.len()),
    ]
}

fn value(file: &str, loaded: &Result<Config, ConfigErrors>) -> Value {
    match loaded {
        Ok(config) => {
            let contents: serde_json::Map<String, Value> =
                contents(config).into_iter().map(|(what, count)| (what.replace(' ', "_"), json!(count))).collect();
            json!({ "file": file, "good": true, "errors": [], "warnings": config.warnings, "contents": contents })
        }
        Err(errors) => {
            let list: Vec<Value> = errors.list.iter().map(error).collect();
            json!({ "file": file, "good": false, "errors": list, "warnings": [] })
        }
    }
}

fn error(error: &ConfigError) -> Value {
    json!({
        "error": error.sentence,
        "field": error.path,
        "line": error.at.map(|at| at.line),
        "column": error.at.map(|at| at.column),
        "found": error.found,
        "allowed": error.allowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigErrors> {
        Config::parse(text, "routes.yaml", Path::new(""), &Options::default())
    }

    #[test]
    fn a_good_file_is_summed_up() {
        let loaded = parse("route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n");
        let report = report("routes.yaml", &loaded, Output::Text);
        assert_eq!(report.exit_code, 0);
        assert!(report.text.starts_with("Checking routes.yaml: good\n  1 routes\n  2 receivers\n  1 receivers that"));
        let value = value("routes.yaml", &loaded);
        assert_eq!((&value["good"], &value["contents"]["receivers"]), (&json!(true), &json!(2)));
    }

    #[test]
    fn every_mistake_is_listed_with_its_place() {
        let loaded =
            parse("route:\n  receiver: a\n  group_wait: soon\n  routes: [{receiver: c}]\nreceivers: [{name: b}]\n");
        let report = report("routes.yaml", &loaded, Output::Text);
        let expected = r#"Checking routes.yaml: 3 mistakes
not a valid duration string: "soon"
  routes.yaml:3:15 route.group_wait: found "soon"; allowed: a duration such as 30s, 5m, 1h30m or 2d; units in order: y, w, d, h, m, s, ms
undefined receiver "c" used in route
  routes.yaml:4:23 route.routes[0].receiver: found "c"; allowed: b
undefined receiver "a" used in route
  routes.yaml:2:13 route.receiver: found "a"; allowed: b
"#;
        assert_eq!((report.text.as_str(), report.exit_code), (expected, 1));
        let value = value("routes.yaml", &loaded);
        let first = json!({ "error": "not a valid duration string: \"soon\"", "field": "route.group_wait", "line": 3,
            "column": 15, "found": "\"soon\"", "allowed": crate::config::duration::ALLOWED });
        assert_eq!((&value["good"], &value["errors"][0]), (&json!(false), &first));
    }
}
