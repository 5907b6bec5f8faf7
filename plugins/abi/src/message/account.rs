//! Signing an account in, and its figures.

use serde::{Deserialize, Serialize};

/// Body of `authorize`: one step of signing in, in a person's browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Authorize {
    /// Where has the person to go?
    Begin {
        /// Where the platform sends the browser back to.
        redirect_uri: String,
        /// Comes back with the browser unchanged; the daemon compares it.
        state: String,
    },
    /// The browser came back with a code. What it buys is captured as the account's secret and never seen here.
    Code {
        code: String,
        /// The same as in `begin`.
        redirect_uri: String,
    },
    /// Gives the platform the token back: it ends.
    Revoke,
}

/// Answer of `authorize`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Authorized {
    /// To `begin`.
    Browser { url: String },
    /// To `code`: the account is signed in, as `uid`. That it is the expected one has been checked.
    Granted {
        uid: String,
        /// When it has to sign in again; `None` when the platform does not say.
        #[serde(default)]
        until_unix_ms: Option<i64>,
    },
    /// To `revoke`.
    Revoked,
}

/// Body of `measure`: figures of these posts, by the ids that `publish` answered, and of the account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measure {
    pub posts: Vec<String>,
    /// The account's own figures too.
    pub account: bool,
}

/// Answer of `measure`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// One for each post that the platform knew.
    pub posts: Vec<PostFigures>,
    pub followers: Option<u64>,
}

/// `None` where the platform does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PostFigures {
    pub id: String,
    pub reads: Option<u64>,
    pub likes: Option<u64>,
    pub comments: Option<u64>,
    pub forwards: Option<u64>,
}
