//! Opening the file: the lock, the settings of every connection, the checks of a start.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::error::failed;
use super::poison::Poison;
use super::{Hook, Opened, migrate, whole};
use crate::error::StoreError;

/// A reader that finds the file locked (a backup tool) waits so long, then says so (F20).
const BUSY: Duration = Duration::from_secs(5);
/// Files up to this size are checked before anything else; larger ones at once, but beside the start.
const CHECKED_AT_START: u64 = 64 << 20;

/// Only one process works on a database (P18, F36). The lock goes with the process, however it ends.
pub(super) struct FileLock(
    #[expect(dead_code, reason = "the lock is held as long as the file is open")] File,
);

impl FileLock {
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let io = |e: std::io::Error| failed("lock the database", format!("{}: {e}", path.display()));
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(io(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() { "another juzhen".into() } else { holder };
                return Err(StoreError::InUse { path: database.display().to_string(), holder });
            }
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        write!(file, "process {}", std::process::id()).map_err(io)?;
        Ok(Self(file))
    }
}

/// The connection that writes: checked, brought up to date, with a new generation.
pub(super) fn writing(
    path: &Path,
    environment: Option<&str>,
    at_each_step: &Hook,
    poison: &Poison,
) -> Result<(Connection, Opened), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let with_log = whole::has_log(path);
    let connection = Connection::open_with_flags(path, flags).map_err(|e| not_a_database(path, e))?;
    let schema = migrate::look(&connection, path).map_err(|e| at_opening(path, e))?;
    settle_in(&connection, path)?;
    let size = std::fs::metadata(path).map_or(0, |found| found.len());
    // Damage is found before anything is sent (F23). A large file is checked beside the start, which would take too long.
    if size <= CHECKED_AT_START {
        quick_check(&connection, path)?;
    }
    migrate::run(&connection, schema, at_each_step)?;
    let (environment, generation) = claim_generation(&connection, path, environment)?;
    whole::opened(&connection, path, with_log)?;
    // Not before: it folds the log in whole, and would wait for this reader to be done with the file.
    if size > CHECKED_AT_START {
        check_beside(path, poison)?;
    }
    let file = std::fs::metadata(path).map_err(|e| failed("look at the file", e.to_string()))?;
    let (inode, size) = (file.ino(), file.len());
    let schema = migrate::KNOWN;
    Ok((connection, Opened { path: path.to_owned(), environment, generation, schema, inode, size }))
}

/// A connection that cannot write.
pub(super) fn reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    settle_in(&connection, path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The settings of every connection, and proof that they took (P4).
fn settle_in(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    // Every statement there is stays prepared, and its plan does not depend on the values: else SQLite would plan some of
    // them anew each time they are run.
    connection.set_prepared_statement_cache_capacity(512);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let journal: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))
        .map_err(|e| not_a_database(path, e))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;",
    )?;
    // The writer folds the log in itself, so that it sees a failed fsync.
    connection.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    let number = |pragma| connection.pragma_query_value(None, pragma, |r| r.get::<_, i64>(0));
    let (synchronous, foreign_keys, trusted) =
        (number("synchronous")?, number("foreign_keys")?, number("trusted_schema")?);
    if journal != "wal" || synchronous < 2 || foreign_keys != 1 || trusted != 0 {
        return Err(failed(
            "make the database durable",
            format!(
                "journal_mode {journal}, synchronous {synchronous}, foreign_keys {foreign_keys}, \
                 trusted_schema {trusted}: the file has to be on a local disk"
            ),
        ));
    }
    Ok(())
}

/// Damage that is found stops the store.
fn check_beside(path: &Path, poison: &Poison) -> Result<(), StoreError> {
    let (path, poison) = (path.to_owned(), poison.clone());
    let checking = move || {
        let checked = reading(&path).and_then(|c| quick_check(&c, &path));
        if let Err(error) = checked {
            poison.set(super::error::chain(&error));
        }
    };
    let started = std::thread::Builder::new().name("store-check".into()).spawn(checking);
    started.map(drop).map_err(|e| failed("check the database", e.to_string()))
}

fn quick_check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    sound(path, connection.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)))
}

/// Every page and every index, which takes longer than a start may.
pub(super) fn check_all(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    sound(path, connection.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0)))
}

/// The same on a connection of its own, beside the work; damage is the end of it (F23).
pub(super) fn whole_check(path: &Path, poison: &Poison) -> Result<(), StoreError> {
    let checked = reading(path).and_then(|connection| check_all(&connection, path));
    if let Err(error @ (StoreError::Damaged { .. } | StoreError::NotOurs { .. })) = &checked {
        poison.set(error.to_string());
    }
    checked
}

fn sound(path: &Path, found: rusqlite::Result<String>) -> Result<(), StoreError> {
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(why) => Err(damaged(path, why)),
        Err(error) => Err(not_a_database(path, error)),
    }
}

fn damaged(path: &Path, why: String) -> StoreError {
    StoreError::Damaged { path: path.display().to_string(), why }
}

fn not_a_database(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            StoreError::NotOurs { path: path.display().to_string(), why: "it is not an SQLite file".into() }
        }
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => damaged(path, error.to_string()),
        _ => error.into(),
    }
}

/// The same for an error that was already made ours.
pub(super) fn at_opening(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Database { attempted, source } => match source.downcast::<rusqlite::Error>() {
            Ok(source) => not_a_database(path, *source),
            Err(source) => StoreError::Database { attempted, source },
        },
        other => other,
    }
}

/// Names a new database, refuses one of another environment, and counts the opening.
fn claim_generation(
    connection: &Connection,
    path: &Path,
    wanted: Option<&str>,
) -> Result<(String, u64), StoreError> {
    const NAME: &str = "INSERT INTO meta VALUES ('environment_id', coalesce(?1, lower(hex(randomblob(16)))))
         ON CONFLICT DO NOTHING";
    const COUNT: &str = "INSERT INTO meta VALUES ('generation', '1')
         ON CONFLICT DO UPDATE SET value = CAST(value + 1 AS TEXT)";
    connection.execute(NAME, params![wanted])?;
    let environment: String = meta(connection, "environment_id")?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != environment) {
        return Err(StoreError::NotOurs {
            path: path.display().to_string(),
            why: format!("it belongs to environment {environment}, not {wanted}"),
        });
    }
    connection.execute(COUNT, [])?;
    let generation = meta(connection, "generation")?;
    let generation = generation.parse().map_err(|_| damaged(path, format!("generation {generation}")))?;
    Ok((environment, generation))
}

fn meta(connection: &Connection, name: &str) -> Result<String, StoreError> {
    let sql = "SELECT value FROM meta WHERE name = ?1";
    let value = connection.query_row(sql, [name], |r| r.get(0)).optional()?;
    value.ok_or_else(|| StoreError::NotFound { what: "meta value", id: name.to_owned() })
}

/// The open file may have been deleted, replaced or emptied: what is written to it then is lost, so nothing is any more
/// (F24).
pub(super) fn same_file(opened: &Opened, poison: &Poison) -> Result<(), StoreError> {
    let path = opened.path.display();
    let why = match std::fs::metadata(&opened.path) {
        Err(error) => format!("{path}: {error}"),
        Ok(found) if found.ino() != opened.inode => format!("{path} is another file now"),
        // It is never made smaller while it is open.
        Ok(found) if found.len() < opened.size => format!("{path} was cut off to {} bytes", found.len()),
        Ok(_) => return Ok(()),
    };
    poison.set(why.clone());
    Err(failed("find the database file", why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ping::ping;
    use crate::sqlite::driver;

    #[test]
    fn p04_d_every_connection_syncs_each_commit_and_only_one_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("juzhen.db");
        let (writer, _) = writing(&path, None, &Hook::default(), &Poison::default()).unwrap();
        let readers = [reading(&path).unwrap(), reading(&path).unwrap()];
        for connection in readers.iter().chain([&writer]) {
            let synchronous: i64 =
                connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert!(synchronous >= 2, "{synchronous}");
        }
        for reader in &readers {
            assert!(driver::change(reader, ping).is_err(), "a reader wrote");
        }
        driver::change(&writer, ping).unwrap();
    }

    #[test]
    fn p04_d_a_connection_whose_settings_did_not_take_is_refused() {
        let memory = Connection::open_in_memory().unwrap();
        let refused = settle_in(&memory, Path::new("memory")).unwrap_err();
        let said = super::super::error::chain(&refused);
        assert!(said.contains("journal_mode memory"), "{said}");
    }
}
