//! Effects that happen after their request was answered.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::answer::Reply;
use crate::exchange::{Act, Call, Refusal};
use crate::ledger::Full;
use crate::world::{Shared, World};

/// More effects than this may not be waiting for their time.
const MOST_LATE: usize = 10_000;

/// Carries an act out later, unless the sandbox stops or is reset before.
pub(crate) fn postpone(
    shared: &Arc<Shared>,
    world: &mut World,
    ms: u64,
    act: Act,
    call: Call,
) -> Result<Reply, Refusal> {
    if world.late >= MOST_LATE {
        return Err(Full { most: MOST_LATE, what: "effects that are still to come" }.into());
    }
    world.late += 1;
    let (shared, generation) = (shared.clone(), world.generation);
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => {}
            () = shared.stop.cancelled() => return,
        }
        shared.with(|world| {
            if world.generation != generation {
                return;
            }
            world.late = world.late.saturating_sub(1);
            if let Err(refusal) = act(world, &call) {
                warn!(code = refusal.code, reason = refusal.message, "A late effect could not happen");
            }
        });
    });
    Ok(Reply::empty(204))
}
