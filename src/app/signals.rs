//! SIGHUP reloads, SIGTERM and SIGINT end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::core::change::Actor;
use crate::http::ReloadRequest;

/// The signals, caught from the moment this is made.
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Asks for a reload at each SIGHUP, and returns at SIGTERM or SIGINT.
    pub async fn until_told_to_end(mut self, reloads: &mpsc::Sender<ReloadRequest>) {
        let ending = loop {
            tokio::select! {
                _ = self.terminate.recv() => break "SIGTERM",
                _ = self.interrupt.recv() => break "SIGINT",
                _ = self.hangup.recv() => {
                    // Nobody waits for the answer: how it went stands in the log. Where so many reloads wait already,
                    // the last of them will read the file as it is now.
                    let (done, _) = oneshot::channel();
                    drop(reloads.try_send((Actor::Reload("SIGHUP".into()), done)));
                }
            }
        };
        tracing::info!(signal = ending, "Ending: what is in hand gets ten seconds");
    }
}
