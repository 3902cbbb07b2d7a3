//! The route tree as it is resolved: ids, and receivers in depth-first order; and the facts of each route.

use std::path::Path;

use andon::config::{Config, Options};
use andon::core::policy::GroupBy;
use serde_json::{Value, json};

use super::{Played, list, play, same, text};

fn load(case: &Value) -> Result<Config, String> {
    let options = Options { unsendable: true, ..Options::default() };
    Config::parse(text(case, "config")?, "alertmanager.yml", Path::new(""), &options).map_err(|e| e.to_string())
}

#[test]
fn routing_tree() {
    play("routing_tree.json", &[], |case| {
        let policy = load(case)?.policy;
        if case["receivers_depth_first"].is_array() {
            let name = |route: &andon::core::policy::Route| &*policy.receivers[route.receiver.0 as usize].name;
            let found: Vec<Value> = policy.routes.iter().map(|route| json!(name(route))).collect();
            same("the receivers", &found.as_slice(), &list(case, "receivers_depth_first"))?;
        }
        if case["route_ids_any_order"].is_array() {
            let sorted = |mut ids: Vec<String>| {
                ids.sort();
                ids
            };
            let found = sorted(policy.routes.iter().map(|route| route.id.to_string()).collect());
            let expected = list(case, "route_ids_any_order").iter().filter_map(Value::as_str).map(str::to_owned);
            same("the ids", &found, &sorted(expected.collect()))?;
        }
        Ok(Played::Agrees)
    });
}

/// What the cases of routing say of the routes that match; which ones match is asked elsewhere.
#[test]
fn routes_resolve() {
    play("routing.json", &[], |case| {
        let policy = load(case)?.policy;
        for expected in list(case, "matches") {
            let id = text(expected, "id")?;
            let route = policy.routes.iter().find(|route| &*route.id == id).ok_or_else(|| format!("no route {id}"))?;
            let (all, labels) = match &route.group_by {
                GroupBy::All => (true, Vec::new()),
                GroupBy::Labels(labels) => (false, labels.iter().map(|name| json!(&**name)).collect()),
            };
            let seconds = |duration: std::time::Duration| andon::config::duration::format(duration);
            let mut expected_labels = list(expected, "group_by").to_vec();
            expected_labels.sort_by_key(|label| label.as_str().unwrap_or_default().to_owned());
            same("group_by", &labels, &expected_labels)?;
            same("all", &json!(all), &expected["group_by_all"])?;
            same("the key", &json!(&*route.key), &expected["key"])?;
            same("group_wait", &json!(seconds(route.group_wait)), &expected["group_wait"])?;
            same("group_interval", &json!(seconds(route.group_interval)), &expected["group_interval"])?;
            same("repeat_interval", &json!(seconds(route.repeat_interval)), &expected["repeat_interval"])?;
            same("labels", &json!(route.labels), &expected["labels"])?;
            same("the receiver", &json!(&*policy.receivers[route.receiver.0 as usize].name), &expected["receiver"])?;
        }
        Ok(Played::Agrees)
    });
}
