//! Damaged files: each kind of them, cut, zeroed, flipped somewhere, emptied, of an earlier life, or in another's place. The store starts all the same; what is missing is said; and nobody
//! takes a part for the whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use andon::core::change::Change;
use andon::core::outbox::DeliveryId;
use andon::store::{Fence, Store as _};
use andon::time::Clock;
use serde_json::json;
use tempfile::TempDir;

use crate::disk::state::State;
use crate::support::copy_folder;
use crate::support::process::Place;
use crate::support::random::{Random, budget};
use crate::support::until;

/// Nobody listens there, so what is to be told waits.
const CONFIG: &str = "route: {receiver: plant, group_by: [id], group_wait: 0s}\n\
    receivers: [{name: plant, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]\n";

#[test]
fn whatever_is_damaged_the_store_starts_and_says_what_is_missing() {
    let mut random = Random::for_test("damaged_store");
    let (place, earlier) = used();
    let data = place.path().join("data");
    let whole = {
        let copy = TempDir::new().expect("a folder for the test");
        copy_folder(&data, &copy.path().join("data"));
        State::open(&copy.path().join("data"), true).expect("it is whole").0
    };
    assert!(whole.alerts.len() > 40 && whole.silences.len() > 4, "there is something to lose: {whole:?}");
    assert!(whole.outbox.len() > 40 && whole.told.len() > 40, "to be told as well: {whole:?}");
    let store = Files { now: files(&data), earlier: files(earlier.path()), folder: earlier.path().to_owned() };
    let wrong = Mutex::new(Vec::new());
    let each = budget(21, 1_000) as usize;
    let cases: Vec<_> =
        KINDS.iter().flat_map(|kind| (0..each).map(move |number| (*kind, WAYS[number % WAYS.len()]))).collect();
    let cases: Vec<_> = cases.into_iter().map(|(kind, way)| (kind, way, random.next())).collect();
    for at_once in cases.chunks(4) {
        std::thread::scope(|scope| {
            for (kind, way, seed) in at_once {
                scope.spawn(|| {
                    let mut random = Random::of(*seed);
                    let copy = TempDir::new().expect("a folder for the test");
                    let (loose, strict) = (copy.path().join("loose"), copy.path().join("strict"));
                    copy_folder(&data, &loose);
                    let what = store.damage(&loose, kind, *way, &mut random);
                    copy_folder(&loose, &strict);
                    if let Err(why) = look(&loose, &strict, &whole) {
                        wrong.lock().expect("no thread panicked").push(format!("{what}: {why}"));
                    }
                });
            }
        });
    }
    let wrong = wrong.into_inner().expect("no thread panicked");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn look(loose: &Path, strict: &Path, whole: &State) -> Result<(), String> {
    let (state, damage, mut store) =
        State::open(loose, false).map_err(|error| format!("it does not start: {error}"))?;
    if state != *whole && damage.is_none() {
        return Err("something is missing and nothing is said".into());
    }
    let said = damage.as_deref().unwrap_or_default();
    if let Some(aside) = set_aside(loose).iter().find(|name| !said.contains(*name)) {
        return Err(format!("{aside} is set aside, and said is only {said:?}"));
    }
    if let Some(resurrected) = state.alerts.keys().find(|id| !whole.alerts.contains_key(*id)) {
        return Err(format!("{resurrected} was never there"));
    }
    match State::open(strict, true) {
        Ok((state, ..)) if state != *whole => return Err("strict, it starts with a part".into()),
        Ok(_) if damage.is_some() => return Err(format!("strict, it starts although {damage:?}")),
        _ => {}
    }
    // It works again, and the next start has all that this one had, and what came since.
    let now = Clock::System.now();
    let seq = store.commit(now, &[Change::DeadGone(DeliveryId(7))], Fence(0)).map_err(|error| error.to_string())?;
    drop(store);
    let (again, _, mut store) = State::open(loose, false).map_err(|error| format!("it starts only once: {error}"))?;
    let last = store.load().map_err(|error| error.to_string())?.seq;
    if again != state || last != seq {
        return Err(format!("the next start has something else: entry {last:?} after {seq:?}"));
    }
    Ok(())
}

/// The names of what was found damaged, without what is added to them when they are set aside.
fn set_aside(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    names.filter_map(|name| name.to_string_lossy().split_once(".damaged-").map(|(name, _)| name.to_owned())).collect()
}

/// How the names of the kinds of files begin.
const KINDS: [&str; 6] =
    ["acknowledged", "checkpoint-", "journal/conf", "journal/db", "journal/kept.snap", "journal/snap."];

#[derive(Clone, Copy, Debug)]
enum Way {
    Cut,
    Zeroed,
    ZeroedToItsEnd,
    Flipped,
    Emptied,
    /// It is as it was some lives ago, under the name that it has now.
    OfAnEarlierLife,
    /// It and another file are in each other's place.
    Swapped,
}

const WAYS: [Way; 7] =
    [Way::Cut, Way::Zeroed, Way::ZeroedToItsEnd, Way::Flipped, Way::Emptied, Way::OfAnEarlierLife, Way::Swapped];

/// The files of the store, and those of an earlier life of it.
struct Files {
    now: Vec<PathBuf>,
    earlier: Vec<PathBuf>,
    folder: PathBuf,
}

impl Files {
    /// Damages a file of this kind, and says how.
    fn damage(&self, folder: &Path, kind: &str, way: Way, random: &mut Random) -> String {
        let file = any(&self.now, random, |file| file.starts_with(kind));
        let path = folder.join(file);
        let mut bytes = fs::read(&path).expect("it is there");
        // What sled has not written to yet is nobody's loss.
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let at = random.below(used as u64) as usize;
        let mut with = String::new();
        match way {
            Way::Cut => bytes.truncate(at),
            Way::Zeroed => {
                let end = (at + 1 + random.below(8_192) as usize).min(bytes.len());
                bytes[at..end].fill(0);
            }
            Way::ZeroedToItsEnd => bytes[at..].fill(0),
            Way::Flipped => {
                // A bit by itself is what is noticed least.
                for _ in 0..=random.below(2) * random.below(20) {
                    let at = random.below(used as u64) as usize;
                    bytes[at] ^= 1 << random.below(8);
                }
            }
            Way::Emptied => bytes.clear(),
            Way::OfAnEarlierLife => {
                let before = any(&self.earlier, random, |file| file.starts_with(kind));
                bytes = fs::read(self.folder.join(before)).expect("it is there");
                with = format!(" ({})", before.display());
            }
            Way::Swapped => {
                let other = any(&self.now, random, |other| other != file.to_string_lossy());
                let others = fs::read(folder.join(other)).expect("it is there");
                fs::write(folder.join(other), std::mem::replace(&mut bytes, others)).expect("there is room");
                with = format!(" with {}", other.display());
            }
        }
        fs::write(path, bytes).expect("there is room");
        format!("{} {way:?}{with} at {at} of {used}", file.display())
    }
}

/// One of the files whose names are so.
fn any<'a>(files: &'a [PathBuf], random: &mut Random, is: impl Fn(&str) -> bool) -> &'a Path {
    let such: Vec<_> = files.iter().filter(|file| is(&file.to_string_lossy())).collect();
    assert!(!such.is_empty(), "{files:?} are not of every kind");
    // The last is the newest, which counts most.
    such[(random.below(such.len() as u64) as usize).max(random.below(such.len() as u64) as usize)]
}

/// The store's files that hold something of the state, relative to its folder. The key of mail links is none: the state does not
/// need it.
fn files(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [data.to_owned(), data.join("journal")] {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            let other = name == "lock" || name == "mail-link.key" || name.starts_with("ballast");
            if path.is_file() && !other {
                found.push(path.strip_prefix(data).expect("it is in the folder").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// A store with two checkpoints, and a journal that goes on after them; and a copy of it from before its last two lives.
fn used() -> (Place, TempDir) {
    let (place, earlier) = (Place::with_config(CONFIG), TempDir::new().expect("a folder for the test"));
    for life in 0..4 {
        if life == 2 {
            copy_folder(&place.path().join("data/."), earlier.path());
        }
        let andon = place.start(&[]);
        for number in 0..12 {
            let over = if number % 3 == 0 { json!(Clock::System.now().to_string()) } else { json!(null) };
            let id = format!("{life}-{number}");
            let mut alert =
                json!({"labels": {"alertname": "PumpHot", "id": id}, "annotations": {"t": "x".repeat(3_000)}});
            assert_eq!(andon.request("POST", "/api/v2/alerts", &json!([alert]).to_string()).status(), 200);
            if !over.is_null() {
                alert["endsAt"] = over;
                assert_eq!(andon.request("POST", "/api/v2/alerts", &json!([alert]).to_string()).status(), 200);
            }
        }
        for _ in 0..2 {
            let now = Clock::System.now();
            let (starts_at, ends_at) = (now.to_string(), now.after(Duration::from_secs(3_600)).to_string());
            let matchers = json!([{"name": "id", "value": "none", "isRegex": false}]);
            let silence = json!({"matchers": matchers, "createdBy": "a", "comment": "b", "startsAt": starts_at,
                "endsAt": ends_at});
            assert_eq!(andon.request("POST", "/api/v2/silences", &silence.to_string()).status(), 200);
        }
        match life {
            3 => andon.kill(),
            _ => assert_eq!(andon.stop().code(), Some(0)),
        }
    }
    (place, earlier)
}

#[test]
fn a_damaged_store_is_named_by_log_metric_and_readiness_and_refused_if_strict() {
    let (place, _) = used();
    let journal = place.path().join("data/journal/db");
    let mut bytes = fs::read(&journal).expect("it was written");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("it is not empty");
    bytes[used - 2_000..].fill(0);
    fs::write(&journal, bytes).expect("there is room");
    let strict = Place::with_config(CONFIG);
    copy_folder(&place.path().join("data"), &strict.path().join("data"));

    let andon = place.start(&[]);
    let ready = andon.get("/-/ready");
    assert!(ready.status() == 200 && ready.body.starts_with("OK, but the store was damaged: "), "{}", ready.body);
    assert!(ready.body.contains("missing"), "{}", ready.body);
    until(Duration::from_secs(5), "the log names it", || andon.log().contains("The store was damaged").then_some(()));
    let metrics = andon.get("/metrics").body;
    assert!(metrics.lines().any(|line| line == "andon_store_damaged 1"), "{metrics}");
    assert!(andon.get("/api/v2/alerts").body.contains("\"3-1\""), "what can be read is there");
    assert_eq!(andon.request("POST", "/api/v2/alerts", r#"[{"labels":{"alertname":"New"}}]"#).status(), 200);
    assert_eq!(andon.stop().code(), Some(0));
    assert_eq!(place.start(&[]).get("/-/ready").body, "OK", "it was written down, and is behind us");

    let mut refused = strict.spawn(&["--storage.strict"]);
    assert_eq!(refused.wait().code(), Some(1));
    until(Duration::from_secs(5), "the reason is written", || {
        refused.log().contains("the store is damaged: ").then_some(())
    });
}
