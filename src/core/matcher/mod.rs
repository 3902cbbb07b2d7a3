//! Matchers: what a label must look like.
//!
//! A [`Matcher`] is parsed and compiled once and compared often: comparing allocates nothing, and patterns that stand for
//! a few fixed texts are looked up instead of searched for. There are two grammars, [`classic`] and [`utf8`]; which of
//! them reads an input, and which wins where both do, is the [`Mode`]'s matter and decided here.

mod classic;
pub mod index;
pub mod pattern;
mod utf8;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

pub use self::pattern::PatternError;
use self::pattern::{Anchored, Pattern, Room};
use super::quote::Quoted;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl Op {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// The operator of the API's two flags.
    pub fn of(is_regex: bool, is_equal: bool) -> Self {
        match (is_regex, is_equal) {
            (false, true) => Self::Equal,
            (false, false) => Self::NotEqual,
            (true, true) => Self::Regex,
            (true, false) => Self::NotRegex,
        }
    }

    /// Whether the value is a pattern.
    pub fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Whether the value is to be met, and not to be missed.
    pub fn is_equal(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

/// Which grammar matchers and label names follow (`--enable-feature`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Both parsers run; the classic one wins where they disagree.
    #[default]
    Fallback,
    /// `classic-mode`
    Classic,
    /// `utf8-strict-mode`
    Utf8Strict,
}

/// A compiled matcher. Two are equal if they read the same; the order is Alertmanager's: by name, value and operator.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The label.
    pub name: Arc<str>,
    /// How to compare.
    pub op: Op,
    /// With what: a value, or a pattern as written (not anchored).
    pub value: Arc<str>,
    /// Compiled from the value where it is a pattern.
    pattern: Option<Arc<Pattern>>,
}

impl Matcher {
    /// A matcher of these parts, whatever the name: whether a label may be called so is another question
    /// ([`super::label_name`]).
    ///
    /// # Errors
    /// [`PatternError`] if the operator wants a pattern and the value is none.
    pub fn new(name: impl Into<Arc<str>>, op: Op, value: impl Into<Arc<str>>) -> Result<Self, PatternError> {
        let value = value.into();
        let pattern = if op.is_regex() { Some(Arc::new(Pattern::compile(&value, Anchored::Yes)?)) } else { None };
        Ok(Self { name: name.into(), op, value, pattern })
    }

    /// The same, with what is left of the room that it shares with others.
    ///
    /// # Errors
    /// Likewise, or if there is not so much room.
    pub fn within(
        room: &mut Room,
        name: impl Into<Arc<str>>,
        op: Op,
        value: impl Into<Arc<str>>,
    ) -> Result<Self, PatternError> {
        let matcher = Self::new(name, op, value)?;
        room.take(matcher.memory())?;
        Ok(matcher)
    }

    /// About how many bytes its pattern takes.
    pub fn memory(&self) -> usize {
        self.pattern.as_ref().map_or(0, |pattern| pattern.memory())
    }

    /// Whether the matcher accepts the value; an absent label is an empty one.
    pub fn matches(&self, value: &str) -> bool {
        let met = match &self.pattern {
            Some(pattern) => pattern.matches(value),
            None => *self.value == *value,
        };
        met == self.op.is_equal()
    }

    /// Whether the matcher, as a `filter` of the API, accepts a label that may be absent. It differs from
    /// [`Matcher::matches`] in that `a!=""` asks whether there is the label at all, be it empty.
    pub fn filter_matches(&self, value: Option<&str>) -> bool {
        match value {
            Some(_) if self.value.is_empty() && !self.op.is_equal() => true,
            Some(value) => self.matches(value),
            None if self.value.is_empty() => self.op.is_equal(),
            None => self.matches(""),
        }
    }

    fn key(&self) -> (&str, &str, Op) {
        (&self.name, &self.value, self.op)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Matcher {}

impl PartialOrd for Matcher {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Matcher {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for Matcher {
    /// `name="value"`. A name that the UTF-8 grammar cannot read bare is quoted, and then the value is quoted as Go
    /// does; otherwise only backslashes, newlines and quotes are escaped in the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(utf8::is_reserved) {
            return write!(f, "{}{}{}", Quoted(&self.name), self.op.as_str(), Quoted(&self.value));
        }
        write!(f, "{}{}\"", self.name, self.op.as_str())?;
        let mut rest = &*self.value;
        while let Some((plain, special)) = rest.find(['\\', '\n', '"']).and_then(|at| rest.split_at_checked(at)) {
            f.write_str(plain)?;
            f.write_str(match special.as_bytes().first() {
                Some(b'\n') => "\\n",
                Some(b'"') => "\\\"",
                _ => "\\\\",
            })?;
            rest = special.get(1..).unwrap_or("");
        }
        write!(f, "{rest}\"")
    }
}

/// Shows a list as Alertmanager does: `{a="b",c=~"d"}`.
pub fn list_string(matchers: &[Matcher]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("{");
    for (index, matcher) in matchers.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{matcher}");
    }
    text.push('}');
    text
}

/// Why an input is no matcher. The texts are Alertmanager's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The classic grammar does not know the form.
    #[error("bad matcher format: {0}")]
    Format(String),
    /// The classic grammar wants quotes within a value to be escaped, and opened ones closed.
    #[error("matcher value contains unescaped double quote: {0}")]
    Quote(String),
    /// The UTF-8 grammar does not know the form.
    #[error("{0}")]
    Syntax(String),
    /// A single matcher does not stand in braces.
    #[error("unexpected open or close brace: {0}")]
    Brace(String),
    /// There is no matcher where there must be one.
    #[error("no matchers")]
    None,
    /// There are several matchers where there must be one.
    #[error("expected 1 matcher, found {0}")]
    Several(usize),
    /// The pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The pattern is none, as the UTF-8 grammar says it.
    #[error("failed to create matcher: {0}")]
    Create(#[source] PatternError),
}

/// A matcher as it was read, not yet compiled.
#[derive(Debug, PartialEq)]
struct Parts {
    name: String,
    op: Op,
    value: String,
}

/// What one grammar made of an input: the matchers up to the first error of syntax, and that error.
type Read = (Vec<Parts>, Option<MatcherError>);

impl Room {
    /// Takes what all of them take.
    ///
    /// # Errors
    /// [`PatternError::TooLargeTogether`] if there is not so much left.
    pub fn take_all(&mut self, matchers: &[Matcher]) -> Result<(), PatternError> {
        matchers.iter().try_for_each(|matcher| self.take(matcher.memory()))
    }
}

/// Compiles what was read. The first error counts, of whichever sort.
fn compile(read: Read, error_of: fn(PatternError) -> MatcherError) -> Result<Vec<Matcher>, MatcherError> {
    let (parts, error) = read;
    let mut room = Room::default();
    let matchers = parts
        .into_iter()
        .map(|Parts { name, op, value }| Matcher::within(&mut room, name, op, value).map_err(error_of))
        .collect::<Result<Vec<_>, _>>()?;
    error.map_or(Ok(matchers), Err)
}

/// Parses exactly one matcher, as filters of the API are written.
///
/// # Errors
/// [`MatcherError`], with the text that Alertmanager has for the input in this mode.
pub fn parse_matcher(mode: Mode, input: &str) -> Result<Matcher, MatcherError> {
    if mode == Mode::Classic {
        return one(compile(classic::matcher(input), MatcherError::Pattern)?);
    }
    if input.starts_with('{') || input.ends_with('}') {
        return Err(MatcherError::Brace(input.to_owned()));
    }
    let strict = compile(utf8::matchers(input), MatcherError::Create).and_then(one);
    match mode {
        Mode::Utf8Strict => strict,
        Mode::Classic | Mode::Fallback => match compile(classic::matcher(input), MatcherError::Pattern).and_then(one) {
            Ok(classic) => Ok(classic),
            Err(error) => strict.map_err(|_| error),
        },
    }
}

fn one(mut matchers: Vec<Matcher>) -> Result<Matcher, MatcherError> {
    match (matchers.pop(), matchers.len()) {
        (Some(matcher), 0) => Ok(matcher),
        (None, _) => Err(MatcherError::None),
        (Some(_), others) => Err(MatcherError::Several(others + 1)),
    }
}

/// Parses a list of matchers, as the configuration has it, with what there is to be warned of: inputs that the two
/// grammars read differently.
///
/// # Errors
/// [`MatcherError`], with the text that Alertmanager has for the input in this mode.
pub fn parse_matchers(mode: Mode, input: &str) -> Result<(Vec<Matcher>, Vec<String>), MatcherError> {
    let quiet = |matchers| (matchers, Vec::new());
    match mode {
        Mode::Classic => compile(classic::matchers(input), MatcherError::Pattern).map(quiet),
        Mode::Utf8Strict => compile(utf8::matchers(input), MatcherError::Create).map(quiet),
        Mode::Fallback => {
            let (strict, classic) = (utf8::matchers(input), classic::matchers(input));
            if strict == classic {
                return compile(classic, MatcherError::Pattern).map(quiet);
            }
            let classic = compile(classic, MatcherError::Pattern);
            match (compile(strict, MatcherError::Create), classic) {
                (Ok(strict), Err(_)) => Ok(quiet(strict)),
                (Err(_), Err(error)) => Err(error),
                (Err(error), Ok(classic)) => {
                    let warning = format!(
                        "matchers {} are read by the classic parser alone ({error}); to be read by both, write {}",
                        Quoted(input),
                        list_string(&classic)
                    );
                    Ok((classic, vec![warning]))
                }
                (Ok(strict), Ok(classic)) => {
                    let warning = format!(
                        "matchers {} are read as {} by the classic parser, which counts, and as {} by the UTF-8 parser",
                        Quoted(input),
                        list_string(&classic),
                        list_string(&strict)
                    );
                    Ok((classic, vec![warning]))
                }
            }
        }
    }
}
