//! Entries of the journal, from a disk that may be damaged: no bytes panic, and what was read is written the same.
#![no_main]

use andon::store::record::{decode_entry, encode_entry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok((at, changes)) = decode_entry(bytes) else { return };
    let mut written = Vec::new();
    encode_entry(at, &changes, &mut written);
    let again = decode_entry(&written).expect("what was written can be read");
    let mut rewritten = Vec::new();
    encode_entry(again.0, &again.1, &mut rewritten);
    assert_eq!(written, rewritten);
});
