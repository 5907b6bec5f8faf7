//! What happens to the database file from outside: a backup tool that locks it, hands that delete, replace or empty it, a
//! real full disk, and a crash in the middle of a new schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing
#![allow(clippy::print_stderr)] // what cannot be tested here is said

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use juzhen_store::{Audit, Blob, Hook, Known, Sqlite, SqliteOptions, Store, StoreError, ValueKey};
use sha2::{Digest, Sha256};

fn open(path: &Path) -> Result<Sqlite, StoreError> {
    Sqlite::open(path, SqliteOptions::default())
}

fn note(n: u32) -> Audit {
    Audit {
        actor: "off.hg".into(),
        action: "file.note".into(),
        subject: format!("note:{n}"),
        detail: serde_json::json!({}),
        at: Timestamp::from_second(1_800_000_000).unwrap(),
        request: None,
    }
}

fn told(error: &StoreError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[tokio::test]
async fn f20_a_backup_tool_that_holds_the_lock_is_waited_for_then_told_of_and_never_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("juzhen.db");
    let store = open(&path).unwrap();
    let lock = |seconds: f64| {
        let tool = rusqlite::Connection::open(&path).unwrap();
        tool.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs_f64(seconds));
            tool.execute_batch("ROLLBACK").unwrap();
        })
    };
    let tool = lock(1.0);
    store.note(note(1)).await.unwrap();
    tool.join().unwrap();
    let tool = lock(7.0);
    let refused = store.note(note(2)).await.unwrap_err();
    assert!(told(&refused).contains("locked"), "{}", told(&refused));
    tool.join().unwrap();
    store.note(note(3)).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().rows, 2);
}

#[tokio::test]
async fn f24_a_file_that_was_deleted_replaced_or_emptied_ends_the_store() {
    let acts: [fn(&Path); 3] = [
        |path| std::fs::remove_file(path).unwrap(),
        |path| {
            std::fs::copy(path, path.with_extension("copy")).unwrap();
            std::fs::rename(path.with_extension("copy"), path).unwrap();
        },
        |path| std::fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap(),
    ];
    for act in acts {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("juzhen.db");
        let store = open(&path).unwrap();
        store.ping().await.unwrap();
        act(&path);
        assert!(store.ping().await.is_err());
        let why = tokio::time::timeout(Duration::from_secs(5), store.broken()).await.unwrap();
        assert!(why.contains("juzhen.db"), "{why}");
        assert!(store.note(note(1)).await.is_err(), "what is written now is lost");
    }
}

#[tokio::test]
async fn f23_the_nightly_look_finds_damage_where_nobody_reads_and_ends_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("juzhen.db");
    let store = open(&path).unwrap();
    for n in 0..2000 {
        store.note(note(n)).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let store = open(&path).unwrap();
    store.check().await.unwrap();
    // One flipped bit, in a page that nobody asks for.
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let (mut byte, place) = ([0], file.metadata().unwrap().len() / 2 / 4096 * 4096 + 5);
    std::os::unix::fs::FileExt::read_at(&file, &mut byte, place).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, &[byte[0] ^ 0x40], place).unwrap();
    std::mem::forget(file); // Closing it would let go of SQLite's own locks in this process.
    let found = store.check().await.unwrap_err();
    assert!(matches!(found, StoreError::Damaged { .. }), "{}", told(&found));
    let why = tokio::time::timeout(Duration::from_secs(5), store.broken()).await.unwrap();
    assert!(why.contains("juzhen restore"), "{why}");
}

#[tokio::test]
async fn p25_a_database_of_the_first_schema_is_brought_to_the_newest_with_all_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("juzhen.db");
    let first = rusqlite::Connection::open(&path).unwrap();
    first.execute_batch(include_str!("../src/migrations/0001_first.sql")).unwrap();
    first
        .execute_batch(
            "PRAGMA application_id = 1247430734; PRAGMA user_version = 1;
             INSERT INTO meta VALUES ('environment_id', 'old'), ('generation', '7');
             INSERT INTO stop VALUES (1, 'off.zr', '演练', 5000);
             INSERT INTO adapter_values VALUES ('weibo', 'W000', 'cursor', x'31');",
        )
        .unwrap();
    drop(first);
    let store = open(&path).unwrap();
    let opened = store.opened();
    assert_eq!((opened.schema, opened.generation, opened.environment.as_str()), (Sqlite::SCHEMA, 8, "old"));
    assert_eq!(store.stopped().await.unwrap().unwrap().reason, "演练");
    let key = ValueKey { adapter: "weibo".into(), account: "W000".into(), key: "cursor".into() };
    assert_eq!(store.value(&key).await.unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.restorations(9).await.unwrap(), [], "what is new is there");
    assert_eq!(store.knows(None).await.unwrap(), Known::Yes, "and an upgrade is no restoration");
}

#[test]
fn p25_killed_at_any_statement_of_any_schema_the_next_start_completes() {
    let folder = tempfile::tempdir().unwrap();
    let mut statement = 1;
    loop {
        let path = folder.path().join(format!("{statement}.db"));
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "child", "--ignored"]).stdout(Stdio::null()).stderr(Stdio::null());
        child.env("JUZHEN_FILE", format!("{statement} {}", path.display()));
        let ended = child.status().unwrap();
        let store = open(&path).unwrap_or_else(|e| panic!("after statement {statement}: {}", told(&e)));
        assert_eq!(store.opened().schema, Sqlite::SCHEMA);
        if ended.success() {
            break;
        }
        statement += 1;
    }
    assert!(statement > 50, "only {statement} statements");
}

/// Not a test: the process that is killed while it brings a database to the newest schema.
#[test]
#[ignore = "started by the other tests, with its task in the environment"]
fn child() {
    let Ok(task) = std::env::var("JUZHEN_FILE") else { return };
    let (statement, path) = task.split_once(' ').unwrap();
    let statement: u32 = statement.parse().unwrap();
    let reached = AtomicU32::new(0);
    let at_each_step = Hook(Arc::new(move || {
        if reached.fetch_add(1, Ordering::SeqCst) + 1 == statement {
            std::process::abort();
        }
    }));
    Sqlite::open(path, SqliteOptions { at_each_step, ..SqliteOptions::default() }).unwrap();
}

/// A disk of its own, gone with the test.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, said aloud, where nobody may mount.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            let root = rustix::process::geteuid().is_root();
            assert!(!root, "root could not mount a tmpfs: is this a container without CAP_SYS_ADMIN?");
            eprintln!("not run: a real full disk needs root, who may mount one");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all the room but for so many KiB.
    fn fill(&self, left: u64) {
        let free = rustix::fs::statvfs(self.0.path()).unwrap();
        let take = (free.f_bavail * free.f_frsize).saturating_sub(left << 10);
        std::fs::write(self.path("stuff"), vec![1; usize::try_from(take).unwrap()]).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn blob(n: u8, size: usize) -> Blob {
    let bytes = vec![n; size];
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Blob { sha256, mime: "image/png".into(), bytes, at: Timestamp::UNIX_EPOCH }
}

#[tokio::test]
async fn p17_on_a_real_full_disk_nothing_begins_but_what_was_sent_is_recorded_and_it_comes_back() {
    let Some(disk) = SmallDisk::new("8m") else { return };
    let store = open(&disk.path("juzhen.db")).unwrap();
    store.note(note(1)).await.unwrap();
    assert!(disk.path("juzhen.db.ballast").exists());
    disk.fill(40);
    // Whatever is handed in first finds out.
    let mut n = 2;
    let refused = loop {
        match store.put_blob(blob(n, 20_000)).await {
            Ok(()) => n += 1,
            Err(error) => break error,
        }
        assert!(n < 20, "the disk never was full");
    };
    assert!(matches!(refused, StoreError::NoRoom { .. }), "{}", told(&refused));
    assert!(!disk.path("juzhen.db.ballast").exists(), "let go");
    assert!(matches!(store.note(note(2)).await, Err(StoreError::NoRoom { .. })), "nothing new");
    assert!(store.ping().await.is_err(), "and readiness tells");
    // What belongs to something that has left is written all the same.
    let at = Timestamp::UNIX_EPOCH;
    for _ in 0..20 {
        store.stop("off.zr".into(), "磁盘".into(), at).await.unwrap();
    }
    assert!(store.room().await.unwrap().is_some_and(|free| free < 4 << 20));
    std::fs::remove_file(disk.path("stuff")).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    store.note(note(3)).await.unwrap();
    assert!(disk.path("juzhen.db.ballast").exists(), "laid again");
    assert_eq!(store.verify_audit().await.unwrap().broken_at, None);
}

#[tokio::test]
async fn f18_a_start_on_a_full_disk_takes_the_ballast_and_tells_what_is_known() {
    let Some(disk) = SmallDisk::new("8m") else { return };
    let path = disk.path("juzhen.db");
    let store = open(&path).unwrap();
    store.note(note(1)).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    disk.fill(0);
    let store = open(&path).unwrap_or_else(|e| panic!("{}", told(&e)));
    assert_eq!(store.verify_audit().await.unwrap().rows, 1);
}

#[tokio::test]
async fn f22_on_a_read_only_disk_it_does_not_start_and_says_why() {
    let Some(disk) = SmallDisk::new("8m") else { return };
    let path = disk.path("juzhen.db");
    drop(open(&path).unwrap());
    let remount = |how: &str| {
        let mut mount = Command::new("mount");
        assert!(mount.args(["-o", &format!("remount,{how}")]).arg(disk.0.path()).status().unwrap().success());
    };
    remount("ro");
    let refused = open(&path).err().unwrap();
    assert!(told(&refused).to_lowercase().contains("read-only"), "{}", told(&refused));
    remount("rw");
    open(&path).unwrap();
}
