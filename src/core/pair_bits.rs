//! Which labels an alert may have, in one word: a look at it spares looking at the alert.
//!
//! Whoever asks for `name="value"` walks over all alerts, and nearly all of the time waits for memory that it then finds to
//! be another alert. Each pair sets three bits of the word, so a set that lacks one of them lacks the pair.

use super::label::LabelSet;

/// The bits of some pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairBits(u64);

impl PairBits {
    /// Of all labels of a set.
    pub fn of(labels: &LabelSet) -> Self {
        labels.iter().fold(Self::default(), |bits, (name, value)| bits.with(name, value))
    }

    /// These and those of one more pair.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let hash = mixed(mixed(0, name), value);
        let bits = [58, 52, 46].into_iter().fold(0, |bits, shift| bits | 1 << (hash >> shift & 63));
        Self(self.0 | bits)
    }

    /// Whether a set with these bits may have all pairs that set those.
    pub fn may_hold(self, those: Self) -> bool {
        self.0 & those.0 == those.0
    }
}

/// A hash that need not withstand anybody: whoever makes its bits collide makes an answer slower by what it saved. Eight
/// bytes at a time, since this is done for each label of each new alert.
fn mixed(seed: u64, text: &str) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let (chunks, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let length = text.len() as u64;
    let words = chunks.iter().chain([&last]).map(|chunk| u64::from_le_bytes(*chunk));
    words.fold(seed ^ length, |hash, word| {
        let product = u128::from(hash ^ word ^ ODD) * u128::from(ODD);
        product as u64 ^ (product >> 64) as u64
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_pair_of_a_set_is_denied(pairs in proptest::collection::btree_map("[a-c]{1,12}", ".{0,20}", 0..12)) {
            let labels = LabelSet::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap();
            let bits = PairBits::of(&labels);
            for (name, value) in &labels {
                prop_assert!(bits.may_hold(PairBits::default().with(name, value)));
            }
        }
    }

    #[test]
    fn most_other_pairs_are_denied() {
        let set = |number: u32| {
            let pairs = [("alertname", format!("A{}", number % 10)), ("asset_code", format!("P-{number:06}"))];
            LabelSet::new(pairs.iter().map(|(name, value)| (*name, value.as_str()))).unwrap()
        };
        let wanted = PairBits::default().with("asset_code", "P-000007");
        let held = (0..10_000).filter(|number| PairBits::of(&set(*number)).may_hold(wanted)).count();
        assert!((1..50).contains(&held), "{held} of 10 000 are not denied");
    }
}
