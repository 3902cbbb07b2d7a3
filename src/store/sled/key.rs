//! The keys in sled's one tree.

use crate::store::Seq;

/// Every key there is. Keys sort in the order of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `f`: the newest format that anything in the store may have.
    Format,
    /// `a`: how often the journal was opened; shows that what is written now is found again.
    Openings,
    /// `j`, the entry's number, the part's number, both big-endian: one part of a journal entry. The part's number has two
    /// bytes, or, from 65 536 on, two of 255 and then four.
    Part {
        /// The entry.
        seq: Seq,
        /// Which part of it, from 0.
        part: u32,
    },
}

/// Before the four bytes of a greater part's number: so it sorts after all that have two.
const WIDE: [u8; 2] = [0xFF; 2];
/// The most bytes of a key.
const LONGEST: usize = 15;

impl Key {
    /// The key before all parts of an entry.
    pub(super) fn first_of(seq: Seq) -> Self {
        Self::Part { seq, part: 0 }
    }

    /// As bytes.
    pub(super) fn to_bytes(self) -> KeyBytes {
        let mut bytes = [0; LONGEST];
        let length = match self {
            Self::Format => {
                bytes[0] = b'f';
                1
            }
            Self::Openings => {
                bytes[0] = b'a';
                1
            }
            Self::Part { seq, part } => {
                bytes[0] = b'j';
                bytes[1..9].copy_from_slice(&seq.0.to_be_bytes());
                match u16::try_from(part) {
                    Ok(part) => {
                        bytes[9..11].copy_from_slice(&part.to_be_bytes());
                        11
                    }
                    Err(_) => {
                        bytes[9..11].copy_from_slice(&WIDE);
                        bytes[11..].copy_from_slice(&part.to_be_bytes());
                        LONGEST
                    }
                }
            }
        };
        KeyBytes { bytes, length }
    }

    /// From bytes; nothing if they are no key of ours.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [b'f'] => Some(Self::Format),
            [b'a'] => Some(Self::Openings),
            [b'j', ref rest @ ..] => {
                let (seq, part) = rest.split_first_chunk()?;
                let seq = Seq(u64::from_be_bytes(*seq));
                let part = match *part {
                    [high, low] => u32::from(u16::from_be_bytes([high, low])),
                    [0xFF, 0xFF, a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])).filter(|part| *part > 0xFFFF)?,
                    _ => return None,
                };
                Some(Self::Part { seq, part })
            }
            _ => None,
        }
    }
}

/// A key's bytes, without an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyBytes {
    bytes: [u8; LONGEST],
    length: usize,
}

impl AsRef<[u8]> for KeyBytes {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part() -> impl Strategy<Value = u32> {
        prop_oneof![0..3_u32, 0xFFFD..0x1_0003_u32, any::<u32>()]
    }

    proptest! {
        #[test]
        fn keys_come_back_and_sort_as_the_journal(seq in any::<u64>(), part in part(), other in part()) {
            let key = Key::Part { seq: Seq(seq), part };
            prop_assert_eq!(Key::parse(key.to_bytes().as_ref()), Some(key));
            let next = Key::Part { seq: Seq(seq.saturating_add(1)), part: 0 };
            prop_assert!(seq == u64::MAX || key.to_bytes().as_ref() < next.to_bytes().as_ref());
            let same_entry = Key::Part { seq: Seq(seq), part: other };
            prop_assert_eq!(key.to_bytes().as_ref().cmp(same_entry.to_bytes().as_ref()), part.cmp(&other));
        }
    }

    #[test]
    fn other_keys() {
        for key in [Key::Format, Key::Openings] {
            assert_eq!(Key::parse(key.to_bytes().as_ref()), Some(key));
        }
        for bytes in [&b""[..], b"j", b"j123456789", b"jjjjjjjjjjjj", b"j12345678\xFF\xFF\0\0\xFF\xFF", b"x"] {
            assert_eq!(Key::parse(bytes), None);
        }
    }
}
