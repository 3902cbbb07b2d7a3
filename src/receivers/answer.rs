//! What an HTTP answer means for a notification: delivered, worth another attempt, or refused for good.
//!
//! Only the answer is judged here. When the next attempt is made is the engine's decision, from what the answer asks for.

use std::time::Duration;

use http::HeaderMap;

use crate::core::outbox::{Exchange, Outcome};
use crate::metrics::FailureReason;
use crate::time::Timestamp;

/// No receiver makes us wait longer than this for the next attempt.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// How much of an answer's body an error quotes, in characters.
const QUOTED: usize = 512;

/// An attempt that did not deliver. The text holds neither URLs nor secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Worth another attempt.
    #[error("{error}")]
    Retry {
        /// What went wrong.
        error: String,
        /// How long the receiver asks us to wait.
        after: Option<Duration>,
        /// What kind of failure it is.
        failure: FailureReason,
    },
    /// Some of its recipients are put off, or all of them: worth another attempt, and nobody else's concern.
    #[error("{error}")]
    PutOff {
        /// What went wrong.
        error: String,
        /// How long to leave them alone.
        after: Duration,
        /// Whether the others have it.
        others_have_it: bool,
    },
    /// A secret is not there, in its file or the environment: somebody may still put it there.
    #[error("not configured: {missing}")]
    NotConfigured {
        /// What is missing.
        missing: String,
    },
    /// The receiver understood and refused, or there is nothing to send to: the same request will fail again.
    #[error("{error}")]
    Refused {
        /// What went wrong.
        error: String,
        /// What kind of failure it is.
        failure: FailureReason,
    },
}

impl SendError {
    /// Worth another attempt, and nobody said when.
    pub fn retry(error: impl Into<String>) -> Self {
        Self::Retry { error: error.into(), after: None, failure: FailureReason::Other }
    }

    /// Of no use to try again.
    pub fn refused(error: impl Into<String>) -> Self {
        Self::Refused { error: error.into(), failure: FailureReason::Other }
    }

    /// There was no answer within `limit`.
    pub fn timed_out(limit: Duration) -> Self {
        Self::Retry { error: format!("no answer within {limit:?}"), after: None, failure: FailureReason::Timeout }
    }

    /// What kind of failure it is.
    pub fn failure(&self) -> FailureReason {
        match self {
            Self::Retry { failure, .. } | Self::Refused { failure, .. } => *failure,
            Self::NotConfigured { .. } | Self::PutOff { .. } => FailureReason::Other,
        }
    }
}

impl SendError {
    /// What the engine makes of it, with what was said and heard.
    pub fn outcome(self, exchange: Exchange) -> Outcome {
        match self {
            Self::NotConfigured { .. } => Outcome::NotConfigured { error: self.to_string() },
            Self::Retry { error, after, .. } => Outcome::Retry { error, after, exchange },
            Self::PutOff { error, after, others_have_it } => {
                Outcome::PutOff { error, after: Some(after), exchange, others_have_it }
            }
            Self::Refused { error, .. } => Outcome::Refused { error, exchange },
        }
    }
}

/// An answer to a request, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header `Retry-After`, if it is text.
    pub retry_after: Option<String>,
    /// The header `Content-Type`, if it is text.
    pub content_type: Option<String>,
    /// All headers, as they came; they may hold secrets.
    pub headers: HeaderMap,
    /// The beginning of the body, without secrets.
    pub body: String,
}

impl Answer {
    /// Judges the status: 2xx is delivered; 408, 425, 429 and 5xx are worth another attempt; all else is refused, also
    /// redirects, which are never followed.
    ///
    /// # Errors
    /// [`SendError`] unless the status is 2xx.
    pub fn check(self, now: Timestamp) -> Result<Self, SendError> {
        let failure = FailureReason::from_status(self.status);
        match self.status {
            200..=299 => Ok(self),
            408 | 425 | 429 | 500..=599 => {
                let after = self.retry_after.as_deref().and_then(|value| retry_after(value, now));
                Err(SendError::Retry { error: self.error_text(), after, failure })
            }
            _ => Err(SendError::Refused { error: self.error_text(), failure }),
        }
    }

    /// An error of this answer that quotes `said`, or where it is empty nothing.
    pub(super) fn error_with(&self, said: &str) -> String {
        Self { body: said.to_owned(), ..self.clone() }.error_text()
    }

    fn error_text(&self) -> String {
        let mut text = format!("unexpected status code {}", self.status);
        if (300..400).contains(&self.status) {
            text.push_str(" (redirects are not followed)");
        }
        let body = self.body.trim();
        if !body.is_empty() {
            text.push_str(": ");
            text.extend(body.chars().take(QUOTED));
            if body.chars().nth(QUOTED).is_some() {
                text.push('…');
            }
        }
        text
    }
}

/// `Retry-After`: seconds, or a date. What is neither, or in the past, says nothing.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit are longer than the limit in any case.
        value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        Timestamp::from_jiff(date).since(now)
    };
    (!wait.is_zero()).then(|| wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_judged() {
        use FailureReason::{Auth, Client, Other, RateLimited, Server};
        //          status  again  failure
        let rows = [
            (301, false, Other),
            (302, false, Other),
            (304, false, Other),
            (308, false, Other),
            (400, false, Client),
            (401, false, Auth),
            (403, false, Auth),
            (404, false, Client),
            (408, true, Client),
            (410, false, Client),
            (413, false, Client),
            (422, false, Client),
            (425, true, Client),
            (429, true, RateLimited),
            (500, true, Server),
            (502, true, Server),
            (503, true, Server),
            (599, true, Server),
            (100, false, Other),
            (600, false, Other),
        ];
        for (status, again, failure) in rows {
            let error = Answer {
                status,
                retry_after: None,
                content_type: None,
                headers: HeaderMap::new(),
                body: String::new(),
            }
            .check(Timestamp::EPOCH)
            .unwrap_err();
            assert_eq!(matches!(error, SendError::Retry { .. }), again, "{status}");
            assert_eq!(error.failure(), failure, "{status}");
        }
        for status in [200, 201, 202, 204, 299] {
            assert!(
                Answer {
                    status,
                    retry_after: None,
                    content_type: None,
                    headers: HeaderMap::new(),
                    body: String::new()
                }
                .check(Timestamp::EPOCH)
                .is_ok()
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_an_hour() {
        let now = Timestamp::new(784_111_777, 0); // Sun, 06 Nov 1994 08:49:37 GMT
        let rows = [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("999999999999999999999999", Some(3600)),
            ("7200", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 07:49:37 GMT", None),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3600)),
        ];
        for (value, expected) in rows {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn error_texts_quote_a_piece_of_the_body() {
        let text = |status, body: &str| {
            Answer { status, retry_after: None, content_type: None, headers: HeaderMap::new(), body: body.into() }
                .check(Timestamp::EPOCH)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(text(500, "oh no\n"), "unexpected status code 500: oh no");
        assert_eq!(text(404, ""), "unexpected status code 404");
        assert_eq!(text(302, ""), "unexpected status code 302 (redirects are not followed)");
        assert_eq!(text(400, &"é".repeat(600)), format!("unexpected status code 400: {}…", "é".repeat(512)));
    }
}
