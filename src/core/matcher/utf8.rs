//! The UTF-8 grammar: any text may be a name or a value, if it is quoted where it must be.
//!
//! Errors name the columns, in characters, of what was found, and what was expected there.

use super::{MatcherError, Op, Parts, Read};
use crate::core::quote;

const OPERATOR: &str = "expected an operator such as '=', '!=', '=~' or '!~'";
const CLOSE_BRACE: &str = "expected close brace";

/// What ends a bare word: white space and the characters that the grammar uses.
pub(super) fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

/// Reads a list of matchers, with braces around it or none.
pub(super) fn matchers(input: &str) -> Read {
    let mut read = Vec::new();
    let error = list(&mut Tokens { rest: input, column: 0, last_end: 0 }, &mut read).err();
    (read, error.map(MatcherError::Syntax))
}

fn list(tokens: &mut Tokens<'_>, read: &mut Vec<Parts>) -> Result<(), String> {
    let braced = tokens.accept(Kind::OpenBrace)?;
    match tokens.peek()? {
        None => return close(tokens, braced),
        Some(token) if token.kind == Kind::CloseBrace => return close(tokens, braced),
        Some(_) => {}
    }
    loop {
        read.push(matcher(tokens)?);
        let expected = "expected a comma or close brace";
        match tokens.peek().map_err(|error| also(error, expected))? {
            Some(token) if token.kind == Kind::Comma => tokens.skip(token),
            Some(token) if token.kind != Kind::CloseBrace => return Err(also(token.unexpected(), expected)),
            _ => return close(tokens, braced),
        }
        let expected = "expected a matcher or close brace after comma";
        match tokens.peek().map_err(|error| also(error, expected))? {
            Some(token) if matches!(token.kind, Kind::Quoted | Kind::Bare) => {}
            Some(token) if token.kind != Kind::CloseBrace => return Err(also(token.unexpected(), expected)),
            _ => return close(tokens, braced),
        }
    }
}

/// Takes the closing brace if and only if there was an opening one, and then the end of the input.
fn close(tokens: &mut Tokens<'_>, braced: bool) -> Result<(), String> {
    let found = tokens.accept(Kind::CloseBrace)?;
    let end = tokens.last_end;
    match (braced, found) {
        (true, false) => return Err(format!("0:{end}: end of input: {CLOSE_BRACE}")),
        (false, true) => return Err(format!("0:{end}: }}: expected opening brace")),
        (true, true) | (false, false) => {}
    }
    let expected = "expected end of input";
    match tokens.peek().map_err(|error| also(error, expected))? {
        None => Ok(()),
        Some(Token { start, end, text, .. }) => Err(format!("{start}:{end}: {text}: {expected}")),
    }
}

fn matcher(tokens: &mut Tokens<'_>) -> Result<Parts, String> {
    let name = text(tokens, "expected label name")?;
    let op = tokens.expect(OPERATOR, |kind| match kind {
        Kind::Op(op) => Some(op),
        _ => None,
    })?;
    let value = text(tokens, "expected label value")?;
    Ok(Parts { name, op: op.0, value })
}

fn text(tokens: &mut Tokens<'_>, expected: &str) -> Result<String, String> {
    let (quoted, Token { start, end, text, .. }) = tokens.expect(expected, |kind| match kind {
        Kind::Quoted => Some(true),
        Kind::Bare => Some(false),
        _ => None,
    })?;
    if !quoted {
        return Ok(text.to_owned());
    }
    quote::unquote(text).ok_or_else(|| format!("{start}:{end}: {text}: invalid input"))
}

fn also(found: String, expected: &str) -> String {
    format!("{found}: {expected}")
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    OpenBrace,
    CloseBrace,
    Comma,
    Op(Op),
    Quoted,
    Bare,
}

/// A token with its columns, the end not included.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    end: usize,
    /// What follows it.
    rest: &'a str,
}

impl Token<'_> {
    fn unexpected(&self) -> String {
        format!("{}:{}: unexpected {}", self.start, self.end, self.text)
    }
}

struct Tokens<'a> {
    rest: &'a str,
    column: usize,
    /// Where the token ended that was taken last.
    last_end: usize,
}

impl<'a> Tokens<'a> {
    /// The next token, which stays the next one; nothing at the end of the input.
    fn peek(&self) -> Result<Option<Token<'a>>, String> {
        let trimmed = self.rest.trim_start();
        let start = self.column + self.rest.chars().take_while(|c| c.is_whitespace()).count();
        let Some(first) = trimmed.chars().next() else { return Ok(None) };
        let (kind, len) = match first {
            '{' => (Kind::OpenBrace, 1),
            '}' => (Kind::CloseBrace, 1),
            ',' => (Kind::Comma, 1),
            '=' if trimmed.starts_with("=~") => (Kind::Op(Op::Regex), 2),
            '=' => (Kind::Op(Op::Equal), 1),
            '!' => match trimmed.get(1..).and_then(|after| after.chars().next()) {
                Some('=') => (Kind::Op(Op::NotEqual), 2),
                Some('~') => (Kind::Op(Op::NotRegex), 2),
                Some(_) => return Err(format!("{start}:{}: !: expected one of '=~'", start + 1)),
                None => return Err(format!("{start}:{}: unexpected end of input, expected one of '=~'", start + 1)),
            },
            '"' => match quoted_len(trimmed) {
                Some(len) => (Kind::Quoted, len),
                None => {
                    let end = start + trimmed.chars().count();
                    return Err(format!("{start}:{end}: {trimmed}: missing end \""));
                }
            },
            c if is_reserved(c) => return Err(format!("{start}:{}: {c}: invalid input", start + 1)),
            _ => (Kind::Bare, trimmed.find(is_reserved).unwrap_or(trimmed.len())),
        };
        // The length ends behind a whole character, so the text always splits.
        let (text, rest) = trimmed.split_at_checked(len).unwrap_or((trimmed, ""));
        Ok(Some(Token { kind, text, start, end: start + text.chars().count(), rest }))
    }

    fn skip(&mut self, token: Token<'a>) {
        self.rest = token.rest;
        self.column = token.end;
        self.last_end = token.end;
    }

    /// Takes the next token if it is of this kind.
    fn accept(&mut self, kind: Kind) -> Result<bool, String> {
        let token = self.peek()?.filter(|token| token.kind == kind);
        if let Some(token) = token {
            self.skip(token);
        }
        Ok(token.is_some())
    }

    /// Takes the next token if `wanted` has a use for its kind.
    fn expect<T>(&mut self, expected: &str, wanted: impl Fn(Kind) -> Option<T>) -> Result<(T, Token<'a>), String> {
        let token = self
            .peek()
            .and_then(|token| token.ok_or_else(|| "end of input".to_owned()))
            .map_err(|error| also(error, expected))?;
        let Some(found) = wanted(token.kind) else { return Err(also(token.unexpected(), expected)) };
        self.skip(token);
        Ok((found, token))
    }
}

/// How long the quoted text is that begins here, quotes included; nothing if it does not end.
fn quoted_len(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at + 1)
    })
}
