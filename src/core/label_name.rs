//! Which label names are valid.

use super::matcher::Mode;

/// Whether the mode allows a label of this name: any text but the empty one, or, in classic mode, letters, digits and
/// underscores that do not begin with a digit.
pub fn is_valid(mode: Mode, name: &str) -> bool {
    match mode {
        Mode::Fallback | Mode::Utf8Strict => !name.is_empty(),
        Mode::Classic => is_valid_classic(name),
    }
}

/// Whether the name is valid in every mode. Alertmanager's oldest keys (`match`, `match_re`) demand it in all modes.
pub fn is_valid_classic(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, classic, utf8) in [
            ("", false, false),
            ("a", true, true),
            ("_", true, true),
            ("__name__", true, true),
            ("a1", true, true),
            ("1a", false, true),
            ("a:b", false, true),
            ("a-b", false, true),
            ("a b", false, true),
            ("é", false, true),
            ("aé", false, true),
            ("a\n", false, true),
        ] {
            assert_eq!(is_valid(Mode::Classic, name), classic, "{name:?}");
            assert_eq!(is_valid(Mode::Fallback, name), utf8, "{name:?}");
            assert_eq!(is_valid(Mode::Utf8Strict, name), utf8, "{name:?}");
        }
    }
}
