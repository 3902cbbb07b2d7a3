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
        prop_assert_eq!(encoded(at, &decoded), &bytes[..]);
        let least: usize = changes.iter().map(Change::least).sum();
        prop_assert!(least < bytes.len(), "{least} is less than it takes");
    }

    #[test]
    fn what_was_shown_as_json_is_read_to_the_same(changes in vec(changes(), 0..4)) {
        for change in changes {
            let line = json::show_change(&change).to_string();
            let read = json::read_change(&serde_json::from_str(&line).unwrap());
            let read = read.map_err(|not| TestCaseError::fail(format!("{not}: {line}")))?;
            prop_assert_eq!(&read, &change);
            // Times compare without their offset, bytes with it.
            prop_assert_eq!(encoded(second(0), &[read]), encoded(second(0), &[change]));
        }
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
    let texts = alert.text();
    let stored = encoded(second(0), &[Change::Alert(alert)]).len();
    assert!(stored < texts + 40, "{stored} bytes for {texts} of text");
}

#[test]
fn every_kind_has_a_json_form_and_errors_in_it_name_the_place() {
    for change in one_of_each() {
        assert_eq!(json::read_change(&json::show_change(&change)), Ok(change));
    }
    for (line, error) in [
        ("[]", "expected an object"),
        ("{}", "expected an object with one key"),
        (r#"{"alert":{},"group":{}}"#, "expected an object with one key"),
        (r#"{"alarm":1}"#, "alarm: expected a kind of change"),
        (r#"{"alert_gone":"x"}"#, "alert_gone: expected 16 hexadecimal digits"),
        (r#"{"alert":{"labels":{"a":1}}}"#, "alert: labels: a: expected a text"),
        (r#"{"alert":{"lables":{}}}"#, "alert: lables: expected no such key"),
        (
            r#"{"refreshed":["0000000000000001","now","now"]}"#,
            "refreshed: expected a time such as 2026-11-22T14:48:28Z",
        ),
        (r#"{"by":{"ghost":null}}"#, "by: ghost: expected somebody who acts"),
    ] {
        let read = json::read_change(&serde_json::from_str(line).unwrap());
        assert_eq!(read.unwrap_err().to_string(), error, "{line}");
    }
}

#[test]
fn times_of_all_kinds_have_a_json_form() {
    let times = [
        Timestamp::ZERO,
        Timestamp::MAX,
        Timestamp::EPOCH,
        Timestamp::ZERO.with_offset_minutes(-720),
        Timestamp::MAX.with_offset_minutes(840),
        second(0).with_offset_minutes(-1),
        Timestamp::new(-1, 999_999_999),
    ];
    for at in times {
        let change = Change::Refreshed { fingerprint: crate::core::label::Fingerprint(1), ends_at: at, updated_at: at };
        let read = json::read_change(&json::show_change(&change)).unwrap();
        assert_eq!(encoded(second(0), &[read]), encoded(second(0), &[change]), "{at}");
    }
}
