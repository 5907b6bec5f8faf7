//! What became of the claims of a daemon that is gone, read from the ledger (R1, R5, F04 to F07).

use jiff::Timestamp;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::attempts::{self, Ending};
use super::rows::Fields;
use super::{Transaction, audit, deliveries, params, workers};
use crate::error::StoreError;
use crate::values::Recovered;

pub(crate) fn recover(c: &Transaction<'_>, now: Timestamp) -> Result<Recovered, StoreError> {
    const SQL: &str = "SELECT id FROM deliveries d INDEXED BY deliveries_one_under_way
         WHERE state IN ('claimed', 'sending')
             AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = d.worker AND w.ended_at IS NULL)
         ORDER BY id";
    workers::end_overdue(c)?;
    let found: Vec<DeliveryId> = c.collect(SQL, params![], |f: &mut Fields<'_>| f.id())?;
    let mut recovered = Recovered::default();
    for id in found {
        match recover_one(c, &id, now)? {
            Left::Nothing => recovered.due += 1,
            Left::Answered => recovered.resumed += 1,
            Left::Unclear => recovered.in_doubt += 1,
        }
    }
    Ok(recovered)
}

/// What the ledger says of a call.
enum Left {
    /// No byte of any request.
    Nothing,
    /// Requests, each with its whole answer: the call can go on from there.
    Answered,
    /// A request whose answer nobody has.
    Unclear,
}

fn recover_one(c: &Transaction<'_>, id: &DeliveryId, now: Timestamp) -> Result<Left, StoreError> {
    let before = deliveries::require(c, id)?;
    let mut after = before.clone();
    let call = attempts::newest(c, id)?.map(|attempt| attempt.call);
    let left = call.as_deref().map_or(Ok(Left::Unclear), |call| left_of(c, call))?;
    let (state, why, resume_call) = match left {
        Left::Nothing => (DeliveryState::Due, Why::EndedBefore, None),
        Left::Answered => (DeliveryState::Due, Why::EndedBetween, call),
        Left::Unclear => (DeliveryState::InDoubt, Why::EndedDuring, None),
    };
    let reason = why.because("the daemon ended");
    after.delivery.state = state;
    after.delivery.reason = Some(reason.clone());
    after.delivery.next_at = match state {
        // It keeps its place: a later one of the same account must not overtake it (P6).
        DeliveryState::Due => after.delivery.due_at,
        _ => after.delivery.next_at.max(now),
    };
    after.resume_call = resume_call;
    let end = Ending { outcome: "interrupted", detail: Some(&reason), adapter: None, at: now };
    attempts::end_open(c, id, &end)?;
    let (action, subject) = (format!("delivery.{state}"), format!("delivery:{id}"));
    let row = audit::daemon(action, subject, json!({ "reason": reason, "recovered": true }), now);
    deliveries::save(c, &before, after, Some(&row), now)?;
    c.will_follow(&before.delivery.item, now);
    Ok(left)
}

fn left_of(c: &Transaction<'_>, call: &str) -> Result<Left, StoreError> {
    const SQL: &str = "SELECT count(*), count(*) FILTER (WHERE complete) FROM effects
         WHERE call = ?1 AND nothing_left IS NOT TRUE";
    let read = |f: &mut Fields<'_>| Ok((f.get::<i64>()?, f.get::<i64>()?));
    Ok(match c.first(SQL, params![call], read)? {
        None | Some((0, _)) => Left::Nothing,
        Some((sent, answered)) if sent == answered => Left::Answered,
        Some(_) => Left::Unclear,
    })
}
