//! Reads the bodies of requests, within limits: each in size and time, and all that are under way together in size.
//!
//! Without the last one a few hundred senders that trickle what each of them may send would take all memory.

use std::ops::Deref;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::reply::FrameworkError;

/// How many bytes may be under way in bodies at once, where one body may not have more.
const AT_ONCE: usize = 256 << 20;
/// So many bytes of each are not counted: how many there may be is limited by the connections, and a few senders that stall
/// with large bodies keep nobody's alerts out.
const FREE: usize = 128 << 10;

/// How many bytes of bodies may still be taken in.
pub struct Room(Semaphore);

impl Room {
    /// For bodies of at most so many bytes.
    pub fn new(body: usize) -> Self {
        Self(Semaphore::new(AT_ONCE.max(body).min(Semaphore::MAX_PERMITS)))
    }
}

/// A body. Its room is taken until it is dropped, which is when its request is answered.
pub(super) struct Read<'a> {
    bytes: Bytes,
    _room: Option<SemaphorePermit<'a>>,
}

impl Deref for Read<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body of at most so many bytes, which arrives within this time.
///
/// # Errors
/// 413, 408, 400 where it ends early, and 503 while too much is under way.
pub(super) async fn read(
    room: &Room,
    most: usize,
    within: Duration,
    request: Request<Body>,
) -> Result<Read<'_>, FrameworkError> {
    match tokio::time::timeout(within, collect(room, most, request.into_body())).await {
        Ok(read) => read,
        Err(_) => {
            let seconds = within.as_secs();
            Err(FrameworkError::new(408, format!("the body did not arrive within the limit of {seconds} seconds")))
        }
    }
}

async fn collect(room: &Room, most: usize, mut body: Body) -> Result<Read<'_>, FrameworkError> {
    let (mut parts, mut length, mut taken) = (Vec::<Bytes>::new(), 0, None::<SemaphorePermit<'_>>);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FrameworkError::new(400, "the body could not be read"))?;
        let Ok(part) = frame.into_data() else { continue };
        let counted = usize::saturating_sub(length, FREE);
        length += part.len();
        if length > most {
            return Err(FrameworkError::new(413, format!("the body is larger than the limit of {most} bytes")));
        }
        let full = || FrameworkError::new(503, "too many bytes of requests are under way: try again later");
        let more = u32::try_from(length.saturating_sub(FREE) - counted).map_err(|_| full())?;
        let more = room.0.try_acquire_many(more).map_err(|_| full())?;
        match &mut taken {
            Some(taken) => taken.merge(more),
            None => taken = Some(more),
        }
        parts.push(part);
    }
    let bytes = match parts.len() {
        1 => parts.swap_remove(0),
        _ => parts.concat().into(),
    };
    Ok(Read { bytes, _room: taken })
}
