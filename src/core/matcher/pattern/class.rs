//! Go's character classes and escapes of single characters.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::PatternError;
use super::parse::{Flags, before, error, take};

/// Names that Unicode has four-letter codes for and that are themselves four letters long. Go knows scripts by name
/// only, the tables used here by name and code.
const SCRIPTS_OF_FOUR_LETTERS: [&str; 5] = ["cham", "kawi", "lisu", "newa", "thai"];

/// `.`: anything, or anything but a newline.
pub(super) fn dot(newline: bool) -> ClassUnicode {
    let mut class = ClassUnicode::empty();
    if !newline {
        class.push(ClassUnicodeRange::new('\n', '\n'));
    }
    class.negate();
    class
}

/// The code points from `low` to `high`, as far as they are characters, and what folds to them where case is ignored.
pub(super) fn range(low: u32, high: u32, flags: Flags) -> ClassUnicode {
    let mut class = ClassUnicode::empty();
    for (low, high) in [(low, high.min(0xD7FF)), (low.max(0xE000), high)] {
        if let (true, Some(low), Some(high)) = (low <= high, char::from_u32(low), char::from_u32(high)) {
            class.push(ClassUnicodeRange::new(low, high));
        }
    }
    folded(class, flags)
}

fn folded(mut class: ClassUnicode, flags: Flags) -> ClassUnicode {
    if flags.fold {
        // This fails only where the case tables are left out of the build; a test sees that they are not.
        let _ = class.try_case_fold_simple();
    }
    class
}

fn ascii(ranges: &[(char, char)], negated: bool, flags: Flags) -> ClassUnicode {
    let class = ClassUnicode::new(ranges.iter().map(|&(low, high)| ClassUnicodeRange::new(low, high)));
    let mut class = folded(class, flags);
    if negated {
        class.negate();
    }
    class
}

/// Takes `[…]`.
pub(super) fn bracketed(rest: &mut &str, flags: Flags) -> Result<ClassUnicode, PatternError> {
    let start = *rest;
    let mut inner = start.strip_prefix('[').unwrap_or(start);
    let negated = inner.strip_prefix('^');
    inner = negated.unwrap_or(inner);
    let mut class = ClassUnicode::empty();
    let mut first = true;
    while first || !inner.starts_with(']') {
        first = false;
        class.union(&element(&mut inner, start, flags)?);
    }
    take(&mut inner);
    *rest = inner;
    if negated.is_some() {
        class.negate();
    }
    Ok(class)
}

/// Takes one element of a bracketed class: a named class, an escaped one, a character or a range.
fn element(inner: &mut &str, whole: &str, flags: Flags) -> Result<ClassUnicode, PatternError> {
    let start = *inner;
    if let Some((name, after)) = start.strip_prefix("[:").and_then(|named| named.split_once(":]")) {
        let class = posix(name, flags).ok_or_else(|| error("invalid character class range", before(start, after)))?;
        *inner = after;
        return Ok(class);
    }
    if let Some(class) = escaped(inner, flags)? {
        return Ok(class);
    }
    let low = class_char(inner, whole)?;
    let mut high = low;
    if let Some(after) = inner.strip_prefix('-').filter(|after| !after.is_empty() && !after.starts_with(']')) {
        *inner = after;
        high = class_char(inner, whole)?;
        if high < low {
            return Err(error("invalid character class range", before(start, inner)));
        }
    }
    Ok(range(low, high, flags))
}

fn class_char(inner: &mut &str, whole: &str) -> Result<u32, PatternError> {
    if inner.starts_with('\\') {
        return escaped_char(inner);
    }
    take(inner).map(u32::from).ok_or_else(|| error("missing closing ]", whole))
}

/// `[:name:]`
fn posix(name: &str, flags: Flags) -> Option<ClassUnicode> {
    let positive = name.strip_prefix('^');
    let ranges: &[(char, char)] = match positive.unwrap_or(name) {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    Some(ascii(ranges, positive.is_some(), flags))
}

/// Takes an escape that stands for a class: `\d`, `\pL`, `\p{Greek}` and the like; nothing where there is none.
pub(super) fn escaped(rest: &mut &str, flags: Flags) -> Result<Option<ClassUnicode>, PatternError> {
    let Some(mut after) = rest.strip_prefix('\\') else { return Ok(None) };
    let Some(letter) = take(&mut after) else { return Ok(None) };
    let ranges: &[(char, char)] = match letter.to_ascii_lowercase() {
        'd' => &[('0', '9')],
        's' => &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')],
        'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        'p' => return unicode(rest, flags).map(Some),
        _ => return Ok(None),
    };
    *rest = after;
    Ok(Some(ascii(ranges, letter.is_ascii_uppercase(), flags)))
}

/// Takes `\pN`, `\p{Name}` or `\p{^Name}`, or the same with `\P`.
fn unicode(rest: &mut &str, flags: Flags) -> Result<ClassUnicode, PatternError> {
    let start = *rest;
    let invalid = |at: &str| error("invalid character class range", at);
    let mut after = start;
    take(&mut after);
    let mut negated = take(&mut after) == Some('P');
    let in_braces = after.starts_with('{');
    let name_start = after;
    let mut name = if in_braces {
        let (name, end) = after.split_once('}').ok_or_else(|| invalid(start))?;
        after = end;
        name.strip_prefix('{').unwrap_or(name)
    } else {
        take(&mut after);
        before(name_start, after)
    };
    if let Some(inverted) = name.strip_prefix('^') {
        negated = !negated;
        name = inverted;
    }
    let class = unicode_named(name).ok_or_else(|| invalid(before(start, after)))?;
    *rest = after;
    let mut class = folded(class, flags);
    if negated {
        class.negate();
    }
    Ok(class)
}

/// A general category or a script. Case, spaces, hyphens and underscores in the name do not count.
fn unicode_named(name: &str) -> Option<ClassUnicode> {
    let name: String = name.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect::<String>().to_ascii_lowercase();
    // The tables would take "is" off the front of a name; Go does not.
    if !name.bytes().all(|byte| byte.is_ascii_alphabetic()) || name.starts_with("is") {
        return None;
    }
    let table = |key: &str| match regex_syntax::parse(&format!(r"\p{{{key}={name}}}")).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        _ => None,
    };
    let script = name.len() != 4 || SCRIPTS_OF_FOUR_LETTERS.contains(&name.as_str());
    table("gc").or_else(|| table("sc").filter(|_| script))
}

/// Takes an escape that stands for a single code point.
pub(super) fn escaped_char(rest: &mut &str) -> Result<u32, PatternError> {
    let start = *rest;
    let mut after = start;
    take(&mut after);
    let Some(c) = take(&mut after) else { return Err(error("trailing backslash at end of expression", "")) };
    let code = match c {
        'a' => Some(0x07),
        'f' => Some(0x0c),
        'n' => Some(0x0a),
        'r' => Some(0x0d),
        't' => Some(0x09),
        'v' => Some(0x0b),
        'x' => hexadecimal(&mut after),
        '0'..='7' => octal(c, &mut after),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
        _ => None,
    };
    let code = code.ok_or_else(|| error("invalid escape sequence", before(start, after)))?;
    *rest = after;
    Ok(code)
}

/// Up to three octal digits, the first of which was taken. A single one but zero would be a reference back.
fn octal(first: char, after: &mut &str) -> Option<u32> {
    let digit = |text: &str| text.chars().next()?.to_digit(8);
    let mut code = first.to_digit(8)?;
    if code != 0 && digit(after).is_none() {
        return None;
    }
    for _ in 0..2 {
        let Some(next) = digit(after) else { break };
        code = code * 8 + next;
        take(after);
    }
    Some(code)
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(after: &mut &str) -> Option<u32> {
    let first = take(after)?;
    if first != '{' {
        let second = take(after);
        return Some(first.to_digit(16)? * 16 + second?.to_digit(16)?);
    }
    let mut code = None;
    loop {
        match take(after)? {
            '}' => return code,
            digit => {
                let next = code.unwrap_or(0) * 16 + digit.to_digit(16)?;
                code = Some(next).filter(|next| *next <= u32::from(char::MAX));
                code?;
            }
        }
    }
}
