//! How far each account was read: whose turn a poll is, what it came to, and the requests that platforms make by themselves,
//! of which each counts once (P22).

use jiff::Timestamp;
use juzhen_domain::caps::later;
use juzhen_domain::id::AccountId;
use juzhen_domain::message::{self, LONGEST_PAUSE, Repetition, Via};
use serde_json::json;

use super::deliveries::{self, WAITS};
use super::rows::{self, DELIVERY, Fields, millis};
use super::{Hold, Transaction, audit, messages, notices, params};
use crate::error::StoreError;
use crate::values::{Intake, PollTurn, Polled, Push, PushOnce, Pushed};

/// Posts that an adapter is told of, for platforms that list comments by post only.
const MOST_POSTS: u32 = 20;
/// Marks are kept for so long after their signature has ended, because a clock may be set back.
const MARGIN_MS: i64 = 3_600_000;

/// Keeps what a platform pushed, all of it or nothing.
pub(crate) fn push(c: &Transaction<'_>, push: &Push) -> Result<Pushed, StoreError> {
    let (account, at) = (&push.account, push.at);
    if let Some(once) = &push.once
        && let Some(again) = seen_before(c, account, once, at)?
    {
        return Ok(again);
    }
    if !push.finished.is_empty() {
        c.hold(Hold::Account(account.as_str()))?;
    }
    let mut woken = 0;
    for ticket in &push.finished {
        woken += wake(c, account, ticket, at)?;
    }
    let new = messages::keep(c, account, &push.messages, Via::Push, at)?;
    for draft in &push.notices {
        let detail = json!({ "account": account.as_str() });
        if notices::add(c, draft, &detail, at)? {
            let detail = json!({ "said": draft.text });
            c.will_audit(audit::daemon(
                "account.platform_said".into(),
                format!("account:{account}"),
                detail,
                at,
            ));
        }
    }
    const CAME: &str = "INSERT INTO intake (account, next_at, pushed_at) VALUES (?1, ?2, ?2)
         ON CONFLICT (account) DO UPDATE SET pushed_at = excluded.pushed_at";
    c.execute(CAME, params![account.as_str(), millis(at)])?;
    Ok(Pushed::Kept { new, woken })
}

/// Remembers the request, and forgets those whose signature has ended; what it is when it has come before.
fn seen_before(
    c: &Transaction<'_>,
    account: &AccountId,
    once: &PushOnce,
    at: Timestamp,
) -> Result<Option<Pushed>, StoreError> {
    const FORGET: &str = "DELETE FROM callbacks_seen WHERE keep_until < ?1";
    const REMEMBER: &str =
        "INSERT INTO callbacks_seen (account, mark, first_at, keep_until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING";
    const READ: &str = "SELECT first_at, again FROM callbacks_seen WHERE account = ?1 AND mark = ?2";
    const AGAIN: &str = "UPDATE callbacks_seen SET again = again + 1 WHERE account = ?1 AND mark = ?2";
    c.execute(FORGET, params![millis(at).saturating_sub(MARGIN_MS)])?;
    let values = params![account.as_str(), once.mark, millis(at), millis(once.keep_until)];
    if c.execute(REMEMBER, values)? > 0 {
        return Ok(None);
    }
    let place = params![account.as_str(), once.mark];
    let Some((first_at, again)) = c.first(READ, place, |f: &mut Fields<'_>| Ok((f.time()?, f.get()?)))?
    else {
        return Ok(Some(Pushed::Replayed));
    };
    if message::repetition(first_at, again, at) == Repetition::Replay {
        return Ok(Some(Pushed::Replayed));
    }
    c.execute(AGAIN, place)?;
    Ok(Some(Pushed::Repeated))
}

/// The platform says that it has decided: it is asked now, and not when the next question would be due.
fn wake(c: &Transaction<'_>, account: &AccountId, ticket: &str, at: Timestamp) -> Result<u32, StoreError> {
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries INDEXED BY deliveries_by_state
         WHERE state = 'accepted' AND {WAITS} AND account = ?1
            AND substr(ticket, 1, length(CAST(?2 AS TEXT))) = ?2"
    );
    let mut woken = 0;
    for row in c.collect(&sql, params![account.as_str(), ticket], rows::delivery)? {
        if row.delivery.next_at > at {
            let mut after = row.clone();
            after.delivery.next_at = at;
            deliveries::save(c, &row, after, None, at)?;
        }
        woken += 1;
    }
    Ok(woken)
}

/// The next poll of an account is the caller's, if nobody else has taken it since it was due; others may take it from `until`
/// on. One that was put off for longer than any is was put off by a clock that ran ahead (P14).
pub(crate) fn turn(
    c: &Transaction<'_>,
    account: &AccountId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<PollTurn>, StoreError> {
    const TAKE: &str = "INSERT INTO intake (account, next_at) VALUES (?1, ?3)
         ON CONFLICT (account) DO UPDATE SET next_at = excluded.next_at
         WHERE intake.next_at <= ?2 OR intake.next_at > ?4";
    const READ: &str = "SELECT cursor, polled_at, failures FROM intake WHERE account = ?1";
    const POSTS: &str = "SELECT receipt_id FROM deliveries
         WHERE account = ?1 AND receipt_id IS NOT NULL AND state = 'published' ORDER BY id DESC LIMIT ?2";
    let too_far = millis(later(now, LONGEST_PAUSE));
    if c.execute(TAKE, params![account.as_str(), millis(now), millis(until), too_far])? == 0 {
        return Ok(None);
    }
    let posts = c.collect(POSTS, params![account.as_str(), MOST_POSTS], |f: &mut Fields<'_>| f.get())?;
    c.first(READ, params![account.as_str()], |f: &mut Fields<'_>| {
        Ok(PollTurn {
            cursor: f.get()?,
            polled_at: f.optional_time()?,
            failures: f.get()?,
            posts: posts.clone(),
        })
    })
}

/// Keeps what a poll came to; how many messages of it are new.
pub(crate) fn polled(c: &Transaction<'_>, polled: &Polled) -> Result<u32, StoreError> {
    const WELL: &str =
        "UPDATE intake SET cursor = coalesce(?2, cursor), polled_at = ?3, next_at = ?4, gaps = ?5,
            failures = 0, problem = NULL WHERE account = ?1";
    const BADLY: &str =
        "UPDATE intake SET next_at = ?2, failures = failures + 1, problem = ?3 WHERE account = ?1";
    let Polled { account, at, next_at, result } = polled;
    match result {
        Ok(poll) => {
            let gaps = json!(poll.gaps).to_string();
            let values = params![account.as_str(), poll.cursor, millis(*at), millis(*next_at), gaps];
            c.execute(WELL, values)?;
            messages::keep(c, account, &poll.messages, Via::Poll, *at)
        }
        Err(problem) => {
            c.execute(BADLY, params![account.as_str(), millis(*next_at), problem])?;
            Ok(0)
        }
    }
}

/// By account.
pub(crate) fn list(c: &Transaction<'_>) -> Result<Vec<Intake>, StoreError> {
    const SQL: &str = "SELECT account, polled_at, pushed_at, next_at, failures, problem, gaps FROM intake
         ORDER BY account";
    c.collect(SQL, params![], |f: &mut Fields<'_>| {
        Ok(Intake {
            account: f.id()?,
            polled_at: f.optional_time()?,
            pushed_at: f.optional_time()?,
            next_at: f.time()?,
            failures: f.get()?,
            problem: f.get()?,
            gaps: f.json()?,
        })
    })
}
