//! Signatures of webhooks by the [Standard Webhooks specification](https://www.standardwebhooks.com): whoever knows the
//! secret can tell that a notification came from here, was not changed, and is not an old one sent again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::answer::SendError;
use super::secret;
use crate::config::settings::SecretSource;
use crate::config::signing;

/// The value of `webhook-signature` for a notification sent under `id` at `seconds` since 1970: `v1,` and the base64 of
/// HMAC-SHA256 over id, time and body with points between, once for each key of the secret.
///
/// # Errors
/// [`SendError`] if the secret is not there, or is none.
pub(super) async fn of(source: &SecretSource, id: &str, seconds: i64, body: &str) -> Result<String, SendError> {
    let secret = secret::read(source).await?;
    let keys = signing::keys(&secret).map_err(|error| SendError::retry(format!("signing_secret: {error}")))?;
    let signatures = keys.iter().filter_map(|key| signature(key, &format!("{id}.{seconds}.{body}")));
    Ok(signatures.collect::<Vec<_>>().join(" "))
}

/// HMAC takes keys of any length, so there always is one.
fn signature(key: &[u8], content: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(content.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::test_support::inline;

    #[tokio::test]
    async fn a_signature_is_the_one_of_the_specification_once_for_each_secret() {
        // The example of the specification's own libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let (id, seconds, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(of(&inline(secret), id, seconds, body).await, Ok(expected.to_owned()));
        let twice = of(&inline(&format!("{secret}\n{secret}")), id, seconds, body).await;
        assert_eq!(twice, Ok(format!("{expected} {expected}")));
        let error = of(&inline("whsec_x"), id, seconds, body).await.unwrap_err().to_string();
        assert!(error.starts_with("signing_secret: the secret is no base64"), "{error}");
    }
}
