//! Tidies up with the time: what is too late is missed, what waited long enough is due again, what the settings took away
//! is held, and what they gave back is released. Nothing here sends.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::Engine;
use crate::node::{self, NOT_OURS};
use crate::service::{self, Round, Service};

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    service::run(&engine, Service::SWEEP, &stop, || round(&engine)).await;
}

async fn round(engine: &Engine) -> Round {
    if let Err(round) = node::turn(engine, "sweep", NOT_OURS).await {
        return round;
    }
    match engine.store().sweep(engine.now(), engine.standing()).await {
        Ok(swept) => {
            if swept.missed + swept.released + swept.held > 0 {
                info!(missed = swept.missed, released = swept.released, held = swept.held, "Swept");
                engine.wake();
            }
            Round::next_in(Duration::from_secs(1))
        }
        Err(error) => Round::failed(&error),
    }
}
