//! Bodies of `POST /api/v2/alerts`: no bytes panic, and what is taken in is what label sets promise to be.
#![no_main]

use andon::core::label::LabelSet;
use andon::core::matcher::Mode;
use andon::http::Limits;
use andon::http::alerts_body::parse_alerts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for mode in [Mode::Fallback, Mode::Classic, Mode::Utf8Strict] {
        let Ok(parsed) = parse_alerts(body, mode, &Limits::default()) else { continue };
        for arriving in parsed.batch.iter() {
            let labels = LabelSet::from_packed(arriving.labels).expect("a batch holds packed labels");
            assert_eq!(labels.fingerprint(), arriving.fingerprint);
            assert!(!labels.is_empty() && labels.iter().all(|(_, value)| !value.is_empty()));
            assert!(LabelSet::from_packed(arriving.annotations).is_some());
        }
    }
});
