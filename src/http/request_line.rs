//! Lets requests through whose address holds characters that ought to be encoded and that Go's servers take as they are:
//! quotes and pointed brackets, as in `?filter=team="a"` typed by hand.
//!
//! The HTTP library refuses such an address before anybody here sees it. So the first line of a request is looked at as
//! it arrives, and these characters are encoded in it; nothing else is touched. What is not a whole first line in one
//! piece goes on as it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection on which the addresses of requests are encoded.
pub struct Encoding<S> {
    stream: S,
    /// What was encoded and not yet read.
    encoded: Vec<u8>,
    /// A request may begin with what is read next: nothing was read yet, or something was answered since.
    at_start: bool,
}

impl<S> Encoding<S> {
    /// Around a connection on which nothing was read yet.
    pub fn new(stream: S) -> Self {
        Self { stream, encoded: Vec::new(), at_start: true }
    }

    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.encoded.len().min(buf.remaining());
        buf.put_slice(&self.encoded.drain(..count).collect::<Vec<u8>>());
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Encoding<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.encoded.is_empty() {
            this.hand_out(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let done = Pin::new(&mut this.stream).poll_read(cx, buf);
        let read = buf.filled().get(before..).unwrap_or_default();
        if this.at_start && !read.is_empty() {
            this.at_start = false;
            if let Some(encoded) = encoded(read) {
                this.encoded = encoded;
                buf.set_filled(before);
                this.hand_out(buf);
            }
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Encoding<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.at_start = true;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.at_start = true;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The bytes with the address in their first line encoded; nothing if there is nothing to do.
fn encoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let start = line.iter().position(|byte| *byte == b' ')? + 1;
    let stop = line.iter().rposition(|byte| *byte == b' ')?;
    let target = line.get(start..stop).filter(|target| target.first() == Some(&b'/'))?;
    if !line.get(stop..)?.starts_with(b" HTTP/1.") || !target.iter().any(|byte| escape(*byte).is_some()) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() + 64);
    out.extend_from_slice(line.get(..start)?);
    for byte in target {
        match escape(*byte) {
            Some(escape) => out.extend_from_slice(escape),
            None => out.push(*byte),
        }
    }
    out.extend_from_slice(line.get(stop..)?);
    out.extend_from_slice(rest);
    Some(out)
}

fn escape(byte: u8) -> Option<&'static [u8]> {
    Some(match byte {
        b'"' => b"%22",
        b'<' => b"%3C",
        b'>' => b"%3E",
        b'`' => b"%60",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_in_a_first_line_is_encoded() {
        let done = |text: &str| encoded(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(
            done("GET /a\"?f=<b>=\"c\" HTTP/1.1\r\nHost: \"x\"\r\n\r\n<").as_deref(),
            Some("GET /a%22?f=%3Cb%3E=%22c%22 HTTP/1.1\r\nHost: \"x\"\r\n\r\n<")
        );
        for text in [
            "GET /a?f=b HTTP/1.1\r\nHost: \"x\"\r\n\r\n",
            "GET /a?f=\"b\" HTT",
            "GET \"/a\" HTTP/1.1\r\n",
            "[{\"labels\": {\"a\": \"b\"}}]\n",
            "{\"a\": /\"b\" HTTP/2.1\n",
            "\n",
            "",
        ] {
            assert_eq!(done(text), None, "{text:?}");
        }
    }
}
