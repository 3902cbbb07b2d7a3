//! `plant_database`: the PostgreSQL in which the plant keeps its assets and work orders.

use super::error::FieldPath;
use super::load::Scope;
use super::node::Node;
use super::schema::{Field, Kind, Preset, Schema};
use super::section::Section;
use super::settings::{PlantDatabase, SecretSource};
use std::time::Duration;

/// The tables are looked at at least this often: what people change there has to show within a minute.
const LONGEST_INTERVAL: Duration = Duration::from_secs(30);
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

static PLANT_DATABASE: Schema = Schema {
    go_type: "andon.PlantDatabase",
    fields: &[
        Field::new("url", Kind::Secret),
        Field::new("url_file", Kind::PathBesideConfig),
        Field::new("refresh_interval", Kind::Duration).or(Preset::Seconds(15)),
        Field::new("work_orders", Kind::Bool).or(Preset::True).always(),
    ],
    settle,
};

fn settle(section: &mut Section, sentences: &mut Vec<String>) {
    match (section.has("url"), section.has("url_file")) {
        (true, true) => sentences.push("at most one of url & url_file must be configured".into()),
        (false, false) => sentences.push("plant_database needs url or url_file".into()),
        _ => {}
    }
    if let Some(SecretSource::Inline(url)) = section.source("url", "url_file")
        && let Err(reason) = check_url(url.reveal())
    {
        sentences.push(format!("plant_database: {reason}"));
    }
    let interval = section.duration("refresh_interval");
    if interval < SHORTEST_INTERVAL || interval > LONGEST_INTERVAL {
        sentences.push("refresh_interval has to be from 1s to 30s".into());
    }
}

/// Whether a text can be the URL of a database, and names the user: without one the driver would call itself anonymous.
///
/// # Errors
/// What is wrong, without the URL.
pub fn check_url(text: &str) -> Result<(), &'static str> {
    let url =
        url::Url::parse(text).map_err(|_| "the URL is not valid; allowed: postgres://USER:PASSWORD@HOST/DATABASE")?;
    if !["postgres", "postgresql"].contains(&url.scheme()) {
        return Err("the URL has to begin with postgres://");
    }
    let given = |name: &str| url.query_pairs().any(|(key, value)| key == name && !value.is_empty());
    if url.username().is_empty() && !given("user") {
        return Err("the URL names no user");
    }
    if url.path().trim_matches('/').is_empty() && !given("dbname") {
        return Err("the URL names no database");
    }
    Ok(())
}

/// Reads the section.
pub(super) fn read(node: &Node, path: FieldPath, scope: &Scope<'_>) -> Section {
    Section::read(&PLANT_DATABASE, node, path, &scope.context, scope.errors)
}

/// What a sound section says.
pub(super) fn settings(section: &Section) -> Option<PlantDatabase> {
    Some(PlantDatabase {
        url: section.source("url", "url_file")?,
        refresh_interval: section.duration("refresh_interval"),
        work_orders: section.flag("work_orders"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Options};
    use super::*;
    use std::path::Path;

    fn load(section: &str) -> Result<Option<PlantDatabase>, String> {
        let text = format!("route: {{receiver: r}}\nreceivers: [{{name: r}}]\nplant_database: {section}\n");
        let config = Config::parse(&text, "routes.yaml", Path::new("/etc/andon"), &Options::default());
        let config = config.map_err(|errors| errors.to_string())?;
        assert!(!config.redacted.contains("sesame"), "{}", config.redacted);
        assert!(!config.original.contains("plant_database"), "{}", config.original);
        Ok(config.plant_database)
    }

    #[test]
    fn where_the_database_is() {
        let read = load("{url: 'postgres://andon:sesame@db/mantis'}").unwrap().unwrap();
        assert_eq!((read.refresh_interval, read.work_orders), (Duration::from_secs(15), true));
        assert!(matches!(read.url, SecretSource::Inline(_)));
        let read = load("{url: '${env:PLANT_DB}', work_orders: false, refresh_interval: 5s}").unwrap().unwrap();
        assert_eq!(read.url, SecretSource::Env("PLANT_DB".into()));
        assert_eq!((read.refresh_interval, read.work_orders), (Duration::from_secs(5), false));
        let read = load("{url_file: db-url}").unwrap().unwrap();
        assert_eq!(read.url, SecretSource::File("/etc/andon/db-url".into()));
        let socket = "{url: 'postgres:///mantis?host=/run/postgresql&user=andon'}";
        assert!(load(socket).unwrap().is_some());
        assert_eq!(load("null"), Ok(None));
    }

    #[test]
    fn mistakes_are_told_without_the_url() {
        let rows = [
            ("{}", "plant_database needs url or url_file"),
            ("{url: 'postgres://u@h/d', url_file: f}", "at most one of url & url_file"),
            ("{url: 'mysql://u:sesame@h/d'}", "has to begin with postgres://"),
            ("{url: 'sesame'}", "the URL is not valid"),
            ("{url: 'postgres://h/d'}", "names no user"),
            ("{url: 'postgres://u:sesame@h'}", "names no database"),
            ("{url_file: f, refresh_interval: 1m}", "from 1s to 30s"),
            ("{url_file: f, colour: red}", "field colour not found in type andon.PlantDatabase"),
            ("[]", "andon.PlantDatabase"),
        ];
        for (section, expected) in rows {
            let error = load(section).unwrap_err();
            assert!(error.contains(expected), "{section}: {error}");
            assert!(!error.contains("sesame"), "{error}");
        }
    }
}
