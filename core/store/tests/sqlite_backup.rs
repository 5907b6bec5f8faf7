//! Backup and restore of the embedded database: whole, checked, never over another file, and never mistaken for the
//! database that it was taken of (P19, F27, F28).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests say so by failing

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use juzhen_store::{Audit, Sqlite, SqliteOptions, Store, StoreError, back_up, restore};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn note(n: u32) -> Audit {
    Audit {
        actor: "off.hg".into(),
        action: "backup.note".into(),
        subject: format!("note:{n}"),
        detail: serde_json::json!({}),
        at: now(),
        request: None,
    }
}

async fn database(path: &Path, notes: u32) -> Sqlite {
    let store = Sqlite::open(path, SqliteOptions::default()).unwrap();
    for n in 0..notes {
        store.note(note(n)).await.unwrap();
    }
    store
}

fn told(error: &StoreError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[tokio::test]
async fn p19_a_backup_of_a_working_database_is_whole_private_and_never_over_another_file() {
    let folder = Folder::new();
    let store = Arc::new(database(&folder.path("juzhen.db"), 100).await);
    let working = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in 100..400 {
                store.note(note(n)).await.unwrap();
            }
        }
    });
    let to = folder.path("copy.db");
    let (from, into) = (folder.path("juzhen.db"), to.clone());
    let backup = tokio::task::spawn_blocking(move || back_up(&from, &into, now())).await.unwrap().unwrap();
    working.await.unwrap();
    assert!((100..=400).contains(&backup.audit), "{backup:?}");
    assert_eq!(backup.environment, store.opened().environment);
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&to).unwrap();
    let again = back_up(&folder.path("juzhen.db"), &to, now()).unwrap_err();
    assert!(told(&again).contains("not written over"), "{}", told(&again));
    assert!(std::fs::read(&to).unwrap() == bytes);
    let copy = Sqlite::open(&to, SqliteOptions::default()).unwrap();
    let chain = copy.verify_audit().await.unwrap();
    assert_eq!((chain.broken_at, i64::try_from(chain.rows).unwrap()), (None, backup.audit));
}

#[tokio::test]
async fn p19_restoring_keeps_the_old_database_aside_and_refuses_while_one_works() {
    let folder = Folder::new();
    let (path, copy) = (folder.path("juzhen.db"), folder.path("copy.db"));
    let store = database(&path, 5).await;
    back_up(&path, &copy, now()).unwrap();
    store.note(note(5)).await.unwrap();
    let refused = restore(&copy, &path, now()).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{}", told(&refused));
    drop(store);
    let restored = restore(&copy, &path, now()).unwrap();
    let kept = restored.kept.unwrap();
    assert!(kept.ends_with("juzhen.db.before-restore-20261123T100000Z"), "{}", kept.display());
    assert_eq!(database(&path, 0).await.verify_audit().await.unwrap().rows, 5);
    assert_eq!(database(&kept, 0).await.verify_audit().await.unwrap().rows, 6);
    assert!(!folder.names().iter().any(|name| name.contains(".part")), "{:?}", folder.names());
}

#[tokio::test]
async fn f23_f28_a_damaged_foreign_or_newer_file_is_not_restored_and_the_database_stays() {
    let folder = Folder::new();
    let (path, copy) = (folder.path("juzhen.db"), folder.path("copy.db"));
    drop(database(&path, 300).await);
    back_up(&path, &copy, now()).unwrap();
    let good = std::fs::read(&copy).unwrap();
    let before = std::fs::read(&path).unwrap();

    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    for byte in &mut damaged[middle..middle + 4096] {
        *byte ^= 0x5a;
    }
    std::fs::write(folder.path("damaged.db"), damaged).unwrap();
    std::fs::write(folder.path("text.db"), "name: district\n".repeat(1000)).unwrap();
    std::fs::write(folder.path("newer.db"), &good).unwrap();
    let newer = rusqlite::Connection::open(folder.path("newer.db")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    drop(database(&folder.path("other.db"), 1).await);
    for (name, why) in [
        ("damaged.db", "is damaged"),
        ("text.db", "not an SQLite file"),
        ("newer.db", "schema 99"),
        ("other.db", "belongs to environment"),
        ("missing.db", "No such file"),
    ] {
        let refused = restore(&folder.path(name), &path, now()).unwrap_err();
        assert!(told(&refused).contains(why), "{name}: {}", told(&refused));
        assert!(std::fs::read(&path).unwrap() == before, "{name}");
    }
    assert!(!folder.names().iter().any(|name| name.contains(".part")), "{:?}", folder.names());
    // What is damaged beyond reading does not stand in the way of its backup.
    std::fs::write(&path, "gone").unwrap();
    restore(&copy, &path, now()).unwrap();
    assert_eq!(database(&path, 0).await.verify_audit().await.unwrap().rows, 300);
}
