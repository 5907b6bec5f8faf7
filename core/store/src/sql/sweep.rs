//! The sweep: what time and the settings do to deliveries that nobody is working on. Each call does a bounded part; what
//! is left waits for the next.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::claim::{HoldReason, Standing};
use juzhen_domain::id::AccountId;
use juzhen_domain::matrix::AccountStatus;
use juzhen_domain::pause;
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::deliveries::WAITS;
use super::rows::{self, DELIVERY, DeliveryRow, Fields, millis};
use super::{ToValue, Transaction, audit, deliveries, params, pauses, queue, sign_ins, stop};
use crate::api::StandingOf;
use crate::error::StoreError;
use crate::values::Swept;

/// Deliveries of one kind moved in one call, so that the writer is soon free for others.
const MOST: u32 = 500;
/// Requests that have their effect once are remembered so long (promise P21 asks for a day).
const REMEMBER_REQUESTS_MS: i64 = 7 * 24 * 3600 * 1000;
/// The settings let no pause between two tries be longer. A platform that asks for more is tried after it.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);
/// No platform counts its quota over longer than a month.
const LONGEST_QUOTA: SignedDuration = SignedDuration::from_hours(32 * 24);

pub(crate) fn sweep(c: &Transaction<'_>, now: Timestamp, standing: &StandingOf) -> Result<Swept, StoreError> {
    c.execute("DELETE FROM once WHERE at < ?1", params![millis(now) - REMEMBER_REQUESTS_MS])?;
    queue::ask_again(c, millis(now))?;
    let sweep = Sweep { c, now, paused: pauses::paused(c)?, signed_out: sign_ins::needed(c)? };
    let missed = sweep.miss_late_ones()?;
    let released = sweep.release_waiting()? + sweep.release_held(standing)?;
    sweep.bring_forward()?;
    Ok(Swept { missed, released, held: sweep.hold(standing)? })
}

struct Sweep<'a> {
    c: &'a Transaction<'a>,
    now: Timestamp,
    /// Account → why.
    paused: BTreeMap<AccountId, String>,
    /// Account → the reason of what is held for it.
    signed_out: BTreeMap<AccountId, String>,
}

impl Sweep<'_> {
    /// P7: late is missed, never sent late. What was broken off may be out, so it is not missed but goes on.
    fn miss_late_ones(&self) -> Result<u32, StoreError> {
        let sql = format!(
            "SELECT {DELIVERY} FROM deliveries INDEXED BY deliveries_that_can_be_late
             WHERE (state = 'due' OR state = 'waiting' OR state = 'held') AND latest_at < ?1
             AND resume_call IS NULL
             ORDER BY latest_at LIMIT ?2"
        );
        self.move_all(&sql, params![millis(self.now), MOST], DeliveryState::Missed, |row| {
            Some(Why::Missed.because(format_args!("not sent by {}", row.delivery.latest_at)))
        })
    }

    /// P14: what a clock that ran ahead has put off for longer than can be is due now.
    fn bring_forward(&self) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {DELIVERY} FROM deliveries INDEXED BY deliveries_put_off
             WHERE state = 'due' AND next_at > due_at AND next_at > ?1 AND due_at <= ?2 LIMIT ?3"
        );
        let too_far = later(self.now, LONGEST_PAUSE);
        let values = params![millis(too_far), millis(self.now), MOST];
        for before in self.c.collect(&sql, values, rows::delivery)? {
            let mut after = before.clone();
            after.delivery.next_at = self.now;
            deliveries::save(self.c, &before, after, None, self.now)?;
        }
        Ok(())
    }

    fn release_waiting(&self) -> Result<u32, StoreError> {
        let sql = format!(
            "SELECT {DELIVERY} FROM deliveries INDEXED BY deliveries_by_state
             WHERE state = 'waiting' AND {WAITS} AND (next_at <= ?1 OR next_at > ?3)
             ORDER BY next_at, id LIMIT ?2"
        );
        let too_far = later(self.now, LONGEST_QUOTA);
        self.move_all(&sql, params![millis(self.now), MOST, millis(too_far)], DeliveryState::Due, |_| None)
    }

    /// Only what was held for a reason that is gone. What a person, a missing approval or the cap of attempts holds
    /// waits for a person.
    fn release_held(&self, standing: &StandingOf) -> Result<u32, StoreError> {
        const REASONS: &str = "SELECT DISTINCT hold, account FROM deliveries WHERE hold IS NOT NULL";
        let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE hold = ?1 AND account = ?2 LIMIT ?3");
        let stopped = stop::is_on(self.c)?;
        let read = |f: &mut Fields<'_>| Ok((f.get()?, f.id()?));
        let reasons: Vec<(String, AccountId)> = self.c.collect(REASONS, params![], read)?;
        let mut released = 0;
        for (hold, account) in reasons {
            if released >= MOST {
                break;
            }
            let gone = match hold.as_str() {
                word if word == HoldReason::Stopped.code() => !stopped,
                word if word == HoldReason::AccountPaused.code() => !self.paused.contains_key(&account),
                word if word == HoldReason::SignedOut.code() => !self.signed_out.contains_key(&account),
                word if is_of_the_settings(word) => cannot_send(standing(&account)).is_none(),
                _ => false,
            };
            if gone {
                let values = params![hold, account.as_str(), MOST];
                released += self.move_all(&sql, values, DeliveryState::Due, |_| None)?;
            }
        }
        Ok(released)
    }

    /// P9, P20, F10: settings that no longer have an account, a pause, and an account that has to sign in hold what is due
    /// there and delete nothing.
    fn hold(&self, standing: &StandingOf) -> Result<u32, StoreError> {
        let sql = format!(
            "SELECT {DELIVERY} FROM deliveries INDEXED BY deliveries_due
             WHERE state = 'due' AND account = ?1 LIMIT ?2"
        );
        let mut held = 0;
        for account in queue::waiting(self.c)? {
            if held >= MOST {
                break;
            }
            let of_settings = cannot_send(standing(&account)).map(|reason| reason.to_string());
            let of_pause = || self.paused.get(&account).map(|why| pause::held_for(why));
            let of_sign_in = || self.signed_out.get(&account).cloned();
            if let Some(reason) = of_settings.or_else(of_pause).or_else(of_sign_in) {
                let why = |_: &DeliveryRow| Some(reason.clone());
                held += self.move_all(&sql, params![account.as_str(), MOST], DeliveryState::Held, why)?;
            }
        }
        Ok(held)
    }

    fn move_all(
        &self,
        sql: &str,
        values: &[&dyn ToValue],
        to: DeliveryState,
        reason: impl Fn(&DeliveryRow) -> Option<String>,
    ) -> Result<u32, StoreError> {
        let found = self.c.collect(sql, values, rows::delivery)?;
        for before in &found {
            let mut after = before.clone();
            after.delivery.state = to;
            after.delivery.reason = reason(before);
            let detail = json!({ "from": before.delivery.state.as_str(), "reason": after.delivery.reason });
            let subject = format!("delivery:{}", before.delivery.id);
            let row = audit::daemon(format!("delivery.{to}"), subject, detail, self.now);
            deliveries::save(self.c, before, after, Some(&row), self.now)?;
            self.c.will_follow(&before.delivery.item, self.now);
        }
        Ok(u32::try_from(found.len()).unwrap_or(u32::MAX))
    }
}

fn is_of_the_settings(hold: &str) -> bool {
    let paused = HoldReason::AccountNotActive(AccountStatus::Suspended);
    hold == HoldReason::AccountGone.code() || hold == paused.code()
}

/// What the settings have against sending on an account.
fn cannot_send(standing: Option<Standing>) -> Option<HoldReason> {
    match standing {
        None => Some(HoldReason::AccountGone),
        Some(standing) if standing.status != AccountStatus::Active => {
            Some(HoldReason::AccountNotActive(standing.status))
        }
        Some(_) => None,
    }
}
