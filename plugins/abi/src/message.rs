//! The JSON heads that cross the boundary, one definition for both sides. Fields are only ever added, each with a
//! default, so that an old adapter and a new daemon (and the other way round) understand each other.
//!
//! Times are milliseconds since 1970 UTC. Absent means the default. Unknown fields are ignored on both sides.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an adapter says of itself; also readable from the file without running it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The adapter's name, as the settings call it: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Version of the adapter, semantic. Never compared with the daemon's.
    pub version: String,
    /// The platform it speaks to; most often the same as `name`.
    pub platform: String,
    /// Chinese name for people.
    #[serde(default)]
    pub title: String,
    /// Operations it implements. Any other answers `unsupported`.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Hosts it may reach: `api.example.com`, `*.example.com`, or `setting:NAME` for the host (and port) of the URL in
    /// that account setting.
    #[serde(default)]
    pub egress: Vec<String>,
    /// Names of the secrets an account of it needs.
    #[serde(default)]
    pub secrets: Vec<SecretUse>,
    /// Account settings it understands.
    #[serde(default)]
    pub settings: Vec<SettingUse>,
    /// Capabilities without which it cannot work, such as `http.v1`. A missing one refuses the load by name.
    #[serde(default)]
    pub requires: Vec<String>,
    /// What the platform takes.
    #[serde(default)]
    pub limits: Limits,
    /// How far behind a search of the account's own posts may be, in seconds; `None` when it cannot be searched.
    #[serde(default)]
    pub visibility_lag_s: Option<u32>,
    /// For how many seconds the platform itself recognises a repeated idempotency key; `None` when it does not.
    #[serde(default)]
    pub idempotency_window_s: Option<u32>,
}

impl Manifest {
    /// Whether the adapter implements this operation.
    #[must_use]
    pub fn offers(&self, operation: &str) -> bool {
        self.operations.iter().any(|offered| offered == operation)
    }
}

/// A secret an adapter may name in a placeholder, and where it may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretUse {
    pub name: String,
    /// An account may do without it.
    #[serde(default)]
    pub optional: bool,
    /// Hosts the value may be sent to; empty means every host of `egress`.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// One account setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingUse {
    pub name: String,
    #[serde(default)]
    pub required: bool,
}

/// Lengths are in characters as the platform counts them; 0 means not limited or not offered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub text: u32,
    pub title: u32,
    pub media: u32,
    pub media_bytes: u64,
}

/// What `create` is given: the settings of the adapter itself, not of an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Create {
    pub settings: Map<String, Value>,
}

/// The request of every operation: who for, until when, and the body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub meta: Meta,
    #[serde(default)]
    pub body: Value,
}

/// What surrounds an operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// Id of this call, for logs.
    pub call: String,
    /// The account's id in the settings.
    pub account: String,
    /// The account's id on the platform.
    pub uid: String,
    /// The same for every attempt of one delivery.
    pub idempotency_key: String,
    /// 1 for the first run; every later run counts, also one that repeats a crashed run with recorded answers.
    pub attempt: u32,
    pub deadline_unix_ms: i64,
    /// The account's settings from YAML (never a secret).
    pub settings: Map<String, Value>,
}

/// Body of `publish`: exactly what was approved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Post {
    pub title: Option<String>,
    pub text: String,
    pub link: Option<String>,
    /// Blob handles, in order.
    pub media: Vec<Media>,
    /// For a re-issue: whose post this was.
    pub source: Option<Source>,
}

/// A picture or a video, by handle; its bytes are read with `blob.read` or sent as [`Part::Blob`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Content hash, lower-case hexadecimal SHA-256.
    pub blob: String,
    pub mime: String,
    pub bytes: u64,
    #[serde(default)]
    pub alt: Option<String>,
}

/// Where a forwarded item comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Name of the account it was first on.
    pub account_name: String,
    pub uid: String,
    /// Id and address on the platform.
    pub id: String,
    pub url: Option<String>,
}

/// Body of `repost`: a native forward.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repost {
    pub origin: Source,
    pub comment: String,
}

/// Answer of `publish` and `repost`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Published {
    /// It is out.
    Published {
        id: String,
        #[serde(default)]
        url: Option<String>,
        #[serde(default)]
        at_unix_ms: Option<i64>,
    },
    /// The platform took it and decides later; ask with `track`.
    Accepted {
        /// What `track` needs to ask again.
        ticket: String,
    },
}

/// Body of `track`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    pub ticket: String,
}

/// Answer of `track`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Tracked {
    Published {
        id: String,
        #[serde(default)]
        url: Option<String>,
        #[serde(default)]
        at_unix_ms: Option<i64>,
    },
    Pending {
        #[serde(default)]
        after_ms: Option<u64>,
    },
    Refused {
        reason: String,
    },
}

/// Body of `find_published`: is this post on the account? With neither `post` nor `repost`: which posts are there at all,
/// whoever made them (P27)? A platform without such a list answers `unsupported` to that, and is not watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Find {
    pub post: Option<Post>,
    pub repost: Option<Repost>,
    /// Nothing older than this can be ours.
    pub since_unix_ms: i64,
    pub until_unix_ms: i64,
}

impl Find {
    /// It asks for every post of the window.
    #[must_use]
    pub fn asks_for_all(&self) -> bool {
        self.post.is_none() && self.repost.is_none()
    }
}

/// Answer of `find_published`. Presence is proof, absence never is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Every post that matches, oldest first.
    pub matches: Vec<FoundPost>,
    /// The whole window was read, to its last page. Left out, the list counts as a part (F66): what is not on it may be
    /// there all the same.
    pub complete: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FoundPost {
    /// The id that `publish` answers for the same post.
    pub id: String,
    pub url: Option<String>,
    pub at_unix_ms: Option<i64>,
    /// What the public reads, where every post was asked for: people see it in the alarm.
    pub text: Option<String>,
}

/// Body of `retract`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retract {
    pub id: String,
}

/// Answer of `check`: whom the credentials belong to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountInfo {
    pub uid: String,
    pub name: String,
    pub notes: Vec<String>,
}

/// What the platform said, as the adapter understands it. Whether an effect may have happened is never read from
/// this: the host knows it from its ledger. An unknown kind is treated as [`ErrorKind::Bug`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterError {
    #[serde(flatten)]
    pub kind: ErrorKind,
    /// One sentence for people.
    #[serde(default)]
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ErrorKind {
    /// Try again later.
    Retryable {
        #[serde(default)]
        after_ms: Option<u64>,
        #[serde(default)]
        scope: Scope,
    },
    /// The credentials are no longer accepted.
    AuthExpired {
        #[serde(default)]
        secret: Option<String>,
    },
    /// A final no.
    Rejected {
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        by: RejectedBy,
    },
    /// Used up; nothing more before `until_unix_ms`.
    Quota {
        #[serde(default)]
        until_unix_ms: Option<i64>,
        #[serde(default)]
        scope: Scope,
    },
    /// The platform already has it.
    Duplicate {
        #[serde(default)]
        remote_id: Option<String>,
    },
    /// The adapter itself cannot tell.
    InDoubt,
    /// A setting is missing or wrong.
    Misconfigured { key: String },
    /// Not offered.
    Unsupported { what: String },
    /// A mistake in the adapter.
    #[serde(other)]
    Bug,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    Call,
    Account,
    Platform,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedBy {
    #[default]
    Content,
    Policy,
    Permission,
}

/// What comes with the status `PANIC`, and what `create` answers when it panicked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Panicked {
    pub message: String,
    /// `file:line:column`, or empty.
    pub location: String,
}

/// Names of the operations.
pub mod operation {
    pub const CHECK: &str = "check";
    pub const PUBLISH: &str = "publish";
    pub const FIND_PUBLISHED: &str = "find_published";
    pub const TRACK: &str = "track";
    pub const REPOST: &str = "repost";
    pub const RETRACT: &str = "retract";
    pub const POLL_MESSAGES: &str = "poll_messages";
    pub const RECEIVE: &str = "receive";
    pub const REPLY: &str = "reply";
    pub const MODERATE: &str = "moderate";
    pub const AUTHORIZE: &str = "authorize";
    pub const MEASURE: &str = "measure";
}

/// Names of the host's capabilities, as `call` takes them.
pub mod capability {
    pub const HTTP_SEND: &str = "http.send";
    pub const CLOCK_SLEEP: &str = "clock.sleep";
    pub const KV_GET: &str = "kv.get";
    pub const KV_SET: &str = "kv.set";
    pub const KV_DELETE: &str = "kv.delete";
    pub const BLOB_READ: &str = "blob.read";
    pub const SECRET_SIGN: &str = "secret.sign";
    /// What a manifest may require.
    pub const OFFERED: &[&str] =
        &["http.v1", "clock.v1", "random.v1", "kv.v1", "log.v1", "blob.v1", "secret.v1", "secret.sign.v1"];
}

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
/// (`sha256`, `hmac_sha256` with `key` naming a secret). Answers [`Signature`].
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

/// Why a capability did not do it. An unknown kind reads as [`HostErrorKind::Failed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostError {
    pub kind: HostErrorKind,
    #[serde(default)]
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostErrorKind {
    /// Not in the manifest, not this account's, over a budget, or nothing may be sent now.
    Denied,
    /// The request itself is not well formed.
    BadRequest,
    /// No connection: nothing has left.
    Unreachable,
    /// It may have arrived; no answer came, or not in time.
    NoAnswer,
    /// The operation has ended or was cancelled.
    Cancelled,
    /// More bytes than the budget.
    TooLarge,
    /// A repeated operation asked for something else than the first time.
    ReplayMismatch,
    #[serde(other)]
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_of_error_is_a_bug_and_an_unknown_field_is_ignored() {
        let e: AdapterError =
            serde_json::from_str(r#"{"kind":"from_the_future","message":"x","extra":1}"#).unwrap();
        assert_eq!(e.kind, ErrorKind::Bug);
        let e: AdapterError = serde_json::from_str(r#"{"kind":"quota","until_unix_ms":5}"#).unwrap();
        assert_eq!(e.kind, ErrorKind::Quota { until_unix_ms: Some(5), scope: Scope::Call });
    }

    #[test]
    fn absent_fields_have_defaults() {
        let p: Post = serde_json::from_str(r#"{"text":"好"}"#).unwrap();
        assert_eq!(p, Post { text: "好".into(), ..Post::default() });
    }
}
