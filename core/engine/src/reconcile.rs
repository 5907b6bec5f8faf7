//! Closes doubts with evidence: is the post on the account? Presence proves, absence never does (R6). What cannot be
//! settled within the platform's visibility lag and a minute goes to a person.

use jiff::SignedDuration;
use juzhen_domain::caps::later;
use juzhen_domain::claim::HoldReason;
use juzhen_domain::delivery::payload;
use juzhen_domain::matrix::Account;
use juzhen_domain::outcome::{self, Evidence};
use juzhen_domain::state::DeliveryState;
use juzhen_host::message::{self, operation};
use juzhen_store::{Looked, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::service::{self, Service};
use crate::{Engine, interpret, look, running, send};

/// Longer than the platform's own lag: what is not seen by then goes to a person (P5).
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Clocks of platform and daemon may differ by this much.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let rounds = || look::round(&engine, DeliveryState::InDoubt, look_for);
    service::run(&engine, Service::RECONCILE, &stop, rounds).await;
}

async fn look_for(engine: &Engine, doubt: Looked) -> Result<(), StoreError> {
    let settings = engine.settings();
    let delivery = &doubt.delivery;
    engine.failpoints().reach("reconcile.before_read");
    let (evidence, lag) = match settings.accounts.get(&delivery.account) {
        Some(account) => (evidence(engine, &doubt, account).await?, send::lag(engine, account)),
        None => (Evidence::Unreadable { reason: HoldReason::AccountGone.to_string() }, SignedDuration::ZERO),
    };
    let now = engine.now();
    let (since, looks) = doubt.doubt.as_ref().map_or((now, 0), |d| (d.since, d.looks));
    // A doubt of later on was written under a clock that ran ahead: nobody can tell how long it lasts, so a person decides.
    let window_ends = if since > later(now, PATIENCE) { now } else { later(since, lag + PATIENCE) };
    engine.failpoints().reach("reconcile.after_read");
    info!(evidence = ?evidence, "Looked for a delivery in doubt");
    let next = outcome::weigh(evidence, window_ends, &running::retry(&settings), looks + 1, now);
    look::learnt(engine, &doubt, "looked", next).await
}

pub(crate) async fn evidence(
    engine: &Engine,
    doubt: &Looked,
    account: &Account,
) -> Result<Evidence, StoreError> {
    let manifest = engine.host().manifest(&account.adapter);
    let offers = |name: &str| manifest.as_ref().is_none_or(|m| m.offers(name));
    if !offers(operation::FIND_PUBLISHED) {
        return Ok(Evidence::CannotLook);
    }
    let delivery = &doubt.delivery;
    let find = find(engine, doubt, began(doubt), offers(operation::REPOST));
    let key = delivery.id.to_string();
    let call = send::reading_call(engine, account, operation::FIND_PUBLISHED, send::as_json(&find), key);
    let reply = engine.host().call(call).await;
    let posts = interpret::posts(&reply);
    if posts.is_empty() {
        return Ok(interpret::found(&reply, |_| false));
    }
    // The same text may have gone out before on purpose, such as a weekly notice: its receipt is no evidence (F67).
    let taken = engine.store().receipts_among(&delivery.account, posts).await?;
    Ok(interpret::found(&reply, |id| taken.contains(id)))
}

/// Nothing of it can have been sent before.
pub(crate) fn began(doubt: &Looked) -> jiff::Timestamp {
    let started = doubt.attempt.as_ref().map_or(doubt.delivery.changed_at, |a| a.started_at);
    doubt.began_at.map_or(started, |began| began.min(started))
}

/// Looks for what was sent: the platform's own repost, or the text.
pub(crate) fn find(
    engine: &Engine,
    doubt: &Looked,
    began: jiff::Timestamp,
    offers_repost: bool,
) -> message::Find {
    let delivery = &doubt.delivery;
    let origin = doubt.origin.as_ref();
    let variant = payload(&doubt.item.content, &delivery.platform, origin.map(|o| &o.platform));
    let source = origin.map(|o| send::source(engine, o));
    let native = origin.is_some_and(|o| send::is_native(o, delivery, offers_repost));
    let repost =
        source.clone().filter(|_| native).map(|origin| message::Repost { origin, comment: String::new() });
    message::Find {
        post: variant.map(|v| send::as_post(v, source)),
        repost,
        since_unix_ms: (began - SKEW).as_millisecond(),
        until_unix_ms: later(engine.now(), SKEW).as_millisecond(),
    }
}
