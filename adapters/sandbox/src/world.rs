//! All that the stand-in platforms share, behind one lock that nobody holds while waiting.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::mock::tickets::Tickets;
use crate::script::Script;
use crate::seed::Seed;
use crate::tokens::Tokens;
use crate::wechat::Wechat;
use crate::weibo;

/// What every handler gets.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) links: Links,
    pub(crate) max_body_bytes: usize,
    /// Ends what still waits: late effects, hanging answers.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(world: World, links: Links, max_body_bytes: usize) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world), links, max_body_bytes, stop: CancellationToken::new() })
    }

    /// Runs `work` under the lock. `work` must not wait for anything.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        // Nothing is left half done by a panic that matters here, and a test wants to read the ledger after it.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut world)
    }
}

/// What changes.
pub(crate) struct World {
    /// What the platforms know from the start, and again after a reset.
    pub(crate) seed: Arc<Seed>,
    pub(crate) ledger: Ledger,
    pub(crate) script: Script,
    pub(crate) tokens: Tokens,
    pub(crate) mock_tickets: Tickets,
    pub(crate) weibo: weibo::State,
    pub(crate) wechat: Wechat,
    /// Counts resets, so that an effect that was to come late does not fall into the next test.
    pub(crate) generation: u64,
    /// Effects that are still to come.
    pub(crate) late: usize,
}

impl World {
    pub(crate) fn new(ledger: Ledger, seed: Arc<Seed>) -> Self {
        Self {
            ledger,
            script: Script::of(&seed.faults),
            tokens: Tokens::default(),
            mock_tickets: Tickets::default(),
            wechat: Wechat::new(&seed.wechat),
            weibo: weibo::State::new(&seed.weibo, now_unix_ms()),
            seed,
            generation: 0,
            late: 0,
        }
    }

    /// Forgets everything but the seed: effects, accounts and names, expectations, faults, tokens, tickets.
    pub(crate) fn reset(&mut self) {
        let generation = self.generation + 1;
        *self = Self { generation, ..Self::new(self.ledger.emptied(), self.seed.clone()) };
    }
}

/// Where this sandbox is reached.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// `http://127.0.0.1:4711`
    pub(crate) base: String,
}

impl Links {
    pub(crate) fn post(&self, id: &str) -> String {
        format!("{}/posts/{id}", self.base)
    }
}

/// The real clock: the sandbox stands for the outside world, which has its own.
pub(crate) fn now_unix_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
