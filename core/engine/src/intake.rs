//! Reads what readers write where platforms do not tell it by themselves: comments, mentions, messages (`poll_messages`).
//!
//! The store says whose turn a poll is and where it goes on, so several daemons read each account once. How often is the
//! settings' word, and at the least the platform's own (`after_ms`): many let an account ask only a few times a day. The
//! place in the list is kept by the commit that keeps the messages, so a crash reads some twice and misses none; the table
//! knows them again. An account that has to sign in, or is paused, is left in peace.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::id::AccountId;
use juzhen_domain::matrix::{Account, AccountStatus};
use juzhen_domain::message::{after_failure, after_poll};
use juzhen_host::message::{self, Messages, operation};
use juzhen_host::{Call, Reply};
use juzhen_settings::Settings;
use juzhen_store::{NewMessage, PollAnswer, PollTurn, Polled, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::interpret::Unread;
use crate::service::{self, Round, Service};
use crate::{Engine, interpret, running, said, send, sign_in};

/// Accounts read side by side.
const SIDE_BY_SIDE: usize = 4;
/// Whether something is due is looked up so often, at the least.
const LOOK: SignedDuration = SignedDuration::from_secs(10);
/// The first poll goes so far back.
const FIRST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Each further one goes so far behind the last: a comment may wait for its review that long before it is listed.
const OVERLAP: SignedDuration = SignedDuration::from_hours(2 * 24);
/// Messages of one commit: a long list does not hold up what is to be published.
const AT_ONCE: usize = 50;

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    service::run(&engine, Service::INTAKE, &stop, || round(&engine)).await;
}

async fn round(engine: &Engine) -> Round {
    let settings = engine.settings();
    let every = SignedDuration::from_secs(i64::from(settings.publish.intake_seconds));
    match read_all(engine, &settings, every).await {
        Ok(()) => Round::next_in(Duration::try_from(every.clamp(ONE, LOOK)).unwrap_or_default()),
        Err(error) => Round::failed(&error),
    }
}

const ONE: SignedDuration = SignedDuration::from_secs(1);

async fn read_all(engine: &Engine, settings: &Settings, every: SignedDuration) -> Result<(), StoreError> {
    let readable = readable(engine, settings);
    if every.is_zero() || readable.is_empty() {
        return Ok(());
    }
    let due = due(engine, readable).await?;
    let mut polls = Vec::new();
    for account in due {
        polls.push(poll(engine, account, every).boxed());
    }
    let ends: Vec<Result<(), StoreError>> =
        stream::iter(polls).buffer_unordered(SIDE_BY_SIDE).collect().await;
    ends.into_iter().collect()
}

/// Those whose adapter reads messages and works.
fn readable<'s>(engine: &Engine, settings: &'s Settings) -> Vec<&'s Account> {
    let serving = engine.serving_adapters();
    let offers = |account: &Account| {
        engine.host().manifest(&account.adapter).is_some_and(|m| m.offers(operation::POLL_MESSAGES))
    };
    let accounts = settings.accounts.values();
    let active = accounts.filter(|account| account.status == AccountStatus::Active);
    active.filter(|account| serving.contains(&account.adapter) && offers(account)).collect()
}

/// Those whose time has come, as far as this daemon sees; the store decides when it gives out the turn.
async fn due<'s>(engine: &Engine, readable: Vec<&'s Account>) -> Result<Vec<&'s Account>, StoreError> {
    let now = engine.now();
    let furthest = later(now, juzhen_domain::message::LONGEST_PAUSE);
    let is_due = |next_at: Timestamp| next_at <= now || next_at > furthest;
    let known = engine.store().intake().await?;
    let resting: BTreeSet<AccountId> =
        known.into_iter().filter(|intake| !is_due(intake.next_at)).map(|intake| intake.account).collect();
    let mut due: Vec<&Account> =
        readable.into_iter().filter(|account| !resting.contains(&account.id)).collect();
    if due.is_empty() {
        return Ok(due);
    }
    let signed_out = engine.store().sign_ins().await?.into_iter();
    let signed_out =
        signed_out.filter(|row| row.sign_in.needed_since.is_some() || row.sign_in.retry_at > now);
    let paused = engine.store().troubled().await?.into_iter().filter(|trouble| trouble.pause.is_some());
    let barred: BTreeSet<AccountId> =
        signed_out.map(|row| row.account).chain(paused.map(|trouble| trouble.account)).collect();
    due.retain(|account| !barred.contains(&account.id));
    Ok(due)
}

async fn poll(engine: &Engine, account: &Account, every: SignedDuration) -> Result<(), StoreError> {
    let now = engine.now();
    let deadline = running::call_deadline(&engine.settings());
    // Whoever has not come back by then has ended.
    let until = later(now, SignedDuration::try_from(deadline * 2).unwrap_or(every).max(ONE * 60));
    let Some(turn) = engine.store().poll_turn(&account.id, now, until).await? else { return Ok(()) };
    let reply = engine.host().call(call(engine, account, &turn, now, deadline)).await;
    match interpret::read(&reply) {
        Ok(messages) => keep(engine, account, messages, every, until).await,
        Err(unread) => failed(engine, account, &turn, &reply, unread).await,
    }
}

fn call(engine: &Engine, account: &Account, turn: &PollTurn, now: Timestamp, deadline: Duration) -> Call {
    let polled_at = turn.polled_at.filter(|polled| *polled <= now);
    let since = polled_at.map_or(now - FIRST, |polled| polled - OVERLAP);
    let body = message::Poll {
        cursor: turn.cursor.clone(),
        since_unix_ms: since.as_millisecond(),
        most: 0,
        posts: turn.posts.clone(),
    };
    let key = format!("intake-{}", account.id);
    let call = send::reading_call(engine, account, operation::POLL_MESSAGES, send::as_json(&body), key);
    Call { deadline, ..call }
}

/// What was read, part by part; the place in the list with the last part.
async fn keep(
    engine: &Engine,
    account: &Account,
    read: Messages,
    every: SignedDuration,
    until: Timestamp,
) -> Result<(), StoreError> {
    let Messages { messages, cursor, more, after_ms, gaps } = read;
    let at = engine.now();
    let pause = after_ms.and_then(|ms| i64::try_from(ms).ok()).map(SignedDuration::from_millis);
    let next_at = after_poll(at, every, pause, more);
    let messages: Vec<NewMessage> =
        messages.into_iter().filter_map(|message| said::new(engine, &account.id, message)).collect();
    let listed = messages.len();
    let mut parts: Vec<Vec<NewMessage>> = messages.chunks(AT_ONCE).map(<[NewMessage]>::to_vec).collect();
    let last = parts.pop().unwrap_or_default();
    let mut new = 0;
    for messages in parts {
        let result = Ok(PollAnswer { messages, ..PollAnswer::default() });
        new +=
            engine.store().polled(Polled { account: account.id.clone(), at, next_at: until, result }).await?;
    }
    let result = Ok(PollAnswer { messages: last, cursor, gaps });
    new += engine.store().polled(Polled { account: account.id.clone(), at, next_at, result }).await?;
    if new > 0 {
        info!(account.id = %account.id, listed, new, "Readers have written");
    }
    Ok(())
}

async fn failed(
    engine: &Engine,
    account: &Account,
    turn: &PollTurn,
    reply: &Reply,
    unread: Unread,
) -> Result<(), StoreError> {
    let at = engine.now();
    let Unread { reason, wait, signed_out } = unread;
    if signed_out {
        // Counted like a delivery that finds it out: people are told once, and asked for nothing else meanwhile.
        drop(sign_in::turned_away(engine, account, reply, &reason).await);
    }
    let next_at = after_failure(at, turn.failures.saturating_add(1), wait.map(|wait| wait.of(at)));
    if turn.failures == 0 {
        warn!(account.id = %account.id, reason, "What readers write could not be read");
    }
    let result = Err(reason);
    engine.store().polled(Polled { account: account.id.clone(), at, next_at, result }).await.map(drop)
}
