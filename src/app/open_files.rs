//! How many files and connections this process may have open at a time.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is kept for all but the clients of the API: sending, the store, work orders in other systems, connections that
/// are only told to come again.
const RESERVED: u64 = 512;

/// Raises the limit as far as the system lets everybody, and gives it; nothing where there is none.
pub fn raised_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    // Where it cannot be raised it holds as it is.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current
}

/// How many connections of clients there may be where so many files may be open: those that were wanted, but never so many
/// that nobody could be told any more.
pub fn connections(wanted: usize, open_files: Option<u64>) -> usize {
    let Some(open_files) = open_files else { return wanted };
    let left = open_files - RESERVED.min(open_files / 2);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_files_for_those_who_are_told() {
        let rows = [
            (4096, None, 4096),
            (4096, Some(1 << 20), 4096),
            (4096, Some(4608), 4096),
            (4096, Some(4607), 4095),
            (4096, Some(1024), 512),
            (4096, Some(256), 128),
            (20, Some(256), 20),
            (4096, Some(0), 1),
        ];
        for (wanted, open_files, expected) in rows {
            assert_eq!(connections(wanted, open_files), expected, "{wanted} of {open_files:?}");
        }
    }
}
