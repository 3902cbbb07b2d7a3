//! Tokens of forms: what another site's page cannot know.
//!
//! A browser has a random name in a cookie. A token is the time it was made and HMAC-SHA-256 of that name and time under a
//! key that only this process has, so it is of use to one browser, for a day, until the service starts anew. Beside
//! it the origin that the browser states must be ours.

use std::time::Duration;

use http::HeaderMap;
use http::header::{COOKIE, HOST, ORIGIN};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::time::Timestamp;

const COOKIE_NAME: &str = "andon_page";
/// For how long a form may be sent.
const LIFE: Duration = Duration::from_secs(24 * 3600);
const BLOCK: usize = 64;

/// What tokens are signed with.
pub struct Key([u8; BLOCK]);

/// A browser, by the random name that it was given.
pub struct Browser {
    /// The name.
    pub id: String,
    /// Whether it has only just been given.
    pub is_new: bool,
}

impl Browser {
    /// The browser that sent these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        match cookie_of(headers, COOKIE_NAME).filter(|id| Uuid::try_parse(id).is_ok()) {
            Some(id) => Self { id: id.to_owned(), is_new: false },
            None => Self { id: Uuid::new_v4().simple().to_string(), is_new: true },
        }
    }
}

/// The value of a cookie.
pub fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(n, _)| *n == name))
        .map(|(_, value)| value)
}

/// The header that gives a browser its name.
pub fn cookie(id: &str) -> String {
    format!("{COOKIE_NAME}={id}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")
}

impl Key {
    /// A random one.
    pub fn fresh() -> Self {
        let mut key = [0; BLOCK];
        for part in key.chunks_mut(16) {
            part.copy_from_slice(Uuid::new_v4().as_bytes());
        }
        Self(key)
    }

    /// A token for this browser's forms.
    pub fn token(&self, browser: &Browser, now: Timestamp) -> String {
        let at = now.secs();
        format!("{at}.{}", self.signature(&browser.id, at))
    }

    /// Whether this is a token for this browser that is still good.
    pub fn accepts(&self, token: &str, browser: &Browser, now: Timestamp) -> bool {
        let Some((at, signature)) = token.split_once('.') else { return false };
        let Ok(at) = at.parse::<i64>() else { return false };
        let made = Timestamp::new(at, 0);
        let fresh = now.since(made) <= LIFE && made.since(now) <= LIFE;
        // What is compared is hashed once more, so that the time it takes says nothing.
        let hashed = |text: &str| Sha256::digest(text.as_bytes());
        fresh && !browser.is_new && hashed(signature) == hashed(&self.signature(&browser.id, at))
    }

    /// HMAC-SHA-256 (RFC 2104); the key is as long as a block.
    fn signature(&self, id: &str, at: i64) -> String {
        let padded = |pad: u8| self.0.map(|byte| byte ^ pad);
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(format!("{at}.{id}")).finalize();
        let outer = Sha256::new().chain_update(padded(0x5C)).chain_update(inner).finalize();
        outer.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Whether the browser says that the form was on a page of ours. One that says nothing is judged by its token alone.
pub fn same_origin(headers: &HeaderMap, external_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let host_of = |url: &str| url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest).to_owned());
    // A proxy may put another name into `Host`; then ours is the external one.
    let ours = [text(HOST.as_str()).map(str::to_owned), host_of(external_url)];
    host_of(origin).is_some_and(|host| ours.into_iter().flatten().any(|our| our.eq_ignore_ascii_case(&host)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_token_is_for_one_browser_one_day_and_one_process() {
        let (key, now) = (Key::fresh(), Timestamp::new(1_795_359_600, 0));
        let known = |id: &str| Browser { id: id.into(), is_new: false };
        let token = key.token(&known("a"), now);
        assert!(key.accepts(&token, &known("a"), now.after(LIFE)));
        assert!(!key.accepts(&token, &known("b"), now), "another browser's");
        assert!(!key.accepts(&token, &Browser { id: "a".into(), is_new: true }, now), "a cookie that was not sent");
        assert!(!key.accepts(&token, &known("a"), now.after(LIFE + Duration::from_secs(1))), "too old");
        assert!(!Key::fresh().accepts(&token, &known("a"), now), "another process's");
        let later = token.replacen("1795359600", "1795359601", 1);
        assert_ne!(later, token);
        for wrong in ["", ".", "x.y", &token[..token.len() - 1], &later] {
            assert!(!key.accepts(wrong, &known("a"), now), "{wrong}");
        }
    }

    #[test]
    fn signatures_are_hmac_sha_256() {
        // RFC 4231, case 2, whose key is padded to a block with zeros.
        let mut key = [0; BLOCK];
        key[..4].copy_from_slice(b"Jefe");
        let padded = |pad: u8| key.map(|byte| byte ^ pad);
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update("what do ya want for nothing?").finalize();
        let outer = Sha256::new().chain_update(padded(0x5C)).chain_update(inner).finalize();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(outer.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    }

    #[test]
    fn origins() {
        let rows: [(&[(&str, &str)], bool); 8] = [
            (&[], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://andon:9093"), ("host", "andon:9093")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "http://andon:9093"), ("host", "andon:9093")], true),
            (&[("origin", "https://alerts.example"), ("host", "10.0.0.1:9093")], true),
            (&[("origin", "https://evil.example"), ("host", "andon:9093")], false),
            (&[("origin", "null"), ("host", "andon:9093")], false),
        ];
        for (given, expected) in rows {
            let given =
                given.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
            assert_eq!(same_origin(&given.collect(), "https://alerts.example/andon"), expected);
        }
        let cookies = headers(&[("cookie", "x=1; andon_page=abc; y=2")]);
        assert_eq!(cookie_of(&cookies, "andon_page"), Some("abc"));
        assert!(Browser::of(&cookies).is_new, "what is no name of ours is replaced");
    }
}
