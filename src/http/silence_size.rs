//! How large a silence is by Alertmanager's measure: as the protocol buffer that it would store. Only
//! `--silences.max-silence-size-bytes` asks; Andon stores silences in its own form.

use crate::core::matcher::Op;
use crate::core::silence::SilenceDraft;
use crate::time::Timestamp;

/// A tag of a field; all numbers in use are below 16.
const TAG: usize = 1;
const ID: usize = 36;

/// Bytes that a silence made of the draft at `now` would take, with its expiry.
pub fn stored_size(draft: &SilenceDraft, now: Timestamp) -> usize {
    let starts_at = draft.starts_at.max(now);
    let matchers = draft.matchers.iter().map(|matcher| {
        let kind = if matcher.op == Op::Equal { 0 } else { TAG + 1 };
        message(kind + text(matcher.name.len()) + text(matcher.value.len()))
    });
    // A list of lists; an entry of a map has both of its fields, also where they are empty.
    let matchers = message(matchers.sum());
    let annotations = draft.annotations.iter();
    let annotations: usize =
        annotations.map(|(name, value)| message(delimited(name.len()) + delimited(value.len()))).sum();
    let times = time(starts_at) + time(draft.ends_at) + time(now);
    let texts = text(ID) + text(draft.created_by.len()) + text(draft.comment.len());
    message(texts + matchers + annotations + times) + time(draft.ends_at)
}

fn text(length: usize) -> usize {
    if length == 0 { 0 } else { delimited(length) }
}

fn delimited(length: usize) -> usize {
    TAG + varint(length as u64) + length
}

fn message(length: usize) -> usize {
    delimited(length)
}

fn time(at: Timestamp) -> usize {
    let number = |number: u64| if number == 0 { 0 } else { TAG + varint(number) };
    // Seconds before 1970 take ten bytes, as their two's complement.
    message(number(at.secs().cast_unsigned()) + number(u64::from(at.subsec_nanos())))
}

fn varint(number: u64) -> usize {
    let bits = 64 - number.leading_zeros() as usize;
    bits.div_ceil(7).max(1)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::core::label::LabelSet;
    use crate::core::matcher::Matcher;
    use crate::core::silence::SilenceId;

    /// Sizes that an Alertmanager 0.33.1 named in its refusals.
    #[test]
    fn sizes_are_alertmanagers() {
        let now = Timestamp::new(1_795_000_000, 500_000_000);
        let (starts_at, ends_at) = (Timestamp::new(1_893_456_000, 0), Timestamp::new(1_893_542_400, 0));
        let matcher = |op, value| Matcher::new("a", op, value).expect("it is valid");
        let draft = |matchers, ends_at, comment: usize, annotations: &[(&str, &str)]| SilenceDraft {
            id: None,
            fresh_id: SilenceId(Uuid::nil()),
            matchers,
            starts_at,
            ends_at,
            created_by: "x".into(),
            comment: "y".repeat(comment),
            annotations: LabelSet::new(annotations.iter().copied()).expect("it is short"),
        };
        let one = || vec![matcher(Op::Equal, "b")];
        for (draft, expected) in [
            (draft(one(), ends_at, 1, &[]), 94),
            (draft(vec![matcher(Op::Regex, "b")], ends_at, 1, &[]), 96),
            (draft([one(), one()].concat(), ends_at, 1, &[]), 102),
            (draft(one(), Timestamp::new(1_893_542_400, 500_000_000), 1, &[]), 106),
            (draft(one(), ends_at, 127, &[]), 221),
            (draft(one(), ends_at, 128, &[]), 223),
            (draft(one(), ends_at, 1, &[("k", "v")]), 102),
            (draft(one(), ends_at, 1, &[("k", "v"), ("kk", "")]), 110),
        ] {
            assert_eq!(stored_size(&draft, now), expected, "{draft:?}");
        }
    }
}
