//! A database that was put back to an earlier time, and what may have been sent in the time that it has forgotten (P19,
//! F25, F27, F31).
//!
//! The time that is lost begins with the newest audit row that is left. Whatever had its time since then, or was under way,
//! may be out: it goes in doubt, so that a look at the account decides and nothing is sent a second time. STOP ALL keeps
//! everything else back until two people have looked.

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::clock::LATEST;
use juzhen_domain::id::{DeliveryId, PersonId};
use juzhen_domain::reason::{Ended, Why};
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::attempts::{self, Ending};
use super::rows::{self, DELIVERY, DeliveryRow, Fields, millis};
use super::{Transaction, audit, deliveries, params, stop};
use crate::error::StoreError;
use crate::values::{Known, Mark, Restoration, Suspect};

/// How much time is taken for lost when no row says since when.
const UNKNOWN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far the history goes now, which had come as far as `seen`.
pub(crate) fn mark(c: &Transaction<'_>, seen: Option<&Mark>) -> Result<Mark, StoreError> {
    const LAST: &str = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
    // A clock that ran ahead may have been set right since, and what was due by it has been sent. One that showed what
    // cannot be was not believed, so nothing was sent by it.
    const AT: &str = "SELECT max(at) FROM audit WHERE number > ?1 AND at < ?2";
    const EFFECTS: &str = "SELECT coalesce(max(id), 0) FROM effects";
    let last = c.first(LAST, params![], |f: &mut Fields<'_>| Ok((f.get::<i64>()?, f.get()?)))?;
    let (audit, hash) = last.unwrap_or((0, String::new()));
    let from = seen.map_or(audit - 1, |seen| seen.audit);
    let at = c.first(AT, params![from, millis(LATEST)], |f: &mut Fields<'_>| f.optional_time())?.flatten();
    let at = at.max(seen.and_then(|seen| seen.at));
    let effects = c.first(EFFECTS, params![], |f: &mut Fields<'_>| f.get())?.unwrap_or(0);
    let environment = meta(c, "environment_id")?.unwrap_or_default();
    let restorations = Some(newest_number(c)?);
    Ok(Mark { environment, audit, hash, at, effects, restorations })
}

/// Whether this is the history of which `seen` was taken, or a later one.
pub(crate) fn knows(c: &Transaction<'_>, seen: Option<&Mark>) -> Result<Known, StoreError> {
    let now = mark(c, None)?;
    if let Some(seen) = seen
        && seen.environment != now.environment
    {
        return Ok(Known::Elsewhere { ours: now.environment });
    }
    // Written by the driver, which sees more of the file than the rows.
    if let Some(why) = meta(c, "cut")? {
        return Ok(Known::Cut(why));
    }
    let Some(seen) = seen else { return Ok(Known::Yes) };
    Ok(match missing(c, &now, seen)? {
        Some(why) if !is_looked_after(c, seen)? => Known::Cut(why),
        _ => Known::Yes,
    })
}

/// What `seen` knows and this history does not.
fn missing(c: &Transaction<'_>, now: &Mark, seen: &Mark) -> Result<Option<String>, StoreError> {
    const HASH: &str = "SELECT hash FROM audit WHERE number = ?1";
    if now.audit < seen.audit || now.effects < seen.effects {
        let (has, had) = ((now.audit, now.effects), (seen.audit, seen.effects));
        return Ok(Some(format!(
            "it ends with audit row {} and effect {}, there were {} and {}",
            has.0, has.1, had.0, had.1
        )));
    }
    let hash: Option<String> = c.first(HASH, params![seen.audit], |f: &mut Fields<'_>| f.get())?;
    if seen.audit > 0 && hash.as_deref() != Some(seen.hash.as_str()) {
        return Ok(Some(format!("audit row {} is another one than it was", seen.audit)));
    }
    Ok(None)
}

/// Whether another daemon found the history cut before the end that `seen` knows, and held everything for it: one loss is
/// looked after once, also when a daemon that saw what is lost starts a week later.
fn is_looked_after(c: &Transaction<'_>, seen: &Mark) -> Result<bool, StoreError> {
    const ROW: &str = "SELECT number FROM audit WHERE subject = ?1 AND action = 'store.restored'";
    let Some(restorations) = seen.restorations else { return Ok(false) };
    let next = format!("restoration:{}", restorations + 1);
    let found: Option<i64> = c.first(ROW, params![next], |f: &mut Fields<'_>| f.get())?;
    Ok(found.is_some_and(|row| row <= seen.audit))
}

/// Holds everything: STOP ALL, and in doubt whatever may have been sent in the time that is lost, which goes on to `until`:
/// to now, or later when the clock was set back meanwhile.
pub(crate) fn suspect(
    c: &Transaction<'_>,
    reason: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<Restoration, StoreError> {
    // What says that it comes from the future was written by a clock that was wrong (F43).
    const NEWEST: &str = "SELECT at FROM audit WHERE at < ?1 ORDER BY number DESC LIMIT 1";
    const INSERT: &str = "INSERT INTO restorations (number, at, since, reason) VALUES (?1, ?2, ?3, ?4)";
    let newest = c.first(NEWEST, params![millis(now)], |f: &mut Fields<'_>| f.time())?;
    let since = newest.unwrap_or_else(|| now.checked_sub(UNKNOWN).unwrap_or(Timestamp::MIN));
    let number = newest_number(c)? + 1;
    c.execute(INSERT, params![number, millis(now), millis(since), reason])?;
    let detail = json!({ "reason": reason, "since": since });
    let subject = format!("restoration:{number}");
    c.will_audit(audit::daemon("store.restored".into(), subject, detail, now));
    stop::stop(c, &PersonId::from("daemon"), &Why::Restored.because(reason), now)?;
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries WHERE state IN ('claimed', 'sending')
             OR (state IN ('due', 'waiting', 'held') AND due_at <= ?1)
         ORDER BY id"
    );
    for row in c.collect(&sql, params![millis(until.max(now))], rows::delivery)? {
        doubt(c, &row, number, reason, now)?;
    }
    // These are looked at anyway. Before, they may have turned out to be published, and their forwards may be out.
    let open = "SELECT id, state FROM deliveries WHERE state IN ('accepted', 'in_doubt', 'needs_person') ORDER BY id";
    for (id, was) in c.collect(open, params![], |f: &mut Fields<'_>| Ok((f.id()?, f.state()?)))? {
        remember(c, &id, was, number)?;
    }
    c.execute("DELETE FROM meta WHERE name = 'cut'", params![])?;
    restoration(c, number)?
        .ok_or_else(|| StoreError::NotFound { what: "restoration", id: number.to_string() })
}

/// What follows from a delivery that may have been sent in the lost time may have been sent then, too.
pub(super) fn follow(
    c: &Transaction<'_>,
    origin: &DeliveryId,
    forward: &DeliveryId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const OF: &str =
        "SELECT r.number, r.reason FROM suspects s JOIN restorations r ON r.number = s.restoration
         WHERE s.delivery = ?1 ORDER BY r.number DESC LIMIT 1";
    let read = |f: &mut Fields<'_>| Ok((f.get::<i64>()?, f.get::<String>()?));
    let Some((number, reason)) = c.first(OF, params![origin.as_str()], read)? else { return Ok(()) };
    let row = deliveries::require(c, forward)?;
    doubt(c, &row, number, &reason, now)
}

/// Since when a delivery may have been sent without a trace of it here.
pub(super) fn since(c: &Transaction<'_>, delivery: &DeliveryId) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "SELECT min(r.since) FROM suspects s JOIN restorations r ON r.number = s.restoration
         WHERE s.delivery = ?1";
    Ok(c.first(SQL, params![delivery.as_str()], |f: &mut Fields<'_>| f.optional_time())?.flatten())
}

/// Newest first, each with what became of what it made doubtful.
pub(crate) fn list(c: &Transaction<'_>, most: u32) -> Result<Vec<Restoration>, StoreError> {
    const SQL: &str = "SELECT number FROM restorations ORDER BY number DESC LIMIT ?1";
    let numbers: Vec<i64> = c.collect(SQL, params![most], |f: &mut Fields<'_>| f.get())?;
    let mut found = Vec::new();
    for number in numbers {
        found.extend(restoration(c, number)?);
    }
    Ok(found)
}

/// Number of the newest one; 0 when there was none.
fn newest_number(c: &Transaction<'_>) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT coalesce(max(number), 0) FROM restorations";
    Ok(c.first(SQL, params![], |f: &mut Fields<'_>| f.get())?.unwrap_or(0))
}

fn restoration(c: &Transaction<'_>, number: i64) -> Result<Option<Restoration>, StoreError> {
    const SQL: &str = "SELECT at, since, reason FROM restorations WHERE number = ?1";
    const SUSPECTS: &str = "SELECT s.delivery, d.item, d.account, s.was, d.state, d.receipt_by
         FROM suspects s JOIN deliveries d ON d.id = s.delivery WHERE s.restoration = ?1 ORDER BY s.delivery";
    let read = |f: &mut Fields<'_>| {
        Ok(Restoration { number, at: f.time()?, since: f.time()?, reason: f.get()?, deliveries: Vec::new() })
    };
    let Some(mut found) = c.first(SQL, params![number], read)? else { return Ok(None) };
    found.deliveries = c.collect(SUSPECTS, params![number], |f: &mut Fields<'_>| {
        Ok(Suspect {
            delivery: f.id()?,
            item: f.id()?,
            account: f.id()?,
            was: f.state()?,
            state: f.state()?,
            receipt_by: f.get::<Option<String>>()?.and_then(|word| serde_json::from_value(word.into()).ok()),
        })
    })?;
    Ok(Some(found))
}

/// That it may have been sent in the lost time, as it was then.
fn remember(
    c: &Transaction<'_>,
    delivery: &DeliveryId,
    was: DeliveryState,
    restoration: i64,
) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO suspects (restoration, delivery, was) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    c.execute(SQL, params![restoration, delivery.as_str(), was.as_str()])?;
    Ok(())
}

fn doubt(
    c: &Transaction<'_>,
    before: &DeliveryRow,
    restoration: i64,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (id, was) = (&before.delivery.id, before.delivery.state);
    remember(c, id, was, restoration)?;
    let why = Why::Forgotten.because(reason);
    let mut after = before.clone();
    after.resume_call = None;
    after.delivery.state = DeliveryState::InDoubt;
    after.delivery.reason = Some(why.clone());
    after.delivery.next_at = now;
    let end = Ending { outcome: Ended::Interrupted.as_str(), detail: Some(&why), adapter: None, at: now };
    attempts::end_open(c, id, &end)?;
    let detail = json!({ "from": was.as_str(), "reason": why, "restoration": restoration });
    let row =
        audit::daemon(format!("delivery.{}", DeliveryState::InDoubt), format!("delivery:{id}"), detail, now);
    deliveries::save(c, before, after, Some(&row), now)?;
    c.will_follow(&before.delivery.item, now);
    Ok(())
}

fn meta(c: &Transaction<'_>, name: &str) -> Result<Option<String>, StoreError> {
    c.first("SELECT value FROM meta WHERE name = ?1", params![name], |f: &mut Fields<'_>| f.get())
}
