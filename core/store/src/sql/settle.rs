//! Settling: how a delivery goes on, and the forwards that follow from it, in one commit (F08). News from a worker that
//! no longer holds the delivery is kept as evidence and changes nothing else (R9, F37).

use juzhen_domain::delivery::{Delivery, Receipt, ReceiptBy};
use juzhen_domain::outcome::Next;
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::attempts::{self, Ending};
use super::rows::{DeliveryRow, millis};
use super::{
    Hold, Transaction, audit, deliveries, effects, items, params, pauses, rechecks, restored, workers,
};
use crate::api::Follow;
use crate::error::StoreError;
use crate::values::{Audit, Settle, Settled};

pub(crate) fn settle(c: &Transaction<'_>, settle: &Settle) -> Result<Settled, StoreError> {
    c.hold(Hold::AccountOfDelivery(settle.delivery.as_str()))?;
    let before = deliveries::require(c, &settle.delivery)?;
    if !still_holds(&before.delivery, settle) || was_fenced_off(c, &before, settle)? {
        return late(c, &before.delivery, settle);
    }
    let after = after(c, &before, settle)?;
    let after = corrected(c, &before, after, settle)?;
    let after = with_its_own_receipt(c, &before, after, settle)?;
    let end = Ending {
        outcome: &settle.outcome,
        detail: settle.detail.as_deref(),
        adapter: settle.adapter.as_deref(),
        at: settle.now,
    };
    attempts::end_open(c, &settle.delivery, &end)?;
    let (from, to) = (before.delivery.state, after.delivery.state);
    // A look that changes nothing but the time of the next one is no news.
    let is_news = from != to || before.delivery.reason != after.delivery.reason;
    let row = is_news.then(|| audit_of(settle, to, after.delivery.reason.as_deref()));
    rechecks::follow(c, &after.delivery, settle.now)?;
    pauses::note(c, &before, &after, settle.pause_after, settle.now)?;
    let delivery = deliveries::save(c, &before, after, row.as_ref(), settle.now)?;
    let forwards = if from != to && to == DeliveryState::Published {
        let because = audit_of(settle, DeliveryState::Published, None);
        forward(c, &delivery, &settle.follow, &because)?
    } else {
        Vec::new()
    };
    c.will_follow(&delivery.item, settle.now);
    Ok(Settled::Applied { delivery, forwards })
}

fn still_holds(delivery: &Delivery, settle: &Settle) -> bool {
    let (state, fence) = settle.expected;
    let claimed = settle.or_claimed && delivery.state == DeliveryState::Claimed;
    delivery.fence == fence && (delivery.state == state || claimed)
}

/// Nothing left because the worker's lease is over: that holds nothing up, the ledger says how it goes on (`recover`).
fn was_fenced_off(c: &Transaction<'_>, before: &DeliveryRow, settle: &Settle) -> Result<bool, StoreError> {
    match (&settle.next, before.worker.as_deref()) {
        (Next::Held { .. }, Some(worker)) => workers::is_over(c, worker),
        _ => Ok(false),
    }
}

/// The row as it should be next.
fn after(c: &Transaction<'_>, before: &DeliveryRow, settle: &Settle) -> Result<DeliveryRow, StoreError> {
    let mut row = before.clone();
    let state = state_of(&settle.next);
    let looked_again = matches!(state, DeliveryState::InDoubt | DeliveryState::Accepted);
    if state == before.delivery.state && !looked_again {
        return Err(deliveries::impossible(&settle.delivery, state.as_str(), state.as_str()));
    }
    row.resume_call = None;
    let delivery = &mut row.delivery;
    delivery.state = state;
    delivery.reason = None;
    match settle.next.clone() {
        Next::Published(receipt) => delivery.receipt = Some(receipt),
        Next::Accepted { ticket, look_at } => {
            delivery.ticket = Some(ticket);
            delivery.next_at = look_at;
        }
        Next::Again { at, reason, resume } => {
            // A clock that was set back waits for its time once more (F42).
            delivery.next_at = at.max(delivery.due_at);
            delivery.reason = Some(reason);
            if resume {
                row.resume_call = attempts::newest(c, &settle.delivery)?.map(|a| a.call);
            }
        }
        Next::Waiting { until, reason } => {
            delivery.next_at = until.max(delivery.due_at);
            delivery.reason = Some(reason);
            // Nothing went out, so it does not count against the cap: who signs in again finds it waiting.
            delivery.tries = delivery.tries.saturating_sub(1);
        }
        Next::InDoubt { look_at, reason } => {
            delivery.next_at = look_at;
            delivery.reason = Some(reason);
            if let Some(doubt) = &mut row.doubt {
                doubt.looks += 1;
            }
        }
        Next::Refused { reason }
        | Next::Held { reason }
        | Next::NeedsPerson { reason }
        | Next::Removed { reason } => {
            delivery.reason = Some(reason);
        }
    }
    Ok(row)
}

/// What the caller could not know. Nothing goes back to where it is sent again by a new call while an earlier request
/// may be out (R4): one that was never answered, or one that was answered to an attempt before this one, which ended
/// before it had read that answer.
fn corrected(
    c: &Transaction<'_>,
    before: &DeliveryRow,
    mut after: DeliveryRow,
    settle: &Settle,
) -> Result<DeliveryRow, StoreError> {
    use DeliveryState as S;
    let sent_again = matches!(after.delivery.state, S::Due | S::Waiting | S::Held);
    let begun = matches!(before.delivery.state, S::Claimed | S::Sending | S::InDoubt);
    if !begun || !(sent_again || after.delivery.state == S::Refused) {
        return Ok(after);
    }
    let Some(attempt) = attempts::newest(c, &settle.delivery)? else { return Ok(after) };
    let said = after.delivery.reason.clone().unwrap_or_default();
    if effects::is_passed_over(c, &attempt.call, settle.requests)? {
        if !sent_again {
            return Ok(in_doubt(before, settle, Why::EarlierBegan.because(said)));
        }
        after.resume_call = Some(attempt.call.clone());
    }
    let resumes = after.resume_call.is_some();
    if sent_again && effects::is_unanswered(c, &attempt.call, resumes)? {
        return Ok(in_doubt(before, settle, Why::NeverAnswered.because(said)));
    }
    Ok(after)
}

/// One post is evidence for one delivery (F67): of two that say the same and were looked for at once, the second one looks
/// again.
fn with_its_own_receipt(
    c: &Transaction<'_>,
    before: &DeliveryRow,
    after: DeliveryRow,
    settle: &Settle,
) -> Result<DeliveryRow, StoreError> {
    let found = match &after.delivery.receipt {
        Some(Receipt { platform_id: Some(post), by: ReceiptBy::Evidence, .. }) => post,
        _ => return Ok(after),
    };
    if deliveries::is_receipt(c, &after.delivery.account, found)? {
        return Ok(in_doubt(before, settle, Why::OthersPost.because(found)));
    }
    Ok(after)
}

fn in_doubt(before: &DeliveryRow, settle: &Settle, reason: String) -> DeliveryRow {
    let mut row = before.clone();
    row.resume_call = None;
    row.delivery.state = DeliveryState::InDoubt;
    row.delivery.reason = Some(reason);
    row.delivery.next_at = settle.now;
    row
}

/// What follows from a publication. An account that has the item already is left out (P23).
pub(super) fn forward(
    c: &Transaction<'_>,
    published: &Delivery,
    follow: &Follow,
    because: &Audit,
) -> Result<Vec<Delivery>, StoreError> {
    let (item, _) = items::require(c, &published.item)?;
    let mut already = deliveries::accounts_of(c, &published.item)?;
    let mut made = Vec::new();
    for next in follow(published, &item, &already) {
        if next.item == published.item && already.insert(next.account.clone()) {
            deliveries::insert(c, &next, because)?;
            restored::follow(c, &published.id, &next.id, because.at)?;
            made.push(deliveries::require(c, &next.id)?.delivery);
        }
    }
    Ok(made)
}

fn late(c: &Transaction<'_>, delivery: &Delivery, settle: &Settle) -> Result<Settled, StoreError> {
    const SQL: &str =
        "INSERT INTO late_news (delivery, attempt, fence, says, outcome, detail, platform_id, url, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let receipt: Option<&Receipt> = match &settle.next {
        Next::Published(receipt) => Some(receipt),
        _ => None,
    };
    let says = state_of(&settle.next);
    c.execute(
        SQL,
        params![
            settle.delivery.as_str(),
            settle.attempt.as_ref().map(AsRef::<str>::as_ref),
            settle.expected.1,
            says.as_str(),
            settle.outcome,
            settle.detail,
            receipt.and_then(|r| r.platform_id.as_deref()),
            receipt.and_then(|r| r.url.as_deref()),
            millis(settle.now)
        ],
    )?;
    let mut row = audit_of(settle, says, None);
    row.action = "delivery.late_news".into();
    c.will_audit(row);
    Ok(Settled::Late { state: delivery.state })
}

fn state_of(next: &Next) -> DeliveryState {
    match next {
        Next::Published(_) => DeliveryState::Published,
        Next::Accepted { .. } => DeliveryState::Accepted,
        Next::Again { .. } => DeliveryState::Due,
        Next::Waiting { .. } => DeliveryState::Waiting,
        Next::Refused { .. } => DeliveryState::Refused,
        Next::Held { .. } => DeliveryState::Held,
        Next::InDoubt { .. } => DeliveryState::InDoubt,
        Next::NeedsPerson { .. } => DeliveryState::NeedsPerson,
        Next::Removed { .. } => DeliveryState::RemovedByPlatform,
    }
}

fn audit_of(settle: &Settle, state: DeliveryState, reason: Option<&str>) -> Audit {
    let detail = json!({
        "attempt": settle.attempt.as_ref().map(AsRef::<str>::as_ref),
        "outcome": settle.outcome,
        "reason": reason,
    });
    let subject = format!("delivery:{}", settle.delivery);
    let row = audit::daemon(format!("delivery.{state}"), subject, detail, settle.now);
    Audit { request: settle.request.clone(), ..row }
}
