//! Matchers: what a label must look like.

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// A compiled matcher.
#[derive(Clone, Debug, PartialEq)]
pub struct Matcher {
    /// The label.
    pub name: std::sync::Arc<str>,
    /// How to compare.
    pub op: Op,
    /// With what: a value, or a pattern as written (not anchored).
    pub value: std::sync::Arc<str>,
}

impl Matcher {
    /// Whether the matcher accepts the value; an absent label is an empty one.
    pub fn matches(&self, value: &str) -> bool {
        (self.op == Op::Equal) == (*self.value == *value)
    }
}
