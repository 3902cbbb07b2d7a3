//! Texts that many alerts share, kept once: all alerts of a rule come from the same URL.

use std::collections::BTreeSet;
use std::sync::Arc;

/// With fewer texts than this nobody looks for those that are out of use.
const FEW: usize = 1024;

/// The texts in use, and some that were.
#[derive(Debug, Default)]
pub struct Texts {
    known: BTreeSet<Arc<str>>,
    /// How many there were that are in use when that was last looked at.
    in_use: usize,
}

impl Texts {
    /// The one copy of this text.
    pub fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= FEW.max(2 * self.in_use) {
            self.known.retain(|text| Arc::strong_count(text) > 1);
            self.in_use = self.known.len();
        }
        let text: Arc<str> = Arc::from(text);
        self.known.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_each_text_once_and_forgets_what_is_out_of_use() {
        let mut texts = Texts::default();
        let kept = texts.get("kept");
        assert!(Arc::ptr_eq(&kept, &texts.get("kept")));
        for number in 0..10 * FEW {
            texts.get(&number.to_string());
        }
        assert!(texts.known.len() <= FEW, "{}", texts.known.len());
        assert!(Arc::ptr_eq(&kept, &texts.get("kept")));
    }
}
