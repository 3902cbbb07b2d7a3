//! An explanation as text, for a person who was woken up.

use std::fmt::{self, Write as _};

use super::{AlertState, Explanation, Hold, Stage, Step, StepVerdict, Taken, ThreadNow, Trouble, Verdict, Waiting};
use crate::time::Timestamp;

/// A moment to the second, in UTC.
pub fn time(at: Timestamp) -> String {
    let [year, month, day, hour, minute, second] = at.with_offset_minutes(0).civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out)?;
        // What labels and comments hold must not move the reader's cursor.
        f.write_str(&out.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}"))
    }
}

impl Explanation {
    /// The answer in a sentence for each receiver.
    pub fn summary(&self) -> Vec<String> {
        let threads = self.taken.iter().flat_map(|taken| taken.threads.iter().map(move |thread| (taken, thread)));
        let sentence = |(taken, thread): (&Taken, &ThreadNow)| {
            let trouble = thread.trouble.as_ref().map(|trouble| format!("; {trouble}")).unwrap_or_default();
            self.sentence(taken, thread) + &trouble
        };
        let mut sentences: Vec<_> = threads.map(sentence).collect();
        for taken in self.taken.iter().filter(|taken| taken.threads.is_empty()) {
            sentences.push(format!("{}: tells nobody: the receiver has no integration", taken.receiver));
        }
        sentences
    }

    fn sentence(&self, taken: &Taken, now: &ThreadNow) -> String {
        let who = format!("{} by {}[{}]", taken.receiver, now.thread.kind, now.thread.index);
        let would = if self.state == AlertState::NotKnown { "would be" } else { "will be" };
        if let Some(waiting) = now.waiting.first() {
            let stands = stands(waiting, now.trouble.as_ref());
            return format!("{who}: not told yet: a notification ({}) {stands}", waiting.reason);
        }
        let told = match &now.last_told {
            Some(last) if last.open => match last.at {
                Some(at) => format!("told that it fires (last notification {}); ", time(at)),
                None => "was to be told that it fires, and did not hear it; ".to_owned(),
            },
            _ => String::new(),
        };
        let at = time(now.verdict_at);
        let until = |hold: &Hold| hold.until.map(|at| format!(", until {}", time(at))).unwrap_or_default();
        let held = taken.holds.iter().find(|hold| hold.at_flush).map(|hold| format!("{}{}", hold.what, until(hold)));
        match now.verdict {
            Verdict::Told(reason, true) => format!("{who}: {told}{would} told at {at} ({reason})"),
            Verdict::Told(reason, false) => {
                let why = held.map(|why| format!(": {why}")).unwrap_or_default();
                format!("{who}: {told}{would} told at {at} ({reason}), but not of this alert{why}")
            }
            Verdict::Nothing(no) => {
                let (nothing, no) = (if told.is_empty() { "nothing" } else { "nothing more" }, no.as_str());
                format!("{who}: {told}{nothing} at the next flush: {}", held.as_deref().unwrap_or(no))
            }
            Verdict::NotWanted => format!("{who}: {told}is not told what is over (send_resolved: false)"),
        }
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "{}", self.labels)?;
        match &self.state {
            AlertState::Firing { since, ends_at } => {
                let (since, ends) = (time(*since), time(*ends_at));
                writeln!(out, "  fires since {since}; over at {ends} unless it is sent again")?;
            }
            AlertState::Resolved { at, .. } => writeln!(out, "  over since {}", time(*at))?,
            AlertState::NotKnown => writeln!(out, "  does not fire: this is what would happen if it did")?,
        }
        writeln!(out, "  fingerprint {}, as of {}", self.fingerprint, time(self.at))?;
        for note in &self.notes {
            writeln!(out, "  note: {note}")?;
        }
        writeln!(out, "\nIN SHORT")?;
        for sentence in self.summary() {
            writeln!(out, "  {sentence}")?;
        }
        writeln!(out, "\nROUTES")?;
        for step in &self.steps {
            writeln!(out, "{step}")?;
        }
        self.taken.iter().try_for_each(|taken| write_taken(out, taken))
    }
}

/// How it stands with a notification that waits.
fn stands(waiting: &Waiting, trouble: Option<&Trouble>) -> String {
    match waiting.stage {
        Stage::InFlight => "is being sent".to_owned(),
        Stage::RateLimited => "waits for the receiver's rate limit".to_owned(),
        Stage::Behind(earlier) => format!("waits behind the notification {}", earlier.0),
        // Where the receiver is only probed, the row's own time says nothing, and what it met is told of the receiver.
        Stage::Waits if waiting.attempts > 0 && probed(trouble) => {
            format!("failed {} times, and waits for the receiver", waiting.attempts)
        }
        Stage::Waits if waiting.attempts > 0 => {
            let (failed, due) = (waiting.attempts, time(waiting.due_at));
            format!("failed {failed} times, next attempt {due}: {}", waiting.last_error)
        }
        Stage::Waits => format!("waits since {}", time(waiting.decided_at)),
    }
}

fn probed(trouble: Option<&Trouble>) -> bool {
    matches!(trouble, Some(Trouble::Failing { probed_at: Some(_), .. }))
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured(missing) => write!(f, "the receiver is not configured: {missing}"),
            Self::Failing { since, failures, error, probed_at } => {
                let probed = probed_at.map(|at| format!(", probed next at {}", time(at))).unwrap_or_default();
                write!(
                    f,
                    "the receiver fails since {} (failed attempts in a row: {failures}){probed}: {error}",
                    time(*since)
                )
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = "  ".repeat(self.depth + 1);
        let name = if self.depth == 0 { "the root" } else { &self.matchers };
        let (mark, why) = match &self.verdict {
            StepVerdict::Matched { takes: true, .. } => ("yes", "takes it".to_owned()),
            StepVerdict::Matched { takes: false, .. } => ("yes", "matches, and routes below it take it".to_owned()),
            StepVerdict::Failed { matcher, value } if value.is_empty() => {
                ("no ", format!("{matcher} fails: the label is absent or empty"))
            }
            StepVerdict::Failed { matcher, value } => ("no ", format!("{matcher} fails on {value:?}")),
            StepVerdict::NotReached { because } => ("-  ", format!("not reached, because of {because}")),
        };
        write!(f, "{indent}{mark} {name} -> {}: {why}", self.receiver)
    }
}

fn write_taken(out: &mut String, taken: &Taken) -> fmt::Result {
    writeln!(out, "\n{}  (route {})", taken.receiver, taken.id)?;
    let labels = if taken.group_labels.is_empty() { "all alerts".to_owned() } else { taken.group_labels.to_string() };
    match taken.members {
        0 => writeln!(out, "  group {labels}: would be made, and flushed at {}", time(taken.next_flush))?,
        1 => writeln!(out, "  group {labels}: 1 alert, next flush {}", time(taken.next_flush))?,
        members => writeln!(out, "  group {labels}: {members} alerts, next flush {}", time(taken.next_flush))?,
    }
    writeln!(out, "  group key hash {}", taken.group_hash)?;
    for hold in &taken.holds {
        let until = hold.until.map(|at| format!(", until {}", time(at))).unwrap_or_default();
        let now_only =
            if hold.at_flush || hold.until == Some(taken.next_flush) { "" } else { " (not at the next flush)" };
        writeln!(out, "  held back: {}{until}{now_only}", hold.what)?;
        if hold.at_flush {
            writeln!(out, "    to be told: {}", hold.instead)?;
        }
    }
    taken.threads.iter().try_for_each(|thread| write_thread(out, thread))
}

fn write_thread(out: &mut String, now: &ThreadNow) -> fmt::Result {
    writeln!(out, "  {}[{}]", now.thread.kind, now.thread.index)?;
    match &now.last_told {
        None => writeln!(out, "    told so far: nothing that is open")?,
        Some(last) => {
            let at = last.at.map_or_else(|| "not heard, due again".to_owned(), time);
            let open = if last.open { "that this alert fires" } else { "nothing of this alert that is open" };
            // What is owed is settled when it is decided; whoever reads this wants to know whether it has arrived.
            let (word, arrived) = match now.waiting.is_empty() {
                true => ("told", ""),
                false => ("decided", ", not delivered yet"),
            };
            writeln!(out, "    {word} so far: {open} (last notification {at}{arrived})")?;
        }
    }
    if let Some(trouble) = &now.trouble {
        writeln!(out, "    {trouble}")?;
    }
    for row in &now.waiting {
        write!(out, "    waiting: notification {} ({}), decided {}", row.id.0, row.reason, time(row.decided_at))?;
        match row.stage {
            Stage::InFlight => writeln!(out, ", being sent")?,
            Stage::RateLimited => writeln!(out, ", kept back by the receiver's rate limit")?,
            Stage::Behind(earlier) => writeln!(out, ", behind the notification {}", earlier.0)?,
            Stage::Waits if probed(now.trouble.as_ref()) => writeln!(out, ", due when the receiver is probed")?,
            Stage::Waits => writeln!(out, ", due {}", time(row.due_at))?,
        }
        if row.attempts > 0 {
            writeln!(out, "      {} attempts failed, the last: {}", row.attempts, row.last_error)?;
        }
    }
    for (at, error) in &now.dead {
        writeln!(out, "    dead letter of {}: {error}", time(*at))?;
    }
    for attempt in &now.attempts {
        writeln!(out, "    {}  {}", time(attempt.at), attempt.result)?;
    }
    let at = time(now.verdict_at);
    match now.verdict {
        Verdict::Told(reason, _) => writeln!(out, "    next flush {at}: tells, {reason}")?,
        Verdict::Nothing(no) => writeln!(out, "    next flush {at}: tells nothing, {}", no.as_str())?,
        Verdict::NotWanted => writeln!(out, "    next flush {at}: tells nothing, what is over is not wanted here")?,
    }
    match &now.instead {
        Some(instead) => writeln!(out, "      to be told: {instead}"),
        None => Ok(()),
    }
}
