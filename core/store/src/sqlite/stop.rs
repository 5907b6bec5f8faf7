//! STOP ALL: one person stops, two different ones lift it (P26).

use jiff::Timestamp;
use juzhen_domain::id::PersonId;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::audit;
use super::rows::{self, Fields, millis};
use crate::error::StoreError;
use crate::values::{Audit, Stop};

/// Different people needed to lift it.
const LIFTERS: usize = 2;

/// Stops, or keeps the stop that is on; whoever wanted it lifted has to say so again.
pub(super) fn stop(c: &Connection, by: &PersonId, reason: &str, at: Timestamp) -> Result<Stop, StoreError> {
    const INSERT: &str =
        "INSERT INTO stop (only, person, reason, at) VALUES (1, ?1, ?2, ?3) ON CONFLICT DO NOTHING";
    c.prepare_cached(INSERT)?.execute(params![by.as_str(), reason, millis(at)])?;
    c.prepare_cached("DELETE FROM stop_lifting")?.execute([])?;
    audit::append(c, &entry(by, "stop.set", json!({ "reason": reason }), at))?;
    current(c)?.ok_or_else(|| StoreError::NotFound { what: "stop", id: "all".into() })
}

/// Counts one person's word once.
pub(super) fn lift(c: &Connection, by: &PersonId, at: Timestamp) -> Result<Option<Stop>, StoreError> {
    const WORD: &str = "INSERT INTO stop_lifting (person, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    if current(c)?.is_none() {
        return Ok(None);
    }
    let new = c.prepare_cached(WORD)?.execute(params![by.as_str(), millis(at)])? > 0;
    let stop = current(c)?;
    let lifted = stop.as_ref().is_some_and(|s| s.lifting.len() >= LIFTERS);
    if new {
        let action = if lifted { "stop.lifted" } else { "stop.lift_asked" };
        audit::append(c, &entry(by, action, json!({}), at))?;
    }
    if !lifted {
        return Ok(stop);
    }
    c.prepare_cached("DELETE FROM stop")?.execute([])?;
    c.prepare_cached("DELETE FROM stop_lifting")?.execute([])?;
    Ok(None)
}

pub(super) fn current(c: &Connection) -> Result<Option<Stop>, StoreError> {
    let read =
        |f: &mut Fields<'_>| Ok(Stop { by: f.id()?, reason: f.get()?, at: f.time()?, lifting: Vec::new() });
    let Some(mut stop) = rows::first(c, "SELECT person, reason, at FROM stop", [], read)? else {
        return Ok(None);
    };
    let people = "SELECT person FROM stop_lifting ORDER BY number";
    stop.lifting = rows::collect(c, people, [], |f: &mut Fields<'_>| f.id())?;
    Ok(Some(stop))
}

/// Cheaper than [`current`]: asked before every effect.
pub(super) fn is_on(c: &Connection) -> Result<bool, StoreError> {
    Ok(rows::first(c, "SELECT 1 FROM stop", [], |_| Ok(()))?.is_some())
}

fn entry(by: &PersonId, action: &str, detail: Value, at: Timestamp) -> Audit {
    Audit {
        actor: by.as_str().to_owned(),
        action: action.to_owned(),
        subject: "stop:all".into(),
        detail,
        at,
        request: None,
    }
}
