//! What an item was: every text that it had, with who wrote it and what they said of it. Only ever added.

use juzhen_domain::id::ItemId;

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::StoreError;
use crate::values::{Audit, ItemVersion};

/// Keeps the item's present text once more, under the act that made it so.
pub(super) fn keep(c: &Transaction<'_>, item: &ItemId, act: &Audit) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO item_versions (item, number, version, hash, content, action, person, detail, at)
         SELECT i.id, 1 + (SELECT count(*) FROM item_versions v WHERE v.item = i.id), i.version, i.hash,
            i.content, ?2, ?3, ?4, CAST(?5 AS BIGINT) FROM items i WHERE i.id = ?1";
    let Audit { actor, action, detail, at, .. } = act;
    c.execute(SQL, params![item.as_str(), action, actor, detail.to_string(), millis(*at)])?;
    Ok(())
}

/// Oldest first.
pub(crate) fn list(c: &Transaction<'_>, item: &ItemId) -> Result<Vec<ItemVersion>, StoreError> {
    const SQL: &str = "SELECT item, version, hash, content, action, person, detail, at FROM item_versions
         WHERE item = ?1 ORDER BY number";
    c.collect(SQL, params![item.as_str()], read)
}

fn read(f: &mut Fields<'_>) -> Result<ItemVersion, StoreError> {
    let _: ItemId = f.id()?;
    Ok(ItemVersion {
        version: f.get()?,
        hash: f.hash()?,
        content: f.json()?,
        action: f.get()?,
        person: f.id()?,
        detail: f.json()?,
        at: f.time()?,
    })
}
