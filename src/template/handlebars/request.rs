//! Templates of requests to other systems: a JSON body in which every value is written as JSON wants it, and a path in
//! which every value is escaped.
//!
//! `"title": "{{title}}"` is safe whatever the title holds. `{{{json parts}}}` writes a value of any kind as JSON.

use handlebars::{Handlebars, RenderContext, Renderable};
use serde_json::Value;

use super::super::{Mode, TemplateError};
use super::{Capped, compile, helpers, reworded};

/// Renders them.
pub struct Requests {
    json: Handlebars<'static>,
    path: Handlebars<'static>,
}

impl Default for Requests {
    fn default() -> Self {
        let registry = |escape: fn(&str) -> String| {
            let mut registry = Handlebars::new();
            registry.set_strict_mode(true);
            registry.register_escape_fn(escape);
            helpers::register(&mut registry);
            registry
        };
        Self { json: registry(within_json), path: registry(within_url) }
    }
}

impl Requests {
    /// A body.
    ///
    /// # Errors
    /// What is wrong in the template, or that it makes no JSON.
    pub fn body(&self, template: &str, context: &Value) -> Result<Value, TemplateError> {
        let text = render(&self.json, template, context)?;
        serde_json::from_str(&text).map_err(|error| TemplateError::new(format!("the body is no JSON: {error}")))
    }

    /// A path with its query.
    ///
    /// # Errors
    /// What is wrong in the template.
    pub fn path(&self, template: &str, context: &Value) -> Result<String, TemplateError> {
        render(&self.path, template, context)
    }
}

fn render(registry: &Handlebars<'static>, template: &str, context: &Value) -> Result<String, TemplateError> {
    let (template, needs) = compile("", template, Mode::Text)?;
    needs.check_partials("", |_| false)?;
    let context = handlebars::Context::from(context.clone());
    let mut out = Capped::default();
    helpers::with_budget(|| template.render(registry, &context, &mut RenderContext::new(None), &mut out))
        .map_err(|error| reworded(&error, ""))?;
    Ok(out.0)
}

/// A text as it stands between the quotes of JSON.
fn within_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// A text as it may stand in any part of a URL.
fn within_url(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_value_breaks_out_of_its_place() {
        let requests = Requests::default();
        let context = json!({"title": "a\"b\\\n\u{0}</x>ü", "id": 7, "nothing": null, "list": [1, {"a": "\""}]});
        let body = r#"{"t": "{{title}}", "id": {{id}}, "n": {{{json nothing}}}, "l": {{{json list}}}, "c": "{{truncate title 2}}"}"#;
        let made = requests.body(body, &context).unwrap();
        assert_eq!(made["t"], context["title"]);
        assert_eq!((&made["id"], &made["n"], &made["l"]), (&json!(7), &Value::Null, &context["list"]));
        let path = requests.path("/x/{{title}}?q={{id}}", &context).unwrap();
        assert_eq!(path, "/x/a%22b%5C%0A%00%3C%2Fx%3E%C3%BC?q=7");
        let rows = [
            ("{", "the body is no JSON"),
            ("{{missing}}", "there is no `missing` here"),
            ("{{> other}}", "no template"),
            ("{{#if}}", ""),
        ];
        for (template, expected) in rows {
            let error = requests.body(template, &context).unwrap_err().to_string();
            assert!(error.contains(expected), "{template}: {error}");
        }
    }
}
