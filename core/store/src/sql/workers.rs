//! Which daemons work on this database, so that the claims of one that is gone are taken up by the others (P18, F35, F37).
//!
//! A daemon joins as a *worker* with a new id and names that id in its claims. It renews its lease a few times before it
//! runs out, and leaves when it ends. All times of leases are the database's: a daemon whose clock is wrong loses nothing
//! and takes nothing, it is only told (F34).
//!
//! A worker is gone when it has left, when its lease is over, or when a process came that can only be there without it.
//! How that is known is for the database to say: the lock of an embedded file proves that everybody else is gone, and so
//! such a worker needs no lease; the lock on a node's name proves it of the earlier holders of that name; otherwise there is
//! the lease alone. What becomes of a gone worker's claims is read from the ledger (`recover.rs`).
//!
//! A daemon that was asleep does not know that its lease is over. So whether it is over is asked in the transaction that
//! writes the intent of a request down, beside the claim's fence: either that commit came first, and whoever recovers the
//! claim sees a request that may be out, or the recovery came first, and nothing leaves. A daemon may look at its own clock
//! to stop earlier, never to go on. What it has to say about an earlier request is evidence like any late news (R9).

use jiff::{SignedDuration, Timestamp};

use super::rows::{Fields, millis};
use super::{Transaction, params};
use crate::database::Presence;
use crate::error::StoreError;
use crate::values::{Joined, Load, Renewed, Worker};

/// A new worker; those that cannot be there beside it are gone.
pub(crate) fn join(
    c: &Transaction<'_>,
    worker: &str,
    lease: SignedDuration,
    presence: &Presence,
) -> Result<Joined, StoreError> {
    const ALONE: &str = "UPDATE workers SET ended_at = ?1 WHERE ended_at IS NULL";
    const NAMED: &str = "UPDATE workers SET ended_at = ?1 WHERE ended_at IS NULL AND node = ?2";
    const INSERT: &str = "INSERT INTO workers (id, node, started_at, lease_until) VALUES (?1, ?2, ?3, ?4)";
    let at = c.now()?;
    let (node, until) = match presence {
        Presence::Alone => {
            c.execute(ALONE, params![millis(at)])?;
            (None, None)
        }
        Presence::Named(node) => {
            c.vouch(node)?;
            c.execute(NAMED, params![millis(at), node])?;
            (Some(node), Some(after(at, lease)))
        }
        Presence::AmongOthers => (None, Some(after(at, lease))),
    };
    c.execute(INSERT, params![worker, node, millis(at), until.map(millis)])?;
    Ok(Joined { at, until })
}

/// A lease that is over stays over, also when nobody has taken the worker for gone yet: it may have been asleep, and what it
/// knows is old.
pub(crate) fn renew(c: &Transaction<'_>, worker: &str, lease: SignedDuration) -> Result<Renewed, StoreError> {
    const SQL: &str =
        "UPDATE workers SET lease_until = CASE WHEN lease_until IS NULL THEN lease_until ELSE ?2 END
         WHERE id = ?1 AND ended_at IS NULL AND coalesce(lease_until > ?3, TRUE) RETURNING lease_until";
    let at = c.now()?;
    let values = params![worker, millis(after(at, lease)), millis(at)];
    let renewed = c.first(SQL, values, |f: &mut Fields<'_>| f.optional_time())?;
    let Some(until) = renewed else { return Ok(Renewed::Gone) };
    Ok(Renewed::Until(Joined { at, until }, load(c, worker, at)?))
}

/// Read beside others at work: a figure to go by, not a fact to decide a claim by.
fn load(c: &Transaction<'_>, worker: &str, at: Timestamp) -> Result<Load, StoreError> {
    const SQL: &str = "SELECT
            (SELECT count(*) FROM workers WHERE ended_at IS NULL AND (lease_until IS NULL OR lease_until > ?2)),
            count(*), count(CASE WHEN worker = ?1 THEN 1 END)
         FROM deliveries INDEXED BY deliveries_one_under_way WHERE state IN ('claimed', 'sending')";
    let read = |f: &mut Fields<'_>| Ok(Load { workers: f.get()?, under_way: f.get()?, ours: f.get()? });
    Ok(c.first(SQL, params![worker, millis(at)], read)?.unwrap_or_default())
}

/// Its claims are free for whoever recovers next.
pub(crate) fn leave(c: &Transaction<'_>, worker: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE workers SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL";
    c.execute(SQL, params![worker, millis(c.now()?)]).map(drop)
}

/// Newest first: those at work, and those that were before them.
pub(crate) fn list(c: &Transaction<'_>, most: u32) -> Result<Vec<Worker>, StoreError> {
    const SQL: &str = "SELECT id, node, started_at, lease_until, ended_at FROM workers
         ORDER BY ended_at IS NOT NULL, started_at DESC, id DESC LIMIT ?1";
    c.collect(SQL, params![most], |f: &mut Fields<'_>| {
        Ok(Worker {
            id: f.get()?,
            node: f.get()?,
            started_at: f.time()?,
            lease_until: f.optional_time()?,
            ended_at: f.optional_time()?,
        })
    })
}

/// Takes those for gone whose lease is over.
pub(super) fn end_overdue(c: &Transaction<'_>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE workers SET ended_at = ?1 WHERE ended_at IS NULL AND lease_until <= ?1";
    c.execute(SQL, params![millis(c.now()?)]).map(drop)
}

/// Whether a worker may not begin anything more. One that never joined has no lease that could be over.
pub(super) fn is_over(c: &Transaction<'_>, worker: &str) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT ended_at, lease_until FROM workers WHERE id = ?1";
    let read = |f: &mut Fields<'_>| Ok((f.optional_time()?, f.optional_time()?));
    match c.first(SQL, params![worker], read)? {
        None | Some((None, None)) => Ok(false),
        Some((Some(_), _)) => Ok(true),
        Some((None, Some(until))) => Ok(until <= c.now()?),
    }
}

/// Takes the turn, or keeps it; `false` when somebody else has it who is not known to be gone.
pub(crate) fn take_turn(
    c: &Transaction<'_>,
    name: &str,
    holder: &str,
    lasting: SignedDuration,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO turns (name, holder, until) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE turns.holder = excluded.holder OR turns.until <= ?4
            OR EXISTS (SELECT 1 FROM workers w WHERE w.id = turns.holder
                AND (w.ended_at IS NOT NULL OR w.lease_until <= ?4))";
    let now = c.now()?;
    Ok(c.execute(SQL, params![name, holder, millis(after(now, lasting)), millis(now)])? > 0)
}

/// Whether nobody has taken it over, however long ago it was taken.
pub(super) fn has_turn(c: &Transaction<'_>, name: &str, holder: &str) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 FROM turns WHERE name = ?1 AND holder = ?2 /*+ FOR UPDATE */";
    Ok(c.first(SQL, params![name, holder], |_| Ok(()))?.is_some())
}

/// Gives it up, if it still has it.
pub(crate) fn give_up_turn(c: &Transaction<'_>, name: &str, holder: &str) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM turns WHERE name = ?1 AND holder = ?2";
    c.execute(SQL, params![name, holder]).map(drop)
}

fn after(at: Timestamp, lease: SignedDuration) -> Timestamp {
    at.checked_add(lease).unwrap_or(Timestamp::MAX)
}
