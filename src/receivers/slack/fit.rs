//! How the texts of a message are made to fit what Slack takes.
//!
//! Slack cuts some of them without a word and refuses a message that is too large as a whole, for which it gives no
//! figure. So each text has a limit of its own, and all texts of an attachment share one.

use crate::receivers::notice::{Notice, shorten};

/// The longest address, name or colour, in characters; a piece of one is of no use.
const MAX_PLAIN: usize = 3_000;
/// The longest of the entities that stand for a character.
const ENTITY: usize = "&amp;".len();

/// How many characters there is room for.
pub(super) struct Room(usize);

impl Room {
    /// Room for so many.
    pub(super) fn new(characters: usize) -> Self {
        Self(characters)
    }

    /// Keeps some of it for what comes later.
    pub(super) fn keep_free(&mut self, characters: usize) {
        self.0 = self.0.saturating_sub(characters);
    }

    /// The text, at most `most` characters of it, and none where there is no room left.
    pub(super) fn text(&mut self, notice: &mut Notice<'_>, what: &str, mut text: String, most: usize) -> String {
        let limit = most.min(self.0);
        if shorten_escaped(&mut text, limit) {
            notice.cut(format!("the {what}, to {limit} characters"));
        }
        self.0 -= text.chars().count();
        text
    }

    /// Fills in a text that is none for people; it is left out where it is too long.
    pub(super) fn plain(&mut self, notice: &mut Notice<'_>, name: &str, template: &str) -> String {
        let text = notice.plain(name, template);
        let limit = MAX_PLAIN.min(self.0);
        if text.chars().nth(limit).is_some() {
            notice.cut(format!("{name}, left out, since it has more than {limit} characters"));
            return String::new();
        }
        self.0 -= text.chars().count();
        text
    }
}

/// Shortens a text in which `&`, `<` and `>` are escaped, and leaves no half of an escape. Says whether it was too long.
pub(super) fn shorten_escaped(text: &mut String, limit: usize) -> bool {
    if !shorten(text, limit) {
        return false;
    }
    if limit == 0 {
        text.clear();
        return true;
    }
    text.pop();
    if let Some(at) = text.rfind('&')
        && text.len() - at < ENTITY
        && text.get(at..).is_some_and(|end| !end.contains(';'))
    {
        text.truncate(at);
    }
    text.push('…');
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_half_of_an_escape_is_left() {
        let rows = [
            ("a&amp;b", 7, "a&amp;b", false),
            ("a&amp;bc", 7, "a&amp;…", true),
            ("a&amp;bc", 6, "a…", true),
            ("a&amp;bc", 3, "a…", true),
            ("a & bcdefg", 8, "a & bcd…", true),
            ("äöü", 2, "ä…", true),
            ("ab", 1, "…", true),
            ("ab", 0, "", true),
            ("", 0, "", false),
        ];
        for (text, limit, expected, cut) in rows {
            let mut shortened = text.to_owned();
            assert_eq!((shorten_escaped(&mut shortened, limit), shortened.as_str()), (cut, expected), "{text} {limit}");
        }
    }
}
