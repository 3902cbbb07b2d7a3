//! Named points between a decision and what follows from it, at which a test ends the process.
//!
//! A kill at a random moment falls between two given steps once in thousands of times; these points make it certain.
//! `ANDON_FAILPOINT=NAME:N` kills the process when the point is reached the N-th time: whoever reached it goes no
//! further, and SIGKILL meets all others wherever they are. With `NAME:N:panic` only the task that reached it panics. A
//! release build has neither the variable nor the points.

/// A point; in the order in which an alert passes them on its way to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The engine has decided, nothing is stored.
    Decided,
    /// The entry is in sled's memory.
    JournalWritten,
    /// sled has given its pages to the kernel.
    JournalFlushed,
    /// The entry is on the disk.
    JournalSynced,
    /// The commit has come back to the driver; nobody knows of it.
    Committed,
    /// The workers have the rows that are due; no request was answered.
    HandedOut,
    /// The requests were answered.
    Answered,
    /// A worker is about to send.
    AttemptBegun,
    /// The receiver's answer is there, and not reported.
    AttemptEnded,
    /// The outcome waits in the driver's inbox.
    OutcomeReported,
    /// A reload is stored; what is shown is still the old configuration.
    ReloadCommitted,
    /// The service was told to end: nothing is sent any more, the last commit is to come.
    Drained,
    /// A checkpoint is on the disk under its temporary name.
    CheckpointWritten,
    /// It has its name; its folder is not synced, older ones are still there.
    CheckpointRenamed,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Decided,
        Self::JournalWritten,
        Self::JournalFlushed,
        Self::JournalSynced,
        Self::Committed,
        Self::HandedOut,
        Self::Answered,
        Self::AttemptBegun,
        Self::AttemptEnded,
        Self::OutcomeReported,
        Self::ReloadCommitted,
        Self::Drained,
        Self::CheckpointWritten,
        Self::CheckpointRenamed,
    ];

    /// The name in `ANDON_FAILPOINT`.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// Says that a point is reached; does not return if the process is to end here.
#[cfg(debug_assertions)]
pub fn reached(point: Point) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(Point, AtomicU64, bool)>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("ANDON_FAILPOINT").ok()?;
        let (text, panics) = text.strip_suffix(":panic").map_or((text.as_str(), false), |text| (text, true));
        let (name, times) = text.split_once(':')?;
        let point = Point::ALL.into_iter().find(|point| point.name() == name)?;
        Some((point, AtomicU64::new(times.parse().ok()?), panics))
    });
    if let Some((at, left, panics)) = wanted
        && *at == point
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        assert!(!panics, "as the failpoint {} asks", point.name());
        eprintln!("ended at the failpoint {}", point.name());
        let kill = format!("kill -KILL {}", std::process::id());
        let killed = std::process::Command::new("sh").args(["-c", &kill]).status();
        // Only where there is no shell.
        eprintln!("no kill at the failpoint: {killed:?}");
        std::process::abort();
    }
}

/// Nothing: there are no failpoints in a release build.
#[cfg(not(debug_assertions))]
pub fn reached(_: Point) {}
