//! The keys in sled's one tree.

use crate::store::Seq;

/// Every key there is. Keys sort in the order of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `f`: the newest format that anything in the store may have.
    Format,
    /// `a`: how often the journal was opened; shows that what is written now is found again.
    Openings,
    /// `j`, the entry's number, the part's number, both big-endian: one part of a journal entry.
    Part {
        /// The entry.
        seq: Seq,
        /// Which part of it, from 0.
        part: u16,
    },
}

impl Key {
    /// The key before all parts of an entry.
    pub(super) fn first_of(seq: Seq) -> Self {
        Self::Part { seq, part: 0 }
    }

    /// As bytes.
    pub(super) fn to_bytes(self) -> KeyBytes {
        let mut bytes = [0; 11];
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
                bytes[9..].copy_from_slice(&part.to_be_bytes());
                11
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
                Some(Self::Part { seq, part: u16::from_be_bytes(part.try_into().ok()?) })
            }
            _ => None,
        }
    }
}

/// A key's bytes, without an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyBytes {
    bytes: [u8; 11],
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

    proptest! {
        #[test]
        fn keys_come_back_and_sort_as_the_journal(seq in any::<u64>(), part in any::<u16>()) {
            let key = Key::Part { seq: Seq(seq), part };
            prop_assert_eq!(Key::parse(key.to_bytes().as_ref()), Some(key));
            let next = Key::Part { seq: Seq(seq.saturating_add(1)), part: 0 };
            prop_assert!(seq == u64::MAX || key.to_bytes().as_ref() < next.to_bytes().as_ref());
        }
    }

    #[test]
    fn other_keys() {
        for key in [Key::Format, Key::Openings] {
            assert_eq!(Key::parse(key.to_bytes().as_ref()), Some(key));
        }
        for bytes in [&b""[..], b"j", b"j123456789", b"jjjjjjjjjjjj", b"x"] {
            assert_eq!(Key::parse(bytes), None);
        }
    }
}
