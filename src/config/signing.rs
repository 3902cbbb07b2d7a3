//! The secret that webhooks are signed with, as the Standard Webhooks specification writes it: `whsec_` and base64.
//!
//! Several secrets, separated by white space, each make a signature: the receiver can change from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How many bytes a key has, as the specification asks.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys that a secret stands for, in their order; at least one.
///
/// # Errors
/// What is wrong with the secret, without the secret.
pub fn keys(secret: &str) -> Result<Vec<Vec<u8>>, String> {
    let keys: Vec<_> = secret.split_whitespace().map(key).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("the secret is empty".into()) } else { Ok(keys) }
}

fn key(secret: &str) -> Result<Vec<u8>, String> {
    let expected = "`whsec_` and the base64 of 24 to 64 random bytes is expected";
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = STANDARD.decode(encoded).map_err(|_| format!("the secret is no base64: {expected}"))?;
    if LENGTHS.contains(&key.len()) { Ok(key) } else { Err(format!("the secret has {} bytes: {expected}", key.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_base64_of_enough_bytes_with_or_without_the_prefix() {
        let encoded = STANDARD.encode([7_u8; 24]);
        assert_eq!(keys(&format!("whsec_{encoded}")), Ok(vec![vec![7; 24]]));
        assert_eq!(keys(&format!(" {encoded}\nwhsec_{encoded}\n")), Ok(vec![vec![7; 24]; 2]));
        for (secret, said) in [
            (" ", "the secret is empty"),
            ("whsec_???", "the secret is no base64: `whsec_`"),
            ("whsec_c2hvcnQ=", "the secret has 5 bytes: `whsec_`"),
        ] {
            assert!(keys(secret).is_err_and(|error| error.starts_with(said)), "{secret:?}");
        }
    }
}
