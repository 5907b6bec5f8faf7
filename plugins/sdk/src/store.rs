//! What the daemon keeps for an adapter: small values of the account, and media by handle.

use juzhen_abi::message::{self, BlobRead, KvAnswer, capability};
use juzhen_abi::pack;

use crate::{Cx, Error, Result};

/// Small values kept for one account; written for good only when the call ends well.
pub struct Kv<'a> {
    cx: &'a Cx,
}

impl<'a> Kv<'a> {
    pub(crate) fn new(cx: &'a Cx) -> Self {
        Self { cx }
    }

    /// The value of `key`, or `None`.
    ///
    /// # Errors
    /// When the daemon cannot read its database.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let answer = self.cx.ask(capability::KV_GET, &named(key), &[]).await?;
        let (head, value) = pack::unpack::<KvAnswer>(&answer).map_err(|e| Error::bug(e.to_string()))?;
        Ok(head.found.then(|| value.to_vec()))
    }

    /// Keeps `value` under `key`, in place of what was there, from the end of the operation on.
    ///
    /// # Errors
    /// When the key is empty, key or value are too long, or one operation changes too many values.
    pub async fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        self.cx.ask(capability::KV_SET, &named(key), value).await.map(|_| ())
    }

    /// Forgets `key`, from the end of the operation on; one that is not there is fine.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn delete(&self, key: &str) -> Result<()> {
        self.cx.ask(capability::KV_DELETE, &named(key), &[]).await.map(|_| ())
    }
}

/// One picture or video, by its handle.
pub struct Blob<'a> {
    cx: &'a Cx,
    handle: &'a str,
}

impl<'a> Blob<'a> {
    pub(crate) fn new(cx: &'a Cx, handle: &'a str) -> Self {
        Self { cx, handle }
    }

    /// Up to `length` bytes from `offset`, at most 4 MiB; 0 means as much as fits. Empty at the end.
    ///
    /// # Errors
    /// When the call was given no such handle, or the daemon cannot read its database.
    pub async fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let head = BlobRead { blob: self.handle.to_owned(), offset, length };
        let answer = self.cx.ask(capability::BLOB_READ, &head, &[]).await?;
        let (_, bytes) = pack::split(&answer).map_err(|e| Error::bug(e.to_string()))?;
        Ok(bytes.to_vec())
    }
}

fn named(key: &str) -> message::Kv {
    message::Kv { key: key.to_owned() }
}
