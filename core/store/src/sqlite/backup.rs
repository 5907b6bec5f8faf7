//! Backup and restore of the embedded database. A backup is one file, whole and checked, and it says of itself that it is
//! one: whoever opens it later knows that its history was cut off there, however it came back (P19, F27).

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Serialize;

use super::error::failed;
use super::open::FileLock;
use super::whole::CUT;
use super::{disk, migrate};
use crate::error::StoreError;

/// Stays free beside the copy, so that a backup is not what fills the disk.
const SPARED: u64 = 64 << 20;

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    pub file: PathBuf,
    pub environment: String,
    pub schema: u32,
    /// Number and time of the newest row of the audit: how far it goes.
    pub audit: i64,
    pub newest: Option<Timestamp>,
    pub bytes: u64,
}

/// What a restore left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    pub backup: Backup,
    /// The database that was there before.
    pub kept: Option<PathBuf>,
}

/// Copies a database to a new file, while a daemon works on it or not. Never writes over a file.
///
/// # Errors
/// No database, no room, a file of that name, damage.
pub fn back_up(database: &Path, to: &Path, now: Timestamp) -> Result<Backup, StoreError> {
    const ATTEMPTED: &str = "make a backup";
    let source = open(database)?;
    // Whoever closes the file last folds its log in and removes it; after a crash that is the next start's to do.
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    migrate::look(&source, database)?;
    let size = fs::metadata(database).map_or(0, |found| found.len());
    if disk::free(to)? < size.saturating_add(SPARED) {
        return Err(StoreError::NoRoom { attempted: ATTEMPTED });
    }
    if to.exists() {
        return Err(failed(ATTEMPTED, format!("{} exists; it is not written over", to.display())));
    }
    let part = Part::make(to, ATTEMPTED)?;
    source.execute("VACUUM INTO ?1", [text(&part.0, ATTEMPTED)?])?;
    let backup = seal(&part.0, to, &format!("a backup of {now}"))?;
    part.becomes(to, ATTEMPTED)?;
    Ok(backup)
}

/// Puts a backup in the place of a database that nobody has open; the one that is there is kept aside. The next start
/// holds everything that may have been sent since (P19).
///
/// # Errors
/// A daemon that runs, a backup that is damaged, newer than this program, or of another environment.
pub fn restore(from: &Path, database: &Path, now: Timestamp) -> Result<Restored, StoreError> {
    const ATTEMPTED: &str = "restore a backup";
    let _lock = FileLock::take(database)?;
    if disk::free(database)? < fs::metadata(from).map_or(0, |found| found.len()) {
        return Err(StoreError::NoRoom { attempted: ATTEMPTED });
    }
    let part = Part::make(database, ATTEMPTED)?;
    copy(from, &part.0, ATTEMPTED)?;
    let backup = seal(&part.0, from, &format!("a backup that was restored on {now}"))?;
    refuse_other_environment(database, &backup)?;
    let kept = keep_aside(database, now, ATTEMPTED)?;
    part.becomes(database, ATTEMPTED)?;
    Ok(Restored { backup, kept })
}

/// A connection to a database that has to be there.
fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    if !path.is_file() {
        return Err(StoreError::NotFound { what: "database", id: path.display().to_string() });
    }
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// Checks a copy, has it say what it is, and leaves it as one file without a log.
fn seal(copy: &Path, shown: &Path, what: &str) -> Result<Backup, StoreError> {
    let connection = open(copy)?;
    let schema = migrate::look(&connection, shown).map_err(|e| super::open::at_opening(shown, e))?;
    super::open::check_all(&connection, shown)?;
    let _: String = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", 2)?;
    let mark = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.execute(mark, params![CUT, what])?;
    let backup = describe(&connection, schema, shown)?;
    connection.close().map_err(|(_, error)| error)?;
    let bytes = fs::metadata(copy).map_or(0, |found| found.len());
    Ok(Backup { bytes, ..backup })
}

fn describe(connection: &Connection, schema: u32, shown: &Path) -> Result<Backup, StoreError> {
    const LAST: &str = "SELECT number, at FROM audit ORDER BY number DESC LIMIT 1";
    let newest: Option<(i64, i64)> =
        connection.query_row(LAST, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(Backup {
        file: shown.to_owned(),
        environment: environment(connection)?,
        schema,
        audit: newest.map_or(0, |(number, _)| number),
        newest: newest.and_then(|(_, at)| Timestamp::from_millisecond(at).ok()),
        bytes: 0,
    })
}

fn environment(connection: &Connection) -> Result<String, StoreError> {
    let sql = "SELECT value FROM meta WHERE name = 'environment_id'";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// A backup of the test district has no business in the real one (F28). A database that cannot be read any more says
/// nothing of its environment, and is what a restore is for.
fn refuse_other_environment(database: &Path, backup: &Backup) -> Result<(), StoreError> {
    let found = open(database).and_then(|connection| environment(&connection));
    match found {
        Ok(ours) if ours != backup.environment => Err(StoreError::NotOurs {
            path: backup.file.display().to_string(),
            why: format!("it belongs to environment {}, the database here to {ours}", backup.environment),
        }),
        _ => Ok(()),
    }
}

/// Renames what is there, with its log: together they are a database that can be opened.
fn keep_aside(
    database: &Path,
    now: Timestamp,
    attempted: &'static str,
) -> Result<Option<PathBuf>, StoreError> {
    let aside = with_suffix(database, &format!(".before-restore-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    let mut kept = None;
    for end in ["", "-wal", "-shm"] {
        let (from, to) = (with_suffix(database, end), with_suffix(&aside, end));
        match renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
            Ok(()) if end.is_empty() => kept = Some(to),
            Ok(()) => {}
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(failed(attempted, format!("keep {} aside: {error}", from.display()))),
        }
    }
    Ok(kept)
}

/// Copies a backup, or a database with its log as it was copied from a stopped daemon.
fn copy(from: &Path, to: &Path, attempted: &'static str) -> Result<(), StoreError> {
    for end in ["", "-wal"] {
        let (from, to) = (with_suffix(from, end), with_suffix(to, end));
        match fs::copy(&from, &to) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && !end.is_empty() => {}
            Err(error) => return Err(failed(attempted, format!("{}: {error}", from.display()))),
        }
    }
    Ok(())
}

/// A copy that is not finished, gone when it comes to nothing.
struct Part(PathBuf);

impl Part {
    fn make(to: &Path, attempted: &'static str) -> Result<Self, StoreError> {
        let path = with_suffix(to, &format!(".part-{}", std::process::id()));
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.map_err(|error| failed(attempted, format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }

    /// Durable under its name, and nobody's file written over.
    fn becomes(self, to: &Path, attempted: &'static str) -> Result<(), StoreError> {
        let said = |error: std::io::Error| failed(attempted, format!("{}: {error}", to.display()));
        File::open(&self.0).and_then(|file| file.sync_all()).map_err(said)?;
        renameat_with(CWD, &self.0, CWD, to, RenameFlags::NOREPLACE).map_err(|error| said(error.into()))?;
        File::open(disk::folder_of(to)).and_then(|folder| folder.sync_all()).map_err(said)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Renamed, it is no longer there.
        for end in ["", "-wal", "-shm", "-journal"] {
            drop(fs::remove_file(with_suffix(&self.0, end)));
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// A path as SQLite takes it.
fn text<'p>(path: &'p Path, attempted: &'static str) -> Result<&'p str, StoreError> {
    path.to_str().ok_or_else(|| failed(attempted, format!("{} is not UTF-8", path.display())))
}
