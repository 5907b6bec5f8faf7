//! What surrounds one call: whom it is for, and everything it may ask of the daemon.

use core::time::Duration;
use std::sync::Arc;

use juzhen_abi::message::{Decrypt, HostError, Meta, Sign, Signature, Sleep, capability};
use juzhen_abi::{OK, pack};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::adapter::typed;
use crate::bridge::Host;
use crate::{Blob, Error, Http, Kv, Result, error};

/// One call, for one account. Cheap to clone; of no use once the call has ended.
#[derive(Clone)]
pub struct Cx {
    /// Who for, until when, which attempt, under which key.
    pub meta: Arc<Meta>,
    host: Host,
    scope: u64,
}

impl Cx {
    pub(crate) fn new(host: Host, scope: u64, meta: Meta) -> Self {
        Self { meta: Arc::new(meta), host, scope }
    }

    /// Requests to the platform.
    pub fn http(&self) -> Http {
        Http::new(self.clone())
    }

    /// Small values kept for this account.
    pub fn kv(&self) -> Kv<'_> {
        Kv::new(self)
    }

    /// The bytes of a picture or a video. To send one, name it in the request instead: it then never crosses.
    pub fn blob<'a>(&'a self, handle: &'a str) -> Blob<'a> {
        Blob::new(self, handle)
    }

    /// The text of the account setting `key`.
    ///
    /// # Errors
    /// [`Misconfigured`](juzhen_abi::message::ErrorKind::Misconfigured) when it is absent or not text.
    pub fn setting(&self, key: &str) -> Result<&str> {
        let text = self.meta.settings.get(key).and_then(Value::as_str);
        text.ok_or_else(|| Error::misconfigured(format!("setting {key} is needed, as text"), key))
    }

    /// The account setting `key` as `T`, or `None` when it is not set.
    ///
    /// # Errors
    /// [`Misconfigured`](juzhen_abi::message::ErrorKind::Misconfigured) when it is not a `T`.
    pub fn setting_as<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.meta.settings.get(key).map(|value| typed(key, value)).transpose()
    }

    /// Milliseconds since 1970 UTC, by the daemon's clock. The same again when a crashed call is repeated.
    pub fn now_unix_ms(&self) -> i64 {
        self.host.now_unix_ms(self.scope)
    }

    /// Waits without holding a thread.
    ///
    /// # Errors
    /// When the operation ends first: hand it on.
    pub async fn sleep(&self, how_long: Duration) -> Result<()> {
        let ms = u64::try_from(how_long.as_millis()).unwrap_or(u64::MAX);
        self.ask(capability::CLOCK_SLEEP, &Sleep { ms }, &[]).await.map(|_| ())
    }

    /// Random bytes. The same again when a crashed call is repeated.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        self.host.random(self.scope)
    }

    /// Lower-case hexadecimal of `parts` joined and hashed; a part may hold [`secret`]s. `algorithm`: `sha256`,
    /// `hmac_sha256` with the secret named `key`, or `sha1_sorted`, which sorts the parts first.
    ///
    /// # Errors
    /// A secret that the account does not have or the manifest does not name, or another algorithm.
    pub async fn sign(&self, algorithm: &str, key: Option<&str>, parts: &[&str]) -> Result<String> {
        let sign = Sign {
            algorithm: algorithm.to_owned(),
            key: key.map(str::to_owned),
            parts: parts.iter().map(|&part| part.to_owned()).collect(),
        };
        let answer = self.ask(capability::SECRET_SIGN, &sign, &[]).await?;
        let (signature, _) = pack::unpack::<Signature>(&answer).map_err(|e| Error::bug(e.to_string()))?;
        Ok(signature.hex)
    }

    /// Opens what the platform encrypted with the secret named `key`; the padding stays on. `algorithm`:
    /// `aes_256_cbc_own_iv`, as in callbacks of WeChat.
    ///
    /// # Errors
    /// A secret that the account does not have, the manifest does not name or that is no such key; a ciphertext that is no
    /// whole number of blocks; another algorithm.
    pub async fn decrypt(&self, algorithm: &str, key: &str, ciphertext: &[u8]) -> Result<Vec<u8>> {
        let decrypt = Decrypt { algorithm: algorithm.to_owned(), key: key.to_owned() };
        let answer = self.ask(capability::SECRET_DECRYPT, &decrypt, ciphertext).await?;
        let (_, plain) = pack::split(&answer).map_err(|e| Error::bug(e.to_string()))?;
        Ok(plain.to_vec())
    }

    /// One line for the daemon's log; it adds account, call and adapter itself.
    pub fn log(&self, level: Level, message: &str) {
        self.log_with(level, message, Map::new());
    }

    /// One line with fields.
    pub fn log_with(&self, level: Level, message: &str, fields: Map<String, Value>) {
        self.host.log_in(self.scope, level, message, fields);
    }

    /// Asks a capability: the packed answer, or what the daemon says against it.
    pub(crate) async fn call<T: Serialize>(
        &self,
        name: &str,
        head: &T,
        tail: &[u8],
    ) -> Result<core::result::Result<Vec<u8>, HostError>> {
        let request = pack::pack(head, tail).map_err(|e| Error::bug(format!("request of {name}: {e}")))?;
        let (status, answer) = self.host.call(self.scope, name, &request).await;
        if status == OK {
            return Ok(Ok(answer));
        }
        let unreadable = |e| Error::in_doubt(format!("{name}: the daemon answered {status}: {e}"));
        let (error, _) = pack::unpack::<HostError>(&answer).map_err(unreadable)?;
        Ok(Err(error))
    }

    /// As `call`, for a capability that changes nothing outside.
    pub(crate) async fn ask<T: Serialize>(&self, name: &str, head: &T, tail: &[u8]) -> Result<Vec<u8>> {
        self.call(name, head, tail).await?.map_err(|e| error::of_capability(name, &e))
    }
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
    Trace = 5,
}

/// Stands for the value of the secret `name` in a header, a query or a text body. The daemon puts the value in when
/// the request leaves, and only for hosts that the manifest binds it to.
pub fn secret(name: &str) -> String {
    format!("{{{{secret:{name}}}}}")
}

impl Host {
    /// One line for the daemon's log, outside any call.
    pub fn log(&self, level: Level, message: &str) {
        self.log_in(0, level, message, Map::new());
    }

    pub(crate) fn log_in(&self, scope: u64, level: Level, message: &str, mut fields: Map<String, Value>) {
        fields.insert("message".to_owned(), json!(message));
        self.log_json(scope, level as u32, &Value::Object(fields).to_string());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_secret_is_written_as_its_placeholder() {
        assert_eq!(super::secret("access_token"), "{{secret:access_token}}");
    }
}
