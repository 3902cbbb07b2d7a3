//! The HTTP client of a receiver: `http_config` made to work.
//!
//! Every request carries what the configuration and its files say at that moment. Redirects are never followed, answers
//! are read only so far, and no error text holds a URL or a secret.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, Url};

use super::answer::{Answer, SendError};
use super::exchange;
use super::oauth2::Tokens;
use super::secret::{self, REDACTED, Redactor};
use super::tls::{self, Material};
use crate::config::settings::{Auth, HttpConfig, Proxy, SecretSource, TlsConfig};
use crate::metrics::{ALERTMANAGER_VERSION, FailureReason};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Shorter than Alertmanager's five minutes: what closes idle connections in between does so without a word.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// How much of an answer is read.
const ANSWER_LIMIT: usize = 64 * 1024;
/// How long an answer's body is waited for. What was taken must not be sent again because a body stalls.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Stands at the end of an answer that did not come to its end.
pub(super) const BROKEN_OFF: &str = " (the answer broke off)";

/// What a request says beside what the configuration adds.
pub struct Post<'a> {
    /// Where to.
    pub url: &'a str,
    /// Further headers, lower case.
    pub headers: &'a [(&'static str, &'a str)],
    /// JSON.
    pub body: Bytes,
    /// What of the body nobody is to see afterwards.
    pub secrets: &'a [&'a str],
}

/// A request of any method, for systems that are asked as well as told.
pub struct Call<'a> {
    /// GET, POST, PUT or PATCH.
    pub method: Method,
    /// Where to.
    pub url: &'a str,
    /// Further headers.
    pub headers: &'a [(String, String)],
    /// JSON, or nothing.
    pub body: Option<Bytes>,
}

/// Sends requests with one `http_config`.
pub struct HttpClient {
    connection: Connection,
    auth: Auth,
    headers: Vec<(String, Vec<SecretSource>)>,
    tokens: Option<Tokens>,
}

impl HttpClient {
    /// Opens nothing and reads nothing until the first request.
    pub fn new(config: &HttpConfig) -> Self {
        let tokens = match &config.auth {
            Auth::OAuth2(settings) => Some(Tokens::new(settings)),
            Auth::None | Auth::Basic { .. } | Auth::Header { .. } => None,
        };
        Self {
            connection: Connection::new(&config.tls, &config.proxy, config.enable_http2),
            auth: config.auth.clone(),
            headers: config.headers.iter().map(|(name, values)| (name.clone(), values.clone())).collect(),
            tokens,
        }
    }

    /// Posts JSON and takes the answer, whatever its status.
    ///
    /// # Errors
    /// [`SendError`] if there was no answer.
    pub async fn post(&self, post: Post<'_>) -> Result<Answer, SendError> {
        let headers: Vec<_> = post.headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let call = Call { method: Method::POST, url: post.url, headers: &headers, body: Some(post.body) };
        let (answer, redactor) = self.send(&call, post.secrets).await?;
        Ok(Answer { body: redactor.redact(&answer.body), ..answer })
    }

    /// Makes a call and takes the answer, whatever its status: as it is, to be read by programs, and its body as people
    /// may see it.
    ///
    /// # Errors
    /// [`SendError`] if there was no answer.
    pub async fn call(&self, call: &Call<'_>) -> Result<(Answer, String), SendError> {
        let (answer, redactor) = self.send(call, &[]).await?;
        let shown = redactor.redact(&answer.body);
        Ok((answer, shown))
    }

    async fn send(&self, call: &Call<'_>, secrets: &[&str]) -> Result<(Answer, Redactor), SendError> {
        let Some(tokens) = &self.tokens else {
            return self.attempt(call, secrets, None).await;
        };
        let (token, fresh) = tokens.token().await?;
        let answered = self.attempt(call, secrets, Some(&token)).await?;
        if answered.0.status != 401 || fresh {
            return Ok(answered);
        }
        // The server may have revoked the token before its time.
        tokens.forget(&token);
        let (token, _) = tokens.token().await?;
        self.attempt(call, secrets, Some(&token)).await
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        secrets: &[&str],
        token: Option<&str>,
    ) -> Result<(Answer, Redactor), SendError> {
        let url: Url = call.url.trim().parse().map_err(|error| SendError::refused(format!("invalid URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SendError::refused(format!("invalid URL: unsupported scheme {:?} for URL", url.scheme())));
        }
        let mut redactor = Redactor::default();
        redactor.add_url(&url);
        secrets.iter().for_each(|secret| redactor.add(secret));
        let mut headers = HeaderMap::new();
        self.add_configured(&mut headers, &mut redactor).await?;
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {token}"), &mut redactor)?);
            redactor.add(token);
        }
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in call.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_header(name))?;
            headers.insert(header, HeaderValue::from_str(value).map_err(|_| bad_header(name))?);
        }
        let mut request = Request::new(call.method.clone(), url);
        take_user_info(&mut request, &mut headers, &mut redactor)?;
        *request.headers_mut() = headers;
        *request.body_mut() = call.body.clone().map(Into::into);
        exchange::request(|| described(&request, call.body.as_deref().unwrap_or_default(), &redactor));
        let answer = self.connection.execute(request, &redactor).await?;
        exchange::answer(|| format!("{}\n\n{}", answer.status, redactor.redact(&answer.body)));
        Ok((answer, redactor))
    }

    async fn add_configured(&self, headers: &mut HeaderMap, redactor: &mut Redactor) -> Result<(), SendError> {
        for (name, values) in &self.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_header(name))?;
            for source in values {
                let value = secret::read(source).await?;
                headers.append(&header, sensitive(&value, redactor).map_err(|_| bad_header(name))?);
            }
        }
        let authorization = match &self.auth {
            Auth::None | Auth::OAuth2(_) => return Ok(()),
            Auth::Basic { username, password } => {
                let username = secret::read(username).await?;
                let password = match password {
                    Some(source) => secret::read(source).await?,
                    None => String::new(),
                };
                redactor.add(&password);
                basic(&username, &password)
            }
            Auth::Header { scheme, credentials } => {
                let credentials = match credentials {
                    Some(source) => secret::read(source).await?,
                    None => String::new(),
                };
                redactor.add(&credentials);
                format!("{scheme} {credentials}")
            }
        };
        headers.insert(AUTHORIZATION, sensitive(authorization.trim_end(), redactor)?);
        Ok(())
    }
}

/// A request for people. Of its URL only the host is shown: the path may be the whole secret, as with Slack.
fn described(request: &Request, body: &[u8], redactor: &Redactor) -> String {
    let url = request.url();
    let mut text = format!("{} {}://{}/…\n", request.method(), url.scheme(), url.host_str().unwrap_or_default());
    for (name, value) in request.headers() {
        let value = if value.is_sensitive() { REDACTED } else { value.to_str().unwrap_or_default() };
        text.push_str(&format!("{name}: {}\n", redactor.redact(value)));
    }
    text.push('\n');
    text.push_str(&redactor.secrets_out(&String::from_utf8_lossy(body)));
    text
}

/// User and password within a URL become a header, unless there is one already.
fn take_user_info(request: &mut Request, headers: &mut HeaderMap, redactor: &mut Redactor) -> Result<(), SendError> {
    let url = request.url_mut();
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    let decoded = |text: &str| {
        let pair = format!("={}", text.replace('+', "%2B"));
        url::form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).next().unwrap_or_default()
    };
    let (username, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
    redactor.add(&password);
    if !headers.contains_key(AUTHORIZATION) {
        headers.insert(AUTHORIZATION, sensitive(&basic(&username, &password), redactor)?);
    }
    // Both fail only for URLs without a host, which HTTP does not have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(())
}

/// The value of an `Authorization` header with user and password.
pub(super) fn basic(username: &str, password: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    format!("Basic {encoded}")
}

fn sensitive(value: &str, redactor: &mut Redactor) -> Result<HeaderValue, SendError> {
    redactor.add(value);
    let mut value = HeaderValue::from_str(value).map_err(|_| bad_header(AUTHORIZATION.as_str()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn bad_header(name: &str) -> SendError {
    SendError::retry(format!("the header {name:?} has a name or a value that HTTP cannot carry"))
}

/// Connections with one TLS configuration and one proxy; made when first needed, and anew when a certificate or key
/// file changes.
pub(super) struct Connection {
    tls: TlsConfig,
    proxy: Proxy,
    http2: bool,
    made: Mutex<Option<(Material, Client)>>,
}

impl Connection {
    pub(super) fn new(tls: &TlsConfig, proxy: &Proxy, http2: bool) -> Self {
        Self { tls: tls.clone(), proxy: proxy.clone(), http2, made: Mutex::new(None) }
    }

    /// Sends a request and takes the answer as it is, whatever its status.
    pub(super) async fn execute(&self, request: Request, redactor: &Redactor) -> Result<Answer, SendError> {
        let client = self.client().await?;
        let response = client.execute(request).await.map_err(|error| network_error(error, redactor))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let headers = response.headers().clone();
        // The status is the verdict; a body that stalls or breaks off changes nothing about it.
        let mut body = Vec::new();
        let complete = tokio::time::timeout(ANSWER_TIME, read_beginning(response, &mut body)).await;
        if !matches!(complete, Ok(Ok(()))) {
            body.extend_from_slice(BROKEN_OFF.as_bytes());
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, retry_after, content_type, headers, body })
    }

    async fn client(&self) -> Result<Client, SendError> {
        let material = Material::read(&self.tls).await?;
        if let Some((of, client)) = &*self.made.lock()
            && *of == material
        {
            return Ok(client.clone());
        }
        let client = self.build(&material)?;
        *self.made.lock() = Some((material, client.clone()));
        Ok(client)
    }

    fn build(&self, material: &Material) -> Result<Client, SendError> {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::client_config(&self.tls, material, self.http2)?)
            // What Andon calls itself to receivers, which know Alertmanager.
            .user_agent(format!("Alertmanager/{ALERTMANAGER_VERSION}"))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .http1_title_case_headers()
            .no_proxy();
        if !self.http2 {
            builder = builder.http1_only();
        }
        for proxy in proxies(&self.proxy)? {
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(|error| SendError::retry(format!("http_config: {}", chain(error))))
    }
}

/// The proxies of a configuration, or of the environment. As in Go, this machine itself is reached directly where
/// `no_proxy` or the environment decide.
fn proxies(config: &Proxy) -> Result<Vec<reqwest::Proxy>, SendError> {
    let variable = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.or_else(|| std::env::var(name.to_lowercase()).ok()).filter(|value| !value.is_empty())
    };
    let direct = |hosts: &str| reqwest::NoProxy::from_string(&format!("localhost,127.0.0.0/8,::1,{hosts}"));
    let wrong = |_| SendError::retry("http_config: the proxy's URL is not valid");
    let mut proxies = Vec::new();
    if config.from_environment {
        let no_proxy = variable("NO_PROXY").unwrap_or_default();
        if let Some(url) = variable("HTTP_PROXY") {
            proxies.push(reqwest::Proxy::http(url).map_err(wrong)?.no_proxy(direct(&no_proxy)));
        }
        if let Some(url) = variable("HTTPS_PROXY") {
            proxies.push(reqwest::Proxy::https(url).map_err(wrong)?.no_proxy(direct(&no_proxy)));
        }
    } else if let Some(url) = &config.url {
        let mut proxy = reqwest::Proxy::all(url.reveal()).map_err(wrong)?;
        if !config.no_proxy.is_empty() {
            proxy = proxy.no_proxy(direct(&config.no_proxy));
        }
        proxies.push(proxy);
    }
    if config.connect_headers.is_empty() {
        return Ok(proxies);
    }
    let mut headers = HeaderMap::new();
    for (name, values) in &config.connect_headers {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_header(name))?;
        for value in values {
            headers.append(&header, HeaderValue::from_str(value.reveal()).map_err(|_| bad_header(name))?);
        }
    }
    Ok(proxies.into_iter().map(|proxy| proxy.headers(headers.clone())).collect())
}

/// Reads at most [`ANSWER_LIMIT`] bytes; the connection of a longer answer is given up.
async fn read_beginning(mut response: Response, body: &mut Vec<u8>) -> Result<(), reqwest::Error> {
    while body.len() < ANSWER_LIMIT
        && let Some(chunk) = response.chunk().await?
    {
        let room = ANSWER_LIMIT - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    Ok(())
}

fn network_error(error: reqwest::Error, redactor: &Redactor) -> SendError {
    let failure = if error.is_timeout() { FailureReason::Timeout } else { FailureReason::Other };
    SendError::Retry { error: redactor.redact(&chain(error)), after: None, failure }
}

/// An error with its causes, without its URL.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
