//! Whether the database takes a write.

use super::{Transaction, params};
use crate::error::StoreError;

/// One real write.
pub(crate) fn ping(c: &Transaction<'_>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO meta (name, value) VALUES ('pings', '1')
         ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)";
    c.execute(SQL, params![]).map(drop)
}
