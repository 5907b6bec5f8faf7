//! Sets of settings that ran: the newest is the last good one, so a restart with a broken file still has settings.

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::{StoreError, failed};
use crate::values::{Audit, KeptSettings};

/// How many sets are kept.
const KEEP: i64 = 100;

pub(crate) fn keep(c: &Transaction<'_>, kept: &KeptSettings, audit: &Audit) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO settings (revision, sources, at) VALUES (?1, ?2, ?3)";
    const PRUNE: &str = "DELETE FROM settings WHERE number <= (SELECT max(number) FROM settings) - ?1";
    let sources =
        serde_json::to_string(&kept.sources).map_err(|e| failed("write the settings", e.to_string()))?;
    c.execute(INSERT, params![kept.revision, sources, millis(kept.at)])?;
    c.execute(PRUNE, params![KEEP])?;
    c.will_audit(audit.clone());
    Ok(())
}

pub(crate) fn last(c: &Transaction<'_>) -> Result<Option<KeptSettings>, StoreError> {
    const SQL: &str = "SELECT revision, sources, at FROM settings ORDER BY number DESC LIMIT 1";
    let read =
        |f: &mut Fields<'_>| Ok(KeptSettings { revision: f.get()?, sources: f.json()?, at: f.time()? });
    c.first(SQL, params![], read)
}
