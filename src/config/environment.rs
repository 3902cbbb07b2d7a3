//! `${env:NAME}` and `${env:NAME:-default}` in fields that are no secrets: addresses and names that differ from one
//! installation to the next, so that one file can be shipped for all.
//!
//! A reference is the whole value of a field. It is replaced when the configuration is loaded; one whose variable is not
//! set and that has no default stays as it is written, by which a sender sees that it has nothing to send to
//! ([`unset`]). An empty variable counts as one that is not set. Secrets are looked up when they are used instead, and
//! have no defaults ([`super::settings::SecretSource`]).

/// Reads `${env:NAME}`, or `${env:NAME:-default}`: the name, and the default.
pub fn reference(text: &str) -> Option<(&str, Option<&str>)> {
    let inside = text.strip_prefix("${env:")?.strip_suffix('}')?;
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (letters && !name.is_empty()).then_some((name, default))
}

/// The text, or what it refers to; a reference that leads nowhere stays.
pub fn replaced(text: &str) -> String {
    let Some((name, default)) = reference(text) else { return text.to_owned() };
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.or_else(|| default.map(str::to_owned)).unwrap_or_else(|| text.to_owned())
}

/// The variable that a text waits for, after [`replaced`].
pub fn unset(text: &str) -> Option<&str> {
    reference(text).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_whole_values() {
        // Cargo sets CARGO_PKG_NAME for every test; ANDON_TEST_UNSET is set nowhere.
        let rows = [
            ("plain", "plain", None),
            ("${env:CARGO_PKG_NAME}", "andon", None),
            ("${env:CARGO_PKG_NAME:-other}", "andon", None),
            ("${env:ANDON_TEST_UNSET}", "${env:ANDON_TEST_UNSET}", Some("ANDON_TEST_UNSET")),
            ("${env:ANDON_TEST_UNSET:-http://a:1/b}", "http://a:1/b", None),
            ("${env:ANDON_TEST_UNSET:-}", "", None),
            ("to ${env:CARGO_PKG_NAME}", "to ${env:CARGO_PKG_NAME}", None),
            ("${env:CARGO PKG}", "${env:CARGO PKG}", None),
            ("${env:}", "${env:}", None),
        ];
        for (text, expected, waits_for) in rows {
            let replaced = replaced(text);
            assert_eq!((replaced.as_str(), unset(&replaced)), (expected, waits_for), "{text}");
        }
    }
}
