//! Prints the demo: plain text, with colours where a terminal reads it.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use super::heard::{By, Heard};

/// Longer lines are cut.
const WIDTH: usize = 118;
/// Where the text of a line begins.
const INDENT: usize = 20;

/// How a word is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// A heading.
    Bold,
    /// Of little weight.
    Dim,
    /// Something fires.
    Red,
    /// Something is over.
    Green,
    /// Something is held back.
    Yellow,
}

/// Standard output, and when the demo began.
pub struct Show {
    /// Whether a person reads it as it comes.
    pub live: bool,
    colours: bool,
    began: Instant,
}

impl Show {
    /// With colours if standard output is a terminal and `NO_COLOR` is not set.
    pub fn new() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let live = std::io::stdout().is_terminal();
        Self { live, colours: live && !plain, began: Instant::now() }
    }

    /// A line as it is.
    pub fn line(&self, tone: Tone, text: impl fmt::Display) {
        let text = match tone {
            _ if !self.colours => text.to_string(),
            Tone::Plain => text.to_string(),
            Tone::Bold => format!("\x1b[1m{text}\x1b[0m"),
            Tone::Dim => format!("\x1b[2m{text}\x1b[0m"),
            Tone::Red => format!("\x1b[31m{text}\x1b[0m"),
            Tone::Green => format!("\x1b[32m{text}\x1b[0m"),
            Tone::Yellow => format!("\x1b[33m{text}\x1b[0m"),
        };
        // Whoever closed standard output does not want to read on.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// A heading, after an empty line.
    pub fn heading(&self, text: impl fmt::Display) {
        self.line(Tone::Plain, "");
        self.line(Tone::Bold, text);
    }

    /// Something that happened: now, to whom, what.
    pub fn event(&self, who: &str, tone: Tone, what: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        let line = format!("{seconds:>5.1}s  {who:<10}  {what}");
        self.line(tone, cut(&line));
    }

    /// More about what happened.
    pub fn more(&self, what: &str) {
        self.line(Tone::Dim, cut(&format!("{:INDENT$}{what}", "")));
    }

    /// What a stand-in heard.
    pub fn heard(&self, heard: &Heard) {
        self.event(heard.by.as_str(), tone(heard), &heard.headline);
        heard.details.iter().for_each(|line| self.more(line));
    }
}

/// Whether a message says that something fires, or that it is over.
fn tone(heard: &Heard) -> Tone {
    let over = match heard.by {
        By::Pagerduty => heard.headline.starts_with("resolve"),
        By::Slack | By::Mail => heard.headline.contains("[RESOLVED"),
    };
    if over { Tone::Green } else { Tone::Red }
}

/// A line that fits.
fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some(_) => line.chars().take(WIDTH - 1).chain(['…']).collect(),
        None => line.to_owned(),
    }
}
