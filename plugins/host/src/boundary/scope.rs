//! What an operation sees of time and chance: recorded, so that it can be run a second time and see the same.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::lock;
use crate::lane::ScopeSeed;

/// After so many readings an operation's clock stands still: the journal is finite, and a second run has to see the
/// same. Waiting is what `clock.sleep` is for.
const MOST_READINGS: usize = 4096;

/// The live operations of one adapter.
#[derive(Default)]
pub(crate) struct Scopes {
    live: Mutex<HashMap<u64, Scope>>,
}

struct Scope {
    recorded: VecDeque<i64>,
    given: usize,
    last: i64,
    random: Stream,
}

impl Scopes {
    /// False when the scope is in use.
    pub(crate) fn begin(&self, scope: u64, seed: ScopeSeed) -> bool {
        let mut live = lock(&self.live);
        if live.contains_key(&scope) {
            return false;
        }
        let last = seed.now_unix_ms.last().copied().unwrap_or_default();
        let random = Stream { seed: seed.random, block: 0, left: Vec::new() };
        live.insert(scope, Scope { recorded: seed.now_unix_ms.into(), given: 0, last, random });
        true
    }

    pub(crate) fn end(&self, scope: u64) {
        lock(&self.live).remove(&scope);
    }

    pub(crate) fn is_live(&self, scope: u64) -> bool {
        lock(&self.live).contains_key(&scope)
    }

    /// Milliseconds since 1970. A fresh reading of a live scope is passed to `journal` before anyone else can read.
    pub(crate) fn now(&self, scope: u64, journal: impl FnOnce(i64)) -> i64 {
        let mut live = lock(&self.live);
        let Some(state) = live.get_mut(&scope) else { return system_now() };
        if state.given >= MOST_READINGS {
            return state.last;
        }
        state.given += 1;
        if let Some(recorded) = state.recorded.pop_front() {
            state.last = recorded;
            return recorded;
        }
        // A replayed operation never sees the clock go back behind what it was told the first time.
        state.last = if state.given == 1 { system_now() } else { system_now().max(state.last) };
        journal(state.last);
        state.last
    }

    /// Fills `out`: from the scope's stream, or, outside of any operation, from the operating system.
    pub(crate) fn random(&self, scope: u64, out: &mut [u8]) {
        if let Some(state) = lock(&self.live).get_mut(&scope) {
            return state.random.fill(out);
        }
        if getrandom::fill(out).is_err() {
            // No operation is running, so nothing is decided by these.
            out.fill(0);
        }
    }
}

/// SHA-256 in counter mode: block n is `SHA-256(seed | n as u64, little endian)`.
struct Stream {
    seed: [u8; 32],
    block: u64,
    /// What is left of the last block, to be given out from the end of the vector (so it is kept reversed).
    left: Vec<u8>,
}

impl Stream {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.left.is_empty() {
                let digest =
                    Sha256::new().chain_update(self.seed).chain_update(self.block.to_le_bytes()).finalize();
                self.left.extend(digest.iter().rev());
                self.block += 1;
            }
            *byte = self.left.pop().unwrap_or_default();
        }
    }
}

fn system_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(now: &[i64], random: [u8; 32]) -> Scopes {
        let scopes = Scopes::default();
        assert!(scopes.begin(7, ScopeSeed { now_unix_ms: now.to_vec(), random }));
        scopes
    }

    #[test]
    fn recorded_readings_come_first_and_only_fresh_ones_are_journalled() {
        let scopes = scopes(&[10, 20], [0; 32]);
        let mut journal = Vec::new();
        let seen: Vec<i64> = (0..3).map(|_| scopes.now(7, |at| journal.push(at))).collect();
        assert_eq!(seen[..2], [10, 20]);
        assert_eq!(journal, seen[2..]);
        assert!(seen[2] > 1_600_000_000_000, "a real time");
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_run_backwards_in_a_repeated_operation() {
        let future = 9_000_000_000_000;
        assert_eq!(
            {
                let scopes = scopes(&[future], [0; 32]);
                scopes.now(7, |_| {});
                scopes.now(7, |_| {})
            },
            future
        );
    }

    #[test]
    fn readings_are_bounded_and_the_second_run_stops_at_the_same_one() {
        let first = scopes(&[], [0; 32]);
        let mut journal = Vec::new();
        let seen: Vec<i64> = (0..MOST_READINGS + 10).map(|_| first.now(7, |at| journal.push(at))).collect();
        assert_eq!(journal.len(), MOST_READINGS);
        let second = scopes(&journal, [0; 32]);
        let again: Vec<i64> =
            (0..MOST_READINGS + 10).map(|_| second.now(7, |_| panic!("nothing fresh is needed"))).collect();
        assert_eq!(seen, again);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_however_they_are_asked_for() {
        let (one, two) = (scopes(&[], [1; 32]), scopes(&[], [1; 32]));
        let (mut whole, mut parts) = ([0; 100], [0; 100]);
        one.random(7, &mut whole);
        for part in parts.chunks_mut(7) {
            two.random(7, part);
        }
        assert_eq!(whole, parts);
        let mut other = [0; 100];
        scopes(&[], [2; 32]).random(7, &mut other);
        assert_ne!(whole, other);
    }

    #[test]
    fn a_scope_is_used_once_at_a_time_and_void_after_its_end() {
        let scopes = scopes(&[1], [0; 32]);
        assert!(!scopes.begin(7, ScopeSeed::default()));
        scopes.end(7);
        assert!(!scopes.is_live(7));
        assert_ne!(scopes.now(7, |_| panic!("nothing is journalled")), 1);
    }
}
