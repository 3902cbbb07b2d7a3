//! The shipped configuration, made for the demo: told to the stand-ins, and with shorter waits. Nothing else differs.

use std::collections::BTreeMap;
use std::net::SocketAddr;

const ROUTES: &str = include_str!("../../routes.yaml");
/// The plant's assets, as shipped.
pub const ASSETS: &str = include_str!("../../assets.yaml");

/// Who gets the mails.
pub const SUPERVISOR: &str = "supervisor@plant.example";

/// Where the stand-ins listen.
pub struct StandIns {
    /// PagerDuty.
    pub pagerduty: SocketAddr,
    /// Slack.
    pub slack: SocketAddr,
    /// The mail server.
    pub smtp: SocketAddr,
}

/// The text of `routes.yaml` for the demo.
///
/// # Errors
/// If the shipped file wants a variable that is not known here.
pub fn routes(at: &StandIns) -> Result<String, String> {
    let slack = |channel: &str| format!("http://{}/services/{channel}", at.slack);
    let known = BTreeMap::from([
        ("ANDON_PAGERDUTY_KEY", "0123456789abcdef0123456789abcdef".to_owned()),
        ("ANDON_PAGERDUTY_URL", format!("http://{}/v2/enqueue", at.pagerduty)),
        ("ANDON_SLACK_OPS_URL", slack("ops")),
        ("ANDON_SLACK_DATABASES_URL", slack("databases")),
        ("ANDON_SLACK_APPLICATION_URL", slack("application")),
        ("ANDON_SLACK_DATA_URL", slack("data")),
        ("ANDON_SLACK_ML_URL", slack("ml")),
        ("ANDON_SMTP_SMARTHOST", at.smtp.to_string()),
        ("ANDON_SMTP_FROM", "andon@plant.example".to_owned()),
        ("ANDON_SMTP_USERNAME", String::new()),
        ("ANDON_SMTP_PASSWORD", "not used".to_owned()),
        ("ANDON_SUPERVISOR_EMAIL", SUPERVISOR.to_owned()),
    ]);
    let filled = filled(ROUTES, &known)?;
    // The mail server is on this machine and does not encrypt.
    let filled = filled.replace("smtp_require_tls: true", "smtp_require_tls: false");
    Ok(filled.lines().map(quickened).collect())
}

/// The text with each `${env:NAME}` and `${env:NAME:-default}` replaced by what is known of it; comments are left out.
fn filled(text: &str, known: &BTreeMap<&str, String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("${env:") {
            let (reference, after) = after.split_once('}').unwrap_or((after, ""));
            let name = reference.split_once(":-").map_or(reference, |(name, _)| name);
            let value =
                known.get(name).ok_or_else(|| format!("routes.yaml wants {name}, which the demo does not know"))?;
            out += before;
            out += value;
            rest = after;
        }
        out += rest;
        out.push('\n');
    }
    Ok(out)
}

/// A line in which a wait is as short as a demo wants it: what is told at once still is.
fn quickened(line: &str) -> String {
    let quick = [("group_wait:", "1s"), ("group_interval:", "3s")];
    for (key, short) in quick {
        if let Some((before, value)) = line.split_once(key)
            && value.split_whitespace().next() != Some("0s")
        {
            return format!("{before}{key} {short}\n");
        }
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, Options};

    #[test]
    fn the_shipped_routes_are_what_is_played_but_for_addresses_and_waits() {
        let at = SocketAddr::from(([127, 0, 0, 1], 2525));
        let text = routes(&StandIns { pagerduty: at, slack: at, smtp: at }).unwrap();
        assert!(!text.contains("${env:"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("assets.yaml"), ASSETS).unwrap();
        let played = Config::parse(&text, "routes.yaml", folder.path(), &Options::default()).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("routes.yaml");
        let shipped = Config::load(&shipped, &Options::default()).unwrap();
        assert_eq!(played.policy.routes.len(), shipped.policy.routes.len());
        for (played, shipped) in played.policy.routes.iter().zip(&shipped.policy.routes) {
            assert_eq!((&played.key, played.receiver), (&shipped.key, shipped.receiver));
            assert_eq!((&played.group_by, played.repeat_interval), (&shipped.group_by, shipped.repeat_interval));
            assert_eq!(played.group_wait.is_zero(), shipped.group_wait.is_zero(), "{}", played.key);
            assert!(played.group_wait <= Duration::from_secs(1), "{}", played.key);
            // Routes that Andon makes itself, as to a fallback, stand in no file.
            let own = played.key.starts_with("andon/");
            let interval = if own { shipped.group_interval } else { Duration::from_secs(3) };
            assert_eq!(played.group_interval, interval, "{}", played.key);
        }
        assert_eq!(played.policy.inhibit_rules.len(), shipped.policy.inhibit_rules.len());
        assert!(played.receivers.iter().flat_map(|r| &r.integrations).all(|i| i.unset_variables().is_empty()));
    }
}
