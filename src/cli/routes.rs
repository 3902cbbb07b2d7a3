//! `andon routes`: the route tree of a configuration file, and the way that a label set takes through it.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Output, say};
use crate::config::Config;
use crate::core::label::LabelSet;
use crate::core::matcher::{Mode, Op, list_string, parse_matchers};
use crate::core::policy::{GroupBy, Policy, RouteIdx};
use crate::explain::{Step, walk};
use crate::flags::default_config_file;
use crate::reload;

/// What `andon routes` can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Draw the tree.
    Show {
        #[command(flatten)]
        file: File,
    },
    /// Walk the tree with a label set; exit code 1 if other receivers than those named with --receiver are told.
    Test {
        /// The label set: 'alertname="Down",team="x"'.
        labels: String,
        /// The receiver that is to be told; several with commas between them, in the order of the tree.
        #[arg(long)]
        receiver: Option<String>,
        #[command(flatten)]
        file: File,
    },
}

/// Which configuration.
#[derive(clap::Args)]
pub struct File {
    /// The file; by default routes.yaml where one stands here, else alertmanager.yml.
    #[arg(long = "config.file", value_name = "FILE")]
    config: Option<PathBuf>,
    /// text or json.
    #[arg(long, default_value = "text")]
    output: Output,
}

/// Reads the configuration and prints; exit code 1 if it cannot be read, or the test fails.
pub fn run(command: &Command) -> ExitCode {
    let (Command::Show { file } | Command::Test { file, .. }) = command;
    let path = file.config.clone().unwrap_or_else(|| default_config_file().into());
    let config = match reload::load(&path, Mode::Fallback) {
        Ok((config, _)) => config,
        Err(errors) => return failed(&errors.to_string()),
    };
    match command {
        Command::Show { file } => {
            say(&shown(&config, file.output));
            ExitCode::SUCCESS
        }
        Command::Test { labels, receiver, file } => match tested(&config, labels, receiver.as_deref(), file.output) {
            Ok((said, good)) => {
                say(&said);
                if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => failed(&error),
        },
    }
}

fn failed(error: &str) -> ExitCode {
    eprintln!("andon: error: {error}");
    ExitCode::FAILURE
}

fn shown(config: &Config, output: Output) -> String {
    let policy = &config.policy;
    let mut lines = Vec::new();
    draw(policy, RouteIdx(0), 0, &mut lines);
    match output {
        Output::Text => lines.iter().map(|(depth, text, _)| format!("{}{text}\n", "  ".repeat(*depth))).collect(),
        Output::Json => format!("{}\n", lines.into_iter().map(|(_, _, value)| value).collect::<Value>()),
    }
}

/// A route and all below it: how deep it stands, as text, and as JSON.
fn draw(policy: &Policy, at: RouteIdx, depth: usize, lines: &mut Vec<(usize, String, Value)>) {
    let route = policy.route(at);
    let (matchers, receiver) = (list_string(&route.matchers), &policy.receiver_of(route).name);
    let by = match &route.group_by {
        GroupBy::All => "all labels".to_owned(),
        GroupBy::Labels(names) if names.is_empty() => "nothing".to_owned(),
        GroupBy::Labels(names) => names.join(", "),
    };
    let name = if depth == 0 { "the root" } else { &matchers };
    let continues = if route.continues { ", and on" } else { "" };
    let [wait, interval, repeat] =
        [route.group_wait, route.group_interval, route.repeat_interval].map(crate::config::duration::format);
    let text = format!("{name} -> {receiver}{continues}  (by {by}; wait {wait}, interval {interval}, repeat {repeat})");
    let value = json!({"id": &*route.id, "depth": depth, "matchers": matchers, "receiver": &**receiver,
        "continue": route.continues, "groupBy": by, "groupWait": wait, "groupInterval": interval,
        "repeatInterval": repeat});
    lines.push((depth, text, value));
    for child in &route.children {
        draw(policy, *child, depth + 1, lines);
    }
}

fn tested(config: &Config, labels: &str, receiver: Option<&str>, output: Output) -> Result<(String, bool), String> {
    let labels = label_set(labels)?;
    let taken = config.policy.walk(&labels);
    let steps = walk::steps(&config.policy, &labels, &taken);
    let name = |route: &RouteIdx| config.policy.receiver_of(config.policy.route(*route)).name.to_string();
    let told: Vec<String> = taken.iter().map(name).collect();
    let good = receiver.is_none_or(|wanted| wanted == told.join(","));
    let mut said = match output {
        Output::Json => {
            format!("{}\n", json!({"receivers": told, "routes": steps.iter().map(Step::to_json).collect::<Value>()}))
        }
        Output::Text => steps.iter().map(|step| format!("{step}\n")).collect::<String>() + &told.join(",") + "\n",
    };
    if !good && output == Output::Text {
        said += &format!("expected {}\n", receiver.unwrap_or_default());
    }
    Ok((said, good))
}

fn label_set(text: &str) -> Result<LabelSet, String> {
    let (matchers, _) = parse_matchers(Mode::Fallback, text).map_err(|error| format!("{text}: {error}"))?;
    if let Some(other) = matchers.iter().find(|matcher| matcher.op != Op::Equal) {
        return Err(format!("{other} is no label; a label is name=\"value\""));
    }
    LabelSet::new(matchers.iter().map(|matcher| (&*matcher.name, &*matcher.value))).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = "route:\n  receiver: a\n  group_by: [alertname]\n  routes:\n  - matchers: [team=x]\n    receiver: b\n\
                    \x20   continue: true\n  - matchers: [severity=critical]\n    receiver: c\nreceivers:\n- name: a\n\
                    - name: b\n- name: c\n";
        Config::parse(text, "test", std::path::Path::new("."), &Default::default()).unwrap()
    }

    #[test]
    fn the_tree_is_drawn() {
        let text = shown(&config(), Output::Text);
        let first = "the root -> a  (by alertname; wait 30s, interval 5m, repeat 4h)";
        assert_eq!(text.lines().next(), Some(first), "{text}");
        assert!(text.contains("\n  {team=\"x\"} -> b, and on  ("), "{text}");
        let json: Value = serde_json::from_str(&shown(&config(), Output::Json)).unwrap();
        assert_eq!(json[2]["receiver"], "c");
    }

    #[test]
    fn label_sets_are_walked_and_compared_with_what_is_expected() {
        //          labels                       expected       told     as expected
        let rows = [
            ("alertname=A", None, "a", true),
            ("team=x,severity=critical", Some("b,c"), "b,c", true),
            ("team=x", Some("c"), "b", false),
        ];
        for (labels, expected, told, good) in rows {
            let (said, as_expected) = tested(&config(), labels, expected, Output::Text).unwrap();
            assert!(said.lines().any(|line| line == told) && as_expected == good, "{labels}: {said}");
        }
        let (said, _) = tested(&config(), "team=y", None, Output::Text).unwrap();
        assert!(said.contains(r#"team="x" fails on "y""#), "{said}");
        assert!(tested(&config(), "team=~x", None, Output::Text).unwrap_err().contains("is no label"));
    }
}
