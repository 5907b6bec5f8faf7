//! Where somebody could look: files, answers of the API, and the processes of adapters.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use juzhen_tests::Daemon;
use serde_json::Value;

use crate::search::Search;

/// Mappings of this size at most are read whole; none of an adapter's is larger.
const MOST: u64 = 512 << 20;

/// Every file of a folder and of those in it, but those that `leave_out` names.
pub(crate) fn files(search: &mut Search, folder: &Path, leave_out: impl Fn(&str) -> bool + Copy) {
    for path in files_of(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // A file may go while we look, such as one that was written beside its place.
        if let (false, Ok(bytes)) = (leave_out(&name), fs::read(&path)) {
            search.look(&path.display().to_string(), &bytes);
        }
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
}

/// Whatever can be read through the API, as several people; ids come from the lists.
pub(crate) async fn answers(search: &mut Search, daemon: &Daemon, people: &[&str]) -> usize {
    let document = daemon.get("/api/v1/openapi.json").await;
    let mut asked = 0;
    for person in people {
        for (path, item) in document["paths"].as_object().unwrap() {
            if item.get("get").is_none() {
                continue;
            }
            for path in filled(daemon, path).await {
                let (_, body) = daemon.call(person, "GET", &path, None).await;
                let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                search.look(&format!("GET {path} as {person}"), text.as_bytes());
                asked += 1;
            }
        }
    }
    asked
}

/// A path with the id of each thing that there is.
async fn filled(daemon: &Daemon, path: &str) -> Vec<String> {
    let Some((list, rest)) = path.split_once("/{") else { return vec![path.to_owned()] };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let (status, body) = daemon.call("off.zr", "GET", list, None).await;
    let noun = list.rsplit('/').next().unwrap();
    let things = body[noun].as_array().cloned().unwrap_or_default();
    let id = |thing: &Value| thing["id"].as_str().or(thing["name"].as_str()).map(str::to_owned);
    let ids = things.iter().filter_map(id).filter(|_| status.is_success());
    ids.map(|id| format!("{list}/{id}{after}")).collect()
}

/// What of a process was readable.
#[derive(Debug, Default)]
pub(crate) struct Readable {
    pub(crate) processes: usize,
    /// Of its descriptions: arguments, environment, mappings.
    pub(crate) files: usize,
    pub(crate) mappings: usize,
    pub(crate) memory: usize,
}

/// What the system shows of a process: how it was started, and its memory where that can be read.
pub(crate) fn process(search: &mut Search, pid: u32, with_memory: bool, readable: &mut Readable) {
    readable.processes += 1;
    for name in ["cmdline", "environ", "comm", "maps", "status", "cgroup", "mountinfo"] {
        if let Ok(bytes) = fs::read(format!("/proc/{pid}/{name}")) {
            search.look(&format!("/proc/{pid}/{name}"), &bytes);
            readable.files += 1;
        }
    }
    if !with_memory {
        return;
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let Ok(mut memory) = File::open(format!("/proc/{pid}/mem")) else { return };
    for line in maps.lines() {
        let Some((from, to)) = range_of(line) else { continue };
        let mut bytes = Vec::new();
        let length = (to - from).min(MOST);
        let sought = memory.seek(SeekFrom::Start(from));
        // A mapping that nothing stands behind cannot be read, or only in part.
        let _ = sought.and_then(|_| memory.by_ref().take(length).read_to_end(&mut bytes));
        if !bytes.is_empty() {
            search.look(&format!("memory of {pid}, {line}"), &bytes);
            readable.mappings += 1;
            readable.memory += bytes.len();
        }
    }
}

/// Where a readable mapping begins and ends.
fn range_of(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let is_readable = words.next()?.starts_with('r') && !line.ends_with("[vvar]");
    let parse = |digits| u64::from_str_radix(digits, 16).ok();
    is_readable.then_some((parse(from)?, parse(to)?))
}
