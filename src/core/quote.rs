//! Strings in quotes, as Go writes and reads them.
//!
//! Alertmanager quotes with Go's rules in group keys, matchers and error texts, and clients compare those texts, so the
//! rules are kept to the letter: what Go takes for printable stays as it is, everything else becomes an escape.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, HirKind};

/// Shows a string as a Go string literal, quotes included.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\x07' => f.write_str("\\a")?,
                '\x08' => f.write_str("\\b")?,
                '\x0c' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\x0b' => f.write_str("\\v")?,
                c if is_printable(c) => f.write_char(c)?,
                c if c.is_ascii() => write!(f, "\\x{:02x}", u32::from(c))?,
                c if u32::from(c) < 0x1_0000 => write!(f, "\\u{:04x}", u32::from(c))?,
                c => write!(f, "\\U{:08x}", u32::from(c))?,
            }
        }
        f.write_char('"')
    }
}

/// What a Go string literal in double quotes says. Nothing where Go would refuse the literal: without its quotes, with
/// a raw newline or a bare quote in it, with an escape that Go does not know, or where the bytes are not UTF-8.
pub fn unquote(literal: &str) -> Option<String> {
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some(c) = take_char(&mut rest) {
        match c {
            '"' | '\n' => return None,
            '\\' => take_escape(&mut rest, &mut bytes)?,
            c => push_char(&mut bytes, c),
        }
    }
    String::from_utf8(bytes).ok()
}

fn take_escape(rest: &mut &str, bytes: &mut Vec<u8>) -> Option<()> {
    let byte = match take_char(rest)? {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        'x' => u8::try_from(take_number(rest, 2, 16)?).ok()?,
        'u' => {
            push_char(bytes, char::from_u32(take_number(rest, 4, 16)?)?);
            return Some(());
        }
        'U' => {
            push_char(bytes, char::from_u32(take_number(rest, 8, 16)?)?);
            return Some(());
        }
        first @ '0'..='7' => {
            let high = first.to_digit(8)? * 64;
            u8::try_from(high + take_number(rest, 2, 8)?).ok()?
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(())
}

fn take_number(rest: &mut &str, digits: usize, radix: u32) -> Option<u32> {
    let mut number = 0_u32;
    for _ in 0..digits {
        // Eight hexadecimal digits fit 32 bits, so this cannot overflow.
        number = number * radix + take_char(rest)?.to_digit(radix)?;
    }
    Some(number)
}

fn take_char(rest: &mut &str) -> Option<char> {
    let mut chars = rest.chars();
    let c = chars.next()?;
    *rest = chars.as_str();
    Some(c)
}

fn push_char(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols, and of all spaces only the ASCII one.
pub fn is_printable(c: char) -> bool {
    static PRINTABLE: LazyLock<ClassUnicode> = LazyLock::new(|| {
        let parsed = regex_syntax::parse(r"[\pL\pM\pN\pP\pS]").map(|hir| hir.into_kind());
        match parsed {
            Ok(HirKind::Class(Class::Unicode(class))) => class,
            // The pattern is constant and a test sees that it is a class.
            _ => ClassUnicode::empty(),
        }
    });
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    let ranges = PRINTABLE.ranges();
    let after = ranges.partition_point(|range| range.start() <= c);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|range| c <= range.end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, quoted) in [
            ("", r#""""#),
            ("plain ~", r#""plain ~""#),
            ("\"\\", r#""\"\\""#),
            ("\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#),
            ("\0\x01\x1f\x7f", r#""\x00\x01\x1f\x7f""#),
            ("\u{85}\u{a0}\u{ad}\u{200b}\u{2028}\u{feff}", r#""\u0085\u00a0\u00ad\u200b\u2028\ufeff""#),
            ("éΣ\u{301}½§€🙂\u{fffd}", "\"éΣ\u{301}½§€🙂\u{fffd}\""),
            ("\u{e000}\u{f0000}\u{10ffff}", r#""\ue000\U000f0000\U0010ffff""#),
        ] {
            assert_eq!(Quoted(text).to_string(), quoted);
        }
    }

    #[test]
    fn unquotes_what_go_unquotes() {
        for (literal, text) in [
            (r#""""#, Some("")),
            (r#""a b'`""#, Some("a b'`")),
            (r#""\a\b\f\n\r\t\v\\\"""#, Some("\x07\x08\x0c\n\r\t\x0b\\\"")),
            (r#""\x41\101\u00e9\U0001F642""#, Some("AAé🙂")),
            (r#""\xf0\x9f\x99\x82""#, Some("🙂")),
            (r#""\xf0\x9f""#, None),
            (r#""\377""#, None),
            (r#""\400""#, None),
            (r#""\78""#, None),
            (r#""\ud800""#, None),
            (r#""\U00110000""#, None),
            (r#""\d""#, None),
            (r#""\'""#, None),
            (r#""\""#, None),
            (r#""a"b""#, None),
            ("\"\n\"", None),
            ("\"", None),
            ("a", None),
        ] {
            assert_eq!(unquote(literal).as_deref(), text, "{literal}");
        }
    }

    proptest! {
        #[test]
        fn unquoting_gives_back_what_was_quoted(text in any::<String>()) {
            prop_assert_eq!(unquote(&Quoted(&text).to_string()), Some(text));
        }

        #[test]
        fn unquoting_never_panics(text in any::<String>()) {
            unquote(&text);
            unquote(&format!("\"{text}\""));
        }
    }
}
