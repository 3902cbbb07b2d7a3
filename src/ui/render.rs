//! Templates into HTML, and the files that go with them: all in the binary.

use std::sync::LazyLock;

use handlebars::Handlebars;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::frame::Frame;

/// Names and texts of the templates.
const TEMPLATES: [(&str, &str); 18] = [
    ("layout", include_str!("../../templates/ui/layout.html.hbs")),
    ("label", include_str!("../../templates/ui/label.html.hbs")),
    ("held", include_str!("../../templates/ui/held.html.hbs")),
    ("pager", include_str!("../../templates/ui/pager.html.hbs")),
    ("group", include_str!("../../templates/ui/group.html.hbs")),
    ("now", include_str!("../../templates/ui/now.html.hbs")),
    ("alert", include_str!("../../templates/ui/alert.html.hbs")),
    ("silences", include_str!("../../templates/ui/silences.html.hbs")),
    ("silence", include_str!("../../templates/ui/silence.html.hbs")),
    ("ack", include_str!("../../templates/ui/ack.html.hbs")),
    ("card", include_str!("../../templates/ui/card.html.hbs")),
    ("orders", include_str!("../../templates/ui/orders.html.hbs")),
    ("order", include_str!("../../templates/ui/order.html.hbs")),
    ("history", include_str!("../../templates/ui/history.html.hbs")),
    ("deliveries", include_str!("../../templates/ui/deliveries.html.hbs")),
    ("routes", include_str!("../../templates/ui/routes.html.hbs")),
    ("status", include_str!("../../templates/ui/status.html.hbs")),
    ("problem", include_str!("../../templates/ui/problem.html.hbs")),
];

/// A file that pages name: its name, media type and text.
const ASSETS: [(&str, &str, &str); 3] = [
    ("andon.css", "text/css; charset=utf-8", include_str!("../../templates/ui/andon.css")),
    ("andon.js", "text/javascript; charset=utf-8", include_str!("../../templates/ui/andon.js")),
    ("andon.svg", "image/svg+xml", include_str!("../../templates/ui/andon.svg")),
];

static REGISTRY: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(handlebars::html_escape);
    for (name, text) in TEMPLATES {
        registry.register_template_string(name, text).expect("a test compiles each of these constants");
    }
    registry
});

/// Changes with every file that pages name, so that a browser may keep them for good.
pub static ASSETS_VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    ASSETS.iter().for_each(|(_, _, text)| hash.update(text));
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// A page as its template sees it.
#[derive(Serialize)]
pub struct Page<'a, T> {
    /// What all pages have.
    pub frame: &'a Frame,
    /// What this one has.
    pub page: &'a T,
}

/// The page as HTML.
///
/// # Errors
/// What the template lacks, which is a mistake in Andon: the tests render every page.
pub fn page<T: Serialize>(template: &str, frame: &Frame, page: &T) -> Result<String, String> {
    REGISTRY.render(template, &Page { frame, page }).map_err(|error| format!("templates/ui/{template}: {error}"))
}

/// The media type and text of a file that pages name.
pub fn asset(name: &str) -> Option<(&'static str, &'static str)> {
    ASSETS.iter().find(|(known, _, _)| *known == name).map(|(_, media_type, text)| (*media_type, *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_compile_and_none_lets_a_value_write_html() {
        for (name, text) in TEMPLATES {
            assert!(REGISTRY.has_template(name));
            assert!(!text.contains("{{{") && !text.contains("{{&"), "{name} has a raw value");
            for forbidden in ["<style", "style=", "onclick", "onload", "onsubmit", "javascript:"] {
                assert!(!text.contains(forbidden), "{name} has {forbidden}, which its own policy forbids");
            }
            let scripts = text.matches("<script").count();
            assert_eq!(scripts, usize::from(name == "layout"), "{name}");
        }
        for (name, _, text) in ASSETS {
            let hosts = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!hosts.contains("://") && !text.contains("@import"), "{name} names another host");
        }
    }
}
