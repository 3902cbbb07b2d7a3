//! Whole configurations: what is accepted, what is said of the others, and how the accepted ones print.

use std::path::Path;

use andon::config::{Config, Options};
use andon::core::matcher::Mode;
use serde_json::Value;

use super::{Played, mode, play, same, text};

#[test]
fn config_load() {
    play("config_load.json", &[], |case| {
        let (ok, error) = (&case["ok"], &case["error"]);
        compare(case, text(case, "yaml")?, mode(text(case, "mode")?)?, ok, error)?;
        if let Some(by_mode) = case["error_by_mode"].as_object() {
            for (name, error) in by_mode {
                compare(case, text(case, "yaml")?, mode(name)?, &Value::Bool(error.is_null()), error)?;
            }
        }
        Ok(Played::Agrees)
    });
}

#[test]
fn config_integrations() {
    play("config_integrations.json", &[], |case| {
        compare(case, text(case, "yaml")?, mode(text(case, "mode")?)?, &case["whole_ok"], &case["whole_error"])?;
        Ok(Played::Agrees)
    });
}

fn compare(case: &Value, yaml: &str, mode: Mode, ok: &Value, error: &Value) -> Result<(), String> {
    let options = Options { mode, unsendable: true, ..Options::default() };
    match Config::parse(yaml, "alertmanager.yml", Path::new(""), &options) {
        Ok(config) => {
            same("the verdict", &true, &(ok == true))?;
            match case["normalized_yaml"].as_str() {
                Some(expected) => same_lines(&without_mail_headers(&config.original), expected),
                None => Ok(()),
            }
        }
        Err(errors) => {
            same("the error", &Some(errors.sentence().as_str()), &error.as_str())?;
            same("the verdict", &false, &(ok == true))
        }
    }
}

/// Alertmanager adds the headers of mails when it starts, which the cases do not.
fn without_mail_headers(printed: &str) -> String {
    let mut lines = Vec::new();
    let mut within = None;
    for line in printed.lines() {
        let indent = line.len() - line.trim_start().len();
        if within.is_some_and(|at| indent > at) {
            continue;
        }
        within = (line.trim() == "headers:").then_some(indent);
        if within.is_none() {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

fn same_lines(found: &str, expected: &str) -> Result<(), String> {
    let expected = without_mail_headers(expected);
    for (i, pair) in found.lines().zip(expected.lines()).enumerate() {
        if pair.0 != pair.1 {
            return Err(format!("line {} is {:?}, should be {:?}\n{found}", i + 1, pair.0, pair.1));
        }
    }
    same("the number of lines", &found.lines().count(), &expected.lines().count())
}
