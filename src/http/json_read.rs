//! Reads JSON as Go's decoder does, so that whoever talked to Alertmanager is understood here too.
//!
//! Text after the first value is not looked at, keys may come twice, strings may hold what is no character (the body is
//! repaired first, a lone surrogate becomes U+FFFD). Nothing is built: the caller asks for what it expects, in order, and
//! gets [`Span`]s of text. A value of a wrong kind is not an error of the reader: the caller notes it and goes on, since
//! Go reports an error of syntax, even a later one, before an error of kind.

use std::borrow::Cow;

use crate::core::quote::{Quoted, is_printable};

/// Go's limit on nesting.
const MAX_DEPTH: usize = 10_000;

/// The text is not JSON; says what was met, in the words of Go's decoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SyntaxError(pub String);

type Result<T> = std::result::Result<T, SyntaxError>;

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// `[`
    Array,
    /// `{`
    Object,
}

impl Kind {
    /// Go's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// Where the content of a string stands: in the text, or among the strings that had escapes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
    unescaped: bool,
}

/// A position in a JSON text.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    unescaped: String,
}

/// What a finished [`Reader`] leaves: the texts behind its spans.
pub struct Texts<'a> {
    text: &'a str,
    unescaped: String,
}

impl Texts<'_> {
    /// The content of a string.
    pub fn get(&self, span: Span) -> &str {
        let text = if span.unescaped { &self.unescaped } else { self.text };
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// Whether a key is the field that Go's decoder would read it into: the case of letters does not matter, nor that of the
/// two letters beyond ASCII that fold to one in it.
pub fn same_key(key: &str, field: &str) -> bool {
    let folded = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.eq_ignore_ascii_case(field) || !key.is_ascii() && key.chars().map(folded).eq(field.chars().map(folded))
}

/// Makes text of a body: each byte that is no character becomes U+FFFD, as in Go.
pub fn repaired(body: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(body.len() + 64);
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

impl<'a> Reader<'a> {
    /// At the start of a text of less than 4 GiB; what is beyond is not read.
    pub fn new(text: &'a str) -> Self {
        let text = if u32::try_from(text.len()).is_ok() { text } else { "" };
        Self { text, at: 0, unescaped: String::new() }
    }

    /// Ends reading; whatever text is left does not matter.
    pub fn finish(self) -> Texts<'a> {
        Texts { text: self.text, unescaped: self.unescaped }
    }

    /// The content of a string that was read.
    pub fn text(&self, span: Span) -> &str {
        let text = if span.unescaped { &self.unescaped } else { self.text };
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Whether nothing but white space is left.
    pub fn at_end(&mut self) -> bool {
        self.skip_space();
        self.peek().is_none()
    }

    /// The kind of the value that comes next.
    pub fn kind(&mut self) -> Result<Kind> {
        self.skip_space();
        Ok(match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => return Err(self.unexpected("looking for beginning of value")),
        })
    }

    /// Reads an object; `field` is called behind each key and reads its value.
    pub fn object<E: From<SyntaxError>>(
        &mut self,
        mut field: impl FnMut(&mut Self, Span) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.at += 1;
        self.skip_space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            field(self, key)?;
            self.skip_space();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.unexpected("after object key:value pair").into());
            }
        }
    }

    /// Reads an array; `item` is called before each value and reads it.
    pub fn array<E: From<SyntaxError>>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.at += 1;
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            self.skip_space();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.unexpected("after array element").into());
            }
        }
    }

    /// Reads a string: [`Kind::String`] comes next.
    pub fn string(&mut self) -> Result<Span> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let end = self.at;
            self.at += 1;
            return Ok(span(start, end, false));
        }
        let from = self.unescaped.len();
        self.unescaped.push_str(self.text.get(start..self.at).unwrap_or_default());
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(span(from, self.unescaped.len(), true));
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(self.unexpected("in string")),
            }
            let plain = self.at;
            self.skip_plain();
            self.unescaped.push_str(self.text.get(plain..self.at).unwrap_or_default());
        }
    }

    /// Reads `true` or `false`: [`Kind::Bool`] comes next.
    pub fn boolean(&mut self) -> Result<bool> {
        let value = self.peek() == Some(b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads over a value of any kind.
    pub fn skip(&mut self) -> Result<()> {
        // Which of the open values are objects; nesting is bounded, the stack of the thread is not used.
        let mut open: Vec<bool> = Vec::new();
        loop {
            match self.kind()? {
                kind @ (Kind::Object | Kind::Array) => {
                    self.at += 1;
                    self.skip_space();
                    let object = kind == Kind::Object;
                    if !self.take(if object { b'}' } else { b']' }) {
                        if open.len() == MAX_DEPTH {
                            return Err(SyntaxError("exceeded max depth".into()));
                        }
                        open.push(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Kind::String => drop(self.string()?),
                Kind::Number => self.number()?,
                Kind::Bool => drop(self.boolean()?),
                Kind::Null => self.literal("null")?,
            }
            if !self.next_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Closes what ends here; whether another value of an open array or object comes.
    fn next_value(&mut self, open: &mut Vec<bool>) -> Result<bool> {
        while let Some(&object) = open.last() {
            self.skip_space();
            if self.take(if object { b'}' } else { b']' }) {
                open.pop();
            } else if self.take(b',') {
                if object {
                    self.key()?;
                }
                return Ok(true);
            } else {
                return Err(self.unexpected(if object {
                    "after object key:value pair"
                } else {
                    "after array element"
                }));
            }
        }
        Ok(false)
    }

    fn key(&mut self) -> Result<Span> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("looking for beginning of object key string"));
        }
        let key = self.string()?;
        self.skip_space();
        if self.take(b':') { Ok(key) } else { Err(self.unexpected("after object key")) }
    }

    fn number(&mut self) -> Result<()> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected("in numeric literal")) } else { Ok(()) }
    }

    fn literal(&mut self, word: &str) -> Result<()> {
        for byte in word.bytes() {
            if !self.take(byte) {
                let context = format!("in literal {word} (expecting '{}')", char::from(byte));
                return Err(self.unexpected(&context));
            }
        }
        Ok(())
    }

    /// Reads one escape; a lone surrogate becomes U+FFFD.
    fn escape(&mut self) -> Result<()> {
        let start = self.at;
        self.at += 1;
        let simple = match self.peek() {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'u') => {
                self.at += 1;
                let c = self.unicode(start)?;
                self.unescaped.push(c);
                return Ok(());
            }
            _ => return Err(self.bad_escape(start, 2)),
        };
        self.at += 1;
        self.unescaped.push(simple);
        Ok(())
    }

    fn unicode(&mut self, start: usize) -> Result<char> {
        let first = self.hex4(start)?;
        if let (0xD800..=0xDBFF, Some(b"\\u")) = (first, self.text.as_bytes().get(self.at..self.at + 2)) {
            let back = self.at;
            self.at += 2;
            let second = self.hex4(back)?;
            if (0xDC00..=0xDFFF).contains(&second) {
                let code = 0x1_0000 + ((first - 0xD800) << 10 | (second - 0xDC00));
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Four hexadecimal digits of the escape that begins at `start`.
    fn hex4(&mut self, start: usize) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.bad_escape(start, 6));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// Moves to the next byte of a string that is not plain: a quote, a backslash, a control character, or the end.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (words, last) = rest.as_chunks();
        let found = words.iter().position(|word| not_plain(*word) != 0);
        let (whole, last) = match found.and_then(|at| Some((at, words.get(at)?))) {
            Some((at, word)) => (at, &word[..]),
            None => (words.len(), last),
        };
        let plain = last.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        self.at += 8 * whole + plain.unwrap_or(last.len());
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// An escape that is none, shown with as many bytes as it should have had.
    fn bad_escape(&self, start: usize, length: usize) -> SyntaxError {
        let Some(shown) = self.text.as_bytes().get(start..start + length) else {
            return SyntaxError("unexpected EOF".into());
        };
        match std::str::from_utf8(shown) {
            Ok(text) if text.chars().all(|c| c != '`' && c != ' ' && is_printable(c)) => {
                SyntaxError(format!("invalid escape sequence `{text}` in string"))
            }
            _ => SyntaxError(format!("invalid escape sequence {} in string", quoted_bytes(shown))),
        }
    }

    fn unexpected(&self, context: &str) -> SyntaxError {
        let Some(found) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            return SyntaxError("unexpected EOF".into());
        };
        SyntaxError(match found {
            '\'' => format!("invalid character '\\'' {context}"),
            '"' => format!("invalid character '\"' {context}"),
            _ => {
                let quoted = Quoted(found.encode_utf8(&mut [0; 4])).to_string();
                format!("invalid character '{}' {context}", without_quotes(&quoted))
            }
        })
    }
}

fn without_quotes(quoted: &str) -> &str {
    quoted.get(1..quoted.len() - 1).unwrap_or_default()
}

/// Bytes in quotes, as Go shows them; what is no character as a byte each.
fn quoted_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        out.push_str(without_quotes(&Quoted(chunk.valid()).to_string()));
        out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

fn span(start: usize, end: usize, unescaped: bool) -> Span {
    // A text has less than 4 GiB, and what is unescaped is shorter than what it came from.
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: place(start), end: place(end), unescaped }
}
/// Not zero if one of the bytes is a quote, a backslash or a control character: what is read most is read eight bytes at a
/// time. A byte is zero where taking one from it borrows although its highest bit is not set.
fn not_plain(word: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(word);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (is(b'"') | is(b'\\') | below(word, 0x20)) & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_the_first_byte_that_is_not_plain_wherever_it_stands() {
        for length in 0..20 {
            for (at, filler) in (0..length).flat_map(|at| [' ', 'x', '\u{7f}', 'é'].map(|filler| (at, filler))) {
                for byte in 0..0x80_u8 {
                    let mut text: String = std::iter::repeat_n(filler, length).collect();
                    let begins = at * filler.len_utf8();
                    text.replace_range(begins..begins + filler.len_utf8(), char::from(byte).to_string().as_str());
                    let mut reader = Reader::new(&text);
                    reader.skip_plain();
                    let plain = !matches!(byte, b'"' | b'\\' | 0..0x20);
                    assert_eq!(reader.at, if plain { text.len() } else { begins }, "{text:?}");
                }
            }
        }
    }
}
