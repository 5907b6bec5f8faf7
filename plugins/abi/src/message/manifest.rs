//! What an adapter says of itself: what it does, where it has to go, what it needs.

use serde::{Deserialize, Serialize};

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
