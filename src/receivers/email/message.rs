//! Makes the mail: headers, and the text as quoted-printable parts.

use lettre::message::header::{ContentDisposition, ContentTransferEncoding, ContentType, Headers};
use lettre::message::{Body, MultiPart, SinglePart};

use super::calendar::Entry;
use super::header::{header, turns_direction};

/// What a mail says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// The configured headers; Subject, To and From are among them.
    pub(super) headers: Vec<(String, String)>,
    /// The plain text, or empty.
    pub(super) text: String,
    /// The page, or empty.
    pub(super) html: String,
    /// What goes into a calendar, if anything does.
    pub(super) calendar: Option<Entry>,
}

/// What a mail is, beside what it says.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// With the angle brackets.
    pub(super) message_id: String,
    /// As mail has dates.
    pub(super) date: String,
    /// The mail that all mails of the thread answer, if they are to stand together.
    pub(super) answers: Option<String>,
}

/// These describe the parts; a configured one would break the mail.
const OURS: [&str; 3] = ["Content-Type", "Content-Transfer-Encoding", "MIME-Version"];

/// The mail, each line of it ending with CRLF.
pub(super) fn write(texts: &Texts, frame: &Frame) -> Vec<u8> {
    let given = |name: &str| texts.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let mut all: Vec<(&str, &str)> = Vec::new();
    all.extend(texts.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.retain(|(name, _)| !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)));
    let mut add = |name, value| {
        if !given(name) {
            all.push((name, value));
        }
    };
    add("Message-Id", &frame.message_id);
    if let Some(first) = &frame.answers {
        add("References", first);
        add("In-Reply-To", first);
    }
    add("Date", &frame.date);
    // So that no absence notice answers.
    add("Auto-Submitted", "auto-generated");
    all.push(("MIME-Version", "1.0"));
    let mut headers = Headers::new();
    for (name, value) in all {
        match header(name, value) {
            Some(header) => headers.insert_raw(header),
            None => tracing::warn!(header = name, "This is no name of a mail's header; it was left out"),
        }
    }
    let mut out = headers.to_string().into_bytes();
    out.extend(parts(texts).formatted());
    out
}

fn parts(texts: &Texts) -> MultiPart {
    let (text, html) = (ContentType::TEXT_PLAIN, ContentType::TEXT_HTML);
    let alternative = MultiPart::alternative();
    let said = match (texts.text.is_empty(), texts.html.is_empty()) {
        (_, true) => alternative.singlepart(part(text, &texts.text)),
        (true, false) => alternative.singlepart(part(html, &texts.html)),
        (false, false) => alternative.singlepart(part(text, &texts.text)).singlepart(part(html, &texts.html)),
    };
    match texts.calendar.as_ref().and_then(attached) {
        Some(calendar) => MultiPart::mixed().multipart(said).singlepart(calendar),
        None => said,
    }
}

/// A calendar entry as a file.
fn attached(entry: &Entry) -> Option<SinglePart> {
    let content_type = ContentType::parse(&format!("text/calendar; charset=utf-8; method={}", entry.method)).ok()?;
    let encoding = ContentTransferEncoding::Base64;
    let body = Body::new_with_encoding(entry.text.clone().into_bytes(), encoding).ok()?;
    let name = ContentDisposition::attachment("work-order.ics");
    Some(SinglePart::builder().header(encoding).header(content_type).header(name).body(body))
}

fn part(content_type: ContentType, text: &str) -> SinglePart {
    // A quoted-printable body can hold any text; the other arm is never reached.
    let encoding = ContentTransferEncoding::QuotedPrintable;
    let body = Body::new_with_encoding(lines(text), encoding).unwrap_or_else(Body::new);
    SinglePart::builder().header(encoding).header(content_type).body(body)
}

/// The text with CRLF at the end of its lines, and without characters that cannot be seen but do something.
fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut last = ' ';
    for c in text.chars() {
        match c {
            '\n' if last == '\r' => {}
            '\n' | '\r' => out.push_str("\r\n"),
            '\t' => out.push(c),
            // Right-to-left marks are part of some languages; overrides only deceive.
            '\u{200E}' | '\u{200F}' | '\u{061C}' => out.push(c),
            c if turns_direction(c) => {}
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
        last = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame { message_id: "<1@b.example>".into(), date: "Sun, 22 Nov 2026 14:48:28 +0000".into(), answers: None }
    }

    fn texts(headers: &[(&str, &str)], text: &str, html: &str) -> Texts {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Texts { headers, text: text.into(), html: html.into(), calendar: None }
    }

    fn written(texts: &Texts, frame: &Frame) -> String {
        String::from_utf8(write(texts, frame)).unwrap()
    }

    #[test]
    fn a_mail_has_its_headers_once() {
        let texts =
            texts(&[("Subject", "s"), ("message-id", "<own@x>"), ("Content-Type", "text/evil"), ("X Y", "v")], "t", "");
        let mail = written(&texts, &Frame { answers: Some("<alert-1-@alertmanager>".into()), ..frame() });
        let (headers, _) = mail.split_once("\r\n\r\n").unwrap();
        let (content_type, others): (Vec<_>, Vec<_>) =
            headers.split("\r\n").partition(|line| line.starts_with("Content-Type") || line.starts_with(' '));
        assert!(content_type[0].starts_with("Content-Type: multipart/alternative;"), "{content_type:?}");
        let expected = [
            "Subject: s",
            "message-id: <own@x>",
            "References: <alert-1-@alertmanager>",
            "In-Reply-To: <alert-1-@alertmanager>",
            "Date: Sun, 22 Nov 2026 14:48:28 +0000",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ];
        assert_eq!(others, expected);
    }

    #[test]
    fn parts_are_those_that_say_something() {
        let rows = [("t", "<p>", 1, 1), ("t", "", 1, 0), ("", "<p>", 0, 1), ("", "", 1, 0)];
        for (text, html, plain, pages) in rows {
            let mail = written(&texts(&[], text, html), &frame());
            assert_eq!(mail.matches("Content-Type: text/plain; charset=utf-8").count(), plain, "{mail}");
            assert_eq!(mail.matches("Content-Type: text/html; charset=utf-8").count(), pages, "{mail}");
            assert_eq!(mail.matches("Content-Transfer-Encoding: quoted-printable").count(), plain + pages);
        }
    }

    #[test]
    fn bodies_are_ascii_with_short_lines() {
        let text = format!("é\n.\r\nx\ry\n{}\n\u{0}\u{202e}\u{200f}\tend=", "long ".repeat(1000));
        let mail = written(&texts(&[], &text, &text), &frame());
        assert!(
            mail.is_ascii() && mail.split("\r\n").all(|line| line.len() <= 78 && !line.contains(['\r', '\n'])),
            "{mail}"
        );
        assert!(mail.contains("=C3=A9\r\n.\r\nx\r\ny\r\nlong"), "{mail}");
        assert!(mail.contains("=EF=BF=BD=E2=80=8F\tend=3D"), "{mail}");
    }
}
