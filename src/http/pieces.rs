//! Answers that are written while they are sent: a long one takes neither its whole length in memory nor a thread for as
//! long as it takes to write.
//!
//! A [`Document`] writes itself in small steps. What is shorter than a piece is sent as a whole, with its length; of what
//! is longer each piece is written when the connection has room for it, and others have their turn between two.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;

use super::reply;

/// After so many bytes a piece is sent.
pub const PIECE: usize = 64 << 10;
/// By so much the last step may exceed it before the text is moved.
const SLACK: usize = 8 << 10;

/// Something that writes itself step by step.
pub trait Document: Send + Unpin + 'static {
    /// Appends what comes next, and says whether there is more. A step is short: a few thousand things looked at, or a
    /// piece's worth of text.
    fn step(&mut self, out: &mut String) -> bool;
}

/// 200 with a JSON document; puts the newline behind it.
pub async fn json(mut document: impl Document) -> Response {
    let mut text = String::new();
    while document.step(&mut text) {
        if text.len() >= PIECE {
            let body = Body::new(Pieces { text, document: Some(document), waited: false });
            return reply::with_type(StatusCode::OK, reply::JSON, body);
        }
        tokio::task::yield_now().await;
    }
    reply::json(text)
}

/// The body of a long answer.
struct Pieces<D> {
    /// What is not sent yet.
    text: String,
    /// Nothing once it was written to its end.
    document: Option<D>,
    /// Whether others had their turn since the last step.
    waited: bool,
}

impl<D: Document> http_body::Body for Pieces<D> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(document) = this.document.as_mut().filter(|_| this.text.len() < PIECE) {
            if !std::mem::take(&mut this.waited) {
                this.waited = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if this.text.capacity() == 0 {
                this.text.reserve(PIECE + SLACK);
            }
            if !document.step(&mut this.text) {
                this.text.push('\n');
                this.document = None;
            } else if this.text.len() < PIECE {
                this.waited = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let text = std::mem::take(&mut this.text);
        Poll::Ready((!text.is_empty()).then(|| Ok(Frame::data(Bytes::from(text)))))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_empty() && self.document.is_none()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// So many steps that write so many bytes each.
    struct Steps(usize, usize);

    impl Document for Steps {
        fn step(&mut self, out: &mut String) -> bool {
            self.0 -= 1;
            out.extend(std::iter::repeat_n('x', self.1));
            self.0 > 0
        }
    }

    #[tokio::test]
    async fn what_is_short_has_a_length_and_what_is_long_comes_in_pieces() {
        for (steps, bytes, has_length) in [
            (1, 0, true),
            (3, 10, true),
            (1, 10 * PIECE, true),
            (2, PIECE, false),
            (9, PIECE / 3, false),
            (70, PIECE, false),
        ] {
            let (_, body) = json(Steps(steps, bytes)).await.into_parts();
            let length = http_body::Body::size_hint(&body).exact();
            assert_eq!(length.is_some(), has_length, "{steps} steps of {bytes} bytes");
            let text = body.collect().await.unwrap().to_bytes();
            assert_eq!(text.len(), steps * bytes + 1);
            assert_eq!(text.last(), Some(&b'\n'));
        }
    }
}
