//! A plot with two logarithmic axes, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 520.0;
/// Left, top, right (where the names stand) and bottom.
const MARGIN: [f64; 4] = [70.0, 40.0, 300.0, 50.0];
const COLOURS: [&str; 8] = ["#1b6ca8", "#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#117a65", "#6c3483", "#5d6d7e"];

/// A line with its name.
pub struct Series {
    /// What it shows.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

/// Both axes as powers of ten.
struct Frame {
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    fn of(series: &[Series]) -> Self {
        let points = || series.iter().flat_map(|series| series.points.iter());
        let range = |of: fn(&(f64, f64)) -> f64| {
            let logs = || points().map(of).filter(|value| *value > 0.0).map(f64::log10);
            let (low, high) = (logs().fold(f64::MAX, f64::min).floor(), logs().fold(f64::MIN, f64::max).ceil());
            if low < high { (low, high) } else { (0.0, 1.0) }
        };
        Self { x: range(|point| point.0), y: range(|point| point.1) }
    }

    fn x(&self, value: f64) -> f64 {
        let (low, high) = self.x;
        MARGIN[0] + (value.log10() - low) / (high - low) * (WIDTH - MARGIN[0] - MARGIN[2])
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.y;
        HEIGHT - MARGIN[3] - (value.log10() - low) / (high - low) * (HEIGHT - MARGIN[1] - MARGIN[3])
    }
}

/// The series in one picture, with a grey line for n log n through the first point of each.
pub fn svg(title: &str, series: &[Series]) -> String {
    let frame = Frame::of(series);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{}\" y=\"24\" font-size=\"15\">{title}; grey: n log n</text>\n",
        MARGIN[0]
    );
    grid(&frame, &mut out);
    for (number, one) in series.iter().enumerate() {
        line(&frame, one, number, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

// Writing into a string does not fail.
fn grid(frame: &Frame, out: &mut String) {
    let decades = |(low, high): (f64, f64)| (low as i32..=high as i32).map(|power| 10_f64.powi(power));
    let (left, right) = (MARGIN[0], WIDTH - MARGIN[2]);
    let (top, bottom) = (MARGIN[1], HEIGHT - MARGIN[3]);
    for x in decades(frame.x) {
        let at = frame.x(x);
        let _ = writeln!(
            out,
            "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{x}</text>",
            bottom + 18.0
        );
    }
    for y in decades(frame.y) {
        let at = frame.y(y);
        let _ = writeln!(
            out,
            "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{y}</text>",
            left - 6.0,
            at + 4.0
        );
    }
}

fn line(frame: &Frame, series: &Series, number: usize, out: &mut String) {
    let colour = COLOURS[number % COLOURS.len()];
    let points: Vec<_> = series.points.iter().copied().filter(|(_, y)| *y > 0.0).collect();
    let (Some(&(x0, y0)), Some(&(x1, y1))) = (points.first(), points.last()) else { return };
    let shown: Vec<_> = points.iter().map(|(x, y)| format!("{:.1},{:.1}", frame.x(*x), frame.y(*y))).collect();
    let most = (y0 * (x1 * x1.log2()) / (x0 * x0.log2())).min(10_f64.powf(frame.y.1));
    let at = 60.0 + 20.0 * number as f64;
    let _ = writeln!(
        out,
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#ccc\" stroke-dasharray=\"3 3\"/>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
         <circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>\n\
         <path d=\"M{} {at}h18\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{}\" y=\"{}\">{}</text>",
        frame.x(x0),
        frame.y(y0),
        frame.x(x1),
        frame.y(most),
        shown.join(" "),
        frame.x(x1),
        frame.y(y1),
        WIDTH - MARGIN[2] + 12.0,
        WIDTH - MARGIN[2] + 36.0,
        at + 4.0,
        series.name
    );
}
