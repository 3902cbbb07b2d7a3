//! `global`: what receivers inherit.
//!
//! The receivers' readers ask for the texts by the names of the configuration; a text that is not set and has no default
//! is absent. Texts may be secrets: nothing here is `Debug`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::{HttpConfig, TlsConfig};

/// The section with its defaults filled in.
#[derive(Clone)]
pub struct Global {
    /// After how long an alert without an end is taken for over.
    pub resolve_timeout: Duration,
    /// How receivers without an own `http_config` talk HTTP.
    pub http_config: HttpConfig,
    /// Whether mail needs STARTTLS.
    pub smtp_require_tls: bool,
    /// Whether mail speaks TLS from the first byte; by the port where absent.
    pub smtp_force_implicit_tls: Option<bool>,
    /// Encryption for mail.
    pub smtp_tls_config: TlsConfig,
    /// `slack_api_url`, `smtp_from`, … as written, or their defaults.
    pub texts: BTreeMap<&'static str, String>,
}

impl Global {
    /// A text of the section, if it is set (not empty) or has a default.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }
}

/// What readers of sections need to know besides their section.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The folder of the configuration file: files in `http_config` and templates are relative to it.
    pub base_dir: PathBuf,
}
