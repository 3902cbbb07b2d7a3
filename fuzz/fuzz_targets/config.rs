//! Configuration files: no text panics, and a text has one meaning.
#![no_main]

use std::path::Path;

use andon::config::{Config, Options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Files that the text names are not found there.
    let load = |text: &str| Config::parse(text, "routes.yaml", Path::new("/nonexistent"), &Options::default());
    let shown =
        |text: &str| load(text).map(|config| (config.original, config.redacted)).map_err(|errors| errors.to_string());
    assert_eq!(shown(text), shown(text));
});
