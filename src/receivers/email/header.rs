//! What stands in a mail's headers: one line of text that says nothing but itself.
//!
//! Label values get into headers through templates, so line breaks, control characters and the characters that turn the
//! direction of writing are taken out; what is not plain ASCII, what a reader would decode, and words that would make
//! a line too long are encoded (RFC 2047).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::message::header::{HeaderName, HeaderValue};

use super::address::{Mailbox, read_list};

/// The longest subject, in characters.
const SUBJECT: usize = 200;
/// The longest other header, in characters.
const LONGEST: usize = 2000;
/// The longest of the headers that name mails, in characters: a name cannot be folded, and a line has 998.
const NAMES: usize = 900;
/// A line is folded before it gets longer than this, as far as its words allow.
const LINE: usize = 76;
/// A longer word is encoded, since it cannot be folded.
const WORD: usize = 70;
/// So many bytes make an encoded word of 64 characters, which leaves room for the name of a header.
const CHUNK: usize = 39;

/// A header as it goes into a mail, or nothing if it cannot have this name.
pub(super) fn header(name: &str, value: &str) -> Option<HeaderValue> {
    if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let value = line(value);
    let fits = cut(&value, longest(name, &value));
    let encoded = match name.to_ascii_lowercase().as_str() {
        "from" | "to" | "cc" | "bcc" | "reply-to" | "sender" => addresses(&fits).unwrap_or_else(|| encode(&fits)),
        // Names of mails stand as they are; an encoded one would be another.
        "message-id" | "references" | "in-reply-to" if is_plain(&value) => fold(value.get(..NAMES).unwrap_or(&value)),
        _ => encode(&fits),
    };
    let name = HeaderName::new_from_ascii(name.to_owned()).ok()?;
    Some(HeaderValue::dangerous_new_pre_encoded(name, value, encoded))
}

/// How many characters of this header go out, if not all.
pub(super) fn too_long(name: &str, value: &str) -> Option<usize> {
    let value = line(value);
    let longest = longest(name, &value);
    value.chars().nth(longest).map(|_| longest)
}

/// How many characters of a header go out at most.
fn longest(name: &str, value: &str) -> usize {
    match name.to_ascii_lowercase().as_str() {
        "from" | "to" | "cc" | "bcc" | "reply-to" | "sender" if addresses(value).is_some() => usize::MAX,
        "message-id" | "references" | "in-reply-to" if is_plain(value) => NAMES,
        "subject" => SUBJECT,
        _ => LONGEST,
    }
}

/// The text as one line: breaks and control characters become blanks, what turns the direction of writing goes.
pub(super) fn line(text: &str) -> String {
    let visible = text.trim_end_matches(char::is_control).chars().filter(|c| !turns_direction(*c));
    let line: String =
        visible.map(|c| if c.is_control() || "\u{2028}\u{2029}".contains(c) { ' ' } else { c }).collect();
    // Alertmanager's default subject may end with a blank, which is kept.
    line.trim_start().to_owned()
}

/// Whether a character changes the direction in which the text around it is shown.
pub(super) fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The first so many characters, the last of them `…` if there were more.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().nth(longest).is_none() {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

/// A list of addresses with the names encoded; nothing if it is no such list.
fn addresses(text: &str) -> Option<String> {
    let list: Result<Vec<_>, _> = read_list(text).into_iter().collect();
    let list = list.ok().filter(|list| !list.is_empty())?;
    let shown: Vec<_> = list.iter().map(shown).collect();
    Some(shown.join(",\r\n "))
}

fn shown(mailbox: &Mailbox) -> String {
    let Mailbox { name, address } = mailbox;
    if name.is_empty() {
        return address.to_string();
    }
    let phrase = match encode(name) {
        plain if plain == *name => format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\"")),
        encoded => encoded,
    };
    format!("{phrase} <{address}>")
}

/// The text as it is where that is safe, else in encoded words; folded.
fn encode(text: &str) -> String {
    let keeps = is_plain(text)
        && !text.contains("=?")
        && !text.contains("  ")
        && text.split(' ').all(|word| word.len() <= WORD);
    if keeps { fold(text) } else { encoded_words(text) }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    // The name of the header stands before the first line.
    let mut column = 20;
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            // A line of nothing but a blank would end the headers for some.
            let fits = word.is_empty() || column + 1 + word.len() <= LINE;
            out.push_str(if fits { " " } else { "\r\n " });
            column = if fits { column + 1 } else { 1 };
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > CHUNK {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    let words: Vec<_> = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: &str) -> String {
        let mut headers = lettre::message::header::Headers::new();
        headers.insert_raw(header(name, value).unwrap());
        headers.to_string()
    }

    #[test]
    fn headers_are_one_line_that_says_only_itself() {
        let rows = [
            ("Subject", "[FIRING:1] R1 (c)", "Subject: [FIRING:1] R1 (c)\r\n"),
            ("Subject", " padded\n", "Subject: padded\r\n"),
            ("Subject", "[FIRING:1] R1 ", "Subject: [FIRING:1] R1 \r\n"),
            (
                "Subject",
                "a\r\nBcc: x@y.example\r\n\r\n<b>",
                "Subject: =?utf-8?B?YSAgQmNjOiB4QHkuZXhhbXBsZSAgICA8Yj4=?=\r\n",
            ),
            ("Subject", "a\u{0}b\u{202e}c\u{2066}\u{85}d\u{2028}e", "Subject: a bc d e\r\n"),
            ("Subject", "Sub é", "Subject: =?utf-8?B?U3ViIMOp?=\r\n"),
            ("Subject", "=?utf-8?q?x?=", "Subject: =?utf-8?B?PT91dGYtOD9xP3g/PQ==?=\r\n"),
            ("To", "Shift, nobody", "To: Shift, nobody\r\n"),
            ("To", "a@b.example,Shift <c@d.example>", "To: a@b.example,\r\n \"Shift\" <c@d.example>\r\n"),
            ("From", "Köln <a@b.example>", "From: =?utf-8?B?S8O2bG4=?= <a@b.example>\r\n"),
            ("From", r#""a \"b\"" <a@b.example>"#, "From: \"a \\\"b\\\"\" <a@b.example>\r\n"),
            ("X-Empty", "", "X-Empty: \r\n"),
        ];
        for (name, value, expected) in rows {
            assert_eq!(written(name, value), expected, "{value:?}");
        }
        for name in ["", "X Y", "X:Y", "X\r\nY", "Ü"] {
            assert!(header(name, "v").is_none(), "{name:?}");
        }
    }

    #[test]
    fn subjects_are_cut_and_no_line_is_long() {
        assert_eq!(cut(&"ü".repeat(200), 200), "ü".repeat(200));
        assert_eq!(cut(&"ü".repeat(201), 200), format!("{}…", "ü".repeat(199)));
        let words = "word ".repeat(100);
        for (name, longest) in [("subject", 200), ("X-Note", 2000), ("References", 900), ("To", 2000)] {
            assert_eq!(too_long(name, &"x".repeat(longest + 1)), Some(longest), "{name}");
            assert_eq!(too_long(name, &"x".repeat(longest)), None, "{name}");
        }
        let many = vec!["a@plant.example"; 200].join(", ");
        assert_eq!((too_long("To", &many), written("To", &many).matches("@plant").count()), (None, 200));
        assert!(written("To", &"nobody ".repeat(1000)).len() < 4000);
        for value in [&"x".repeat(5000), &"ü".repeat(5000), &"😀".repeat(300), &words, "a"] {
            for name in ["Subject", "X-Note"] {
                let text = written(name, value);
                assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
                assert!(!text.trim_end_matches("\r\n").contains("\r\n\r\n"));
            }
        }
    }
}
