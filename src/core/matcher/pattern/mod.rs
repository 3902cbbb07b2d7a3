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
/// How deeply a pattern may nest. Go allows 1000 levels; compiling recurses, and a thread's stack must bear it.
pub const MAX_NESTING: u32 = 250;

/// How many texts a pattern may stand for to be looked up.
const MAX_LITERALS: usize = 2048;

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
pub struct Pattern(Test);

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
        if let Some(texts) = texts(&hir) {
            return Ok(Self(Test::OneOf(texts)));
        }
        let config = meta::Config::new()
            .nfa_size_limit(Some(MAX_COMPILED))
            .hybrid_cache_capacity(MAX_COMPILED)
            .which_captures(WhichCaptures::Implicit);
        meta::Builder::new()
            .configure(config)
            .build_from_hir(&hir)
            .map(|regex| Self(Test::Search(regex)))
            .map_err(|_| PatternError::TooLarge)
    }

    /// Whether the pattern is met by the text.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Test::OneOf(texts) => texts.binary_search_by(|one| (**one).cmp(text)).is_ok(),
            Test::Search(regex) => regex.is_match(text),
        }
    }

    /// Whether the pattern became a lookup.
    pub fn is_lookup(&self) -> bool {
        matches!(self.0, Test::OneOf(_))
    }
}

/// All texts that the expression stands for, in order, if it is anchored at both ends and they are few.
fn texts(hir: &Hir) -> Option<Box<[Box<str>]>> {
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let is = |look: Look| move |part: &Hir| matches!(part.kind(), HirKind::Look(found) if *found == look);
    let (starts, ends) = (is(Look::Start), is(Look::End));
    let from = parts.iter().take_while(|part| starts(part)).count();
    let after = parts.len() - parts.iter().rev().take_while(|part| ends(part)).count();
    let inner = Hir::concat(parts.get(from..after)?.to_vec());
    // The extraction below takes no notice of assertions.
    if from == 0 || after == parts.len() || !inner.properties().look_set().is_empty() {
        return None;
    }
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_class(16).limit_literal_len(512).limit_total(MAX_LITERALS);
    let found = extractor.extract(&inner);
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
