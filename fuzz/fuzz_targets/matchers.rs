//! Matchers from anywhere: no input panics, and what was read prints to something that reads the same.
#![no_main]

use andon::core::matcher::{Mode, list_string, parse_matcher, parse_matchers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    for mode in [Mode::Fallback, Mode::Classic, Mode::Utf8Strict] {
        if let Ok(matcher) = parse_matcher(mode, input) {
            matcher.matches(input);
            matcher.filter_matches(None);
            // The empty name is printed bare, as Alertmanager does, and cannot be read back.
            if !matcher.name.is_empty() {
                assert_eq!(parse_matcher(Mode::Utf8Strict, &matcher.to_string()), Ok(matcher));
            }
        }
        let Ok((matchers, _)) = parse_matchers(mode, input) else { continue };
        if matchers.iter().all(|matcher| !matcher.name.is_empty()) {
            let printed = list_string(&matchers);
            let again = parse_matchers(Mode::Utf8Strict, &printed).map(|(matchers, _)| matchers);
            assert_eq!(again, Ok(matchers), "{printed}");
        }
    }
});
