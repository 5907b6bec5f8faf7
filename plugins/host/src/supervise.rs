//! Keeps one line of an adapter running: watches its process, restarts it, and puts it to rest when it crashes too often.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::journal::lock;
use crate::lane::Lane;
use crate::options::Supervision;
use crate::ports::Clock;
use crate::refused::LoadRefused;
use crate::slot::{Generation, Slot, State, add_one};

/// Starts another process of the same line.
pub(crate) type Reopen =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<Generation>, LoadRefused>> + Send + Sync>;

/// What a supervisor works with.
pub(crate) struct Keeper {
    pub(crate) slot: Arc<Slot>,
    pub(crate) retired: CancellationToken,
    pub(crate) reopen: Reopen,
    pub(crate) supervision: Supervision,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) changed: watch::Sender<u64>,
}

/// Runs until the line is retired. An adapter that fails costs its own calls and nothing else (P10).
pub(crate) async fn keep(keeper: Keeper, mut generation: Arc<Generation>) {
    let mut rests = 0;
    loop {
        let reason = tokio::select! {
            biased;
            () = keeper.retired.cancelled() => return,
            reason = end_of(&*generation.lane, &keeper) => reason,
        };
        let on_probation = generation.probation.load(Ordering::Relaxed);
        if !on_probation {
            rests = 0;
        }
        let mut pause = keeper.after_crash(&reason, on_probation, &mut rests);
        generation = loop {
            tokio::select! {
                biased;
                () = keeper.retired.cancelled() => return,
                () = tokio::time::sleep(pause.length) => {}
            }
            match (keeper.reopen)().await {
                Ok(next) => break next,
                Err(refused) => pause = keeper.after_crash(&refused.to_string(), pause.rest, &mut rests),
            }
        };
        generation.probation.store(pause.rest, Ordering::Relaxed);
        add_one(&keeper.slot.counters.restarts);
        if !keeper.enter_state(State::Serving(Arc::clone(&generation))) {
            generation.lane.shutdown(Duration::ZERO).await;
            return;
        }
        tracing::info!(adapter.name = keeper.slot.name, "Adapter {} serves again", keeper.slot.name);
    }
}

/// How long nothing is started.
struct Pause {
    length: Duration,
    /// A quarantine: the first call afterwards is a probe.
    rest: bool,
}

impl Keeper {
    fn after_crash(&self, reason: &str, on_probation: bool, rests: &mut u32) -> Pause {
        let Self { slot, supervision, .. } = self;
        let crashes = self.count_crash();
        if on_probation || crashes >= supervision.crashes {
            let length = doubled(supervision.quarantine, *rests, supervision.quarantine_most);
            *rests += 1;
            tracing::error!(
                adapter.name = slot.name,
                crashes,
                reason,
                rest_s = length.as_secs(),
                "Adapter {} crashed {crashes} time(s) within a short while and rests for {} s: {reason}",
                slot.name,
                length.as_secs()
            );
            self.enter_state(State::Quarantined { until: self.unix_ms_in(length) });
            return Pause { length, rest: true };
        }
        let before = u32::try_from(crashes.saturating_sub(1)).unwrap_or(u32::MAX);
        let length = doubled(supervision.restart_first, before, supervision.restart_most);
        let length = jittered(length, &slot.name, self.clock.now_unix_ms());
        tracing::warn!(
            adapter.name = slot.name,
            crashes,
            reason,
            "Adapter {} crashed and is started again in {} ms: {reason}",
            slot.name,
            length.as_millis()
        );
        self.enter_state(State::Restarting { at: self.unix_ms_in(length) });
        Pause { length, rest: false }
    }

    fn count_crash(&self) -> usize {
        add_one(&self.slot.counters.crashes);
        let now = Instant::now();
        let mut crashed_at = lock(&self.slot.crashed_at);
        crashed_at.push_back(now);
        while crashed_at.front().is_some_and(|&at| now.duration_since(at) > self.supervision.crash_window) {
            crashed_at.pop_front();
        }
        crashed_at.len()
    }

    fn enter_state(&self, state: State) -> bool {
        let entered = self.slot.set_state(&self.retired, state);
        if entered {
            self.changed.send_modify(|count| *count += 1);
        }
        entered
    }

    fn unix_ms_in(&self, length: Duration) -> i64 {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        self.clock.now_unix_ms().saturating_add(length)
    }
}

/// Waits for the end of the process, and brings it about when it no longer answers (F72).
async fn end_of(lane: &dyn Lane, keeper: &Keeper) -> String {
    let gone = lane.gone();
    tokio::pin!(gone);
    let mut look = tokio::time::interval(keeper.supervision.poll_every);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut warned, mut killed) = (false, false);
    loop {
        tokio::select! {
            biased;
            reason = &mut gone => return reason,
            _ = look.tick() => {}
        }
        let stuck = Duration::from_millis(lane.health().stuck_ms);
        let name = &keeper.slot.name;
        if stuck > keeper.supervision.stuck_kill && !killed {
            killed = true;
            tracing::error!(
                adapter.name = name,
                stuck_ms = stuck.as_millis(),
                "Adapter {name} is stuck and is killed"
            );
            lane.kill(&format!("stuck for {} ms", stuck.as_millis()));
        } else if stuck > keeper.supervision.stuck_warn && !warned {
            warned = true;
            tracing::warn!(
                adapter.name = name,
                stuck_ms = stuck.as_millis(),
                "Adapter {name} blocks instead of waiting"
            );
        } else if stuck.is_zero() {
            warned = false;
        }
    }
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(most)
}

/// Between half and the whole: adapters that crashed together do not start together. By name and time and not by chance,
/// so that a simulated crash can be repeated.
fn jittered(length: Duration, name: &str, now_unix_ms: i64) -> Duration {
    let mut hasher = std::hash::DefaultHasher::new();
    (name, now_unix_ms).hash(&mut hasher);
    let thousandth = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    length.mul_f64(0.5 + f64::from(thousandth) / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most() {
        let pause = |times| doubled(Duration::from_millis(100), times, Duration::from_secs(30));
        assert_eq!([0, 1, 2, 8, 9, 60].map(|n| pause(n).as_millis()), [100, 200, 400, 25600, 30000, 30000]);
        for now in 0..100 {
            let jittered = jittered(Duration::from_secs(10), "mock", now).as_secs_f64();
            assert!((5.0..=10.0).contains(&jittered), "{jittered}");
        }
    }
}
