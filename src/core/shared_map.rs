//! An ordered map that readers share: cloning it costs a counter, changing it a chunk.
//!
//! The entries stand in sorted chunks. A chunk that a reader still holds is copied when it changes, and only that chunk:
//! readers never wait, and a writer never copies everything because somebody reads.

use std::fmt;
use std::sync::Arc;

/// How many entries a chunk has at most.
const CHUNK: usize = 256;

/// An ordered map in chunks. None of them is empty.
#[derive(Clone)]
pub struct SharedMap<K, V> {
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

type Chunk<K, V> = Arc<Vec<(K, V)>>;

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { chunks: Arc::default(), len: 0 }
    }
}

impl<K, V> SharedMap<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// In ascending order of key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(|(key, value)| (key, value))
    }

    /// The keys in ascending order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values in ascending order of key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// The value of this key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let at = chunk.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        chunk.get(at).map(|(_, value)| value)
    }

    /// The entries from this key on, in ascending order.
    pub fn from<'a>(&'a self, key: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let place = self.chunk_of(key);
        let at = self.chunks.get(place).map_or(0, |chunk| chunk.partition_point(|(other, _)| other < key));
        let begun = self.chunks.get(place).into_iter().flat_map(move |chunk| chunk.iter().skip(at));
        let rest = self.chunks.iter().skip(place.saturating_add(1)).flat_map(|chunk| chunk.iter());
        begun.chain(rest).map(|(key, value)| (key, value))
    }

    /// Puts a value in; gives back the one it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = self.chunk_of(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let last = place + 1 >= chunks.len();
        let Some(chunk) = chunks.get_mut(place) else {
            chunks.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return None;
        };
        match chunk.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(at) => {
                let (_, old) = Arc::make_mut(chunk).get_mut(at)?;
                return Some(std::mem::replace(old, value));
            }
            // Ascending keys fill chunk after chunk.
            Err(CHUNK) if last => chunks.push(Arc::new(vec![(key, value)])),
            Err(at) => {
                let chunk = Arc::make_mut(chunk);
                chunk.insert(at, (key, value));
                if chunk.len() > CHUNK {
                    let upper = chunk.split_off(CHUNK / 2);
                    chunk.shrink_to_fit();
                    chunks.insert(place + 1, Arc::new(upper));
                }
            }
        }
        self.len += 1;
        None
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.chunk_of(key);
        let at = self.chunks.get(place)?.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(chunks.get_mut(place)?);
        let (_, old) = chunk.remove(at);
        if chunk.is_empty() {
            chunks.remove(place);
        }
        self.len -= 1;
        Some(old)
    }

    /// The chunk in which the key stands, or would stand.
    fn chunk_of(&self, key: &K) -> usize {
        let after = self.chunks.partition_point(|chunk| chunk.first().is_some_and(|(first, _)| first <= key));
        after.saturating_sub(1)
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entries(map: &SharedMap<u16, u32>) -> Vec<(u16, u32)> {
        map.iter().map(|(key, value)| (*key, *value)).collect()
    }

    proptest! {
        #[test]
        fn is_as_a_tree(steps in prop::collection::vec((0_u16..2_000, prop::option::weighted(0.7, any::<u32>())), 0..3_000)) {
            let (mut map, mut tree) = (SharedMap::default(), BTreeMap::new());
            for (key, value) in steps {
                match value {
                    Some(value) => prop_assert_eq!(map.insert(key, value), tree.insert(key, value)),
                    None => prop_assert_eq!(map.remove(&key), tree.remove(&key)),
                }
                prop_assert_eq!(map.get(&key), tree.get(&key));
            }
            prop_assert_eq!(map.len(), tree.len());
            for key in [0, 1, 500, 1_999, 3_000] {
                let from: Vec<_> = map.from(&key).collect();
                prop_assert_eq!(from, tree.range(key..).collect::<Vec<_>>());
            }
            prop_assert_eq!(entries(&map), tree.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_reader_keeps_what_it_has_and_shares_what_did_not_change() {
        let mut map = SharedMap::default();
        (0..1_000).for_each(|key| assert!(map.insert(key, 0).is_none()));
        assert_eq!(map.chunks.len(), 4, "ascending keys leave no holes");
        let reader = map.clone();
        map.insert(10, 1);
        map.remove(&990);
        assert_eq!((reader.get(&10), reader.get(&990), reader.len()), (Some(&0), Some(&0), 1_000));
        assert_eq!((map.get(&10), map.get(&990), map.len()), (Some(&1), None, 999));
        let shared = map.chunks.iter().zip(reader.chunks.iter()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, 2);
    }
}
