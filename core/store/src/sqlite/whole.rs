//! Whether the file is the one that was last written to, with all that was written (F25, F27).
//!
//! The file says of itself that it is open, and in which inode. A file that says so but comes without its log has lost what
//! the log held; one in another inode is a copy of unknown age. Neither can be told from the rows, and either may have
//! forgotten what was sent, so it is written down as *cut*, until `suspect` has looked after it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::StoreError;

/// Names in `meta`. What a copy says of itself under the first one is a sentence for people.
pub(super) const CUT: &str = "cut";
const OPEN: &str = "open";
const INODE: &str = "inode";

const SET: &str = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";

/// Whether the log lies beside the file; asked before anything opens it.
pub(super) fn has_log(database: &Path) -> bool {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    PathBuf::from(log).exists()
}

/// Looks at what the file says of itself, and has it say that it is open.
pub(super) fn opened(c: &Connection, database: &Path, with_log: bool) -> Result<(), StoreError> {
    let inode = std::fs::metadata(database).map(|found| found.ino().to_string()).unwrap_or_default();
    let was_open = get(c, OPEN)?.is_some_and(|open| open == "1");
    let moved = get(c, INODE)?.is_some_and(|known| known != inode);
    if moved {
        cut(c, "the file is a copy of the one that was written to last")?;
    } else if was_open && !with_log {
        cut(c, "its log (the file that ends in -wal) was gone")?;
    }
    c.execute(SET, params![INODE, inode])?;
    c.execute(SET, params![OPEN, "1"])?;
    // In the file itself, not in the log that may get lost.
    c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Has the file say that it needs no log; then it may be copied without one.
pub(super) fn closed(c: &Connection) -> Result<(), StoreError> {
    c.execute(SET, params![OPEN, "0"])?;
    Ok(())
}

/// What is there already is the first reason, and the one to keep.
fn cut(c: &Connection, why: &str) -> Result<(), StoreError> {
    c.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![CUT, why])?;
    Ok(())
}

fn get(c: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(c.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}
