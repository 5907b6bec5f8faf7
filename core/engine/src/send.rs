//! Sends one claimed delivery: the only place that causes an effect, and only with an `Authorised` from the domain.
//!
//! The call goes to the adapter through the host; the host's ledger (kept by the store) writes each mutating request down
//! before it leaves. What came of it is decided by `domain::outcome::after` and written together with the forwards that
//! follow. If that write fails it is tried again until it succeeds: a result that is known must not be forgotten.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::approval::Authorised;
use juzhen_domain::claim::HoldReason;
use juzhen_domain::delivery::{Delivery, DeliveryKind};
use juzhen_domain::item::Variant;
use juzhen_domain::matrix::Account;
use juzhen_domain::outcome::{self, Next, Outcome};
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use juzhen_host::message::{self, operation};
use juzhen_host::{AccountContext, Call, EffectPolicy, Reply};
use juzhen_store::{Claim, Settle, Settled, StoreError};
use tracing::{Instrument, error, info, info_span, warn};

use crate::claim::{self, Places};
use crate::running::{self, account_context};
use crate::{Engine, interpret, sign_in};

/// Sends a claim, then what its account has next, as long as the commit that settles the one claims the other.
pub(crate) async fn send(engine: Engine, claim: Claim, places: Places) {
    let mut next = Some(claim);
    while let Some(claim) = next {
        let span = info_span!("delivery", delivery.id = %claim.delivery.id, account.id = %claim.delivery.account, attempt.id = %claim.attempt.id);
        next = send_one(&engine, &claim, &places).instrument(span).await;
    }
}

/// Sends, and writes down what came of it, be it that our own code broke (F15): then it may be out.
async fn send_one(engine: &Engine, claim: &Claim, places: &Places) -> Option<Claim> {
    let mut next = None;
    let sending = async {
        let came = try_to_send(engine, claim).await;
        settle(engine, claim, came, places, &mut next).await;
    };
    if let Err(panic) = AssertUnwindSafe(sending).catch_unwind().await {
        engine.panicked("send", panic.as_ref());
        error!("Sending panicked; the delivery is in doubt");
        let reason = Why::DaemonBroke.because("the daemon panicked while it sent");
        let came = Came::without_call(Next::InDoubt { look_at: engine.now(), reason }, "panicked");
        // What was claimed before the panic is sent all the same.
        settle(engine, claim, came, places, &mut next).await;
    }
    next
}

/// What came of a claim.
struct Came {
    next: Next,
    word: &'static str,
    reply: Option<Reply>,
}

impl Came {
    fn without_call(next: Next, word: &'static str) -> Self {
        Self { next, word, reply: None }
    }
}

async fn try_to_send(engine: &Engine, claim: &Claim) -> Came {
    sleep_until(engine, claim.delivery.next_at).await;
    let settings = engine.settings();
    let retry = running::retry(&settings);
    let Some(account) = settings.accounts.get(claim.leave.account()) else {
        // Removed since the claim: nothing has left, and the next round of the sweep holds it.
        let reason = HoldReason::AccountGone.to_string();
        return Came::without_call(Next::Held { reason }, "held");
    };
    engine.failpoints().reach("plugin.before_call");
    if account.platform != claim.delivery.platform {
        // Another platform's text was approved; a person has to say what becomes of it.
        let reason = Why::AccountChanged.because(format_args!("the account is on {} now", account.platform));
        return Came::without_call(Next::Held { reason }, "held");
    }
    let reply = engine.host().call(call(engine, claim, account)).await;
    let outcome = interpret::sent(&reply);
    let word = interpret::word(&outcome);
    report(&outcome);
    let lag = lag(engine, account);
    let next = match &outcome {
        Outcome::AuthExpired { reason } => sign_in::turned_away(engine, account, &reply, reason).await,
        _ => outcome::after(outcome, claim.delivery.tries, &retry, lag, engine.now()),
    };
    Came { next, word, reply: Some(reply) }
}

/// A clock that is not believed is asked again this often.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Never early by either clock (P6): a wall clock that is set forward while this sleeps saves no waiting. While the wall
/// clock is not believed nothing begins at all (P14); what is past its `latest_at` then, the ledger refuses.
async fn sleep_until(engine: &Engine, time: Timestamp) {
    let until = |wall: Timestamp| Duration::try_from(time.duration_since(wall)).unwrap_or_default();
    let first = engine.reading();
    let not_before = first.monotonic + until(first.wall);
    loop {
        let now = engine.reading();
        let left = match engine.clock_doubt() {
            Some(_) => ASK_AGAIN,
            None => until(now.wall).max(not_before.saturating_sub(now.monotonic)),
        };
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

fn call(engine: &Engine, claim: &Claim, account: &Account) -> Call {
    let manifest = engine.host().manifest(&account.adapter);
    let offers_repost = manifest.is_some_and(|m| m.offers(operation::REPOST));
    let (operation, body) = body(claim, engine, offers_repost);
    Call {
        adapter: account.adapter.clone(),
        id: claim.attempt.call.clone(),
        operation: operation.to_owned(),
        account: account_context(account),
        idempotency_key: claim.delivery.id.to_string(),
        attempt: claim.attempt.number,
        deadline: running::call_deadline(&engine.settings()),
        body,
        effects: EffectPolicy::Journal,
    }
}

/// The platform's own repost where it can be one, else the approved text, with its source when it is a forward.
fn body(claim: &Claim, engine: &Engine, offers_repost: bool) -> (&'static str, serde_json::Value) {
    let source = match (claim.leave.kind(), &claim.origin) {
        (DeliveryKind::Forward { .. }, Some(origin)) => Some(source(engine, origin)),
        _ => None,
    };
    let native = claim.origin.as_ref().is_some_and(|o| is_native(o, &claim.delivery, offers_repost));
    match source {
        Some(origin) if native => {
            (operation::REPOST, as_json(&message::Repost { origin, comment: String::new() }))
        }
        source => (operation::PUBLISH, as_json(&post(&claim.leave, source))),
    }
}

/// Whether a forward is the platform's own repost: on the same platform, where the adapter offers it and the platform's id
/// of the origin is known.
pub(crate) fn is_native(origin: &Delivery, forward: &Delivery, offers_repost: bool) -> bool {
    let known = origin.receipt.as_ref().is_some_and(|receipt| receipt.platform_id.is_some());
    offers_repost && known && origin.platform == forward.platform
}

pub(crate) fn source(engine: &Engine, origin: &Delivery) -> message::Source {
    let settings = engine.settings();
    let account = settings.accounts.get(&origin.account);
    let receipt = origin.receipt.as_ref();
    message::Source {
        account_name: account.map(|a| a.name.clone()).unwrap_or_default(),
        uid: account.map(|a| a.uid.clone()).unwrap_or_default(),
        id: receipt.and_then(|r| r.platform_id.clone()).unwrap_or_default(),
        url: receipt.and_then(|r| r.url.clone()),
    }
}

fn post(leave: &Authorised, source: Option<message::Source>) -> message::Post {
    as_post(leave.payload(), source)
}

/// The message for a text, as it goes to an adapter.
pub(crate) fn as_post(variant: &Variant, source: Option<message::Source>) -> message::Post {
    message::Post {
        title: variant.title.clone(),
        text: variant.text.clone(),
        link: variant.link.clone(),
        media: variant
            .media
            .iter()
            .map(|m| message::Media {
                blob: m.sha256.clone(),
                mime: m.mime.clone(),
                bytes: m.bytes,
                alt: m.alt.clone(),
            })
            .collect(),
        source,
    }
}

/// Messages of the boundary are plain structs; they always become JSON.
pub(crate) fn as_json<T: serde::Serialize>(message: &T) -> serde_json::Value {
    serde_json::to_value(message).unwrap_or_default()
}

pub(crate) fn lag(engine: &Engine, account: &Account) -> SignedDuration {
    let lag = engine.host().manifest(&account.adapter).and_then(|m| m.visibility_lag_s).unwrap_or(0);
    SignedDuration::from_secs(i64::from(lag))
}

fn report(outcome: &Outcome) {
    match outcome {
        Outcome::Published { id, .. } => info!(platform.id = %id, "Published"),
        Outcome::Accepted { ticket } => info!(ticket, "Accepted: the platform decides later"),
        Outcome::Unsure { reason } => warn!(reason, "In doubt: it may be out"),
        Outcome::Refused { reason } | Outcome::Barred { reason } | Outcome::Stopped { reason } => {
            warn!(reason, "Not published");
        }
        Outcome::Insecure { reason } => {
            error!(reason, "Nothing was said to a platform without proof of who it is");
        }
        Outcome::Busy { reason, .. }
        | Outcome::Interrupted { reason, .. }
        | Outcome::AuthExpired { reason }
        | Outcome::Quota { reason, .. } => info!(reason, "Not now"),
    }
}

/// Writes down what came of a claim. `claimed`: what the same commit claims of the account.
async fn settle(engine: &Engine, claim: &Claim, came: Came, places: &Places, claimed: &mut Option<Claim>) {
    let Came { next, word, reply } = came;
    let requests = reply.as_ref().map_or(0, |r| r.effects.known());
    let adapter = reply.and_then(|r| r.adapter).map(|a| a.sha256);
    let is_out = matches!(next, Next::Published(_));
    let settle = Settle {
        delivery: claim.delivery.id.clone(),
        expected: (DeliveryState::Sending, claim.delivery.fence),
        or_claimed: true,
        attempt: Some(claim.attempt.id.clone()),
        detail: detail(&next),
        next,
        outcome: word.to_owned(),
        adapter,
        requests,
        follow: engine.follow(),
        pause_after: running::pause_after(&engine.settings()),
        now: engine.now(),
        request: None,
    };
    let Written { forwards, next } = write_down(engine, settle, places).await;
    let goes_on = next.is_some();
    *claimed = next.or(claimed.take());
    engine.failpoints().reach("record.after_commit");
    if !is_out {
        engine.wake_after_settling();
    } else if forwards || !goes_on {
        // Nothing here for those who look.
        engine.wakes().claim.notify_one();
    }
}

fn detail(next: &Next) -> Option<String> {
    match next {
        Next::Published(receipt) => receipt.url.clone(),
        Next::Accepted { ticket, .. } => Some(ticket.clone()),
        Next::Again { reason, .. }
        | Next::Waiting { reason, .. }
        | Next::Refused { reason }
        | Next::Held { reason }
        | Next::InDoubt { reason, .. }
        | Next::NeedsPerson { reason }
        | Next::Removed { reason } => Some(reason.clone()),
    }
}

/// What was written besides the news.
#[derive(Default)]
struct Written {
    forwards: bool,
    next: Option<Claim>,
}

/// Writes news of a delivery, again and again until the store takes it or is closed (F20). The first time with the account's
/// next claim; what fails then may be the claim, so from then on alone.
async fn write_down(engine: &Engine, settle: Settle, places: &Places) -> Written {
    if let Some(request) = places.next_of_account(engine).await {
        match engine.store().settle_and_claim(settle.clone(), request).await {
            Ok((settled, mut round)) => {
                claim::claimed(engine, &round);
                return Written { forwards: told(&settled, &settle), next: round.claims.pop() };
            }
            Err(error) => warn!(error = crate::with_causes(&error), "A result is written without a claim"),
        }
    }
    let mut pause = Duration::from_millis(50);
    loop {
        match engine.store().settle(settle.clone()).await {
            Ok(settled) => return Written { forwards: told(&settled, &settle), next: None },
            Err(
                error @ (StoreError::Closed | StoreError::NotFound { .. } | StoreError::Impossible { .. }),
            ) => {
                let error = crate::with_causes(&error);
                error!(
                    error,
                    outcome = settle.outcome,
                    "A result cannot be written; the next start looks into it"
                );
                return Written::default();
            }
            Err(error) => {
                error!(error = crate::with_causes(&error), "A result could not be written yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}

/// Logs what became of the news; whether forwards follow.
fn told(settled: &Settled, settle: &Settle) -> bool {
    match settled {
        Settled::Applied { forwards, .. } if forwards.is_empty() => false,
        Settled::Applied { forwards, .. } => {
            info!(forwards = forwards.len(), "Forwards follow");
            true
        }
        Settled::Late { state } => {
            warn!(%state, outcome = settle.outcome, "A late result was kept as evidence");
            false
        }
    }
}

/// A call that only reads may take this long: a platform that does not answer must not keep the others waiting (P16).
const LONGEST_LOOK: Duration = Duration::from_secs(8);

/// A call that only reads.
pub(crate) fn reading_call(
    engine: &Engine,
    account: &Account,
    operation: &'static str,
    body: serde_json::Value,
    key: String,
) -> Call {
    let account_context: AccountContext = account_context(account);
    Call {
        adapter: account.adapter.clone(),
        id: engine.new_id(),
        operation: operation.to_owned(),
        account: account_context,
        idempotency_key: key,
        attempt: 1,
        deadline: running::call_deadline(&engine.settings()).min(LONGEST_LOOK),
        body,
        effects: EffectPolicy::Forbid,
    }
}
