//! The alerts that are kept, by fingerprint, in chunks that readers share.
//!
//! Cloning the set costs a pointer per chunk. A chunk that a reader still holds is copied when it changes, and only
//! that chunk: readers never wait, and a commit never copies everything.

use std::sync::Arc;

use super::alert::{Alert, Times};
use super::label::Fingerprint;
use super::pair_bits::PairBits;
use super::policy::{RouteIdx, RuleIdx};

const CHUNK_BITS: u32 = 10;

/// What follows from an alert's labels and the policy, decided once and shared by all alerts of which it is true.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verdict {
    /// The routes it takes, in the order of the walk.
    pub routes: Vec<RouteIdx>,
    /// The inhibit rules of which it is a source.
    pub source_of: Vec<RuleIdx>,
    /// The inhibit rules of which it is a target.
    pub target_of: Vec<RuleIdx>,
}

/// An alert that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Of its labels.
    pub fingerprint: Fingerprint,
    /// Its latest version.
    pub alert: Arc<Alert>,
    /// Where it goes.
    pub verdict: Arc<Verdict>,
    /// Of its labels.
    pairs: PairBits,
}

impl Kept {
    /// An alert with this fingerprint.
    pub fn new(fingerprint: Fingerprint, alert: Arc<Alert>, verdict: Arc<Verdict>) -> Self {
        Self { fingerprint, pairs: PairBits::of(&alert.labels), alert, verdict }
    }

    /// Another version of an alert with the same labels.
    #[must_use]
    pub fn newer(&self, alert: Arc<Alert>) -> Self {
        debug_assert_eq!(self.alert.labels, alert.labels, "the labels are the alert's identity");
        Self { fingerprint: self.fingerprint, pairs: self.pairs, alert, verdict: Arc::clone(&self.verdict) }
    }

    /// Whether it may have all labels that these bits were made of; asks no more memory than what stands here.
    pub fn may_have(&self, those: PairBits) -> bool {
        self.pairs.may_hold(those)
    }
}

/// The alerts in ascending order of fingerprint.
#[derive(Clone, Debug)]
pub struct AlertSet {
    chunks: Vec<Arc<Vec<Kept>>>,
    len: usize,
    text: usize,
}

impl Default for AlertSet {
    fn default() -> Self {
        Self { chunks: vec![Arc::default(); 1 << CHUNK_BITS], len: 0, text: 0 }
    }
}

impl AlertSet {
    /// How many alerts are kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes the texts of all of them have, each for itself.
    pub fn text(&self) -> usize {
        self.text
    }

    /// In ascending order of fingerprint.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// In ascending order of fingerprint, from this one on.
    pub fn from(&self, fingerprint: Fingerprint) -> impl Iterator<Item = &Kept> {
        let from = chunk_of(fingerprint);
        let (Ok(before) | Err(before)) = place(&self.chunks[from], fingerprint);
        self.chunks[from..].iter().flat_map(|chunk| chunk.iter()).skip(before)
    }

    /// The alert with this fingerprint.
    pub fn get(&self, fingerprint: Fingerprint) -> Option<&Kept> {
        let chunk = &self.chunks[chunk_of(fingerprint)];
        chunk.get(place(chunk, fingerprint).ok()?)
    }

    /// Puts the alert in; gives back the one it replaces.
    pub fn insert(&mut self, kept: Kept) -> Option<Kept> {
        let chunk = Arc::make_mut(&mut self.chunks[chunk_of(kept.fingerprint)]);
        self.text += kept.alert.text();
        match place(chunk, kept.fingerprint) {
            Ok(at) => {
                let old = std::mem::replace(&mut chunk[at], kept);
                self.text -= old.alert.text();
                Some(old)
            }
            Err(at) => {
                chunk.insert(at, kept);
                self.len += 1;
                None
            }
        }
    }

    /// Gives the alert other times, in place where nobody else has it; gives back those that it had.
    pub fn set_times(&mut self, fingerprint: Fingerprint, times: Times) -> Option<Times> {
        let chunk = Arc::make_mut(&mut self.chunks[chunk_of(fingerprint)]);
        let at = place(chunk, fingerprint).ok()?;
        let alert = &mut chunk.get_mut(at)?.alert;
        let before = alert.times();
        match Arc::get_mut(alert) {
            Some(alert) => alert.set_times(times),
            None => *alert = Arc::new(alert.at(times)),
        }
        Some(before)
    }

    /// Takes the alert out.
    pub fn remove(&mut self, fingerprint: Fingerprint) -> Option<Kept> {
        let chunk = Arc::make_mut(&mut self.chunks[chunk_of(fingerprint)]);
        let at = place(chunk, fingerprint).ok()?;
        let old = chunk.remove(at);
        self.len -= 1;
        self.text -= old.alert.text();
        Some(old)
    }
}

fn chunk_of(fingerprint: Fingerprint) -> usize {
    // The top bits, so that chunks in order are fingerprints in order; ten bits always fit an index.
    (fingerprint.0 >> (u64::BITS - CHUNK_BITS)) as usize
}

/// Where the alert stands in its chunk, or would stand. Fingerprints are hashes, so a place can be guessed from the bits
/// below those that name the chunk: the guess is off by about half the square root of the length, which is in the same
/// memory, while a search by halves asks for memory that no cache holds at each of its first steps. From the guess the
/// search goes in steps that double, so fingerprints that crowd are found as well.
fn place(chunk: &[Kept], fingerprint: Fingerprint) -> Result<usize, usize> {
    let below = u128::from(fingerprint.0 << CHUNK_BITS);
    // Less than the length, since `below` is less than 2^64.
    let guess = ((below * chunk.len() as u128) >> u64::BITS) as usize;
    let before = |at: usize| chunk.get(at).is_some_and(|kept| kept.fingerprint < fingerprint);
    let mut step = 1;
    let (low, high) = if before(guess) {
        let mut low = guess + 1;
        while before(low + step - 1) {
            low += step;
            step *= 2;
        }
        (low, chunk.len().min(low + step - 1))
    } else {
        let mut high = guess;
        while high > 0 && !before(high - step.min(high)) {
            high -= step.min(high);
            step *= 2;
        }
        (high.saturating_sub(step), high)
    };
    let found = chunk.get(low..high).unwrap_or_default().partition_point(|kept| kept.fingerprint < fingerprint) + low;
    match chunk.get(found).is_some_and(|kept| kept.fingerprint == fingerprint) {
        true => Ok(found),
        false => Err(found),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::core::label::LabelSet;
    use crate::time::Timestamp;

    fn kept(fingerprint: u64, url: &str) -> Kept {
        let (starts_at, ends_at, updated_at) = (Timestamp::EPOCH, Timestamp::EPOCH, Timestamp::EPOCH);
        let (labels, annotations) = (LabelSet::empty(), LabelSet::empty());
        let generator_url = Arc::from(url);
        let alert = Alert { labels, annotations, generator_url, starts_at, ends_at, updated_at, timeout: false };
        let verdict = Arc::new(Verdict { routes: vec![], source_of: vec![], target_of: vec![] });
        Kept::new(Fingerprint(fingerprint), Arc::new(alert), verdict)
    }

    /// Fingerprints as they are, and some that crowd where a chunk begins or ends.
    fn fingerprints() -> impl Strategy<Value = u64> {
        let crowd = prop_oneof![Just(0), Just(u64::MAX - 60), Just(7 << 54), Just((7 << 54) - 30)];
        prop_oneof![any::<u64>(), (0_u64..60, crowd).prop_map(|(low, crowd)| crowd + low), (0_u64..1 << 54)]
    }

    proptest! {
        #[test]
        fn is_as_a_tree(steps in prop::collection::vec((fingerprints(), any::<bool>()), 0..600)) {
            let (mut set, mut tree) = (AlertSet::default(), BTreeMap::new());
            for (fingerprint, put) in &steps {
                match put {
                    true => prop_assert_eq!(set.insert(kept(*fingerprint, &"x".repeat(fingerprint.count_ones() as usize))).is_some(), tree.insert(*fingerprint, ()).is_some()),
                    false => prop_assert_eq!(set.remove(Fingerprint(*fingerprint)).is_some(), tree.remove(fingerprint).is_some()),
                }
            }
            let all: Vec<_> = set.iter().map(|kept| kept.fingerprint.0).collect();
            prop_assert_eq!(&all, &tree.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.len(), tree.len());
            prop_assert_eq!(set.text(), set.iter().map(|kept| kept.alert.text()).sum::<usize>());
            for (fingerprint, _) in &steps {
                prop_assert_eq!(set.get(Fingerprint(*fingerprint)).is_some(), tree.contains_key(fingerprint));
                let next = set.from(Fingerprint(*fingerprint)).next().map(|kept| kept.fingerprint.0);
                prop_assert_eq!(next, tree.range(fingerprint..).next().map(|(next, ())| *next));
            }
        }
    }

    #[test]
    fn other_times_are_not_seen_by_who_has_the_alert_already() {
        let mut set = AlertSet::default();
        set.insert(kept(5, "url"));
        let alone = Arc::as_ptr(&set.get(Fingerprint(5)).unwrap().alert);
        let times = |ends_at| Times { ends_at, ..kept(5, "").alert.times() };
        let (first, second, third) = (Timestamp::new(1, 0), Timestamp::new(2, 0), Timestamp::new(3, 0));
        assert_eq!(set.set_times(Fingerprint(5), times(first)), Some(times(Timestamp::EPOCH)));
        assert_eq!(Arc::as_ptr(&set.get(Fingerprint(5)).unwrap().alert), alone, "nobody else has it");
        let reader = set.clone();
        assert_eq!(set.set_times(Fingerprint(5), times(second)), Some(times(first)));
        let row = Arc::clone(&set.get(Fingerprint(5)).unwrap().alert);
        assert_eq!(set.set_times(Fingerprint(5), times(third)), Some(times(second)));
        assert_eq!(set.set_times(Fingerprint(6), times(third)), None);
        let now = &set.get(Fingerprint(5)).unwrap().alert;
        assert_eq!((now.ends_at, &*now.generator_url), (third, "url"));
        assert_eq!((row.ends_at, reader.get(Fingerprint(5)).unwrap().alert.ends_at), (second, first));
    }

    #[test]
    fn keeps_order_and_leaves_a_reader_its_own_view() {
        let mut set = AlertSet::default();
        for fingerprint in [u64::MAX, 5, 1 << 60, 3] {
            assert!(set.insert(kept(fingerprint, "old")).is_none());
        }
        let reader = set.clone();
        assert_eq!(&*set.insert(kept(5, "new")).unwrap().alert.generator_url, "old");
        assert!(set.remove(Fingerprint(3)).is_some() && set.remove(Fingerprint(3)).is_none());
        let order = |set: &AlertSet| set.iter().map(|kept| kept.fingerprint.0).collect::<Vec<_>>();
        assert_eq!(order(&set), [5, 1 << 60, u64::MAX]);
        assert_eq!((set.len(), reader.len()), (3, 4));
        assert_eq!(order(&reader), [3, 5, 1 << 60, u64::MAX]);
        assert_eq!(&*reader.get(Fingerprint(5)).unwrap().alert.generator_url, "old");
    }
}
