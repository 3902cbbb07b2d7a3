//! Reads the shim's log.

use std::path::PathBuf;

/// One thing that was done to a disk.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A file was made.
    Made { inode: u64, path: PathBuf },
    /// Bytes were written; where they stand in the log.
    Written { inode: u64, offset: u64, bytes: std::ops::Range<usize> },
    /// A file was cut or grown.
    Resized { inode: u64, length: u64 },
    /// A file was synced.
    Synced { inode: u64 },
    /// A folder was made.
    FolderMade { path: PathBuf },
    /// A folder was synced.
    FolderSynced { path: PathBuf },
    /// Something got another name.
    Renamed { from: PathBuf, to: PathBuf },
    /// A file was removed.
    Removed { path: PathBuf },
}

/// The steps, each with the length that the log had after it. A record that a kill cut off at the end is left out.
pub fn read(log: &[u8]) -> Vec<(usize, Step)> {
    const HEAD: usize = 25;
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(head) = log.get(at..at + HEAD) {
        let number = |place: usize| u64::from_le_bytes(head[place..place + 8].try_into().expect("eight bytes"));
        let (a, b, length) = (number(1), number(9), number(17) as usize);
        let bytes = at + HEAD..at + HEAD + length;
        let Some(data) = log.get(bytes.clone()) else { break };
        at = bytes.end;
        let text = || String::from_utf8(data.to_vec()).expect("paths of a test are UTF-8");
        let step = match head[0] {
            b'C' => Step::Made { inode: a, path: text().into() },
            b'W' => Step::Written { inode: a, offset: b, bytes },
            b'T' => Step::Resized { inode: a, length: b },
            b'S' => Step::Synced { inode: a },
            b'M' => Step::FolderMade { path: text().into() },
            b'D' => Step::FolderSynced { path: text().into() },
            b'U' => Step::Removed { path: text().into() },
            b'R' => {
                let both = text();
                let (from, to) = both.split_once('\0').expect("two paths");
                Step::Renamed { from: from.into(), to: to.into() }
            }
            // What promises nothing.
            b'N' => continue,
            other => panic!("a record of the kind {other}"),
        };
        steps.push((at, step));
    }
    steps
}
