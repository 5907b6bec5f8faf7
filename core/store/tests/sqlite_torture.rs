//! What a disk can do to the embedded store, in a process of its own: power cuts, failing writes and syncs, a full disk.
//! Whatever happens, what was answered is there afterwards and the file is whole (P4).
//!
//! The process that writes is this very test program again, started with the name of [`child`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing
#![allow(clippy::print_stdout)] // how the writing process answers

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use juzhen_store::{Audit, AuditFilter, Sqlite, SqliteOptions, Store, StoreError};
use tokio::task::JoinSet;

/// How many different moments are tried: a few by default, all when asked.
fn moments(few: &[u32], all: std::ops::RangeInclusive<u32>) -> Vec<u32> {
    if std::env::var_os("JUZHEN_LONG").is_some() { all.collect() } else { few.to_vec() }
}

#[test]
fn p04_a_every_answered_commit_was_synced() {
    let place = Place::new();
    let table = place.path("calls");
    let writes = Writes { number: 200, together: 1 };
    let told = place.write(&["-c", "-o", &table, "-e", "trace=fsync,fdatasync"], writes);
    let table = std::fs::read_to_string(table).unwrap();
    let calls = |name: &str| -> u64 {
        let line = table.lines().find(|line| line.ends_with(name));
        line.map_or(0, |line| line.split_whitespace().nth(3).unwrap().parse().unwrap())
    };
    let synced = calls(" fsync") + calls(" fdatasync");
    assert_eq!(told.acked.len(), 200);
    assert!(synced >= 200, "{synced} syncs for 200 answers\n{table}");
    place.holds(&told);
}

#[test]
fn p04_b_f21_after_a_failed_sync_nothing_is_answered_and_nothing_answered_is_lost() {
    for n in moments(&[1, 3, 5, 8, 12, 20, 40, 63, 64, 65, 66, 130], 1..=200) {
        let place = Place::new();
        let fault = format!("inject=fsync,fdatasync:error=EIO:when={n}");
        // Those that are handed in together are at least one commit, and a commit is a sync: so many that number n comes.
        let together = 64;
        let told = place.write(&["-e", &fault], Writes { number: u64::from(n) * together, together });
        assert!(told.failed > 0, "sync {n} never came");
        assert_eq!(told.acked_after_failure, 0, "answered after the failure of sync {n}");
        place.holds(&told);
    }
}

#[test]
fn p04_b_f18_a_write_without_room_loses_nothing_that_was_answered() {
    for n in moments(&[1, 2, 7, 15, 31, 60, 90, 120, 150, 200], 1..=200) {
        for lasting in ["", "+"] {
            let place = Place::new();
            let fault = format!("inject=pwrite64:error=ENOSPC:when={n}{lasting}");
            let told = place.write(&["-e", &fault], Writes { number: 2_000, together: 16 });
            assert!(told.failed > 0, "write {n} never came");
            place.holds(&told);
        }
    }
}

#[test]
fn f22_on_a_disk_that_became_read_only_nothing_is_answered() {
    let place = Place::new();
    let told = place.write(
        &["-e", "inject=pwrite64,ftruncate,fallocate:error=EROFS:when=60+"],
        Writes { number: 2_000, together: 16 },
    );
    assert!(told.failed > 0 && told.acked_after_failure == 0);
    place.holds(&told);
}

#[test]
fn p04_c_f13_killed_at_any_moment_under_load_nothing_answered_is_lost() {
    let place = Place::new();
    let mut all = Told::default();
    for n in moments(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1..=200) {
        let mut child = place.start(&[], Writes { number: u64::MAX, together: 16 }, all.next());
        let mut lines = Lines::of(&mut child);
        // Only once it works, and then at a different moment each time.
        all.read(&mut lines, 1);
        std::thread::sleep(Duration::from_millis(u64::from(n * 37 % 211)));
        child.kill().unwrap();
        child.wait().unwrap();
        all.read(&mut lines, u64::MAX);
        place.holds(&all);
    }
    assert!(all.acked.len() > 500, "{} answers are no load", all.acked.len());
}

/// Not a test: the process that writes for the others.
#[test]
#[ignore = "started by the other tests, with its task in the environment"]
fn child() {
    let Ok(task) = std::env::var("JUZHEN_TORTURE") else { return };
    let mut task = task.splitn(4, ' ');
    let mut number = || task.next().unwrap().parse::<u64>().unwrap();
    let (first, count, together) = (number(), number(), number());
    let path = task.next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_notes(Path::new(path), first, count, together));
}

async fn write_notes(path: &Path, first: u64, count: u64, together: u64) {
    let store = match Sqlite::open(path, SqliteOptions::default()) {
        Ok(store) => Arc::new(store),
        Err(error) => return println!("failed {error}"),
    };
    let (mut next, end, mut failures) = (first, first.saturating_add(count), 0);
    while next < end && failures < 5 {
        let mut notes = JoinSet::new();
        for n in (next..end).take(usize::try_from(together).unwrap()) {
            let store = Arc::clone(&store);
            notes.spawn(async move { (n, store.note(note(n)).await) });
        }
        next += together;
        let mut failed = false;
        while let Some(answer) = notes.join_next().await {
            match answer.unwrap() {
                (n, Ok(())) => println!("acked {n}"),
                (n, Err(error)) => {
                    println!("failed {n} {error}");
                    failed = true;
                }
            }
        }
        failures += u32::from(failed);
    }
}

fn note(n: u64) -> Audit {
    Audit {
        actor: "off.hg".into(),
        action: "torture.note".into(),
        subject: format!("note:{n}"),
        detail: serde_json::json!({ "text": "x".repeat(200) }),
        at: Timestamp::from_second(1_800_000_000).unwrap(),
        request: None,
    }
}

#[derive(Clone, Copy)]
struct Writes {
    number: u64,
    /// Handed in at the same time, so that they share a commit.
    together: u64,
}

/// What the writing process said.
#[derive(Default)]
struct Told {
    acked: BTreeSet<u64>,
    failed: u64,
    acked_after_failure: u64,
}

impl Told {
    /// Reads until `most` more answers were given, or the process is gone.
    fn read(&mut self, lines: &mut Lines, most: u64) {
        let mut acked = 0;
        while acked < most {
            let Some(line) = lines.next() else { return };
            match line.split_once(' ') {
                Some(("acked", n)) => {
                    self.acked.insert(n.parse().unwrap());
                    self.acked_after_failure += u64::from(self.failed > 0);
                    acked += 1;
                }
                Some(("failed", _)) => self.failed += 1,
                // The words of the test program itself.
                _ => {}
            }
        }
    }

    /// Past those that were under way and never answered.
    fn next(&self) -> u64 {
        self.acked.last().map_or(0, |n| n + 1_000)
    }
}

/// Whole lines: one that was cut off was not said.
struct Lines(BufReader<ChildStdout>);

impl Lines {
    fn of(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().unwrap()))
    }

    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap();
        (read > 0 && line.ends_with('\n')).then(|| line.trim_end().to_owned())
    }
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("juzhen.db")
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Has a process write under `strace` to its end.
    fn write(&self, strace: &[&str], writes: Writes) -> Told {
        let mut child = self.start(strace, writes, 0);
        let mut told = Told::default();
        told.read(&mut Lines::of(&mut child), u64::MAX);
        child.wait().unwrap();
        told
    }

    fn start(&self, strace: &[&str], writes: Writes, first: u64) -> Child {
        let program = std::env::current_exe().unwrap();
        let mut command = if strace.is_empty() { Command::new(&program) } else { Command::new("strace") };
        if !strace.is_empty() {
            let quietly = if strace.contains(&"-c") { vec![] } else { vec!["-o", "/dev/null"] };
            command.arg("-f").args(quietly).args(strace).arg(&program);
        }
        command.args(["--exact", "child", "--ignored", "--nocapture"]);
        let Writes { number, together } = writes;
        let database = self.database();
        command.env("JUZHEN_TORTURE", format!("{first} {number} {together} {}", database.display()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().expect("strace is there (tests/run installs it)")
    }

    /// Everything that was answered is in the file, and the file is whole.
    fn holds(&self, told: &Told) {
        let store = match Sqlite::open(self.database(), SqliteOptions::default()) {
            Ok(store) => store,
            Err(error) => {
                panic!("{} answers, and the next start fails: {}", told.acked.len(), told_by(&error))
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let rows =
            runtime.block_on(store.audit(AuditFilter { most: u32::MAX, ..AuditFilter::default() })).unwrap();
        let kept: BTreeSet<u64> = rows
            .iter()
            .filter_map(|row| row.audit.subject.strip_prefix("note:"))
            .map(|n| n.parse().unwrap())
            .collect();
        let lost: Vec<_> = told.acked.difference(&kept).collect();
        assert!(lost.is_empty(), "answered and lost: {lost:?}");
        assert_eq!(runtime.block_on(store.verify_audit()).unwrap().broken_at, None);
        drop(store);
        let by_hand = rusqlite::Connection::open(self.database()).unwrap();
        let found: String = by_hand.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
        assert_eq!(found, "ok");
    }
}

fn told_by(error: &StoreError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
