//! The effect ledger. The intent of a mutating request is durable before a byte of it leaves; the first one of an
//! attempt is the delivery's `sending` mark, in the same commit. Only the live claim may send, and never under STOP ALL.

use jiff::Timestamp;
use juzhen_domain::claim::HoldReason;
use juzhen_domain::delivery::Attempt;
use juzhen_domain::id::{AttemptId, DeliveryId};
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use rusqlite::{Connection, params};
use serde_json::json;

use super::rows::{self, DeliveryRow, Fields, millis};
use super::{audit, deliveries, error, items, stop};
use crate::error::StoreError;
use crate::values::{EffectAnswer, EffectBegun, NewEffect};

/// More of an answer is not kept, and such an answer counts as incomplete.
const MOST_BODY: usize = 1 << 20;

pub(super) fn begin(c: &Connection, effect: &NewEffect) -> Result<EffectBegun, StoreError> {
    let Some(live) = live_claim(c, &effect.call)? else {
        return Ok(EffectBegun::Refused(Why::LostClaim.because("this call no longer holds its delivery")));
    };
    let recorded = find(c, effect)?;
    if let Some(recorded) = &recorded {
        mark_asked(c, recorded.id, &live.attempt)?;
        if let Some(begun) = recorded.answered_already(c, &effect.call)? {
            // It went out in an earlier attempt; this one only reads the answer, and stands where that one stood.
            mark_sending(c, &live, effect)?;
            return Ok(begun);
        }
    }
    // From here on something may leave.
    if let Some(passed_over) = not_asked_yet(c, &effect.call, &live.attempt)? {
        let now = format!("{} {}", effect.method, effect.url);
        return Ok(EffectBegun::Mismatch(format!("the call made {passed_over} before, now it makes {now}")));
    }
    if let Some(reason) = refusal(c, &live, effect)? {
        return Ok(EffectBegun::Refused(reason));
    }
    let begun = match recorded {
        None => EffectBegun::Send(insert(c, effect, &live)?),
        Some(Recorded { id, answer: None, .. }) => EffectBegun::Unanswered(id),
        Some(Recorded { id, .. }) => {
            begin_anew(c, id, effect)?;
            EffectBegun::Send(id)
        }
    };
    mark_sending(c, &live, effect)?;
    Ok(begun)
}

pub(super) fn end(c: &Connection, id: i64, answer: &EffectAnswer) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE effects SET answered_at = ?2, status = ?3, headers = ?4, body = ?5, complete = ?6,
            nothing_left = ?7 WHERE id = ?1 AND answered_at IS NULL";
    const THERE: &str = "SELECT 1 FROM effects WHERE id = ?1";
    let headers = serde_json::to_string(&answer.headers)
        .map_err(|e| error::failed("write the headers of an answer", e.to_string()))?;
    let kept = answer.body.get(..MOST_BODY).unwrap_or(&answer.body);
    let complete = answer.complete && kept.len() == answer.body.len();
    let values = params![id, millis(answer.at), answer.status, headers, kept, complete, answer.nothing_left];
    let changed = c.prepare_cached(SQL)?.execute(values)?;
    // The first answer stands: it is what the call has seen.
    if changed == 0 && rows::first(c, THERE, [id], |_| Ok(()))?.is_none() {
        return Err(StoreError::NotFound { what: "effect", id: id.to_string() });
    }
    Ok(())
}

/// Whether a request of the call left and its answer is not known. One with the platform's own key may be sent again by
/// the same call.
pub(super) fn is_unanswered(c: &Connection, call: &str, resumes: bool) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 FROM effects WHERE call = ?1 AND answered_at IS NULL
         AND NOT (?2 AND idempotency_key IS NOT NULL)";
    Ok(rows::first(c, SQL, params![call, resumes], |_| Ok(()))?.is_some())
}

/// When the first request of a call left, in whichever attempt.
pub(super) fn began_at(c: &Connection, call: &str) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "SELECT min(began_at) FROM effects WHERE call = ?1";
    Ok(rows::first(c, SQL, [call], |f: &mut Fields<'_>| f.optional_time())?.flatten())
}

/// Whether an earlier attempt of the call let something leave whose answer this attempt has not read.
pub(super) fn is_passed_over(c: &Connection, attempt: &Attempt) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 FROM effects
         WHERE call = ?1 AND asked_by <> ?2 AND nothing_left IS NOT TRUE";
    Ok(rows::first(c, SQL, [&attempt.call, attempt.id.as_str()], |_| Ok(()))?.is_some())
}

/// The attempt that holds a delivery with this call.
struct Live {
    attempt: AttemptId,
    row: DeliveryRow,
}

impl Live {
    /// A later attempt that goes on with an earlier one's call.
    fn is_resumed(&self, call: &str) -> bool {
        self.attempt.as_str() != call
    }
}

fn live_claim(c: &Connection, call: &str) -> Result<Option<Live>, StoreError> {
    const SQL: &str = "SELECT id, delivery, fence FROM attempts WHERE call = ?1 AND ended_at IS NULL";
    let read = |f: &mut Fields<'_>| Ok((f.id()?, f.id()?, f.get()?));
    let found: Option<(AttemptId, DeliveryId, i64)> = rows::first(c, SQL, [call], read)?;
    let Some((attempt, delivery, fence)) = found else { return Ok(None) };
    let row = deliveries::require(c, &delivery)?;
    let held = matches!(row.delivery.state, DeliveryState::Claimed | DeliveryState::Sending);
    Ok((held && row.delivery.fence == fence).then_some(Live { attempt, row }))
}

/// Why nothing may leave now. The words before the colon are those of held deliveries, so that `sweep` releases them.
fn refusal(c: &Connection, live: &Live, effect: &NewEffect) -> Result<Option<String>, StoreError> {
    if stop::is_on(c)? {
        return Ok(Some(HoldReason::Stopped.to_string()));
    }
    // What began in time goes on to its end, but not after a break.
    if live.row.delivery.state != DeliveryState::Claimed && !live.is_resumed(&effect.call) {
        return Ok(None);
    }
    let delivery = &live.row.delivery;
    // The daemon may have been asleep since the claim: late is late (P7), and what was taken back stays back (P2).
    if effect.at > delivery.latest_at {
        return Ok(Some(Why::Missed.because(format_args!("not sent by {}", delivery.latest_at))));
    }
    let (item, _) = items::require(c, &delivery.item)?;
    if !items::is_released(item.state) || item.hash != delivery.item_hash {
        return Ok(Some(Why::NotApproved.because(format_args!("the item is {} now", item.state))));
    }
    Ok(None)
}

/// A recorded effect of the same request at the same place.
struct Recorded {
    id: i64,
    number: i64,
    answer: Option<EffectAnswer>,
}

impl Recorded {
    /// The answer to give out again. A request of which nothing had left is sent again only when it was the last of its
    /// call: otherwise the call has already gone on from that answer, and goes the same way now.
    fn answered_already(&self, c: &Connection, call: &str) -> Result<Option<EffectBegun>, StoreError> {
        const LAST: &str = "SELECT max(number) FROM effects WHERE call = ?1";
        let Some(answer) = &self.answer else { return Ok(None) };
        if answer.nothing_left {
            let last: Option<i64> = rows::first(c, LAST, [call], |f: &mut Fields<'_>| f.get())?;
            if last == Some(self.number) {
                return Ok(None);
            }
        }
        Ok(Some(EffectBegun::Answered(answer.clone())))
    }
}

fn find(c: &Connection, effect: &NewEffect) -> Result<Option<Recorded>, StoreError> {
    const SQL: &str =
        "SELECT id, number, answered_at, status, headers, body, complete, nothing_left FROM effects
         WHERE call = ?1 AND fingerprint = ?2 AND occurrence = ?3";
    let read = |f: &mut Fields<'_>| {
        let (id, number) = (f.get()?, f.get()?);
        let answer = match f.optional_time()? {
            None => None,
            Some(at) => Some(EffectAnswer {
                at,
                status: f.get()?,
                headers: f.json()?,
                body: f.get()?,
                complete: f.get()?,
                nothing_left: f.get()?,
            }),
        };
        Ok(Recorded { id, number, answer })
    };
    rows::first(c, SQL, params![effect.call, effect.fingerprint, effect.occurrence], read)
}

fn mark_asked(c: &Connection, id: i64, attempt: &AttemptId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE effects SET asked_by = ?2 WHERE id = ?1 AND asked_by <> ?2";
    c.prepare_cached(SQL)?.execute(params![id, attempt.as_str()])?;
    Ok(())
}

/// The first recorded effect that this attempt has not come past: the call has taken another way than before.
fn not_asked_yet(c: &Connection, call: &str, attempt: &AttemptId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT method || ' ' || url FROM effects
         WHERE call = ?1 AND asked_by <> ?2 ORDER BY number LIMIT 1";
    rows::first(c, SQL, [call, attempt.as_str()], |f: &mut Fields<'_>| f.get())
}

fn insert(c: &Connection, effect: &NewEffect, live: &Live) -> Result<i64, StoreError> {
    const SQL: &str = "INSERT INTO effects (call, number, fingerprint, occurrence, delivery, asked_by,
            idempotency_key, method, url, body_sha256, adapter, adapter_sha256, began_at)
         VALUES (?1, (SELECT count(*) + 1 FROM effects WHERE call = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    c.prepare_cached(SQL)?.execute(params![
        effect.call,
        effect.fingerprint,
        effect.occurrence,
        live.row.delivery.id.as_str(),
        live.attempt.as_str(),
        effect.idempotency_key,
        effect.method,
        effect.url,
        effect.body_sha256,
        effect.adapter,
        effect.adapter_sha256,
        millis(effect.at)
    ])?;
    Ok(c.last_insert_rowid())
}

/// Nothing had left; now it may. Until it is answered it counts as out.
fn begin_anew(c: &Connection, id: i64, effect: &NewEffect) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE effects SET began_at = ?2, answered_at = NULL, status = NULL, headers = NULL,
            body = NULL, complete = NULL, nothing_left = NULL WHERE id = ?1";
    c.prepare_cached(SQL)?.execute(params![id, millis(effect.at)])?;
    Ok(())
}

fn mark_sending(c: &Connection, live: &Live, effect: &NewEffect) -> Result<(), StoreError> {
    if live.row.delivery.state == DeliveryState::Sending {
        return Ok(());
    }
    let mut after = live.row.clone();
    after.delivery.state = DeliveryState::Sending;
    let detail = json!({
        "attempt": live.attempt.as_str(),
        "adapter": effect.adapter,
        "adapter_sha256": effect.adapter_sha256,
    });
    let subject = format!("delivery:{}", live.row.delivery.id);
    let row = audit::daemon("delivery.sending".into(), subject, detail, effect.at);
    deliveries::save(c, &live.row, after, Some(&row), effect.at)
}
