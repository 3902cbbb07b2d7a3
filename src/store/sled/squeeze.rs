//! Makes entries smaller: what stood in an entry before is named and not repeated.
//!
//! Alerts of one commit look alike, and what goes to sled is written several times (a value, then its leaf, then the leaf
//! again when it splits): an entry of a fifth of the length costs a fifth of that. The form is a varint with the length
//! of what was squeezed, and then, up to its end: a length and so many bytes as they stand; a length less [`SHORTEST`] and a
//! distance, from which so many bytes are repeated, which may be more than lie between. Squeezing looks for a repetition
//! with one table and takes the first it finds.

use crate::store::record::{Reader, put_number};

/// What is shorter is not squeezed: it fits one value whichever way.
pub(super) const WORTH: usize = 512;
/// The shortest repetition. Naming one takes three bytes, and ends the bytes that stand for themselves.
const SHORTEST: usize = 6;
/// How many beginnings are remembered, as a power of two.
const TABLE_BITS: u32 = 13;
/// After so many bytes without a repetition every second byte is looked at, and so on.
const PATIENCE: u32 = 6;

/// Squeezes; keeps its table and its text for the next time.
pub(super) struct Squeezer {
    /// By a hash of the bytes at it: a place, plus one; 0 for none.
    table: Box<[u32]>,
    out: Vec<u8>,
}

impl Default for Squeezer {
    fn default() -> Self {
        Self { table: vec![0; 1 << TABLE_BITS].into(), out: Vec::new() }
    }
}

impl Squeezer {
    /// The bytes in the squeezed form; nothing where that is not worth it.
    pub(super) fn squeeze(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        if bytes.len() < WORTH || u32::try_from(bytes.len()).is_err() {
            return None;
        }
        self.table.fill(0);
        self.out.clear();
        put_number(bytes.len() as u64, &mut self.out);
        let (mut at, mut plain_from) = (0, 0);
        while let Some(word) = word(bytes, at) {
            let slot = &mut self.table[hash(word)];
            let before = std::mem::replace(slot, at as u32 + 1) as usize;
            let found = before.checked_sub(1).filter(|before| word_at(bytes, *before) << 16 == word << 16);
            let Some(before) = found else {
                at += 1 + ((at - plain_from) >> PATIENCE);
                continue;
            };
            let longer_before = common_before(&bytes[plain_from..at], &bytes[..before]);
            let (from, start) = (at - longer_before, before - longer_before);
            let length = longer_before + SHORTEST + common(&bytes[at + SHORTEST..], &bytes[before + SHORTEST..]);
            put_plain(&bytes[plain_from..from], &mut self.out);
            put_number((length - SHORTEST) as u64, &mut self.out);
            put_number((from - start) as u64, &mut self.out);
            at = from + length;
            plain_from = at;
        }
        if plain_from < bytes.len() {
            put_plain(&bytes[plain_from..], &mut self.out);
        }
        (self.out.len() < bytes.len()).then_some(&self.out)
    }

    /// Gives back what a large entry took.
    pub(super) fn shrink(&mut self, room: usize) {
        self.out.clear();
        self.out.shrink_to(room);
    }
}

fn put_plain(bytes: &[u8], out: &mut Vec<u8>) {
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// The eight bytes at a place.
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

fn word_at(bytes: &[u8], at: usize) -> u64 {
    word(bytes, at).unwrap_or_default()
}

/// A hash of the first [`SHORTEST`] bytes of a word.
fn hash(word: u64) -> usize {
    ((word << 16).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - TABLE_BITS)) as usize
}

/// How many bytes two texts have in common from their beginning.
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut length = 0;
    while let (Some(x), Some(y)) = (word(a, length), word(b, length)) {
        if x != y {
            return length + ((x ^ y).trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length + a[length..].iter().zip(&b[length..]).take_while(|(x, y)| x == y).count()
}

/// How many bytes two texts have in common at their end.
fn common_before(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count()
}

/// Appends what was squeezed, which was at most so many bytes. Takes any bytes: each length is looked at before it is
/// believed.
pub(super) fn expand(squeezed: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
    const WRONG: &str = "it cannot be expanded";
    let mut from = Reader::new(squeezed);
    let number = |from: &mut Reader<'_>| from.number().ok().and_then(|it| usize::try_from(it).ok()).ok_or(WRONG);
    let (start, whole) = (out.len(), number(&mut from)?);
    let missing = |out: &Vec<u8>| whole - (out.len() - start);
    if whole > most {
        return Err(WRONG);
    }
    while missing(out) > 0 {
        let plain = number(&mut from)?;
        let bytes = from.bytes(plain).map_err(|_| WRONG)?;
        if plain > missing(out) {
            return Err(WRONG);
        }
        out.extend_from_slice(bytes);
        if missing(out) == 0 {
            break;
        }
        let length = number(&mut from)?.checked_add(SHORTEST).filter(|length| *length <= missing(out)).ok_or(WRONG)?;
        let back = number(&mut from)?;
        let begin = out.len().checked_sub(back).filter(|begin| back > 0 && *begin >= start).ok_or(WRONG)?;
        repeat(out, begin, length);
    }
    if from.is_empty() { Ok(()) } else { Err(WRONG) }
}

/// Appends so many bytes from this place on, those among them that are only just appended.
fn repeat(out: &mut Vec<u8>, begin: usize, length: usize) {
    let end = out.len() + length;
    while out.len() < end {
        let available = out.len() - begin;
        let next = available.min(end - out.len());
        out.extend_from_within(begin..begin + next);
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
        expand(&squeezed, bytes.len(), &mut out).unwrap();
        assert_eq!(out.strip_prefix(b"before"), Some(bytes));
        assert!(expand(&squeezed, bytes.len() - 1, &mut Vec::new()).is_err(), "more than may be");
        for cut in [0, 1, squeezed.len() / 2, squeezed.len() - 1] {
            assert!(expand(&squeezed[..cut], bytes.len(), &mut Vec::new()).is_err(), "cut at {cut}");
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
            if expand(&bytes, 10_000, &mut out).is_ok() {
                prop_assert!(out.len() <= 10_000);
            }
        }
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
        assert!(there_and_back(&vec![7; 100_000]).unwrap() < 32, "a repetition that overlaps itself");
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
