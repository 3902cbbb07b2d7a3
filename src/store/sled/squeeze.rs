//! Makes entries smaller: what stood in an entry before is named and not repeated.
//!
//! Alerts of one commit look alike, and what goes to sled is written several times (a value, then its leaf, then the leaf
//! again when it splits): an entry of a fifth of the length costs a fifth of that. The form is a varint with the length
//! of what was squeezed, and then an LZ4 block.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use crate::store::record::{Reader, put_number};

/// What is shorter is not squeezed: it fits one value whichever way.
pub(super) const WORTH: usize = 512;

/// Squeezes; keeps its room for the next time.
#[derive(Default)]
pub(super) struct Squeezer {
    out: Vec<u8>,
}

impl Squeezer {
    /// The bytes in the squeezed form; nothing where that is not worth it.
    pub(super) fn squeeze(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        if bytes.len() < WORTH {
            return None;
        }
        self.out.clear();
        put_number(bytes.len() as u64, &mut self.out);
        let start = self.out.len();
        self.out.resize(start + get_maximum_output_size(bytes.len()), 0);
        let length = compress_into(bytes, &mut self.out[start..]).ok()?;
        self.out.truncate(start + length);
        (self.out.len() < bytes.len()).then_some(&self.out)
    }

    /// Gives back what a large entry took.
    pub(super) fn shrink(&mut self, room: usize) {
        self.out.clear();
        self.out.shrink_to(room);
    }
}

/// How many bytes one byte of an LZ4 block stands for at most.
const MOST: usize = 256;

/// Appends what was squeezed. Takes any bytes: a length that the block cannot have is not believed.
pub(super) fn expand(squeezed: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    const WRONG: &str = "it cannot be expanded";
    let mut from = Reader::new(squeezed);
    let whole = from.number().ok().and_then(|it| usize::try_from(it).ok()).ok_or(WRONG)?;
    let block = from.rest();
    if whole / MOST > block.len() {
        return Err(WRONG);
    }
    let start = out.len();
    out.resize(start + whole, 0);
    match decompress_into(block, &mut out[start..]) {
        Ok(length) if length == whole => Ok(()),
        _ => {
            out.truncate(start);
            Err(WRONG)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(bytes: &[u8]) -> Option<usize> {
        let mut squeezer = Squeezer::default();
        let squeezed = squeezer.squeeze(bytes)?.to_vec();
        let mut out = b"before".to_vec();
        expand(&squeezed, &mut out).unwrap();
        assert_eq!(out.strip_prefix(b"before"), Some(bytes));
        for cut in [0, 1, squeezed.len() / 2, squeezed.len() - 1] {
            assert!(expand(&squeezed[..cut], &mut Vec::new()).is_err(), "cut at {cut}");
        }
        Some(squeezed.len())
    }

    proptest! {
        #[test]
        fn what_is_squeezed_comes_back(words in proptest::collection::vec("[ab]{1,12}|[a-z]{40}", 0..400)) {
            there_and_back(words.concat().as_bytes());
        }

        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            if expand(&bytes, &mut out).is_ok() {
                prop_assert!(out.len() < MOST * (bytes.len() + 1));
            }
        }
    }

    #[test]
    fn a_length_that_the_bytes_cannot_have_is_not_believed() {
        let mut claims = Vec::new();
        put_number(1 << 40, &mut claims);
        claims.extend_from_slice(&[0; 100]);
        let mut out = Vec::new();
        assert!(expand(&claims, &mut out).is_err() && out.capacity() == 0, "no room was taken for it");
    }

    #[test]
    fn alike_texts_become_a_fifth_and_others_stay() {
        let alerts: String = (0..128)
            .map(|number| format!("alertname=PumpVibration{} asset_code=P-{number:06} instance=10.0.0.{number}:9100 \
                job=plc line=line-{} plant=south severity=critical summary=Vibration of pump {number} is above its limit \
                runbook=https://wiki.plant.example/pumps/vibration;", number % 100, number % 12))
            .collect();
        let squeezed = there_and_back(alerts.as_bytes()).unwrap();
        assert!(squeezed * 5 < alerts.len(), "{squeezed} of {}", alerts.len());
        assert!(there_and_back(&vec![7; 100_000]).unwrap() < 1_000, "a repetition that overlaps itself");
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(5_000)
        .collect();
        assert_eq!(there_and_back(&noise), None);
        assert_eq!(there_and_back(&[0; WORTH - 1]), None);
    }
}
