//! The one shape of every service: a round that can be called by itself, repeated until told to stop. Who has read one
//! has read all of them.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::Engine;

/// In what one service differs from another.
#[derive(Clone, Copy)]
pub(crate) struct Service {
    /// In logs, metrics and `/readyz`.
    pub(crate) name: &'static str,
    wake: fn(&Wakes) -> &Notify,
    goes_by_the_wall_clock: bool,
    is_broken_off: bool,
}

impl Service {
    pub(crate) const CLAIM: Self = Self::of("claim", |wakes| &wakes.claim).by_the_wall_clock();
    pub(crate) const RECONCILE: Self =
        Self::of("reconcile", |wakes| &wakes.reconcile).by_the_wall_clock().broken_off();
    pub(crate) const TRACK: Self = Self::of("track", |wakes| &wakes.track).by_the_wall_clock().broken_off();
    pub(crate) const RECHECK: Self = Self::of("recheck", |wakes| &wakes.recheck).broken_off();
    pub(crate) const SWEEP: Self = Self::of("sweep", |wakes| &wakes.sweep).by_the_wall_clock();
    pub(crate) const RELOAD: Self = Self::of("reload", |wakes| &wakes.reload);
    pub(crate) const MARK: Self = Self::of("mark", |wakes| &wakes.mark);
    pub(crate) const NODE: Self = Self::of("node", |wakes| &wakes.node);
    pub(crate) const OUTBOX: Self = Self::of("outbox", |wakes| &wakes.outbox).broken_off();
    pub(crate) const HOOK: Self = Self::of("hook", |wakes| &wakes.hook).broken_off();
    pub(crate) const WATCH: Self = Self::of("watch", |wakes| &wakes.watch).by_the_wall_clock().broken_off();
    pub(crate) const INTAKE: Self =
        Self::of("intake", |wakes| &wakes.intake).by_the_wall_clock().broken_off();
    pub(crate) const SIGN_IN: Self = Self::of("sign_in", |wakes| &wakes.sign_in).broken_off();

    pub(crate) const LOOK_AFTER: Self =
        Self::of("look_after", |wakes| &wakes.look_after).by_the_wall_clock().broken_off();

    /// Those without which the daemon is not ready (P16). The others fail when somebody else does: a platform, an address
    /// outside.
    pub(crate) const NEEDED: [Self; 7] =
        [Self::CLAIM, Self::RECONCILE, Self::TRACK, Self::SWEEP, Self::RELOAD, Self::MARK, Self::NODE];

    const fn of(name: &'static str, wake: fn(&Wakes) -> &Notify) -> Self {
        Self { name, wake, goes_by_the_wall_clock: false, is_broken_off: false }
    }

    /// It decides by the wall clock, so it rests while that is not believed (P14).
    const fn by_the_wall_clock(self) -> Self {
        Self { goes_by_the_wall_clock: true, ..self }
    }

    /// A stop does not wait for the end of its round: a look changes nothing outside, and what was being told is told again
    /// after the next start.
    const fn broken_off(self) -> Self {
        Self { is_broken_off: true, ..self }
    }

    fn rest(self, engine: &Engine, next_in: Duration) -> Duration {
        engine.rest(self.name, next_in)
    }
}

/// One for each service: it cuts the rest between two rounds short.
#[derive(Default)]
pub(crate) struct Wakes {
    pub(crate) claim: Notify,
    pub(crate) reconcile: Notify,
    pub(crate) track: Notify,
    pub(crate) recheck: Notify,
    pub(crate) sweep: Notify,
    pub(crate) node: Notify,
    pub(crate) reload: Notify,
    pub(crate) mark: Notify,
    pub(crate) outbox: Notify,
    pub(crate) hook: Notify,
    pub(crate) watch: Notify,
    pub(crate) intake: Notify,
    pub(crate) sign_in: Notify,
    pub(crate) look_after: Notify,
}

/// Whether a round went well, and when the next one is due at the latest.
pub(crate) struct Round {
    pub(crate) next_in: Duration,
    pub(crate) problem: Option<String>,
}

impl Round {
    pub(crate) fn next_in(next_in: Duration) -> Self {
        Self { next_in, problem: None }
    }

    /// Something else has to happen first, and is under way.
    pub(crate) fn not_yet(problem: &str) -> Self {
        Self::soon_again(problem.to_owned())
    }

    pub(crate) fn failed(problem: &dyn std::error::Error) -> Self {
        Self::soon_again(crate::with_causes(problem))
    }

    fn soon_again(problem: String) -> Self {
        Self { next_in: Duration::from_secs(1), problem: Some(problem) }
    }
}

/// Repeats `round` until `stop`.
pub(crate) async fn run<F>(
    engine: &Engine,
    service: Service,
    stop: &CancellationToken,
    round: impl FnMut() -> F,
) where
    F: Future<Output = Round>,
{
    let rounds = repeat(engine, service, stop, round);
    if !service.is_broken_off {
        return rounds.await;
    }
    tokio::select! {
        biased;
        () = rounds => {}
        () = stop.cancelled() => {}
    }
}

async fn repeat<F>(engine: &Engine, service: Service, stop: &CancellationToken, mut round: impl FnMut() -> F)
where
    F: Future<Output = Round>,
{
    let name = service.name;
    let mut told = None;
    while !stop.is_cancelled() {
        let round = if service.goes_by_the_wall_clock && engine.clock_doubt().is_some() {
            Round::next_in(Duration::from_secs(1))
        } else {
            caught(engine, name, round()).await
        };
        match &round.problem {
            // A problem that lasts is told once: the disk of the log may be the full one.
            Some(problem) if round.problem != told => warn!(service = name, problem, "A round failed"),
            None if told.is_some() => info!(service = name, "Works again"),
            _ => {}
        }
        told.clone_from(&round.problem);
        engine.board().ran(name, engine.reading(), round.problem);
        tokio::select! {
            biased;
            () = tokio::time::sleep(service.rest(engine, round.next_in)) => {}
            () = (service.wake)(engine.wakes()).notified() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// A panic ends the round, not the service, unless there are too many (F15).
async fn caught(engine: &Engine, name: &'static str, round: impl Future<Output = Round>) -> Round {
    let work = AssertUnwindSafe(round).catch_unwind().instrument(info_span!("round", service = name));
    work.await.unwrap_or_else(|panic| {
        engine.panicked(name, panic.as_ref());
        Round::soon_again("the last round panicked".to_owned())
    })
}
