//! Claiming: for every account whose time has come, its first due delivery is asked about with `domain::claim::rule`,
//! in the transaction that then claims, holds or misses it. A claim costs the same however much waits behind it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use juzhen_domain::approval::Authorised;
use juzhen_domain::claim::{Facts, HoldReason, Ruling, Standing, rule};
use juzhen_domain::crash::{self, Ends};
use juzhen_domain::delivery::{Attempt, Delivery};
use juzhen_domain::id::{AccountId, AttemptId};
use juzhen_domain::pause;
use juzhen_domain::reason::Why;
use juzhen_domain::sign_in::SignIn;
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::rows::{self, DELIVERY, DeliveryRow, Fields, millis, millis_not_before, time};
use super::{
    Transaction, attempts, audit, deliveries, items, params, pauses, queue, settle, sign_ins, workers,
};
use crate::error::{StoreError, failed};
use crate::values::{Claim, ClaimRequest, ClaimRound, Settle, Settled};

/// Deliveries that one round may put aside: a long list of them must not keep the writer from everybody else.
const MOST_PUT_ASIDE: u32 = 256;
/// Accounts read at a time.
const PAGE: u32 = 128;

pub(crate) fn claim(c: &Transaction<'_>, request: &ClaimRequest) -> Result<ClaimRound, StoreError> {
    let mut round = Round::new(c, request)?;
    if workers::is_over(c, &request.worker)? {
        return Ok(round.done);
    }
    let mut after = (i64::MIN, AccountId::new(""));
    while !round.is_full() {
        let page = queue::awake(c, round.until, &after, PAGE)?;
        let Some(last) = page.last().cloned() else { break };
        after = last;
        for (wake_at, account) in page {
            if round.is_full() {
                break;
            }
            round.account(&account, wake_at)?;
        }
    }
    let mut done = round.done;
    done.next_due = queue::next(c)?.and_then(time);
    Ok(done)
}

/// Settles, then claims what the same account has next: the one transaction saves it the wait for a second commit.
pub(crate) fn after(
    c: &Transaction<'_>,
    news: &Settle,
    request: &ClaimRequest,
) -> Result<(Settled, ClaimRound), StoreError> {
    let settled = settle::settle(c, news)?;
    let mut round = Round::new(c, request)?;
    if let Settled::Applied { delivery, .. } = &settled
        && let Some(wake_at) = queue::wakes(c, &delivery.account, round.until)?
        && !workers::is_over(c, &request.worker)?
    {
        round.account(&delivery.account, wake_at)?;
    }
    Ok((settled, round.done))
}

struct Round<'a> {
    c: &'a Transaction<'a>,
    request: &'a ClaimRequest,
    stopped: bool,
    paused: BTreeMap<AccountId, String>,
    sign_ins: BTreeMap<AccountId, SignIn>,
    until: i64,
    done: ClaimRound,
}

impl<'a> Round<'a> {
    fn new(c: &'a Transaction<'a>, request: &'a ClaimRequest) -> Result<Self, StoreError> {
        let (stopped, paused, sign_ins) = in_the_way(c)?;
        Ok(Self {
            c,
            request,
            stopped: request.stopped || stopped,
            paused: if paused { pauses::paused(c)? } else { BTreeMap::new() },
            sign_ins: if sign_ins { sign_ins::all(c)? } else { BTreeMap::new() },
            until: millis(request.until.max(request.now)),
            done: ClaimRound { claims: Vec::new(), held: 0, in_doubt: 0, missed: 0, next_due: None },
        })
    }

    fn is_full(&self) -> bool {
        let claims = u32::try_from(self.done.claims.len()).unwrap_or(u32::MAX);
        claims >= self.request.most || self.done.put_aside() >= MOST_PUT_ASIDE
    }

    /// Takes the account's first due delivery, after putting aside those before it that cannot be sent.
    fn account(&mut self, account: &AccountId, wake_at: i64) -> Result<(), StoreError> {
        let standing = (self.request.standing)(account);
        while !self.is_full() {
            let Some(row) = head(self.c, account, self.until)? else { return Ok(()) };
            // A claim ahead of time is for a sender that sleeps until then; the time that counts is that one.
            let wake_at = time(wake_at).unwrap_or(self.request.now);
            let now = self.request.now.max(wake_at).max(row.delivery.next_at);
            match self.ask(&row, standing, now)? {
                (Ruling::Send(leave), origin) => return self.take(&row, *leave, origin, now),
                (Ruling::Hold(reason), _) => {
                    self.put_aside(&row, DeliveryState::Held, self.told(account, reason))?;
                    self.done.held += 1;
                }
                (Ruling::Doubt { reason }, _) => {
                    self.put_aside(&row, DeliveryState::InDoubt, reason)?;
                    self.done.in_doubt += 1;
                }
                (Ruling::Missed, _) => {
                    let reason = Why::Missed.because(format_args!("not sent by {}", row.delivery.latest_at));
                    self.put_aside(&row, DeliveryState::Missed, reason)?;
                    self.done.missed += 1;
                }
                (Ruling::Later(later), _) => {
                    return queue::not_before(self.c, account, millis_not_before(later));
                }
                (Ruling::AfterTheOther, _) => return Ok(()),
            }
        }
        Ok(())
    }

    /// The reason with what is known of it.
    fn told(&self, account: &AccountId, reason: HoldReason) -> String {
        let why = match reason {
            HoldReason::AccountPaused => self.paused.get(account).map(|why| pause::held_for(why)),
            HoldReason::SignedOut => self.sign_ins.get(account).map(|sign_in| sign_in.reason.clone()),
            _ => None,
        };
        why.unwrap_or_else(|| reason.to_string())
    }

    fn ask(
        &self,
        row: &DeliveryRow,
        account: Option<Standing>,
        now: Timestamp,
    ) -> Result<(Ruling, Option<Delivery>), StoreError> {
        let delivery = &row.delivery;
        let (item, _) = items::require(self.c, &delivery.item)?;
        let decisions = items::decisions(self.c, &delivery.item)?;
        let origin = deliveries::origin_of(self.c, delivery)?;
        let ruling = rule(&Facts {
            delivery,
            item: &item,
            decisions: &decisions,
            origin: origin.as_ref().map(|o| &o.platform),
            account,
            used: attempts::used(self.c, &delivery.account, now)?,
            stopped: self.stopped,
            paused: self.paused.contains_key(&delivery.account),
            sign_in: self.sign_ins.get(&delivery.account),
            ends: self.ends(delivery)?,
            now,
        });
        Ok((ruling, origin))
    }

    /// F12; costs a look only where there was an attempt before.
    fn ends(&self, delivery: &Delivery) -> Result<Ends, StoreError> {
        let over_it = attempts::ends_over(self.c, &delivery.id, delivery.tries)?;
        let other_is_out = crash::is_suspect(over_it) && attempts::suspect_is_out(self.c)?;
        Ok(Ends { over_it, other_is_out })
    }

    fn take(
        &mut self,
        row: &DeliveryRow,
        leave: Authorised,
        origin: Option<Delivery>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut after = row.clone();
        after.delivery.state = DeliveryState::Claimed;
        after.delivery.reason = None;
        after.delivery.fence += 1;
        after.delivery.tries += 1;
        // The caps may allow it later than it is due: then that is the time to sleep until.
        after.delivery.next_at = now;
        after.worker = Some(self.request.worker.clone());
        after.lease_until = Some(self.request.lease_until);
        let resumed = after.resume_call.take();
        let attempt = attempt_of(&after.delivery, resumed, now);
        let detail = json!({
            "attempt": attempt.id.as_str(),
            "account": after.delivery.account.as_str(),
            "payload": leave.hash().as_str(),
            "worker": self.request.worker,
        });
        let delivery = self.save(row, after, detail)?;
        attempts::insert(self.c, &attempt, &delivery.account, &self.request.worker)?;
        self.c.will_follow(&delivery.item, self.request.now);
        self.done.claims.push(Claim { delivery, leave, attempt, origin });
        Ok(())
    }

    fn put_aside(&self, row: &DeliveryRow, state: DeliveryState, reason: String) -> Result<(), StoreError> {
        let mut after = row.clone();
        let detail = json!({ "reason": reason });
        if state == DeliveryState::InDoubt {
            after.resume_call = None;
            after.delivery.next_at = self.request.now;
        }
        after.delivery.state = state;
        after.delivery.reason = Some(reason);
        self.save(row, after, detail)?;
        self.c.will_follow(&row.delivery.item, self.request.now);
        Ok(())
    }

    fn save(
        &self,
        before: &DeliveryRow,
        after: DeliveryRow,
        detail: serde_json::Value,
    ) -> Result<Delivery, StoreError> {
        let (id, now) = (&before.delivery.id, self.request.now);
        let action = format!("delivery.{}", after.delivery.state);
        let row = audit::daemon(action, format!("delivery:{id}"), detail, now);
        deliveries::save(self.c, before, after, Some(&row), now)
    }
}

/// Whether STOP ALL is on, some account is paused, or some sign-in is in doubt. Nearly always one look says that nothing is.
fn in_the_way(c: &Transaction<'_>) -> Result<(bool, bool, bool), StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM stop),
            EXISTS (SELECT 1 FROM account_trouble INDEXED BY accounts_paused WHERE paused_at IS NOT NULL),
            EXISTS (SELECT 1 FROM sign_ins)";
    let found = c.first(SQL, params![], |f: &mut Fields<'_>| Ok((f.get()?, f.get()?, f.get()?)))?;
    found.ok_or_else(|| failed("look for what is in the way", "the database gave no row".into()))
}

/// An attempt's number is its fence, which is never reset, so that its id is never used twice.
fn attempt_of(delivery: &Delivery, resumed: Option<String>, started_at: Timestamp) -> Attempt {
    let id = AttemptId::new(format!("{}.{}", delivery.id, delivery.fence));
    Attempt {
        call: resumed.unwrap_or_else(|| id.as_str().to_owned()),
        id,
        delivery: delivery.id.clone(),
        number: u32::try_from(delivery.fence).unwrap_or(u32::MAX),
        fence: delivery.fence,
        started_at,
        ended_at: None,
        outcome: None,
        detail: None,
        adapter: None,
    }
}

fn head(c: &Transaction<'_>, account: &AccountId, until: i64) -> Result<Option<DeliveryRow>, StoreError> {
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries INDEXED BY deliveries_due
         WHERE account = ?1 AND state = 'due' AND next_at <= ?2
         ORDER BY next_at, id LIMIT 1"
    );
    c.first(&sql, params![account.as_str(), until], rows::delivery)
}
