//! The effect ledger. The intent of a mutating request is durable before a byte of it leaves; the first one of an
//! attempt is the delivery's `sending` mark, in the same commit. Only the live claim may send, and never under STOP ALL.

use jiff::Timestamp;
use juzhen_domain::claim::HoldReason;
use juzhen_domain::id::{AttemptId, DeliveryId};
use juzhen_domain::pause;
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::rows::{DeliveryRow, Fields, millis};
use super::{Hold, Transaction, audit, deliveries, items, params, pauses, workers};
use crate::error::{StoreError, failed};
use crate::values::{EffectAnswer, EffectBegun, NewEffect};

/// More of an answer is not kept, and such an answer counts as incomplete.
const MOST_BODY: usize = 1 << 20;

pub(crate) fn begin(c: &Transaction<'_>, effect: &NewEffect) -> Result<EffectBegun, StoreError> {
    c.hold(Hold::AccountOfCall(&effect.call))?;
    let Some(live) = live_claim(c, effect)? else {
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
    // From here on something may leave. Only an attempt that goes on with another one's call can have passed over something.
    if live.is_resumed(&effect.call)
        && let Some(passed_over) = not_asked_yet(c, &effect.call, &live.attempt)?
    {
        let now = format!("{} {}", effect.method, effect.url);
        return Ok(EffectBegun::Mismatch(format!("the call made {passed_over} before, now it makes {now}")));
    }
    if let Some(reason) = refusal(c, &live, effect)? {
        return Ok(EffectBegun::Refused(reason));
    }
    let begun = match recorded {
        None => EffectBegun::Send(insert(c, effect, &live)?),
        Some(Recorded { id, answer: None, .. }) => {
            mark_asked_again(c, id)?;
            EffectBegun::Unanswered(id)
        }
        Some(Recorded { id, .. }) => {
            begin_anew(c, id, effect)?;
            EffectBegun::Send(id)
        }
    };
    mark_sending(c, &live, effect)?;
    Ok(begun)
}

pub(crate) fn end(c: &Transaction<'_>, id: i64, answer: &EffectAnswer) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE effects SET answered_at = ?2, status = ?3, headers = ?4, body = ?5, complete = ?6,
            nothing_left = ?7 WHERE id = ?1 AND answered_at IS NULL AND NOT (?7 AND asked_again)";
    const THERE: &str = "SELECT 1 FROM effects WHERE id = ?1";
    let headers = serde_json::to_string(&answer.headers)
        .map_err(|e| failed("write the headers of an answer", e.to_string()))?;
    let kept = answer.body.get(..MOST_BODY).unwrap_or(&answer.body);
    let complete = answer.complete && kept.len() == answer.body.len();
    let values = params![id, millis(answer.at), answer.status, headers, kept, complete, answer.nothing_left];
    let changed = c.execute(SQL, values)?;
    // The first answer stands: it is what the call has seen. Of two tries one may have left whatever became of the other, such
    // as that of a worker that was stopped, keeps it back, and does not know of the second (F37).
    if changed == 0 && c.first(THERE, params![id], |_| Ok(()))?.is_none() {
        return Err(StoreError::NotFound { what: "effect", id: id.to_string() });
    }
    Ok(())
}

/// Keeps a request back whose intent was on disk only after its delivery's time (F33): nothing of it has left. What began
/// in time goes on to its end, but not after a break.
pub(crate) fn give_up_late(
    c: &Transaction<'_>,
    id: i64,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT d.latest_at FROM effects e JOIN deliveries d ON d.id = e.delivery
         WHERE e.id = ?1 AND d.latest_at < ?2 AND (e.asked_by <> e.call OR NOT EXISTS (SELECT 1 FROM effects o
             WHERE o.call = e.call AND o.id <> e.id AND o.nothing_left IS NOT TRUE))";
    let Some(latest_at) = c.first(SQL, params![id, millis(now)], |f: &mut Fields<'_>| f.time())? else {
        return Ok(None);
    };
    let nothing = EffectAnswer {
        at: now,
        status: 0,
        headers: Vec::new(),
        body: Vec::new(),
        complete: false,
        nothing_left: true,
    };
    end(c, id, &nothing)?;
    Ok(Some(missed(latest_at)))
}

fn missed(latest_at: Timestamp) -> String {
    Why::Missed.because(format_args!("not sent by {latest_at}"))
}

/// Whether a request of the call left and its answer is not known. One with the platform's own key may be sent again by
/// the same call.
pub(super) fn is_unanswered(c: &Transaction<'_>, call: &str, resumes: bool) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 FROM effects WHERE call = ?1 AND answered_at IS NULL
         AND NOT (?2 AND idempotency_key IS NOT NULL)";
    Ok(c.first(SQL, params![call, resumes], |_| Ok(()))?.is_some())
}

/// When the first request of a call left, in whichever attempt.
pub(super) fn began_at(c: &Transaction<'_>, call: &str) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "SELECT min(began_at) FROM effects WHERE call = ?1";
    Ok(c.first(SQL, params![call], |f: &mut Fields<'_>| f.optional_time())?.flatten())
}

/// Whether the call let more leave than the attempt that just ended knows of. Its word goes, not `asked_by`: an answer
/// that was given out again in a commit whose own answer was lost has been read by nobody.
pub(super) fn is_passed_over(c: &Transaction<'_>, call: &str, known: u32) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT count(*) FROM effects WHERE call = ?1 AND nothing_left IS NOT TRUE";
    let left: Option<i64> = c.first(SQL, params![call], |f: &mut Fields<'_>| f.get())?;
    Ok(left.unwrap_or(0) > i64::from(known))
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

/// The claim under which this attempt of the call may send. An attempt that was taken up elsewhere does not become live
/// again by another one's going on with its call (R9).
fn live_claim(c: &Transaction<'_>, effect: &NewEffect) -> Result<Option<Live>, StoreError> {
    const SQL: &str =
        "SELECT id, delivery, fence FROM attempts WHERE call = ?1 AND number = ?2 AND ended_at IS NULL";
    let read = |f: &mut Fields<'_>| Ok((f.id()?, f.id()?, f.get()?));
    let found: Option<(AttemptId, DeliveryId, i64)> =
        c.first(SQL, params![effect.call, effect.attempt], read)?;
    let Some((attempt, delivery, fence)) = found else { return Ok(None) };
    let row = deliveries::require(c, &delivery)?;
    let held = matches!(row.delivery.state, DeliveryState::Claimed | DeliveryState::Sending);
    let over = row.worker.as_deref().map_or(Ok(false), |worker| workers::is_over(c, worker))?;
    Ok((held && !over && row.delivery.fence == fence).then_some(Live { attempt, row }))
}

/// Why nothing may leave now. The words before the colon are those of held deliveries, so that `sweep` releases them.
fn refusal(c: &Transaction<'_>, live: &Live, effect: &NewEffect) -> Result<Option<String>, StoreError> {
    let delivery = &live.row.delivery;
    let (stopped, paused) = pauses::why_not(c, &delivery.account)?;
    if stopped {
        return Ok(Some(HoldReason::Stopped.to_string()));
    }
    // What began in time goes on to its end, but not after a break.
    if live.row.delivery.state != DeliveryState::Claimed && !live.is_resumed(&effect.call) {
        return Ok(None);
    }
    if let Some(why) = paused {
        return Ok(Some(pause::held_for(&why)));
    }
    // The daemon may have been asleep since the claim: late is late (P7), and what was taken back stays back (P2).
    if effect.at > delivery.latest_at {
        return Ok(Some(missed(delivery.latest_at)));
    }
    let (state, hash) = items::state_and_hash(c, &delivery.item)?;
    if !items::is_released(state) || hash != delivery.item_hash {
        return Ok(Some(Why::NotApproved.because(format_args!("the item is {state} now"))));
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
    fn answered_already(&self, c: &Transaction<'_>, call: &str) -> Result<Option<EffectBegun>, StoreError> {
        const LAST: &str = "SELECT max(number) FROM effects WHERE call = ?1";
        let Some(answer) = &self.answer else { return Ok(None) };
        if answer.nothing_left {
            let last: Option<i64> = c.first(LAST, params![call], |f: &mut Fields<'_>| f.get())?;
            if last == Some(self.number) {
                return Ok(None);
            }
        }
        Ok(Some(EffectBegun::Answered(answer.clone())))
    }
}

fn find(c: &Transaction<'_>, effect: &NewEffect) -> Result<Option<Recorded>, StoreError> {
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
    c.first(SQL, params![effect.call, effect.fingerprint, effect.occurrence], read)
}

fn mark_asked(c: &Transaction<'_>, id: i64, attempt: &AttemptId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE effects SET asked_by = ?2 WHERE id = ?1 AND asked_by <> ?2";
    c.execute(SQL, params![id, attempt.as_str()])?;
    Ok(())
}

fn mark_asked_again(c: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE effects SET asked_again = TRUE WHERE id = ?1";
    c.execute(SQL, params![id])?;
    Ok(())
}

/// The first recorded effect that this attempt has not come past: the call has taken another way than before.
fn not_asked_yet(c: &Transaction<'_>, call: &str, attempt: &AttemptId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT method || ' ' || url FROM effects
         WHERE call = ?1 AND asked_by <> ?2 ORDER BY number LIMIT 1";
    c.first(SQL, params![call, attempt.as_str()], |f: &mut Fields<'_>| f.get())
}

fn insert(c: &Transaction<'_>, effect: &NewEffect, live: &Live) -> Result<i64, StoreError> {
    const SQL: &str = "INSERT INTO effects (call, number, fingerprint, occurrence, delivery, asked_by,
            idempotency_key, method, url, body_sha256, adapter, adapter_sha256, began_at)
         VALUES (?1, (SELECT count(*) + 1 FROM effects WHERE call = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         RETURNING id";
    let values = params![
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
    ];
    let id = c.first(SQL, values, |f: &mut Fields<'_>| f.get())?;
    id.ok_or_else(|| failed("keep an effect", "the database gave it no number".into()))
}

/// Nothing had left; now it may. Until it is answered it counts as out.
fn begin_anew(c: &Transaction<'_>, id: i64, effect: &NewEffect) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE effects SET began_at = ?2, answered_at = NULL, status = NULL, headers = NULL,
            body = NULL, complete = NULL, nothing_left = NULL WHERE id = ?1";
    c.execute(SQL, params![id, millis(effect.at)])?;
    Ok(())
}

fn mark_sending(c: &Transaction<'_>, live: &Live, effect: &NewEffect) -> Result<(), StoreError> {
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
    deliveries::save(c, &live.row, after, Some(&row), effect.at).map(drop)
}
