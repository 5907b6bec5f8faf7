//! STOP ALL: one person stops, two different ones lift it (P26).

use jiff::Timestamp;
use juzhen_domain::id::PersonId;
use juzhen_domain::notice::Draft;
use serde_json::{Value, json};

use super::rows::{Fields, millis};
use super::{Transaction, audit, notices, params};
use crate::error::StoreError;
use crate::values::{Audit, Stop};

/// Different people needed to lift it.
const LIFTERS: usize = 2;

/// Stops, or keeps the stop that is on; whoever wanted it lifted has to say so again.
pub(crate) fn stop(
    c: &Transaction<'_>,
    by: &PersonId,
    reason: &str,
    at: Timestamp,
) -> Result<Stop, StoreError> {
    const INSERT: &str =
        "INSERT INTO stop (\"only\", person, reason, at) VALUES (1, ?1, ?2, ?3) ON CONFLICT DO NOTHING";
    c.execute(INSERT, params![by.as_str(), reason, millis(at)])?;
    c.execute("DELETE FROM stop_lifting", params![])?;
    c.will_audit(entry(by, "stop.set", json!({ "reason": reason }), at));
    if by.as_str() == audit::DAEMON {
        let id = format!("stop:{}", at.as_millisecond());
        let text = juzhen_domain::reason::explain(reason).chinese;
        let draft = Draft { id, kind: "stopped", subject: "stop:all".into(), text };
        notices::add(c, &draft, &json!({ "reason": reason }), at)?;
    }
    current(c)?.ok_or_else(|| StoreError::NotFound { what: "stop", id: "all".into() })
}

/// Counts one person's word once.
pub(crate) fn lift(c: &Transaction<'_>, by: &PersonId, at: Timestamp) -> Result<Option<Stop>, StoreError> {
    const WORD: &str = "INSERT INTO stop_lifting (person, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    if current(c)?.is_none() {
        return Ok(None);
    }
    let new = c.execute(WORD, params![by.as_str(), millis(at)])? > 0;
    let stop = current(c)?;
    let lifted = stop.as_ref().is_some_and(|s| s.lifting.len() >= LIFTERS);
    if new {
        let action = if lifted { "stop.lifted" } else { "stop.lift_asked" };
        c.will_audit(entry(by, action, json!({}), at));
    }
    if !lifted {
        return Ok(stop);
    }
    c.execute("DELETE FROM stop", params![])?;
    c.execute("DELETE FROM stop_lifting", params![])?;
    Ok(None)
}

pub(crate) fn current(c: &Transaction<'_>) -> Result<Option<Stop>, StoreError> {
    let read =
        |f: &mut Fields<'_>| Ok(Stop { by: f.id()?, reason: f.get()?, at: f.time()?, lifting: Vec::new() });
    let Some(mut stop) = c.first("SELECT person, reason, at FROM stop", params![], read)? else {
        return Ok(None);
    };
    let people = "SELECT person FROM stop_lifting ORDER BY number";
    stop.lifting = c.collect(people, params![], |f: &mut Fields<'_>| f.id())?;
    Ok(Some(stop))
}

/// Cheaper than [`current`]: asked before every effect.
pub(super) fn is_on(c: &Transaction<'_>) -> Result<bool, StoreError> {
    Ok(c.first("SELECT 1 FROM stop", params![], |_| Ok(()))?.is_some())
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
