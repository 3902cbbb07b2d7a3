//! Which files a pattern of the configuration means: Go's `filepath.Glob`.
//!
//! `*` and `?` match within a name, `[a-z]` and `[^a-z]` one character, a backslash takes the next one as it is; files
//! that begin with a point match like others. A directory that cannot be read matches nothing.

use std::path::{Path, PathBuf};

use super::{MAX_SOURCE, TemplateError};

/// The files that match, sorted within each directory; a relative pattern starts at `folder`.
///
/// # Errors
/// If the pattern is malformed.
pub(super) fn glob(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let wrong = || format!("syntax error in pattern: {pattern}");
    if pattern.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = pattern.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    for name in &names {
        // Also what is never compared must be well formed.
        matches(name, "").ok_or_else(wrong)?;
    }
    let mut found = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { folder.to_path_buf() }];
    for name in names {
        let mut next = Vec::new();
        for folder in found {
            if !name.contains(['*', '?', '[', '\\']) {
                let path = folder.join(name);
                next.extend(path.symlink_metadata().is_ok().then_some(path));
                continue;
            }
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let mut names: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
            names.sort();
            let matching =
                names.into_iter().filter(|file| file.to_str().and_then(|file| matches(name, file)) == Some(true));
            next.extend(matching.map(|file| folder.join(file)));
        }
        found = next;
    }
    Ok(found)
}

/// A file's path and text.
///
/// # Errors
/// If it cannot be read, is no UTF-8 or is too long.
pub(super) fn read(path: &Path) -> Result<(String, String), TemplateError> {
    let refuse = |reason: String| TemplateError::new(format!("template file {}: {reason}", path.display()));
    let length = path.metadata().map_err(|error| refuse(error.to_string()))?.len();
    if length > MAX_SOURCE as u64 {
        return Err(refuse(format!("{length} bytes; {MAX_SOURCE} are allowed")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    Ok((path.to_string_lossy().into_owned(), text))
}

/// Whether a name matches; nothing if the pattern is malformed.
fn matches(pattern: &str, name: &str) -> Option<bool> {
    let pattern = tokens(pattern)?;
    let name: Vec<char> = name.chars().collect();
    // For each prefix of the name, whether the pattern so far matches it: no backtracking, so no blow-up.
    let mut reached = vec![false; name.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for token in &pattern {
        let mut next = vec![false; name.len() + 1];
        let mut open = false;
        for (place, slot) in next.iter_mut().enumerate() {
            let here = reached.get(place).copied().unwrap_or(false);
            let before = place.checked_sub(1);
            *slot = match token {
                Token::Any => {
                    open |= here;
                    open
                }
                other => before.is_some_and(|before| {
                    reached.get(before) == Some(&true) && name.get(before).is_some_and(|c| other.takes(*c))
                }),
            };
        }
        reached = next;
    }
    Some(reached.last() == Some(&true))
}

enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Char(char),
    /// `[…]`: whether it is negated, and its ranges.
    Class(bool, Vec<(char, char)>),
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Char(own) => *own == c,
            Self::Class(negated, ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Char(rest.next()?),
            '[' => {
                let negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
                        break Token::Class(negated, ranges);
                    }
                    let low = class_char(&mut rest)?;
                    let high = if rest.next_if_eq(&'-').is_some() { class_char(&mut rest)? } else { low };
                    ranges.push((low, high));
                }
            }
            other => Token::Char(other),
        });
    }
    Some(tokens)
}

fn class_char(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.tmpl", "a.tmpl", Some(true)),
            ("*.tmpl", ".hidden.tmpl", Some(true)),
            ("*.tmpl", "a.tmpl.bak", Some(false)),
            ("a?c", "abc", Some(true)),
            ("a?c", "ac", Some(false)),
            ("[a-c]x", "bx", Some(true)),
            ("[^a-c]x", "bx", Some(false)),
            (r"\*", "*", Some(true)),
            ("**", "anything", Some(true)),
            ("[a", "a", None),
            ("[]a]", "]", None),
            ("a\\", "a", None),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn files_in_order() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        for name in ["b.tmpl", "a.tmpl", "sub/c.tmpl", "sub2/a.tmpl", "x.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            std::fs::write(path, "")?;
        }
        let found = |pattern: &str| {
            let found = glob(folder.path(), pattern).unwrap_or_default();
            let relative = found.iter().filter_map(|path| path.strip_prefix(folder.path()).ok());
            relative.map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found("*.tmpl"), "a.tmpl b.tmpl");
        assert_eq!(found("*/*.tmpl"), "sub/c.tmpl sub2/a.tmpl");
        assert_eq!(found("./x.txt"), "x.txt");
        assert_eq!(found("none/*"), "");
        assert!(glob(folder.path(), "a[").is_err());
        Ok(())
    }
}
