//! `cmms`: maintenance systems over HTTP that work orders are passed on to, each described by the requests that it
//! understands. A preset is such a description that is shipped; what stands beside it replaces its parts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::environment;
use super::error::{Errors, FieldPath};
use super::fields::Fields;
use super::global::Context;
use super::http::{HTTP_CONFIG, resolve_http};
use super::load::Scope;
use super::print::Printed;
use super::schema::{Field, Kind, Preset, Schema, no_rules, text, text_or, url};
use super::section::{Datum, Section};
use super::settings::{Cmms, CmmsRequest, CmmsToken};
use super::yaml;
use crate::core::work_order::{Priority, Status};

const PRESETS: [(&str, &str); 1] = [("atlas", include_str!("../../templates/cmms/atlas.yaml"))];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "PATCH"];
/// The longest name: it stands in metrics and histories.
const LONGEST_NAME: usize = 32;
const LONGEST_INTERVAL: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

static REQUEST: Schema = Schema {
    go_type: "andon.CmmsRequest",
    fields: &[
        text("method"),
        text("path"),
        Field::new("headers", Kind::TextMap),
        text("body"),
        text("id"),
        text("status"),
        text("assignee"),
    ],
    settle: settle_request,
};

static TOKEN: Schema = Schema {
    go_type: "andon.CmmsToken",
    fields: &[text("path"), text_or("header", "x-csrf-token")],
    settle: settle_token,
};

const REQUESTS: [&str; 6] = ["asset", "find", "create", "read", "update", "change_status"];

static CMMS: Schema = Schema {
    go_type: "andon.CmmsConfig",
    fields: &[
        text("name"),
        text("preset"),
        url("url"),
        Field::new("http_config", Kind::OptionalSection(&HTTP_CONFIG)),
        Field::new("poll_interval", Kind::Duration).or(Preset::Seconds(30)),
        Field::new("timeout", Kind::Duration).or(Preset::Seconds(30)),
        Field::new("settle_time", Kind::Duration).or(Preset::Seconds(60)),
        Field::new("values", Kind::TextMap),
        Field::new("statuses", Kind::TextMap),
        Field::new("priorities", Kind::TextMap),
        Field::new("token", Kind::OptionalSection(&TOKEN)),
        Field::new("asset", Kind::OptionalSection(&REQUEST)),
        Field::new("find", Kind::OptionalSection(&REQUEST)),
        Field::new("create", Kind::OptionalSection(&REQUEST)),
        Field::new("read", Kind::OptionalSection(&REQUEST)),
        Field::new("update", Kind::OptionalSection(&REQUEST)),
        Field::new("change_status", Kind::OptionalSection(&REQUEST)),
    ],
    settle: no_rules,
};

fn settle_request(section: &mut Section, sentences: &mut Vec<String>) {
    let method = section.text("method");
    if !METHODS.contains(&method) {
        sentences.push(format!("unknown method {method:?}; allowed: {}", METHODS.join(", ")));
    }
    if !section.text("path").starts_with('/') {
        sentences.push("path has to begin with a slash: it follows url".into());
    }
    for pointer in ["id", "status", "assignee"] {
        let place = section.text(pointer);
        if !place.is_empty() && !place.starts_with('/') {
            sentences.push(format!("{pointer} has to be a JSON pointer such as /data/0/id"));
        }
    }
}

fn settle_token(section: &mut Section, sentences: &mut Vec<String>) {
    if !section.text("path").starts_with('/') {
        sentences.push("path has to begin with a slash: it follows url".into());
    }
    let header = section.text("header");
    if http::HeaderName::from_bytes(header.as_bytes()).is_err() {
        sentences.push(format!("header {header:?} is no name of a header"));
    }
}

/// Reads the list.
pub(super) fn read(fields: &mut Fields<'_, '_>, scope: &Scope<'_>) -> Vec<Section> {
    let items = fields.list("cmms", "[]andon.CmmsConfig").unwrap_or_default();
    let mut seen = Vec::new();
    let mut sections = Vec::new();
    for (path, node) in items {
        let mut section = Section::read(&CMMS, node, path.clone(), &scope.context, scope.errors);
        if !section.is_sound() {
            continue;
        }
        let mut wrong = Vec::new();
        complete(&mut section, &mut wrong);
        check(&section, &mut wrong);
        let name = section.text("name").to_owned();
        if seen.contains(&name) {
            wrong.push(format!("cmms name {name:?} is not unique"));
        }
        seen.push(name);
        wrong.into_iter().for_each(|sentence| scope.errors.refuse(node, &path, sentence));
        sections.push(section);
    }
    sections
}

/// Takes over from the preset what is not said.
fn complete(section: &mut Section, wrong: &mut Vec<String>) {
    let name = section.text("preset").to_owned();
    let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) else {
        if !name.is_empty() {
            let known: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
            wrong.push(format!("unknown preset {name:?}; allowed: {}", known.join(", ")));
        }
        return;
    };
    let Some(preset) = preset(text) else { return };
    for field in REQUESTS.iter().chain(&["statuses", "priorities"]) {
        section.inherit(field, &preset, field);
    }
}

/// A shipped description, which a test looks at.
fn preset(text: &str) -> Option<Section> {
    let node = yaml::read(text).ok().flatten()?;
    let (errors, context) = (Errors::default(), Context::default());
    let section = Section::read(&CMMS, &node, FieldPath::top(), &context, &errors);
    errors.is_empty().then_some(section)
}

fn check(section: &Section, wrong: &mut Vec<String>) {
    let name = section.text("name");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        wrong.push(format!("cmms name {name:?}: allowed are 1 to {LONGEST_NAME} of a to z, 0 to 9, - and _"));
    }
    if name == "database" {
        wrong.push("cmms name \"database\" is what the plant's own database is called".into());
    }
    if !section.has("url") {
        wrong.push("cmms needs url".into());
    }
    for request in ["find", "create"].iter().filter(|request| section.section(request).is_none()) {
        wrong.push(format!(
            "cmms needs {request}: an order is looked for before it is created, so that it is not created twice"
        ));
    }
    for request in ["find", "create"] {
        if section.section(request).is_some_and(|request| !request.has("id")) {
            wrong.push(format!("cmms: {request} needs id: where in the answer the order's id stands"));
        }
    }
    for (field, least, most) in [
        ("poll_interval", SECOND, LONGEST_INTERVAL),
        ("timeout", SECOND, LONGEST_INTERVAL),
        ("settle_time", Duration::ZERO, 3600 * SECOND),
    ] {
        let value = section.duration(field);
        if value < least || value > most {
            wrong.push(format!("{field} has to be from {}s to {}s", least.as_secs(), most.as_secs()));
        }
    }
    let words = |field: &str| section.map(field).iter().map(|(word, _)| word.clone()).collect::<Vec<_>>();
    for word in words("statuses").iter().filter(|word| Status::parse(word).is_none()) {
        wrong.push(format!(
            "statuses: unknown status {word:?}; allowed: {}",
            all(Status::ALL.iter().map(|status| status.as_str()))
        ));
    }
    for word in words("priorities").iter().filter(|word| Priority::parse(word).is_none()) {
        wrong.push(format!(
            "priorities: unknown priority {word:?}; allowed: {}",
            all(Priority::ALL.iter().map(|priority| priority.as_str()))
        ));
    }
}

fn all<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// What a section says.
pub(super) fn settings(section: &Section) -> Cmms {
    let words = |field: &str| -> BTreeMap<String, String> {
        let text = |datum: &Datum| if let Datum::Text(text) = datum { text.clone() } else { String::new() };
        section.map(field).iter().map(|(word, datum)| (word.clone(), text(datum))).collect()
    };
    let request = |field: &str| section.section(field).map(request);
    Cmms {
        name: section.text("name").to_owned(),
        url: section.text("url").trim_end_matches('/').to_owned(),
        http: resolve_http(section.section("http_config").unwrap_or(&Section::empty(&HTTP_CONFIG))),
        poll_interval: section.duration("poll_interval"),
        timeout: section.duration("timeout"),
        settle_time: section.duration("settle_time"),
        values: words("values").into_iter().map(|(name, value)| (name, environment::replaced(&value))).collect(),
        statuses: words("statuses"),
        priorities: words("priorities"),
        token: section.section("token").map(|token| CmmsToken {
            path: token.text("path").to_owned(),
            header: token.text("header").to_ascii_lowercase(),
        }),
        asset: request("asset"),
        find: request("find").unwrap_or_default(),
        create: request("create").unwrap_or_default(),
        read: request("read"),
        update: request("update"),
        change_status: request("change_status"),
    }
}

fn request(section: &Section) -> CmmsRequest {
    let text = |field: &str| section.text(field).to_owned();
    let headers = section.map("headers").iter().filter_map(|(name, value)| match value {
        Datum::Text(value) => Some((name.clone(), value.clone())),
        _ => None,
    });
    CmmsRequest {
        method: text("method"),
        path: text("path"),
        headers: headers.collect(),
        body: text("body"),
        id: text("id"),
        status: text("status"),
        assignee: text("assignee"),
    }
}

/// As the whole configuration shows them.
pub(super) fn printed(sections: &[Section]) -> Vec<Printed> {
    sections.iter().map(Section::printed).collect()
}

/// Only that the texts of a list are templates that can work is left to whoever renders them.
#[cfg(test)]
mod tests {
    use super::super::{Config, Options};
    use super::*;
    use std::path::Path;

    fn load(entry: &str) -> Result<Vec<Cmms>, String> {
        let text = format!("route: {{receiver: r}}\nreceivers: [{{name: r}}]\ncmms: [{entry}]\n");
        let config = Config::parse(&text, "routes.yaml", Path::new(""), &Options::default());
        let config = config.map_err(|errors| errors.to_string())?;
        assert!(!config.redacted.contains("sesame") && !config.original.contains("cmms"), "{}", config.redacted);
        Ok(config.cmms)
    }

    #[test]
    fn a_preset_and_what_replaces_parts_of_it() {
        assert!(PRESETS.iter().all(|(_, text)| preset(text).is_some()), "every preset can be read");
        let key = "http_config: {http_headers: {x-api-key: {secrets: [sesame]}}}";
        let all =
            load(&format!("{{name: atlas, preset: atlas, url: 'http://cmms/api/', {key}, priorities: {{low: NONE}}}}"))
                .unwrap();
        let [atlas] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((atlas.url.as_str(), atlas.find.id.as_str()), ("http://cmms/api", "/content/0/id"));
        assert_eq!(atlas.statuses["completed"], "COMPLETE");
        assert_eq!(atlas.priorities, [("low".to_owned(), "NONE".to_owned())].into());
        assert!(atlas.asset.is_some() && atlas.read.is_some() && atlas.change_status.is_some());
    }

    #[test]
    fn mistakes_are_told() {
        let rows = [
            ("{name: x, preset: atlas}", "cmms needs url"),
            ("{name: X, preset: atlas, url: 'http://h'}", "cmms name \"X\""),
            ("{name: database, preset: atlas, url: 'http://h'}", "is what the plant's own database is called"),
            ("{name: x, preset: atlantis, url: 'http://h'}", "unknown preset \"atlantis\"; allowed: atlas"),
            ("{name: x, url: 'http://h'}", "cmms needs find"),
            (
                "{name: x, url: 'http://h', find: {method: GET, path: /f}, create: {method: POST, path: /c, id: /id}}",
                "find needs id",
            ),
            (
                "{name: x, preset: atlas, url: 'http://h', read: {method: DELETE, path: /f}}",
                "unknown method \"DELETE\"",
            ),
            ("{name: x, preset: atlas, url: 'http://h', read: {method: GET, path: f}}", "begin with a slash"),
            ("{name: x, preset: atlas, url: 'http://h', read: {method: GET, path: /f, status: state}}", "JSON pointer"),
            (
                "{name: x, preset: atlas, url: 'http://h', statuses: {done: D}}",
                "unknown status \"done\"; allowed: open",
            ),
            (
                "{name: x, preset: atlas, url: 'http://h', priorities: {p1: D}}",
                "unknown priority \"p1\"; allowed: emergency",
            ),
            ("{name: x, preset: atlas, url: 'http://h', poll_interval: 5m}", "poll_interval has to be from 1s to 30s"),
            ("{name: x, preset: atlas, url: 'http://h'}, {name: x, preset: atlas, url: 'http://h'}", "not unique"),
            ("{name: x, preset: atlas, url: 'http://h', token: {path: t}}", "begin with a slash"),
            ("{name: x, preset: atlas, url: 'http://h', token: {path: /, header: 'a b'}}", "is no name of a header"),
            ("{name: x, colour: red}", "field colour not found in type andon.CmmsConfig"),
        ];
        for (entry, expected) in rows {
            let error = load(entry).unwrap_err();
            assert!(error.contains(expected), "{entry}: {error}");
        }
    }

    /// The documented examples, as they stand.
    #[test]
    fn every_documented_example_can_be_loaded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cmms");
        let mut names = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = format!("route: {{receiver: r}}\nreceivers: [{{name: r}}]\n{text}");
            let config = Config::parse(&text, &path.to_string_lossy(), Path::new(""), &Options::default());
            names.extend(config.unwrap_or_else(|errors| panic!("{errors}")).cmms.into_iter().map(|cmms| cmms.name));
        }
        names.sort();
        assert_eq!(names, ["erpnext", "jira", "maximo", "odoo", "sap", "servicenow"]);
    }
}
