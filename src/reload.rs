//! Loads the configuration, at the start and again: one reload at a time, and a bad file changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigErrors, Options, TemplateEngine};
use crate::core::change::Actor;
use crate::core::matcher::Mode;
use crate::core::policy::ReceiverIdx;
use crate::failpoint::{self, Point};
use crate::flags::default_config_file;
use crate::http::{AppState, ReloadRequest, ShownConfig, ShownIntegration};
use crate::mirror;
use crate::receivers::{Context, Receivers};
use crate::template::Templates;
use crate::time::Timestamp;

/// Reads the configuration from its file, and the templates that it names.
///
/// # Errors
/// Everything that is wrong with the configuration; or what is wrong with the first template file that cannot work.
pub fn load(path: &Path, mode: Mode) -> Result<(Config, Templates), ConfigErrors> {
    load_with(path, &Options { mode, ..Options::default() })
}

/// As [`load`], for the service: a receiver whose address in the environment is malformed is not configured, and keeps no
/// other one from being told.
///
/// # Errors
/// As [`load`].
pub fn load_to_serve(path: &Path, mode: Mode) -> Result<(Config, Templates), ConfigErrors> {
    load_with(path, &Options { mode, forgiving: true, ..Options::default() })
}

fn load_with(path: &Path, options: &Options) -> Result<(Config, Templates), ConfigErrors> {
    if path == Path::new(default_config_file()) && !path.exists() {
        let sentence =
            "there is neither routes.yaml nor alertmanager.yml here; name the file (the service: --config.file=FILE)";
        return Err(ConfigErrors::one(&path.to_string_lossy(), None, sentence));
    }
    let mut config = Config::load(path, options)?;
    // The patterns stand beside the configuration file already.
    let templates = Templates::load(config.template_engine.into(), Path::new("."), &config.templates);
    let templates = templates.map_err(|error| {
        let sentence = format!("failed to parse templates: {error}");
        ConfigErrors::one(&path.to_string_lossy(), None, sentence)
    })?;
    check_texts(&mut config, &templates, path)?;
    Arc::make_mut(&mut config.policy).order_texts = Some(Arc::new(templates.clone()));
    Ok((config, templates))
}

/// Looks at the templates that stand in the receivers' settings. Alertmanager takes those that cannot work, so for an
/// Alertmanager's file they are warned of; Andon's own are refused.
fn check_texts(config: &mut Config, templates: &Templates, path: &Path) -> Result<(), ConfigErrors> {
    let mut wrong = Vec::new();
    for integration in shown_integrations(config) {
        for (name, text) in integration.config.templates() {
            if let Err(error) = templates.check(text) {
                wrong.push(format!("receiver {:?}: {}.{name}: {error}", integration.receiver, integration.name()));
            }
        }
    }
    for receiver in &config.policy.receivers {
        for (place, rule) in receiver.work_orders.iter().enumerate() {
            for (name, text) in [("title", &rule.title), ("description", &rule.description)] {
                if let Some(Err(error)) = text.as_ref().map(|text| templates.check(text)) {
                    wrong.push(format!("receiver {:?}: work_order[{place}].{name}: {error}", receiver.name));
                }
            }
        }
    }
    if config.template_engine == TemplateEngine::Handlebars
        && let Some(first) = wrong.first()
    {
        return Err(ConfigErrors::one(&path.to_string_lossy(), None, first));
    }
    config.warnings.extend(wrong);
    Ok(())
}

/// The configuration, loaded at this moment, as it is shown.
pub fn shown(config: &Config, templates: &Templates, loaded_at: Timestamp) -> ShownConfig {
    ShownConfig {
        original: config.original.clone(),
        redacted: config.redacted.clone(),
        templates: templates.clone(),
        integrations: shown_integrations(config),
        assets: config.assets.clone(),
        sha256: config.sha256.clone(),
        loaded_at,
    }
}

fn shown_integrations(config: &Config) -> Vec<ShownIntegration> {
    let mut shown = Vec::new();
    for ((i, decided), receiver) in config.policy.receivers.iter().enumerate().zip(&config.receivers) {
        let used = u32::try_from(i).is_ok_and(|i| config.used.contains(&ReceiverIdx(i)));
        let pairs = decided.integrations.iter().zip(&receiver.integrations);
        shown.extend(pairs.map(|(decided, config)| ShownIntegration {
            receiver: receiver.name.clone(),
            index: decided.index,
            used,
            config: config.clone(),
        }));
    }
    shown
}

/// Says what is allowed and probably not meant, and which receivers wait for what they need to send.
pub fn warn(config: &Config) {
    for integration in shown_integrations(config).iter().filter(|shown| shown.used) {
        if let Some(missing) = integration.config.missing() {
            let (receiver, integration) = (&*integration.receiver, integration.name());
            tracing::warn!(receiver, integration, missing, "Not configured: what it is to be told waits");
        }
    }
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
    /// Where work orders are besides here.
    pub mirrors: watch::Sender<mirror::Settings>,
}

impl Reloading {
    /// Takes requests one after the other, until `stop`; one whose files hang keeps nothing from ending.
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
            let result = tokio::select! {
                biased;
                result = self.reload(actor) => result,
                () = stop.cancelled() => return,
            };
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
        let loading = tokio::task::spawn_blocking(move || load_to_serve(&path, mode));
        let loaded = loading.await.map_err(|error| format!("the reader of the configuration failed: {error}"))?;
        let (config, templates) = loaded.map_err(|errors| errors.to_string())?;
        let before = self.receivers.load_full();
        // Receivers first: once the engine has the new rules, it may at once tell somebody who is new.
        let assets = Arc::new(config.assets.clone());
        let time_zone = Arc::clone(&config.time_zone);
        let context = Context { templates: templates.clone(), assets, time_zone, ..before.context().clone() };
        self.receivers.store(Arc::new(Receivers::new(&config.receivers, context, Some(&before))));
        let (policy, hash, text) = (Arc::clone(&config.policy), config.sha256.clone(), config.redacted.clone());
        if let Err(error) = self.state.driver.reload(actor, policy, hash, text).await {
            self.receivers.store(before);
            return Err(error.to_string());
        }
        failpoint::reached(Point::ReloadCommitted);
        warn(&config);
        let mirrors = mirror::Settings::of(&config);
        self.mirrors.send_if_modified(|before| {
            *before != mirrors && {
                *before = mirrors;
                true
            }
        });
        self.state.config.store(Arc::new(shown(&config, &templates, self.state.clock.now())));
        self.state.metrics.config_loaded(config.source.as_bytes(), self.state.clock.now());
        Ok(())
    }
}
