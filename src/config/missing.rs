//! What a receiver needs and does not have yet: secrets and addresses in files that are not there, in variables that are
//! not set.
//!
//! Such a configuration is good: a plant starts with what it has. What waits for a secret is shown, and waits.

use super::settings::{Auth, EmailConfig, HttpConfig, IntegrationConfig, SecretSource};
use super::value::ALLOWED_HOST_PORT;

impl SecretSource {
    /// What is missing, for people; nothing if the secret can be read.
    pub fn missing(&self) -> Option<String> {
        match self {
            Self::Inline(_) => None,
            Self::File(path) => {
                // One that is there and cannot be read is a mistake, and told as such at the first attempt.
                let absent = matches!(path.try_exists(), Ok(false));
                absent.then(|| format!("there is no file {}", path.display()))
            }
            Self::Env(name) => {
                let unset = std::env::var_os(name).is_none_or(|value| value.is_empty());
                unset.then(|| format!("the environment variable {name} is not set"))
            }
        }
    }
}

impl IntegrationConfig {
    /// Alertmanager's word for the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Pagerduty(_) => "pagerduty",
            Self::Slack(_) => "slack",
            Self::Email(_) => "email",
            Self::Unsupported { kind } => kind,
        }
    }

    /// What has to be there before anything can be sent, and is not; nothing if all is there.
    pub fn missing(&self) -> Option<String> {
        let secrets = self.secrets().into_iter().filter_map(SecretSource::missing);
        let missing: Vec<String> = self.unset().into_iter().chain(secrets).collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    /// Likewise, of what is no secret.
    pub fn unset(&self) -> Option<String> {
        told(&self.unset_variables())
    }

    fn secrets(&self) -> Vec<&SecretSource> {
        match self {
            Self::Webhook(config) => {
                [&config.url].into_iter().chain(&config.signing_secret).chain(of_http(&config.http)).collect()
            }
            Self::Pagerduty(config) => {
                // With both keys, the old one is used.
                let key = config.service_key.iter().chain(&config.routing_key).take(1);
                key.chain(of_http(&config.http)).collect()
            }
            Self::Slack(config) => [&config.api_url].into_iter().chain(of_http(&config.http)).collect(),
            Self::Email(config) if config.auth_username.is_empty() => Vec::new(),
            Self::Email(config) => config.auth_password.iter().chain(&config.auth_secret).collect(),
            Self::Unsupported { .. } => Vec::new(),
        }
    }
}

impl EmailConfig {
    /// What the environment lacks before a mail can be sent.
    pub fn unset(&self) -> Option<String> {
        told(&self.unset_variables())
    }
}

/// All of them in one sentence, so that nobody has to start again for each. One that is set, and is waited for all the
/// same, could not be read.
fn told(names: &[&str]) -> Option<String> {
    let is_set = |name: &&&str| std::env::var_os(**name).is_some_and(|value| !value.is_empty());
    let (malformed, unset): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| is_set(name));
    let unset = match *unset {
        [] => None,
        [name] => Some(format!("the environment variable {name} is not set")),
        [ref names @ .., last] => {
            Some(format!("the environment variables {} and {last} are not set", names.join(", ")))
        }
    };
    let malformed = malformed.iter().map(|name| format!("the environment variable {name} is not {ALLOWED_HOST_PORT}"));
    let all: Vec<String> = malformed.chain(unset).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn of_http(http: &HttpConfig) -> Vec<&SecretSource> {
    let mut secrets: Vec<&SecretSource> = match &http.auth {
        Auth::None => Vec::new(),
        Auth::Basic { username, password } => [username].into_iter().chain(password).collect(),
        Auth::Header { credentials, .. } => credentials.iter().collect(),
        Auth::OAuth2(oauth2) => oauth2.client_secret.iter().collect(),
    };
    secrets.extend(http.headers.values().flatten());
    secrets
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Config, Options};

    #[test]
    fn what_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let file = folder.path().join("key");
        let text = format!(
            "route: {{receiver: r}}\nreceivers:\n- name: r\n  pagerduty_configs: [{{routing_key_file: '{0}'}}]\n  \
             webhook_configs: [{{url: '${{env:ANDON_TEST_UNSET}}', http_config: {{authorization: {{credentials_file: \
             '{0}'}}}}}}, {{url: 'http://h/'}}]\n",
            file.display()
        );
        let options = Options { unsendable: true, ..Options::default() };
        let config = Config::parse(&text, "routes.yaml", Path::new(""), &options).expect("it is good");
        let missing = || -> Vec<_> { config.receivers[0].integrations.iter().map(|it| it.missing()).collect() };
        let no_file = format!("there is no file {}", file.display());
        let both = format!("the environment variable ANDON_TEST_UNSET is not set; {no_file}");
        assert_eq!(missing(), [Some(both), None, Some(no_file)]);
        let unset = "the environment variable ANDON_TEST_UNSET is not set".to_owned();
        let mail = text.replace(
            "  webhook_configs",
            "  email_configs: [{to: a@b, from: c@d, smarthost: '${env:ANDON_TEST_UNSET}'}]\n  webhook_configs",
        );
        let config_of_mail = Config::parse(&mail, "routes.yaml", Path::new(""), &options).expect("it is good");
        assert_eq!(config_of_mail.receivers[0].integrations[2].missing(), Some(unset.clone()));
        let mail =
            mail.replace("to: a@b, from: c@d", "to: '${env:ANDON_TEST_UNSET_TO}', from: '${env:ANDON_TEST_UNSET}'");
        let config_of_mail = Config::parse(&mail, "routes.yaml", Path::new(""), &options).expect("it is good");
        let both = "the environment variables ANDON_TEST_UNSET and ANDON_TEST_UNSET_TO are not set".to_owned();
        assert_eq!(config_of_mail.receivers[0].integrations[2].missing(), Some(both));
        std::fs::write(&file, "k").expect("it is written");
        assert_eq!(missing(), [Some(unset), None, None]);
    }
}
