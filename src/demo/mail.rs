//! Reads a mail as far as the demo shows it: the subject, and the text part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::heard::{By, Heard};

/// How many lines of the text are shown.
const SHOWN: usize = 5;

/// What a mail says to whom.
pub fn heard(message: &str, to: &[String]) -> Heard {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    let subject = decoded_words(&header(head, "Subject"));
    let text = text_part(head, body);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != subject);
    let details = lines.take(SHOWN).map(str::to_owned).collect();
    Heard { by: By::Mail, headline: format!("to {}: {subject}", to.join(", ")), details }
}

/// A header's value on one line; empty where it is not there.
fn header(head: &str, name: &str) -> String {
    let mut value = String::new();
    let mut within = false;
    for line in head.lines() {
        if line.starts_with([' ', '\t']) {
            if within {
                value.push(' ');
                value += line.trim();
            }
            continue;
        }
        let field = line.split_once(':');
        within = field.is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        if let (true, Some((_, rest))) = (within, field) {
            value += rest.trim();
        }
    }
    value
}

/// The `text/plain` part, decoded; or the whole body where there are no parts.
fn text_part(head: &str, body: &str) -> String {
    let kind = header(head, "Content-Type");
    let Some((_, boundary)) = kind.split_once("boundary=") else {
        return decoded(body, &header(head, "Content-Transfer-Encoding"));
    };
    let boundary = boundary.trim_start_matches('"').split(['"', ';']).next().unwrap_or_default();
    for part in body.split(&format!("--{boundary}")).skip(1) {
        let (head, body) = part.trim_start().split_once("\n\n").unwrap_or(("", part));
        let kind = header(head, "Content-Type");
        if kind.starts_with("text/plain") || kind.starts_with("multipart/") {
            return text_part(head, body);
        }
    }
    String::new()
}

fn decoded(body: &str, encoding: &str) -> String {
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => from_base64(&body.split_whitespace().collect::<String>()),
        "quoted-printable" => from_quoted(&body.replace("=\n", "")),
        _ => body.to_owned(),
    }
}

fn from_base64(text: &str) -> String {
    STANDARD.decode(text).map_or_else(|_| text.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Text in which `=` and two hexadecimal digits stand for a byte.
fn from_quoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'='));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A header with its encoded words (`=?utf-8?b?…?=`) decoded.
fn decoded_words(value: &str) -> String {
    let mut out = String::new();
    for word in value.split(' ') {
        let inner = word.strip_prefix("=?").and_then(|word| word.strip_suffix("?="));
        let parts = inner.map(|inner| inner.splitn(3, '?').collect::<Vec<_>>());
        match parts.as_deref() {
            Some([_, "b" | "B", text]) => out += &from_base64(text),
            Some([_, "q" | "Q", text]) => out += &from_quoted(&text.replace('_', " ")),
            _ if out.is_empty() => out += word,
            _ => {
                out.push(' ');
                out += word;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_part_is_found_and_decoded() {
        let mail = "From: a@b\nSubject: [CRITICAL] Pump\n =?utf-8?b?w7xiZXI=?=\nContent-Type: multipart/alternative;\n \
                    boundary=\"xyz\"\n\n--xyz\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: \
                    quoted-printable\n\nAsset: Pump =3D 5=C2=B0\nand a long=\n line\n\n--xyz\nContent-Type: text/html\n\n<p>no\n--xyz--\n";
        let heard = heard(mail, &["s@plant".into()]);
        assert_eq!(heard.headline, "to s@plant: [CRITICAL] Pumpüber");
        assert_eq!(heard.details, ["Asset: Pump = 5°", "and a long line"]);
        assert_eq!(super::heard("Subject: a\n\nplain\n", &[]).details, ["plain"]);
        assert_eq!(super::heard("Subject: a\nContent-Transfer-Encoding: base64\n\naGk=\n", &[]).details, ["hi"]);
        assert_eq!(super::heard("", &[]).headline, "to : ");
    }
}
