//! The command line. With flags and no subcommand, `andon` serves and stands in for the `alertmanager` binary.
//!
//! Exit codes: 0 for success; 1 where something is wrong with what was looked at, or the service could not go on; 2 for
//! a subcommand that was called wrongly.

mod ack;
mod alert;
mod api;
mod check;
mod dead_letter;
mod demo;
mod explain;
mod history;
mod receivers;
mod replay;
mod routes;
mod serve;
mod silence;
mod store;
mod wire;
mod work_order;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

/// The subcommands besides serving, whose flags are Alertmanager's and read as Alertmanager reads them.
#[derive(Parser)]
#[command(name = "andon", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List alerts, or send one.
    Alert(alert::Arguments),
    /// Take a group of alerts on, so that it is not told again until it worsens; without a group, list them.
    Ack(ack::Arguments),
    /// Say everything that is wrong with a configuration file.
    Check(check::Arguments),
    /// Play a shift at the plant, with everything in this process.
    Demo(demo::Arguments),
    /// Say why somebody is, or is not, told of an alert.
    Explain(explain::Arguments),
    /// Tell what happened.
    History(history::Arguments),
    /// Look at what a running Andon could not tell, send it again, or put it away.
    #[command(subcommand)]
    DeadLetter(dead_letter::Command),
    /// Look at whom a running Andon can tell, and try one.
    #[command(subcommand)]
    Receivers(receivers::Command),
    /// Play what a store's journal holds against a configuration file, and say what would have been told to whom.
    Replay(replay::Arguments),
    /// List, make, change, end, import silences, or see what one would mute.
    Silence(silence::Arguments),
    /// Draw the route tree of a configuration, or walk it with a label set.
    #[command(subcommand)]
    Routes(routes::Command),
    /// Read, open and change the work orders of a running Andon.
    #[command(subcommand)]
    WorkOrder(work_order::Command),
    /// Look at a store, take its state out, or put one in.
    #[command(subcommand)]
    Store(store::Command),
}

/// For whom the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    #[value(alias = "simple", alias = "extended")]
    Text,
    /// For programs.
    Json,
}

/// Reads the command line, does what it says and tells how it went.
pub fn run() -> ExitCode {
    let args = in_order(std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect());
    match args.first().map(String::as_str) {
        Some("serve") => serve::run(args.get(1..).unwrap_or_default()),
        Some(word) if Arguments::command().find_subcommand(word).is_some() => subcommand(&args),
        _ => serve::run(&args),
    }
}

/// The flags that amtool takes before a command, and before its action, as well as behind them.
const ANYWHERE: [&str; 4] = ["--alertmanager.url", "--url", "--output", "-o"];

/// The words with those flags behind the command and its action, where they are read.
fn in_order(args: Vec<String>) -> Vec<String> {
    let (mut words, mut flags) = (Vec::new(), Vec::new());
    let (mut command, mut at) = (Arguments::command(), 0);
    while let Some(word) = args.get(at) {
        if let Some(found) = command.find_subcommand(word).cloned() {
            words.push(word.clone());
            (command, at) = (found, at + 1);
            continue;
        }
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if !ANYWHERE.contains(&name) {
            break;
        }
        let length = if value.is_some() { 1 } else { 2 };
        flags.extend(args.iter().skip(at).take(length).cloned());
        at += length;
    }
    if words.is_empty() {
        return args;
    }
    words.extend(flags);
    words.extend(args.into_iter().skip(at));
    words
}

/// A line for each subcommand, and below those that have actions of their own a line with these: what clap itself reads
/// the command line by, so that none can be forgotten.
fn commands() -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for command in Arguments::command().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        // Writing into a string does not fail.
        let _ = writeln!(out, "  {:<12} {about}", command.get_name());
        let actions: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        if !actions.is_empty() {
            let _ = writeln!(out, "  {:<12}   {}", "", actions.join(", "));
        }
    }
    out
}

fn subcommand(args: &[String]) -> ExitCode {
    let words = std::iter::once("andon").chain(args.iter().map(String::as_str));
    match Arguments::try_parse_from(words) {
        Ok(arguments) => match arguments.command {
            Command::Alert(arguments) => alert::run(&arguments),
            Command::Replay(arguments) => replay::run(&arguments),
            Command::Silence(arguments) => silence::run(&arguments),
            Command::Ack(arguments) => ack::run(&arguments),
            Command::Check(arguments) => check::run(&arguments),
            Command::Demo(arguments) => demo::run(&arguments),
            Command::DeadLetter(command) => dead_letter::run(&command),
            Command::Receivers(command) => receivers::run(&command),
            Command::Routes(command) => routes::run(&command),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::History(arguments) => history::run(&arguments),
            Command::WorkOrder(command) => work_order::run(&command),
            Command::Store(command) => store::run(&command),
        },
        Err(error) => {
            // Help goes to standard output and is no error; if neither can be written, nobody reads.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// Writes to standard output; whoever closed it does not want to read on.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_may_stand_where_amtool_takes_them() {
        let rows = [
            ("silence --alertmanager.url=http://a query x=y", "silence query --alertmanager.url=http://a x=y"),
            ("--alertmanager.url http://a alert -o json query", "alert query --alertmanager.url http://a -o json"),
            ("silence query --url=http://a", "silence query --url=http://a"),
            ("silence x=query query", "silence x=query query"),
            ("--alertmanager.url=http://a", "--alertmanager.url=http://a"),
            ("--config.file=a silence", "--config.file=a silence"),
            ("silence --url", "silence --url"),
            ("explain --output json query", "explain --output json query"),
        ];
        for (typed, read) in rows {
            assert_eq!(in_order(typed.split(' ').map(str::to_owned).collect()).join(" "), read, "{typed}");
        }
    }

    #[test]
    fn help_lists_every_subcommand_with_its_actions() {
        let help = serve::help();
        for command in Arguments::command().get_subcommands() {
            let listed = help.lines().position(|line| line.trim_start().split(' ').next() == Some(command.get_name()));
            let at = listed.unwrap_or_else(|| panic!("{} is not in:\n{help}", command.get_name()));
            let line = help.lines().nth(at).unwrap_or_default();
            assert!(line.trim().len() > command.get_name().len() + 10, "it says what it does: {line}");
            let below = help.lines().nth(at + 1).unwrap_or_default();
            for action in command.get_subcommands() {
                assert!(
                    below.split([',', ' ']).any(|word| word == action.get_name()),
                    "{}: {below}",
                    action.get_name()
                );
            }
        }
        let orders = "list, show, create, acknowledge, assign, start, hold, complete, cancel, reopen, note\n";
        assert!(help.contains(orders), "{help}");
        assert!(help.contains("--web.external-url"), "{help}");
    }
}
