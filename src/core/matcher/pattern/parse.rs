//! Go's syntax of regular expressions, outside of character classes.

use regex_syntax::hir::{Capture, Class, ClassUnicode, Hir, Look, Repetition};

use super::class;
use super::{MAX_NESTING, PatternError};

/// The most often that anything may be repeated, nested repetitions multiplied.
const MAX_REPEAT: u32 = 1000;
/// How many ranges all classes together may have. What has more compiles to too much anyway; this finds out early,
/// before a row of `\pL` has been written out.
const MAX_RANGES: usize = 1 << 14;

/// What `(?…)` switches.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    /// `i`
    pub(super) fold: bool,
    /// `m`
    multi_line: bool,
    /// `s`
    dot_newline: bool,
    /// `U`
    lazy: bool,
}

/// An expression that stands on its own, with what must be known of it to refuse monsters.
struct Item {
    hir: Hir,
    height: u32,
    /// How often its most repeated part is repeated.
    repeats: u32,
}

/// A group that is open.
#[derive(Default)]
struct Group {
    alternatives: Vec<Item>,
    /// The alternative that is being read.
    sequence: Vec<Item>,
    captures: bool,
    /// Its number and name, where those are kept.
    capture: Option<(u32, Option<Box<str>>)>,
    /// What holds again after the group.
    flags: Flags,
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
    flags: Flags,
    group: Group,
    outer: Vec<Group>,
    /// The ranges of all classes so far.
    ranges: usize,
    /// How many groups there are so far, where it matters what they match and not only whether the whole does. Elsewhere
    /// groups and greediness are read and forgotten.
    groups: Option<u32>,
}

/// Parses a whole expression, to know whether it matches.
pub(super) fn parse(whole: &str) -> Result<Hir, PatternError> {
    read(whole, None)
}

/// Parses a whole expression, to know what its groups match.
pub(super) fn parse_with_groups(whole: &str) -> Result<Hir, PatternError> {
    read(whole, Some(0))
}

fn read(whole: &str, groups: Option<u32>) -> Result<Hir, PatternError> {
    let (flags, group, outer) = (Flags::default(), Group::default(), Vec::new());
    let mut parser = Parser { whole, rest: whole, flags, group, outer, ranges: 0, groups };
    let mut last_repeat = None;
    while let Some(c) = parser.rest.chars().next() {
        last_repeat = parser.step(c, last_repeat)?;
        if parser.ranges > MAX_RANGES {
            return Err(PatternError::TooLarge);
        }
    }
    if !parser.outer.is_empty() {
        return Err(error("missing closing )", whole));
    }
    Ok(parser.group.finish().hir)
}

pub(super) fn error(reason: &'static str, at: &str) -> PatternError {
    PatternError::Syntax { reason, at: at.to_owned() }
}

/// The part of `text` before `rest`, which is its end.
pub(super) fn before<'a>(text: &'a str, rest: &str) -> &'a str {
    text.get(..text.len() - rest.len()).unwrap_or(text)
}

/// Takes a character off.
pub(super) fn take(rest: &mut &str) -> Option<char> {
    let mut chars = rest.chars();
    let c = chars.next()?;
    *rest = chars.as_str();
    Some(c)
}

impl<'a> Parser<'a> {
    /// Reads one element. Gives back where a repetition began if it was one: two in a row are an error.
    fn step(&mut self, c: char, last_repeat: Option<&'a str>) -> Result<Option<&'a str>, PatternError> {
        let start = self.rest;
        match c {
            '*' | '+' | '?' | '{' => {
                if let Some((min, max)) = self.take_bounds()? {
                    self.repeat(min, max, start, last_repeat)?;
                    return Ok(Some(start));
                }
                take(&mut self.rest);
                self.push_literal(u32::from(c));
            }
            '(' => self.open()?,
            '[' => {
                let class = class::bracketed(&mut self.rest, self.flags)?;
                self.push_class(class);
            }
            '\\' => self.escape()?,
            _ => {
                take(&mut self.rest);
                match c {
                    '|' => self.group.end_alternative(),
                    ')' => self.close()?,
                    '^' => self.push(Hir::look(if self.flags.multi_line { Look::StartLF } else { Look::Start })),
                    '$' => self.push(Hir::look(if self.flags.multi_line { Look::EndLF } else { Look::End })),
                    '.' => self.push_class(class::dot(self.flags.dot_newline)),
                    _ => self.push_literal(u32::from(c)),
                }
            }
        }
        Ok(None)
    }

    fn push(&mut self, hir: Hir) {
        self.group.sequence.push(Item { hir, height: 1, repeats: 1 });
    }

    fn push_class(&mut self, class: ClassUnicode) {
        self.ranges += class.ranges().len();
        self.push(Hir::class(Class::Unicode(class)));
    }

    /// A code point that is no character, a surrogate, becomes the empty class: it never matches.
    fn push_literal(&mut self, code: u32) {
        match char::from_u32(code) {
            Some(c) if !self.flags.fold => self.push(Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes().to_vec())),
            _ => self.push_class(class::range(code, code, self.flags)),
        }
    }

    /// Takes `*`, `+`, `?` or bounds in braces; nothing where a brace is just a brace.
    fn take_bounds(&mut self) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        let start = self.rest;
        let mut rest = start;
        let bounds = match take(&mut rest) {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            _ => match bounds_in_braces(&mut rest) {
                Some((min, max)) => {
                    let too_many = min.max(max.unwrap_or(0)) > MAX_REPEAT;
                    if too_many || max.is_some_and(|max| max < min) {
                        return Err(error("invalid repeat count", before(start, rest)));
                    }
                    (min, max)
                }
                None => return Ok(None),
            },
        };
        self.rest = rest;
        Ok(Some(bounds))
    }

    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        start: &'a str,
        last_repeat: Option<&'a str>,
    ) -> Result<(), PatternError> {
        let lazy = self.rest.starts_with('?');
        self.rest = self.rest.strip_prefix('?').unwrap_or(self.rest);
        let greedy = self.groups.is_none() || lazy == self.flags.lazy;
        if let Some(last) = last_repeat {
            return Err(error("invalid nested repetition operator", before(last, self.rest)));
        }
        let Some(item) = self.group.sequence.pop() else {
            return Err(error("missing argument to repetition operator", before(start, self.rest)));
        };
        let in_braces = start.starts_with('{');
        let repeats = match max.unwrap_or(min) {
            _ if !in_braces => item.repeats,
            0 if max.is_some() => 1,
            0 => item.repeats,
            times => item.repeats.saturating_mul(times),
        };
        if in_braces && max.unwrap_or(min) >= 2 && repeats > MAX_REPEAT {
            return Err(error("invalid repeat count", before(start, self.rest)));
        }
        let height = self.checked(item.height + 1)?;
        let hir = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(item.hir) });
        self.group.sequence.push(Item { hir, height, repeats });
        Ok(())
    }

    fn checked(&self, height: u32) -> Result<u32, PatternError> {
        if height > MAX_NESTING {
            return Err(error("expression nests too deeply", self.whole));
        }
        Ok(height)
    }

    /// Takes the opening of a group, or a change of flags that opens none.
    fn open(&mut self) -> Result<(), PatternError> {
        let start = self.rest;
        let Some(inner) = start.strip_prefix("(?") else {
            take(&mut self.rest);
            self.nest(true, None, self.flags);
            return Ok(());
        };
        // Go looks for a name only if something follows the bracket.
        let named = inner.strip_prefix("P<").or_else(|| inner.strip_prefix('<')).filter(|rest| !rest.is_empty());
        if let Some(named) = named {
            let Some((name, rest)) = named.split_once('>') else { return Err(error("invalid named capture", start)) };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(error("invalid named capture", before(start, rest)));
            }
            self.rest = rest;
            self.nest(true, Some(name), self.flags);
            return Ok(());
        }
        self.rest = inner;
        match self.take_flags() {
            Some((flags, true)) => self.nest(false, None, flags),
            Some((flags, false)) => self.flags = flags,
            None => return Err(error("invalid or unsupported Perl syntax", before(start, self.rest))),
        }
        Ok(())
    }

    /// Takes flags up to their colon (then they open a group) or bracket.
    fn take_flags(&mut self) -> Option<(Flags, bool)> {
        let mut flags = self.flags;
        let (mut on, mut any) = (true, false);
        loop {
            match take(&mut self.rest)? {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.lazy = on,
                '-' if on => {
                    (on, any) = (false, false);
                    continue;
                }
                end @ (':' | ')') if on || any => return Some((flags, end == ':')),
                _ => return None,
            }
            any = true;
        }
    }

    fn nest(&mut self, captures: bool, name: Option<&str>, inside: Flags) {
        let number = self.groups.as_mut().filter(|_| captures).map(|groups| {
            *groups += 1;
            *groups
        });
        let capture = number.map(|number| (number, name.map(Box::from)));
        let group = Group { captures, capture, flags: self.flags, ..Group::default() };
        self.outer.push(std::mem::replace(&mut self.group, group));
        self.flags = inside;
    }

    fn close(&mut self) -> Result<(), PatternError> {
        let Some(outer) = self.outer.pop() else { return Err(error("unexpected )", self.whole)) };
        let mut group = std::mem::replace(&mut self.group, outer);
        self.flags = group.flags;
        let (captures, capture) = (u32::from(group.captures), group.capture.take());
        let mut item = group.finish();
        if let Some((index, name)) = capture {
            item.hir = Hir::capture(Capture { index, name, sub: Box::new(item.hir) });
        }
        item.height = self.checked(item.height + captures)?;
        self.group.sequence.push(item);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let mut rest = self.rest;
        take(&mut rest);
        let look = match take(&mut rest) {
            Some('A') => Look::Start,
            Some('z') => Look::End,
            Some('b') => Look::WordAscii,
            Some('B') => Look::WordAsciiNegate,
            Some('C') => return Err(error("invalid escape sequence", before(self.rest, rest))),
            Some('Q') => {
                let (literal, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
                self.rest = rest;
                literal.chars().for_each(|c| self.push_literal(u32::from(c)));
                return Ok(());
            }
            _ => {
                match class::escaped(&mut self.rest, self.flags)? {
                    Some(class) => self.push_class(class),
                    None => {
                        let code = class::escaped_char(&mut self.rest)?;
                        self.push_literal(code);
                    }
                }
                return Ok(());
            }
        };
        self.rest = rest;
        self.push(Hir::look(look));
        Ok(())
    }
}

impl Group {
    fn end_alternative(&mut self) {
        let sequence = std::mem::take(&mut self.sequence);
        self.alternatives.push(join(sequence, Hir::concat));
    }

    fn finish(mut self) -> Item {
        self.end_alternative();
        join(self.alternatives, Hir::alternation)
    }
}

fn join(items: Vec<Item>, how: fn(Vec<Hir>) -> Hir) -> Item {
    let several = u32::from(items.len() > 1);
    let height = items.iter().map(|item| item.height).max().unwrap_or(0) + several;
    let repeats = items.iter().map(|item| item.repeats).max().unwrap_or(1);
    Item { hir: how(items.into_iter().map(|item| item.hir).collect()), height, repeats }
}

/// What stands between braces, the closing one taken: `n`, `n,` or `n,m`. Numbers that are too big become the biggest.
fn bounds_in_braces(rest: &mut &str) -> Option<(u32, Option<u32>)> {
    let min = take_number(rest)?;
    let max = match take(rest)? {
        '}' => return Some((min, Some(min))),
        ',' if rest.starts_with('}') => None,
        ',' => Some(take_number(rest)?),
        _ => return None,
    };
    (take(rest)? == '}').then_some((min, max))
}

fn take_number(rest: &mut &str) -> Option<u32> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at_checked(end)?;
    if digits.is_empty() || digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    *rest = after;
    Some(digits.parse().unwrap_or(u32::MAX))
}
