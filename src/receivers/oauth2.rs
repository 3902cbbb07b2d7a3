//! OAuth 2 client credentials: where the bearer token of a receiver comes from.
//!
//! A token is kept until shortly before it ends. Id and secret go into the `Authorization` header first and, where the
//! server does not take that, into the form; what worked is remembered.

use std::time::Duration;

use parking_lot::Mutex;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use tokio::time::Instant;

use super::answer::{Answer, SendError};
use super::http::{Connection, basic};
use super::secret::{self, Redactor};
use crate::config::settings::OAuth2;

/// A token is not used any more this long before it ends.
const MARGIN: Duration = Duration::from_secs(10);

/// The tokens of one client.
pub(super) struct Tokens {
    settings: OAuth2,
    connection: Connection,
    state: Mutex<State>,
    /// Held while a token is fetched, so that one is fetched and not sixty-four.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    in_form: bool,
}

struct Kept {
    token: String,
    secret: String,
    until: Option<Instant>,
}

impl Tokens {
    pub(super) fn new(settings: &OAuth2) -> Self {
        Self {
            settings: settings.clone(),
            connection: Connection::new(&settings.tls, &settings.proxy, true),
            state: Mutex::new(State::default()),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// A token, and whether it was fetched just now.
    ///
    /// # Errors
    /// [`SendError::Retry`] if there is none to be had: the receiver itself was not even asked.
    pub(super) async fn token(&self) -> Result<(String, bool), SendError> {
        let secret = match &self.settings.client_secret {
            Some(source) => secret::read(source).await?,
            None => String::new(),
        };
        if let Some(token) = self.kept(&secret) {
            return Ok((token, false));
        }
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(token) = self.kept(&secret) {
            return Ok((token, false));
        }
        let kept = self.fetch(&secret).await?;
        let token = kept.token.clone();
        self.state.lock().kept = Some(kept);
        Ok((token, true))
    }

    /// Drops a token that was not accepted.
    pub(super) fn forget(&self, token: &str) {
        self.state.lock().kept.take_if(|kept| kept.token == token);
    }

    fn kept(&self, secret: &str) -> Option<String> {
        let state = self.state.lock();
        let kept = state.kept.as_ref()?;
        let holds = kept.until.is_none_or(|until| Instant::now() < until);
        (holds && kept.secret == secret).then(|| kept.token.clone())
    }

    async fn fetch(&self, secret: &str) -> Result<Kept, SendError> {
        let in_form = self.state.lock().in_form;
        let first = self.ask(secret, in_form).await;
        // A server that was right to refuse refuses the other way too, at the price of one request.
        let answer = match first {
            Ok(answer) if (400..500).contains(&answer.status) && answer.status != 429 => {
                let second = self.ask(secret, !in_form).await?;
                if !(200..300).contains(&second.status) {
                    return Err(refused(&answer));
                }
                self.state.lock().in_form = !in_form;
                second
            }
            other => other?,
        };
        if !(200..300).contains(&answer.status) {
            return Err(refused(&answer));
        }
        parse(&answer.body, secret)
    }

    async fn ask(&self, secret: &str, in_form: bool) -> Result<Answer, SendError> {
        let url: Url = self
            .settings
            .token_url
            .parse()
            .map_err(|error| SendError::retry(format!("oauth2: token_url: invalid URL: {error}")))?;
        let mut redactor = Redactor::default();
        redactor.add_url(&url);
        redactor.add(secret);
        let request = self.request(url, secret, in_form)?;
        let answer = self.connection.execute(request, &redactor).await;
        answer.map_err(|error| SendError::retry(format!("oauth2: no token: {error}")))
    }

    fn request(&self, url: Url, secret: &str, in_form: bool) -> Result<Request, SendError> {
        let settings = &self.settings;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !settings.scopes.is_empty() {
            form.append_pair("scope", &settings.scopes.join(" "));
        }
        for (name, value) in &settings.endpoint_params {
            form.append_pair(name, value);
        }
        let mut request = Request::new(Method::POST, url);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if in_form {
            form.append_pair("client_id", &settings.client_id).append_pair("client_secret", secret);
        } else {
            // RFC 6749, 2.3.1: both are form-encoded before they become a user and a password.
            let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let mut value = HeaderValue::from_str(&basic(&encoded(&settings.client_id), &encoded(secret)))
                .map_err(|_| SendError::retry("oauth2: the client's id or secret cannot be sent"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        *request.body_mut() = Some(form.finish().into());
        Ok(request)
    }
}

fn refused(answer: &Answer) -> SendError {
    SendError::retry(format!("oauth2: no token: the token endpoint answered with status code {}", answer.status))
}

fn parse(body: &str, secret: &str) -> Result<Kept, SendError> {
    #[derive(serde::Deserialize)]
    struct Wire {
        access_token: String,
        #[serde(default)]
        expires_in: Option<serde_json::Value>,
    }
    // serde_json's own text could quote the token.
    let wire: Wire = serde_json::from_str(body)
        .map_err(|_| SendError::retry("oauth2: no token: the answer is not JSON with an access_token"))?;
    // Some servers send the number as a string.
    let seconds = wire.expires_in.and_then(|value| match value {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let lifetime = seconds.filter(|seconds| *seconds > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok());
    let until = lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime.saturating_sub(MARGIN)));
    Ok(Kept { token: wire.access_token, secret: secret.to_owned(), until })
}
