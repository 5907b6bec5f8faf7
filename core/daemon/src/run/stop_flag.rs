//! STOP ALL without the API (P26): a file `STOP` in the data folder, or SIGUSR1. Who can only reach the machine can stop
//! the sending with `touch`. Taking the file away lifts nothing: as ever, two people do that, and while the file is there
//! everything stays stopped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use juzhen_domain::id::PersonId;
use juzhen_engine::Engine;
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// In the data folder.
const FILE: &str = "STOP";
/// Promised within a second, the commit included.
const LOOK: Duration = Duration::from_millis(250);

/// Before anything is claimed: a file that is there already counts.
pub(super) async fn look(engine: &Engine, data: &Path) {
    let is_there = tokio::fs::try_exists(data.join(FILE)).await;
    // A folder that cannot be read is no leave to send.
    if is_there.unwrap_or(true) {
        stop(engine, "数据目录中有 STOP 文件").await;
    }
}

/// Looks until `over`.
pub(super) async fn run(engine: Engine, data: PathBuf, mut told: Signal, over: CancellationToken) {
    loop {
        tokio::select! {
            _ = told.recv() => stop(&engine, "收到 SIGUSR1 信号").await,
            () = tokio::time::sleep(LOOK) => look(&engine, &data).await,
            () = over.cancelled() => return,
        }
    }
}

/// Once is enough; a stop that could not be written is tried again until it is.
async fn stop(engine: &Engine, reason: &str) {
    while !matches!(engine.store().stopped().await, Ok(Some(_))) {
        match engine.stop_all(&PersonId::new("daemon"), reason).await {
            Ok(_) => return warn!(reason, "STOP ALL"),
            Err(error) => error!(%error, "STOP ALL could not be written yet; nothing is sent meanwhile"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
