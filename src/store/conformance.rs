//! What every store must do: one suite, run for each.

use std::time::Duration;

use super::memory::{Faults, Faulty, Memory};
use super::record::encode_entry;
use super::record::samples::{alert, changes, one_of_each, second};
use super::sled::{Options, SledStore};
use super::{BoxedStore, Entry, Fence, Retention, Seq, Store, StoreError};
use crate::core::change::Change;
use crate::core::outbox::DeliveryId;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// A place where a store is kept, so that it can be opened again.
trait Place {
    fn open(&self, retention: Retention) -> BoxedStore;
}

struct InMemory(std::cell::RefCell<Option<Memory>>);

impl Place for InMemory {
    fn open(&self, retention: Retention) -> BoxedStore {
        Box::new(self.0.borrow_mut().get_or_insert_with(|| Memory::new(retention)).clone())
    }
}

impl Place for tempfile::TempDir {
    fn open(&self, retention: Retention) -> BoxedStore {
        let options = Options { retention, ballast: 0, ..Options::default() };
        Box::new(SledStore::open(self.path(), options).unwrap())
    }
}

fn in_all(test: impl Fn(&dyn Place)) {
    test(&InMemory(None.into()));
    test(&tempfile::tempdir().unwrap());
}

fn gone(number: u64) -> Change {
    Change::DeadGone(DeliveryId(number))
}

fn loaded(place: &dyn Place) -> Vec<Change> {
    place.open(Retention::default()).load().unwrap().changes
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq.0).collect()
}

#[test]
fn an_empty_store_has_nothing() {
    in_all(|place| {
        let mut store = place.open(Retention::default());
        let loaded = store.load().unwrap();
        assert_eq!((loaded.changes, loaded.last, loaded.seq, loaded.damage), (vec![], None, Seq(0), None));
        assert_eq!(store.changes_since(Seq(0), 10).unwrap(), []);
        assert!(!store.wants_checkpoint());
    });
}

#[test]
fn what_was_committed_is_loaded_in_order() {
    in_all(|place| {
        let mut store = place.open(Retention::default());
        assert_eq!(store.commit(second(1), &one_of_each(), Fence(0)).unwrap(), Seq(1));
        assert_eq!(store.commit(second(2), &[], Fence(0)).unwrap(), Seq(2));
        assert_eq!(store.commit(second(3), &[gone(1), gone(2)], Fence(0)).unwrap(), Seq(3));
        drop(store);
        let loaded = place.open(Retention::default()).load().unwrap();
        assert_eq!(loaded.changes, [one_of_each(), vec![gone(1), gone(2)]].concat());
        assert_eq!((loaded.last, loaded.seq, loaded.damage), (Some(second(3)), Seq(3), None));
    });
}

#[test]
fn entries_of_any_size_come_back() {
    let mut runner = TestRunner::deterministic();
    let mut arbitrary = || changes().new_tree(&mut runner).unwrap().current();
    for count in [1, 10, 100, 1_000] {
        let committed: Vec<Change> = (0..count).map(|_| arbitrary()).collect();
        in_all(|place| {
            place.open(Retention::default()).commit(second(0), &committed, Fence(0)).unwrap();
            assert_eq!(loaded(place), committed);
        });
    }
}

#[test]
fn committing_again_adds_the_same_changes_again() {
    in_all(|place| {
        let mut store = place.open(Retention::default());
        store.commit(second(1), &[gone(1)], Fence(0)).unwrap();
        store.commit(second(1), &[gone(1)], Fence(0)).unwrap();
        drop(store);
        assert_eq!(loaded(place), [gone(1), gone(1)]);
    });
}

#[test]
fn changes_since_goes_page_by_page() {
    in_all(|place| {
        let mut store = place.open(Retention::default());
        for number in 1..=7 {
            store.commit(second(number), &[gone(number as u64)], Fence(0)).unwrap();
        }
        for (since, limit, expected) in [
            (0, 3, vec![1, 2, 3]),
            (3, 3, vec![4, 5, 6]),
            (6, 3, vec![7]),
            (7, 3, vec![]),
            (0, 0, vec![]),
            (99, 1, vec![]),
        ] {
            assert_eq!(seqs(&store.changes_since(Seq(since), limit).unwrap()), expected, "{limit} since {since}");
        }
        let entry = Entry { seq: Seq(5), at: second(5), changes: vec![gone(5)] };
        assert_eq!(store.changes_since(Seq(4), 1).unwrap(), [entry]);
    });
}

#[test]
fn a_checkpoint_takes_the_place_of_what_is_before_it() {
    in_all(|place| {
        let mut store = place.open(Retention::default());
        store.commit(second(1), &[gone(1), gone(2)], Fence(0)).unwrap();
        store.checkpoint(second(2), &mut vec![Change::Alert(alert(1))].into_iter()).unwrap();
        assert_eq!(store.load().unwrap().changes, [Change::Alert(alert(1))]);
        assert_eq!(store.load().unwrap().last, Some(second(2)));
        assert_eq!(store.commit(second(3), &[gone(3)], Fence(0)).unwrap(), Seq(2));
        drop(store);
        let mut store = place.open(Retention::default());
        let loaded = store.load().unwrap();
        assert_eq!(loaded.changes, [Change::Alert(alert(1)), gone(3)]);
        assert_eq!((loaded.last, loaded.seq), (Some(second(3)), Seq(2)));
        assert_eq!(seqs(&store.changes_since(Seq(0), 9).unwrap()), [1, 2], "history goes on over checkpoints");
    });
}

#[test]
fn a_checkpoint_is_wanted_when_the_journal_is_long() {
    in_all(|place| {
        let mut entry = Vec::new();
        encode_entry(second(1), &one_of_each(), &mut entry);
        let checkpoint_after = 2 * entry.len() as u64 + 1;
        let mut store = place.open(Retention { checkpoint_after, ..Retention::default() });
        store.load().unwrap();
        let mut commits = 0;
        while !store.wants_checkpoint() {
            store.commit(second(1), &one_of_each(), Fence(0)).unwrap();
            commits += 1;
        }
        assert_eq!(commits, 3);
        store.checkpoint(second(2), &mut std::iter::empty()).unwrap();
        assert!(!store.wants_checkpoint());
    });
}

#[test]
fn history_goes_by_age_and_size_but_not_what_a_start_needs() {
    let old = Retention { age: Duration::from_secs(10), ..Retention::default() };
    let large = Retention { size: 60, ..Retention::default() };
    for (retention, what) in [(old, "age"), (large, "size")] {
        in_all(|place| {
            let mut store = place.open(retention);
            for number in 1..=20 {
                store.commit(second(number), &[gone(number as u64)], Fence(0)).unwrap();
                if number == 4 {
                    assert_eq!(store.changes_since(Seq(0), 99).unwrap().len(), 4, "nothing goes without a checkpoint");
                }
                if number % 5 == 0 {
                    store.checkpoint(second(number), &mut vec![gone(100)].into_iter()).unwrap();
                }
            }
            let kept = seqs(&store.changes_since(Seq(0), 99).unwrap());
            assert!(kept.len() < 15, "{what}: {kept:?}");
            assert_eq!(kept.last(), Some(&20));
            assert_eq!(store.load().unwrap().changes, [gone(100)]);
        });
    }
}

#[test]
fn an_older_fence_is_refused() {
    in_all(|place| {
        let mut store = place.open(Retention::default());
        store.commit(second(1), &[gone(1)], Fence(2)).unwrap();
        assert!(matches!(store.commit(second(2), &[gone(2)], Fence(1)), Err(StoreError::Conflict)));
        assert_eq!(store.commit(second(3), &[gone(3)], Fence(2)).unwrap(), Seq(2));
        assert_eq!(store.load().unwrap().changes, [gone(1), gone(3)]);
    });
}

#[test]
fn a_planned_failure_changes_nothing() {
    in_all(|place| {
        let faults = Faults::default();
        let mut store = Faulty::new(place.open(Retention::default()), faults.clone());
        store.load().unwrap();
        faults.fail_at(3);
        store.commit(second(1), &[gone(1)], Fence(0)).unwrap();
        assert!(matches!(store.commit(second(2), &[gone(2)], Fence(0)), Err(StoreError::Unavailable(_))));
        store.commit(second(3), &[gone(3)], Fence(0)).unwrap();
        faults.fail_all(true);
        assert!(store.checkpoint(second(4), &mut std::iter::empty()).is_err());
        assert!(store.changes_since(Seq(0), 1).is_err());
        faults.fail_all(false);
        assert_eq!(store.load().unwrap().changes, [gone(1), gone(3)]);
        assert_eq!(faults.operations(), 7);
    });
}

#[test]
fn readers_see_what_was_committed_and_keep_nobody_from_committing() {
    in_all(|place| {
        let mut store = place.open(Retention::default());
        store.load().unwrap();
        let past = store.past();
        for number in 1..=5 {
            store.commit(second(number), &[gone(number as u64)], Fence(0)).unwrap();
        }
        assert_eq!((seqs(&past.entries(Seq(0), 3).unwrap()), past.last().unwrap()), (vec![1, 2, 3], Seq(5)));
        assert!(past.checkpoint_before(second(9)).unwrap().is_none());
        store.checkpoint(second(6), &mut vec![gone(100)].into_iter()).unwrap();
        store.commit(second(7), &[gone(7)], Fence(0)).unwrap();
        assert_eq!(past.checkpoint_before(second(6)).unwrap(), Some((Seq(5), vec![gone(100)])));
        assert!(past.checkpoint_before(second(5)).unwrap().is_none());
        assert_eq!(past.entries(Seq(5), 9).unwrap()[0].changes, [gone(7)]);
    });
}

#[test]
fn a_reader_outlives_the_store_without_holding_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = folder.open(Retention::default());
    store.commit(second(1), &[gone(1)], Fence(0)).unwrap();
    let past = store.past();
    drop(store);
    assert!(past.entries(Seq(0), 1).is_err());
    assert_eq!(loaded(&folder), [gone(1)]);
}

#[test]
fn a_commit_that_is_too_large_is_refused_and_a_smaller_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { most: 1_000, ballast: 0, ..Options::default() };
    let stores: [BoxedStore; 2] =
        [Box::new(Memory::default().with_most(1_000)), Box::new(SledStore::open(folder.path(), options).unwrap())];
    let text = |length| Change::Config { hash: String::new(), text: "x".repeat(length) };
    for mut store in stores {
        store.load().unwrap();
        let error = store.commit(second(1), &[text(1_000)], Fence(0)).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { bytes: 1_001.., most: 1_000 }), "{error}");
        assert_eq!(store.commit(second(1), &[text(900)], Fence(0)).unwrap(), Seq(1));
        assert_eq!(store.load().unwrap().changes, [text(900)]);
    }
}
