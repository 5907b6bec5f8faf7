//! Sets of settings that ran: the newest is the last good one, so a restart with a broken file still has settings.

use rusqlite::{Connection, params};

use super::rows::{self, Fields, millis};
use super::{audit, error};
use crate::error::StoreError;
use crate::values::{Audit, KeptSettings};

/// How many sets are kept.
const KEEP: i64 = 100;

pub(super) fn keep(c: &Connection, kept: &KeptSettings, audit: &Audit) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO settings (revision, sources, at) VALUES (?1, ?2, ?3)";
    const PRUNE: &str = "DELETE FROM settings WHERE number <= (SELECT max(number) FROM settings) - ?1";
    let sources = serde_json::to_string(&kept.sources)
        .map_err(|e| error::failed("write the settings", e.to_string()))?;
    c.prepare_cached(INSERT)?.execute(params![kept.revision, sources, millis(kept.at)])?;
    c.prepare_cached(PRUNE)?.execute([KEEP])?;
    audit::append(c, audit)
}

pub(super) fn last(c: &Connection) -> Result<Option<KeptSettings>, StoreError> {
    const SQL: &str = "SELECT revision, sources, at FROM settings ORDER BY number DESC LIMIT 1";
    let read =
        |f: &mut Fields<'_>| Ok(KeptSettings { revision: f.get()?, sources: f.json()?, at: f.time()? });
    rows::first(c, SQL, [], read)
}
