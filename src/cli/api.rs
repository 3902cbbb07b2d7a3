//! The command line's one HTTP client: asks a running Andon under `/api/andon/v1/`, and under `/api/v2/`.
//!
//! What Andon refuses is told in its own words. No error holds a URL's password.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::Output;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Which Andon to ask, as whom, and how to answer.
#[derive(clap::Args)]
pub struct Server {
    /// Where Andon is reached, with its route prefix.
    #[arg(long, alias = "alertmanager.url", default_value = "http://localhost:9093")]
    url: String,
    /// text or json.
    #[arg(long, short, default_value = "text")]
    pub output: Output,
    /// Who asks, for the history; by default the user of this session.
    #[arg(long = "as", value_name = "NAME")]
    user: Option<String>,
}

/// What Andon answered.
pub struct Answer {
    /// The document; null where there was none.
    pub body: Value,
    /// Where the list goes on, if it does: the query of the next page.
    pub next: Option<String>,
}

/// A request: a method, a path under `/api/andon/v1/` whose parts are encoded, and a body. A path that begins with `v2/`
/// is one of the API that Alertmanager has.
pub struct Ask<'a> {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: reqwest::Method,
    /// Without a slash before it; may have a query.
    pub path: &'a str,
    /// The body, if there is one.
    pub body: Option<&'a Value>,
    /// The revision that a change is meant for: `If-Match`.
    pub if_match: Option<&'a str>,
}

impl Server {
    /// Reads a document.
    ///
    /// # Errors
    /// What to tell a person.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        self.ask(&Ask { method: reqwest::Method::GET, path, body: None, if_match: None })
    }

    /// Asks for something, and waits for the answer.
    ///
    /// # Errors
    /// What to tell a person: that nobody answers, or what Andon refuses and why.
    pub fn ask(&self, ask: &Ask<'_>) -> Result<Answer, String> {
        // Only a provider that was installed before stands in the way, and that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        runtime.block_on(self.exchange(ask))
    }

    async fn exchange(&self, ask: &Ask<'_>) -> Result<Answer, String> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|error| causes(&error))?;
        let path = if ask.path.starts_with("v2/") { "/api/" } else { "/api/andon/v1/" };
        let url = format!("{}{path}{}", self.url.trim_end_matches('/'), ask.path);
        let mut request = client.request(ask.method.clone(), url).header("x-forwarded-user", self.who());
        if let Some(body) = ask.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        if let Some(revision) = ask.if_match {
            request = request.header("if-match", revision);
        }
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        let next = answer.headers().get("link").and_then(|link| next_page(link.to_str().ok()?));
        let body = answer.text().await.map_err(|error| causes(&error.without_url()))?;
        if !status.is_success() {
            return Err(format!("{status}: {}", refusal(&body)));
        }
        if body.trim().is_empty() {
            return Ok(Answer { body: Value::Null, next });
        }
        let body = serde_json::from_str(&body).map_err(|error| format!("the answer is not JSON: {error}"))?;
        Ok(Answer { body, next })
    }

    /// Whose name the history has; what no header can carry is left out.
    pub fn who(&self) -> String {
        let user = self.user.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_default();
        user.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect()
    }

    /// The name that is to be stored: the given one, or [`Self::who`].
    ///
    /// # Errors
    /// Nobody is named.
    pub fn named(&self, given: Option<&str>) -> Result<String, String> {
        let name = given.map_or_else(|| self.who(), str::to_owned);
        match name.trim().is_empty() {
            true => Err("who is it? Say it with --as NAME; this session has no $USER".into()),
            false => Ok(name),
        }
    }

    /// Tells a person what went wrong, and says so to the shell.
    pub fn failed(&self, error: &str) -> ExitCode {
        // What the user wrote before an @ may be a password.
        let shown = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let shown = shown.rsplit_once('@').map_or(shown, |(_, host)| host);
        eprintln!("andon: error: {shown}: {error}");
        ExitCode::FAILURE
    }
}

/// The query behind `rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    let query = target.split_once('?')?.1;
    rest.contains("rel=\"next\"").then(|| query.to_owned())
}

/// The sentence of a refusal: the error of an object, or a bare text.
fn refusal(body: &str) -> String {
    match serde_json::from_str::<Value>(body) {
        Ok(Value::String(text)) => text,
        Ok(object) => {
            let said = object.get("error").or_else(|| object.get("message")).and_then(Value::as_str);
            said.unwrap_or(body).to_owned()
        }
        Err(_) => body.trim().to_owned(),
    }
}

/// Why there was no answer; where nobody listens, what that may come from.
fn unanswered(error: reqwest::Error) -> String {
    let hint = if error.is_connect() { "; is Andon running there? --url names another address" } else { "" };
    format!("{}{hint}", causes(&error.without_url()))
}

/// An error with what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// One part of a path, or one value of a query.
pub fn encoded(part: &str) -> String {
    part.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// A text field, without what would move a terminal's cursor; empty where there is none.
pub fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    let text = object.get(key).and_then(Value::as_str).unwrap_or_default();
    // Mail ends its lines with both.
    if text.replace("\r\n", "\n").chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        "(control characters in it: see --output json)"
    } else {
        text
    }
}

/// The elements of a list; none where there is no list.
pub fn items<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_encoded_and_links_and_refusals_are_read() {
        assert_eq!(encoded("WO-1/ä b"), "WO-1%2F%C3%A4%20b");
        assert_eq!(
            next_page("</api/andon/v1/work-orders?after=WO-1&limit=2>; rel=\"next\"").unwrap(),
            "after=WO-1&limit=2"
        );
        assert_eq!(next_page("</x?y>; rel=\"prev\""), None);
        for (body, expected) in [
            ("\"no\"\n", "no"),
            ("{\"error\":\"why\"}", "why"),
            ("{\"code\":602,\"message\":\"what\"}", "what"),
            ("plain\n", "plain"),
        ] {
            assert_eq!(refusal(body), expected);
        }
    }
}
