//! The mail that goes out where the whole one is too large for the server: built in code, plain text, with the same
//! headers and name, as much of what matters as fits, and a note that says what was cut and why.

use std::fmt::Write as _;

use super::builtin;
use super::message::{self, Frame, Texts};
use crate::receivers::body::Data;
use crate::receivers::notice::{self, shorten};

/// How large it may be, in bytes, where the server does not say what it takes.
const SMALL: usize = 10_000;
/// How much of it is tried first; halved until it fits.
const MOST: usize = 256;
/// How much of a description there is for each of these, in characters.
const OF_DESCRIPTION: usize = 16;
/// The longest value of a label or an annotation, in characters.
const VALUE: usize = 500;
/// Without these a mail goes astray; others stay out where they take most of the room.
const NEEDED: [&str; 9] =
    ["from", "to", "cc", "reply-to", "sender", "subject", "message-id", "references", "in-reply-to"];

/// Why the whole mail does not go out.
pub(super) struct Why {
    /// How large the short one may be, in bytes.
    room: usize,
    /// In words.
    pub(super) said: String,
}

impl Why {
    /// The server says beforehand what it takes.
    pub(super) fn over(limit: usize, size: usize) -> Self {
        // Servers on the way add headers of their own.
        let room = limit - limit / 8;
        Self { room, said: format!("the mail server takes {limit} bytes and the whole mail has {size}") }
    }

    /// The server refused the mail; `limit` is what it said that it takes, if it did.
    pub(super) fn refused(said: &str, limit: Option<usize>, size: usize) -> Self {
        let room = SMALL.min(size / 2).min(limit.unwrap_or(SMALL));
        Self { room, said: format!("the mail server refused the whole mail, which has {size} bytes: {said}") }
    }
}

/// What the short mail is made of.
pub(super) struct Outline<'a> {
    /// As in the whole one.
    pub(super) headers: &'a [(String, String)],
    /// As in the whole one.
    pub(super) frame: &'a Frame,
    /// The note of the whole one.
    pub(super) note: Option<&'a str>,
    /// What is left of it, in words.
    pub(super) left: &'static str,
    /// The text, with so much of what it is about.
    pub(super) text: &'a (dyn Fn(usize) -> String + Sync),
}

impl Outline<'_> {
    /// The mail; larger than there is room only where the needed headers and the note are.
    pub(super) fn write(&self, why: &Why) -> Vec<u8> {
        let mut note = format!("Andon: this mail was shortened ({}), since {}", self.left, why.said);
        if let Some(more) = self.note {
            let _ = write!(note, "\n{more}");
        }
        let mut headers = self.headers.to_vec();
        let of = |headers: &[(String, String)], text: String| {
            let texts = Texts { headers: headers.to_vec(), text, ..Texts::default() };
            message::write(&texts, self.frame)
        };
        if of(&headers, String::new()).len() > why.room / 2 {
            headers.retain(|(name, _)| NEEDED.contains(&name.to_ascii_lowercase().as_str()));
        }
        let mut most = MOST;
        loop {
            let mut text = (self.text)(most);
            builtin::add_note(&mut text, &mut String::new(), &note);
            let mail = of(&headers, text);
            if mail.len() <= why.room || most == 0 {
                return mail;
            }
            most /= 2;
        }
    }
}

/// The first alerts.
pub(super) fn alerts(data: &Data, most: usize) -> String {
    let mut subject = notice::subject(data);
    shorten(&mut subject, VALUE);
    builtin::first_alerts(subject, data, most, Some(VALUE))
}

/// The first lines.
pub(super) fn lines(text: &str, most: usize) -> String {
    let all = text.lines().count();
    let mut out = String::new();
    for line in text.lines().take(most) {
        let mut line = line.to_owned();
        shorten(&mut line, VALUE);
        out.push_str(&line);
        out.push('\n');
    }
    if let Some(more) = all.checked_sub(most).filter(|more| *more > 0) {
        let _ = writeln!(out, "… and {more} more");
    }
    out
}

/// What happened to an order: the beginning of its description, and the links as long as there is room for any of that.
pub(super) fn order(headline: &str, description: &str, url: &str, links: &[(String, String)], most: usize) -> String {
    let [mut headline, mut description] = [headline.to_owned(), description.to_owned()];
    shorten(&mut headline, VALUE);
    shorten(&mut description, most * OF_DESCRIPTION);
    let mut out = format!("{headline}\n\n");
    if most > 0 {
        let _ = writeln!(out, "{description}\n");
        links.iter().for_each(|(label, url)| out.push_str(&format!("- {label}:\n  {url}\n")));
    }
    let _ = writeln!(out, "\nThe order: {url}");
    out
}
