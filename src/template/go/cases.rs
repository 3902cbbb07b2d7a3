//! The cases of Alertmanager's own tests, where `ANDON_CASES` names the folder that has them.

use std::collections::BTreeMap;

use gotmpl::Value;
use serde_json::Value as Json;

use super::value::{Kind, kv, list, sorted, tagged, text};
use super::*;
use crate::template::payload;

/// The dot of a case, whose Go type the case names.
fn dot(data: &Json, data_type: &str) -> Value {
    match (data_type, data) {
        ("time.Time", Json::String(at)) => {
            layout::parse("2006-01-02T15:04:05Z07:00", at).map(|at| at.to_value()).unwrap_or(Value::Nil)
        }
        ("template.Data", Json::Object(fields)) => {
            let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
            let string = |name: &str| text(field(name).as_str().unwrap_or_default());
            let alerts = field("alerts").as_array().map(|alerts| list(alerts.iter().map(alert)));
            tagged(
                Kind::Data,
                [
                    ("Receiver".to_owned(), string("receiver")),
                    ("Status".to_owned(), string("status")),
                    ("Alerts".to_owned(), alerts.unwrap_or(Value::Nil)),
                    ("GroupLabels".to_owned(), kv_of(&field("groupLabels"))),
                    ("CommonLabels".to_owned(), kv_of(&field("commonLabels"))),
                    ("CommonAnnotations".to_owned(), kv_of(&field("commonAnnotations"))),
                    ("RouteLabels".to_owned(), kv_of(&field("routeLabels"))),
                    ("ExternalURL".to_owned(), string("externalURL")),
                ],
            )
        }
        _ => plain(data, data_type),
    }
}

fn plain(data: &Json, data_type: &str) -> Value {
    match data {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) if data_type.contains("float") => Value::Float(number.as_f64().unwrap_or_default()),
        Json::Number(number) => Value::Int(number.as_i64().unwrap_or_default()),
        Json::String(string) => text(string),
        Json::Array(items) => list(items.iter().map(|item| plain(item, data_type))),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), plain(value, data_type)));
            Value::from(fields.collect::<BTreeMap<_, _>>())
        }
    }
}

fn alert(alert: &Json) -> Value {
    let string = |name: &str| text(alert[name].as_str().unwrap_or_default());
    let time = |name: &str| dot(&alert[name], "time.Time");
    tagged(
        Kind::Alert,
        [
            ("Status".to_owned(), string("status")),
            ("Labels".to_owned(), kv_of(&alert["labels"])),
            ("Annotations".to_owned(), kv_of(&alert["annotations"])),
            ("StartsAt".to_owned(), time("startsAt")),
            ("EndsAt".to_owned(), time("endsAt")),
            ("GeneratorURL".to_owned(), string("generatorURL")),
            ("Fingerprint".to_owned(), string("fingerprint")),
        ],
    )
}

fn pairs(json: &Json) -> Pairs {
    serde_json::from_value(json.clone()).unwrap_or_default()
}

fn kv_of(json: &Json) -> Value {
    if json.is_null() { tagged(Kind::NilKv, []) } else { kv(value::pairs(&pairs(json))) }
}

/// What went wrong with a case, if something did.
fn play(case: &Json) -> Result<(), String> {
    let found = match case["mode"].as_str() {
        Some("payload") => return play_payload(case),
        Some("sorted_pairs") => {
            let mut json = String::new();
            value::json(&sorted(&kv_of(&case["kv"])), &mut json);
            return same(&serde_json::from_str(&json).unwrap_or(Json::Null), &case["pairs"]);
        }
        mode => {
            let mode = if mode == Some("html") { Mode::Html } else { Mode::Text };
            let templates = Arc::new(GoTemplates::new().map_err(|error| error.to_string())?);
            let dot = dot(&case["data"], case["data_type"].as_str().unwrap_or_default());
            let labels = Arc::new(pairs(&case["data"]["routeLabels"]));
            let run = Run::new(templates.clone(), dot, labels, GoTime::default());
            templates.run(case["template"].as_str().unwrap_or_default(), mode, run)
        }
    };
    match found {
        Ok(output) => same(&output.into(), &case["output"]),
        Err(error) => same(&error.to_string().into(), &case["error"]),
    }
}

fn play_payload(case: &Json) -> Result<(), String> {
    let append = case["transform"].as_str() == Some("append -templated");
    let mut transform = |text: &str| Ok(if append { format!("{text}-templated") } else { text.to_owned() });
    // Configurations keep only keys that are texts; the case has one of another kind.
    let input = match case["input"]["yaml_map_entries"].as_array() {
        Some(entries) => {
            let texts = entries.iter().filter_map(|entry| Some((entry[0].as_str()?.to_owned(), entry[1].clone())));
            Json::Object(texts.collect())
        }
        None => case["input"].clone(),
    };
    let output = payload::render(&input, &mut transform).map_err(|error| error.to_string())?;
    same(&output, &case["output"])
}

fn same(found: &Json, expected: &Json) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("\n   found {found}\nexpected {expected}")) }
}

#[test]
fn alertmanagers_cases() {
    let Some(folder) = std::env::var_os("ANDON_CASES") else {
        eprintln!("skipped: ANDON_CASES is not set");
        return;
    };
    let path = std::path::Path::new(&folder).join("templates.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases = file["cases"].as_array().cloned().unwrap_or_default();
    assert!(!cases.is_empty(), "no cases in {}", path.display());
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| play(case).err().map(|error| format!("{} {}: {error}", case["id"], case["from"])))
        .collect();
    assert!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
