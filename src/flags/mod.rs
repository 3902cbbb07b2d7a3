//! What the flags mean: read once, checked, and typed.
//!
//! A flag is obeyed, or it has no meaning here and is named in one warning, or ignoring it would be unsafe and it is
//! refused. None is ignored in silence.

mod kingpin;
mod table;
pub mod this_host;

use std::path::PathBuf;
use std::time::Duration;

use kingpin::{FlagSpec, Given, Role};
use table::FLAGS;

/// The configuration file where none is named: `routes.yaml` where one stands in the working directory, else
/// Alertmanager's `alertmanager.yml`.
pub fn default_config_file() -> &'static str {
    if std::path::Path::new("routes.yaml").exists() { "routes.yaml" } else { "alertmanager.yml" }
}

/// The flags of `andon` without a subcommand.
#[derive(Clone, Debug, PartialEq)]
pub struct Flags {
    /// `--config.file`
    pub config_file: PathBuf,
    /// `--storage.*`, `--data.retention`, `--history.*`
    pub storage: Storage,
    /// `--web.*`
    pub web: Web,
    /// `--cluster.*`; nothing where no cluster is to be shown.
    pub cluster: Option<Cluster>,
    /// `--alerts.*`, `--dispatch.*`, `--notify.*`, `--silences.*`
    pub engine: EngineFlags,
    /// `--limits.*`
    pub limits: Limits,
    /// `--enable-feature`
    pub features: Features,
    /// `--log.*`
    pub log: Log,
    /// Flags that were given and have no meaning here, with their dashes.
    pub without_meaning: Vec<String>,
}

/// `--storage.*`, `--data.retention`, `--history.*`
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// `--storage.path`
    pub path: PathBuf,
    /// `--storage.strict`
    pub strict: bool,
    /// `--data.retention`
    pub retention: Duration,
    /// `--history.retention`
    pub history_retention: Duration,
    /// `--history.max-size`, in bytes.
    pub history_max_size: u64,
}

/// `--web.*`
#[derive(Clone, Debug, PartialEq)]
pub struct Web {
    /// `--web.listen-address`; never empty.
    pub listen: Vec<String>,
    /// `--web.external-url`, or empty.
    pub external_url: String,
    /// `--web.route-prefix`, if given.
    pub route_prefix: Option<String>,
    /// `--web.get-concurrency`; nothing for the default.
    pub get_concurrency: Option<usize>,
    /// `--web.timeout`; nothing for none.
    pub timeout: Option<Duration>,
    /// `--web.cors-writes`
    pub cors_writes: bool,
}

/// What `/api/v2/status` shows of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// `--cluster.listen-address`
    pub listen_address: String,
    /// `--cluster.advertise-address`, or empty.
    pub advertise_address: String,
    /// `--cluster.peer-name`, or empty.
    pub peer_name: String,
}

/// What the engine's rules need.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineFlags {
    /// `--alerts.gc-interval`
    pub gc_interval: Duration,
    /// `--alerts.per-alertname-limit`; nothing for none.
    pub per_alertname_limit: Option<usize>,
    /// `--alerts.resend-grace`
    pub resend_grace: Duration,
    /// `--dispatch.start-delay`
    pub start_delay: Duration,
    /// `--notify.resolved-while-muted`: whether it is `withhold`.
    pub withhold_resolved_while_muted: bool,
    /// `--silences.max-silences`; nothing for no limit.
    pub max_silences: Option<usize>,
    /// `--silences.max-silence-size-bytes`; nothing for no limit.
    pub max_silence_bytes: Option<usize>,
    /// `--log.silences`
    pub log_silences: bool,
}

/// `--limits.*`, in bytes or numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// `--limits.request-body`
    pub request_body: usize,
    /// `--limits.labels-per-alert`
    pub labels_per_alert: usize,
    /// `--limits.label-name`
    pub label_name: usize,
    /// `--limits.label-value`
    pub label_value: usize,
    /// `--limits.annotation-value`
    pub annotation_value: usize,
    /// `--limits.alerts`
    pub alerts: usize,
    /// `--limits.alert-bytes`
    pub alert_bytes: usize,
    /// `--limits.outbox`
    pub outbox: usize,
    /// `--limits.connections`
    pub connections: usize,
}

/// `--enable-feature`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// `classic-mode`: matchers and label names by the old grammar only.
    pub classic_mode: bool,
    /// `utf8-strict-mode`: matchers by the new grammar only.
    pub utf8_strict_mode: bool,
    /// `alert-names-in-metrics`
    pub alert_names_in_metrics: bool,
    /// `receiver-name-in-metrics`
    pub receiver_name_in_metrics: bool,
    /// `group-key-in-metrics`
    pub group_key_in_metrics: bool,
}

/// `--log.*`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// `--log.level`
    pub level: tracing::Level,
    /// `--log.format`: whether it is `json`.
    pub json: bool,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// To serve.
    Serve(Box<Flags>),
}

/// Reads the command line without the program's name.
///
/// # Errors
/// One line for a person, as kingpin would end it.
pub fn read(args: &[String]) -> Result<Asked, String> {
    if matches!(args, [only] if only == "help") {
        return Ok(Asked::Help);
    }
    let try_help = |error: String| format!("{error}, try --help");
    let given = kingpin::parse(FLAGS, args).map_err(try_help)?;
    if given.get("help").is_some() {
        return Ok(Asked::Help);
    }
    if given.get("version").is_some() {
        return Ok(Asked::Version);
    }
    Values(given).flags().map(|flags| Asked::Serve(Box::new(flags)))
}

/// The text of `--help` for all flags.
pub fn help() -> String {
    let mut out = String::new();
    for spec in FLAGS {
        out.push_str("\n  --");
        out.push_str(spec.name);
        if !spec.default.is_empty() {
            out.push('=');
            out.push_str(spec.default);
        }
        out.push_str("\n      ");
        out.push_str(spec.help);
    }
    out.push('\n');
    out
}

/// The flags that were given, and the defaults of the others.
struct Values(Given);

impl Values {
    fn flags(&self) -> Result<Flags, String> {
        self.refuse_unsafe()?;
        Ok(Flags {
            config_file: self.config_file(),
            storage: self.storage()?,
            web: self.web(),
            cluster: self.cluster()?,
            engine: self.engine()?,
            limits: self.limits()?,
            features: features(self.text("enable-feature"))?,
            log: self.log(),
            without_meaning: self.without_meaning(),
        })
    }

    fn refuse_unsafe(&self) -> Result<(), String> {
        for spec in self.asked_for() {
            if let Role::Refused(why) = spec.role {
                return Err(format!("--{} is refused: {why}", spec.name));
            }
        }
        Ok(())
    }

    fn without_meaning(&self) -> Vec<String> {
        let without = self.asked_for().filter(|spec| spec.role == Role::NoMeaning);
        without.map(|spec| format!("--{}", spec.name)).collect()
    }

    /// Flags that were given, but not as empty or off, which asks for nothing.
    fn asked_for(&self) -> impl Iterator<Item = &'static FlagSpec> {
        let asks = |value: &String| !value.is_empty() && value != kingpin::OFF;
        FLAGS.iter().filter(move |spec| self.0.all(spec.name).iter().any(asks))
    }

    fn config_file(&self) -> PathBuf {
        self.0.get("config.file").map_or_else(|| default_config_file().into(), PathBuf::from)
    }

    fn storage(&self) -> Result<Storage, String> {
        // Andon takes no snapshots, but a value that Alertmanager refuses is a mistake here as well.
        self.positive("data.maintenance-interval")?;
        self.positive("dispatch.maintenance-interval")?;
        Ok(Storage {
            path: self.text("storage.path").into(),
            strict: self.0.is_on("storage.strict"),
            retention: self.positive("data.retention")?,
            history_retention: self.positive("history.retention")?,
            history_max_size: self.size("history.max-size"),
        })
    }

    fn web(&self) -> Web {
        let addresses = self.0.all("web.listen-address");
        let timeout = self.duration("web.timeout");
        Web {
            listen: if addresses.is_empty() { vec![":9093".into()] } else { addresses.to_vec() },
            external_url: self.text("web.external-url").into(),
            route_prefix: self.0.get("web.route-prefix").filter(|prefix| !prefix.is_empty()).map(str::to_owned),
            get_concurrency: self.limit("web.get-concurrency"),
            timeout: (!timeout.is_zero()).then_some(timeout),
            cors_writes: self.0.is_on("web.cors-writes"),
        }
    }

    fn cluster(&self) -> Result<Option<Cluster>, String> {
        for peer in self.0.all("cluster.peer").iter().filter(|peer| !peer.is_empty()) {
            if !this_host::is_named_by(peer) {
                return Err(format!(
                    "--cluster.peer={peer} is refused: several Andons do not know of each other and would page several \
                     times; start one, and point every Prometheus at it"
                ));
            }
        }
        let listen_address = self.text("cluster.listen-address").to_owned();
        Ok((!listen_address.is_empty()).then(|| Cluster {
            listen_address,
            advertise_address: self.text("cluster.advertise-address").into(),
            peer_name: self.text("cluster.peer-name").into(),
        }))
    }

    fn engine(&self) -> Result<EngineFlags, String> {
        Ok(EngineFlags {
            gc_interval: self.positive("alerts.gc-interval")?,
            per_alertname_limit: self.limit("alerts.per-alertname-limit"),
            resend_grace: self.duration("alerts.resend-grace"),
            start_delay: self.duration("dispatch.start-delay"),
            withhold_resolved_while_muted: self.is("notify.resolved-while-muted", "withhold"),
            max_silences: self.limit("silences.max-silences"),
            max_silence_bytes: self.limit("silences.max-silence-size-bytes"),
            log_silences: self.0.is_on("log.silences"),
        })
    }

    fn limits(&self) -> Result<Limits, String> {
        let at_least_one = |name: &str| self.limit(name).ok_or_else(|| format!("--{name} must be at least 1"));
        let bytes = |name: &str| usize::try_from(self.size(name)).unwrap_or(usize::MAX);
        Ok(Limits {
            request_body: bytes("limits.request-body"),
            labels_per_alert: at_least_one("limits.labels-per-alert")?,
            label_name: bytes("limits.label-name"),
            label_value: bytes("limits.label-value"),
            annotation_value: bytes("limits.annotation-value"),
            alerts: at_least_one("limits.alerts")?,
            alert_bytes: bytes("limits.alert-bytes"),
            outbox: at_least_one("limits.outbox")?,
            connections: at_least_one("limits.connections")?,
        })
    }

    fn log(&self) -> Log {
        let level = match self.text("log.level").to_ascii_lowercase().as_str() {
            "debug" => tracing::Level::DEBUG,
            "warn" => tracing::Level::WARN,
            "error" => tracing::Level::ERROR,
            _ => tracing::Level::INFO,
        };
        Log { level, json: self.is("log.format", "json") }
    }

    /// What was given, or the default.
    fn text(&self, name: &str) -> &str {
        let default = || FLAGS.iter().find(|spec| spec.name == name).map_or("", |spec| spec.default);
        self.0.get(name).unwrap_or_else(default)
    }

    fn is(&self, name: &str, word: &str) -> bool {
        self.text(name).eq_ignore_ascii_case(word)
    }

    /// What is negative counts as nothing. The parser has checked the form already.
    fn duration(&self, name: &str) -> Duration {
        match kingpin::duration(self.text(name)) {
            Ok((false, duration)) => duration,
            _ => Duration::ZERO,
        }
    }

    fn positive(&self, name: &str) -> Result<Duration, String> {
        let duration = self.duration(name);
        if duration.is_zero() {
            return Err(format!("--{name} must be more than 0, not {}", self.text(name)));
        }
        Ok(duration)
    }

    /// A number, if it is at least 1. A cast of floats stops at the greatest number.
    fn limit(&self, name: &str) -> Option<usize> {
        let number = kingpin::number(self.text(name)).unwrap_or_default();
        (number >= 1.0).then_some(number as usize)
    }

    fn size(&self, name: &str) -> u64 {
        kingpin::size(self.text(name)).unwrap_or_default()
    }
}

fn features(names: &str) -> Result<Features, String> {
    let mut features = Features::default();
    for name in names.split(',').filter(|_| !names.is_empty()) {
        match name {
            "classic-mode" => features.classic_mode = true,
            "utf8-strict-mode" => features.utf8_strict_mode = true,
            "alert-names-in-metrics" => features.alert_names_in_metrics = true,
            "receiver-name-in-metrics" => features.receiver_name_in_metrics = true,
            "group-key-in-metrics" => features.group_key_in_metrics = true,
            // Go's memory limit, and a log of events that Andon's journal is already.
            "auto-gomemlimit" | "event-recorder" => {}
            unknown => return Err(format!("unknown option '{unknown}' for --enable-feature")),
        }
    }
    if features.classic_mode && features.utf8_strict_mode {
        return Err("cannot have both classic and UTF-8 modes enabled".into());
    }
    Ok(features)
}
