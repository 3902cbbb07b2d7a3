//! The store in a process that is killed, and what it costs one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use super::{alerts, gone, numbers, open, options, strict};
use crate::core::change::Change;
use crate::store::record::samples::second;
use crate::store::sled::SledStore;
use crate::store::{Fence, Loaded, Store};

/// Where the child of the kill test writes.
const CHILD: &str = "ANDON_TEST_KILLED_STORE";

/// Not a test of its own: what [`nothing_acknowledged_is_lost_by_a_kill`] starts and kills.
#[test]
fn killed_child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let mut store = SledStore::open(Path::new(&folder), options()).unwrap();
    let mut last = store.load().unwrap().seq.0;
    println!("ready");
    loop {
        last += 1;
        let changes: Vec<Change> = std::iter::repeat_n(gone(last), 1 + last as usize % 900).collect();
        store.commit(second(0), &changes, Fence(0)).unwrap();
        println!("acknowledged {last}");
        if last.is_multiple_of(50) {
            store.checkpoint(second(0), &mut (1..=last).map(gone)).unwrap();
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..20_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sled::tests::process::killed_child", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        // Killed after so many acknowledgements, in the middle of whatever it is doing then.
        let mut left = 3 + round * 7 % 60;
        for number in numbers {
            acknowledged = number;
            left = left.saturating_sub(1);
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let mut store = SledStore::open(folder.path(), strict()).unwrap();
        let loaded = store.load().unwrap();
        let mut found = numbers_once(&loaded);
        found.dedup();
        assert!(loaded.seq.0 >= acknowledged, "round {round}: {} of {acknowledged}", loaded.seq.0);
        assert_eq!(found, (1..=loaded.seq.0).collect::<Vec<_>>(), "round {round}");
    }
    assert!(acknowledged > 200, "only {acknowledged} were acknowledged");
}

fn numbers_once(loaded: &Loaded) -> Vec<u64> {
    let mut numbers = numbers(loaded);
    numbers.dedup();
    numbers
}

/// `cargo test --release --lib -- --ignored --nocapture what_a_commit_costs`
#[test]
#[ignore = "a measurement"]
fn what_a_commit_costs() {
    for (per_commit, commits) in [(1, 2_000), (64, 1_000)] {
        let folder = tempdir().unwrap();
        let mut store = open(&folder);
        let changes = alerts(per_commit);
        let before = cpu_nanoseconds();
        for _ in 0..commits {
            store.commit(second(0), &changes, Fence(0)).unwrap();
        }
        let each = (cpu_nanoseconds() - before) / commits;
        println!("{per_commit} alerts in a commit: {each} ns of CPU, {} ns for an alert", each / per_commit);
    }
}

/// Of all threads of this process, sled's among them.
fn cpu_nanoseconds() -> u64 {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path().join("schedstat"));
    let spent = threads.filter_map(|path| fs::read_to_string(path).ok()?.split(' ').next()?.parse::<u64>().ok());
    spent.sum()
}
