//! Patterns: regular expressions in Go's syntax, with Go's meaning and Go's error texts.
//!
//! The syntax is parsed here ([`parse`], [`class`]) into the form that `regex-automata` compiles, so that none of the
//! Rust crates' own extensions (set operations, Unicode `\d`, further flags) shines through. A pattern whose texts can be
//! counted becomes a lookup. A pattern is bounded in length, in nesting and in its compiled size.

mod class;
mod parse;

#[cfg(test)]
mod tests;

use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind, Look};

/// The longest pattern, in bytes.
pub const MAX_LEN: usize = 4096;
/// The largest compiled pattern, in bytes.
pub const MAX_COMPILED: usize = 1 << 20;
/// What the patterns of one list, one silence or one request may compile to together, in bytes.
pub const MAX_TOGETHER: usize = 8 << 20;
/// How deeply a pattern may nest. Go allows 1000 levels; compiling recurses, and a thread's stack must bear it.
pub const MAX_NESTING: u32 = 250;

/// How many texts a pattern may stand for to be looked up.
const MAX_LITERALS: usize = 2048;
/// How many beginnings or ends are kept of a pattern that cannot be looked up.
const MAX_EDGES: usize = 64;

/// The shortest text within others that is looked for.
pub const SHORTEST_INSIDE: usize = 3;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is not in Go's syntax; the text is Go's.
    #[error("error parsing regexp: {reason}: `{at}`")]
    Syntax {
        /// Go's name of the mistake.
        reason: &'static str,
        /// The part of the pattern that has it, anchors included.
        at: String,
    },
    /// It is longer than [`MAX_LEN`].
    #[error("error parsing regexp: expression too large: it has {0} bytes, and may have {MAX_LEN}")]
    TooLong(usize),
    /// It compiles to more than [`MAX_COMPILED`].
    #[error("error parsing regexp: expression too large: compiled, it may have {MAX_COMPILED} bytes")]
    TooLarge,
    /// With others it compiles to more than [`MAX_TOGETHER`].
    #[error(
        "error parsing regexp: expressions too large: compiled, all of them together may have {MAX_TOGETHER} bytes"
    )]
    TooLargeTogether,
}

/// How much of [`MAX_TOGETHER`] is left: a short text may be a pattern of a megabyte, and a request holds many.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_TOGETHER)
    }
}

impl Room {
    /// Takes so many bytes.
    ///
    /// # Errors
    /// [`PatternError::TooLargeTogether`] if there are not so many left.
    pub fn take(&mut self, bytes: usize) -> Result<(), PatternError> {
        self.0 = self.0.checked_sub(bytes).ok_or(PatternError::TooLargeTogether)?;
        Ok(())
    }
}

/// Whether a pattern must match the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchored {
    /// The whole text, as for matchers: between `^(?:` and `)$`, which also is what error texts then quote.
    Yes,
    /// Any part of it: the pattern as written.
    No,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    test: Test,
    edge: Option<Edge>,
}

/// What every text begins with, ends with or holds that the pattern is met by, in bytes: one of these, none of which is
/// empty.
#[derive(Clone, Debug)]
enum Edge {
    Start(Box<[Box<[u8]>]>),
    End(Box<[Box<[u8]>]>),
    Inside(Box<[Box<[u8]>]>),
}

/// What a text must be, begin with, end with or hold for a pattern to be met by it: one of these. None is empty but
/// among whole texts.
#[derive(Debug, PartialEq)]
pub enum Literals<'a> {
    /// It is one of these.
    Whole(Vec<&'a [u8]>),
    /// It begins with one of these.
    Start(Vec<&'a [u8]>),
    /// It ends with one of these.
    End(Vec<&'a [u8]>),
    /// One of these stands somewhere in it; each has at least [`SHORTEST_INSIDE`] bytes.
    Inside(Vec<&'a [u8]>),
}

#[derive(Clone, Debug)]
enum Test {
    /// The text is one of these, which are in order.
    OneOf(Box<[Box<str>]>),
    Search(meta::Regex),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`PatternError`], with the text Go has for the mistake.
    pub fn compile(pattern: &str, anchored: Anchored) -> Result<Self, PatternError> {
        if pattern.len() > MAX_LEN {
            return Err(PatternError::TooLong(pattern.len()));
        }
        let hir = match anchored {
            Anchored::Yes => parse::parse(&format!("^(?:{pattern})$"))?,
            Anchored::No => parse::parse(pattern)?,
        };
        let inner = between_anchors(&hir);
        if let Some(texts) = inner.as_ref().and_then(texts) {
            return Ok(Self { test: Test::OneOf(texts), edge: None });
        }
        let edge = inner.as_ref().and_then(edge);
        let config = meta::Config::new()
            .nfa_size_limit(Some(MAX_COMPILED))
            .hybrid_cache_capacity(MAX_COMPILED)
            .which_captures(WhichCaptures::Implicit);
        meta::Builder::new()
            .configure(config)
            .build_from_hir(&hir)
            .map(|regex| Self { test: Test::Search(regex), edge })
            .map_err(|_| PatternError::TooLarge)
    }

    /// Whether the pattern is met by the text.
    pub fn matches(&self, text: &str) -> bool {
        match &self.test {
            Test::OneOf(texts) => texts.binary_search_by(|one| (**one).cmp(text)).is_ok(),
            Test::Search(regex) => regex.is_match(text),
        }
    }

    /// About how many bytes it takes.
    pub fn memory(&self) -> usize {
        match &self.test {
            Test::OneOf(texts) => texts.iter().map(|text| text.len() + size_of::<Box<str>>()).sum(),
            Test::Search(regex) => regex.memory_usage(),
        }
    }

    /// Whether the pattern became a lookup.
    pub fn is_lookup(&self) -> bool {
        matches!(self.test, Test::OneOf(_))
    }

    /// What a text must be, begin with or end with to be met, where that can be said in a few words.
    pub fn literals(&self) -> Option<Literals<'_>> {
        if let Test::OneOf(texts) = &self.test {
            return Some(Literals::Whole(texts.iter().map(|text| text.as_bytes()).collect()));
        }
        Some(match self.edge.as_ref()? {
            Edge::Start(texts) => Literals::Start(slices(texts)),
            Edge::End(texts) => Literals::End(slices(texts)),
            Edge::Inside(texts) => Literals::Inside(slices(texts)),
        })
    }
}

/// A pattern that finds and replaces, for templates.
#[derive(Clone, Debug)]
pub struct Searcher(meta::Regex);

impl Searcher {
    /// Compiles a pattern as written.
    ///
    /// # Errors
    /// [`PatternError`], with the text Go has for the mistake.
    pub fn compile(pattern: &str) -> Result<Self, PatternError> {
        if pattern.len() > MAX_LEN {
            return Err(PatternError::TooLong(pattern.len()));
        }
        let config = meta::Config::new().nfa_size_limit(Some(MAX_COMPILED)).hybrid_cache_capacity(MAX_COMPILED);
        let built = meta::Builder::new().configure(config).build_from_hir(&parse::parse_with_groups(pattern)?);
        built.map(Self).map_err(|_| PatternError::TooLarge)
    }

    /// Whether any part of the text meets the pattern.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The text with every match replaced; in the replacement `$1` and `${name}` are what a group matched. `fits` is
    /// asked, after each match, about the length so far.
    ///
    /// # Errors
    /// That of `fits`.
    pub fn replace_all<E>(
        &self,
        text: &str,
        replacement: &str,
        fits: impl Fn(usize) -> Result<(), E>,
    ) -> Result<String, E> {
        let (mut replaced, mut last) = (String::new(), 0);
        for found in self.0.captures_iter(text) {
            let Some(whole) = found.get_match() else { continue };
            replaced.push_str(text.get(last..whole.start()).unwrap_or_default());
            found.interpolate_string_into(text, replacement, &mut replaced);
            last = whole.end();
            fits(replaced.len())?;
        }
        replaced.push_str(text.get(last..).unwrap_or_default());
        Ok(replaced)
    }
}

fn slices(texts: &[Box<[u8]>]) -> Vec<&[u8]> {
    texts.iter().map(|text| &**text).collect()
}

/// What stands between the anchors of an expression that is anchored at both ends.
fn between_anchors(hir: &Hir) -> Option<Hir> {
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let is = |look: Look| move |part: &Hir| matches!(part.kind(), HirKind::Look(found) if *found == look);
    let (starts, ends) = (is(Look::Start), is(Look::End));
    let from = parts.iter().take_while(|part| starts(part)).count();
    let after = parts.len() - parts.iter().rev().take_while(|part| ends(part)).count();
    let inner = Hir::concat(parts.get(from..after)?.to_vec());
    (from > 0 && after < parts.len()).then_some(inner)
}

/// All texts that the expression stands for, in order, if they are few.
fn texts(inner: &Hir) -> Option<Box<[Box<str>]>> {
    // The extraction below takes no notice of assertions.
    if !inner.properties().look_set().is_empty() {
        return None;
    }
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_class(16).limit_literal_len(512).limit_total(MAX_LITERALS);
    let found = extractor.extract(inner);
    let mut texts = found
        .literals()?
        .iter()
        .map(|literal| {
            let text = std::str::from_utf8(literal.as_bytes()).ok().filter(|_| literal.is_exact());
            text.map(Box::from)
        })
        .collect::<Option<Vec<Box<str>>>>()?;
    texts.sort_unstable();
    texts.dedup();
    Some(texts.into_boxed_slice())
}

/// What all texts begin with, or end with, whichever says more. Assertions only make the texts fewer.
fn edge(inner: &Hir) -> Option<Edge> {
    let extract = |kind: ExtractKind| {
        let mut extractor = Extractor::new();
        extractor.kind(kind).limit_class(10).limit_literal_len(64).limit_total(MAX_EDGES);
        let found = extractor.extract(inner);
        let mut texts: Vec<Box<[u8]>> = found.literals()?.iter().map(|literal| literal.as_bytes().into()).collect();
        texts.sort_unstable();
        texts.dedup();
        let shortest = texts.iter().map(|text| text.len()).min().filter(|length| *length > 0)?;
        Some((shortest, texts.into_boxed_slice()))
    };
    let edge = match (extract(ExtractKind::Prefix), extract(ExtractKind::Suffix)) {
        (Some((start, _)), Some((end, texts))) if end > start => Some((end, Edge::End(texts))),
        (Some((start, texts)), _) => Some((start, Edge::Start(texts))),
        (None, end) => end.map(|(end, texts)| (end, Edge::End(texts))),
    };
    // Finding a text within another costs more than at its end.
    match (edge, inside(inner)) {
        (Some((length, edge)), _) if length >= SHORTEST_INSIDE => Some(edge),
        (_, Some(texts)) => Some(Edge::Inside(texts)),
        (edge, None) => edge.map(|(_, edge)| edge),
    }
}

/// Texts of which one stands in all that the expression stands for. The expression nests no deeper than
/// [`MAX_NESTING`].
fn inside(hir: &Hir) -> Option<Box<[Box<[u8]>]>> {
    let texts: Box<[Box<[u8]>]> = match hir.kind() {
        HirKind::Literal(text) => Box::new([text.0.clone()]),
        HirKind::Capture(capture) => return inside(&capture.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => return inside(&repeated.sub),
        HirKind::Concat(parts) => {
            let shortest = |texts: &[Box<[u8]>]| texts.iter().map(|text| text.len()).min();
            return parts.iter().filter_map(inside).max_by_key(|texts| shortest(texts));
        }
        HirKind::Alternation(ways) => ways.iter().map(inside).collect::<Option<Vec<_>>>()?.concat().into(),
        _ => return None,
    };
    (texts.len() <= MAX_EDGES && texts.iter().all(|text| text.len() >= SHORTEST_INSIDE)).then_some(texts)
}
