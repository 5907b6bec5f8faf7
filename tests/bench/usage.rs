//! What processes use, from `/proc`: CPU time and memory of the daemon and everything below it.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

/// Memory of several processes together, in MiB.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Memory {
    /// Shared pages divided among those who share them.
    pub(crate) pss_mib: f64,
    /// The most each had resident at any time, added up: shared pages are counted again for each.
    pub(crate) peak_rss_mib: f64,
}

impl Memory {
    pub(crate) fn keep_most(&mut self, other: Self) {
        self.pss_mib = self.pss_mib.max(other.pss_mib);
        self.peak_rss_mib = self.peak_rss_mib.max(other.peak_rss_mib);
    }
}

/// The processes and all below them.
pub(crate) fn trees(roots: &[u32]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut next) = (Vec::new(), roots.to_vec());
    while let Some(pid) = next.pop() {
        found.push(pid);
        next.extend(children.get(&pid).into_iter().flatten());
    }
    found
}

/// User and system time of living processes, in seconds; of those that ended below them as well.
pub(crate) fn cpu_seconds(pids: &[u32]) -> f64 {
    let ticks = |pid: &u32| -> f64 {
        let Some(fields) = stat(*pid) else { return 0.0 };
        // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), counted from the state.
        fields.iter().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum()
    };
    pids.iter().map(ticks).sum::<f64>() / TICKS_A_SECOND
}

pub(crate) fn memory(pids: &[u32]) -> Memory {
    let of = |pid: &u32, file: &str, key: &str| kib(&format!("/proc/{pid}/{file}"), key) / 1024.0;
    Memory {
        pss_mib: pids.iter().map(|pid| of(pid, "smaps_rollup", "Pss:")).sum(),
        peak_rss_mib: pids.iter().map(|pid| of(pid, "status", "VmHWM:")).sum(),
    }
}

/// Busy time of the whole machine, in seconds.
pub(crate) fn machine_busy_seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // All but idle and waiting for the disk.
    let idle: f64 = fields.iter().skip(3).take(2).sum();
    (fields.iter().take(8).sum::<f64>() - idle) / TICKS_A_SECOND
}

/// Linux gives these in hundredths of a second on every platform that juzhen runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// The fields of `/proc/PID/stat` after the name, which may hold spaces: state, parent …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn kib(path: &str, key: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
