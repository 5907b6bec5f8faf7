//! `kv.get`, `kv.set`, `kv.delete`: small values per adapter and account. Changes are kept with the run and written only
//! when the operation goes well, so a crashed run leaves nothing behind.

use juzhen_abi::message::{HostError, HostErrorKind, Kv, KvAnswer};
use juzhen_abi::pack;

use super::{Answer, Capabilities, bad_request, done, parse};
use crate::journal::{error, lock};
use crate::ledger_flow::chain;
use crate::ports::PortError;
use crate::scope::Scope;

pub(crate) async fn get(capabilities: &Capabilities, scope: &Scope, request: &[u8]) -> Answer {
    let (kv, _): (Kv, _) = parse(scope, request)?;
    let changed = lock(&scope.values).get(&kv.key).cloned();
    let value = match changed {
        Some(changed) => changed,
        None => {
            let values = &capabilities.ports.values;
            values.get(&scope.manifest.name, &scope.account, &kv.key).await.map_err(|e| failed(&e))?
        }
    };
    let head = KvAnswer { found: value.is_some() };
    pack::pack(&head, &value.unwrap_or_default()).map_err(|e| error(HostErrorKind::Failed, e.to_string()))
}

pub(crate) fn set(scope: &Scope, request: &[u8]) -> Answer {
    let (kv, value): (Kv, _) = parse(scope, request)?;
    let limit = scope.budgets.value_bytes;
    if value.len() > limit {
        let why = format!("value of `{}` has {} bytes, {limit} are allowed", kv.key, value.len());
        return Err(error(HostErrorKind::TooLarge, why));
    }
    change(scope, kv.key, Some(value.to_vec()))
}

pub(crate) fn delete(scope: &Scope, request: &[u8]) -> Answer {
    let (kv, _): (Kv, _) = parse(scope, request)?;
    change(scope, kv.key, None)
}

/// Writes what the operation changed.
pub(crate) async fn commit(capabilities: &Capabilities, scope: &Scope) -> Result<(), PortError> {
    let changes: Vec<_> = std::mem::take(&mut *lock(&scope.values)).into_iter().collect();
    if changes.is_empty() {
        return Ok(());
    }
    capabilities.ports.values.apply(&scope.manifest.name, &scope.account, &changes).await
}

fn change(scope: &Scope, key: String, value: Option<Vec<u8>>) -> Answer {
    if key.is_empty() || key.len() > scope.budgets.key_bytes {
        return Err(bad_request(format!("a key has 1 to {} bytes", scope.budgets.key_bytes)));
    }
    let mut values = lock(&scope.values);
    if values.len() >= scope.budgets.values && !values.contains_key(&key) {
        let why = format!("more than {} values changed in one operation", scope.budgets.values);
        return Err(error(HostErrorKind::Denied, why));
    }
    values.insert(key, value);
    drop(values);
    done()
}

fn failed(cause: &PortError) -> HostError {
    error(HostErrorKind::Failed, chain(cause))
}
