//! Everything that happens by chance comes from here, so that a seed says it all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A stream of randomness. Clones draw from the same stream; [`Chance::fork`] makes another one, so that a further draw
/// in one part of the simulation changes nothing in the others.
#[derive(Clone)]
pub(crate) struct Chance(Arc<Mutex<fastrand::Rng>>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    pub(crate) fn fork(&self) -> Self {
        Self::new(self.draw(|rng| rng.u64(..)))
    }

    /// 0 up to `end`, without it.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.draw(|rng| rng.u64(..end.max(1)))
    }

    /// Both ends included.
    pub(crate) fn between(&self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    pub(crate) fn percent(&self, of_hundred: u64) -> bool {
        self.below(100) < of_hundred
    }

    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }

    pub(crate) fn seconds(&self, from: u64, to: u64) -> Duration {
        self.millis(from * 1000, to * 1000)
    }

    pub(crate) fn pick<'t, T>(&self, of: &'t [T]) -> Option<&'t T> {
        of.get(usize::try_from(self.below(of.len() as u64)).unwrap_or_default())
    }

    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.draw(|rng| rng.fill(&mut bytes));
        bytes
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
