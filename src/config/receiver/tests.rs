//! Every refusal with its words, and what is printed for `config.original`.

use crate::config::error::{Errors, FieldPath};
use crate::config::fields::Fields;
use crate::config::global::{self, Context};
use crate::config::print::{Map, Printed, print};
use crate::config::yaml;

/// Reads `global` and `receivers` of a text; answers the first sentence, or what is printed of them.
fn load(text: &str) -> Result<(Printed, Vec<super::Receiver>), String> {
    let errors = Errors::default();
    let context = Context { base_dir: "/etc/andon".into() };
    let document = yaml::read(text).map_err(|error| error.reason)?.ok_or("empty")?;
    let mut top = Fields::of(&document, FieldPath::top(), "config.plain", &errors);
    let node = top.raw("global");
    let global = global::read(node, &top.at("global"), &context, &errors);
    let mut raw = Vec::new();
    for (path, node) in top.list("receivers", "[]config.Receiver").unwrap_or_default() {
        let mut fields = Fields::of(node, path, "config.plain", &errors);
        raw.push(super::read(&mut fields, &context));
        fields.finish();
    }
    global::check(&global, node, &top.at("global"), &errors);
    top.ignore(&["route"]);
    top.finish();
    let receivers: Vec<_> = raw.into_iter().map(|raw| raw.complete(&global, &errors)).collect();
    if !errors.is_empty() {
        return Err(errors.finish("routes.yaml").sentence());
    }
    let mut printed = Map::new();
    printed.put("global", global.printed());
    printed.put("receivers", Printed::List(receivers.iter().map(|receiver| receiver.printed(false)).collect()));
    Ok((printed.done(), receivers))
}

/// A file with one integration.
fn one(kind: &str, integration: &str) -> String {
    format!("receivers: [{{name: r, {kind}_configs: [{integration}]}}]")
}

#[test]
fn scratch() {
    let Ok(file) = std::env::var("SCRATCH") else { return };
    match load(&std::fs::read_to_string(file).unwrap()) {
        Ok((printed, _)) => print!("\n{}", print(&printed)),
        Err(error) => println!("ERROR {error}"),
    }
}
