//! The ports in memory: for tests, and for trying an adapter out without a daemon. Nothing here survives the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::journal::lock;
use crate::ports::{
    Begun, Blob, Blobs, Clock, EffectId, Fetched, Fetching, Intent, KeyValues, Ledger, LedgerError,
    PortError, Ports, RecordedAnswer, Renewal, Secret, Secrets, Wanted,
};

/// All ports, and handles to look into them.
#[derive(Clone, Default)]
pub struct Memory {
    pub ledger: Arc<MemoryLedger>,
    pub secrets: Arc<MemorySecrets>,
    pub values: Arc<MemoryValues>,
    pub blobs: Arc<MemoryBlobs>,
}

impl Memory {
    /// With the clock of this computer.
    pub fn ports(&self) -> Ports {
        Ports {
            ledger: Arc::clone(&self.ledger) as _,
            secrets: Arc::clone(&self.secrets) as _,
            values: Arc::clone(&self.values) as _,
            blobs: Arc::clone(&self.blobs) as _,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The effects of all calls, in order.
#[derive(Default)]
pub struct MemoryLedger {
    rows: Mutex<Vec<MemoryEffect>>,
    stopped: Mutex<Option<String>>,
    broken: Mutex<Option<String>>,
}

/// One row.
#[derive(Debug, Clone)]
pub struct MemoryEffect {
    pub intent: Intent,
    pub answer: Option<RecordedAnswer>,
}

impl MemoryLedger {
    pub fn rows(&self) -> Vec<MemoryEffect> {
        lock(&self.rows).clone()
    }

    /// From now on nothing may leave; `None` lifts it.
    pub fn stop_all(&self, reason: Option<&str>) {
        *lock(&self.stopped) = reason.map(str::to_owned);
    }

    /// From now on no intent can be written, as on a full disk; `None` mends it.
    pub fn break_down(&self, cause: Option<&str>) {
        *lock(&self.broken) = cause.map(str::to_owned);
    }

    /// Forgets the answers, as a crash of the daemon before they were written would.
    pub fn forget_answers(&self) {
        lock(&self.rows).iter_mut().for_each(|row| row.answer = None);
    }

    /// The rows so far are said to come from another file of the adapter, and to have asked for something else.
    pub fn pretend_other_build(&self) {
        for row in lock(&self.rows).iter_mut() {
            row.intent.adapter_sha256 = "0".repeat(64);
            row.intent.fingerprint = "0".repeat(64);
        }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn begin(&self, intent: &Intent) -> Result<Begun, LedgerError> {
        if let Some(cause) = lock(&self.broken).clone() {
            let action = format!("write the intent of {}", intent.call);
            return Err(LedgerError { action, source: cause.into() });
        }
        if let Some(reason) = lock(&self.stopped).clone() {
            return Ok(Begun::Refused(reason));
        }
        let mut rows = lock(&self.rows);
        let same = |row: &MemoryEffect| {
            (&row.intent.call, &row.intent.fingerprint, row.intent.occurrence)
                == (&intent.call, &intent.fingerprint, intent.occurrence)
        };
        if let Some((place, row)) = rows.iter().enumerate().find(|(_, row)| same(row)) {
            return Ok(row.answer.clone().map_or(Begun::Unanswered(id(place)), Begun::Answered));
        }
        let of_another_build = |row: &MemoryEffect| {
            row.intent.call == intent.call && row.intent.adapter_sha256 != intent.adapter_sha256
        };
        if rows.iter().any(of_another_build) {
            return Ok(Begun::Mismatch(format!("{} {} of another build", intent.method, intent.url)));
        }
        rows.push(MemoryEffect { intent: intent.clone(), answer: None });
        Ok(Begun::Send(id(rows.len() - 1)))
    }

    async fn end(&self, effect: EffectId, answer: &RecordedAnswer) -> Result<(), LedgerError> {
        let place = usize::try_from(effect.0).ok();
        let mut rows = lock(&self.rows);
        match place.and_then(|place| rows.get_mut(place)) {
            Some(row) => row.answer = Some(answer.clone()),
            None => {
                let action = format!("find effect {}", effect.0);
                return Err(LedgerError { action, source: "no such row".into() });
            }
        }
        Ok(())
    }
}

/// Secrets by account and name; times to live are noted, not kept to.
#[derive(Clone, Default)]
pub struct MemorySecrets {
    values: Arc<Mutex<BTreeMap<(String, String), Kept>>>,
    broken: Arc<Mutex<Option<String>>>,
    put_off: Arc<Mutex<Option<String>>>,
}

type Kept = (Secret, Option<Duration>);

impl MemorySecrets {
    pub fn put(&self, account: &str, name: &str, value: &str) {
        lock(&self.values).insert((account.to_owned(), name.to_owned()), (Secret::new(value), None));
    }

    /// From now on nothing can be read, as from a locked store; `None` mends it.
    pub fn break_down(&self, cause: Option<&str>) {
        *lock(&self.broken) = cause.map(str::to_owned);
    }

    /// From now on no new value is to be asked for; `None`: it may be.
    pub fn put_off(&self, reason: Option<&str>) {
        *lock(&self.put_off) = reason.map(str::to_owned);
    }

    /// The value and its time to live, as stored last.
    pub fn look(&self, account: &str, name: &str) -> Option<(String, Option<Duration>)> {
        let values = lock(&self.values);
        let (value, ttl) = values.get(&(account.to_owned(), name.to_owned()))?;
        Some((value.expose().to_owned(), *ttl))
    }
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, account: &str, name: &str) -> Result<Option<Secret>, PortError> {
        if let Some(cause) = lock(&self.broken).clone() {
            let action = format!("read secret {name} of account {account}");
            return Err(PortError { action, source: Some(cause.into()) });
        }
        Ok(lock(&self.values).get(&(account.to_owned(), name.to_owned())).map(|(value, _)| value.clone()))
    }

    /// Anybody may ask at any time, unless another value has come meanwhile or [`MemorySecrets::put_off`] says no.
    async fn renew(&self, account: &str, wanted: &[Wanted], _: Duration) -> Result<Renewal, PortError> {
        let anew = wanted.iter().any(|one| one.anew);
        if let Some(reason) = lock(&self.put_off).clone().filter(|_| !anew) {
            return Ok(Renewal::NotNow { reason });
        }
        for Wanted { name, used, .. } in wanted.iter().filter(|one| !one.anew) {
            let Some(used) = used else { continue };
            let other = self.look(account, name).filter(|(value, _)| value != used.expose());
            if let Some((_, ttl)) = other {
                return Ok(Renewal::Known { ttl });
            }
        }
        Ok(Renewal::Fetch(Box::new(MemoryFetching { of: self.clone(), account: account.to_owned() })))
    }
}

struct MemoryFetching {
    of: MemorySecrets,
    account: String,
}

#[async_trait]
impl Fetching for MemoryFetching {
    async fn keep(self: Box<Self>, fetched: Vec<Fetched>) -> Result<(), PortError> {
        for Fetched { name, value, ttl } in fetched {
            lock(&self.of.values).insert((self.account.clone(), name), (value, ttl));
        }
        Ok(())
    }

    async fn failed(self: Box<Self>, _: &str) {}
}

/// Values by adapter, account and key.
#[derive(Default)]
pub struct MemoryValues {
    values: Mutex<BTreeMap<(String, String, String), Vec<u8>>>,
}

#[async_trait]
impl KeyValues for MemoryValues {
    async fn get(&self, adapter: &str, account: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        Ok(lock(&self.values).get(&place(adapter, account, key)).cloned())
    }

    async fn set(&self, adapter: &str, account: &str, key: &str, value: &[u8]) -> Result<(), PortError> {
        lock(&self.values).insert(place(adapter, account, key), value.to_vec());
        Ok(())
    }

    async fn delete(&self, adapter: &str, account: &str, key: &str) -> Result<(), PortError> {
        lock(&self.values).remove(&place(adapter, account, key));
        Ok(())
    }
}

/// Blobs by handle.
#[derive(Default)]
pub struct MemoryBlobs {
    blobs: Mutex<BTreeMap<String, Blob>>,
}

impl MemoryBlobs {
    /// Keeps the bytes under their hash and gives it back.
    pub fn put(&self, bytes: &[u8]) -> String {
        let handle = crate::scope::sha256_hex(bytes);
        lock(&self.blobs).insert(handle.clone(), Blob { bytes: bytes.into() });
        handle
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn open(&self, handle: &str) -> Result<Option<Blob>, PortError> {
        Ok(lock(&self.blobs).get(handle).cloned())
    }
}

/// The clock of this computer.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_unix_ms(&self) -> i64 {
        // Before 1970 the clock is wrong anyway.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

fn id(place: usize) -> EffectId {
    EffectId(i64::try_from(place).unwrap_or(i64::MAX))
}

fn place(adapter: &str, account: &str, key: &str) -> (String, String, String) {
    (adapter.to_owned(), account.to_owned(), key.to_owned())
}
