//! The alerts that are kept, by fingerprint, in chunks that readers share.
//!
//! Cloning the set costs a pointer per chunk. A chunk that a reader still holds is copied when it changes, and only
//! that chunk: readers never wait, and a commit never copies everything.

use std::sync::Arc;

use super::alert::Alert;
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
}

impl Default for AlertSet {
    fn default() -> Self {
        Self { chunks: vec![Arc::default(); 1 << CHUNK_BITS], len: 0 }
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

    /// In ascending order of fingerprint.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// In ascending order of fingerprint, from this one on.
    pub fn from(&self, fingerprint: Fingerprint) -> impl Iterator<Item = &Kept> {
        let from = chunk_of(fingerprint);
        let before = self.chunks[from].partition_point(|kept| kept.fingerprint < fingerprint);
        self.chunks[from..].iter().flat_map(|chunk| chunk.iter()).skip(before)
    }

    /// The alert with this fingerprint.
    pub fn get(&self, fingerprint: Fingerprint) -> Option<&Kept> {
        let chunk = &self.chunks[chunk_of(fingerprint)];
        let at = chunk.binary_search_by_key(&fingerprint, |kept| kept.fingerprint).ok()?;
        chunk.get(at)
    }

    /// Puts the alert in; gives back the one it replaces.
    pub fn insert(&mut self, kept: Kept) -> Option<Kept> {
        let chunk = Arc::make_mut(&mut self.chunks[chunk_of(kept.fingerprint)]);
        match chunk.binary_search_by_key(&kept.fingerprint, |kept| kept.fingerprint) {
            Ok(at) => Some(std::mem::replace(&mut chunk[at], kept)),
            Err(at) => {
                chunk.insert(at, kept);
                self.len += 1;
                None
            }
        }
    }

    /// Takes the alert out.
    pub fn remove(&mut self, fingerprint: Fingerprint) -> Option<Kept> {
        let chunk = Arc::make_mut(&mut self.chunks[chunk_of(fingerprint)]);
        let at = chunk.binary_search_by_key(&fingerprint, |kept| kept.fingerprint).ok()?;
        self.len -= 1;
        Some(chunk.remove(at))
    }
}

fn chunk_of(fingerprint: Fingerprint) -> usize {
    // The top bits, so that chunks in order are fingerprints in order; ten bits always fit an index.
    (fingerprint.0 >> (u64::BITS - CHUNK_BITS)) as usize
}

#[cfg(test)]
mod tests {
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
