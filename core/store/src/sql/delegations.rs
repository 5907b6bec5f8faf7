//! 授权代行: kept for good, because decisions name the one under which they were made.

use jiff::Timestamp;
use juzhen_domain::matrix::Role;
use juzhen_domain::review::Delegation;

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::error::StoreError;
use crate::values::{Audit, DelegationChanger};

const DELEGATION: &str =
    "id, role, unit, from_person, to_person, begins, ends, reason, given_by, at, ended_by, ended_at";

pub(crate) fn keep(c: &Transaction<'_>, row: &Delegation, audit: &Audit) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO delegations (id, role, unit, from_person, to_person, begins, ends, reason,
            given_by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values = params![
        row.id,
        Role::as_str(row.role),
        row.unit.as_str(),
        row.from.as_ref().map(AsRef::<str>::as_ref),
        row.to.as_str(),
        millis(row.begins),
        millis(row.ends),
        row.reason,
        row.by.as_str(),
        millis(row.at)
    ];
    c.execute(SQL, values)?;
    c.will_audit(audit.clone());
    Ok(())
}

/// Only its end is ever changed.
pub(crate) fn change(
    c: &Transaction<'_>,
    id: &str,
    change: &DelegationChanger,
) -> Result<Delegation, StoreError> {
    const SQL: &str = "UPDATE delegations SET ended_by = ?2, ended_at = ?3 WHERE id = ?1";
    let sql = format!("SELECT {DELEGATION} FROM delegations WHERE id = ?1");
    let before = c.first(&sql, params![id], read)?;
    let before = before.ok_or_else(|| StoreError::NotFound { what: "delegation", id: id.to_owned() })?;
    let (after, audit) = change(&before).map_err(StoreError::Refused)?;
    let (by, at) = after.ended.as_ref().map(|(by, at)| (by.as_str(), millis(*at))).unzip();
    c.execute(SQL, params![id, by, at])?;
    c.will_audit(audit);
    Ok(after)
}

/// Newest first.
pub(crate) fn list(c: &Transaction<'_>, most: u32) -> Result<Vec<Delegation>, StoreError> {
    let sql = format!("SELECT {DELEGATION} FROM delegations ORDER BY at DESC, id DESC LIMIT ?1");
    c.collect(&sql, params![most], read)
}

/// Those that may hold at some moment after this one.
pub(super) fn open_after(c: &Transaction<'_>, moment: Timestamp) -> Result<Vec<Delegation>, StoreError> {
    let sql =
        format!("SELECT {DELEGATION} FROM delegations WHERE ends > ?1 AND ended_at IS NULL ORDER BY at, id");
    c.collect(&sql, params![millis(moment)], read)
}

fn read(f: &mut Fields<'_>) -> Result<Delegation, StoreError> {
    Ok(Delegation {
        id: f.get()?,
        role: f.word()?,
        unit: f.id()?,
        from: f.optional_id()?,
        to: f.id()?,
        begins: f.time()?,
        ends: f.time()?,
        reason: f.get()?,
        by: f.id()?,
        at: f.time()?,
        ended: f.optional_id()?.zip(f.optional_time()?),
    })
}
