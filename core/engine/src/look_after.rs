//! Looks after the accounts' sign-ins: asks each platform once a day whether the account is still let in, tells people 14, 7,
//! 3 and 1 day before that ends, and says that somebody has to sign in when it has ended (F10, F61). What a look finds is
//! kept, so that nobody asks again after a restart, and a warning is told once by however many daemons.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::expiry;
use juzhen_domain::finding::{Finding, Kind};
use juzhen_domain::id::AccountId;
use juzhen_domain::matrix::{Account, AccountStatus};
use juzhen_domain::sign_in::Failure;
use juzhen_host::message::operation;
use juzhen_store::{AccountLook, EndWords, KeepLook, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::examine::{Examined, Standing, examine};
use crate::service::{self, Round, Service};
use crate::{Engine, node};

/// Between two looks at an account.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// After one that the platform did not answer.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// Accounts that were never looked at have their first look within this, so that no platform gets all of them at once.
const FIRST_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Accounts looked at in one round, side by side: a round ends before the turn does.
const SIDE_BY_SIDE: usize = 4;
/// Nobody rests for longer: the settings may have another account.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// What a live look at an account found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCheck {
    pub at: Timestamp,
    pub findings: Vec<Finding>,
    pub signed_in_until: Option<Timestamp>,
}

impl AccountCheck {
    /// Nothing keeps the account from publishing.
    pub fn is_fine(&self) -> bool {
        !self.findings.iter().any(|finding| finding.blocks)
    }
}

impl Engine {
    /// Looks at an account now, as the daily look does, and keeps what it finds. `None`: there is no such account. Takes some
    /// seconds at most when the platform does not answer.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn check_account(&self, account: &AccountId) -> Result<Option<AccountCheck>, StoreError> {
        let settings = self.settings();
        let Some(known) = settings.accounts.get(account) else { return Ok(None) };
        let checked = look(self, known).await?;
        // The next look may be due earlier than it was.
        self.wakes().look_after.notify_one();
        Ok(Some(checked))
    }
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let first = First::default();
    service::run(&engine, Service::LOOK_AFTER, &stop, || round(&engine, &first)).await;
}

/// When accounts that were never looked at are.
type First = Mutex<BTreeMap<AccountId, Timestamp>>;

async fn round(engine: &Engine, first: &First) -> Round {
    if let Err(round) = node::turn(engine, "look_after", LONGEST_REST / 4).await {
        return round;
    }
    match look_at_due(engine, first).await {
        Ok(next_in) => Round::next_in(next_in),
        Err(error) => Round::failed(&error),
    }
}

/// Looks at some of the accounts whose time has come; how long until the next one's.
async fn look_at_due(engine: &Engine, first: &First) -> Result<Duration, StoreError> {
    let (now, settings) = (engine.now(), engine.settings());
    let serving = engine.serving_adapters();
    let looked: BTreeMap<AccountId, AccountLook> =
        engine.store().looks().await?.into_iter().map(|look| (look.account.clone(), look)).collect();
    // Those that somebody has to sign in on are asked about elsewhere.
    let out: Vec<AccountId> = engine.store().sign_ins().await?.into_iter().map(|row| row.account).collect();
    let mut due = Vec::new();
    let mut next = later(now, EVERY);
    for account in settings.accounts.values() {
        let is_ours = account.status == AccountStatus::Active
            && serving.contains(&account.adapter)
            && offers_check(engine, account)
            && !out.contains(&account.id);
        if !is_ours {
            continue;
        }
        let at =
            looked.get(&account.id).map_or_else(|| first_look(first, &account.id, now), |look| look.next_at);
        // Further ahead than any look puts the next one, it was written by a clock that has been set back since.
        if at <= now || at > later(now, EVERY) {
            due.push(account);
        } else {
            next = next.min(at);
        }
    }
    let are_left = due.len() > SIDE_BY_SIDE;
    due.truncate(SIDE_BY_SIDE);
    join_all(due.iter().map(|account| look(engine, account)))
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    if are_left {
        return Ok(Duration::from_secs(1));
    }
    let rest = Duration::try_from(next.duration_since(now)).unwrap_or_default();
    Ok(rest.clamp(Duration::from_secs(1), LONGEST_REST))
}

fn offers_check(engine: &Engine, account: &Account) -> bool {
    engine.host().manifest(&account.adapter).is_some_and(|manifest| manifest.offers(operation::CHECK))
}

fn first_look(first: &First, account: &AccountId, now: Timestamp) -> Timestamp {
    let mut hasher = DefaultHasher::new();
    account.hash(&mut hasher);
    let share = i64::try_from(hasher.finish() % 1000).unwrap_or(0);
    let within = SignedDuration::from_secs(FIRST_WITHIN.as_secs() * share / 1000);
    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
    *first.entry(account.clone()).or_insert_with(|| later(now, within))
}

/// One look, and what follows from it.
async fn look(engine: &Engine, account: &Account) -> Result<AccountCheck, StoreError> {
    let Examined { findings, standing } = examine(engine, account).await;
    let before = engine.store().looks().await?.into_iter().find(|look| look.account == account.id);
    let until = match &standing {
        Standing::SignedIn(until) => *until,
        Standing::SignedOut(_) => None,
        Standing::Unknown => before.and_then(|before| before.signed_in_until),
    };
    for finding in findings.iter().filter(|finding| finding.blocks) {
        warn!(account.id = %account.id, kind = finding.kind.as_str(), finding.text, "Account {} cannot publish", account.id);
    }
    let checked = AccountCheck { at: engine.now(), findings, signed_in_until: until };
    match standing {
        Standing::SignedIn(_) => let_in(engine, account).await?,
        Standing::SignedOut(said) => {
            engine.tokens().failed(&account.id, Failure::SignedOut, &said, None).await?;
        }
        Standing::Unknown => {}
    }
    keep(engine, account, &checked).await?;
    Ok(checked)
}

/// Whoever waits for the account to be let in need not wait any longer.
async fn let_in(engine: &Engine, account: &Account) -> Result<(), StoreError> {
    let rows = engine.store().sign_ins().await?;
    if rows.iter().any(|row| row.account == account.id && row.sign_in.needed_since.is_some()) {
        info!(account.id = %account.id, "Account {} is let in again", account.id);
        engine.store().sign_in_works(&account.id, engine.now()).await?;
        engine.wake();
    }
    Ok(())
}

/// The account has just been signed in: what is known of it begins anew.
pub(crate) async fn signed_in(
    engine: &Engine,
    account: &Account,
    until: Option<Timestamp>,
) -> Result<(), StoreError> {
    let checked = AccountCheck { at: engine.now(), findings: Vec::new(), signed_in_until: until };
    keep(engine, account, &checked).await?;
    engine.wakes().look_after.notify_one();
    Ok(())
}

async fn keep(engine: &Engine, account: &Account, checked: &AccountCheck) -> Result<(), StoreError> {
    let AccountCheck { at, findings, signed_in_until: until } = checked;
    let words = EndWords {
        when: until.map(|until| shown(engine, until)).unwrap_or_default(),
        how: how(engine, account),
    };
    let look = KeepLook {
        account: account.id.clone(),
        at: *at,
        next_at: next_look(checked),
        signed_in_until: *until,
        findings: findings.clone(),
        words,
    };
    if engine.store().keep_look(look).await? {
        warn!(account.id = %account.id, until = ?until, "The sign-in of account {} ends soon", account.id);
        engine.wakes().outbox.notify_one();
    }
    Ok(())
}

/// When the account is looked at next: tomorrow, with the next warning, when the sign-in ends, or soon when nobody answered.
fn next_look(checked: &AccountCheck) -> Timestamp {
    let AccountCheck { at, findings, signed_in_until } = checked;
    let unanswered = findings.iter().any(|finding| finding.kind == Kind::Unreachable);
    let usual = later(*at, if unanswered { AGAIN } else { EVERY });
    let news = signed_in_until.and_then(|until| expiry::next(until, *at));
    // A moment later, so that it has ended by the platform's clock too.
    news.map_or(usual, |news| usual.min(later(news, SignedDuration::from_secs(1))))
}

fn shown(engine: &Engine, until: Timestamp) -> String {
    let zone = TimeZone::get(&engine.settings().district.timezone).unwrap_or(TimeZone::UTC);
    until.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()
}

fn how(engine: &Engine, account: &Account) -> String {
    let by_browser = engine
        .host()
        .manifest(&account.adapter)
        .is_some_and(|manifest| manifest.offers(operation::AUTHORIZE));
    if by_browser {
        format!("请账号管理员用 juzhen account authorize {} 重新授权", account.id)
    } else {
        "请账号管理员重新取得凭据，由系统管理员用 juzhen secret set 写入".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn next(until: Option<i64>, kind: Option<Kind>) -> i64 {
        let findings = kind.map(|kind| Finding::blocking(kind, "x")).into_iter().collect();
        let checked = AccountCheck { at: at(0), findings, signed_in_until: until.map(at) };
        next_look(&checked).as_second()
    }

    #[test]
    fn f61_the_next_look_is_tomorrow_or_when_there_is_something_to_tell() {
        let day = 86_400;
        assert_eq!(next(None, None), day);
        assert_eq!(next(Some(30 * day), None), day);
        assert_eq!(next(Some(7 * day + 600), None), 601, "a warning");
        assert_eq!(next(Some(4), None), 5, "the end");
        assert_eq!(next(Some(-4), None), day, "it has ended");
        assert_eq!(next(None, Some(Kind::Unreachable)), 3_600);
        assert_eq!(next(None, Some(Kind::Permission)), day);
    }
}
