//! Hands out what people are told: each notice at least once, in order, always under the same id (F08). A notice was
//! written by the transaction that made it true; handing it out can fail, be late or happen twice, and touches nothing
//! else (incident I1).

use std::time::Duration;

use jiff::SignedDuration;
use juzhen_domain::caps::later;
use juzhen_store::{Notice, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Engine;
use crate::service::{self, Round};

/// Notices taken in one round.
const MOST: u32 = 32;
/// Who took a notice and is gone after this long did not hand it out.
const LEASE: SignedDuration = SignedDuration::from_secs(10);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let rounds = service::run(&engine, "outbox", &engine.wakes().outbox, &stop, || round(&engine));
    // What is broken off is handed out again after the next start.
    tokio::select! {
        biased;
        () = rounds => {}
        () = stop.cancelled() => {}
    }
}

async fn round(engine: &Engine) -> Round {
    match hand_out(engine).await {
        Ok(()) => Round::next_in(Duration::from_secs(1)),
        Err(error) => Round::failed(&error),
    }
}

async fn hand_out(engine: &Engine) -> Result<(), StoreError> {
    let now = engine.now();
    for notice in engine.store().take_notices(now, later(now, LEASE), MOST).await? {
        engine.failpoints().reach("outbox.before_emit");
        emit(&notice);
        engine.failpoints().reach("outbox.after_emit");
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
