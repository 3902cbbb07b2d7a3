//! What only a store on disk can suffer: damage, a full disk, another program, and, in `process`, a kill.

mod process;

use std::fs::{self, File};

use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

use super::frame::Mark;
use super::journal::Trouble;
use super::key::Key;
use super::*;
use crate::core::outbox::DeliveryId;
use crate::store::migrate::Step;
use crate::store::record::samples::{alert, second};

fn options() -> Options {
    Options { ballast: 0, ..Options::default() }
}

fn strict() -> Options {
    Options { strict: true, ..options() }
}

fn open(folder: &TempDir) -> SledStore {
    SledStore::open(folder.path(), options()).unwrap()
}

fn gone(number: u64) -> Change {
    Change::DeadGone(DeliveryId(number))
}

fn alerts(count: u64) -> Vec<Change> {
    (0..count).map(|number| Change::Alert(alert(number))).collect()
}

/// A store with `count` entries of one small change each.
fn with_entries(count: u64) -> TempDir {
    let folder = tempdir().unwrap();
    let mut store = open(&folder);
    for number in 1..=count {
        store.commit(second(0), &[gone(number)], Fence(0)).unwrap();
    }
    folder
}

const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

/// Changes the journal behind the store's back.
fn tamper(folder: &TempDir, change: impl FnOnce(&::sled::Db)) {
    let config = ::sled::Config::new().path(folder.path().join("journal")).flush_every_ms(None);
    // The one that was just closed may hold its lock for a moment.
    let db = (0..1_000).find_map(|_| config.open().map_err(|_| std::thread::sleep(PAUSE)).ok()).unwrap();
    change(&db);
    db.flush().unwrap();
}

fn part(seq: u64, part: u32) -> impl AsRef<[u8]> {
    Key::Part { seq: Seq(seq), part }.to_bytes()
}

fn numbers(loaded: &Loaded) -> Vec<u64> {
    let number = |change: &Change| match change {
        Change::DeadGone(id) => Some(id.0),
        _ => None,
    };
    loaded.changes.iter().filter_map(number).collect()
}

#[test]
fn a_damaged_entry_is_reported_and_the_others_count() {
    type Case = (&'static str, fn(&::sled::Db), &'static [u64], &'static str);
    let cases: [Case; 3] = [
        ("a flipped bit", |db| flip(db, 2), &[1, 3, 4], "entry 2: a wrong checksum"),
        ("a missing entry", |db| drop(db.remove(part(3, 0))), &[1, 2, 4], "the entries 3 to 3 are missing"),
        ("damage at the end", |db| flip(db, 4), &[1, 2, 3], "entry 4: a wrong checksum"),
    ];
    for (what, change, kept, damage) in cases {
        let folder = with_entries(4);
        tamper(&folder, change);
        let refused = SledStore::open(folder.path(), strict()).unwrap().load().unwrap_err();
        assert_eq!(refused.to_string(), format!("the store is damaged: {damage}"), "{what}");
        let mut store = open(&folder);
        let loaded = store.load().unwrap();
        assert_eq!((numbers(&loaded), loaded.damage.as_deref()), (kept.to_vec(), Some(damage)), "{what}");
        assert!(store.wants_checkpoint(), "so that the damage is behind it");
        assert_eq!(store.commit(second(1), &[gone(5)], Fence(0)).unwrap(), Seq(5));
        store.checkpoint(second(1), &mut loaded.changes.into_iter().chain([gone(5)])).unwrap();
        drop(store);
        let loaded = SledStore::open(folder.path(), strict()).unwrap().load().unwrap();
        assert_eq!((numbers(&loaded), loaded.damage), ([kept, &[5]].concat(), None), "{what}");
    }
}

fn flip(db: &::sled::Db, seq: u64) {
    let mut value = db.get(part(seq, 0)).unwrap().unwrap().to_vec();
    value[8] ^= 1;
    db.insert(part(seq, 0), value).unwrap();
}

#[test]
fn an_entry_torn_at_the_end_was_never_there_and_one_in_the_middle_is_damage() {
    let folder = tempdir().unwrap();
    // Squeezed they still take more than four parts.
    let many = &alerts(4_000);
    let mut store = open(&folder);
    store.commit(second(1), &alerts(1), Fence(0)).unwrap();
    store.commit(second(2), many, Fence(0)).unwrap();
    drop(store);
    let cut = |db: &::sled::Db| db.range(part(2, 3)..).keys().for_each(|key| drop(db.remove(key.unwrap())));
    tamper(&folder, cut);
    let refused = SledStore::open(folder.path(), strict()).unwrap().load().unwrap_err();
    assert!(
        refused.to_string().ends_with("the entries 2 to 2 at the end are missing"),
        "{refused}: it was acknowledged"
    );
    witness::Witness::of(folder.path()).note(Seq(1));
    let mut store = SledStore::open(folder.path(), strict()).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!((loaded.changes, loaded.seq, loaded.damage), (alerts(1), Seq(1), None));
    assert_eq!(store.commit(second(2), many, Fence(0)).unwrap(), Seq(2));
    store.commit(second(3), &[gone(3)], Fence(0)).unwrap();
    drop(store);
    tamper(&folder, |db| drop(db.remove(part(2, 3))));
    let loaded = open(&folder).load().unwrap();
    assert_eq!(loaded.changes, [alerts(1), vec![gone(3)]].concat());
    assert_eq!(loaded.damage.as_deref(), Some("entry 2: a part is missing"));
}

#[test]
fn a_journal_that_cannot_be_opened_is_set_aside() {
    let folder = with_entries(2);
    open(&folder).checkpoint(second(1), &mut [gone(7)].into_iter()).unwrap();
    let db = folder.path().join("journal/db");
    let length = fs::metadata(&db).unwrap().len() as usize;
    fs::write(&db, vec![0x5A; length]).unwrap();
    assert!(matches!(SledStore::open(folder.path(), strict()), Err(StoreError::Damaged(_))));
    let mut store = open(&folder);
    let loaded = store.load().unwrap();
    assert_eq!((numbers(&loaded), loaded.seq), (vec![7], Seq(2)));
    assert!(loaded.damage.unwrap().contains("journal.damaged-1"));
    assert!(folder.path().join("journal.damaged-1/db").exists());
    store.commit(second(2), &[gone(8)], Fence(0)).unwrap();
    drop(store);
    let loaded = SledStore::open(folder.path(), strict()).unwrap().load().unwrap();
    assert_eq!((numbers(&loaded), loaded.seq), (vec![7, 8], Seq(3)));
}

#[test]
fn a_journal_that_is_gone_is_damage() {
    let folder = with_entries(2);
    open(&folder).checkpoint(second(1), &mut [gone(7)].into_iter()).unwrap();
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    assert!(matches!(SledStore::open(folder.path(), strict()), Err(StoreError::Damaged(_))));
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    let loaded = open(&folder).load().unwrap();
    assert_eq!(numbers(&loaded), [7]);
    assert!(loaded.damage.unwrap().contains("the journal is missing"));
}

/// Also where nothing else knows of the entries that are gone.
#[test]
fn a_journal_that_ends_before_the_checkpoint_is_damage() {
    let folder = with_entries(4);
    open(&folder).checkpoint(second(1), &mut [gone(7)].into_iter()).unwrap();
    tamper(&folder, |db| [3, 4].into_iter().for_each(|seq| drop(db.remove(part(seq, 0)).unwrap())));
    fs::remove_file(folder.path().join("acknowledged")).unwrap();
    let damage = "the journal ends at entry 2, before the checkpoint at 4";
    let refused = SledStore::open(folder.path(), strict()).unwrap().load().unwrap_err();
    assert_eq!(refused.to_string(), format!("the store is damaged: {damage}"));
    let loaded = open(&folder).load().unwrap();
    assert_eq!((numbers(&loaded), loaded.damage.as_deref()), (vec![7], Some(damage)));
}

#[test]
fn a_damaged_checkpoint_costs_nothing_since_there_is_one_before_it() {
    let folder = with_entries(2);
    let mut store = open(&folder);
    store.checkpoint(second(1), &mut [gone(1), gone(2)].into_iter()).unwrap();
    store.commit(second(2), &[gone(3)], Fence(0)).unwrap();
    store.checkpoint(second(3), &mut [gone(1), gone(2), gone(3)].into_iter()).unwrap();
    drop(store);
    let path = folder.path().join("checkpoint-00000000000000000003");
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(checkpoint::read(&path, &[]), Err(checkpoint::Unreadable::Damaged(_))), "cut at {cut}");
        let mut flipped = whole.clone();
        flipped[cut] ^= 4;
        fs::write(&path, &flipped).unwrap();
        assert!(checkpoint::read(&path, &[]).is_err(), "flipped at {cut}");
    }
    assert!(matches!(SledStore::open(folder.path(), strict()).unwrap().load(), Err(StoreError::Damaged(_))));
    let loaded = open(&folder).load().unwrap();
    assert_eq!((numbers(&loaded), loaded.seq), (vec![1, 2, 3], Seq(3)));
    assert!(loaded.damage.unwrap().contains("checkpoint-00000000000000000003"));
    assert_eq!(open(&folder).load().unwrap().damage, None, "it was set aside");
}

/// A bad sector is damage like any other: who is to be told at three in the morning is told from what is left.
#[test]
fn a_file_that_the_disk_has_lost_is_damaged() {
    let folder = with_entries(2);
    let mut store = open(&folder);
    store.checkpoint(second(1), &mut [gone(1), gone(2)].into_iter()).unwrap();
    store.commit(second(2), &[gone(3)], Fence(0)).unwrap();
    store.checkpoint(second(3), &mut [gone(1), gone(2), gone(3)].into_iter()).unwrap();
    drop(store);
    for file in ["checkpoint-00000000000000000003", "acknowledged"] {
        let path = folder.path().join(file);
        fs::remove_file(&path).unwrap();
        // Reading from where no memory is answers EIO, each time.
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
        let loaded = open(&folder).load().unwrap();
        assert_eq!((numbers(&loaded), loaded.seq), (vec![1, 2, 3], Seq(3)), "{file}");
        let damage = loaded.damage.unwrap();
        assert!(damage.contains(file) && damage.contains("os error 5"), "{damage}");
        fs::remove_file(&path).ok();
        assert_eq!(open(&folder).load().unwrap().damage, None, "{file}");
    }
}

#[test]
fn a_file_that_the_system_would_not_read_is_left_where_it_is_and_the_start_is_refused() {
    let folder = with_entries(2);
    let mut store = open(&folder);
    let changes = store.load().unwrap().changes;
    store.checkpoint(second(0), &mut changes.into_iter()).unwrap();
    drop(store);
    let checkpoint = checkpoint::list(folder.path()).unwrap()[0].1.clone();
    for file in [checkpoint, folder.path().join("acknowledged")] {
        let away = folder.path().join("away");
        fs::rename(&file, &away).unwrap();
        // A name that leads to itself cannot be read, and nothing is wrong with what it stood for.
        std::os::unix::fs::symlink(&file, &file).unwrap();
        let refused = SledStore::open(folder.path(), options()).and_then(|mut store| store.load()).map(|_| ());
        let named = format!("{}: ", file.display());
        assert!(matches!(&refused, Err(StoreError::Unavailable(text)) if text.starts_with(&named)), "{refused:?}");
        fs::rename(&away, &file).unwrap();
        let loaded = open(&folder).load().unwrap();
        assert_eq!((loaded.damage.as_deref(), numbers(&loaded)), (None, vec![1, 2]));
    }
}

#[test]
fn a_note_of_the_last_entry_that_is_cut_short_is_damage_and_is_written_again() {
    for length in [0, 11, 12, 23] {
        let folder = with_entries(2);
        File::options().write(true).open(folder.path().join("acknowledged")).unwrap().set_len(length).unwrap();
        let refused = SledStore::open(folder.path(), strict()).and_then(|mut store| store.load()).map(|_| ());
        assert!(matches!(refused, Err(StoreError::Damaged(_))), "{length}: {refused:?}");
        let mut store = open(&folder);
        let damage = store.load().unwrap().damage.unwrap();
        assert!(damage.contains("acknowledged: it is cut short"), "{damage}");
        store.commit(second(0), &[gone(3)], Fence(0)).unwrap();
        drop(store);
        let loaded = open(&folder).load().unwrap();
        assert_eq!((loaded.damage.as_deref(), numbers(&loaded)), (None, vec![1, 2, 3]));
    }
}

#[test]
fn a_half_written_checkpoint_is_not_one() {
    let folder = with_entries(1);
    fs::write(folder.path().join("checkpoint.tmp"), b"half").unwrap();
    let loaded = SledStore::open(folder.path(), strict()).unwrap().load().unwrap();
    assert_eq!(numbers(&loaded), [1]);
}

#[test]
fn a_checkpoint_that_cannot_be_written_lets_old_history_go_all_the_same() {
    let folder = tempdir().unwrap();
    let retention = Retention { size: 200_000, ..Retention::default() };
    let mut store = SledStore::open(folder.path(), Options { retention, ..options() }).unwrap();
    let long = Change::Config { hash: String::new(), text: "x".repeat(50_000) };
    let commit = |store: &mut SledStore| store.commit(second(0), std::slice::from_ref(&long), Fence(0)).unwrap();
    let commits = |store: &mut SledStore, count| (0..count).map(|_| commit(store)).last();
    commits(&mut store, 3);
    store.checkpoint(second(1), &mut [gone(7)].into_iter()).unwrap();
    commits(&mut store, 6);
    let first = |store: &SledStore| store.changes_since(Seq(0), 1).unwrap()[0].seq;
    assert_eq!(first(&store), Seq(1));
    fs::create_dir(folder.path().join("checkpoint.tmp")).unwrap();
    assert!(store.checkpoint(second(2), &mut [gone(8)].into_iter()).is_err());
    assert_eq!(first(&store), Seq(4), "a start needs all after the checkpoint");
    assert_eq!(commits(&mut store, 1), Some(Seq(10)), "it goes on");
    fs::remove_dir(folder.path().join("checkpoint.tmp")).unwrap();
    drop(store);
    let loaded = SledStore::open(folder.path(), strict()).unwrap().load().unwrap();
    assert_eq!((numbers(&loaded), loaded.changes.len(), loaded.seq), (vec![7], 8, Seq(10)));
}

#[test]
fn sleds_own_snapshots_are_not_needed() {
    let folder = with_entries(3);
    drop(open(&folder));
    let journal = folder.path().join("journal");
    let snapshots = || fs::read_dir(&journal).unwrap().map(|file| file.unwrap().path());
    let is_snapshot = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("snap.");
    fs::write(journal.join("snap.FFFFFFFFFFFFFFFF.generating"), b"killed while it was written").unwrap();
    assert_eq!(numbers(&SledStore::open(folder.path(), strict()).unwrap().load().unwrap()), [1, 2, 3]);
    for path in snapshots().filter(is_snapshot) {
        fs::write(path, b"damaged, and long enough for a snapshot").unwrap();
    }
    let loaded = open(&folder).load().unwrap();
    assert_eq!(numbers(&loaded), [1, 2, 3]);
    assert!(loaded.damage.unwrap().contains("was set aside"));
}

#[test]
fn values_never_become_files_of_their_own() {
    let folder = tempdir().unwrap();
    let mut store = open(&folder);
    let long = Change::Config { hash: String::new(), text: "x".repeat(1 << 20) };
    for _ in 0..8 {
        store.commit(second(0), std::slice::from_ref(&long), Fence(0)).unwrap();
        store.commit(second(0), &alerts(200), Fence(0)).unwrap();
    }
    drop(store);
    assert_eq!(fs::read_dir(folder.path().join("journal/blobs")).unwrap().count(), 0);
    assert_eq!(open(&folder).load().unwrap().changes.len(), 8 * 201);
}

#[test]
fn a_second_process_is_told_who_has_the_folder() {
    let folder = tempdir().unwrap();
    let store = open(&folder);
    let error = SledStore::open(folder.path(), options()).err().unwrap();
    assert!(matches!(error, StoreError::InUse(_)));
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    drop(store);
    open(&folder);
}

#[test]
fn alike_changes_are_squeezed_into_few_parts_and_come_back() {
    let folder = tempdir().unwrap();
    let changes: Vec<_> = (0..500).map(|number| Change::Alert(alert(number))).collect();
    let plain: usize = {
        let mut body = Vec::new();
        encode_entry(second(1), &changes, &mut body);
        body.len()
    };
    open(&folder).commit(second(1), &changes, Fence(0)).unwrap();
    assert_eq!(open(&folder).load().unwrap().changes, changes);
    tamper(&folder, |db| {
        let parts: Vec<_> = db.range(Key::first_of(Seq(1)).to_bytes()..).map(Result::unwrap).collect();
        let marks = parts.iter().map(|(key, value)| frame::unseal(Key::parse(key).unwrap(), value).unwrap().0);
        assert!(marks.into_iter().all(|mark| mark.squeezed));
        assert!(parts.len() * frame::MAX_VALUE * 3 < plain, "{} parts for {plain} bytes", parts.len());
    });
}

#[test]
fn an_entry_may_have_more_parts_than_two_bytes_count() {
    let folder = with_entries(1);
    let long = Change::Config { hash: String::new(), text: "x".repeat(70_000) };
    let mut body = vec![0];
    encode_entry(second(2), std::slice::from_ref(&long), &mut body);
    let insert = |db: &::sled::Db| {
        for (key, value) in frame::parts_of(Seq(2), &body, false, 1) {
            db.insert(key.to_bytes(), value).unwrap();
        }
    };
    tamper(&folder, insert);
    let loaded = SledStore::open(folder.path(), strict()).unwrap().load().unwrap();
    assert_eq!((loaded.changes, loaded.seq, loaded.damage), (vec![gone(1), long], Seq(2), None));
    tamper(&folder, |db| drop(db.remove(part(2, 69_000)).unwrap().unwrap()));
    let refused = SledStore::open(folder.path(), strict()).unwrap().load().unwrap_err();
    assert_eq!(refused.to_string(), "the store is damaged: entry 2: a part is missing");
    let last = body.len() as u32 - 1;
    tamper(&folder, |db| (69_000..=last).for_each(|number| drop(db.remove(part(2, number)).unwrap())));
    let mut store = SledStore::open(folder.path(), strict()).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(
        (loaded.changes, loaded.seq, loaded.damage),
        (vec![gone(1)], Seq(1), None),
        "without its end it is none"
    );
    store.commit(second(3), &[gone(2)], Fence(0)).unwrap();
    drop(store);
    assert_eq!(
        numbers(&SledStore::open(folder.path(), strict()).unwrap().load().unwrap()),
        [1, 2],
        "nothing of it is left"
    );
}

#[test]
#[ignore = "writes 300 MB"]
fn a_commit_of_300_megabytes_is_stored() {
    let folder = tempdir().unwrap();
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b' ' + (state >> 58) as u8)
    };
    let text: String = (0..100 << 20).map(|_| noise()).collect();
    let changes = vec![Change::Config { hash: String::new(), text }; 3];
    let started = std::time::Instant::now();
    open(&folder).commit(second(1), &changes, Fence(0)).unwrap();
    eprintln!("stored in {:?}, {} bytes on disk", started.elapsed(), open(&folder).size());
    let started = std::time::Instant::now();
    assert!(SledStore::open(folder.path(), strict()).unwrap().load().unwrap().changes == changes);
    eprintln!("loaded in {:?}", started.elapsed());
}

#[test]
fn what_is_too_large_in_any_case_is_not_built_first() {
    let folder = tempdir().unwrap();
    let mut store = SledStore::open(folder.path(), Options { most: 1_000, ..options() }).unwrap();
    let mut commit = |length: usize| {
        let text = Change::Config { hash: String::new(), text: "x".repeat(length) };
        store.commit(second(1), &[gone(1), text], Fence(0)).map_err(|error| match error {
            StoreError::TooLarge { bytes, most: 1_000 } => bytes,
            other => panic!("{other}"),
        })
    };
    assert_eq!(commit(1_001), Err(1_001), "what it is made of is counted");
    assert!(matches!(commit(1_000), Err(1_001..1_050)), "what was built is counted");
    assert_eq!(commit(900), Ok(Seq(1)));
}

#[test]
fn a_newer_store_is_refused() {
    let mark = |format| {
        move |db: &::sled::Db| {
            db.insert(Key::Format.to_bytes(), frame::seal(Key::Format, Mark::ALONE, &[format])).unwrap();
        }
    };
    let folder = with_entries(1);
    tamper(&folder, mark(2));
    assert!(matches!(SledStore::open(folder.path(), options()), Err(StoreError::Newer { found: 2, known: 1 })));
    tamper(&folder, mark(1));
    open(&folder).load().unwrap();
}

/// Format 0 never existed: it is format 1 with the entry's time as whole seconds in eight bytes.
const FORMAT_0: Step = Step {
    from: 0,
    rewrite: |entry| {
        let malformed = record::Malformed { at: 1, what: "cut short" };
        let (seconds, changes) = entry.get(1..).and_then(|rest| rest.split_first_chunk()).ok_or(malformed)?;
        let mut rewritten = Vec::new();
        record::encode_entry(Timestamp::new(i64::from_le_bytes(*seconds), 0), [], &mut rewritten);
        rewritten.extend_from_slice(changes);
        Ok(rewritten)
    },
};

#[test]
fn an_older_store_is_migrated() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/entry-format-0.bin");
    let fixture = fs::read(fixture).unwrap();
    let folder = with_entries(2);
    tamper(&folder, |db| {
        db.insert(Key::Format.to_bytes(), frame::seal(Key::Format, Mark::ALONE, &[0])).unwrap();
        for (key, value) in frame::parts(Seq(2), &[&[0], fixture.as_slice()].concat(), false) {
            db.insert(key.to_bytes(), value).unwrap();
        }
    });
    let options = Options { steps: &[FORMAT_0], ..strict() };
    for _ in 0..2 {
        let mut store = SledStore::open(folder.path(), options).unwrap();
        let loaded = store.load().unwrap();
        let config = Change::Config { hash: "ab".into(), text: "route: {}\n".into() };
        assert_eq!((loaded.changes, loaded.last), (vec![gone(1), gone(5), config], Some(second(77))));
        assert_eq!(store.changes_since(Seq(1), 1).unwrap()[0].at, second(77));
    }
    tamper(&folder, |db| {
        let mark = db.get(Key::Format.to_bytes()).unwrap().unwrap();
        assert_eq!(frame::unseal(Key::Format, &mark), Ok((Mark::ALONE, &[record::FORMAT][..])), "the mark was raised");
    });
}

#[test]
fn after_a_failure_the_store_is_as_it_was() {
    let folder = with_entries(2);
    let mut store = open(&folder);
    store.load().unwrap();
    // The disk took the entry, but the answer was an error: it was not acknowledged.
    let mut body = vec![0];
    encode_entry(second(3), &[gone(99)], &mut body);
    store.journal.as_ref().unwrap().append(Seq(3), &body, false).unwrap();
    store.failed(&Trouble::Io("planned".into()));
    assert!(store.changes_since(Seq(0), 9).is_err());
    assert_eq!(numbers(&store.load().unwrap()), [1, 2]);
    store.failed(&Trouble::Io("planned".into()));
    assert_eq!(store.commit(second(4), &[gone(3)], Fence(0)).unwrap(), Seq(3));
    drop(store);
    assert_eq!(numbers(&open(&folder).load().unwrap()), [1, 2, 3]);
}

#[test]
fn a_full_disk_costs_the_ballast_until_there_is_room_again() {
    let folder = tempdir().unwrap();
    let ballast = folder.path().join("ballast");
    let options = Options { ballast: 100_000, ..options() };
    let mut store = SledStore::open(folder.path(), options).unwrap();
    assert_eq!(fs::metadata(&ballast).unwrap().len(), 100_000);
    store.commit(second(0), &[gone(1)], Fence(0)).unwrap();
    store.failed(&Trouble::Full("planned".into()));
    let spares = || (1..=4).filter(|n| folder.path().join(format!("ballast.{n}")).exists()).count();
    assert!(!ballast.exists() && spares() == 0);
    // A folder in the ballast's place stands for a disk without room.
    fs::create_dir(&ballast).unwrap();
    for at in [1, 1, 2] {
        let error = store.commit(second(at), &[gone(2)], Fence(0)).unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
    }
    assert_eq!(numbers(&store.load().unwrap()), [1], "reading goes on");
    fs::remove_dir(&ballast).unwrap();
    assert_eq!(store.commit(second(3), &[gone(2)], Fence(0)).unwrap(), Seq(2));
    assert_eq!((fs::metadata(&ballast).unwrap().len(), spares()), (100_000, 4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_damaged_file_never_keeps_the_store_from_starting(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let folder = with_entries(40);
        open(&folder).checkpoint(second(1), &mut (1..=40).map(gone)).unwrap();
        open(&folder).commit(second(2), &[gone(41)], Fence(0)).unwrap();
        let db = folder.path().join("journal/db");
        let mut bytes = fs::read(&db).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        for (place, byte) in places {
            bytes[place.index(used)] = byte;
        }
        fs::write(&db, bytes).unwrap();
        let mut store = open(&folder);
        let loaded = store.load().unwrap();
        let numbers = numbers(&loaded);
        prop_assert!(numbers.starts_with(&(1..=40).collect::<Vec<_>>()), "the checkpoint counts in any case");
        prop_assert!(numbers.len() == 41 || loaded.damage.is_some(), "{:?}", loaded.seq);
        let next = store.commit(second(3), &[gone(50)], Fence(0)).unwrap();
        drop(store);
        prop_assert_eq!(open(&folder).load().unwrap().seq, next);
    }
}

#[test]
fn a_checkpoint_is_due_each_day_so_that_old_history_goes() {
    let folder = tempdir().unwrap();
    let mut store = open(&folder);
    for (at, due) in [(1, false), (80_000, false), (86_401, true)] {
        store.commit(second(at), &[gone(1)], Fence(0)).unwrap();
        assert_eq!(store.wants_checkpoint(), due, "{at}");
    }
    store.checkpoint(second(86_402), &mut std::iter::empty()).unwrap();
    // The clock that said so was a day ahead.
    for (at, due) in [(90_000, false), (3_600, false), (80_000, false), (90_001, true)] {
        store.commit(second(at), &[gone(1)], Fence(0)).unwrap();
        assert_eq!(store.wants_checkpoint(), due, "{at}");
    }
}
