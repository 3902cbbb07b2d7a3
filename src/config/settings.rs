//! How to send: what `config` makes of the receivers' sections, defaults and inheritance done.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::environment;
use super::secret::Secret;

/// A secret that stands in the configuration, in a file that is read at every use, or in the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// As written.
    Inline(Secret),
    /// The trimmed content of this file.
    File(PathBuf),
    /// The value of this environment variable: `${env:NAME}` in the configuration.
    Env(String),
}

/// How to talk HTTP to a receiver: `http_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// Who we are.
    pub auth: Auth,
    /// The connection's encryption.
    pub tls: TlsConfig,
    /// Whether a 3xx is followed. Andon treats a redirect as a failure all the same: see docs/compatibility.md.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be spoken.
    pub enable_http2: bool,
    /// Through which proxy.
    pub proxy: Proxy,
    /// Further headers: name to values.
    pub headers: BTreeMap<String, Vec<SecretSource>>,
}

/// Who we are to an HTTP server.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// Nobody.
    None,
    /// `basic_auth`
    Basic {
        /// The user's name.
        username: SecretSource,
        /// The user's password; may be absent.
        password: Option<SecretSource>,
    },
    /// `authorization`: the type, and the credentials.
    Header {
        /// `Bearer`, …
        scheme: String,
        /// What follows the type.
        credentials: Option<SecretSource>,
    },
    /// `oauth2`: client credentials.
    OAuth2(Box<OAuth2>),
}

/// OAuth 2 client credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth2 {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Option<SecretSource>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// Where tokens come from.
    pub token_url: String,
    /// Further form fields.
    pub endpoint_params: BTreeMap<String, String>,
    /// The connection's encryption.
    pub tls: TlsConfig,
    /// Through which proxy.
    pub proxy: Proxy,
}

/// `proxy_url` and its kin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// The proxy, maybe with a password in it.
    pub url: Option<Secret>,
    /// Hosts that are reached directly: the `no_proxy` text.
    pub no_proxy: String,
    /// Whether `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` count.
    pub from_environment: bool,
    /// Headers for CONNECT.
    pub connect_headers: BTreeMap<String, Vec<Secret>>,
}

/// `tls_config`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificate authorities to trust instead of the system's.
    pub ca: Option<SecretSource>,
    /// Our certificate chain.
    pub cert: Option<SecretSource>,
    /// Our private key.
    pub key: Option<SecretSource>,
    /// The name to check, instead of the URL's host.
    pub server_name: String,
    /// Whether any certificate will do.
    pub insecure_skip_verify: bool,
    /// At least this version.
    pub min_version: Option<TlsVersion>,
    /// At most this version.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS10`; cannot be spoken, so as a maximum it is refused.
    Tls10,
    /// `TLS11`; likewise.
    Tls11,
    /// `TLS12`
    Tls12,
    /// `TLS13`
    Tls13,
}

/// How to reach one receiver, in the order of its [`crate::core::policy::Receiver::integrations`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverConfig {
    /// The receiver's name.
    pub name: String,
    /// Names that it had before.
    pub was: Vec<String>,
    /// One for each integration.
    pub integrations: Vec<IntegrationConfig>,
    /// How often each of them is told at most; nothing where the default of its kind holds.
    pub rate_limit: Option<RateLimit>,
    /// Whether what waits is told in one message where there is too much of it.
    pub digest: bool,
}

/// `rate_limit`: a bucket of tokens, of which every attempt takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many tokens are added in the time of [`RateLimit::per`].
    pub tokens: NonZeroU32,
    /// The time in which they are added, evenly.
    pub per: Per,
    /// How many the bucket holds; it is full at first.
    pub burst: NonZeroU32,
}

/// The time that a rate is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// `per_second`
    Second,
    /// `per_minute`
    Minute,
}

/// How to send to one integration.
#[derive(Clone, Debug, PartialEq)]
pub enum IntegrationConfig {
    /// `webhook_configs`
    Webhook(Box<WebhookConfig>),
    /// `pagerduty_configs`
    Pagerduty(Box<PagerdutyConfig>),
    /// `slack_configs`
    Slack(Box<SlackConfig>),
    /// `email_configs`
    Email(Box<EmailConfig>),
    /// A kind that is parsed and checked, and that Andon cannot send to.
    Unsupported {
        /// Alertmanager's word for it.
        kind: &'static str,
    },
}

impl IntegrationConfig {
    /// The environment variables that fields which are no secrets wait for, each once: without them there is nobody to
    /// send to.
    pub fn unset_variables(&self) -> Vec<&str> {
        let texts: Vec<&str> = match self {
            Self::Pagerduty(config) => vec![&config.url],
            Self::Slack(config) => config.texts.values().map(String::as_str).collect(),
            Self::Email(config) => return config.unset_variables(),
            Self::Webhook(_) | Self::Unsupported { .. } => Vec::new(),
        };
        unset(texts.into_iter())
    }
}

/// `webhook_configs[]`
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookConfig {
    /// Where to; a template.
    pub url: SecretSource,
    /// How to talk to it.
    pub http: HttpConfig,
    /// How many alerts a body holds; 0 means all.
    pub max_alerts: u64,
    /// For one attempt; zero means the built-in limit.
    pub timeout: Duration,
    /// Replaces the standard body.
    pub payload: Option<serde_json::Value>,
    /// What requests are signed with, as [`super::signing`] reads it.
    pub signing_secret: Option<SecretSource>,
}

/// `pagerduty_configs[]`
#[derive(Clone, Debug, PartialEq)]
pub struct PagerdutyConfig {
    /// Events API v2.
    pub routing_key: Option<SecretSource>,
    /// Events API v1; if present, v1 is spoken.
    pub service_key: Option<SecretSource>,
    /// Where to, for v2.
    pub url: String,
    /// How to talk to it.
    pub http: HttpConfig,
    /// Templates.
    pub client: String,
    /// A template.
    pub client_url: String,
    /// A template.
    pub description: String,
    /// Templates, nested; Alertmanager's four defaults filled in.
    pub details: serde_json::Map<String, serde_json::Value>,
    /// `src`, `alt`, `href`: templates.
    pub images: Vec<[String; 3]>,
    /// `href`, `text`: templates.
    pub links: Vec<[String; 2]>,
    /// A template.
    pub source: String,
    /// A template; empty means `error`.
    pub severity: String,
    /// A template.
    pub class: String,
    /// A template.
    pub component: String,
    /// A template.
    pub group: String,
    /// For one attempt; zero means the built-in limit.
    pub timeout: Duration,
}

/// `slack_configs[]`
#[derive(Clone, Debug, PartialEq)]
pub struct SlackConfig {
    /// The incoming webhook, or `app_url` where a token is used.
    pub api_url: SecretSource,
    /// How to talk to it; with a token, its `Authorization` is in it.
    pub http: HttpConfig,
    /// Templates by the names of the configuration: channel, username, color, title, title_link, pretext, text,
    /// message_text, fallback, callback_id, footer, icon_emoji, icon_url, image_url, thumb_url. All are present.
    pub texts: BTreeMap<&'static str, String>,
    /// The fields of the attachment.
    pub fields: Vec<SlackField>,
    /// The actions of the attachment, as in the configuration (templates in all texts).
    pub actions: Vec<serde_json::Value>,
    /// For fields that do not say.
    pub short_fields: bool,
    /// Whether names become links.
    pub link_names: bool,
    /// Which texts are Markdown; empty means Alertmanager's three.
    pub mrkdwn_in: Vec<String>,
    /// Whether later notifications of a group change the first message.
    pub update_message: bool,
    /// Whether they are replies to the first message of the episode.
    pub reply_in_thread: bool,
    /// For one attempt; zero means the built-in limit.
    pub timeout: Duration,
}

/// One field of a Slack attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackField {
    /// A template.
    pub title: String,
    /// A template.
    pub value: String,
    /// Whether it is short; the receiver's `short_fields` where absent.
    pub short: Option<bool>,
}

/// `email_configs[]`
#[derive(Clone, Debug, PartialEq)]
pub struct EmailConfig {
    /// A template: a list of addresses.
    pub to: String,
    /// A template: one address.
    pub from: String,
    /// Host and port.
    pub smarthost: (String, String),
    /// What we call ourselves.
    pub hello: String,
    /// Whom to log in as; empty means not at all.
    pub auth_username: String,
    /// For PLAIN and LOGIN.
    pub auth_password: Option<SecretSource>,
    /// For CRAM-MD5.
    pub auth_secret: Option<SecretSource>,
    /// For PLAIN.
    pub auth_identity: String,
    /// Canonical names to templates; Subject, To and From are present.
    pub headers: BTreeMap<String, String>,
    /// A template.
    pub html: String,
    /// A template.
    pub text: String,
    /// Whether STARTTLS is a must.
    pub require_tls: bool,
    /// The connection's encryption.
    pub tls: TlsConfig,
    /// Whether to speak TLS from the first byte; by the port where absent.
    pub force_implicit_tls: Option<bool>,
    /// `threading`: nothing, `none` or `daily`.
    pub threading: Option<&'static str>,
}

impl EmailConfig {
    /// The environment variables that its fields wait for, each once.
    pub fn unset_variables(&self) -> Vec<&str> {
        let own = [&self.smarthost.0, &self.from, &self.to, &self.hello, &self.auth_username, &self.auth_identity];
        unset(own.into_iter().chain(self.headers.values()).map(String::as_str))
    }
}

fn unset<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in texts.filter_map(environment::unset) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `plant_database`: where the plant keeps its assets and work orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlantDatabase {
    /// Where it is, and who we are there.
    pub url: SecretSource,
    /// How often its tables are looked at.
    pub refresh_interval: Duration,
    /// Whether work orders are passed on to its table, and taken over from it.
    pub work_orders: bool,
}

/// `cmms[]`: a maintenance system over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Cmms {
    /// What it is called in histories and metrics.
    pub name: String,
    /// What every path follows.
    pub url: String,
    /// How to talk to it.
    pub http: HttpConfig,
    /// How often it is looked at for what people changed there.
    pub poll_interval: Duration,
    /// For one request.
    pub timeout: Duration,
    /// For how long a search may miss an order whose creation was not answered.
    pub settle_time: Duration,
    /// Offered to the templates.
    pub values: BTreeMap<String, String>,
    /// Its words for Andon's statuses.
    pub statuses: BTreeMap<String, String>,
    /// Its words for Andon's priorities.
    pub priorities: BTreeMap<String, String>,
    /// Where a token is got that every request which changes something has to bring.
    pub token: Option<CmmsToken>,
    /// Finds the id of an asset by its code.
    pub asset: Option<CmmsRequest>,
    /// Finds an order by its number.
    pub find: CmmsRequest,
    /// Makes an order.
    pub create: CmmsRequest,
    /// Looks at an order.
    pub read: Option<CmmsRequest>,
    /// Brings an order up to date.
    pub update: Option<CmmsRequest>,
    /// Changes where the work stands, where that is a request of its own.
    pub change_status: Option<CmmsRequest>,
}

/// A token against forged requests (CSRF): a GET with this header, set to `Fetch`, is answered with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CmmsToken {
    /// What follows the URL.
    pub path: String,
    /// The header, in small letters.
    pub header: String,
}

/// A request that a maintenance system understands, and where in its answer what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CmmsRequest {
    /// GET, POST, PUT or PATCH.
    pub method: String,
    /// What follows the URL; a template.
    pub path: String,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// JSON; a template. Empty for none.
    pub body: String,
    /// JSON pointer to the id.
    pub id: String,
    /// JSON pointer to the status.
    pub status: String,
    /// JSON pointer to whoever has the order.
    pub assignee: String,
}
