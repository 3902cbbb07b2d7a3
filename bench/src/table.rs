//! The table of medians and ratios, for people and as JSON.

use crate::scenarios::{Goal, Measure};

/// One measure with what all runs gave, in the order of the runs.
pub struct Row {
    /// What is measured.
    pub measure: &'static Measure,
    /// Andon's values.
    pub andon: Vec<f64>,
    /// The peer's, if there is one.
    pub peer: Vec<f64>,
}

/// What the load took beside the servers in a scenario, in the order of the runs: seconds of processor time of the load,
/// and of the server from its start to its end.
pub struct Load {
    /// The scenario's name.
    pub scenario: &'static str,
    /// Beside Andon.
    pub andon: Vec<(f64, f64)>,
    /// Beside the peer, if there is one.
    pub peer: Vec<(f64, f64)>,
}

impl Load {
    /// Medians of the load and of the server.
    fn medians(runs: &[(f64, f64)]) -> Option<(f64, f64)> {
        let of = |value: fn(&(f64, f64)) -> f64| median(&runs.iter().map(value).collect::<Vec<_>>());
        of(|run| run.0).zip(of(|run| run.1))
    }
}

/// The middle of the values; of two middle ones the mean.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some((low + high) / 2.0)
}

impl Row {
    /// How many times less Andon takes: the median over the runs, each compared with the one beside it.
    fn ratio(&self) -> Option<f64> {
        let ratios: Vec<f64> = self
            .andon
            .iter()
            .zip(&self.peer)
            .map(|(andon, peer)| peer / andon)
            .filter(|ratio| ratio.is_finite())
            .collect();
        median(&ratios)
    }

    fn reached(&self) -> Option<bool> {
        let within = |most: f64| median(&self.andon).map(|andon| andon <= most);
        let times = |wanted: f64| self.ratio().map(|ratio| ratio >= wanted);
        match self.measure.goal {
            Goal::Ratio(wanted) => times(wanted),
            Goal::AtMost(most) => within(most),
            Goal::RatioAndAtMost(wanted, most) => Some(times(wanted).unwrap_or(true) && within(most)?),
            Goal::Shown => None,
        }
    }

    fn goal(&self) -> String {
        let unit = self.measure.unit;
        match self.measure.goal {
            Goal::Ratio(wanted) => format!("1/{wanted}"),
            Goal::AtMost(most) => format!("{most} {unit}").trim_end().to_owned(),
            Goal::RatioAndAtMost(wanted, most) => format!("1/{wanted}, {most} {unit}"),
            Goal::Shown => String::new(),
        }
    }
}

/// Prints a Markdown table.
pub fn print(rows: &[Row]) {
    println!("| | Andon | peer | ratio | goal | |\n|---|---:|---:|---:|---:|---|");
    for row in rows {
        let shown = |values: &[f64]| median(values).map(|value| with_unit(value, row.measure.unit)).unwrap_or_default();
        let ratio = row.ratio().map(|ratio| format!("1/{ratio:.1}")).unwrap_or_default();
        let reached = row.reached().map_or("", |reached| if reached { "yes" } else { "NO" });
        let (andon, peer, goal) = (shown(&row.andon), shown(&row.peer), row.goal());
        println!("| {} | {andon} | {peer} | {ratio} | {goal} | {reached} |", row.measure.what);
    }
}

/// Prints what the load took as a Markdown table.
pub fn print_loads(loads: &[Load]) {
    println!("\n| CPU of the load: of the server beside it | Andon | peer |\n|---|---:|---:|");
    for load in loads {
        let shown = |runs: &[(f64, f64)]| {
            Load::medians(runs).map(|(load, server)| format!("{load:.2}: {server:.2} s")).unwrap_or_default()
        };
        println!("| {} | {} | {} |", load.scenario, shown(&load.andon), shown(&load.peer));
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

/// All values of all runs as one JSON document.
pub fn json(rows: &[Row], loads: &[Load]) -> String {
    let list = |values: &[f64]| values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(",");
    let number = |value: Option<f64>| value.map_or_else(|| "null".to_owned(), |value| format!("{value:.4}"));
    let measures = rows.iter().map(|row| {
        let Measure { key, what, unit, .. } = row.measure;
        let (andon, peer, goal) = (list(&row.andon), list(&row.peer), row.goal());
        let (ratio, reached) = (number(row.ratio()), row.reached());
        let (andon_median, peer_median) = (number(median(&row.andon)), number(median(&row.peer)));
        let reached = reached.map_or_else(|| "null".to_owned(), |reached| reached.to_string());
        format!(
            "{{\"key\":\"{key}\",\"what\":\"{what}\",\"unit\":\"{unit}\",\"andon\":[{andon}],\"peer\":[{peer}],\
             \"andon_median\":{andon_median},\"peer_median\":{peer_median},\"peer_by_andon\":{ratio},\
             \"goal\":\"{goal}\",\"reached\":{reached}}}"
        )
    });
    let side = |runs: &[(f64, f64)]| {
        let of = |value: fn(&(f64, f64)) -> f64| list(&runs.iter().map(value).collect::<Vec<_>>());
        format!("{{\"load\":[{}],\"server\":[{}]}}", of(|run| run.0), of(|run| run.1))
    };
    let loads = loads.iter().map(|load| {
        let (scenario, andon, peer) = (load.scenario, side(&load.andon), side(&load.peer));
        format!("{{\"scenario\":\"{scenario}\",\"andon\":{andon},\"peer\":{peer}}}")
    });
    let (measures, loads) = (measures.collect::<Vec<_>>().join(",\n"), loads.collect::<Vec<_>>().join(",\n"));
    format!("{{\"measures\":[\n{measures}\n],\"cpu_seconds\":[\n{loads}\n]}}\n")
}
