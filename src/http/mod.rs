//! Answers HTTP: Alertmanager's API v2 byte for byte, the endpoints for operators, and Andon's own under
//! `/api/andon/v1/`.
//!
//! A handler parses, asks the driver, and answers; it decides nothing that the engine decides. Paths are matched as by
//! Go's router under Alertmanager (redirects, trailing slashes, `Allow`), which no pattern of axum does, so the router
//! has one fallback, [`dispatch`]. The page for people is [`page`].
//!
//! Different from Alertmanager on purpose: bodies are limited in size and time; `/-/healthy` and `/-/ready` do not count
//! against the limit on GET requests (a full one must not get a healthy process killed); other sites' pages may read but
//! not write, unless [`AppState::cors_writes`] says so; what was not stored is a 503, never a 200.

pub mod alerts_body;
mod andon;
pub mod body;
mod guard;
mod idle;
pub mod json_read;
mod mail_link;
mod media_type;
mod ops;
pub mod page;
mod path;
mod patience;
mod pieces;
pub mod query;
pub mod reply;
mod request_line;
pub mod server;
pub mod silence_body;
mod silence_size;
pub mod times;
mod uri;
mod v2;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::reply::FrameworkError;
use crate::config::Asset;
use crate::config::settings::IntegrationConfig;
use crate::core::change::Actor;
use crate::core::matcher::Mode;
use crate::delivery::recent::Recent;
use crate::delivery::trial::Trial;
use crate::driver::Handle;
use crate::mail_link::LinkKey;
use crate::metrics::Metrics;
use crate::template::Templates;
use crate::time::{Clock, Timestamp};

/// What all handlers share.
pub struct AppState {
    /// The way to the engine.
    pub driver: Handle,
    /// What time it is.
    pub clock: Clock,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// What `/api/v2/status` says that does not change.
    pub status: StatusInfo,
    /// The configuration in force, as it is shown.
    pub config: ArcSwap<ShownConfig>,
    /// Loads the configuration again.
    pub reloader: Reloader,
    /// Sends test notifications.
    pub trial: Trial,
    /// The last attempts to tell anybody.
    pub recent: Arc<Recent>,
    /// What the links in mails are signed with.
    pub links: Arc<LinkKey>,
    /// Which grammar matchers and label names follow.
    pub mode: Mode,
    /// Where the service is reached from outside, without a slash at the end.
    pub external_url: String,
    /// Empty, or a path that begins with a slash and does not end with one.
    pub route_prefix: String,
    /// How many GET requests are answered at once.
    pub gets: GetLimit,
    /// After how long a request is given up (`--web.timeout`).
    pub timeout: Option<Duration>,
    /// How large requests may be.
    pub limits: Limits,
    /// How much of them may be under way.
    pub room: body::Room,
    /// Whether pages of other sites may write.
    pub cors_writes: bool,
    /// Whether changes of silences are logged.
    pub log_silences: bool,
    /// What was found damaged in the store at start, in words for a person.
    pub storage_damage: Option<String>,
    /// What the page keeps.
    pub page: page::Pages,
}

/// What does not change while the service runs.
#[derive(Clone, Debug)]
pub struct StatusInfo {
    /// When the service started.
    pub started: Timestamp,
    /// The cluster of one that is shown where `--cluster.listen-address` is given.
    pub cluster: Option<ClusterInfo>,
    /// The program's branch, for `versionInfo`.
    pub branch: String,
    /// The program's revision.
    pub revision: String,
    /// When the program was built.
    pub build_date: String,
    /// Who built it.
    pub build_user: String,
}

/// This instance as the only member of a cluster.
#[derive(Clone, Debug)]
pub struct ClusterInfo {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
}

/// The configuration in force, as it is shown: without secrets.
#[derive(Clone, Debug)]
pub struct ShownConfig {
    /// As Alertmanager would print it; amtool loads it.
    pub original: String,
    /// With Andon's own keys.
    pub redacted: String,
    /// Its templates: labels of routes are shown filled in.
    pub templates: Templates,
    /// The integrations of all receivers.
    pub integrations: Vec<ShownIntegration>,
    /// The plant's assets by their codes.
    pub assets: BTreeMap<Arc<str>, Asset>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// When it was loaded.
    pub loaded_at: Timestamp,
}

/// An integration, as it is shown.
#[derive(Clone, Debug)]
pub struct ShownIntegration {
    /// Its receiver's name.
    pub receiver: String,
    /// Its place among those of its kind.
    pub index: u32,
    /// Whether a route reaches the receiver.
    pub used: bool,
    /// How to send. Nothing of it is shown but its kind, and what is missing in it.
    pub config: IntegrationConfig,
}

impl ShownIntegration {
    /// `pagerduty[0]`
    pub fn name(&self) -> String {
        format!("{}[{}]", self.config.kind(), self.index)
    }
}

/// How many GET requests are answered at once.
pub struct GetLimit {
    permits: Semaphore,
    size: usize,
}

impl GetLimit {
    /// So many; 0 means as many as there are processors, and at least 8.
    pub fn new(size: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let size = if size == 0 { processors.max(8) } else { size };
        Self { permits: Semaphore::new(size.min(Semaphore::MAX_PERMITS)), size }
    }
}

/// How large requests may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// Labels of an alert, and annotations.
    pub labels: usize,
    /// Bytes of a name.
    pub name: usize,
    /// Bytes of a label's value.
    pub value: usize,
    /// Bytes of an annotation's value.
    pub annotation: usize,
    /// Bytes of a silence, as Alertmanager would store it; nothing for any number.
    pub silence: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            body_time: Duration::from_secs(30),
            labels: 128,
            name: 1 << 10,
            value: 16 << 10,
            annotation: 256 << 10,
            silence: None,
        }
    }
}

/// Who wants a reload, and where to say how it went.
pub type ReloadRequest = (Actor, oneshot::Sender<Result<(), String>>);

/// The way to whoever reloads the configuration.
#[derive(Clone)]
pub struct Reloader(pub mpsc::Sender<ReloadRequest>);

impl Reloader {
    /// Loads the configuration again and waits for the end.
    ///
    /// # Errors
    /// Why the new configuration is not in force; the old one is.
    pub async fn reload(&self, actor: Actor) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        let stopping = || "the service is stopping".to_owned();
        self.0.send((actor, done)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

/// The whole service as a router.
pub fn router(state: Arc<AppState>) -> Router {
    Router::new().fallback(guard::answer).with_state(state)
}

/// Reads a body within the limits.
async fn read_body(state: &AppState, request: Request<Body>) -> Result<body::Read<'_>, FrameworkError> {
    body::read(&state.room, state.limits.body, state.limits.body_time, request).await
}

/// Where a request came from, as far as is known.
fn peer<B>(request: &Request<B>) -> String {
    let address = request.extensions().get::<SocketAddr>();
    // One socket hears both families; 127.0.0.1 is not to be called ::ffff:127.0.0.1.
    address.map_or_else(|| "unknown".into(), |address| address.ip().to_canonical().to_string())
}

/// Routes a request by its path.
async fn dispatch(state: &AppState, path: path::Path, request: Request<Body>) -> Response {
    match path {
        path::Path::Redirect { status, to } => reply::redirect(status, request.method(), &to),
        path::Path::V2(endpoint) => v2::answer(state, endpoint, request).await,
        path::Path::Andon(rest) => andon::answer(state, &rest, request).await,
        path::Path::MailLink(token) => mail_link::answer(state, &token, request).await,
        path::Path::Page(rest) => page::answer(state, &rest, request).await,
        path::Path::Ops(endpoint) => ops::answer(state, endpoint, request).await,
        path::Path::NotFound => reply::text_error(http::StatusCode::NOT_FOUND, "404 page not found"),
    }
}
