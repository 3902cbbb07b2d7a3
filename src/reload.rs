//! Loads the configuration, at the start and again: one reload at a time, and a bad file changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigErrors, Options};
use crate::core::change::Actor;
use crate::core::matcher::Mode;
use crate::http::{AppState, ReloadRequest, ShownConfig};
use crate::receivers::Receivers;

/// Reads the configuration from its file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path, mode: Mode) -> Result<Config, ConfigErrors> {
    Config::load(path, &Options { mode, ..Options::default() })
}

/// The configuration as it is shown.
pub fn shown(config: &Config) -> ShownConfig {
    ShownConfig { original: config.original.clone(), redacted: config.redacted.clone() }
}

/// Says what is allowed and probably not meant.
pub fn warn(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!(warning, "The configuration is good, but this is probably not meant");
    }
}

/// Puts a changed configuration in force.
pub struct Reloading {
    /// The file.
    pub path: PathBuf,
    /// What handlers show.
    pub state: Arc<AppState>,
    /// Who can be told.
    pub receivers: Arc<ArcSwap<Receivers>>,
}

impl Reloading {
    /// Takes requests one after the other, until `stop`.
    pub async fn run(self, mut requests: mpsc::Receiver<ReloadRequest>, stop: CancellationToken) {
        loop {
            let (actor, done) = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                request = requests.recv() => match request {
                    Some(request) => request,
                    None => return,
                },
            };
            let by = actor.to_string();
            let result = self.reload(actor).await;
            let file = self.path.display();
            match &result {
                Ok(()) => tracing::info!(%file, by, "Completed loading of configuration file"),
                Err(err) => {
                    self.state.metrics.config_refused();
                    tracing::error!(%file, by, err, "Loading configuration file failed; the old configuration stays");
                }
            }
            // Whoever asked may have gone away.
            drop(done.send(result));
        }
    }

    async fn reload(&self, actor: Actor) -> Result<(), String> {
        let (path, mode) = (self.path.clone(), self.state.mode);
        let loading = tokio::task::spawn_blocking(move || load(&path, mode));
        let loaded = loading.await.map_err(|error| format!("the reader of the configuration failed: {error}"))?;
        let config = loaded.map_err(|errors| errors.to_string())?;
        let before = self.receivers.load_full();
        // Receivers first: once the engine has the new rules, it may at once tell somebody who is new.
        self.receivers.store(Arc::new(Receivers::new(&config.receivers, &before)));
        let (policy, hash, text) = (Arc::clone(&config.policy), config.sha256.clone(), config.redacted.clone());
        if let Err(error) = self.state.driver.reload(actor, policy, hash, text).await {
            self.receivers.store(before);
            return Err(error.to_string());
        }
        warn(&config);
        self.state.config.store(Arc::new(shown(&config)));
        self.state.metrics.config_loaded(config.source.as_bytes(), self.state.clock.now());
        Ok(())
    }
}
