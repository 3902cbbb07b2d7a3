//! JSON objects written key by key, in the order of Alertmanager's bodies and with Go's escapes.

use crate::json::write_string;

/// An object being written.
pub struct Object(String);

impl Object {
    /// An object without keys.
    pub fn empty() -> Self {
        Self("{".to_owned())
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_string(&mut self.0, key, true);
        self.0.push(':');
        self.0.push_str(json);
    }

    /// A text.
    pub fn text(&mut self, key: &str, text: &str) {
        self.raw(key, "");
        write_string(&mut self.0, text, true);
    }

    /// A text; nothing where it is empty.
    pub fn text_if(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    /// A list of JSON values; nothing where it is empty.
    pub fn list_if(&mut self, key: &str, items: &[String]) {
        if !items.is_empty() {
            self.raw(key, &format!("[{}]", items.join(",")));
        }
    }

    /// The whole.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
