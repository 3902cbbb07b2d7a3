//! The route tree as it is resolved: ids, and receivers in depth-first order; which routes an alert takes, in which
//! order; and the facts of each of them.

use andon::core::policy::GroupBy;
use serde_json::{Value, json};

use super::{Played, labels, list, play, policy, same, text};

#[test]
fn routing_tree() {
    play("routing_tree.json", &[], |case| {
        let policy = policy(text(case, "config")?)?;
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

#[test]
fn routing() {
    play("routing.json", &[], |case| {
        let policy = policy(text(case, "config")?)?;
        let taken = policy.walk(&labels(&case["labels"])?);
        let name = |route| json!(&*policy.receiver_of(policy.route(route)).name);
        let receivers: Vec<_> = taken.iter().map(|route| name(*route)).collect();
        same("the receivers", &receivers.as_slice(), &list(case, "receivers"))?;
        same("the number of routes", &taken.len(), &list(case, "matches").len())?;
        for (route, expected) in taken.into_iter().zip(list(case, "matches")) {
            let route = policy.route(route);
            same("the id", &&*route.id, &text(expected, "id")?)?;
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
