//! What the operating system says about this process. Where it says nothing (not Linux), nothing is written.

use std::fs;

use super::family;
use crate::time::Timestamp;

/// Linux counts processor time in hundredths of a second on every architecture it runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Appends the `process_*` families in the text format.
pub fn write(out: &mut String, started: Timestamp) {
    family::write(
        out,
        "process_start_time_seconds",
        "gauge",
        "When the process started.",
        [("", started.as_secs_f64())],
    );
    if let Some(seconds) = cpu_seconds() {
        family::write(out, "process_cpu_seconds_total", "counter", "Processor time spent.", [("", seconds)]);
    }
    if let Some((virtual_bytes, resident_bytes)) = memory() {
        family::write(out, "process_resident_memory_bytes", "gauge", "Resident memory.", [("", resident_bytes)]);
        family::write(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", [("", virtual_bytes)]);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory being read.
        family::write(
            out,
            "process_open_fds",
            "gauge",
            "Open file descriptors.",
            [("", open.count().saturating_sub(1) as f64)],
        );
    }
    if let Some(limit) = max_fds() {
        family::write(out, "process_max_fds", "gauge", "File descriptors that may be open.", [("", limit)]);
    }
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold spaces; counting begins after it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn memory() -> Option<(f64, f64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().next()?.parse::<f64>().ok().map(|kib| kib * 1024.0)
    };
    Some((bytes("VmSize:")?, bytes("VmRSS:")?))
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
