//! What one request for a page knows, owned, so that a page can be made beside the event loop.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::response::Response;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::token::{self, Browser};
use super::{AppState, html};
use crate::core::change::Actor;
use crate::core::matcher::Mode;
use crate::core::view::View;
use crate::driver::Unavailable;
use crate::http::ShownConfig;
use crate::http::query::{Query, decode};
use crate::time::Timestamp;
use crate::ui::{self, Frame, Here, Said, Sight};

const NAME_COOKIE: &str = "andon_name";
/// The longest name of a person that is kept, in characters.
const LONGEST_NAME: usize = 128;

/// One request for a page.
#[derive(Clone)]
pub struct Scene {
    pub view: Arc<View>,
    pub config: Arc<ShownConfig>,
    pub now: Timestamp,
    pub mode: Mode,
    pub headers: HeaderMap,
    pub query: Arc<Query>,
    /// Where the request came from.
    pub address: String,
    /// How many folders below the root the page lies.
    depth: usize,
    token: String,
    /// For a browser that had none.
    pub new_cookie: Option<String>,
    said: Option<Said>,
    trouble: Vec<String>,
}

/// Why a page is not shown, or why a form was not obeyed.
#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub title: &'static str,
    pub text: String,
    /// Where to go on, from the root.
    pub back: String,
}

impl Problem {
    /// There is nothing at this path.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, title: "Not found", text: text.into(), back: String::new() }
    }

    /// A form that is not obeyed.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, title: "Not done", text: text.into(), back: String::new() }
    }

    /// What was asked for makes no sense, as things stand.
    pub fn refused(text: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, ..Self::forbidden(text) }
    }

    /// Nothing was stored; trying again is worth it.
    pub fn not_stored(text: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::forbidden(text) }
    }

    /// The same, with the page to go on to.
    #[must_use]
    pub fn back(self, to: &str) -> Self {
        Self { back: to.to_owned(), ..self }
    }

    /// The path takes no such request.
    pub fn method() -> Self {
        let text = "This address does not take such a request.".into();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, title: "Not possible", text, back: String::new() }
    }

    /// The page could not be made.
    fn broken(text: String) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, title: "Andon failed", text, back: String::new() }
    }
}

#[derive(Serialize)]
struct ProblemPage {
    text: String,
    back: String,
}

impl Scene {
    /// What a request for this path knows.
    ///
    /// # Errors
    /// [`Unavailable`] when the service is stopping.
    pub async fn of(state: &AppState, path: &str, request: &Parts) -> Result<Self, Unavailable> {
        let view = state.driver.view().await?;
        let now = state.clock.now();
        let browser = Browser::of(&request.headers);
        let new_cookie = browser.is_new.then(|| token::cookie(&browser.id));
        let query = Query::parse(request.uri.query().unwrap_or_default());
        let said = query.last("said").and_then(Said::from_word);
        Ok(Self {
            view,
            config: state.config.load_full(),
            now,
            mode: state.mode,
            headers: request.headers.clone(),
            query: Arc::new(query),
            address: address(request),
            // `/` is the root; `/ui/a` lies one folder below it.
            depth: if path.is_empty() { 0 } else { path.matches('/').count() + 1 },
            token: state.page.key.token(&browser, now),
            new_cookie,
            said,
            trouble: trouble(state),
        })
    }

    /// `page` of the query, from 1.
    pub fn page_number(&self) -> usize {
        self.query.last("page").and_then(|page| page.parse().ok()).unwrap_or(1)
    }

    /// Who asks: the name that a proxy in front of us found out, or the one that the browser's user gave last.
    pub fn name(&self) -> String {
        let header = self.headers.get("x-forwarded-user").and_then(|name| name.to_str().ok()).map(str::to_owned);
        let cookie = || token::cookie_of(&self.headers, NAME_COOKIE).and_then(|name| decode(name, false));
        header.or_else(cookie).unwrap_or_default().chars().take(LONGEST_NAME).collect()
    }

    /// Who does something.
    pub fn actor(&self) -> Actor {
        Actor::User { name: self.name(), address: self.address.clone() }
    }

    /// Lets the browser keep the name that its user gave.
    pub fn remember(&self, answer: Response, name: &str) -> Response {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let value = ui::link::encoded(&name);
        let cookie = format!("{NAME_COOKIE}={value}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
        super::with(answer, SET_COOKIE, &cookie)
    }

    /// From the page of the request to the root.
    pub fn to_root(&self) -> String {
        if self.depth == 0 { "./".into() } else { "../".repeat(self.depth) }
    }

    /// What pages are made from.
    pub fn sight(&self) -> Sight<'_> {
        Sight { view: &self.view, now: self.now, mode: self.mode, assets: &self.config.assets }
    }

    /// The part that all pages share.
    pub fn frame(&self, here: Here, title: impl Into<String>) -> Frame {
        let mut frame = Frame::new(&self.sight(), here, title, self.depth);
        frame.token.clone_from(&self.token);
        frame.said = self.said.map(Said::text);
        frame.trouble.clone_from(&self.trouble);
        frame
    }

    /// Makes a page where it may take its time.
    ///
    /// # Errors
    /// What the page says instead.
    pub async fn show(
        &self,
        make: impl FnOnce(&Self) -> Result<Result<String, String>, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        let scene = self.clone();
        let made = tokio::task::spawn_blocking(move || make(&scene)).await;
        let made = made.map_err(|_| Problem::broken("The page could not be made.".into()))??;
        made.map(|text| html(StatusCode::OK, text)).map_err(|why| {
            tracing::error!(why, "A page could not be made");
            Problem::broken("The page could not be made; the log says why.".into())
        })
    }

    /// A page that says why there is no other.
    pub fn problem(&self, problem: Problem) -> Response {
        let frame = Frame { live: false, ..self.frame(Here::Now, problem.title) };
        let page = ProblemPage { text: problem.text, back: problem.back };
        let text = ui::page("problem", &frame, &page).unwrap_or_else(|_| page.text.clone());
        html(problem.status, text)
    }
}

fn address(request: &Parts) -> String {
    let address = request.extensions.get::<SocketAddr>();
    address.map_or_else(|| "unknown".into(), |address| address.ip().to_canonical().to_string())
}

/// What is wrong with the service itself.
fn trouble(state: &AppState) -> Vec<String> {
    let failing = state.driver.health().trouble.load_full();
    let failing = failing.map(|why| format!("Nothing can be stored now, so nothing new is accepted or told: {why}"));
    let damaged = state.storage_damage.as_ref().map(|damage| format!("The store was found damaged: {damage}"));
    failing.into_iter().chain(damaged).collect()
}
