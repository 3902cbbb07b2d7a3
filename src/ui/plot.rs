//! Small plots: a line through numbers, as SVG that needs neither script nor style.

use serde::Serialize;

use super::words::thousands;

/// Width and height in the plot's own units.
const SIZE: (f64, f64) = (300.0, 60.0);

/// A plot.
#[derive(Debug, Serialize)]
pub struct Plot {
    title: String,
    /// What is drawn, in words.
    now: String,
    most: String,
    /// `x,y x,y …`; empty for fewer than two numbers.
    points: String,
    /// The same, closed at the bottom.
    area: String,
}

/// Draws numbers that were taken at equal distances in time, the last one now.
pub fn plot(title: &str, unit: &str, numbers: &[f64]) -> Plot {
    let most = numbers.iter().copied().fold(0.0, f64::max);
    let step = SIZE.0 / (numbers.len().max(2) - 1) as f64;
    let height = |number: f64| if most > 0.0 { (SIZE.1 - 4.0) * (1.0 - number / most) + 2.0 } else { SIZE.1 - 2.0 };
    let line: Vec<String> = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| format!("{:.1},{:.1}", at as f64 * step, height(*number)))
        .collect();
    let points = if line.len() < 2 { String::new() } else { line.join(" ") };
    let area =
        if points.is_empty() { String::new() } else { format!("0,{h} {points} {w},{h}", w = SIZE.0, h = SIZE.1) };
    let said = |number: f64| format!("{}{unit}", readable(number));
    Plot { title: title.into(), now: said(numbers.last().copied().unwrap_or_default()), most: said(most), points, area }
}

/// `0.25`, `12`, `1 200`
fn readable(number: f64) -> String {
    if number >= 10.0 || number.fract() == 0.0 {
        // Counts of a process: neither negative nor beyond what an integer holds.
        return thousands(number.round() as usize);
    }
    format!("{number:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_at_the_top_and_nothing_is_a_line_at_the_bottom() {
        let drawn = plot("t", " alerts", &[0.0, 5.0, 10.0]);
        assert_eq!(drawn.points, "0.0,58.0 150.0,30.0 300.0,2.0");
        assert_eq!((&*drawn.now, &*drawn.most), ("10 alerts", "10 alerts"));
        assert_eq!(plot("t", "/s", &[0.0, 0.0]).points, "0.0,58.0 300.0,58.0");
        assert_eq!(plot("t", "/s", &[0.254]).points, "");
        assert_eq!(plot("t", "/s", &[0.254]).now, "0.25/s");
        assert_eq!(plot("t", "", &[1_200.4]).now, "1\u{202F}200");
    }
}
