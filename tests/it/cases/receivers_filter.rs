//! Which receivers the API lists for a filter, asked of the running program.

use super::{Played, list, play, same, text};
use crate::support::process::Place;

#[test]
fn receivers_filter() {
    play("matcher_semantics.json", &[], |case| {
        if text(case, "what")? != "receivers_filter" {
            return Ok(Played::NotHere);
        }
        let andon = Place::with_config(text(case, "config")?);
        let andon = andon.start(&[]);
        let filters = list(case, "receiver_matchers").iter().filter_map(|matcher| matcher.as_str());
        let query: Vec<_> = filters.map(|matcher| format!("receiver_matchers={}", encoded(matcher))).collect();
        let found = andon.get(&format!("/api/v2/receivers?{}", query.join("&"))).json();
        let names: Vec<_> = found.as_array().into_iter().flatten().map(|receiver| receiver["name"].clone()).collect();
        same("the names", &names.as_slice(), &list(case, "names"))?;
        Ok(Played::Agrees)
    });
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
