//! Accounts that cannot sign in: what becomes of a delivery that found it out, and the tries until it is over (F10, F61).
//!
//! Nothing of such an account is sent. Once somebody has to sign in, this service asks the platform whether the account is
//! let in again (`check`, which changes nothing): after growing pauses, and at once when a person has given another secret.
//! Where an adapter cannot ask, the next delivery is the question.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use juzhen_domain::caps::later;
use juzhen_domain::matrix::Account;
use juzhen_domain::outcome::{AUTH_LOOK, Next};
use juzhen_domain::reason::Why;
use juzhen_domain::sign_in::{Failure, SignIn};
use juzhen_host::message::{AccountInfo, AdapterError, ErrorKind, operation};
use juzhen_host::{Failure as CallFailed, Reply, pack};
use juzhen_store::{SignInRow, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::service::{self, Round, Service};
use crate::{Engine, interpret, look_after, send};

/// Accounts that are asked about in one round.
const MOST: usize = 16;

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    service::run(&engine, Service::SIGN_IN, &stop, || round(&engine)).await;
}

async fn round(engine: &Engine) -> Round {
    match ask_about_all(engine).await {
        Ok(()) => Round::next_in(Duration::from_secs(2)),
        Err(error) => Round::failed(&error),
    }
}

async fn ask_about_all(engine: &Engine) -> Result<(), StoreError> {
    let rows = engine.store().sign_ins().await?;
    // What only others can read is for them to ask about.
    let rows: Vec<SignInRow> =
        rows.into_iter().filter(|row| !engine.tokens().is_unreadable(&row.account)).collect();
    if rows.is_empty() || !engine.has_turn("sign_in").await? {
        return Ok(());
    }
    let now = engine.now();
    let mut due = Vec::new();
    for row in rows {
        if row.sign_in.is_forgotten(now) || is_worth_asking(engine, &row, now).await {
            due.push(row);
        }
    }
    due.truncate(MOST);
    join_all(due.iter().map(|row| ask(engine, row))).await.into_iter().collect()
}

/// One that nobody has to help is tried by its next delivery.
async fn is_worth_asking(engine: &Engine, row: &SignInRow, now: Timestamp) -> bool {
    let SignIn { needed_since, retry_at, .. } = row.sign_in;
    needed_since.is_some() && (now >= retry_at || engine.tokens().given(&row.account).await != row.given)
}

async fn ask(engine: &Engine, row: &SignInRow) -> Result<(), StoreError> {
    let (store, account) = (engine.store(), &row.account);
    let settings = engine.settings();
    let known = settings.accounts.get(account).filter(|_| row.sign_in.needed_since.is_some());
    let Some(known) = known else {
        // Nothing of it is held for this; a clean slate is all it needs.
        return store.sign_in_works(account, engine.now()).await;
    };
    let call = send::reading_call(engine, known, operation::CHECK, serde_json::json!({}), engine.new_id());
    let reply = engine.host().call(call).await;
    if is_let_in(&reply) {
        info!(account.id = %account, "Account {account} is let in again");
        store.sign_in_works(account, engine.now()).await?;
        engine.wake();
        return look_after::signed_in(engine, known, until(&reply)).await;
    }
    let failure = if says_signed_out(&reply) { Failure::SignedOut } else { Failure::NoToken };
    let said = why(&reply).unwrap_or_else(|| without_word(&row.sign_in.reason).to_owned());
    engine.tokens().failed(account, failure, &said, None).await.map(drop)
}

/// What becomes of a delivery whose account was not let in. Nothing of it is out.
pub(crate) async fn turned_away(engine: &Engine, account: &Account, reply: &Reply, reason: &str) -> Next {
    let known = match &reply.unrenewed {
        // The renewal has counted it.
        Some(unrenewed) if unrenewed.put_off || !says_signed_out(reply) => of(engine, account).await,
        _ => engine.tokens().failed(&account.id, Failure::SignedOut, reason, None).await.map(Some),
    };
    let reason = || Why::AuthExpired.because(reason);
    match known {
        Ok(Some(sign_in)) if sign_in.needed_since.is_some() => {
            warn!(reason = sign_in.reason, "The account has to sign in; what is due on it is held");
            Next::Held { reason: sign_in.reason }
        }
        Ok(Some(sign_in)) => Next::Waiting { until: sign_in.retry_at.max(engine.now()), reason: reason() },
        Ok(None) => Next::Waiting { until: later(engine.now(), AUTH_LOOK), reason: reason() },
        Err(error) => {
            warn!(error = crate::with_causes(&error), "That the account has to sign in could not be noted");
            Next::Waiting { until: later(engine.now(), AUTH_LOOK), reason: reason() }
        }
    }
}

async fn of(engine: &Engine, account: &Account) -> Result<Option<SignIn>, StoreError> {
    let rows = engine.store().sign_ins().await?;
    Ok(rows.into_iter().find(|row| row.account == account.id).map(|row| row.sign_in))
}

fn is_let_in(reply: &Reply) -> bool {
    match &reply.result {
        // The platform may know the account and still not talk to this machine.
        Ok(answer) => !pack::unpack::<AccountInfo>(answer).is_ok_and(|(info, _)| info.shuts_out()),
        Err(CallFailed::Adapter(error)) => matches!(error.kind, ErrorKind::Unsupported { .. }),
        Err(_) => false,
    }
}

/// Until when, as far as the platform says so.
fn until(reply: &Reply) -> Option<Timestamp> {
    let (info, _) = pack::unpack::<AccountInfo>(reply.result.as_ref().ok()?).ok()?;
    Timestamp::from_millisecond(info.signed_in_until_unix_ms?).ok()
}

fn says_signed_out(reply: &Reply) -> bool {
    matches!(
        &reply.result,
        Err(CallFailed::Adapter(AdapterError { kind: ErrorKind::AuthExpired { .. }, .. }))
    )
}

/// What the platform said of the sign-in; nothing when it was not reached.
fn why(reply: &Reply) -> Option<String> {
    match &reply.result {
        Err(CallFailed::Adapter(error)) if says_signed_out(reply) => Some(interpret::words_of(error)),
        _ => None,
    }
}

/// A kept reason as it was said.
pub(crate) fn without_word(reason: &str) -> &str {
    let word = Why::AuthExpired.as_str();
    reason.strip_prefix(word).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(reason)
}
