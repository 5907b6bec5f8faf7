//! `blob.read`: the pictures and videos of this request, and no others.

use juzhen_abi::message::{BlobRead, HostError, HostErrorKind};
use juzhen_abi::pack;

use super::{Answer, Capabilities, parse};
use crate::journal::error;
use crate::ledger_flow::chain;
use crate::ports::Blob;
use crate::scope::Scope;

/// Most bytes of one answer.
const MOST: u64 = 4 << 20;

pub(crate) async fn read(capabilities: &Capabilities, scope: &Scope, request: &[u8]) -> Answer {
    let (read, _): (BlobRead, _) = parse(scope, request)?;
    let blob = open(capabilities, scope, &read.blob).await?;
    let length = if read.length == 0 { MOST } else { read.length.min(MOST) };
    let start = read.offset.min(blob.size());
    let end = start.saturating_add(length).min(blob.size());
    let range = usize::try_from(start).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
    let bytes = blob.bytes.get(range).unwrap_or_default();
    let head = serde_json::json!({ "bytes": blob.size() });
    pack::pack(&head, bytes).map_err(|e| error(HostErrorKind::Failed, e.to_string()))
}

pub(crate) async fn open(
    capabilities: &Capabilities,
    scope: &Scope,
    handle: &str,
) -> Result<Blob, HostError> {
    if !scope.blobs.contains(handle) {
        return Err(error(HostErrorKind::Denied, format!("blob {handle} is not in this request")));
    }
    let found = capabilities.ports.blobs.open(handle).await;
    let found = found.map_err(|e| error(HostErrorKind::Failed, chain(&e)))?;
    found.ok_or_else(|| error(HostErrorKind::Failed, format!("blob {handle} is missing")))
}
