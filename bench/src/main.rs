//! Measures what alerts cost: processor time, memory and time, of Andon and of a real Alertmanager beside it.
//!
//! Both get the same configuration and the same load, each on an empty store, one after the other and in turn, so that a
//! machine that is busy with something else hits both. Processor time and memory come from the operating system, and
//! are those of the whole process. Requests are made beforehand and sent over plain sockets, so that the load disturbs
//! little what is measured.

mod alerts;
mod arguments;
mod client;
mod configs;
mod history;
mod plot;
mod scale;
mod scenarios;
mod server;
mod table;
mod webhook;

use std::process::ExitCode;

use arguments::Arguments;
use scenarios::{Run, Scenario};
use table::{Load, Row};

fn main() -> ExitCode {
    match Arguments::read().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    if arguments.scale {
        return scale::run(arguments);
    }
    if arguments.history {
        return history::run(arguments);
    }
    let wanted = |scenario: &&Scenario| scenario.name.contains(&arguments.only);
    let (mut rows, mut loads) = (Vec::new(), Vec::new());
    for scenario in scenarios::ALL.iter().filter(wanted) {
        let (measured, load) = compare(arguments, scenario)?;
        rows.extend(measured);
        loads.push(load);
    }
    table::print(&rows);
    table::print_loads(&loads);
    let json = &arguments.json;
    std::fs::write(json, table::json(&rows, &loads)).map_err(|error| format!("{}: {error}", json.display()))
}

/// Runs a scenario with both programs in turn. Says as well what the load itself took, which has the same machine.
fn compare(arguments: &Arguments, scenario: &Scenario) -> Result<(Vec<Row>, Load), String> {
    let row = |measure| Row { measure, andon: Vec::new(), peer: Vec::new() };
    let mut rows: Vec<Row> = scenario.measures.iter().map(row).collect();
    let mut load = Load { scenario: scenario.name, andon: Vec::new(), peer: Vec::new() };
    for number in 1..=arguments.runs {
        for program in std::iter::once(&arguments.andon).chain(&arguments.peer) {
            let before = (server::cpu_of("self")?, server::cpu_of_ended()?);
            let values = (scenario.run)(&Run { program, quick: arguments.quick });
            let values = values.map_err(|error| format!("{}, {}: {error}", scenario.name, program.display()))?;
            let (ours, its) = (server::cpu_of("self")? - before.0, server::cpu_of_ended()? - before.1);
            eprintln!(
                "{} {number}: {} {values:.3?} (load: {ours:.1} s, server: {its:.1} s)",
                scenario.name,
                program.display()
            );
            let loads = if *program == arguments.andon { &mut load.andon } else { &mut load.peer };
            loads.push((ours, its));
            for row in &mut rows {
                let side = if *program == arguments.andon { &mut row.andon } else { &mut row.peer };
                side.extend(values.iter().filter(|(key, _)| *key == row.measure.key).map(|(_, value)| *value));
            }
        }
    }
    Ok((rows, load))
}
