//! One operation on one account: what the daemon asks for and what it gets back.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::capabilities::renewal::Unrenewed;
use crate::lane::Identity;
use crate::outcome::Failure;

/// An operation to carry out.
#[derive(Debug, Clone)]
pub struct Call {
    /// Name of the adapter, as its manifest says it.
    pub adapter: String,
    /// The same id reads the same times, draws the same randomness and gets the recorded answers of its effects; a new
    /// attempt that may send again has a new id.
    pub id: String,
    /// One of [`juzhen_abi::message::operation`].
    pub operation: String,
    pub account: AccountContext,
    /// The same for every attempt of one delivery.
    pub idempotency_key: String,
    /// 1 for the first.
    pub attempt: u32,
    /// How long the whole operation may take, waiting for a restarting adapter included.
    pub deadline: Duration,
    /// The body of the operation, as in [`juzhen_abi::message`].
    pub body: Value,
    pub effects: EffectPolicy,
}

/// Whom the call is for.
#[derive(Debug, Clone, Default)]
pub struct AccountContext {
    /// Id in the settings.
    pub id: String,
    /// Id on the platform.
    pub uid: String,
    /// From YAML; never a secret.
    pub settings: Map<String, Value>,
}

/// Whether the call may change the outside world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectPolicy {
    /// Each request that can is written to the ledger first.
    Journal,
    /// A request that can is refused.
    Forbid,
}

/// What came of a call.
#[derive(Debug)]
pub struct Reply {
    /// The packed answer of the adapter, or why there is none.
    pub result: Result<Vec<u8>, Failure>,
    /// What the host itself knows to have left; never what the adapter says.
    pub effects: Effects,
    /// Which file answered; `None` when none was asked.
    pub adapter: Option<Identity>,
    /// A secret was to be renewed and was not: what the adapter makes of that follows from it.
    pub unrenewed: Option<Unrenewed>,
    /// What the host noticed of the way to the platform.
    pub noticed: Noticed,
}

/// What a call's requests showed beside their answers, the last one each time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noticed {
    /// No connection came about, and why.
    pub unreachable: Option<String>,
    /// How far the daemon's clock is ahead of the platform's, in milliseconds; as coarse as the platform tells its own, to
    /// the second.
    pub clock_ahead_ms: Option<i64>,
}

impl Reply {
    /// No adapter was asked.
    pub(crate) fn not_installed() -> Self {
        Self {
            result: Err(Failure::NotInstalled),
            effects: Effects::default(),
            adapter: None,
            unrenewed: None,
            noticed: Noticed::default(),
        }
    }
}

/// The requests of a call that can change the outside world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effects {
    /// Those of which something may have left: neither refused before the first byte nor without a connection.
    pub began: u32,
    /// Of those: the ledger has not said yet whether it left in an earlier life of the daemon.
    pub waiting: u32,
    /// Of those: no answer (yet), a cut answer, 3xx or 5xx.
    pub unclear: u32,
    /// Of those: the platform accepted it with a complete 2xx, now or in an earlier run whose answer was recorded.
    pub done: u32,
    /// The last of those was clearly refused (4xx, or a 2xx with a code named for that): a refusal that the adapter reports is believed to be this one. When
    /// the last was accepted instead, it may have been the post itself.
    pub declined_last: bool,
}

impl Effects {
    /// Those of which this call knows that something may have left.
    pub fn known(&self) -> u32 {
        self.began.saturating_sub(self.waiting)
    }

    /// Something may have changed without the platform having said so.
    pub fn may_have_happened(&self) -> bool {
        self.unclear > 0
    }
}
