//! What an adapter asks of the host.

use serde::{Deserialize, Serialize};

/// Head of `http.send`; the tail is the body when there are neither `parts` nor a `body_blob`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpRequest {
    pub method: String,
    /// May hold `{{secret:NAME}}` in the query, as may header values and a text body.
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// 0: as long as the operation has.
    pub timeout_ms: u64,
    pub effect: Effect,
    /// A multipart form; then the tail is empty.
    pub parts: Vec<Part>,
    /// The body is this blob, so that a picture never crosses the boundary; then the tail is empty.
    pub body_blob: Option<String>,
    /// Values to keep as secrets instead of showing them to the adapter.
    pub capture: Vec<Capture>,
    /// How a platform that answers everything with 200 says no.
    pub declined: Option<Declined>,
}

/// A 2xx whose JSON has one of these numbers at `pointer` is a clear no, as a 4xx is. Named before the request leaves, and
/// only for codes that the platform documents as a refusal before anything happened: a 2xx with any other number stays
/// something that may have happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Declined {
    pub pointer: String,
    pub codes: Vec<i64>,
}

/// What a request can do to the outside world. GET and HEAD are safe unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// By method: GET and HEAD are safe, everything else is mutating.
    #[default]
    ByMethod,
    /// Changes nothing that anyone could see, such as a token request.
    Safe,
    /// The platform applies this key once, so that the same request may be sent again.
    Idempotent(String),
    Mutating,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Part {
    Text { name: String, value: String },
    Blob { name: String, blob: String, filename: String, mime: String },
}

/// `pointer` of a JSON answer is kept as the secret `secret` (for `ttl` seconds, another pointer) and redacted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capture {
    pub pointer: String,
    pub secret: String,
    pub ttl: Option<String>,
}

/// Head of the answer of `http.send`; the tail is the body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

/// Head of `clock.sleep`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sleep {
    pub ms: u64,
}

/// Head of `kv.get`, `kv.set` (the tail is the value) and `kv.delete`. `kv.get` answers with the value as tail and
/// [`KvAnswer`] as head.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kv {
    pub key: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KvAnswer {
    pub found: bool,
}

/// Head of `blob.read`; answers with the bytes as tail.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlobRead {
    pub blob: String,
    pub offset: u64,
    /// At most 4 MiB a call; 0 means as much as fits.
    pub length: u64,
}

/// Head of `secret.sign`: parts are joined as they stand, `{{secret:NAME}}` replaced, then hashed with `algorithm`
/// (`sha256`, `hmac_sha256` with `key` naming a secret, or `sha1_sorted`, which sorts the replaced parts by their bytes
/// first, as callbacks of WeChat are signed). Answers [`Signature`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sign {
    pub algorithm: String,
    pub key: Option<String>,
    pub parts: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signature {
    pub hex: String,
}

/// Head of `secret.decrypt`; the tail is the ciphertext. Answers with the plaintext as tail, its padding still on, because
/// platforms pad each in their own way. `algorithm`: `aes_256_cbc_own_iv`, where `key` names a secret that is the key in
/// base64, and the first 16 bytes of the key are the initialisation vector, as in callbacks of WeChat.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decrypt {
    pub algorithm: String,
    pub key: String,
}
