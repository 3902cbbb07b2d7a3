//! Values: how an entry is cut into parts, and how a damaged part is noticed.
//!
//! A value is a byte for the frame's format, a CRC-32 over the key and all that follows, a byte of [`Mark`]s, and the
//! part's share of the entry, as it stands or squeezed. So a part that is torn, missing, doubled or in another part's place
//! is noticed.

use super::key::Key;

/// The format of frames.
const FORMAT: u8 = 1;
/// Format, checksum and marks.
const HEADER: usize = 6;
/// sled writes a leaf of more than 128 KiB to a file that it never syncs. A leaf has up to 17 values.
pub(super) const MAX_VALUE: usize = 4096;
const SHARE: usize = MAX_VALUE - HEADER;

/// What is said of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// It is the entry's last.
    pub(super) last: bool,
    /// The entry is squeezed; so say all of its parts.
    pub(super) squeezed: bool,
}

impl Mark {
    /// Of the only part of something short.
    pub(super) const ALONE: Self = Self { last: true, squeezed: false };

    fn to_byte(self) -> u8 {
        u8::from(self.last) | u8::from(self.squeezed) << 1
    }

    fn of(byte: u8) -> Option<Self> {
        (byte < 4).then_some(Self { last: byte & 1 != 0, squeezed: byte & 2 != 0 })
    }
}

/// Puts a frame around one part.
pub(super) fn seal(key: Key, mark: Mark, share: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + share.len());
    value.push(FORMAT);
    value.extend_from_slice(&[0; 4]);
    value.push(mark.to_byte());
    value.extend_from_slice(share);
    let sum = checksum(key, &value);
    value[1..5].copy_from_slice(&sum.to_le_bytes());
    value
}

/// Takes the frame off: what is said of the part, and its share of the entry.
pub(super) fn unseal(key: Key, value: &[u8]) -> Result<(Mark, &[u8]), &'static str> {
    let (&[format, s0, s1, s2, s3, mark], share) = value.split_first_chunk::<HEADER>().ok_or("a value cut short")?;
    if format != FORMAT {
        return Err("a value of an unknown format");
    }
    if checksum(key, value) != u32::from_le_bytes([s0, s1, s2, s3]) {
        return Err("a wrong checksum");
    }
    Ok((Mark::of(mark).ok_or("a value with an unknown mark")?, share))
}

/// The parts of an entry, in order.
pub(super) fn parts(seq: crate::store::Seq, entry: &[u8], squeezed: bool) -> impl Iterator<Item = (Key, Vec<u8>)> {
    parts_of(seq, entry, squeezed, SHARE)
}

/// With this many bytes in each.
pub(super) fn parts_of(
    seq: crate::store::Seq,
    entry: &[u8],
    squeezed: bool,
    share: usize,
) -> impl Iterator<Item = (Key, Vec<u8>)> {
    let mut left = entry.len().div_ceil(share);
    entry.chunks(share).zip(0..=u32::MAX).map(move |(share, part)| {
        left -= 1;
        let key = Key::Part { seq, part };
        (key, seal(key, Mark { last: left == 0, squeezed }, share))
    })
}

fn checksum(key: Key, value: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(key.to_bytes().as_ref());
    sum.update(value.get(5..).unwrap_or_default());
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Seq;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let key = Key::Part { seq: Seq(7), part: 0 };
        let value = seal(key, Mark::ALONE, b"share");
        assert_eq!(unseal(key, &value), Ok((Mark::ALONE, &b"share"[..])));
        assert_eq!(unseal(Key::Part { seq: Seq(8), part: 0 }, &value), Err("a wrong checksum"));
        for bit in 0..value.len() * 8 {
            let mut value = value.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(key, &value).is_err(), "bit {bit}");
        }
        for cut in 0..value.len() {
            assert!(unseal(key, &value[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn entries_are_cut_at_the_share() {
        for (length, count) in [(1, 1), (SHARE, 1), (SHARE + 1, 2), (3 * SHARE, 3)] {
            let parts: Vec<_> = parts(Seq(1), &vec![7; length], true).collect();
            assert_eq!(parts.len(), count);
            assert!(parts.iter().all(|(_, value)| value.len() <= MAX_VALUE));
            let last: Vec<bool> = parts.iter().map(|(key, value)| unseal(*key, value).unwrap().0.last).collect();
            assert!(parts.iter().all(|(key, value)| unseal(*key, value).unwrap().0.squeezed));
            assert_eq!(last.iter().position(|last| *last), Some(count - 1));
        }
    }
}
