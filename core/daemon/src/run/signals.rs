//! SIGTERM and SIGINT: the first one asks to end in order, the second one to hurry.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Cancelled by signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// Begin nothing new, finish what has begun, then end.
    pub(crate) soon: CancellationToken,
    /// Do not wait any longer. Nothing is lost: what had begun is looked up after the next start.
    pub(crate) now: CancellationToken,
}

/// Starts to listen for the signals; the handlers are in place when this returns.
pub(crate) fn stop_on_signal() -> Result<Stop> {
    let handler = |kind| signal(kind).context("could not listen for signals");
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let stop = Stop::default();
    let told = stop.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if told.soon.is_cancelled() {
                warn!(signal = name, "Told to stop again: not waiting any longer");
                told.now.cancel();
            } else {
                info!(signal = name, "Told to stop: finishing what has begun");
                told.soon.cancel();
            }
        }
    });
    Ok(stop)
}
