//! One integration in a configuration: whether it loads, and Alertmanager's sentence if it does not.

use andon::config::error::{Errors, FieldPath};
use andon::config::fields::Fields;
use andon::config::global::{self, Context};
use andon::config::{receiver, yaml};

use super::{Played, flag, play, text};

#[test]
fn config_integrations() {
    play("config_integrations.json", &[], |case| {
        let found = load(text(case, "yaml")?);
        match (found, flag(case, "whole_ok")?) {
            (None, true) => Ok(Played::Agrees),
            (Some(sentence), false) if sentence == text(case, "whole_error")? => Ok(Played::Agrees),
            (found, _) => Err(format!("{} gives {found:?}", case["fragment"])),
        }
    });
}

/// The first sentence about `global` and `receivers`.
fn load(text: &str) -> Option<String> {
    let errors = Errors::default();
    let context = Context::default();
    let document = match yaml::read(text) {
        Ok(Some(document)) => document,
        other => return Some(format!("{other:?}")),
    };
    let mut top = Fields::of(&document, FieldPath::top(), "config.plain", &errors);
    let node = top.raw("global");
    let at = top.at("global");
    let global = global::read(node, &at, &context, &errors);
    let mut raw = Vec::new();
    for (path, node) in top.list("receivers", "[]config.Receiver").unwrap_or_default() {
        let mut fields = Fields::of(node, path, "config.plain", &errors);
        raw.push(receiver::read(&mut fields, &context));
        fields.finish();
    }
    top.ignore(&["route"]);
    top.finish();
    global::check(&global, node, &at, &errors);
    for raw in raw {
        raw.complete(&global, &errors);
    }
    (!errors.is_empty()).then(|| errors.finish("routes.yaml").sentence())
}
