//! Posts that were accepted but are not public yet (`async_then`).

use std::collections::HashMap;

use serde_json::json;

use super::acts::receipt;
use super::dialect::DIALECT;
use crate::answer::Reply;
use crate::effect::EffectState;
use crate::exchange::{Call, Refusal, worded};
use crate::faults::AsyncOutcome;
use crate::script::Later;
use crate::world::{World, now_unix_ms};

/// By the number of the effect.
pub(crate) type Tickets = HashMap<u64, Ticket>;

pub(crate) struct Ticket {
    /// Not decided before, in Unix milliseconds.
    not_before: i64,
    later: Later,
}

/// Opens a ticket for a pending effect; the answer names it.
pub(crate) fn open(world: &mut World, number: u64, at: i64, later: Later) -> String {
    let not_before = at.saturating_add(i64::try_from(later.after_ms).unwrap_or(i64::MAX));
    world.mock_tickets.insert(number, Ticket { not_before, later });
    ticket_of(number)
}

pub(crate) fn ticket_of(number: u64) -> String {
    format!("t{number}")
}

/// Whose post waits behind this ticket.
pub(crate) fn account_of(world: &World, ticket: &str) -> Option<String> {
    Some(world.ledger.get(number_of(ticket)?)?.account_uid.to_string())
}

/// Tells what became of it; the poll after the scripted number of pending ones decides it.
pub(crate) fn poll(world: &mut World, call: &Call, ticket: &str) -> Result<Reply, Refusal> {
    let unknown = || Refusal::new(404, "not_found", format!("there is no ticket {ticket:?}"));
    let number = number_of(ticket).ok_or_else(unknown)?;
    let opened = world.mock_tickets.get_mut(&number).ok_or_else(unknown)?;
    let entry = world.ledger.get_mut(number).ok_or_else(unknown)?;
    if entry.state == EffectState::Pending {
        if opened.later.polls > 0 || now_unix_ms() < opened.not_before {
            opened.later.polls = opened.later.polls.saturating_sub(1);
            return Ok(Reply::json(200, &json!({ "state": "pending" })));
        }
        match opened.later.outcome {
            AsyncOutcome::Published => {
                entry.state = EffectState::Standing;
                entry.visible_from = now_unix_ms().saturating_add(entry.said.visible_late_ms);
            }
            AsyncOutcome::Refused => entry.state = EffectState::Refused,
        }
    }
    if entry.state_at(now_unix_ms()) == EffectState::Removed {
        // As a platform says it that takes down after its own success.
        let reason = "涉嫌违规，已被平台删除";
        return Ok(Reply::json(200, &json!({ "state": "refused", "code": "removed", "reason": reason })));
    }
    if entry.state == EffectState::Refused {
        let Refusal { code, message, .. } = worded(&DIALECT, opened.later.refusal.clone());
        return Ok(Reply::json(200, &json!({ "state": "refused", "code": code, "reason": message })));
    }
    let mut published = receipt(call, number, entry.at);
    if let Some(fields) = published.as_object_mut() {
        fields.insert("state".to_owned(), json!("published"));
    }
    Ok(Reply::json(200, &published))
}

fn number_of(ticket: &str) -> Option<u64> {
    ticket.strip_prefix('t')?.parse().ok()
}
