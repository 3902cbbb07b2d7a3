//! Reads secrets where they are used, and keeps them out of what is said about a failure.

use std::borrow::Cow;
use std::path::Path;

use super::answer::SendError;
use crate::config::settings::SecretSource;

/// Stands where a secret was.
pub const REDACTED: &str = "<redacted>";
/// Shorter texts occur by chance; redacting them would only garble the error.
const SHORTEST: usize = 4;
/// A part of a path that is so long may be a token, whatever it is made of.
const LONG: usize = 16;

/// The secret's present value; a file is read anew each time.
///
/// # Errors
/// [`SendError::NotConfigured`] if the file or the environment variable is not there, or empty: somebody may put it there.
/// [`SendError::Retry`] if it cannot be read.
pub async fn read(source: &SecretSource) -> Result<String, SendError> {
    match source {
        SecretSource::Inline(secret) => Ok(secret.reveal().to_owned()),
        SecretSource::File(path) => Ok(read_file(path).await?.trim().to_owned()),
        SecretSource::Env(name) => {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.ok_or_else(|| missing(source))
        }
    }
}

fn missing(source: &SecretSource) -> SendError {
    let missing = source.missing().unwrap_or_else(|| "a secret, which was there a moment later".to_owned());
    SendError::NotConfigured { missing }
}

async fn read_file(path: &Path) -> Result<String, SendError> {
    let content = tokio::fs::read_to_string(path).await;
    if content.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Err(missing(&SecretSource::File(path.to_owned())));
    }
    content.map_err(|error| SendError::retry(format!("cannot read the file {}: {error}", path.display())))
}

/// The secrets of one request, to be taken out of every text about it.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Takes `secret` out from now on.
    pub fn add(&mut self, secret: &str) {
        if secret.len() >= SHORTEST && !self.secrets.iter().any(|known| known == secret) {
            self.secrets.push(secret.to_owned());
            // A secret that contains another is replaced first.
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// Takes a URL out, and what a server may repeat of it: path, query, password.
    pub fn add_url(&mut self, url: &reqwest::Url) {
        self.add(url.as_str());
        self.add(url.path());
        let path = url.path().trim_matches('/');
        // A word such as `alerts` is no secret, and stands in every body.
        if !is_word(path) {
            self.add(path);
        }
        for part in [url.query(), url.password()].into_iter().flatten() {
            self.add(part);
        }
        // What looks like a token; a server may repeat it alone, or with its own escapes between them.
        for segment in url.path().split('/').filter(|segment| is_token(segment)) {
            self.add(segment);
        }
        for (_, value) in url.query_pairs() {
            self.add(&value);
        }
    }

    /// The text without secrets; URLs that are none stay.
    pub fn secrets_out(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REDACTED).into();
            }
        }
        text.into_owned()
    }

    /// The text without secrets and without URLs.
    pub fn redact(&self, text: &str) -> String {
        self.secrets_out(&without_urls(text))
    }
}

/// A path of one short, plain word.
fn is_word(path: &str) -> bool {
    path.len() < LONG && path.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte))
}

/// Whether a part of a path may be a token: long, or not so short with digits or both cases.
fn is_token(segment: &str) -> bool {
    let any = |of: fn(&u8) -> bool| segment.as_bytes().iter().any(of);
    let mixed = any(u8::is_ascii_digit) || any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase);
    segment.len() >= LONG || segment.len() >= LONG / 2 && mixed
}

/// Replaces everything that looks like an HTTP URL.
fn without_urls(text: &str) -> Cow<'_, str> {
    if first_url(text).is_none() {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = first_url(rest) {
        let (before, url) = rest.split_at(at);
        out.push_str(before);
        out.push_str(REDACTED);
        let end = url.find(|c: char| c.is_whitespace() || "\"'<>()".contains(c)).unwrap_or(url.len());
        rest = url.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out.into()
}

fn first_url(text: &str) -> Option<usize> {
    ["http://", "https://"].into_iter().filter_map(|scheme| text.find(scheme)).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;

    #[tokio::test]
    async fn secrets_are_read_at_each_use() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let source = SecretSource::File(path.clone());
        std::fs::write(&path, " one\n").unwrap();
        assert_eq!(read(&source).await.unwrap(), "one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(read(&source).await.unwrap(), "two");
        std::fs::remove_file(&path).unwrap();
        let error = read(&source).await.unwrap_err();
        assert!(matches!(error, SendError::NotConfigured { .. }), "{error}");
        let error = read(&SecretSource::File(dir.path().into())).await.unwrap_err();
        assert!(matches!(error, SendError::Retry { .. }) && error.to_string().contains("cannot read the file"));
        assert_eq!(read(&SecretSource::Inline(Secret::new(" as is "))).await.unwrap(), " as is ");
        // Cargo sets this one for every test.
        assert_eq!(read(&SecretSource::Env("CARGO_PKG_NAME".into())).await.unwrap(), "andon");
        let error = read(&SecretSource::Env("ANDON_TEST_UNSET".into())).await.unwrap_err();
        assert_eq!(error.to_string(), "not configured: the environment variable ANDON_TEST_UNSET is not set");
    }

    #[test]
    fn nothing_of_a_url_or_a_secret_is_left() {
        let mut redactor = Redactor::default();
        redactor.add_url(&"https://u:pa55word@hooks.example/services/T0/B0/xyzzy?token=sesame&a=1".parse().unwrap());
        redactor.add("bearer-token");
        redactor.add("x");
        let rows = [
            ("no such hook: /services/T0/B0/xyzzy", "no such hook: <redacted>"),
            ("services/T0/B0/xyzzy?", "<redacted>?"),
            ("see https://example.com/help?x=1, or http://b", "see <redacted> or <redacted>"),
            ("<a href=\"https://example.com/x\">x</a>", "<a href=\"<redacted>\">x</a>"),
            ("at https://u:pa55word@hooks.example/services/T0/B0/xyzzy now", "at <redacted> now"),
            ("sesame pa55word bearer-token x", "<redacted> <redacted> <redacted> x"),
            ("plain", "plain"),
        ];
        for (text, expected) in rows {
            assert_eq!(redactor.redact(text), expected);
        }
    }

    #[test]
    fn a_plain_word_of_a_path_stays_and_what_may_be_a_token_does_not() {
        let said = r#"{"alerts":[],"receiver":"maintenance"} at /alerts of hook/v2, Ab1cdefg 0123456789abcdef"#;
        let rows = [
            // The word stays, the path does not.
            ("http://localhost:5001/alerts", said.replace("/alerts", "<redacted>")),
            ("http://localhost:5001/maintenance/", said.to_owned()),
            ("http://localhost:5001/hook/v2", said.replace("hook/v2", "<redacted>")),
            ("http://localhost:5001/alerts/Ab1cdefg", said.replace("Ab1cdefg", "<redacted>")),
            ("http://localhost:5001/a/0123456789abcdef", said.replace("0123456789abcdef", "<redacted>")),
        ];
        for (url, expected) in rows {
            let mut redactor = Redactor::default();
            redactor.add_url(&url.parse().unwrap());
            assert_eq!(redactor.secrets_out(said), expected, "{url}");
            assert_eq!(redactor.redact(&format!("at {url} now")), "at <redacted> now");
        }
        // One that is no plain word may be a token, and goes alone as well.
        let mut redactor = Redactor::default();
        redactor.add_url(&"http://hook.example/k3y5".parse().unwrap());
        assert_eq!(redactor.secrets_out("k3y5"), "<redacted>");
    }
}
