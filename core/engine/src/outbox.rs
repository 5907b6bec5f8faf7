//! Hands out what people are told: each notice at least once, in order, always under the same id (F08). A notice was
//! written by the transaction that made it true; handing it out can fail, be late or happen twice, and touches nothing
//! else (incident I1).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use juzhen_domain::caps::later;
use juzhen_domain::notice;
use juzhen_store::{Notice, StoreError};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Engine;
use crate::service::{self, Round, Service};

/// Notices taken in one round.
const MOST: u32 = 32;
/// Who took a notice and is gone after this long did not hand it out.
const LEASE: SignedDuration = SignedDuration::from_secs(10);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let told = AtomicBool::new(false);
    service::run(&engine, Service::OUTBOX, &stop, || round(&engine, &told)).await;
}

async fn round(engine: &Engine, told: &AtomicBool) -> Round {
    let done = match tell_of_the_clock(engine, told).await {
        Ok(()) => hand_out(engine).await,
        failed => failed,
    };
    match done {
        Ok(()) => Round::next_in(Duration::from_secs(1)),
        Err(error) => Round::failed(&error),
    }
}

/// Once for each time that the clock is not believed (P14).
async fn tell_of_the_clock(engine: &Engine, told: &AtomicBool) -> Result<(), StoreError> {
    let Some(doubt) = engine.clock_doubt() else {
        told.store(false, Ordering::Relaxed);
        return Ok(());
    };
    if told.load(Ordering::Relaxed) {
        return Ok(());
    }
    let draft = notice::of_clock(&doubt, &engine.new_id());
    engine.store().tell(draft, json!({ "clock": doubt.to_string() }), engine.now()).await?;
    told.store(true, Ordering::Relaxed);
    Ok(())
}

async fn hand_out(engine: &Engine) -> Result<(), StoreError> {
    let now = engine.now();
    for notice in engine.store().take_notices(now, later(now, LEASE), MOST).await? {
        engine.failpoints().reach("outbox.before_emit");
        emit(&notice);
        engine.failpoints().reach("outbox.after_emit");
        if engine.settings().notices.webhook.is_some() {
            engine.store().hook_notice(notice.number, engine.now()).await?;
            engine.wakes().hook.notify_one();
        }
        engine.store().notice_emitted(notice.number, engine.now()).await?;
    }
    Ok(())
}

/// Into the log, from where the operator's own alarms take it by its fields.
fn emit(notice: &Notice) {
    warn!(
        notice.id,
        notice.kind,
        notice.subject,
        notice.at = %notice.at,
        notice.detail = %notice.detail,
        "Notice: {}",
        notice.text
    );
}
