//! Forms: read within the limits of the API, and believed only from our own pages.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};

use super::AppState;
use super::scene::{Problem, Scene};
use super::token::{self, Browser};
use crate::http::query::Query;
use crate::http::read_body;

/// A form that one of our pages sent.
pub struct Form(Query);

impl Form {
    /// Reads a form, and refuses one that is not from a page of ours.
    ///
    /// # Errors
    /// What the page says instead.
    pub async fn read(state: &AppState, scene: &Scene, request: Request<Body>) -> Result<Self, Problem> {
        if !token::same_origin(request.headers(), &state.external_url) {
            return Err(Problem::forbidden("This form was on a page of another site."));
        }
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let text = format!("Content-Type is {media_type:?}; forms are application/x-www-form-urlencoded.");
            return Err(Problem { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, ..Problem::forbidden(text) });
        }
        let body = read_body(state, request).await.map_err(|error| Problem {
            status: StatusCode::from_u16(error.code).unwrap_or(StatusCode::BAD_REQUEST),
            ..Problem::forbidden(error.message)
        })?;
        let form = Self(Query::parse(&String::from_utf8_lossy(&body)));
        let browser = Browser::of(&scene.headers);
        if !state.page.key.accepts(form.text("token"), &browser, scene.now) {
            let text = "This form is older than a day, or Andon was started anew since, or the browser keeps no \
                        cookies. Nothing was done: go back, load the page again, and send the form once more.";
            return Err(Problem::forbidden(text));
        }
        Ok(form)
    }

    /// What stands in a field; empty where there is none.
    pub fn text<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.last(name).unwrap_or_default()
    }
}
