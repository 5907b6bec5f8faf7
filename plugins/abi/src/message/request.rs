//! How an adapter is made and asked.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
