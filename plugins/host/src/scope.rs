//! One run of one call, as the adapter sees it: a random number that stands for an account, its permissions, its
//! budgets and its deadline, and that is void once the run has ended.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use juzhen_abi::message::{HostError, HostErrorKind, Manifest};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::{Call, EffectPolicy};
use crate::capabilities::egress::Egress;
use crate::capabilities::masks::Masks;
use crate::capabilities::secrets::MARKER;
use crate::capabilities::signing_in::SigningIn;
use crate::hex::to_hex;
use crate::journal::{Journal, error, lock};
use crate::lane::Identity;
use crate::options::{Budgets, EgressOptions};
use crate::ports::Secret;

/// The live scopes of one lane; a number of another lane is as unknown as an invented one.
#[derive(Default)]
pub(crate) struct Scopes {
    live: Mutex<HashMap<u64, Arc<Scope>>>,
}

impl Scopes {
    /// Gives the scope a number that no adapter can guess.
    pub(crate) fn open(self: &Arc<Self>, scope: Scope) -> Result<OpenScope, getrandom::Error> {
        let scope = Arc::new(scope);
        loop {
            let id = getrandom::u64()?;
            let mut live = lock(&self.live);
            // 0 belongs to no operation.
            if id != 0 && !live.contains_key(&id) {
                live.insert(id, Arc::clone(&scope));
                drop(live);
                return Ok(OpenScope { id, scope, scopes: Arc::clone(self) });
            }
        }
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Scope>> {
        lock(&self.live).get(&id).cloned()
    }

    /// Finds the scope and takes one capability call from its budget.
    pub(crate) fn admit(&self, id: u64) -> Result<Arc<Scope>, HostError> {
        let scope =
            self.find(id).ok_or_else(|| error(HostErrorKind::Denied, "no operation has this scope now"))?;
        if scope.host_calls.fetch_add(1, Ordering::Relaxed) >= scope.budgets.host_calls {
            let why = format!("more than {} capability calls in one operation", scope.budgets.host_calls);
            return Err(error(HostErrorKind::Denied, why));
        }
        Ok(scope)
    }
}

/// Ends the run when dropped.
pub(crate) struct OpenScope {
    pub(crate) id: u64,
    pub(crate) scope: Arc<Scope>,
    scopes: Arc<Scopes>,
}

impl Drop for OpenScope {
    fn drop(&mut self) {
        lock(&self.scopes.live).remove(&self.id);
        self.scope.journal.end_run();
        self.scope.closed.cancel();
    }
}

/// What a run may do.
pub(crate) struct Scope {
    pub(crate) call: String,
    pub(crate) attempt: u32,
    pub(crate) account: String,
    pub(crate) settings: serde_json::Map<String, Value>,
    pub(crate) adapter: Identity,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) effects: EffectPolicy,
    pub(crate) egress: Egress,
    pub(crate) budgets: Budgets,
    pub(crate) deadline: Instant,
    pub(crate) journal: Arc<Journal>,
    pub(crate) closed: CancellationToken,
    /// Blobs that the request names; no other can be read.
    pub(crate) blobs: BTreeSet<String>,
    /// The request itself spells a placeholder: nothing with a secret may be sent, or its author could publish it.
    pub(crate) spells_placeholder: bool,
    /// Values changed so far, written only when the operation goes well.
    pub(crate) values: Mutex<BTreeMap<String, Option<Vec<u8>>>>,
    /// Only in a call that signs the account in.
    pub(crate) signing_in: Option<SigningIn>,
    /// The value of each secret that this run has sent or signed with last.
    pub(crate) used: Mutex<BTreeMap<String, Secret>>,
    /// Hides every secret value this run has touched.
    pub(crate) masks: Mutex<Masks>,
    host_calls: AtomicU32,
    logged: Mutex<(u32, usize)>,
}

impl Scope {
    pub(crate) fn new(
        call: &Call,
        manifest: Arc<Manifest>,
        adapter: Identity,
        journal: Arc<Journal>,
        deadline: Instant,
        egress: &EgressOptions,
        budgets: Budgets,
    ) -> Self {
        let mut seen = Seen::default();
        seen.walk(&call.body);
        Self {
            call: call.id.clone(),
            attempt: call.attempt,
            account: call.account.id.clone(),
            settings: call.account.settings.clone(),
            adapter,
            effects: call.effects,
            egress: Egress::new(&manifest.egress, &call.account.settings, egress.allow_private),
            budgets,
            manifest,
            deadline,
            journal,
            closed: CancellationToken::new(),
            blobs: seen.blobs,
            spells_placeholder: seen.placeholder,
            values: Mutex::default(),
            signing_in: SigningIn::of(call),
            used: Mutex::default(),
            masks: Mutex::default(),
            host_calls: AtomicU32::new(0),
            logged: Mutex::default(),
        }
    }

    /// Takes a log line from the budget; `true` exactly once when it runs out.
    pub(crate) fn may_log(&self, bytes: usize) -> LogBudget {
        let mut logged = lock(&self.logged);
        let was_within = self.within(*logged);
        logged.0 = logged.0.saturating_add(1);
        logged.1 = logged.1.saturating_add(bytes);
        match (was_within, self.within(*logged)) {
            (true, true) => LogBudget::Within,
            (true, false) => LogBudget::JustSpent,
            (false, _) => LogBudget::Spent,
        }
    }

    fn within(&self, (lines, bytes): (u32, usize)) -> bool {
        lines <= self.budgets.log_lines && bytes <= self.budgets.log_bytes
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogBudget {
    Within,
    JustSpent,
    Spent,
}

/// The same call draws the same bytes, also after a restart of the daemon; another one draws others.
pub(crate) fn random_seed(call: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"juzhen adapter randomness 1\0")
        .chain_update(call.as_bytes())
        .finalize()
        .into()
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

/// What the body of a request contains.
#[derive(Default)]
struct Seen {
    blobs: BTreeSet<String>,
    placeholder: bool,
}

impl Seen {
    fn walk(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.placeholder |= text.contains(MARKER);
                if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                    self.blobs.insert(text.clone());
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(fields) => {
                for (name, item) in fields {
                    self.placeholder |= name.contains(MARKER);
                    self.walk(item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
