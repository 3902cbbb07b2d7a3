//! Round trips, damaged bytes, and the committed fixture of the format.

use proptest::collection::vec;
use proptest::prelude::*;

use super::samples::{alert, changes, one_of_each, second};
use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/entry-format-1.bin");

fn encoded(at: Timestamp, changes: &[Change]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_entry(at, changes, &mut out);
    out
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded_to_the_same(changes in vec(changes(), 0..4)) {
        let bytes = encoded(second(0), &changes);
        let (at, decoded) = decode_entry(&bytes).unwrap();
        prop_assert_eq!(&decoded, &changes);
        // Times compare without their offset, bytes with it.
        prop_assert_eq!(encoded(at, &decoded), bytes);
    }

    #[test]
    fn any_bytes_are_an_entry_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let mut entry = vec![FORMAT];
        entry.extend(bytes);
        if let Ok((at, decoded)) = decode_entry(&entry) {
            prop_assert_eq!(decode_entry(&encoded(at, &decoded)), Ok((at, decoded)));
        }
    }

    #[test]
    fn a_damaged_entry_is_an_entry_or_an_error(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encoded(second(0), &one_of_each());
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _no_panic = decode_entry(&bytes);
        prop_assert!(decode_entry(&bytes[..place]).is_err() || place > 0);
    }
}

#[test]
fn every_cut_is_noticed_or_ends_between_two_changes() {
    let changes = one_of_each();
    let bytes = encoded(second(0), &changes);
    let whole: Vec<usize> = (0..=changes.len()).map(|n| encoded(second(0), &changes[..n]).len()).collect();
    for cut in 0..bytes.len() {
        assert_eq!(decode_entry(&bytes[..cut]).is_ok(), whole.contains(&cut), "cut at {cut}");
    }
}

#[test]
fn the_fixture_of_format_1_is_still_read() {
    let expected = (second(0), one_of_each());
    let fixture = std::fs::read(FIXTURE).unwrap();
    assert_eq!(decode_entry(&fixture), Ok(expected.clone()));
    assert_eq!(encoded(expected.0, &expected.1), fixture, "the form changed: that is a new format, see migrations/");
}

/// `cargo test --lib -- --ignored write_the_fixture` after a form was changed before its first release.
#[test]
#[ignore = "writes the fixture"]
fn write_the_fixture_of_format_1() {
    std::fs::write(FIXTURE, encoded(second(0), &one_of_each())).unwrap();
}

#[test]
fn errors_name_the_place() {
    let cases: [(&[u8], &str); 6] = [
        (&[], "the record cannot be read at byte 0: cut short"),
        (&[9], "the record cannot be read at byte 1: an entry of another format"),
        (&[1, 0, 99], "the record cannot be read at byte 3: a kind of change that is not known"),
        (&[1, 0, 1, 0, 200, 1], "the record cannot be read at byte 6: a length beyond the end"),
        (&[1, 0, 1, 0, 1, 0xFF], "the record cannot be read at byte 5: a text that is not UTF-8"),
        (
            &[1, 0, 12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            "the record cannot be read at byte 13: a number that is too great",
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(decode_entry(bytes).unwrap_err().to_string(), error);
    }
}

#[test]
fn an_alert_is_stored_in_little_more_than_its_texts() {
    let alert = alert(1);
    let texts = alert.labels.packed().len() + alert.annotations.packed().len() + alert.generator_url.len();
    let stored = encoded(second(0), &[Change::Alert(alert)]).len();
    assert!(stored < texts + 40, "{stored} bytes for {texts} of text");
}
